"""Furniture."""

from data.world.pen import Drawing, Pen


def chair_kitchen(pen: Pen) -> None:
    pen.rect(0.26, 0.6, 0.34, 0.86, "dark")
    pen.rect(0.66, 0.6, 0.74, 0.86, "dark")
    for x in (0.22, 0.69):
        pen.rect(x, 0.02, x + 0.09, 0.56, "body", radius=0.03)
    pen.rect(0.22, 0.06, 0.78, 0.18, "body", radius=0.03)
    pen.rect(0.22, 0.26, 0.78, 0.36, "body", radius=0.03)
    pen.polygon([(0.24, 0.48), (0.76, 0.48), (0.86, 0.62), (0.14, 0.62)], "light")
    pen.rect(0.14, 0.61, 0.86, 0.7, "body", radius=0.02)
    for x in (0.15, 0.75):
        pen.rect(x, 0.66, x + 0.1, 0.99, "body", radius=0.02)


def chair_office(pen: Pen) -> None:
    pen.rect(0.22, 0.02, 0.78, 0.46, "body", radius=0.13)
    pen.rect(0.3, 0.09, 0.7, 0.38, "light", radius=0.08)
    pen.rect(0.45, 0.4, 0.55, 0.6, "dark")
    pen.line([(0.12, 0.4), (0.12, 0.58)], 0.08, "dark")
    pen.line([(0.88, 0.4), (0.88, 0.58)], 0.08, "dark")
    pen.rect(0.08, 0.53, 0.92, 0.67, "body", radius=0.07)
    pen.rect(0.45, 0.66, 0.55, 0.88, "metal")
    pen.line([(0.2, 0.91), (0.5, 0.82), (0.8, 0.91)], 0.07, "dark")
    for x in (0.19, 0.5, 0.81):
        pen.ellipse(x - 0.06, 0.87, x + 0.06, 0.99, "rubber")


def table_plain(pen: Pen) -> None:
    for x in (0.23, 0.69):
        pen.rect(x, 0.4, x + 0.08, 0.76, "dark")
    pen.rect(0.08, 0.44, 0.92, 0.56, "dark")
    for x in (0.05, 0.84):
        pen.rect(x, 0.4, x + 0.11, 0.9, "body", radius=0.02)
    pen.polygon([(0.16, 0.18), (0.84, 0.18), (1.0, 0.4), (0.0, 0.4)], "light")
    pen.rect(0.0, 0.39, 1.0, 0.49, "body")


def table_round(pen: Pen) -> None:
    pen.polygon(
        [(0.42, 0.34), (0.58, 0.34), (0.56, 0.78), (0.8, 0.92), (0.78, 0.98), (0.5, 0.9), (0.22, 0.98)]
        + [(0.2, 0.92), (0.44, 0.78)],
        "body",
    )
    pen.line([(0.5, 0.44), (0.5, 0.84)], 0.035, "dark")
    pen.ellipse(0.01, 0.1, 0.99, 0.5, "dark")
    pen.ellipse(0.01, 0.06, 0.99, 0.43, "body")
    pen.ellipse(0.12, 0.1, 0.7, 0.34, "light")


def bed_side(pen: Pen) -> None:
    pen.rect(0.0, 0.16, 0.1, 0.86, "dark", radius=0.03)
    pen.rect(0.9, 0.42, 1.0, 0.86, "dark", radius=0.03)
    pen.rect(0.06, 0.66, 0.94, 0.78, "dark")
    pen.rect(0.09, 0.52, 0.91, 0.68, "paper", radius=0.03)
    pen.curve([(0.11, 0.52), (0.12, 0.38), (0.26, 0.34), (0.36, 0.4), (0.36, 0.53)], "paper")
    pen.curve(
        [(0.33, 0.54), (0.4, 0.38), (0.62, 0.34), (0.86, 0.38), (0.93, 0.5), (0.92, 0.74), (0.6, 0.76)]
        + [(0.32, 0.74)],
        "body",
    )
    pen.polygon([(0.35, 0.42), (0.44, 0.37), (0.43, 0.75), (0.33, 0.75)], "light")
    for x in (0.56, 0.7, 0.84):
        pen.line([(x, 0.46), (x, 0.68)], 0.03, "dark")


def bed_bunk(pen: Pen) -> None:
    for y in (0.2, 0.62):
        pen.rect(0.07, y + 0.02, 0.36, y + 0.14, "paper", radius=0.05)
        pen.curve([(0.3, y + 0.06), (0.46, y), (0.66, y), (0.9, y + 0.06), (0.9, y + 0.18), (0.3, y + 0.18)], "body")
        pen.line([(0.36, y + 0.06), (0.36, y + 0.14)], 0.06, "light")
        pen.rect(0.04, y + 0.13, 0.96, y + 0.24, "body")
        pen.rect(0.04, y + 0.19, 0.96, y + 0.24, "dark")
    for x in (0.66, 0.8):
        pen.line([(x, 0.36), (x, 0.95)], 0.045, "wood")
    for y in (0.5, 0.62, 0.74, 0.86):
        pen.line([(0.66, y), (0.8, y)], 0.04, "wood")
    for x in (0.0, 0.9):
        pen.rect(x, 0.03, x + 0.1, 0.99, "body", radius=0.04)


def sofa_square(pen: Pen) -> None:
    for x in (0.1, 0.82):
        pen.rect(x, 0.8, x + 0.08, 0.9, "wood")
    pen.rect(0.1, 0.16, 0.9, 0.66, "body", radius=0.1)
    pen.line([(0.5, 0.22), (0.5, 0.5)], 0.025, "dark")
    pen.rect(0.14, 0.48, 0.86, 0.68, "light", radius=0.05)
    pen.line([(0.5, 0.5), (0.5, 0.66)], 0.03, "dark")
    pen.rect(0.14, 0.66, 0.86, 0.82, "dark")
    for x in (0.0, 0.8):
        pen.rect(x, 0.36, x + 0.2, 0.84, "body", radius=0.08)


def sofa_curved(pen: Pen) -> None:
    for x in (0.2, 0.76):
        pen.line([(x, 0.76), (x + (0.03 if x > 0.5 else -0.03), 0.88)], 0.06, "wood")
    pen.curve(
        [(0.1, 0.64), (0.1, 0.4), (0.24, 0.22), (0.42, 0.24), (0.5, 0.18), (0.58, 0.24), (0.76, 0.22)]
        + [(0.9, 0.4), (0.9, 0.64), (0.5, 0.7)],
        "body",
    )
    for x, y in ((0.28, 0.36), (0.43, 0.36), (0.57, 0.36), (0.72, 0.36)):
        pen.ellipse(x - 0.025, y - 0.025, x + 0.025, y + 0.025, "dark")
    pen.rect(0.12, 0.52, 0.88, 0.66, "light", radius=0.06)
    pen.rect(0.08, 0.64, 0.92, 0.78, "dark", radius=0.05)
    for x in (0.0, 0.78):
        pen.ellipse(x, 0.38, x + 0.22, 0.6, "body")
        pen.ellipse(x + 0.06, 0.44, x + 0.16, 0.54, "dark")
        pen.rect(x + 0.04, 0.56, x + 0.18, 0.78, "body", radius=0.02)


def lamp_table(pen: Pen) -> None:
    pen.rect(0.46, 0.5, 0.54, 0.64, "metal")
    pen.curve([(0.5, 0.58), (0.62, 0.66), (0.66, 0.8), (0.58, 0.92), (0.42, 0.92), (0.34, 0.8), (0.38, 0.66)], "body")
    pen.rect(0.26, 0.9, 0.74, 0.99, "dark", radius=0.03)
    pen.polygon([(0.32, 0.02), (0.68, 0.02), (0.9, 0.52), (0.1, 0.52)], "body")
    pen.polygon([(0.12, 0.46), (0.88, 0.46), (0.9, 0.52), (0.1, 0.52)], "lamp")
    pen.line([(0.38, 0.1), (0.28, 0.38)], 0.06, "light")


def lamp_desk(pen: Pen) -> None:
    pen.line([(0.3, 0.9), (0.16, 0.54), (0.52, 0.22)], 0.085, "body")
    pen.rect(0.06, 0.86, 0.62, 0.98, "body", radius=0.05)
    pen.ellipse(0.09, 0.47, 0.23, 0.61, "dark")
    pen.ellipse(0.58, 0.36, 0.86, 0.64, "lamp")
    pen.polygon([(0.46, 0.1), (0.62, 0.02), (0.98, 0.34), (0.56, 0.64)], "body")
    pen.polygon([(0.98, 0.34), (0.56, 0.64), (0.54, 0.56), (0.92, 0.29)], "dark")
    pen.line([(0.56, 0.16), (0.62, 0.4)], 0.045, "light")


DRAWINGS: dict[str, tuple[Drawing, ...]] = {
    "chair": (chair_kitchen, chair_office),
    "table": (table_plain, table_round),
    "bed": (bed_side, bed_bunk),
    "sofa": (sofa_square, sofa_curved),
    "lamp": (lamp_table, lamp_desk),
}
