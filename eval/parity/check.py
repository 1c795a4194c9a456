"""Compare what a folder of published outputs holds with what we compute, tensor by tensor."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch

from eval.parity.cases import Case, System
from eval.parity.replay import Found, Replay

RELATIVE = 1e-5  # of a tensor's largest magnitude, beside 1e-5 itself
POINTS = 0.01  # pixels
MASKS = 1e-4  # mask logits
SIMILARITY = 1e-4  # of the largest magnitude of a similarity, or of what is made of it


@dataclass(frozen=True)
class Comparison:
    """One tensor of a case, or the "gradient norms" of all parameters: the largest difference, and what is allowed."""

    system: str
    case: str
    tensor: str
    difference: float
    tolerance: float

    @property
    def passed(self) -> bool:
        """False also where the difference is not a number."""
        return self.difference <= self.tolerance


def compare(system: System, case: Case, replay: Replay) -> Iterator[Comparison]:
    """Every output and gradient of a case."""
    found = replay(case)
    for name, expected in case.tensors.items():
        if not name.startswith("in."):
            difference, allowed = _difference(found, name, expected), tolerance(name, expected)
            yield Comparison(system.folder.name, case.name, name, difference, allowed)
    norms = case.facts.get("grad_norms", {})
    if norms:
        ours = torch.tensor([_norm(found, f"grad.{name}") for name in norms])
        theirs = torch.tensor(list(norms.values()))
        excess = ((ours - theirs).abs() - RELATIVE * theirs.abs()).clamp(min=0).nan_to_num(nan=torch.inf)
        yield Comparison(system.folder.name, case.name, "gradient norms", float(excess.max()), RELATIVE)


def tolerance(name: str, expected: torch.Tensor) -> float:
    """What a tensor may differ by at most; whole numbers not at all."""
    if not expected.is_floating_point() or not expected.numel():
        return 0.0
    kind = name.partition(".")[2].partition(".")[0]
    largest = float(expected.abs().max())
    if kind in ("points_xy", "sam_points"):
        return POINTS
    if kind in ("pred_masks", "pred_masks_per_row", "pred_mask_logits", "low_res_sub"):
        return MASKS
    if kind in ("similarity", "supervision_map", "mask_prompt", "dense_sub"):
        return SIMILARITY * largest
    return RELATIVE + RELATIVE * largest


def table(comparisons: list[Comparison]) -> str:
    """Lines of case, tensor, difference and tolerance; what has passed its tolerance is marked."""
    wide = max((len(c.tensor) for c in comparisons), default=6)
    cases = max((len(f"{c.system}/{c.case}") for c in comparisons), default=4)
    lines = [f"{'case':{cases}}  {'tensor':{wide}}  difference  tolerance"]
    for c in comparisons:
        end = "" if c.passed else "  FAILED"
        lines.append(
            f"{f'{c.system}/{c.case}':{cases}}  {c.tensor:{wide}}  {c.difference:10.2e}  {c.tolerance:9.2e}{end}"
        )
    failed = sum(not c.passed for c in comparisons)
    return "\n".join([*lines, f"{len(comparisons)} tensors, {failed} beyond tolerance"])


def _difference(found: Found, name: str, expected: torch.Tensor) -> float:
    """The largest difference; infinite for another shape or a tensor that we do not know. Of two values that a tensor
    may have, the nearer one counts."""
    return min((_apart(ours, expected) for ours in found.get(name, [])), default=torch.inf)


def _apart(ours: torch.Tensor, expected: torch.Tensor) -> float:
    if ours.shape != expected.shape:
        return torch.inf
    if not ours.numel():
        return 0.0
    return float((ours.detach().double() - expected.double()).abs().max().nan_to_num(nan=torch.inf))


def _norm(found: Found, name: str) -> float:
    return float(found[name][0].double().norm()) if name in found else torch.nan
