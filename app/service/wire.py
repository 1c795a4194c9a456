"""What goes over the wire: the service's requests and replies, checked as they come in, described in /openapi.json."""

import base64
import binascii
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.export import read_aloud
from app.session import LONGEST
from data import masks
from model.answer import Answer, Segment

TURNS = 64  # of a conversation
CLICKS = 1000  # of one correction

Words = Annotated[str, Field(max_length=LONGEST)]
Number = Annotated[float, Field(allow_inf_nan=False)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Turn(_Strict):
    """What was said before."""

    question: Words
    answer: Annotated[str, Field(max_length=2 * LONGEST, description="the `text` of that reply, marks included")]


History = Annotated[list[Turn], Field(max_length=TURNS)]


class Question(_Strict):
    """A question about a picture."""

    image: Annotated[str, Field(description="the picture's file in base64: PNG, JPEG, WebP, GIF, BMP or TIFF")]
    question: Words
    history: History = []
    stream: Annotated[bool, Field(description="send events as the words are written")] = False


class Rle(BaseModel):
    """A mask as COCO's compressed run lengths."""

    size: Annotated[list[int], Field(description="height, width")]
    counts: str


class Found(BaseModel):
    """One thing that an answer names."""

    handle: Annotated[str, Field(description="names it in /v1/refine and its like, as long as it is kept")]
    phrase: str
    rejected: Annotated[bool, Field(description="the model says that it is not in the picture")]
    score: Annotated[float, Field(description="SAM's own estimate of the mask's IoU")]
    area: Annotated[int, Field(description="pixels")]
    rle: Rle | None

    @classmethod
    def of(cls, segment: Segment, handle: str) -> "Found":
        """A segment as it is sent."""
        rle = None if segment.rejected else Rle(**masks.encode(segment.mask))
        return cls(
            handle=handle,
            phrase=segment.phrase,
            rejected=segment.rejected,
            score=round(segment.score, 4),
            area=int(segment.mask.sum()),
            rle=rle,
        )


class Reply(BaseModel):
    """An answer."""

    text: Annotated[str, Field(description="with a <SEG> or <REJ> mark for each segment; give it back as history")]
    words: Annotated[str, Field(description="the same without marks, to be read")]
    stop: Annotated[str, Field(description="end, length or cancelled")]
    notes: Annotated[list[str], Field(description="what was out of the ordinary")]
    segments: list[Found]
    timings: Annotated[dict[str, float], Field(description="seconds by stage")]

    @classmethod
    def of(cls, answer: Answer, segments: list[Found]) -> "Reply":
        """An answer as it is sent."""
        timings = {stage: round(seconds, 4) for stage, seconds in answer.timings.items()}
        return cls(
            text=answer.text,
            words=read_aloud(answer),
            stop=answer.stop,
            notes=list(answer.notes),
            segments=segments,
            timings=timings,
        )


Handle = Annotated[str, Field(max_length=64)]


class Clicks(_Strict):
    """A correction of a mask."""

    handle: Handle
    points: Annotated[
        list[Annotated[list[Number], Field(min_length=2, max_length=2)]],
        Field(max_length=CLICKS, description="x, y in pixels"),
    ] = []
    labels: Annotated[list[int], Field(max_length=CLICKS, description="of each point: 1 inside, 0 outside")] = []
    box: Annotated[
        list[Number] | None, Field(min_length=4, max_length=4, description="left, top, right, bottom in pixels")
    ] = None


class Kept(_Strict):
    """A segment that is still kept."""

    handle: Handle


class Ground(_Strict):
    """How a mask is to be drawn again."""

    handle: Handle
    layer: Annotated[int | None, Field(description="that speaks alone, 0 the embedding; as it is if null")] = None
    settings: Annotated[
        dict[str, int | float], Field(max_length=16, description="of the points: positive, negative, factor, keep")
    ] = {}


class Layers(BaseModel):
    """What each layer of the language model says of a segment."""

    maps: Annotated[dict[int, list[list[float]]], Field(description="rows of similarities in [0, 1], by layer")]
    shares: Annotated[dict[int, float], Field(description="of the layers that spoke")]
    scale: Annotated[list[float], Field(description="cells a pixel, x and y")]
    offset: Annotated[list[float], Field(description="of the picture's corner in the map, in cells, x and y")]

    @classmethod
    def of(cls, maps: dict[int, Any], segment: Segment) -> "Layers":
        """Maps as they are sent."""
        frame = segment.evidence.frame
        assert frame is not None
        rows = {layer: [[round(float(value), 4) for value in row] for row in one] for layer, one in maps.items()}
        shares = {layer: round(share, 4) for layer, share in segment.evidence.layers.items()}
        return cls(maps=rows, shares=shares, scale=list(frame.scale), offset=list(frame.offset))


class Health(BaseModel):
    """That the service is alive."""

    status: str
    device: str
    waiting: int


class Problem(BaseModel):
    """What is wrong, in one plain line."""

    error: str


def picture_bytes(text: str) -> bytes:
    """A picture's file from base64, alone or as the address ``data:...;base64,...``.

    Raises:
        ValueError: it is none.
    """
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("the picture is not in base64: send its file's bytes encoded so") from error
