"""Tools."""

from data.world.pen import Drawing, Pen


def hammer_claw(pen: Pen) -> None:
    pen.rect(0.42, 0.2, 0.59, 0.99, "body", radius=0.05)
    pen.rect(0.405, 0.62, 0.605, 0.99, "dark", radius=0.06)
    pen.rect(0.4, 0.06, 0.86, 0.29, "body", radius=0.03)
    pen.rect(0.8, 0.02, 0.95, 0.33, "dark", radius=0.03)
    pen.curve([(0.44, 0.06), (0.3, 0.05), (0.14, 0.13), (0.04, 0.32), (0.18, 0.25), (0.34, 0.24), (0.44, 0.28)], "body")
    pen.line([(0.46, 0.11), (0.76, 0.11)], 0.035, "light")


def hammer_mallet(pen: Pen) -> None:
    pen.line([(0.4, 0.42), (0.91, 0.93)], 0.11, "wood")
    pen.polygon([(0.02, 0.42), (0.42, 0.02), (0.68, 0.28), (0.28, 0.68)], "body")
    pen.polygon([(0.02, 0.42), (0.07, 0.37), (0.33, 0.63), (0.28, 0.68)], "dark")
    pen.polygon([(0.37, 0.07), (0.42, 0.02), (0.68, 0.28), (0.63, 0.33)], "dark")


def saw_hand(pen: Pen) -> None:
    teeth = [(0.06 + step * 0.06, 0.66 + (0.0 if step % 2 else 0.07)) for step in range(11)]
    pen.polygon([(0.02, 0.52), (0.7, 0.3), (0.72, 0.66), *reversed(teeth)], "body")
    pen.line([(0.1, 0.53), (0.62, 0.36)], 0.03, "light")
    pen.curve(
        [(0.66, 0.28), (0.8, 0.22), (0.98, 0.26), (0.94, 0.42), (0.98, 0.64), (0.92, 0.78), (0.74, 0.76), (0.66, 0.66)],
        "body",
    )
    pen.line([(0.69, 0.34), (0.7, 0.64)], 0.04, "dark")
    pen.line([(0.9, 0.36), (0.9, 0.66)], 0.04, "dark")
    pen.rect(0.76, 0.38, 0.86, 0.62, None, radius=0.05)


def saw_bow(pen: Pen) -> None:
    pen.arc(0.06, 0.08, 0.76, 1.1, 180, 360, 0.12, "body")
    pen.rect(0.06, 0.58, 0.18, 0.76, "body")
    pen.rect(0.64, 0.58, 0.76, 0.76, "body")
    teeth = [(0.1 + step * 0.06, 0.79 if step % 2 else 0.85) for step in range(11)]
    pen.polygon([(0.1, 0.69), (0.7, 0.69), *reversed(teeth)], "metal")
    pen.curve([(0.66, 0.6), (0.84, 0.44), (0.98, 0.54), (0.94, 0.78), (0.76, 0.82)], "body")
    pen.ellipse(0.78, 0.58, 0.88, 0.7, None)


def screwdriver_long(pen: Pen) -> None:
    pen.rect(0.45, 0.48, 0.55, 0.94, "metal")
    pen.polygon([(0.45, 0.89), (0.55, 0.89), (0.59, 0.93), (0.54, 1.0), (0.46, 1.0), (0.41, 0.93)], "metal")
    pen.rect(0.36, 0.02, 0.64, 0.5, "body", radius=0.1)
    pen.polygon([(0.39, 0.46), (0.61, 0.46), (0.57, 0.58), (0.43, 0.58)], "dark")
    for x in (0.44, 0.56):
        pen.line([(x, 0.12), (x, 0.4)], 0.03, "dark")


def screwdriver_slant(pen: Pen) -> None:
    pen.line([(0.5, 0.5), (0.88, 0.88)], 0.1, "metal")
    pen.polygon([(0.82, 0.9), (0.9, 0.82), (0.99, 0.95), (0.95, 0.99)], "metal")
    pen.line([(0.2, 0.2), (0.46, 0.46)], 0.3, "body")
    pen.ellipse(0.03, 0.03, 0.29, 0.29, "dark")
    pen.polygon([(0.42, 0.6), (0.6, 0.42), (0.63, 0.52), (0.52, 0.63)], "dark")
    pen.line([(0.26, 0.2), (0.46, 0.4)], 0.04, "light")


def wrench_open(pen: Pen) -> None:
    pen.line([(0.26, 0.26), (0.74, 0.74)], 0.17, "body")
    pen.ellipse(0.02, 0.02, 0.42, 0.42, "body")
    pen.ellipse(0.58, 0.58, 0.98, 0.98, "body")
    pen.polygon([(-0.02, 0.1), (0.1, -0.02), (0.27, 0.15), (0.15, 0.27)], None)
    pen.polygon([(1.02, 0.9), (0.9, 1.02), (0.73, 0.85), (0.85, 0.73)], None)
    pen.line([(0.4, 0.4), (0.6, 0.6)], 0.05, "dark")


def wrench_ring(pen: Pen) -> None:
    pen.rect(0.41, 0.2, 0.59, 0.8, "body")
    pen.ellipse(0.27, 0.01, 0.73, 0.45, "body")
    pen.polygon([(0.39, -0.02), (0.61, -0.02), (0.61, 0.2), (0.5, 0.28), (0.39, 0.2)], None)
    pen.ellipse(0.3, 0.61, 0.7, 0.99, "body")
    pen.ellipse(0.41, 0.72, 0.59, 0.88, None)
    pen.line([(0.5, 0.44), (0.5, 0.6)], 0.05, "dark")


def axe_felling(pen: Pen) -> None:
    pen.polygon([(0.5, 0.02), (0.63, 0.02), (0.66, 0.5), (0.72, 0.94), (0.68, 0.99), (0.58, 0.97), (0.53, 0.5)], "wood")
    pen.curve([(0.68, 0.12), (0.46, 0.14), (0.22, 0.02), (0.08, 0.26), (0.2, 0.56), (0.44, 0.42), (0.68, 0.4)], "body")
    pen.curve([(0.22, 0.04), (0.09, 0.26), (0.19, 0.53), (0.17, 0.28)], "light")
    pen.rect(0.62, 0.1, 0.76, 0.42, "dark")


def axe_double(pen: Pen) -> None:
    pen.rect(0.44, 0.02, 0.56, 0.99, "wood", radius=0.04)
    for side in (-1, 1):
        pen.curve(
            [(0.5, 0.16), (0.5 + side * 0.22, 0.14), (0.5 + side * 0.4, 0.03), (0.5 + side * 0.48, 0.29)]
            + [(0.5 + side * 0.4, 0.55), (0.5 + side * 0.22, 0.44), (0.5, 0.42)],
            "body",
        )
        pen.line([(0.5 + side * 0.4, 0.1), (0.5 + side * 0.45, 0.29), (0.5 + side * 0.4, 0.48)], 0.04, "light")
    pen.rect(0.4, 0.12, 0.6, 0.46, "dark", radius=0.03)


DRAWINGS: dict[str, tuple[Drawing, ...]] = {
    "hammer": (hammer_claw, hammer_mallet),
    "saw": (saw_hand, saw_bow),
    "screwdriver": (screwdriver_long, screwdriver_slant),
    "wrench": (wrench_open, wrench_ring),
    "axe": (axe_felling, axe_double),
}
