"""What becomes of inputs that must be refused, or read with care: a folder of them with ``cases.json``.

python -m benchmarks.bad_inputs ../shared/samples/bad
"""

import json
import os
import resource
import sys
import tempfile
from pathlib import Path

from data.check import check
from data.images import open_image

MEMORY = 6_000_000_000  # bytes of addresses: what takes more dies


def outcome(folder: Path, case: dict[str, str]) -> tuple[str, str]:
    """("reject" or "read", what was said)."""
    try:
        if case["reader"] == "image":
            image = open_image(folder / case["path"])
            return "read", f"{image.shape[1]} x {image.shape[0]} pixels"
        said = [fault.what for fault in check(folder / case["path"], quiet=True).faults]
        return ("reject", said[0]) if said else ("read", "no fault")
    except ValueError as error:
        return "reject", str(error)


def main(folder: Path) -> None:
    """Print a line a case, and how many came out as expected."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    right = 0
    folder = folder.resolve()
    with tempfile.TemporaryDirectory() as empty:
        os.chdir(empty)
        for case in cases:
            done, said = outcome(folder, case)
            right += done == case["expect"]
            mark = "" if done == case["expect"] else "  UNEXPECTED"
            print(f"{case['path']:28} {done:7} {said.replace(str(folder), '.')[:200]}{mark}")
        print(f"{right} of {len(cases)} as expected; files that appeared: {os.listdir(empty) or 'none'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
