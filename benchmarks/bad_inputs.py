"""What becomes of inputs that must be refused, or read with care: a folder of them with ``cases.json``.

python -m benchmarks.bad_inputs ../shared/samples/bad

Each case is read in a process of its own, in an empty folder, under limits of memory and time. The outcome is "reject"
where the reader of the case raises its own error and, of a dataset, ``pinpoint data check`` tells the same in one
fault; "read" where neither finds anything and size, colours and mask are those of the case. Whatever else comes to pass
is told as it is and counts as wrong.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from data import masks
from data.check import check
from data.datasets import open_dataset
from data.images import open_image

MEMORY = 4_000_000_000  # bytes of addresses of a case's process
SECONDS = 60
FAULTS = ("cannot open", "annotation", "unreadable image", "size mismatch")  # that a refused input is told as
DEFAULT_SPLITS = {"ade20k": "train", "llava_instruct_150k": "train"}
NAMES = {"llava_instruct_150k": "llava"}


def outcome(folder: Path, case: dict[str, Any]) -> tuple[str, str]:
    """("reject", "read" or what is wrong about it, what was said) of one case, in this process."""
    read = _picture if case["reader"] == "image" else _dataset
    try:
        return read(folder / case["path"], case)
    except ValueError as error:
        return "reject", str(error)


def _picture(path: Path, case: dict[str, Any]) -> tuple[str, str]:
    image = open_image(path)
    height, width = image.shape[:2]
    if "size" in case and [width, height] != case["size"]:
        return "wrong", f"is {width} x {height} pixels"
    middle = {"top": 8, "bottom": height - 8, "left": 8, "right": width - 8}  # of patches of 16 x 16 in the corners
    for corner, wanted in case.get("corners", {}).items():
        down, across = corner.split("_")
        found = image[middle[down], middle[across]].tolist()
        if max(abs(a - b) for a, b in zip(found, wanted, strict=True)) > case["tolerance"]:
            return "wrong", f"is {found} at {corner.replace('_', ' ')}, not {wanted}"
    return "read", f"{width} x {height} pixels"


def _dataset(root: Path, case: dict[str, Any]) -> tuple[str, str]:
    try:
        faults = check(root, quiet=True).faults
    except ValueError as error:
        return "wrong", f"cannot be checked: {error}"
    name, *_, split = case["reader"].split("|") if "|" in case["reader"] else (case["reader"], "")
    pixels, size = [], []
    try:
        for picture, queries in open_dataset(root, NAMES.get(name, name), split or DEFAULT_SPLITS[name]):
            height, width = picture.load().shape[:2]
            size = [width, height]
            pixels += [masks.area(target.rle) for query in queries for target in query.targets if target.rle]
    except ValueError as error:
        line = str(error)
        said = [" ".join(fault.what.split()) for fault in faults if fault.kind in FAULTS]
        if len(faults) != 1 or not said or said[0] not in " ".join(line.split()).replace(f"{root}/", ""):
            return "wrong", f"refused ({line}), and the check says {[fault.what for fault in faults]}"
        return ("reject", line) if "\n" not in line else ("wrong", f"is refused in several lines: {line}")
    if faults:
        return "wrong", f"is read, and the check says {faults[0].what}"
    if size != case.get("size", size) or case.get("target_pixels", *pixels[:1]) not in pixels:
        return "wrong", f"is read with {size} pixels and targets of {pixels}"
    return "read", f"{size[0]} x {size[1]} pixels, targets of {', '.join(map(str, pixels))}"


def apart(folder: Path, case: dict[str, Any]) -> tuple[str, str]:
    """The same in a process of its own."""
    with tempfile.TemporaryDirectory() as empty:
        words = [sys.executable, "-m", "benchmarks.bad_inputs", str(folder), case["path"]]
        env = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])}
        try:
            done = subprocess.run(words, cwd=empty, env=env, capture_output=True, text=True, timeout=SECONDS)
        except subprocess.TimeoutExpired:
            return "hang", f"no answer in {SECONDS} s"
        if left := os.listdir(empty):
            return "wrong", f"left {', '.join(left)}"
    if done.returncode:
        return "crash", " ".join(done.stderr.strip().splitlines()[-1:]) or f"ended with {done.returncode}"
    found, said = json.loads(done.stdout)
    return found, said


def main(words: list[str]) -> int:
    """Print a line a case, and how many came out as expected; 0 if all did, 2 if there is nothing to read.

    A second word names one case, which is read here, under the limit of memory; its outcome is printed as JSON.
    """
    if len(words) not in (1, 2) or not (Path(words[0]) / "cases.json").is_file():
        print("bad_inputs: name a folder that has a cases.json, such as ../shared/samples/bad", file=sys.stderr)
        return 2
    folder = Path(words[0]).resolve()
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    if words[1:]:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        print(json.dumps(outcome(folder, next(case for case in cases if case["path"] == words[1]))))
        return 0
    right = 0
    for case in cases:
        found, said = apart(folder, case)
        right += found == case["expect"]
        mark = "" if found == case["expect"] else "  UNEXPECTED"
        line = said.replace(f"{folder / case['path']}/", "").replace(str(folder), ".")
        print(f"{case['path']:28} {found:7} {line[:200]}{mark}")
    print(f"{right} of {len(cases)} as expected; each in a process of {MEMORY:,} bytes and {SECONDS} s at most")
    return 0 if right == len(cases) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
