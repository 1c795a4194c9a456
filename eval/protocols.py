"""Rule sets by which a benchmark is asked and counted: what papers do, each under a name, with its source.

Two rules hold in all of them, published or not: what is answered ``<REJ>`` has no mask and scores nothing where the
thing is there (the teacher-forced ones, which are never the default, say that they do otherwise); and a question that
failed scores nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from data.templates.asking import PLAIN
from eval import numbers, scoring
from eval.metrics import Counts
from eval.numbers import Number
from eval.predictions import Prediction, Truth

Answers = Literal["free", "teacher_forced"]
MARK = "@"  # between a protocol's name and a wording that is not its own


@dataclass(frozen=True)
class Protocol:
    """A named rule set.

    Attributes:
        name: of the protocol; results carry it.
        numbers: what is reported.
        asked: what is asked, in words.
        source: whose evaluation it is, and where it stands.
        differs: how ours differs from that source, or "".
        style: the wording of the questions, a key of :data:`data.templates.asking.PLAIN`.
        answers: "free": the model writes its own answer; "teacher_forced": it reads the true one and says at each of
            its marks whether that is ``<SEG>`` or ``<REJ>``.
        hidden: what is rejected keeps the mask that it hides, where the thing is there.
        void: what a dataset leaves out counts in neither intersection nor union; else it is background.
    """

    name: str
    numbers: tuple[Number, ...]
    asked: str
    source: str
    differs: str = ""
    style: str = "pinpoint"
    answers: Answers = "free"
    hidden: bool = False
    void: bool = True

    @property
    def rules(self) -> str:
        """Its name without a wording that is not its own."""
        return self.name.partition(MARK)[0]

    def count(self, prediction: Prediction, truth: Truth | None = None) -> Counts:
        """Compare a prediction with the truth by these rules; as :func:`eval.scoring.count`."""
        known = truth or prediction.truth
        if known is not None and not self.void:
            known = replace(known, void=None)
        return scoring.count(prediction, known, self.hidden)

    def summarise(self, rows: Iterable[Counts]) -> dict[str, float | None]:
        """The numbers of these questions by name, the same in whatever order they come; None where there is nothing to
        count."""
        kept = list(rows)
        return {number.name: number.value(kept) for number in self.numbers}

    def worded(self, style: str) -> "Protocol":
        """The same rules with questions in another system's wording.

        Raises:
            ValueError: there is no such wording.
        """
        if style not in PLAIN:
            raise ValueError(f"no wording {style!r}: there are {', '.join(PLAIN)}")
        return self if style == self.style else replace(self, name=f"{self.name}{MARK}{style}", style=style)

    def as_json(self) -> dict[str, Any]:
        """Its rules in plain values, for results."""
        made = {
            "name": self.name,
            "asked": self.asked,
            "wording": self.style,
            "answers": self.answers.replace("_", "-"),
            "void": "left out" if self.void else "background",
            "rejected": "keeps the mask it hides" if self.hidden else "has no mask",
            "numbers": {number.name: number.rule for number in self.numbers},
            "source": self.source,
        }
        return {**made, "differs": self.differs} if self.differs else made


SENTENCES = Protocol(
    "sentences",
    (numbers.GIOU, numbers.CIOU, *numbers.precision()),
    "every sentence of every reference; all sentences weigh the same",
    "LISA (Lai et al., CVPR 2024): dvlab-research/LISA, utils/dataset.py ValDataset and train_ds.py validate; the same "
    "numbers are mIoU, oIoU and P@X of LAVT (Yang et al., CVPR 2022): yz93/LAVT-RIS, test.py evaluate",
    "LISA gives the answer's one mark away and draws its one mask; here the answer is generated and its masks united",
)
REFERENCES = Protocol(
    "references",
    (
        numbers.by_reference(numbers.GIOU, "mIoU"),
        numbers.named(numbers.CIOU, "oIoU"),
        *numbers.precision(),
    ),
    "every sentence of every reference; all references weigh the same in mIoU, however many sentences they have",
    "RefSegformer (Wu et al., TIP 2024): jianzongwu/robust-ref-seg, utils/validation.py, its mIoU of true sentences",
    "there P@X compares the running sum of a reference's IoUs, so that all but its first sentence pass too easily; "
    "here each sentence's own",
)
GRES = Protocol(
    "gres",
    (numbers.GIOU, numbers.CIOU, numbers.N_ACC, numbers.T_ACC, *numbers.precision((0.7, 0.8, 0.9))),
    "every sentence",
    "GRES (Liu et al., CVPR 2023): henghuiding/ReLA, gres_model/evaluation/refer_evaluation.py",
    "there an output of its own says that there is no target, so a rejected one adds the union of its truth with the "
    "mask that it hides to the unions of cIoU, and what is not rejected is wrong of an empty truth even without a "
    "pixel; here what draws no pixel is rejected, and adds its truth",
)
GSVA_ZOM = Protocol(
    "gsva",
    (numbers.GIOU, numbers.CIOU_THERE, numbers.N_ACC, numbers.T_ACC),
    "every sentence",
    "GSVA (Xia et al., CVPR 2024): LeapLabTHU/GSVA, solver.py eval_gres, whose unions take a false positive of "
    "gRefCOCO and none of Ref-ZOM",
    "there teacher-forced: see gsva-teacher-forced",
)
_FORCED = (
    "all sentences of a picture in one question, and the true answer with all its marks given to read: the number of "
    "targets is given away"
)
GRES_FORCED = Protocol(
    "gres-teacher-forced",
    (numbers.GIOU, numbers.CIOU, numbers.N_ACC, numbers.T_ACC),
    _FORCED,
    "GSVA (Xia et al., CVPR 2024): LeapLabTHU/GSVA, solver.py eval_gres with reeval, on grefcoco",
    "there a <SEG> for what is absent is wrong even if its mask has no pixel",
    style="gsva",
    answers="teacher_forced",
    hidden=True,
)
ZOM_FORCED = Protocol(
    "gsva-teacher-forced",
    GSVA_ZOM.numbers,
    _FORCED,
    "GSVA (Xia et al., CVPR 2024): LeapLabTHU/GSVA, solver.py eval_gres with reeval, on refzom",
    "there a <SEG> for what is absent is wrong even if its mask has no pixel",
    style="gsva",
    answers="teacher_forced",
    hidden=True,
)
REFZOM = Protocol(
    "refzom",
    (
        numbers.named(numbers.CIOU_THERE, "oIoU"),
        numbers.named(numbers.GIOU_THERE, "mIoU"),
        numbers.named(numbers.N_ACC, "Acc"),
        *numbers.precision(),
    ),
    "every sentence",
    "Ref-ZOM (Hu et al., ICCV 2023): toggle1995/RIS-DMMI, test.py evaluate",
)
SESAME = Protocol(
    "sesame",
    (numbers.SEE, numbers.named(numbers.CIOU, "Segment"), numbers.GIOU, numbers.N_ACC, numbers.T_ACC),
    "every sentence, true or false",
    "See, Say, and Segment (Wu et al., CVPR 2024): see-say-segment/sesame, eval_sesame.py run_eval and model/SESAME.py "
    "evaluate: See, and its cIoU as Segment, to whose unions a false positive adds its area",
    "there an answer's first mask alone counts; here all its masks, united. gIoU, N-acc and T-acc are not theirs",
)
ROBUST = Protocol(
    "robust",
    (
        numbers.by_reference(numbers.GIOU_THERE, "mIoU"),
        numbers.named(numbers.CIOU_THERE, "oIoU"),
        numbers.by_reference(numbers.N_ACC, "r"),
        numbers.by_reference(numbers.CIOU, "rIoU"),
    ),
    "every sentence, true or false",
    "RefSegformer (Wu et al., TIP 2024): jianzongwu/robust-ref-seg, utils/validation.py",
    "there false positives are counted at the network's resolution, not the picture's",
)
REASON = Protocol(
    "lisa",
    (numbers.GIOU, numbers.CIOU),
    "the first wording of each picture's query, and no false premise; ignored regions count in neither intersection "
    "nor union",
    "LISA (Lai et al., CVPR 2024): dvlab-research/LISA, utils/dataset.py ValDataset and train_ds.py validate",
    "there the answer's one mark is given away and its one mask drawn; here the answer is generated and its masks "
    "united",
)
REASON_WORDINGS = replace(
    REASON,
    name="wordings",
    asked=REASON.asked.replace("the first wording", "every wording"),
    source="ours",
    differs="LISA's evaluation asks the first wording alone",
)
REASON_SESAME = replace(
    SESAME,
    name="sesame-reason",
    asked="the first wording of each picture's query and its first false premise; ignored regions are background",
    source=f"{SESAME.source}; dataloaders/test_dataset.py TestReasoningDataset",
    void=False,
)
PIXELLM = Protocol(
    "pixellm",
    (numbers.MATCHED_GIOU, numbers.MATCHED_CIOU),
    "every question",
    "PixelLM (Ren et al., CVPR 2024): MaverickRen/PixelLM, train_ds.py ar_validate",
    "there masks are matched by cost terms of their logits, here by IoU; masks too many are counted there without a "
    "threshold; GPT's rating of the words is left out",
)
UNITED = Protocol(
    "united",
    (numbers.GIOU, numbers.CIOU, *numbers.precision()),
    "every question; its masks are united",
    "LISA (Lai et al., CVPR 2024), its rule for ReasonSeg: dvlab-research/LISA, train_ds.py validate",
)
CLASSES = Protocol(
    "classes",
    (numbers.CLASS_IOU, numbers.GIOU, numbers.CIOU, numbers.T_ACC),
    "every class that a picture has, by its name, each in a question of its own; void pixels count in neither "
    "intersection nor union",
    "mIoU as in FCN (Long et al., CVPR 2015), of the classes that a picture has: the questions are those that LISA is "
    "trained with (dvlab-research/LISA, utils/sem_seg_dataset.py)",
    "a class is not asked where it is absent, so nothing that is drawn there counts against it: not to be compared "
    "with mIoU of a model that labels every pixel",
)
WORLD = Protocol(
    "pinpoint",
    (
        numbers.GIOU,
        numbers.CIOU,
        numbers.N_ACC_MIXED,
        numbers.T_ACC_MIXED,
        *numbers.precision_of_marks(),
        numbers.WORDS,
    ),
    "every turn of every conversation; later turns see the model's own answers",
    "the design of Pinpoint, section 4, Metrics",
)
