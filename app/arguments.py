"""The words of the command line: what each command takes, and one plain line when they are wrong."""

import argparse
import difflib
import json
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
CHECKPOINTS = ROOT / "checkpoints"
CHECKPOINT = CHECKPOINTS / "tiny"


class Parser(argparse.ArgumentParser):
    """argparse, whose errors are one line that names the near option or command."""

    def error(self, message: str) -> NoReturn:
        """Print one line and leave with code 2."""
        line = " ".join(message.split())
        print(f"pinpoint: {line}; {self._near(line) or f'see {self.prog} --help'}", file=sys.stderr)
        sys.exit(2)

    def _near(self, message: str) -> str | None:
        """The known word that one of the message is most like."""
        options = [option for action in self._actions for option in action.option_strings]
        choices = [str(choice) for action in self._actions for choice in action.choices or ()]
        wrong = [(word, options) for word in re.findall(r"(?<!\S)--?[^\s=:,]+", message)]
        wrong += [(word, choices) for word in re.findall(r"invalid choice: '([^']*)'", message)]
        for word, known in wrong:
            near = difflib.get_close_matches(word, known, n=1)
            if near and near[0] != word:
                return f"did you mean {near[0]}?"
        return None


def parser() -> Parser:
    """All commands and their options. What is parsed holds ``command`` and ``parser``, that of the command."""
    made = Parser(prog="pinpoint", description="Ask a picture: answers in words with exact masks, or 'not here'.")
    made.add_argument("--version", action="version", version=f"pinpoint {_version()}")
    commands = made.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _ask(commands)
    _world(commands)
    _data(commands)
    _eval(commands)
    _answers(commands)
    commands.add_parser("train", help="train a stage of a recipe", add_help=False)  # its own words: train/launch.py
    _trained(commands)
    _convert(commands)
    _download(commands)
    _parity(commands)
    _app(commands)
    _serve(commands)
    return made


def parse(words: list[str]) -> argparse.Namespace:
    """Read the words of a command; what no command knows is refused by the command itself, so that its own options are
    the ones suggested."""
    args, unknown = parser().parse_known_args(words)
    if unknown:
        args.parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return args


def _ask(commands: Any) -> None:
    ask = _command(commands, "ask", "ask a question about a picture")
    ask.add_argument("image", type=Path, help="a picture: PNG, JPEG, WebP, GIF, BMP or TIFF")
    ask.add_argument("question", help="for example 'Where is the red cup?'")
    _checkpoint(ask)
    _placement(ask)
    _json(ask)
    ask.add_argument(
        "--layer",
        choices=["likely", "best", "last"],
        help="how a learned layer policy is applied (default: its own way)",
    )
    ask.add_argument(
        "--history", type=_talk, default=[], metavar="JSON", help='what was said before: [["question", "answer"], ...]'
    )
    ask.add_argument("--out", type=Path, metavar="DIR", help="write the overlay and the masks here, as PNG")
    ask.add_argument(
        "--export", type=_names, metavar="NAMES", help="formats to write to DIR: coco,labelme,yolo,html,masks,overlay"
    )


def _world(commands: Any) -> None:
    world = _command(commands, "world", "the drawn world")
    actions = world.add_subparsers(dest="action", metavar="ACTION", required=True)
    sample = _command(actions, "sample", "write pictures with their questions and truth")
    _split(sample, "train")
    sample.add_argument("--seed", type=_whole, default=0, metavar="N", help="of the first scene (default 0)")
    sample.add_argument("--count", type=_positive, default=8, metavar="K", help="how many scenes (default 8)")
    sample.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    sample.add_argument("--overlay", action="store_true", help="also draw the truth over each picture")
    export = _command(actions, "export", "write it in the tree of another dataset, in its format")
    export.add_argument("--format", nargs="+", required=True, metavar="NAME", help="refcoco, reason_seg, ...; or all")
    export.add_argument("--split", nargs="+", metavar="SPLIT", help="of the world (default those of train, val, test)")
    export.add_argument("--count", type=_positive, default=100, metavar="N", help="scenes a split (default 100)")
    export.add_argument("--seed", type=_whole, default=0, metavar="N", help="of each split's first scene (default 0)")
    export.add_argument("--out", type=Path, required=True, metavar="ROOT", help="of the tree")


def _data(commands: Any) -> None:
    actions = _command(commands, "data", "trees of datasets").add_subparsers(
        dest="action", metavar="ACTION", required=True
    )
    check = _command(actions, "check", "say what a tree holds and what is wrong with it")
    check.add_argument("root", type=Path, metavar="ROOT", help="of the tree")
    check.add_argument("--dataset", metavar="NAME", help="check this one alone")
    check.add_argument("--quick", action="store_true", help="read the pictures' headers alone")
    _json(check)
    show = _command(actions, "show", "draw samples with their questions and masks")
    _one_split(show)
    show.add_argument("--count", type=_positive, default=8, metavar="K", help="how many samples (default 8)")
    show.add_argument("--out", type=Path, required=True, metavar="DIR", help="where to write")
    dump = _command(actions, "dump", "write what is read of every sample, as lines of JSON")
    _one_split(dump)
    dump.add_argument("--out", type=Path, metavar="FILE", help="write here (default: standard output)")


def _one_split(command: Parser) -> None:
    command.add_argument("root", type=Path, metavar="ROOT", help="of the tree")
    command.add_argument("--dataset", required=True, metavar="NAME", help="as `pinpoint data check ROOT` names it")
    command.add_argument("--split", required=True, metavar="SPLIT", help="train, val, ...")


def _eval(commands: Any) -> None:
    evaluate = _command(commands, "eval", "measure a checkpoint on a benchmark; started again, it goes on")
    evaluate.add_argument("benchmark", nargs="?", metavar="NAME", help="world, refcoco, ReasonSeg, ...: see --list")
    evaluate.add_argument("--list", action="store_true", help="print benchmarks, splits and protocols, and stop")
    evaluate.add_argument("--split", metavar="SPLIT", help="default: val, or the benchmark's first")
    evaluate.add_argument("--data-root", type=Path, metavar="ROOT", help="of the tree of datasets")
    evaluate.add_argument("--protocol", metavar="NAME", help="default: the benchmark's first")
    evaluate.add_argument("--count", type=_positive, metavar="N", help="the first N pictures by name (default: all)")
    _asking(evaluate)
    evaluate.add_argument(
        "--from",
        dest="given",
        type=Path,
        metavar="FILE",
        help="score these predictions, without a model; those of another system by the truth of NAME",
    )
    evaluate.add_argument("--blind", action="store_true", help="show a grey picture: what do the words give away?")
    evaluate.add_argument("--click", action="store_true", help="give masks below 0.7 IoU one corrective click")
    _json(evaluate)
    evaluate.add_argument("--out", type=Path, metavar="DIR", help="write results.json and predictions.jsonl here")
    _checkpoint(evaluate)
    _placement(evaluate)


def _asking(command: Parser) -> None:
    command.add_argument("--batch", type=_positive, default=8, metavar="B", help="questions asked at once (default 8)")
    command.add_argument(
        "--processes", type=_positive, default=1, metavar="N", help="on this machine, a GPU each (default 1)"
    )
    command.add_argument(
        "--threads", type=_positive, default=1, metavar="T", help="of the CPU, for each process (default 1)"
    )


def _answers(commands: Any) -> None:
    compare = _command(commands, "compare", "say how two sets of answers to the same questions differ")
    compare.add_argument("first", type=Path, metavar="A", help="predictions.jsonl, or the folder that holds it")
    compare.add_argument("second", type=Path, metavar="B", help="the same of another model")
    compare.add_argument("--protocol", metavar="NAME", help="whose rules count (default: A's)")
    _json(compare)
    report = _command(commands, "report", "write report.html of an evaluation again")
    report.add_argument("folder", type=Path, metavar="DIR", help="of the evaluation")
    report.add_argument("--data-root", type=Path, metavar="ROOT", help="of the tree of datasets: its pictures")
    report.add_argument("--protocol", metavar="NAME", help="whose rules count (default: the evaluation's)")
    report.add_argument("--most", type=_positive, default=1000, metavar="N", help="samples shown (default 1000)")
    many = _command(commands, "ask-many", "ask the questions of a file; started again, it goes on")
    many.add_argument("input", type=Path, metavar="INPUT", help="a .csv or .jsonl (image, question), or a folder")
    many.add_argument("--out", type=Path, required=True, metavar="DIR", help="predictions.jsonl and report.html")
    many.add_argument("--question", metavar="TEXT", help="of a folder's pictures, and of rows without one")
    many.add_argument("--masks", action="store_true", help="write each mask as PNG, too")
    _asking(many)
    _json(many)
    _checkpoint(many)
    _placement(many)


def _trained(commands: Any) -> None:
    merge = _command(commands, "merge", "make a plain checkpoint of a training run, its adapters merged")
    merge.add_argument("run", type=Path, metavar="RUN", help="the run's folder, as its recipe's 'out' names it")
    merge.add_argument("out", type=Path, metavar="OUT", help="the folder to make; nothing is replaced")
    merge.add_argument("--step", type=_positive, metavar="N", help="of the saved state (default: the newest)")
    merge.add_argument(
        "--dtype", choices=["float32", "bfloat16", "float16"], help="to store the weights in (default: as they are)"
    )
    push = _command(commands, "push", "write a model card and upload a checkpoint to a hub")
    push.add_argument("folder", type=Path, metavar="FOLDER", help="a checkpoint, or a run: then what it has made")
    push.add_argument("repository", metavar="REPO", help="OWNER/NAME on the hub; made if it is not there")
    push.add_argument("--private", action="store_true", help="a repository that is made is open to its owner alone")
    push.add_argument("--licence", metavar="ID", help="for the card, as the hub names it: apache-2.0, llama2, ...")
    push.add_argument("--endpoint", metavar="URL", help="of the hub (default HF_ENDPOINT, or huggingface.co)")
    push.add_argument("--dry-run", action="store_true", help="print the card and what would be uploaded, and stop")


def _convert(commands: Any) -> None:
    convert = _command(commands, "convert", "turn a released checkpoint into one of ours")
    convert.add_argument(
        "--from", dest="system", choices=["lisa", "gsva", "read", "uground"], required=True, help="who released it"
    )
    convert.add_argument("source", type=Path, metavar="SRC", help="its folder, or GSVA's single file")
    convert.add_argument("target", type=Path, metavar="DST", help="the folder to make; nothing is replaced")
    convert.add_argument("--clip", type=Path, metavar="DIR", help="CLIP's folder, if it is not inside or beside SRC")
    convert.add_argument("--sam", type=Path, metavar="FILE", help="SAM's weights, if they are not inside SRC")
    convert.add_argument("--base", type=Path, metavar="DIR", help="the model it was trained from (GSVA)")
    convert.add_argument(
        "--settings", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="see docs/convert.md"
    )
    convert.add_argument("--check", action="store_true", help="read the result again and compare every number")


def _parity(commands: Any) -> None:
    parity = _command(commands, "parity", "compare what we compute with outputs of the published code")
    parity.add_argument("folder", type=Path, metavar="DIR", help="one folder a system: see eval/parity/cases.py")
    _json(parity)


def _download(commands: Any) -> None:
    download = _command(commands, "download", "fetch a released checkpoint and convert it")
    download.add_argument("name", nargs="?", metavar="NAME", help="see --list")
    download.add_argument("--list", action="store_true", help="print what there is, or what NAME is, and stop")
    _json(download)
    download.add_argument("--dry-run", action="store_true", help="say what would be fetched, and stop")
    download.add_argument("--out", type=Path, metavar="DIR", help="the folder to make (default checkpoints/NAME)")
    download.add_argument("--endpoint", metavar="URL", help="of the hub (default HF_ENDPOINT, or huggingface.co)")
    download.add_argument("--check", action="store_true", help="read the result again and compare every number")


def _app(commands: Any) -> None:
    page = _command(commands, "app", "open the page")
    _listening(page, 8501)
    page.add_argument(
        "--root",
        type=Path,
        action="append",
        default=[],
        metavar="DIR",
        help="a folder whose datasets, results and pictures whoever opens the page may see; may be given again",
    )
    _checkpoint(page)
    _placement(page)


def _serve(commands: Any) -> None:
    serve = _command(commands, "serve", "answer over HTTP: JSON in and out, see docs/service.md")
    _listening(serve, 8502)
    serve.add_argument(
        "--token-file",
        type=Path,
        metavar="FILE",
        help="holds the token that requests must bring (default: what PINPOINT_TOKEN says; without both none)",
    )
    serve.add_argument(
        "--allow-host", nargs="+", default=[], metavar="NAME", help="names it is known by, beside localhost"
    )
    serve.add_argument("--queue", type=_positive, default=32, metavar="N", help="questions that may wait (default 32)")
    serve.add_argument(
        "--timeout", type=_positive, default=120, metavar="S", help="seconds for one question (default 120)"
    )
    serve.add_argument(
        "--most-mb", type=_positive, default=32, metavar="MB", help="of one request, in MiB (default 32)"
    )
    _checkpoint(serve)
    _placement(serve)


def _listening(command: Parser, port: int) -> None:
    """Where a server listens."""
    command.add_argument("--port", type=_port, default=port, help=f"default {port}")
    command.add_argument("--host", default="127.0.0.1", help="default 127.0.0.1: this machine alone")


def _command(commands: Any, name: str, what: str) -> Parser:
    made: Parser = commands.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}.")
    made.set_defaults(parser=made)
    return made


def _checkpoint(command: Parser) -> None:
    command.add_argument(
        "--checkpoint",
        type=Path,
        default=CHECKPOINT,
        metavar="DIR or NAME",
        help="a folder, or what `pinpoint download` has fetched (default: the one that ships)",
    )
    command.add_argument(
        "--backbone", metavar="DIR or NAME", help="instead, a language model that writes where things are, ..."
    )
    command.add_argument(
        "--segmenter", metavar="DIR or NAME", help="... and what draws there; neither is trained by us"
    )


def _placement(command: Parser) -> None:
    """The fields of model.placement.Placement that are chosen by words."""
    group = command.add_argument_group("placement", "where and in what the networks compute: docs/performance.md")
    group.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, ... (default: a GPU where there is one)")
    group.add_argument(
        "--precision",
        choices=["auto", "float32", "bfloat16"],
        default="auto",
        help="auto: float32, and bfloat16 for a large model where the device has it",
    )
    group.add_argument("--bits", type=int, choices=[8, 4], help="round the language model to so many (see docs)")
    group.add_argument("--offload", action="store_true", help="SAM's encoder waits in main memory between pictures")
    group.add_argument("--compile", action="store_true", help="compile SAM's encoder: slow to begin with")


def _json(command: Parser) -> None:
    command.add_argument("--json", action="store_true", help="print one JSON object and nothing else")


def _split(command: Parser, default: str) -> None:
    names = "train, val, test, test_phrasing, test_compose or test_crowd"
    command.add_argument("--split", default=default, help=f"{names} (default {default})")


def _names(text: str) -> list[str]:
    names = list(dict.fromkeys(filter(None, (name.strip() for name in text.split(",")))))
    if not names:
        raise argparse.ArgumentTypeError("it names no format")
    return names


def _talk(text: str) -> list[tuple[str, str]]:
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, list) or not all(
        isinstance(turn, list) and len(turn) == 2 and all(isinstance(words, str) for words in turn) for turn in said
    ):
        raise argparse.ArgumentTypeError('it is no JSON of the form [["question", "answer"], ...]')
    if any("\ud800" <= letter <= "\udfff" for turn in said for words in turn for letter in words):
        raise argparse.ArgumentTypeError("it is not valid text: half a pair of surrogates stands alone")
    return [(question, answer) for question, answer in said]


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port, a whole number from 1 to 65535")
    return int(text)


def _version() -> str:
    try:
        return version("pinpoint")
    except PackageNotFoundError:
        return "unknown"
