"""Time and memory of opening annotations. Then workers walk all of them, and their own memory is read.

python -m benchmarks.annotations [--like coco] [--workers 0 2 4]

Of RefCOCO's size: 50,000 references with 142,000 sentences about 20,000 pictures, 200,000 outlines. Or of the size of
COCO's train2017: 118,287 pictures, 860,001 annotations, a file of about 450 MB. Both are made, in a folder that is
deleted again.
"""

import argparse
import gc
import json
import os
import pickle
import random
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from torch.utils.data import DataLoader

from data.datasets import open_dataset
from data.datasets.base import Dataset

PICTURES, REFERENCES, SENTENCES, ANNOTATIONS = 20_000, 50_000, 142_000, 200_000
WORDS = ("the", "left", "man", "right", "woman", "red", "of", "with", "in front", "bus", "cup", "holding", "second row")
CORNERS = 30  # of an outline
HIGH, WIDE = 480, 640
COCO_PICTURES, COCO_ANNOTATIONS, CATEGORIES = 118_287, 860_001, 80
COCO_CORNERS = 22  # on average; most outlines have fewer, a few have hundreds


def make_refcoco(root: Path) -> Path:
    """Write the tree, all of one split, without pictures; the file of the outlines."""
    draw = random.Random(0)
    folder = root / "refer_seg/refcoco"
    folder.mkdir(parents=True)
    sentences = [draw.choices(WORDS, k=draw.randint(2, 6)) for _ in range(SENTENCES)]
    refs = []
    for number in range(REFERENCES):
        ids = range(number, SENTENCES, REFERENCES)
        said = [" ".join(sentences[one]) for one in ids]
        refs.append(
            {
                "sent_ids": list(ids),
                "file_name": f"COCO_train2014_{number % PICTURES:012d}_{number}.jpg",
                "ann_id": number,
                "ref_id": number,
                "image_id": number % PICTURES,
                "split": "train",
                "category_id": 1,
                "sentences": [
                    {"tokens": sentences[one], "raw": text, "sent_id": one, "sent": text}
                    for one, text in zip(ids, said, strict=True)
                ],
            }
        )
    (folder / "refs(unc).p").write_bytes(pickle.dumps(refs, protocol=2))
    images = [
        {"id": one, "file_name": f"COCO_train2014_{one:012d}.jpg", "height": HIGH, "width": WIDE, "license": 1}
        for one in range(PICTURES)
    ]
    annotations = [
        {
            "id": one,
            "image_id": one % PICTURES,
            "category_id": 1,
            "iscrowd": 0,
            "area": 1000.0,
            "bbox": [1.0, 2.0, 3.0, 4.0],
            "segmentation": [outline(draw)],
        }
        for one in range(ANNOTATIONS)
    ]
    file = folder / "instances.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations}))
    return file


def make_coco(root: Path) -> Path:
    """Write the tree, without pictures; the annotations. They go to the file one by one: together they would raise the
    peak of memory that is read afterwards."""
    draw = random.Random(0)
    file = root / "coco/annotations/instances_train2017.json"
    file.parent.mkdir(parents=True)
    shapes = [outline(draw, 4 + int(draw.expovariate(1 / (COCO_CORNERS - 4)))) for _ in range(10_000)]
    with file.open("w") as out:
        out.write('{"info": {}, "licenses": [], "images": [')
        for one in range(COCO_PICTURES):
            url = f"http://images.cocodataset.org/train2017/{one:012d}.jpg"
            image = {"license": 3, "file_name": f"{one:012d}.jpg", "coco_url": url, "height": HIGH, "width": WIDE}
            more = {"date_captured": "2013-11-14 11:18:45", "flickr_url": url, "id": one}
            out.write((", " if one else "") + json.dumps(image | more))
        out.write('], "annotations": [')
        for one in range(COCO_ANNOTATIONS):
            annotation = {
                "segmentation": [shapes[one % len(shapes)]],
                "area": 702.1057499999998,
                "iscrowd": 0,
                "image_id": one * 31 % COCO_PICTURES,
                "bbox": [473.07, 395.93, 38.65, 28.67],
                "category_id": one % CATEGORIES,
                "id": one,
            }
            out.write((", " if one else "") + json.dumps(annotation))
        names = [{"supercategory": "thing", "id": one, "name": f"thing {one}"} for one in range(CATEGORIES)]
        out.write(f'], "categories": {json.dumps(names)}}}')
    return file


def outline(draw: random.Random, corners: int = CORNERS) -> list[float]:
    """A polygon about a tenth of the picture wide, with two decimals as COCO's have."""
    left, top = draw.uniform(0, WIDE - 64), draw.uniform(0, HIGH - 48)
    return [round(draw.uniform(low, low + reach), 2) for _ in range(corners) for low, reach in ((left, 64), (top, 48))]


def resident() -> float:
    """Megabytes of this process in memory."""
    return _kilobytes("/proc/self/smaps_rollup", "Rss:") / 1024


def peak() -> float:
    """Megabytes that this process has had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024**2 if sys.platform == "darwin" else 1024)


def own(pid: int) -> float:
    """Megabytes that a process shares with no other."""
    return _kilobytes(f"/proc/{pid}/smaps_rollup", "Private_") / 1024


def _kilobytes(file: str, begin: str) -> int:
    return sum(int(line.split()[1]) for line in Path(file).read_text().splitlines() if line.startswith(begin))


def walk(dataset: Dataset, workers: int) -> tuple[float, int, list[float]]:
    """Seconds of all pictures' queries with so many workers, how many queries, and each worker's own megabytes at the
    end of its walk (of this process for no workers)."""

    class Counted:
        """What goes through the loader: how many queries, who made them, and its own memory at the end of its part."""

        def __len__(self) -> int:
            return len(dataset)

        def __getitem__(self, index: int) -> tuple[int, int, float]:
            last = index >= len(dataset) - 50 * max(workers, 1)
            return len(dataset.queries(index)), os.getpid(), own(os.getpid()) if last else 0.0

    begin, count, memory = time.perf_counter(), 0, dict[int, float]()
    loader: DataLoader = DataLoader(Counted(), batch_size=50, num_workers=workers, collate_fn=list)  # type: ignore[arg-type]
    for batch in loader:
        for queries, pid, megabytes in batch:
            count += queries
            memory[pid] = max(memory.get(pid, 0.0), megabytes)
    return time.perf_counter() - begin, count, list(memory.values())


def main() -> None:
    """Print seconds and megabytes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--like", choices=("refcoco", "coco"), default="refcoco")
    parser.add_argument("--workers", type=int, nargs="*", default=[0, 2, 4])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        with ProcessPoolExecutor(1) as other:  # whose memory does not count
            file = other.submit(make_coco if args.like == "coco" else make_refcoco, root).result()
        gc.collect()
        before, begin, used = resident(), time.perf_counter(), time.process_time()
        dataset = open_dataset(root, args.like, "train")
        print(
            f"{file.name}, {file.stat().st_size / 1024**2:.0f} MB: {len(dataset):,} pictures opened in "
            f"{time.perf_counter() - begin:.1f} s, {time.process_time() - used:.1f} s of the processor; "
            f"resident {before:.0f} MB before, {resident():.0f} MB after, {peak():.0f} MB at most"
        )
        for workers in args.workers:
            seconds, count, memory = walk(dataset, workers)
            each = ", ".join(f"{one:.0f}" for one in memory)
            print(f"{workers} workers: {count:,} queries with masks in {seconds:.0f} s; own memory {each} MB")


if __name__ == "__main__":
    main()
