import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from data.sample import REJ, SEG
from data.world.world import World
from model.backbones.base import Generated
from model.grounding import GroundingModel
from model.placement import PLAIN, Placement
from model.predictor import Ask, Predictor
from tests import tiny

HALF = Placement(device="cpu", precision="bfloat16")
ANSWER = "The red cup <SEG> is here. The lamp <REJ> is not here."


def picture(seed: int = 0, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)


@pytest.fixture
def predictor() -> Predictor:
    """A model that has not learned to write, made to write ``ANSWER``: its states are its own all the same."""
    made = tiny.model()
    backbone, decode = made.backbone, made.backbone.generate

    def write(free, turns):
        chat = backbone.encode_chat([*turns[:-1], (turns[-1][0], ANSWER)])
        ids = chat.ids[chat.labels != -100][-len(backbone.tokenizer(ANSWER)["input_ids"]) - 1 : -1]
        states = torch.randn(2, 1, backbone.state_size, generator=torch.Generator().manual_seed(len(turns)))
        trace = dataclasses.replace(free.trace, marks=states, rejected=torch.tensor([False, True]))
        return Generated(ids, ANSWER, trace, "end")

    def generate(prefixes, talks, max_new_tokens=128, on_text=None):
        return [write(*pair) for pair in zip(decode(prefixes, talks, 2), talks, strict=True)]

    backbone.generate = generate
    return Predictor(made)


def asked(predictor: Predictor, image: np.ndarray | None = None):
    predictor.set_image(picture() if image is None else image)
    return predictor.ask("Where are the red cup and the lamp?")


def test_an_answer_has_a_segment_for_each_mark(predictor):
    answer = asked(predictor)
    assert answer.text == ANSWER
    found, missing = answer.segments
    assert (found.phrase, found.rejected) == ("the red cup", False)
    assert (missing.phrase, missing.rejected, missing.score) == ("the lamp", True, 0.0)
    assert found.mask.shape == missing.mask.shape == (40, 60)
    assert found.mask.dtype == bool
    assert not missing.mask.any()
    assert 0 <= found.score <= 1
    assert set(answer.timings) == {"read", "write", "encode", "draw", "total"}
    assert answer.timings["total"] == pytest.approx(sum(v for k, v in answer.timings.items() if k != "total"))


def test_the_mask_is_where_the_segmenters_logits_are_positive(predictor):
    segment = asked(predictor).segments[0]
    model = predictor.model
    with torch.no_grad():
        features = model.segmenter.encode(model.segmenter.prepare(picture())[None], [(40, 60)])[0]
        masks = model.segmenter.decode(features, segment.evidence.prompts)
        logits = model.segmenter.upscale(masks.low, features)[0, 0]
    agree = (segment.mask == (logits > 0).numpy()) | (logits.abs() < 1e-4).numpy()
    assert agree.all()
    torch.testing.assert_close(segment.evidence.low, masks.low, atol=1e-4, rtol=1e-4)


def test_a_picture_is_read_and_encoded_once_however_often_it_is_asked(predictor, monkeypatch):
    calls = {"read": 0, "encode": 0}
    for part, name in ((predictor.model.backbone, "read"), (predictor.model.segmenter, "encode")):
        inner = getattr(part, name)

        def counted(*args, inner=inner, name=name):
            calls[name] += 1
            return inner(*args)

        monkeypatch.setattr(part, name, counted)
    asked(predictor)
    asked(predictor)
    assert calls == {"read": 1, "encode": 1}
    predictor.memory.limit = 2 * predictor.memory.bytes
    asked(predictor, picture(1))
    asked(predictor, picture(2))  # there is room for two: the first is forgotten
    asked(predictor)
    assert calls == {"read": 4, "encode": 4}


def test_a_picture_is_kept_as_it_was_given(predictor):
    image = picture()
    predictor.set_image(image)
    image[:] = 0
    assert np.array_equal(predictor.image, picture())


@pytest.fixture
def decoded(predictor, monkeypatch):
    """The prompts that reach the segmenter, in turn."""
    seen, inner = [], predictor.model.segmenter.decode
    monkeypatch.setattr(
        predictor.model.segmenter, "decode", lambda features, prompts: seen.append(prompts) or inner(features, prompts)
    )
    return seen


def test_a_click_outside_trims_and_leaves_what_the_mark_gave_in_force(predictor, decoded):
    segment = asked(predictor).segments[0]
    own = segment.evidence.prompts
    refined = predictor.refine(segment, np.array([[50.0, 30.0]]), np.array([0]))
    prompts = decoded[-1]
    assert torch.equal(prompts.embeddings, own.embeddings)
    assert torch.equal(prompts.points[:, : own.points.shape[1]], own.points)
    assert prompts.points[0, own.points.shape[1] :].unique(dim=0).tolist() == [[50, 30]]
    assert (prompts.labels[0, own.points.shape[1] :] == 0).all()
    assert torch.equal(prompts.mask, segment.evidence.low)
    assert refined.phrase == segment.phrase


def test_a_click_inside_shows_the_thing_and_takes_the_mark_s_place(predictor, decoded):
    segment = asked(predictor).segments[0]
    trimmed = predictor.refine(segment, np.array([[50.0, 30.0]]), np.array([0]))
    shown = predictor.refine(trimmed, np.array([[3.0, 4.0]]), np.array([1]))
    prompts = decoded[-1]
    assert prompts.embeddings is None
    assert prompts.points[0].unique(dim=0).tolist() == [[3, 4], [50, 30]]  # the earlier click too, and no other point
    assert torch.equal(prompts.mask, trimmed.evidence.low)
    assert shown.evidence.clicks.points.tolist() == [[[50, 30], [3, 4]]]
    assert shown.evidence.clicks.labels.tolist() == [[0, 1]]
    assert shown.evidence.prompts is segment.evidence.prompts


def test_a_box_alone_shows_the_thing_too(predictor, decoded):
    segment = asked(predictor).segments[0]
    predictor.refine(segment, np.zeros((0, 2)), np.zeros(0), box=np.array([1, 2, 30, 20]))
    assert decoded[-1].boxes.tolist() == [[1, 2, 30, 20]] and decoded[-1].points is None
    assert decoded[-1].embeddings is None


def test_a_rejected_thing_can_be_segmented_anyway(predictor):
    missing = asked(predictor).segments[1]
    drawn = predictor.segment_anyway(missing)
    assert not drawn.rejected
    torch.testing.assert_close(drawn.evidence.low, missing.evidence.low, atol=1e-4, rtol=1e-4)
    assert drawn.phrase == "the lamp"


@pytest.mark.parametrize(
    ("points", "labels", "box"),
    [
        (np.zeros((2, 2)), np.ones(1), None),
        (np.zeros(2), np.ones(1), None),
        (np.zeros((1, 2)), np.full(1, 2), None),
        (np.full((1, 2), np.nan), np.ones(1), None),
        (np.zeros((1, 2)), np.ones(1), np.array([5, 5, 1, 9])),
        (np.zeros((1, 2)), np.ones(1), np.zeros(3)),
    ],
)
def test_clicks_that_do_not_fit_are_refused(predictor, points, labels, box):
    segment = asked(predictor).segments[0]
    with pytest.raises(ValueError, match=r"click|box"):
        predictor.refine(segment, points, labels, box)


@pytest.mark.parametrize("size", [(30, 30), (40, 60)])
def test_a_segment_of_another_picture_is_refused_also_if_of_the_same_size(predictor, size):
    segment = asked(predictor).segments[0]
    predictor.set_image(picture(1, size))
    with pytest.raises(ValueError, match="another picture"):
        predictor.refine(segment, np.zeros((1, 2)), np.ones(1))


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_is_one_plain_line(predictor, question):
    predictor.set_image(picture())
    with pytest.raises(ValueError, match="question is empty"):
        predictor.ask(question)


def test_asking_before_a_picture_is_set_says_so(predictor):
    with pytest.raises(ValueError, match="set_image"):
        predictor.ask("Where?")


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4)), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_an_array_that_is_no_picture_is_refused(predictor, image):
    with pytest.raises(ValueError, match="uint8 RGB"):
        predictor.set_image(image)


def test_files_are_opened_and_files_that_are_none_are_refused(predictor, tmp_path):
    Image.fromarray(picture()).save(tmp_path / "a.png")
    predictor.set_image(tmp_path / "a.png")
    assert np.array_equal(predictor.image, picture())
    (tmp_path / "b.png").write_text("no")
    with pytest.raises(ValueError, match=r"b\.png"):
        predictor.set_image(tmp_path / "b.png")


@pytest.mark.parametrize("size", [(1, 1), (40, 8000), (3, 200)])
def test_pictures_of_any_shape_have_masks_of_their_shape(predictor, size):
    answer = asked(predictor, picture(0, size))
    assert answer.segments[0].mask.shape == size
    assert np.isfinite(answer.segments[0].score)


def test_half_precision_draws_nearly_the_same(predictor):
    del predictor.model.channels["points"]  # in a random map, cells of nearly the same score take each other's place
    whole = asked(predictor).segments[0]
    half = asked(Predictor(predictor.model.place(HALF))).segments[0]
    assert half.evidence.low.dtype == torch.float32
    spread = float(whole.evidence.low.std())
    assert float((half.evidence.low - whole.evidence.low).abs().max()) < 0.5 * spread
    assert np.abs(half.evidence.map - whole.evidence.map).max() < 0.05


@pytest.mark.parametrize("placement", [PLAIN, HALF])
def test_free_generation_runs_streams_and_can_be_stopped(placement):
    predictor = Predictor(tiny.model().place(placement))
    predictor.set_image(picture())
    texts: list[str] = []
    answer = predictor.ask("Where?", [("What?", ANSWER)], lambda t: texts.append(t) or len(texts) < 3, max_new_tokens=9)
    assert (len(texts), answer.stop) == (3, "cancelled")
    assert answer.text == texts[-1]
    assert len(answer.segments) == answer.text.count(SEG) + answer.text.count(REJ)


@pytest.mark.parametrize("policy", ["soft", "group"])
def test_every_layer_policy_is_used_in_half_precision(policy):
    made = tiny.talker()
    config = dataclasses.replace(made.config, layer=dataclasses.replace(made.config.layer, policy=policy))
    model = GroundingModel(made.backbone, made.segmenter, dict(made.channels), config)
    answers = Predictor(model.place(HALF)).ask_all([Ask(picture(seed), q) for seed in range(2) for q in QUESTIONS])
    assert sum(len(answer.segments) for answer in answers) > 3


def test_a_checkpoint_folder_answers_as_the_model_does(tmp_path):
    model = tiny.model()
    model.save_pretrained(tmp_path / "model")
    texts = []
    for predictor in (Predictor(model), Predictor.from_pretrained(tmp_path / "model")):
        predictor.set_image(picture())
        texts.append(predictor.ask("Where is the red cup?").text)
    assert texts[0] == texts[1]


QUESTIONS = ["Where?", "Where is the red cup?", "Show me all the fruit.", "The lamp?"]


def agree(one, other) -> None:
    """Two answers to one question are the same: the words, and the logits of the masks within 1e-4."""
    assert (one.question, one.text, one.stop) == (other.question, other.text, other.stop)
    assert [segment.phrase for segment in one.segments] == [segment.phrase for segment in other.segments]
    for mine, theirs in zip(one.segments, other.segments, strict=True):
        torch.testing.assert_close(mine.evidence.low, theirs.evidence.low, atol=1e-4, rtol=0)
        np.testing.assert_allclose(mine.evidence.map, theirs.evidence.map, atol=1e-4)
        assert mine.rejected == theirs.rejected
        assert mine.score == pytest.approx(theirs.score, abs=1e-4)
        assert mine.evidence.picture == theirs.evidence.picture
        assert (mine.mask != theirs.mask).mean() < 1e-3  # a logit of nearly 0 may fall on either side


@pytest.fixture(scope="module")
def talker() -> Predictor:
    return Predictor(tiny.talker())


def test_questions_asked_together_are_answered_as_one_by_one_without_anything_kept(talker, monkeypatch):
    asks = [Ask(picture(seed, (30 + 9 * seed, 50)), q) for q in QUESTIONS for seed in range(3)]
    asks.append(Ask(asks[0].image, "And all the lamp?", [("Where is the red cup?", "The red cup <SEG> is here.")]))
    one_by_one = []
    for ask in asks:
        fresh = Predictor(talker.model, keep_bytes=0)
        fresh.set_image(ask.image)
        one_by_one.append(fresh.ask(ask.question, ask.history))
    calls = {"read": 0, "encode": 0, "decode": 0}
    for part, name in ((talker.model.backbone, "read"), *((talker.model.segmenter, n) for n in ("encode", "decode"))):
        inner = getattr(part, name)

        def counted(*args, inner=inner, name=name):
            calls[name] += 1
            return inner(*args)

        monkeypatch.setattr(part, name, counted)
    together = talker.ask_all(asks)
    for one, other in zip(together, one_by_one, strict=True):
        agree(one, other)
    with_marks = {segment.evidence.picture for answer in together for segment in answer.segments}
    assert calls == {"read": 3, "encode": len(with_marks), "decode": len(with_marks)}
    assert np.array_equal(talker.image, asks[-1].image)
    for one, other in zip(talker.ask_all(asks), one_by_one, strict=True):  # now all is kept
        agree(one, other)
    assert calls["read"] == 3 and calls["encode"] == len(with_marks)
    assert sum(len(answer.segments) for answer in together) > 6
    assert {segment.rejected for answer in together for segment in answer.segments} == {False, True}


def test_a_conversation_goes_on_as_if_it_were_read_anew(talker):
    talker.set_image(picture(1))
    history: list[tuple[str, str]] = []
    for question in QUESTIONS:
        answer = talker.ask(question, history)
        anew = Predictor(talker.model)
        anew.set_image(picture(1))
        agree(answer, anew.ask(question, history))
        history.append((question, answer.text))


def test_what_is_kept_is_weighed_and_stays_within_its_limit(talker):
    model, image = talker.model, picture(0)
    predictor = Predictor(model)
    (answer,) = predictor.ask_all([Ask(image, "Where?")])
    assert answer.segments and answer.stop == "end"
    backbone, text = model.backbone, model.backbone.llava.config.text_config
    seen = backbone.encode_chat([("", None)]).prefix
    asked = backbone.encode_chat([("Where?", None)]).ids
    said = backbone.generate([backbone.read(image)], [[("Where?", None)]], 16)[0].ids
    talk = len(asked) - seen + len(said)  # all were read, the last of them to find that it is the end
    kept = (seen + talk) * text.num_hidden_layers * 2 * text.hidden_size * 4  # keys and values
    kept += 64 * len(backbone.layers) * text.hidden_size * 4  # the image tokens' states
    kept += model.segmenter.prompt_size * 8 * 8 * 4 + image.nbytes
    kept += seen + 8 * talk  # which positions are seen, and the talk's ids
    assert predictor.memory.bytes == kept
    small = Predictor(model, keep_bytes=int(2.5 * kept))
    small.ask_all([Ask(picture(seed), q) for seed in range(5) for q in QUESTIONS[:2]])
    assert len(small.memory) == 2
    assert small.memory.bytes <= 2.5 * kept
    none = Predictor(model, keep_bytes=0)
    for one, other in zip(
        none.ask_all([Ask(image, q) for q in QUESTIONS]), small.ask_all([Ask(image, q) for q in QUESTIONS]), strict=True
    ):
        agree(one, other)
    assert len(none.memory) == 1


def test_one_of_several_is_stopped_and_times_add_up(talker):
    texts: list[tuple[int, str]] = []
    asks = [Ask(picture(1), question) for question in QUESTIONS]
    whole = talker.ask_all(asks)
    answers = talker.ask_all(asks, on_text=lambda number, text: texts.append((number, text)) or number != 1)
    assert answers[1].stop == "cancelled"
    assert [number for number, _ in texts].count(1) == 1
    for number in (0, 2, 3):
        agree(answers[number], whole[number])
        assert [text for n, text in texts if n == number][-1] == answers[number].text
    for answer in answers:
        assert answer.timings["total"] == pytest.approx(sum(v for k, v in answer.timings.items() if k != "total"))
    assert talker.ask_all([]) == []


def test_one_wrong_question_is_refused_before_any_is_answered(talker, monkeypatch):
    monkeypatch.setattr(talker.model.backbone, "generate", lambda *_: pytest.fail("asked"))
    with pytest.raises(ValueError, match="question is empty"):
        talker.ask_all([Ask(picture(), "Where?"), Ask(picture(1), " ")])


@pytest.mark.slow
def test_the_shipped_model_answers_the_same_together_and_one_by_one():
    predictor = Predictor.from_pretrained(Path("checkpoints/tiny"), PLAIN)
    samples = [World("val", 9).sample(index) for index in range(3)]
    asks = [Ask(image, turn.question) for s in samples for image in [s.load()] for turn in s.turns[:4]]
    together = predictor.ask_all(asks)
    for ask, answer in zip(asks, together, strict=True):
        fresh = Predictor(predictor.model, keep_bytes=0)
        fresh.set_image(ask.image)
        agree(answer, fresh.ask(ask.question))
    assert sum(len(answer.segments) for answer in together) >= 6
