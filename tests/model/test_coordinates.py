"""What is read in an answer, and where it lies, against places worked out by hand."""

import json
import random
import time

import numpy as np
import pytest

from data.geometry import Frame
from model.coordinates import Target, place, read, strict

SQUARE = Frame.identity((1000, 1000))


def boxes(text: str) -> list[tuple[float, ...] | None]:
    return [target.box for target in read(text).targets]


def test_the_forms_that_are_published():
    lines = '{"bbox_2d": [139, 768, 315, 954], "label": "cat"},\n\t{"bbox_2d": [1, 2, 3, 4], "label": "dog"}'
    qwen = f"```json\n[\n\t{lines}\n]\n```"
    found = read(qwen)
    assert [(one.label, one.box) for one in found.targets] == [("cat", (139, 768, 315, 954)), ("dog", (1, 2, 3, 4))]
    assert found.span == (0, len(qwen)) and not found.problems and not found.none
    fields = '"bbox": [10,100,200,210], "points_1": [30,110], "points_2": [35,180]'
    zero = f"<think>It is [1, 2].</think>\n<answer>{{{fields}}}</answer>"
    (one,) = read(zero).targets
    assert one.box == (10, 100, 200, 210) and one.points == ((30, 110), (35, 180)) and one.label == ""
    assert zero[slice(*read(zero).span)] == zero[zero.index("<answer>") :]
    reasoner = (
        '<think>Two.</think><answer>[{"bbox_2d": [10,100,200,210], "point_2d": [30,110]}, '
        '{"bbox_2d": [225,296,706,786], "point_2d": [302,410]}]</answer>'
    )
    assert [(one.box, one.points) for one in read(reasoner).targets] == [
        ((10, 100, 200, 210), ((30, 110),)),
        ((225, 296, 706, 786), ((302, 410),)),
    ]
    points = '[{"point_2d": [5, 6], "label": "ear"}]'
    assert read(points).targets == (Target("ear", None, ((5, 6),), (1, len(points) - 1)),)


@pytest.mark.parametrize(
    "text",
    [
        '{"bbox_2d": [1, 2, 3, 4]}',
        "{'bbox_2d': [1, 2, 3, 4]}",
        "{bbox_2d: [1, 2, 3, 4],}",
        '{"bbox_2d": [1, 2, 3, 4], "label": "cu',
        '{"bbox_2d": [1, 2, 3, 4] "label": "cup"',
        '{"bbox_2d": ["1", "2", "3.0", "4e0"]}',
        '{"bbox_2d": "1, 2, 3, 4"}',
        '{"bbox_2d": [[1, 2], [3, 4]]}',
        '{"bbox_2d": "[1, 2, 3, 4]"}',
        '{"objects": [{"bbox_2d": [1, 2, 3, 4]}]}',
        '[{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [5, 6, 7',
        '{"label": "a } and a { and bbox: [9, 9, 9, 9]", "bbox_2d": [1, 2, 3, 4]}',
        '{"label": "a \\"big\\" cup", "BBOX_2D": [1, 2, 3, 4]}',
        "[1, 2, 3, 4]",
        "```json\n[[1, 2, 3, 4]]\n```",
        'Here it is: {"bbox_2d": [1, 2, 3, 4]}. Look!',
        '<think>{"bbox_2d": [9, 9, 9, 9]}</think><answer>{"bbox_2d": [1, 2, 3, 4]}',
        'hm {"bbox_2d": [9, 9, 9, 9]} </think> {"bbox_2d": [1, 2, 3, 4]}',
        '{"bbox_2d": [1, 2, 3, 4], "point_2d": [null, 3]}',
    ],
)
def test_what_is_not_quite_json_is_read_all_the_same(text):
    assert boxes(text) == [(1, 2, 3, 4)]


@pytest.mark.parametrize(
    "text",
    [
        '{"bbox_2d": [1, 2, 3]}',
        '{"bbox_2d": [1, 2, 3, NaN]}',
        '{"bbox_2d": [1, 2, 3, Infinity]}',
        '{"bbox_2d": [1, 2, 3, 1e999]}',
        '{"bbox_2d": [1, 2, 3, 1e9]}',
        '{"bbox_2d": [1, 2, 3, "wide"]}',
        '{"bbox_2d": [1, 2, 3, true]}',
        '{"bbox_2d": [1, 2, 3, 4',  # the last number may have gone on
        '{"bbox_2d": {"x": 1}}',
        '{"bbox_2d": }',
    ],
)
def test_places_that_are_none_are_told_of_and_are_no_rejection(text):
    found = read(text)
    assert not found.targets and not found.none
    assert found.problems == ("coordinates of 1 target in the answer cannot be read",)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{}",
        "[null]",
        "```json\n[]\n```",
        "None.",
        "null",
        '{"bbox_2d": []}',
        '[{"bbox_2d": null, "point_2d": null}]',
        '{"bbox": [], "points_1": [], "points_2": []}',
        "<think>There is no lamp.</think><answer>[]</answer>",
        "<think>There is no lamp.</think><answer> none </answer>",
        '{"bbox_2d": "none"}',
    ],
)
def test_nothing_is_a_rejection(text):
    found = read(text)
    assert found.none != bool(found.targets) and all(target.absent for target in found.targets)
    assert not found.problems


@pytest.mark.parametrize(
    "text", ["", "There are two cups.", "Yes.", "No, nothing is red.", "Box 4 [1] {x}", "{}{}{", "[", "```json\n["]
)
def test_words_are_neither_a_target_nor_a_rejection(text):
    assert not read(text).targets and not read(text).none and not read(text).problems


def test_what_is_absent_keeps_its_name():
    found = read('[{"label": "the cup", "bbox_2d": [1, 2, 3, 4]}, {"label": "the lamp", "bbox_2d": null}]')
    assert [(one.label, one.absent) for one in found.targets] == [("the cup", False), ("the lamp", True)]


def test_a_thought_without_an_end_has_no_answer():
    found = read('<think>The cup is {"bbox_2d": [1, 2, 3, 4]}')
    assert not found.targets and found.problems == ("the answer ended within its thoughts",)


def test_targets_alike_are_one():
    found = read(json.dumps([{"bbox_2d": [1, 2, 3, 4], "label": "a"}] * 40 + [{"bbox_2d": [1, 2, 3, 4], "label": "b"}]))
    assert [one.label for one in found.targets] == ["a", "b"]
    assert found.problems == ("the answer repeats itself: 39 targets given again",)


def test_several_boxes_under_one_name_are_several_targets():
    found = read('{"label": "cup", "bbox_2d": [[1, 2, 3, 4], [5, 6, 7, 8]]}')
    assert [(one.label, one.box) for one in found.targets] == [("cup", (1, 2, 3, 4)), ("cup", (5, 6, 7, 8))]


def test_labels_are_one_line_of_text():
    text = json.dumps({"label": "a  caf\u00e9\n\ttable", "bbox_2d": [1, 2, 3, 4]})
    assert read(text).targets[0].label == "a caf\u00e9 table"
    assert read('{"label": "\\ud800", "bbox_2d": [1, 2, 3, 4]}').targets[0].label == "?"
    assert len(read('{"label": "' + "x" * 9999 + '", "bbox_2d": [1, 2, 3, 4]}').targets[0].label) == 200
    assert read("{'label': 'the dog', 'bbox_2d': [1, 2, 3, 4]}").targets[0].label == "the dog"


@pytest.mark.parametrize(
    "text",
    [
        "[" * 200_000,
        "{" * 200_000,
        '{"a":' * 40_000,
        '{"bbox_2d": ' + "[" * 190_000,
        '{"bbox_2d": [' + "1," * 90_000 + "1]}",
        '{"' * 90_000,
        '{"x": "' + "\\" * 190_000,
        "{" + "a" * 190_000,
        "{a" + " " * 190_000,
        "{'" + "'" * 190_000,
        '"' * 200_000,
        " " * 200_000 + "[]",
        "<answer>" * 30_000,
        '{"bbox_2d": [1, 2, 3, 4]}' * 100_000,
        '{"bbox_2d": [1, 2, 3, 4]}' + "[ " * 90_000,
        "```" * 60_000,
        "(1" + "," * 190_000,
    ],
)
def test_bombs_take_no_time(text):
    begin = time.perf_counter()
    found = read(text)
    assert strict(text, ("bbox_2d",)) == 0
    assert time.perf_counter() - begin < 3
    assert len(found.targets) <= 1


def test_whatever_is_written_is_read_without_an_error():
    random.seed(0)
    item = '{"bbox_2d": [1, -2.5, 3e1, 4], "label": "x\\"y", \'point_2d\': (5, 6)}'
    whole = f"<think>a</think><answer>[{item}]</answer>```json null"
    for _ in range(3000):
        text = "".join(random.choice(whole) for _ in range(30))
        cut = random.randrange(len(whole))
        for broken in (text, whole[:cut] + text[:3] + whole[cut:], whole[:cut], whole[cut:]):
            found = read(broken)
            targets, lost = place(found.targets, Frame.stretch((48, 64), (30, 90)))
            assert len(targets) + lost == len(found.targets)
            begin, end = found.span
            assert 0 <= begin <= end <= len(broken)
            for target in targets:
                assert target.box is None or (-0.5 <= target.box[0] < target.box[2] <= 63.5)
                assert target.box is None or (-0.5 <= target.box[1] < target.box[3] <= 47.5)
                assert all(0 <= x <= 63 and 0 <= y <= 47 for x, y in target.points)


def at(box, frame: Frame, points=()) -> Target:
    (placed,), lost = place([Target("", box, tuple(points), (0, 1))], frame)
    assert not lost
    return placed


def test_pixels_of_the_input_and_thousandths_are_one_place():
    size = (480, 640)
    thousandths = at((250, 500, 750, 1000), Frame.stretch(size, (1000, 1000)), [(500, 750)])
    # From the edge: x 0.25 and 0.75 of 640, y 0.5 and 1 of 480; a pixel's centre is half a pixel from its edge.
    assert thousandths.box == pytest.approx((159.5, 239.5, 479.5, 479.5))
    assert thousandths.points[0] == pytest.approx((319.5, 359.5))
    square = at((210, 420, 630, 840), Frame.stretch(size, (840, 840)), [(420, 630)])
    assert square.box == pytest.approx(thousandths.box) and square.points[0] == pytest.approx(thousandths.points[0])
    padded = Frame.letterbox(size, 320, centred=True)  # half the size, 40 rows above
    assert at((80, 160, 240, 280), padded, [(160, 220)]).box == pytest.approx(thousandths.box)


def test_corners_are_put_right_and_cut_at_the_picture():
    frame = Frame.identity((100, 200))
    assert at((50, 80, 10, 20), frame).box == (9.5, 19.5, 49.5, 79.5)
    assert at((-30, -5, 400, 50), frame).box == (-0.5, -0.5, 199.5, 49.5)
    assert at((0, 0, 200, 100), frame).box == (-0.5, -0.5, 199.5, 99.5)
    assert at(None, frame, [(200, 100), (300, 5)]).points == ((199, 99),)


def test_what_lies_outside_is_lost():
    frame = Frame.identity((100, 200))
    outside = [Target("", (300, 0, 400, 50), (), (0, 1)), Target("", (10, 10, 10, 50), (), (0, 1))]
    assert place([*outside, Target("", None, ((-9, 5),), (0, 1))], frame) == ([], 3)
    (kept,), lost = place([Target("", (300, 0, 400, 50), ((20, 30),), (0, 1))], frame)
    assert kept.box is None and kept.points == ((19.5, 29.5),) and not lost


def test_shares_of_the_sides_are_known_by_their_size():
    for frame in (Frame.stretch((50, 80), (1000, 1000)), Frame.stretch((50, 80), (28, 56))):
        assert at((0.25, 0.5, 0.75, 1), frame).box == pytest.approx((19.5, 24.5, 59.5, 49.5))
    assert at((0, 0, 1, 1), Frame.identity((50, 80))).box == (-0.5, -0.5, 0.5, 0.5)  # whole: a pixel


def test_placing_and_writing_again_is_the_same():
    rng = np.random.default_rng(0)
    for frame in (Frame.stretch((333, 517), (1000, 1000)), Frame.letterbox((333, 517), (140, 280))):
        low = rng.uniform(0, 150, 2)
        box = np.concatenate([low, low + rng.uniform(1, 150, 2)])
        written = frame.points(box.reshape(2, 2)) + 0.5
        assert at(tuple(written.ravel().tolist()), frame).box == pytest.approx(tuple(box), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "keys", "share"),
    [
        ('<think>a</think><answer>{"bbox": [1,2,3,4], "points_1": [1,2], "points_2": [1,2]}</answer>', 3, 1.0),
        ('<think>a</think><answer>{"bbox": [1,2,3,4], "points_1": [1,2]}</answer>', 3, 2 / 3),
        ('[{"bbox_2d": [1,2,3,4], "point_2d": [1,2]}, {"bbox_2d": [1,2,3], "point_2d": [1,2]}]', 2, 3 / 4),
        ('```json\n[{"bbox_2d": [1,2,3,4], "point_2d": [1,2]}]\n```', 2, 1.0),
        ("[]", 2, 1.0),
        ("[{'bbox_2d': [1,2,3,4], 'point_2d': [1,2]}]", 2, 0.0),
        ('[{"bbox_2d": [1,2,3,4], "point_2d": [1,2]}', 2, 0.0),
        ('[{"bbox_2d": [1,2,3,NaN], "point_2d": ["1",2]}]', 2, 0.0),
        ("[1, 2]", 2, 0.0),
        ("", 2, 0.0),
        ("<think>a", 2, 0.0),
    ],
)
def test_strictly_only_json_counts(text, keys, share):
    names = {3: ("bbox", "points_1", "points_2"), 2: ("bbox_2d", "point_2d")}[keys]
    assert strict(text, names) == pytest.approx(share)
