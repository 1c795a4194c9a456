"""The command line: ``pinpoint ask``, ``world``, ``data``, ``eval``, ``train``, ``convert``, ``download``,
``parity`` and ``app``.

What a person can get wrong ends in one plain line on standard error and exit code 2, never in a traceback. Heavy
packages are imported by the command that needs them, so that ``--help`` and a wrong word answer at once.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from app.arguments import CHECKPOINT, CHECKPOINTS, ROOT, Parser, parse

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
                "convert": _convert,
                "download": _download,
                "parity": _parity,
                "app": _app,
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
    except KeyboardInterrupt:
        return 130


def _ask(args: argparse.Namespace) -> int:
    from data.images import open_image

    # What was typed is checked before the model is read: a wrong path is found at once.
    folder = _folder(args.checkpoint)
    if not args.question.strip():
        raise ValueError("the question is empty: ask what to look for, for example 'Where is the red cup?'")
    if any("\ud800" <= letter <= "\udfff" for letter in args.question):  # bytes that are not UTF-8
        raise ValueError("the question is not valid text: type it in UTF-8")
    image = open_image(args.image)

    from app import export
    from model.predictor import Predictor

    predictor = Predictor.from_pretrained(folder, layer=args.layer)
    predictor.set_image(image)
    answer = predictor.ask(args.question)
    files = export.write(answer, image, args.out) if args.out else []
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

    names = export.available() if args.format == ["all"] else args.format
    for name in names:
        export.load(name)  # a wrong name is found before anything is drawn
    for name in names:
        files = export.export(name, args.out, args.count, args.split, args.seed)
        print(f"wrote {name} to {args.out}: {len(files):,} annotation file{'s' * (len(files) != 1)}")
    return 0


def _data(args: argparse.Namespace) -> int:
    """Of a check, 0 if nothing is wrong, else 1."""
    from app import data_commands

    if args.action == "check":
        from data.check import check

        report = check(args.root, args.dataset, args.quick, quiet=args.json)
        print(json.dumps(report.as_json()) if args.json else data_commands.report_text(report))
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
    from data.world.splits import check_split

    check_split(args.split)
    folder = _folder(args.checkpoint)
    from app.export import writing

    if args.out:
        with writing(args.out):  # made now: an hour of asking must not end in a folder that cannot be
            pass
    from eval import results
    from eval.benchmarks import world
    from model.predictor import Predictor
    from train.provenance import commit

    predictor = Predictor.from_pretrained(folder)
    result = world.run(predictor, args.split, args.count or world.COUNT, args.blind, args.click, quiet=args.json)
    values = {**result.as_json(), "checkpoint": folder.name, "commit": commit()}
    if args.out:
        with writing(args.out):
            (args.out / "results.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
            results.write(result.records, args.out / "questions.jsonl")
    print(json.dumps(values) if args.json else result.text())
    return 0


def _train(words: list[str]) -> int:
    from train import launch

    known = launch.parser()
    # Read once with our own parser, for its one-line errors; launch reads the same words again.
    Parser(prog=known.prog, description=known.description, parents=[known], add_help=False).parse_args(words)
    return launch.main(words)


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
    from dataclasses import asdict

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
    import socket
    import subprocess

    folder = _folder(args.checkpoint)
    try:
        with socket.create_server((args.address, args.port)):
            pass
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ValueError(
            f"no page can be opened at {args.address}, port {args.port} ({reason}); choose another with --port"
        ) from error
    words = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app" / "main.py")]
    words += ["--server.port", str(args.port), "--server.address", args.address, "--browser.gatherUsageStats", "false"]
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PINPOINT_CHECKPOINT": str(folder), "PYTHONPATH": path}
    return subprocess.call(words, env=environment, cwd=ROOT)


def _folder(checkpoint: Path) -> Path:
    """The absolute path of a checkpoint's folder, or of the one of that name; its damage is found when it is read."""
    if (checkpoint / "config.json").is_file():
        return checkpoint.resolve()
    name = str(checkpoint)
    if checkpoint.name != name:
        raise ValueError(f"no checkpoint at {checkpoint}: name a folder that holds config.json, or train one")
    if (CHECKPOINTS / name / "config.json").is_file():
        return (CHECKPOINTS / name).resolve()
    from model.released import near, table

    release = table().releases.get(name)
    if release is not None and not release.is_part:
        raise ValueError(f"{name} is not here yet: run `pinpoint download {name}` first")
    close = near(name) if release is None else None
    hint = f"did you mean {close}?" if close else "name a folder that holds config.json, or train one"
    raise ValueError(f"no checkpoint at {checkpoint}: {hint}")


if __name__ == "__main__":
    sys.exit(main())
