"""Things that grow outdoors."""

from math import cos, pi, sin

from data.world.pen import Drawing, Pen


def tree_round(pen: Pen) -> None:
    pen.polygon([(0.44, 0.56), (0.56, 0.56), (0.58, 0.9), (0.66, 0.99), (0.34, 0.99), (0.42, 0.9)], "wood")
    for x, y, size in ((0.28, 0.44, 0.2), (0.72, 0.44, 0.2), (0.36, 0.24, 0.2), (0.62, 0.22, 0.21), (0.5, 0.46, 0.25)):
        pen.ellipse(x - size, y - size, x + size, y + size, "body")
    for x, y in ((0.3, 0.3), (0.54, 0.18), (0.66, 0.4), (0.4, 0.48)):
        pen.arc(x - 0.08, y - 0.06, x + 0.08, y + 0.1, 190, 350, 0.035, "light")


def tree_fir(pen: Pen) -> None:
    pen.rect(0.43, 0.8, 0.57, 0.99, "wood")
    for top, bottom, half, fill in ((0.42, 0.86, 0.44, "body"), (0.2, 0.6, 0.35, "body"), (0.01, 0.36, 0.25, "body")):
        pen.polygon([(0.5, top), (0.5 + half, bottom), (0.5 - half, bottom)], fill)
        pen.line([(0.5 - half * 0.85, bottom - 0.015), (0.5 + half * 0.85, bottom - 0.015)], 0.035, "dark")


def _petals(pen: Pen, x: float, y: float, count: int, reach: float, size: float) -> None:
    for petal in range(count):
        angle = 2 * pi * petal / count - pi / 2
        px, py = x + reach * cos(angle), y + reach * sin(angle)
        pen.ellipse(px - size, py - size, px + size, py + size, "body")


def flower_daisy(pen: Pen) -> None:
    pen.line([(0.5, 0.5), (0.5, 0.97)], 0.06, "leaf")
    pen.curve([(0.5, 0.86), (0.58, 0.74), (0.76, 0.72), (0.68, 0.84)], "leaf")
    pen.curve([(0.5, 0.92), (0.42, 0.8), (0.24, 0.78), (0.32, 0.9)], "leaf")
    _petals(pen, 0.5, 0.34, 6, 0.2, 0.135)
    pen.ellipse(0.4, 0.24, 0.6, 0.44, "flame")


def flower_tulip(pen: Pen) -> None:
    pen.line([(0.5, 0.5), (0.5, 0.97)], 0.06, "leaf")
    pen.curve([(0.51, 0.97), (0.56, 0.74), (0.72, 0.6), (0.68, 0.84)], "leaf")
    pen.curve([(0.49, 0.97), (0.44, 0.74), (0.28, 0.6), (0.32, 0.84)], "leaf")
    pen.polygon([(0.2, 0.06), (0.36, 0.2), (0.5, 0.02), (0.64, 0.2), (0.8, 0.06), (0.82, 0.4), (0.18, 0.4)], "body")
    pen.ellipse(0.18, 0.16, 0.82, 0.6, "body")
    pen.line([(0.38, 0.26), (0.42, 0.48)], 0.035, "dark")
    pen.line([(0.62, 0.26), (0.58, 0.48)], 0.035, "dark")


def mushroom_toadstool(pen: Pen) -> None:
    pen.curve([(0.38, 0.5), (0.62, 0.5), (0.62, 0.8), (0.7, 0.96), (0.5, 0.99), (0.3, 0.96), (0.38, 0.8)], "cream")
    pen.pie(0.02, 0.04, 0.98, 1.12, 180, 360, "body")
    pen.ellipse(0.02, 0.52, 0.98, 0.66, "body")
    for x, y, size in ((0.46, 0.2, 0.075), (0.24, 0.38, 0.06), (0.7, 0.38, 0.07), (0.48, 0.47, 0.05)):
        pen.ellipse(x - size, y - size * 0.85, x + size, y + size * 0.85, "light")


def mushroom_pair(pen: Pen) -> None:
    pen.rect(0.3, 0.44, 0.5, 0.99, "cream", radius=0.06)
    cap = [(0.4, 0.02), (0.6, 0.16), (0.74, 0.48), (0.56, 0.56), (0.4, 0.57), (0.22, 0.56), (0.06, 0.48), (0.2, 0.16)]
    pen.curve(cap, "body")
    pen.curve([(0.24, 0.38), (0.28, 0.22), (0.38, 0.13), (0.34, 0.28)], "light")
    pen.rect(0.71, 0.72, 0.83, 0.99, "cream", radius=0.05)
    pen.pie(0.56, 0.54, 0.98, 1.0, 180, 360, "body")
    pen.ellipse(0.56, 0.72, 0.98, 0.81, "body")


def leaf_pointed(pen: Pen) -> None:
    pen.line([(0.06, 0.94), (0.3, 0.7)], 0.07, "dark")
    edge = [(0.22, 0.78), (0.14, 0.5), (0.36, 0.18), (0.7, 0.06), (0.97, 0.03), (0.94, 0.3), (0.82, 0.64), (0.5, 0.86)]
    pen.curve(edge, "body")
    pen.line([(0.26, 0.74), (0.84, 0.16)], 0.035, "dark")
    for x, y in ((0.4, 0.6), (0.55, 0.45), (0.7, 0.3)):
        pen.line([(x, y), (x - 0.02, y - 0.2)], 0.025, "dark")
        pen.line([(x, y), (x + 0.2, y + 0.02)], 0.025, "dark")


def leaf_maple(pen: Pen) -> None:
    right = [(0.5, 0.02), (0.58, 0.2), (0.7, 0.15), (0.68, 0.4), (0.82, 0.28), (0.85, 0.37), (0.99, 0.36), (0.9, 0.52)]
    right += [(0.96, 0.58), (0.7, 0.74), (0.74, 0.82), (0.53, 0.78)]
    left = [(1 - x, y) for x, y in reversed(right[1:])]
    pen.line([(0.5, 0.7), (0.5, 0.96)], 0.06, "dark")
    pen.polygon([*right, *left], "body")
    for x, y in ((0.5, 0.24), (0.8, 0.46), (0.2, 0.46)):
        pen.line([(0.5, 0.76), (x, y)], 0.028, "dark")


def cactus_arms(pen: Pen) -> None:
    pen.line([(0.5, 0.14), (0.5, 0.92)], 0.26, "body")
    pen.line([(0.5, 0.62), (0.16, 0.62), (0.14, 0.34)], 0.17, "body")
    pen.line([(0.5, 0.5), (0.84, 0.5), (0.86, 0.2)], 0.17, "body")
    pen.rect(0.3, 0.985, 0.7, 1.1, None)
    for x in (0.44, 0.56):
        pen.line([(x, 0.12), (x, 0.94)], 0.025, "dark")
    pen.line([(0.14, 0.36), (0.15, 0.58)], 0.025, "dark")
    pen.line([(0.86, 0.22), (0.85, 0.46)], 0.025, "dark")


def cactus_potted(pen: Pen) -> None:
    pen.ellipse(0.16, 0.14, 0.84, 0.82, "body")
    for inset in (0.14, 0.27):
        pen.arc(0.16 + inset, 0.14, 0.84 - inset, 0.82, 0, 360, 0.025, "dark")
    pen.line([(0.5, 0.16), (0.5, 0.74)], 0.025, "dark")
    for x, y in ((0.2, 0.22), (0.8, 0.22), (0.07, 0.44), (0.93, 0.44)):
        pen.line([(x, y), (x * 0.7 + 0.15, y * 0.7 + 0.15)], 0.035, "dark")
    for x in (0.41, 0.5, 0.59):
        pen.ellipse(x - 0.06, 0.02, x + 0.06, 0.18, "light")
    pen.polygon([(0.26, 0.72), (0.74, 0.72), (0.68, 0.99), (0.32, 0.99)], "wood")
    pen.rect(0.22, 0.68, 0.78, 0.78, "wood", radius=0.02)


DRAWINGS: dict[str, tuple[Drawing, ...]] = {
    "tree": (tree_round, tree_fir),
    "flower": (flower_daisy, flower_tulip),
    "mushroom": (mushroom_toadstool, mushroom_pair),
    "leaf": (leaf_pointed, leaf_maple),
    "cactus": (cactus_arms, cactus_potted),
}
