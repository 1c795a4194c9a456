"""``report.html``: the numbers and the samples of an evaluation, in one file that opens from the disk."""

from eval.report.folder import make, pictures_of
from eval.report.page import MOST, NAME, write

__all__ = ["MOST", "NAME", "make", "pictures_of", "write"]
