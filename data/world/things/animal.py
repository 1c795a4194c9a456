"""Animals."""

from data.world.pen import Drawing, Pen


def _eye(pen: Pen, x: float, y: float, size: float = 0.035) -> None:
    pen.ellipse(x - size, y - size, x + size, y + size, "ink")


def cat_sitting(pen: Pen) -> None:
    pen.arc(0.44, 0.5, 0.96, 0.98, -70, 100, 0.1, "dark")
    pen.curve([(0.42, 0.38), (0.6, 0.44), (0.74, 0.72), (0.72, 0.98), (0.42, 0.98), (0.12, 0.98), (0.1, 0.72)], "body")
    pen.polygon([(0.13, 0.02), (0.36, 0.14), (0.14, 0.34)], "body")
    pen.polygon([(0.71, 0.02), (0.48, 0.14), (0.7, 0.34)], "body")
    pen.ellipse(0.1, 0.1, 0.74, 0.56, "body")
    _eye(pen, 0.3, 0.31, 0.045)
    _eye(pen, 0.54, 0.31, 0.045)
    pen.polygon([(0.38, 0.38), (0.46, 0.38), (0.42, 0.44)], "ink")
    for side in (-1, 1):
        pen.line([(0.42 + side * 0.12, 0.43), (0.42 + side * 0.28, 0.41)], 0.02, "ink")
    pen.ellipse(0.3, 0.6, 0.54, 0.86, "light")
    pen.line([(0.42, 0.8), (0.42, 0.95)], 0.03, "dark")


def cat_walking(pen: Pen) -> None:
    pen.line([(0.13, 0.5), (0.05, 0.34), (0.08, 0.16), (0.17, 0.1)], 0.075, "body")
    for x, fill in ((0.26, "dark"), (0.64, "dark"), (0.17, "body"), (0.55, "body")):
        pen.line([(x, 0.6), (x, 0.86)], 0.1, fill)
    pen.rect(0.08, 0.4, 0.74, 0.7, "body", radius=0.14)
    pen.polygon([(0.56, 0.36), (0.58, 0.1), (0.76, 0.24)], "body")
    pen.polygon([(0.97, 0.36), (0.95, 0.1), (0.78, 0.24)], "body")
    pen.ellipse(0.54, 0.2, 0.99, 0.58, "body")
    _eye(pen, 0.69, 0.37)
    _eye(pen, 0.87, 0.37)
    pen.polygon([(0.75, 0.43), (0.82, 0.43), (0.785, 0.48)], "ink")
    for x in (0.22, 0.34, 0.46):
        pen.line([(x, 0.43), (x, 0.54)], 0.035, "dark")


def fish_round(pen: Pen) -> None:
    pen.polygon([(0.3, 0.5), (0.02, 0.2), (0.08, 0.5), (0.02, 0.8)], "dark")
    pen.curve([(0.4, 0.28), (0.5, 0.1), (0.72, 0.16), (0.74, 0.32)], "dark")
    pen.curve([(0.46, 0.76), (0.52, 0.92), (0.68, 0.86), (0.66, 0.72)], "dark")
    pen.ellipse(0.2, 0.22, 0.99, 0.78, "body")
    for x in (0.4, 0.56):
        pen.line([(x, 0.36), (x - 0.04, 0.5), (x, 0.64)], 0.045, "light")
    pen.ellipse(0.75, 0.35, 0.89, 0.49, "paper")
    _eye(pen, 0.83, 0.42)
    pen.line([(0.86, 0.62), (0.93, 0.6)], 0.025, "ink")


def fish_angel(pen: Pen) -> None:
    pen.polygon([(0.28, 0.5), (0.04, 0.28), (0.04, 0.72)], "dark")
    pen.curve([(0.72, 0.34), (0.46, 0.2), (0.2, 0.0), (0.3, 0.24), (0.36, 0.46)], "body")
    pen.curve([(0.72, 0.66), (0.46, 0.8), (0.2, 1.0), (0.3, 0.76), (0.36, 0.54)], "body")
    pen.curve([(0.97, 0.52), (0.82, 0.34), (0.56, 0.22), (0.26, 0.5), (0.56, 0.78), (0.82, 0.66)], "body")
    pen.line([(0.44, 0.22), (0.42, 0.78)], 0.065, "dark")
    pen.line([(0.64, 0.29), (0.63, 0.71)], 0.05, "dark")
    _eye(pen, 0.8, 0.45)


def bird_perched(pen: Pen) -> None:
    pen.line([(0.46, 0.8), (0.44, 0.97), (0.54, 0.97)], 0.04, "ink")
    pen.line([(0.6, 0.8), (0.6, 0.97), (0.7, 0.97)], 0.04, "ink")
    pen.polygon([(0.86, 0.24), (1.0, 0.3), (0.86, 0.36)], "flame")
    pen.polygon([(0.28, 0.46), (0.02, 0.74), (0.12, 0.82), (0.4, 0.72)], "dark")
    pen.curve(
        [(0.56, 0.16), (0.72, 0.06), (0.88, 0.16), (0.88, 0.34), (0.84, 0.64), (0.62, 0.84), (0.34, 0.78)]
        + [(0.2, 0.6), (0.42, 0.44)],
        "body",
    )
    pen.curve([(0.62, 0.46), (0.4, 0.48), (0.14, 0.7), (0.42, 0.72), (0.6, 0.64)], "dark")
    pen.ellipse(0.64, 0.56, 0.82, 0.72, "light")
    _eye(pen, 0.74, 0.22)


def bird_flying(pen: Pen) -> None:
    pen.polygon([(0.87, 0.52), (1.0, 0.6), (0.86, 0.64)], "flame")
    pen.polygon([(0.28, 0.6), (0.02, 0.64), (0.1, 0.73), (0.02, 0.82), (0.32, 0.76)], "dark")
    pen.curve([(0.58, 0.6), (0.68, 0.34), (0.62, 0.04), (0.5, 0.16), (0.42, 0.36), (0.4, 0.6)], "dark")
    pen.curve(
        [(0.72, 0.5), (0.82, 0.46), (0.92, 0.54), (0.88, 0.7), (0.68, 0.86), (0.4, 0.82), (0.22, 0.68)] + [(0.46, 0.6)],
        "body",
    )
    pen.curve([(0.58, 0.66), (0.54, 0.4), (0.36, 0.16), (0.12, 0.08), (0.16, 0.32), (0.3, 0.56), (0.42, 0.7)], "body")
    pen.line([(0.24, 0.22), (0.44, 0.54)], 0.03, "light")
    pen.ellipse(0.58, 0.7, 0.78, 0.8, "light")
    _eye(pen, 0.8, 0.57)


def rabbit_front(pen: Pen) -> None:
    for side in (-1, 1):
        pen.ellipse(0.5 + side * 0.16 - 0.1, 0.01, 0.5 + side * 0.16 + 0.1, 0.42, "body")
        pen.ellipse(0.5 + side * 0.16 - 0.045, 0.07, 0.5 + side * 0.16 + 0.045, 0.34, "light")
    pen.ellipse(0.16, 0.54, 0.84, 0.99, "body")
    pen.ellipse(0.22, 0.3, 0.78, 0.7, "body")
    pen.ellipse(0.34, 0.7, 0.66, 0.96, "light")
    for side in (-1, 1):
        pen.ellipse(0.5 + side * 0.22 - 0.12, 0.86, 0.5 + side * 0.22 + 0.12, 0.99, "dark")
        _eye(pen, 0.5 + side * 0.13, 0.47, 0.04)
    pen.ellipse(0.45, 0.52, 0.55, 0.58, "ink")
    pen.rect(0.46, 0.6, 0.54, 0.68, "paper")


def rabbit_side(pen: Pen) -> None:
    pen.curve([(0.62, 0.36), (0.42, 0.2), (0.36, 0.02), (0.5, 0.02), (0.66, 0.16), (0.72, 0.32)], "dark")
    pen.curve([(0.66, 0.36), (0.6, 0.16), (0.64, 0.0), (0.76, 0.06), (0.8, 0.2), (0.78, 0.36)], "body")
    pen.ellipse(0.01, 0.62, 0.19, 0.8, "light")
    pen.curve([(0.62, 0.5), (0.36, 0.44), (0.12, 0.62), (0.1, 0.88), (0.24, 0.97), (0.7, 0.97), (0.78, 0.7)], "body")
    pen.ellipse(0.54, 0.28, 0.99, 0.62, "body")
    pen.ellipse(0.18, 0.6, 0.52, 0.94, "dark")
    pen.ellipse(0.22, 0.6, 0.54, 0.92, "body")
    pen.rect(0.24, 0.88, 0.58, 0.98, "dark", radius=0.05)
    pen.rect(0.64, 0.86, 0.84, 0.98, "dark", radius=0.05)
    _eye(pen, 0.8, 0.42, 0.04)
    pen.ellipse(0.93, 0.43, 1.0, 0.5, "ink")


def turtle_side(pen: Pen) -> None:
    pen.polygon([(0.1, 0.68), (0.0, 0.78), (0.2, 0.8)], "light")
    for x in (0.14, 0.56):
        pen.rect(x, 0.66, x + 0.17, 0.9, "light", radius=0.06)
    pen.line([(0.66, 0.7), (0.82, 0.6), (0.88, 0.5)], 0.13, "light")
    pen.ellipse(0.75, 0.34, 0.99, 0.58, "light")
    pen.pie(0.06, 0.16, 0.76, 1.24, 180, 360, "body")
    pen.rect(0.04, 0.64, 0.78, 0.76, "dark", radius=0.06)
    pen.polygon([(0.32, 0.34), (0.5, 0.34), (0.58, 0.5), (0.41, 0.6), (0.24, 0.5)], "dark")
    pen.line([(0.24, 0.5), (0.14, 0.54)], 0.03, "dark")
    pen.line([(0.58, 0.5), (0.68, 0.54)], 0.03, "dark")
    _eye(pen, 0.9, 0.44)


def turtle_above(pen: Pen) -> None:
    for side in (-1, 1):
        pen.curve(
            [(0.5 + side * 0.2, 0.3), (0.5 + side * 0.48, 0.16), (0.5 + side * 0.46, 0.3), (0.5 + side * 0.28, 0.46)],
            "light",
        )
        pen.curve(
            [(0.5 + side * 0.2, 0.72), (0.5 + side * 0.38, 0.94), (0.5 + side * 0.44, 0.84), (0.5 + side * 0.3, 0.64)],
            "light",
        )
    pen.polygon([(0.44, 0.84), (0.5, 0.99), (0.56, 0.84)], "light")
    pen.ellipse(0.37, 0.01, 0.63, 0.32, "light")
    _eye(pen, 0.43, 0.1, 0.03)
    _eye(pen, 0.57, 0.1, 0.03)
    pen.ellipse(0.15, 0.22, 0.85, 0.92, "dark")
    pen.ellipse(0.2, 0.26, 0.8, 0.88, "body")
    spokes = ((0.5, 0.36, 0.5, 0.26), (0.64, 0.46, 0.76, 0.4), (0.64, 0.66, 0.75, 0.74), (0.5, 0.77, 0.5, 0.88))
    for x0, y0, x1, y1 in (*spokes, (0.36, 0.46, 0.24, 0.4), (0.36, 0.66, 0.25, 0.74)):
        pen.line([(x0, y0), (x1, y1)], 0.035, "dark")
    pen.polygon([(0.5, 0.36), (0.65, 0.46), (0.65, 0.66), (0.5, 0.77), (0.35, 0.66), (0.35, 0.46)], "dark")
    pen.polygon([(0.5, 0.41), (0.61, 0.49), (0.61, 0.64), (0.5, 0.72), (0.39, 0.64), (0.39, 0.49)], "body")


DRAWINGS: dict[str, tuple[Drawing, ...]] = {
    "cat": (cat_sitting, cat_walking),
    "fish": (fish_round, fish_angel),
    "bird": (bird_perched, bird_flying),
    "rabbit": (rabbit_front, rabbit_side),
    "turtle": (turtle_side, turtle_above),
}
