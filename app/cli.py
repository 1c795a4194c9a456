"""The command line: ``pinpoint ask``, ``ask-many``, ``world``, ``data``, ``eval``, ``compare``, ``report``, ``train``,
``merge``, ``push``, ``convert``, ``download``, ``parity``, ``app`` and ``serve``.

What a person can get wrong ends in one plain line on standard error and exit code 2, never in a traceback. Heavy
packages are imported by the command that needs them, so that ``--help`` and a wrong word answer at once.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from app.arguments import CHECKPOINT, CHECKPOINTS, Parser, parse

if TYPE_CHECKING:
    from model.placement import Placement

__all__ = ["CHECKPOINT", "main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 where a check has failed, 2 for what the person who typed can mend."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] == ["train"]:
            code = _train(words[1:])
        else:
            args = parse(words)
            commands = {
                "ask": _ask,
                "world": _world,
                "data": _data,
                "eval": _eval,
                "compare": _compare,
                "report": _report,
                "ask-many": _ask_many,
                "convert": _convert,
                "download": _download,
                "merge": _merge,
                "push": _push,
                "parity": _parity,
                "app": _app,
                "serve": _serve,
            }
            code = commands[args.command](args)
        sys.stdout.flush()  # here, where a closed pipe is still ours to handle
        return code
    except BrokenPipeError:  # the reader of our output went away: `pinpoint ... | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"pinpoint: {error.filename or 'a file'}: {error.strerror or error}", file=sys.stderr)
        return 2
    except ValueError as error:
        print(f"pinpoint: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except RuntimeError as error:
        if type(error).__name__ != "OutOfMemoryError":  # torch's own, which not every command has imported
            raise
        print("pinpoint: the device's memory is full: try --bits, --offload or another --device", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _ask(args: argparse.Namespace) -> int:
    from data.images import open_image

    # What was typed is checked before the model is read: a wrong path is found at once.
    folder = _model(args)
    if not args.question.strip():
        raise ValueError("the question is empty: ask what to look for, for example 'Where is the red cup?'")
    if any("\ud800" <= letter <= "\udfff" for letter in args.question):  # bytes that are not UTF-8
        raise ValueError("the question is not valid text: type it in UTF-8")
    if args.export is not None and not args.out:
        raise ValueError("--export writes files: say where with --out DIR")
    image = open_image(args.image)

    from app import export
    from app.session import Exchange
    from model.predictor import Predictor

    formats = export.PICTURES if args.export is None else args.export
    if args.out:
        export.check(export.Talk(image, args.image.name), args.out, formats)
    predictor = Predictor.from_pretrained(folder, _placement(args), args.layer)
    predictor.set_image(image)
    answer = predictor.ask(args.question, args.history)
    talk = export.Talk(image, args.image.name, (Exchange(args.question, answer),))
    files = export.write(talk, args.out, formats) if args.out else []
    print(json.dumps(export.as_json(answer)) if args.json else export.as_text(answer))
    if not args.json:
        for file in files:
            print(f"  wrote {file}")
    return 0


def _world(args: argparse.Namespace) -> int:
    if args.action == "export":
        return _export(args)
    from data.world.world import World

    world = World(args.split, args.count, start=args.seed)
    from app.export import write_sample, writing

    with writing(args.out), (args.out / "questions.jsonl").open("w", encoding="utf-8") as lines:
        for index in range(args.count):
            line = write_sample(world.sample(index), args.out, args.overlay)
            lines.write(json.dumps(line) + "\n")
    print(f"wrote {args.count} scene{'s' * (args.count > 1)} to {args.out}")
    return 0


def _export(args: argparse.Namespace) -> int:
    from data import export

    if "all" in args.format and len(args.format) > 1:
        raise ValueError("--format all is every format: name it alone, or name those that you want")
    names = export.available() if args.format == ["all"] else list(dict.fromkeys(args.format))
    for name in names:
        export.load(name)  # a wrong name is found before anything is drawn
    for name in names:
        written = export.export(name, args.out, args.count, args.split, args.seed)
        files = len(written.files)
        print(f"wrote {name} to {args.out}: {files:,} annotation file{'s' * (files != 1)}")
        for split in written.empty:
            print(f"  nothing of {split}: {name} can hold none of its scenes; ask for more with --count")
    return 0


def _data(args: argparse.Namespace) -> int:
    """Of a check, 0 if nothing is wrong, else 1."""
    from app import data_commands

    if args.action == "check":
        from data.check import check

        report = check(args.root, args.dataset, args.quick, quiet=args.json)
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(json.dumps(report.as_json()) if args.json else data_commands.report_text(report, width))
        return 1 if report.faults else 0
    if args.action == "show":
        files = data_commands.show(args.root, args.dataset, args.split, args.count, args.out)
        print(f"wrote {len(files)} picture{'s' * (len(files) != 1)} to {args.out}")
        return 0
    count = data_commands.dump(args.root, args.dataset, args.split, args.out)
    if args.out:
        print(f"wrote {count:,} sample{'s' * (count != 1)} to {args.out}")
    return 0


def _eval(args: argparse.Namespace) -> int:
    if args.list:
        from eval import benchmarks

        print(benchmarks.listing())
        return 0
    if args.given is not None:
        from app import report_commands

        return report_commands.rescore(args)
    if args.benchmark is None:
        raise ValueError("which benchmark? `pinpoint eval --list` prints their names")
    from app import eval_commands

    return eval_commands.evaluate(args, _model(args), _placement(args))


def _compare(args: argparse.Namespace) -> int:
    from app import report_commands

    return report_commands.comparison(args)


def _report(args: argparse.Namespace) -> int:
    from app import report_commands

    return report_commands.remake(args)


def _ask_many(args: argparse.Namespace) -> int:
    folder = _model(args)
    from app import report_commands

    return report_commands.ask_many(args, folder, _placement(args))


def _train(words: list[str]) -> int:
    from train import launch

    known = launch.parser()
    # Read once with our own parser, for its one-line errors; launch reads the same words again.
    Parser(prog=known.prog, description=known.description, parents=[known], add_help=False).parse_intermixed_args(words)
    return launch.main(words)


def _merge(args: argparse.Namespace) -> int:
    from app import train_commands

    with _cleaned():
        return train_commands.merge(args)


def _push(args: argparse.Namespace) -> int:
    from app import train_commands

    return train_commands.push(args)


def _convert(args: argparse.Namespace) -> int:
    import yaml

    settings = {}
    for word in args.settings:
        key, equals, value = word.partition("=")
        if not equals:
            raise ValueError(f"--settings: {word!r} is not key=value; give SRC and DST before it")
        try:
            settings[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"--settings: the value of {key!r} cannot be read: {value!r}") from error
    if not args.source.exists():
        raise ValueError(f"no checkpoint at {args.source}: name a folder, or a file of weights")
    from model.convert import convert

    with _cleaned():
        report = convert(
            args.system,
            args.source,
            args.target,
            base=args.base,
            clip=args.clip,
            sam=args.sam,
            settings=settings,
            check=args.check,
        )
    print(f"wrote {args.target}: {report.text()}")
    return 0


def _parity(args: argparse.Namespace) -> int:
    """0 if every tensor is within its tolerance, else 1."""
    if not args.folder.is_dir():
        raise ValueError(f"no folder {args.folder}: name one that holds the published systems' outputs")
    from eval import parity

    found = list(parity.check(args.folder))
    print(json.dumps([asdict(one) for one in found]) if args.json else parity.table(found))
    return 0 if all(one.passed for one in found) else 1


def _download(args: argparse.Namespace) -> int:
    from model.released import find

    if args.json and not args.list:
        raise ValueError("--json goes with --list")
    if args.list:
        release = find(args.name) if args.name else None
        from app import catalogue

        values = catalogue.as_json()
        if release is None:
            print(json.dumps(values) if args.json else catalogue.as_text())
        else:
            print(json.dumps(values["releases"][release.name]) if args.json else catalogue.one(release))
        return 0
    if args.name is None:
        raise ValueError("which release? `pinpoint download --list` prints their names")
    release = find(args.name)
    if release.is_part and args.out:
        raise ValueError(f"{release.name} is a part and stays in the hub client's cache: leave --out away")
    target = (args.out or CHECKPOINTS / release.name).absolute()
    from app import catalogue
    from model.released import download as work
    from model.released.hub import Hub

    hub = Hub(args.endpoint)
    if args.dry_run:
        plan = work.plan(release, hub)
        print(catalogue.planned(plan, sum(hub.missing(file) for file in plan.files)))
        return 0
    try:
        with _cleaned():
            made = work.download(release, target, hub, lambda line: print(line, flush=True), args.check)
    except KeyboardInterrupt:
        print("pinpoint: stopped; what has arrived is kept, and the same command goes on", file=sys.stderr)
        return 130
    print(
        f"{made}" if release.is_part else f"ask it: pinpoint ask PICTURE QUESTION --checkpoint {args.out or args.name}"
    )
    return 0


@contextmanager
def _cleaned() -> Iterator[None]:
    """A process that is told to end removes what it has half made."""
    import signal

    def leave(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _app(args: argparse.Namespace) -> int:
    from app import server_commands

    return server_commands.page(args, _model(args), _placement(args))


def _serve(args: argparse.Namespace) -> int:
    from app import server_commands

    return server_commands.service(args, _model(args), _placement(args))


def _placement(args: argparse.Namespace) -> "Placement":
    """What was asked of the machine; whether it has it is found before the model is read."""
    from model.placement import Placement

    return Placement(
        device=args.device, precision=args.precision, bits=args.bits, offload=args.offload, compile=args.compile
    )


def _model(args: argparse.Namespace) -> Path:
    """The folder of the model that was asked for: a checkpoint, or what two downloaded parts make."""
    if args.backbone is None and args.segmenter is None:
        return _folder(args.checkpoint)
    if args.backbone is None or args.segmenter is None:
        raise ValueError("--backbone and --segmenter go together: `pinpoint download --list` prints names of both")
    if args.checkpoint != CHECKPOINT:
        raise ValueError("--checkpoint is a whole model: leave it away, or --backbone and --segmenter")
    from model.released import pair

    parts = pair.find(args.backbone, "backbone"), pair.find(args.segmenter, "segmenter")
    return pair.pair(*parts, CHECKPOINTS)


def _folder(checkpoint: Path) -> Path:
    """The absolute path of a checkpoint's folder, or of the one of that name; its damage is found when it is read."""
    from model.released import here, near, table

    found = here(checkpoint, CHECKPOINTS)
    if found is not None:
        return found
    name = str(checkpoint)
    if checkpoint.name != name:
        raise ValueError(f"no checkpoint at {checkpoint}: name a folder that holds config.json, or train one")
    release = table().releases.get(name)
    if release is not None and not release.is_part:
        raise ValueError(f"{name} is not here yet: run `pinpoint download {name}` first")
    close = near(name) if release is None else None
    hint = f"did you mean {close}?" if close else "name a folder that holds config.json, or train one"
    raise ValueError(f"no checkpoint at {checkpoint}: {hint}")


if __name__ == "__main__":
    sys.exit(main())
