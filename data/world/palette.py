"""The paints of the drawn world: eight colours for things, their shades, and fixed paints for details."""

from dataclasses import dataclass

Rgb = tuple[int, int, int]

COLOURS: dict[str, Rgb] = {
    "red": (214, 48, 49),
    "orange": (245, 136, 30),
    "yellow": (247, 209, 50),
    "green": (62, 160, 72),
    "blue": (48, 104, 206),
    "purple": (134, 70, 176),
    "pink": (244, 146, 186),
    "white": (244, 243, 238),
}

FIXED: dict[str, Rgb] = {
    "wood": (150, 104, 64),
    "metal": (160, 168, 176),
    "glass": (188, 222, 232),
    "leaf": (58, 128, 62),
    "paper": (250, 246, 232),
    "ink": (44, 42, 50),
    "cream": (244, 228, 196),
    "rubber": (62, 62, 68),
    "flame": (255, 176, 46),
    "skin": (240, 198, 164),
    "stone": (136, 132, 126),
    "straw": (222, 190, 120),
    "lamp": (255, 240, 178),
}

JITTER_STEPS = 5
"""Distinct jitters a colour can take; few, so that rotated sprites can be shared between scenes."""


def _mix(paint: Rgb, other: Rgb, share: float) -> Rgb:
    """``share`` of ``other`` and the rest of ``paint``."""
    r, g, b = (round(p + (o - p) * share) for p, o in zip(paint, other, strict=True))
    return r, g, b


@dataclass(frozen=True)
class Inks:
    """The paints of one thing: its body colour and the shades made of it."""

    body: Rgb
    light: Rgb
    dark: Rgb
    outline: Rgb

    def paint(self, role: str) -> Rgb:
        """The RGB of a role: "body", "light", "dark", "outline" or a name in :data:`FIXED`.

        Raises:
            KeyError: no such role.
        """
        if role in ("body", "light", "dark", "outline"):
            shade: Rgb = getattr(self, role)
            return shade
        return FIXED[role]


def jittered(colour: str, step: int) -> Rgb:
    """A named colour slightly brighter or darker; ``step`` 0 .. JITTER_STEPS - 1, the middle one plain."""
    base = COLOURS[colour]
    lift = (step - JITTER_STEPS // 2) / (JITTER_STEPS // 2)
    if lift >= 0:
        return _mix(base, (255, 255, 255), 0.07 * lift)
    return _mix(base, (0, 0, 0), -0.07 * lift)


def inks(colour: str, step: int = JITTER_STEPS // 2) -> Inks:
    """The shades of a named colour at a jitter step.

    White is shaded with a cool grey, so that its details and outline still show.

    Raises:
        KeyError: ``colour`` is not in :data:`COLOURS`.
    """
    body = jittered(colour, step)
    if colour == "white":
        return Inks(body, (255, 255, 255), _mix(body, (120, 128, 146), 0.34), (104, 110, 126))
    return Inks(body, _mix(body, (255, 255, 255), 0.34), _mix(body, (20, 14, 34), 0.22), _mix(body, (20, 14, 34), 0.62))
