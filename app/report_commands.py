"""The work behind ``pinpoint compare``, ``report``, ``ask-many`` and ``eval --from``: what is done with answers."""

import argparse
import hashlib
import json
import re
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from app.eval_commands import default_split, folder, now, settled, text
from app.export import slug, writing
from data import masks, provenance
from eval import benchmarks, foreign, journal, predictions, report, rescoring, results
from eval.compare import Comparison, compare
from eval.predictions import Prediction
from eval.protocols import Protocol
from eval.report.page import Pictures
from model.placement import Placement

LONGEST = 60  # letters of a question in a table


def rescore(args: argparse.Namespace) -> int:
    """Score predictions without a model; of other systems' by the truth of a benchmark.

    Raises:
        ValueError: what was typed does not fit together, or a prediction is of no question.
    """
    begin = time.perf_counter()
    file = rescoring.file_of(args.given)
    pictures: Pictures | None = None
    if args.benchmark is None:
        if args.split or args.count:
            raise ValueError("--split and --count choose questions of a benchmark: name it")
        if foreign.is_list(file):
            raise ValueError(f"{file} holds masks alone: name the benchmark, and the root of its data, for the truth")
        said = rescoring.results_of(file)
        protocol = rescoring.protocol_of(said, args.protocol)
        rows = list(rescoring.own(rescoring.read(file)))
        if said.get("questions", len(rows)) != len(rows):
            raise ValueError(
                f"{file} answers {len(rows):,} questions, and the {results.RESULTS} beside it is of "
                f"{said['questions']:,}: lay what is to be scored alone in another folder, and name the --protocol"
            )
        name, split, count = said.get("benchmark"), said.get("split"), said.get("pictures")
        if args.out:
            pictures, _ = _sources(args, said)
    else:
        said = {}
        benchmark = benchmarks.find(args.benchmark)
        name, split = benchmark.name, args.split or default_split(benchmark)
        protocol = benchmark.protocol(args.protocol)
        questions = benchmark.open(args.data_root, split, args.count)
        wanted = rescoring.expected(questions, protocol)
        given = foreign.read(file, wanted) if foreign.is_list(file) else rescoring.read(file)
        rows, count = rescoring.fitted(given, wanted), len(questions)
        pictures = report.pictures_of(questions, protocol)
    head = {
        "benchmark": name,
        "split": split,
        "pictures": len({row.image for row in rows}) if count is None else count,
        "blind": said.get("blind", False),
        "checkpoint": said.get("checkpoint"),
        "sha256": said.get("sha256"),
        "from": file.name,
        "asked_by": said.get("asked_by") or rescoring.asked_by(said),
        "commit": provenance.commit(),
        "versions": provenance.versions(),
    }
    lines = (predictions.line(row, protocol.count(row).iou).encode() for row in sorted(rows, key=lambda one: one.id))
    with folder(args.out) as out:
        if (out / results.RESULTS).exists() or (out / results.PREDICTIONS).exists():
            raise ValueError(f"{out} holds answers already: name another folder")
        with writing(out):
            values = results.write(out, head, protocol, lines, sys.argv, _time(begin))
            if args.out:
                report.make(out, protocol, pictures)
    print(json.dumps(values) if args.json else text(values))
    return 0


def comparison(args: argparse.Namespace) -> int:
    """Compare two sets of predictions."""
    found = compare(args.first, args.second, args.protocol)
    print(json.dumps(found.as_json()) if args.json else comparison_text(found))
    return 0


def comparison_text(found: Comparison) -> str:
    """A line for each number and each of the questions that changed most."""
    lines = [f"first:  {found.names[0]}", f"second: {found.names[1]}"]
    lines += [f"! {note}" for note in found.notes]
    lines += [f"{found.common:,} questions, counted by {found.protocol}", ""]
    lines.append(f"{'':10}{'first':>8}{'second':>8}{'change':>9}   95 % interval         p")
    for name, one in found.differences.items():
        if one is None:
            lines.append(f"{name:10}{'-':>8}{'-':>8}{'-':>9}")
            continue
        between = f"{one.low:+.4f} .. {one.high:+.4f}"
        lines.append(f"{name:10}{one.first:8.4f}{one.second:8.4f}{one.value:+9.4f}   {between:20}{one.p:6.3f}")
    if found.changed:
        lines += ["", "changed most:"]
        width = max(len(one.id) for one in found.changed)
        for change in found.changed:
            said = change.question if len(change.question) <= LONGEST else change.question[:LONGEST] + "..."
            lines.append(f"{change.id:{width}}  {change.first:.3f} -> {change.second:.3f}  {said}")
    else:
        lines += ["", "no question's IoU differs"]
    return "\n".join(lines)


def remake(args: argparse.Namespace) -> int:
    """Write the report of a folder's predictions again.

    Raises:
        ValueError: the folder holds none, or its pictures are not where they were.
    """
    values = rescoring.results_of(args.folder)
    pictures, protocol = _sources(args, values)
    with writing(args.folder):
        print(f"wrote {report.make(args.folder, protocol, pictures, args.most)}")
    return 0


def _sources(args: argparse.Namespace, values: dict[str, Any]) -> tuple[Pictures | None, Protocol | None]:
    """Where the pictures of an evaluation are, and the rules that it was counted by."""
    if "input" in values:
        from eval import many

        source = Path(values["input"])
        if not source.exists():
            print(f"pinpoint: {source} is not there any more: no pictures", file=sys.stderr)
            return None, None
        return many.Typed(many.read(source, values.get("question"))[0]).picture, None
    protocol = rescoring.protocol_of(values, args.protocol)
    name, root = values.get("benchmark"), args.data_root
    if name is None:
        return None, protocol
    benchmark = benchmarks.find(name)
    if benchmark.rooted and root is None:
        print("pinpoint: without --data-root the report has no pictures", file=sys.stderr)
        return None, protocol
    questions = benchmark.open(root, str(values["split"]), None if benchmark.rooted else values.get("pictures"))
    return report.pictures_of(questions, protocol), protocol


def ask_many(args: argparse.Namespace, checkpoint: Path, placement: Placement) -> int:
    """Ask the questions of a file, or one of every picture of a folder; started again, it goes on.

    Raises:
        ValueError: the file holds nothing that can be asked, or the folder holds the answers to something else.
    """
    from eval import many, processes
    from eval.run import BLOCK

    begin = time.perf_counter()
    placement.check()
    rows, bad = many.read(args.input, args.question)
    questions = many.Typed(rows)
    among = processes.ranks(args.processes, placement.device)
    head = {
        "input": str(args.input.resolve()),
        "question": args.question,
        "asked": questions.digest(),
        "pictures": len(questions),
        "batch": args.batch,
        "block": BLOCK,
        "checkpoint": checkpoint.name,
        "sha256": provenance.digest(checkpoint),
        "device": provenance.device_name(among[0].device),
        "threads": args.threads,
        "commit": provenance.commit(),
        "versions": provenance.versions(),
        "placement": asdict(settled(placement, checkpoint)),
    }
    work = many.Work(
        checkpoint=checkpoint,
        out=args.out,
        benchmark="",
        split="",
        batch=args.batch,
        threads=args.threads,
        placement=placement,
        input=args.input,
        question=args.question,
    )
    values = results.finished(args.out, head, "answers")
    if values is not None:
        print(f"pinpoint: {args.out} holds these answers already: remove it to ask again", file=sys.stderr)
    else:
        with writing(args.out):
            journal.begin(args.out, head)
        for one in bad:
            print(f"pinpoint: left out: {one.row}: {one.error}", file=sys.stderr)
        journals = processes.evaluate(work, *work.open(), among, quiet=args.json)
        if journals is None:
            return 0
        with writing(args.out):
            values = many.finish(
                args.out,
                head,
                journals,
                bad,
                {"command": sys.argv, "time": {**_time(begin), "processes": among[0].count}},
            )
    if not among[0].first:
        return 0
    with writing(args.out):  # also where the answers were there already: what shows them may not be
        if not (args.out / report.NAME).exists():
            report.make(args.out, None, questions.picture)
        if args.masks:
            for prediction in rescoring.read(args.out):
                _write_masks(prediction, args.out / "masks")
    print(json.dumps(values) if args.json else _many_text(values, args.out))
    return 0


def _many_text(values: dict[str, Any], out: Path) -> str:
    lines = [f"asked {values['questions']:,} questions about {values['pictures']:,} pictures"]
    failed, left = values["failed"], values["left_out"]
    if failed["questions"]:
        first = failed["named"][0]
        lines.append(f"FAILED: {failed['questions']:,}; the first is {first['id']}: {first['error']}")
    if left["rows"]:
        first = left["named"][0]
        lines.append(f"left out: {left['rows']:,}; the first is {first['row']}: {first['error']}")
    lines.append(f"wrote {out / report.NAME}; {values['time']['seconds']:.0f} s")
    return "\n".join(lines)


def _write_masks(prediction: Prediction, folder: Path) -> None:
    """Each mask as a black-and-white PNG: ``ID-NUMBER-PHRASE.png``."""
    folder.mkdir(exist_ok=True)
    # The hash keeps ids apart that are the same but for letters that no file name may have.
    id = prediction.id
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", id)[:80] + "-" + hashlib.sha256(id.encode()).hexdigest()[:6]
    drawn = [one for one in prediction.given if one.rle is not None]
    for number, one in enumerate(drawn, start=1):
        assert one.rle is not None
        mask = masks.decode(one.rle).astype(np.uint8) * 255
        Image.fromarray(mask).save(folder / f"{name}-{number:02d}-{slug(one.phrase)}.png")


def _time(begin: float) -> dict[str, Any]:
    seconds = round(time.perf_counter() - begin, 1)
    return {"finished": now(), "seconds": seconds}
