import json

from eval.journal import Reader, Writer
from eval.progress import Progress


def test_speed_is_that_of_asking_and_not_of_what_comes_before(tmp_path):
    journals = Reader(tmp_path)
    with Progress(journals, 4) as shown, Writer(tmp_path, 0) as writer:
        bar = shown._bar

        def later(seconds):
            bar.start_t, bar.last_print_t = bar.start_t - seconds, bar.last_print_t - seconds

        later(100)  # a model is read
        shown.look()
        assert bar.format_dict["elapsed"] < 10
        later(10)
        writer.begin(0)
        line = {"image": "a.jpg", "truth": {"targets": [1]}, "iou": 0.75}
        writer.add(json.dumps({"id": f"a/{number}", **line}) + "\n" for number in range(5))
        shown.look()
        assert bar.postfix == "gIoU 0.750, 0.5 questions/s"
        assert bar.n == 1
