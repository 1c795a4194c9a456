"""Things of the kitchen."""

from data.world.pen import Drawing, Pen


def cup_mug(pen: Pen) -> None:
    pen.arc(0.5, 0.3, 0.97, 0.78, 0, 360, 0.1, "body")
    pen.rect(0.06, 0.12, 0.72, 0.94, "body", radius=0.1)
    pen.rect(0.06, 0.12, 0.72, 0.4, "body")
    pen.ellipse(0.06, 0.05, 0.72, 0.21, "dark")
    pen.ellipse(0.11, 0.09, 0.67, 0.2, "wood")
    pen.line([(0.16, 0.32), (0.16, 0.72)], 0.06, "light")


def cup_saucer(pen: Pen) -> None:
    pen.arc(0.64, 0.24, 0.94, 0.56, 0, 360, 0.07, "body")
    pen.ellipse(0.02, 0.74, 0.98, 0.94, "dark")
    pen.ellipse(0.02, 0.71, 0.98, 0.89, "light")
    pen.pie(0.12, -0.24, 0.8, 0.82, 0, 180, "body")
    pen.rect(0.34, 0.76, 0.58, 0.84, "dark", radius=0.03)
    pen.ellipse(0.12, 0.19, 0.8, 0.39, "dark")
    pen.ellipse(0.17, 0.23, 0.75, 0.38, "wood")
    pen.line([(0.22, 0.48), (0.3, 0.64)], 0.05, "light")


def pot_lidded(pen: Pen) -> None:
    pen.ellipse(0.43, 0.08, 0.57, 0.22, "ink")
    for x0, x1 in ((0.0, 0.24), (0.76, 1.0)):
        pen.rect(x0, 0.44, x1, 0.6, "ink", radius=0.05)
        pen.rect(x0 + 0.06, 0.49, x1 - 0.06, 0.55, None)
    pen.rect(0.12, 0.36, 0.88, 0.92, "body", radius=0.09)
    pen.rect(0.12, 0.36, 0.88, 0.6, "body")
    pen.pie(0.1, 0.17, 0.9, 0.59, 180, 360, "body")
    pen.rect(0.07, 0.35, 0.93, 0.43, "dark", radius=0.03)
    pen.line([(0.22, 0.54), (0.22, 0.78)], 0.06, "light")
    pen.line([(0.3, 0.28), (0.46, 0.24)], 0.035, "light")


def pot_saucepan(pen: Pen) -> None:
    pen.line([(0.56, 0.44), (0.95, 0.32)], 0.09, "ink")
    pen.rect(0.01, 0.36, 0.64, 0.82, "body", radius=0.09)
    pen.rect(0.01, 0.36, 0.64, 0.6, "body")
    pen.rect(0.0, 0.32, 0.66, 0.42, "dark", radius=0.03)
    pen.line([(0.1, 0.5), (0.1, 0.7)], 0.05, "light")
    pen.line([(0.2, 0.75), (0.5, 0.75)], 0.03, "dark")


def spoon_table(pen: Pen) -> None:
    pen.polygon([(0.46, 0.36), (0.54, 0.36), (0.59, 0.94), (0.41, 0.94)], "body")
    pen.ellipse(0.41, 0.86, 0.59, 0.99, "body")
    pen.ellipse(0.29, 0.01, 0.71, 0.5, "body")
    pen.ellipse(0.35, 0.07, 0.65, 0.43, "dark")
    pen.line([(0.5, 0.62), (0.5, 0.9)], 0.04, "light")


def spoon_slant(pen: Pen) -> None:
    pen.line([(0.4, 0.6), (0.93, 0.07)], 0.12, "body")
    pen.line([(0.72, 0.28), (0.93, 0.07)], 0.13, "dark")
    pen.curve(
        [
            (0.08, 0.66),
            (0.26, 0.48),
            (0.46, 0.46),
            (0.54, 0.54),
            (0.52, 0.74),
            (0.34, 0.92),
            (0.12, 0.97),
            (0.03, 0.88),
        ],
        "body",
    )
    pen.curve([(0.15, 0.7), (0.3, 0.56), (0.44, 0.56), (0.44, 0.7), (0.3, 0.85), (0.15, 0.88)], "light")


def knife_chef(pen: Pen) -> None:
    belly = [(0.05, 0.2), (0.13, 0.36), (0.25, 0.52), (0.39, 0.64), (0.54, 0.72)]
    pen.line([(0.64, 0.64), (0.92, 0.92)], 0.13, "wood")
    pen.polygon([(0.01, 0.01), (0.69, 0.57), *reversed(belly)], "body")
    pen.polygon(
        [(0.01, 0.01), (0.1, 0.2), (0.19, 0.34), (0.3, 0.48), (0.43, 0.59), (0.57, 0.69), *reversed(belly)], "light"
    )
    pen.line([(0.67, 0.59), (0.58, 0.68)], 0.08, "dark")
    pen.ellipse(0.74, 0.74, 0.79, 0.79, "cream")
    pen.ellipse(0.84, 0.84, 0.89, 0.89, "cream")


def knife_steak(pen: Pen) -> None:
    edge = [(0.48, 0.08), (0.57, 0.2), (0.62, 0.36), (0.63, 0.6)]
    pen.rect(0.41, 0.62, 0.59, 0.99, "wood", radius=0.06)
    pen.polygon([(0.37, 0.0), (0.42, 0.01), *edge, (0.37, 0.64)], "body")
    pen.polygon([*edge, (0.55, 0.6), (0.54, 0.36), (0.51, 0.22)], "light")
    pen.rect(0.34, 0.6, 0.66, 0.69, "dark", radius=0.03)
    for y in (0.75, 0.87):
        pen.ellipse(0.475, y, 0.525, y + 0.05, "cream")


def bottle_wine(pen: Pen) -> None:
    pen.rect(0.43, 0.01, 0.57, 0.12, "wood", radius=0.02)
    pen.polygon(
        [(0.42, 0.1), (0.58, 0.1), (0.58, 0.3), (0.64, 0.38), (0.71, 0.46), (0.73, 0.54), (0.73, 0.8)]
        + [(0.27, 0.8), (0.27, 0.54), (0.29, 0.46), (0.36, 0.38), (0.42, 0.3)],
        "body",
    )
    pen.rect(0.27, 0.5, 0.73, 0.99, "body", radius=0.06)
    pen.rect(0.39, 0.08, 0.61, 0.16, "dark", radius=0.02)
    pen.rect(0.27, 0.6, 0.73, 0.82, "paper")
    pen.line([(0.38, 0.71), (0.62, 0.71)], 0.035, "dark")
    pen.line([(0.38, 0.46), (0.35, 0.54)], 0.05, "light")


def bottle_flask(pen: Pen) -> None:
    pen.rect(0.38, 0.01, 0.62, 0.14, "dark", radius=0.04)
    pen.rect(0.42, 0.12, 0.58, 0.26, "light")
    pen.rect(0.25, 0.21, 0.75, 0.99, "body", radius=0.17)
    pen.polygon([(0.25, 0.54), (0.33, 0.57), (0.33, 0.72), (0.25, 0.75)], None)
    pen.polygon([(0.75, 0.54), (0.67, 0.57), (0.67, 0.72), (0.75, 0.75)], None)
    pen.rect(0.33, 0.59, 0.67, 0.62, "dark")
    pen.rect(0.33, 0.67, 0.67, 0.7, "dark")
    pen.line([(0.36, 0.34), (0.36, 0.46)], 0.06, "light")


DRAWINGS: dict[str, tuple[Drawing, ...]] = {
    "cup": (cup_mug, cup_saucer),
    "pot": (pot_lidded, pot_saucepan),
    "spoon": (spoon_table, spoon_slant),
    "knife": (knife_chef, knife_steak),
    "bottle": (bottle_wine, bottle_flask),
}
