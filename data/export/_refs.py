"""References as REFER and all its descendants write them: ``refs(*).p`` beside an ``instances.json``."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from data.export._phrases import Phrase
from data.export.base import Drawn, Tree, category_id, coco_file

FOLDER = "refer_seg"
IMAGES = f"{FOLDER}/images/mscoco/images/train2014"
Sentence = dict[str, Any]

UNC = {"train": "train", "val": "val", "test": "testA", "test_compose": "testB"}
UMD = {"train": "train", "val": "val", "test": "test"}


@dataclass(eq=False)
class Folder:
    """One folder of references while it is filled.

    Attributes:
        name: below ``refer_seg``.
        splits: split of the world -> of the folder.
        file_name: of a scene's picture in ``instances.json``.
        segmentation: of a thing, instead of polygons.
    """

    name: str
    splits: dict[str, str]
    file_name: Callable[[Drawn], str] = lambda scene: f"COCO_train2014_{scene.id:012d}.jpg"
    segmentation: Callable[[Drawn, int], Any] | None = None
    refs: list[dict[str, Any]] = field(default_factory=list)
    _images: list[dict[str, Any]] = field(default_factory=list)
    _annotations: list[dict[str, Any]] = field(default_factory=list)
    _sentences: int = 0

    def admits(self, phrases: Iterable[Phrase]) -> list[Phrase]:
        """The phrases that the set has: those with a plus name no places."""
        return [one for one in phrases if not (one.place and self.name.endswith("+"))]

    def scene(self, scene: Drawn) -> None:
        """Take a scene's picture and things into ``instances.json``."""
        self._images.append(scene.coco_image(self.file_name(scene)))
        for index in range(len(scene.view.things)):
            annotation = scene.coco_annotation(index)
            if self.segmentation:
                annotation["segmentation"] = self.segmentation(scene, index)
            self._annotations.append(annotation)

    def add(self, scene: Drawn, things: Iterable[int] | int, sentences: list[Sentence], **more: Any) -> None:
        """Add a reference: to one thing, or to several or none where ``things`` is no number. A sentence has its words
        as ``raw``, and what the format adds."""
        split = self.splits.get(scene.split)
        if split is None or not sentences:
            return
        number, several = len(self.refs), not isinstance(things, int)
        ids = [scene.thing_id(index) for index in things] if not isinstance(things, int) else scene.thing_id(things)
        kinds = [things] if isinstance(things, int) else list(things)
        categories = [category_id(scene.view.things[index].kind) for index in kinds]
        first = self._sentences
        self._sentences += len(sentences)
        stem, _, ending = f"COCO_train2014_{scene.id:012d}.jpg".rpartition(".")
        self.refs.append(
            {
                "sent_ids": list(range(first, self._sentences)),
                "file_name": f"{stem}.{ending}" if several else f"{stem}_{number}.{ending}",
                "ann_id": ids,
                "ref_id": number,
                "image_id": scene.id,
                "split": split,
                "sentences": [_sentence(one, first + place) for place, one in enumerate(sentences)],
                "category_id": categories if several else categories[0],
                **more,
            }
        )

    def instances(self, tree: Tree) -> None:
        """Write ``instances.json``."""
        tree.json(f"{FOLDER}/{self.name}/instances.json", coco_file(self._images, self._annotations))


def _sentence(values: Sentence, number: int) -> Sentence:
    """Words as REFER keeps them: as they were typed, and in small letters without marks."""
    sent = "".join(letter for letter in values["raw"].lower() if letter.isalnum() or letter in " '-").strip()
    return {"tokens": sent.split(), "sent_id": number, "sent": sent, **values}


def write_picture(tree: Tree, scene: Drawn) -> None:
    """The picture in COCO's train2014, where references look for it."""
    tree.picture(f"{IMAGES}/COCO_train2014_{scene.id:012d}.jpg", scene.image)
