"""The progress bar of an evaluation: pictures, running gIoU, speed and time left, over all its processes."""

from typing import Self

from tqdm import tqdm

from eval.journal import Reader


class Progress:
    """A bar that follows journals.

    Args:
        journals: what is done already is in them.
        pictures: of the whole evaluation.
        quiet: no bar.
    """

    def __init__(self, journals: Reader, pictures: int, quiet: bool = False) -> None:
        self._journals = journals
        self._before = len(journals.asked)
        self._bar = tqdm(total=pictures, initial=len(journals.images), disable=quiet, unit="picture")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def look(self) -> None:
        """Read on in the journals, and show it."""
        journals = self._journals
        journals.poll()
        if len(journals.asked) == self._before:
            self._bar.unpause()  # until the first answer models are read: speed and time left are those of asking
        seconds = self._bar.format_dict["elapsed"]
        said = [f"{(len(journals.asked) - self._before) / seconds:.1f} questions/s"] if seconds else []
        if journals.giou is not None:
            said.insert(0, f"gIoU {journals.giou:.3f}")
        self._bar.set_postfix_str(", ".join(said), refresh=False)
        self._bar.update(len(journals.images) - self._bar.n)
