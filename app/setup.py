"""What answers on a page: ``pinpoint app`` tells it to the page's server in the environment, and that reads it here."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.arguments import CHECKPOINT
from data.settings import build
from model.placement import Placement
from model.policy import Use

FOLDER, PLACED = "PINPOINT_CHECKPOINT", "PINPOINT_PLACEMENT"  # the environment variables: a path, and JSON


@dataclass(frozen=True)
class Setup:
    """What answers.

    Attributes:
        checkpoint: its folder.
        placement: as it was asked for.
        layer: how its layer policy is applied, where that is not the folder's own way.
    """

    checkpoint: Path = CHECKPOINT
    placement: Placement = field(default_factory=Placement)
    layer: Use | None = None

    @classmethod
    def of_page(cls) -> "Setup":
        """That of this process's page.

        Raises:
            ValueError: the environment holds what is no placement.
        """
        try:
            words = json.loads(os.environ.get(PLACED, "{}"))
        except ValueError as error:
            raise ValueError(f"{PLACED} is no JSON ({error}): start the page with `pinpoint app`") from error
        return cls(Path(os.environ.get(FOLDER, str(CHECKPOINT))), build(Placement, words, PLACED))

    def told(self) -> dict[str, str]:
        """The variables from which a page's server reads it; which has no word for another use of layers."""
        return {FOLDER: str(self.checkpoint), PLACED: json.dumps(asdict(self.placement))}
