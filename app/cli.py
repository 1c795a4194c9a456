"""The command line: ``pinpoint ask``, ``world``, ``eval``, ``train`` and ``app``.

What a person can get wrong ends in one plain line on standard error and exit code 2, never in a traceback.
"""

import argparse
import difflib
import json
import os
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
CHECKPOINT = ROOT / "checkpoints" / "tiny"


class Parser(argparse.ArgumentParser):
    """argparse, whose errors are one line and name the near option."""

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with code 2."""
        words = message.split()
        known = [o for action in self._actions for o in action.option_strings]
        near = [n for w in words if w.startswith("-") for n in difflib.get_close_matches(w, known, n=1)]
        hint = f"; did you mean {near[0]}?" if near and near[0] not in words else f"; see {self.prog} --help"
        print(f"{self.prog}: {message}{hint}", file=sys.stderr)
        sys.exit(2)


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    made = Parser(prog="pinpoint", description="Ask a picture: answers in words with exact masks, or 'not here'.")
    made.add_argument("--version", action="version", version=f"pinpoint {_version()}")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)

    ask = commands.add_parser("ask", help="ask a question about a picture")
    ask.add_argument("image", type=Path, help="a picture: PNG, JPEG, WebP, GIF, BMP or TIFF")
    ask.add_argument("question", help="for example 'Where is the red cup?'")
    _checkpoint(ask)
    ask.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    ask.add_argument("--out", type=Path, metavar="DIR", help="write the overlay and the masks here")

    world = commands.add_parser("world", help="the drawn world")
    actions = world.add_subparsers(dest="action", metavar="ACTION", required=True)
    sample = actions.add_parser("sample", help="write pictures with their questions and truth")
    sample.add_argument("--split", default="train", help="train, val, test, test_phrasing, test_compose or test_crowd")
    sample.add_argument("--seed", type=_whole, default=0, metavar="N", help="of the first scene")
    sample.add_argument("--count", type=_whole, default=8, metavar="K", help="how many scenes")
    sample.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    sample.add_argument("--overlay", action="store_true", help="also draw the truth over each picture")

    evaluate = commands.add_parser("eval", help="measure a checkpoint on a benchmark")
    evaluate.add_argument("benchmark", choices=["world"], help="the drawn world")
    evaluate.add_argument("--split", default="val", help="as for pinpoint world sample")
    evaluate.add_argument("--count", type=_whole, metavar="N", help="scenes to ask about (default 1000)")
    evaluate.add_argument("--blind", action="store_true", help="show a grey picture: what do the words give away?")
    evaluate.add_argument("--click", action="store_true", help="give masks below 0.7 one corrective click")
    evaluate.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    evaluate.add_argument("--out", type=Path, metavar="DIR", help="write results.json here")
    _checkpoint(evaluate)

    train = commands.add_parser("train", help="train a stage", add_help=False)
    train.add_argument("rest", nargs=argparse.REMAINDER)

    page = commands.add_parser("app", help="open the page")
    page.add_argument("--port", type=_whole, default=8501, help="default 8501")
    page.add_argument("--address", default="127.0.0.1", help="default 127.0.0.1: this machine alone")
    _checkpoint(page)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] == ["train"]:
            from train.launch import main as train

            return train(words[1:])
        args = parser().parse_args(words)
        return int({"ask": _ask, "world": _world, "eval": _eval, "app": _app}[args.command](args))
    except ValueError as error:
        print(f"pinpoint: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader of our output went away: `pinpoint ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _ask(args: argparse.Namespace) -> int:
    from data.images import open_image

    image = open_image(args.image)  # before the model: a wrong path is found at once
    if not args.question.strip():
        raise ValueError("the question is empty: ask what to look for, for example 'Where is the red cup?'")
    predictor = _predictor(args.checkpoint)
    predictor.set_image(image)
    answer = predictor.ask(args.question)
    from app import export

    files = export.write(answer, image, args.out) if args.out else []
    if args.json:
        print(json.dumps(export.as_json(answer)))
        return 0
    from model.tokens import MARK

    print(" ".join(MARK.sub("", answer.text).split()))
    for segment in answer.segments:
        what = "not here" if segment.rejected else f"{int(segment.mask.sum())} pixels, score {segment.score:.2f}"
        print(f"  {segment.phrase or 'this'}: {what}")
    for file in files:
        print(f"  wrote {file}")
    return 0


def _world(args: argparse.Namespace) -> int:
    from PIL import Image

    from app.drawing import overlay
    from data import masks
    from data.world.world import World

    world = World(args.split, args.count, start=args.seed)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        with (args.out / "questions.jsonl").open("w", encoding="utf-8") as lines:
            for index in range(args.count):
                sample = world.sample(index)
                image = sample.load()
                name = f"{sample.id}.png"
                Image.fromarray(image).save(args.out / name)
                turns = [
                    {
                        "question": turn.question,
                        "answer": turn.answer,
                        "kind": turn.kind,
                        "targets": [{"phrase": t.phrase, "empty": t.absent, "rle": t.rle} for t in turn.targets],
                    }
                    for turn in sample.turns
                ]
                lines.write(json.dumps({"id": sample.id, "image": name, "turns": turns}) + "\n")
                if args.overlay:
                    found = [masks.decode(t.rle) for turn in sample.turns for t in turn.targets if t.rle is not None]
                    Image.fromarray(overlay(image, found)).save(args.out / f"{sample.id}-truth.png")
    except OSError as error:
        raise ValueError(f"{args.out} cannot be written ({error.strerror or error}); name another folder") from error
    print(f"wrote {args.count} scenes to {args.out}")
    return 0


def _eval(args: argparse.Namespace) -> int:
    from data.world.splits import check_split
    from eval.benchmarks import world
    from train.provenance import commit

    check_split(args.split)
    predictor = _predictor(args.checkpoint)
    result = world.run(predictor, args.split, args.count or world.COUNT, args.blind, args.click, quiet=args.json)
    values = {**result.as_json(), "checkpoint": args.checkpoint.name, "commit": commit()}
    if args.out:
        try:
            args.out.mkdir(parents=True, exist_ok=True)
            (args.out / "results.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise ValueError(f"{args.out} cannot be written ({error.strerror or error})") from error
    print(json.dumps(values) if args.json else result.text())
    return 0


def _app(args: argparse.Namespace) -> int:
    import subprocess

    words = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "main.py")]
    words += ["--server.port", str(args.port), "--server.address", args.address, "--browser.gatherUsageStats", "false"]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PINPOINT_CHECKPOINT": str(args.checkpoint), "PYTHONPATH": path}
    return subprocess.call(words, env=environment, cwd=ROOT)


def _predictor(checkpoint: Path) -> Any:
    if not (checkpoint / "config.json").is_file():
        raise ValueError(f"no checkpoint at {checkpoint}: name a folder that holds config.json, or train one")
    from model.predictor import Predictor

    return Predictor.from_pretrained(checkpoint)


def _checkpoint(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--checkpoint", type=Path, default=CHECKPOINT, metavar="DIR", help="default: the one that ships"
    )


def _whole(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def _version() -> str:
    try:
        return version("pinpoint")
    except PackageNotFoundError:
        return "unknown"


if __name__ == "__main__":
    sys.exit(main())
