"""Things about the house."""

from data.world.pen import Drawing, Pen


def key_old(pen: Pen) -> None:
    pen.ellipse(0.26, 0.01, 0.74, 0.45, "body")
    pen.ellipse(0.39, 0.13, 0.61, 0.33, None)
    pen.rect(0.43, 0.4, 0.57, 0.99, "body", radius=0.03)
    pen.rect(0.5, 0.7, 0.78, 0.8, "body")
    pen.rect(0.5, 0.87, 0.82, 0.97, "body")
    pen.rect(0.38, 0.44, 0.62, 0.52, "dark", radius=0.02)


def key_modern(pen: Pen) -> None:
    pen.rect(0.01, 0.28, 0.42, 0.72, "body", radius=0.12)
    pen.ellipse(0.06, 0.4, 0.24, 0.6, None)
    pen.polygon(
        [(0.38, 0.41), (0.92, 0.41), (1.0, 0.5), (0.94, 0.57), (0.88, 0.57), (0.83, 0.67), (0.77, 0.57), (0.7, 0.57)]
        + [(0.65, 0.7), (0.58, 0.57), (0.52, 0.57), (0.47, 0.66), (0.38, 0.62)],
        "body",
    )
    pen.line([(0.46, 0.48), (0.86, 0.48)], 0.035, "dark")


def _flame(pen: Pen, x: float, top: float, bottom: float) -> None:
    middle, half = (top + 2 * bottom) / 3, (bottom - top) * 0.32
    pen.curve([(x, top), (x + half, middle), (x, bottom), (x - half, middle)], "flame")


def candle_pillar(pen: Pen) -> None:
    pen.line([(0.5, 0.2), (0.5, 0.34)], 0.035, "ink")
    _flame(pen, 0.5, 0.01, 0.26)
    pen.rect(0.33, 0.32, 0.67, 0.99, "body", radius=0.03)
    pen.ellipse(0.33, 0.28, 0.67, 0.38, "light")
    pen.line([(0.39, 0.35), (0.39, 0.52)], 0.08, "light")
    pen.line([(0.6, 0.36), (0.6, 0.46)], 0.07, "light")
    pen.rect(0.6, 0.55, 0.67, 0.97, "dark")


def candle_holder(pen: Pen) -> None:
    pen.line([(0.44, 0.2), (0.44, 0.34)], 0.035, "ink")
    _flame(pen, 0.44, 0.01, 0.26)
    pen.rect(0.33, 0.3, 0.55, 0.82, "body", radius=0.03)
    pen.arc(0.66, 0.6, 0.98, 0.9, 0, 360, 0.075, "body")
    pen.polygon([(0.02, 0.78), (0.86, 0.78), (0.72, 0.98), (0.16, 0.98)], "body")
    pen.rect(0.24, 0.7, 0.64, 0.8, "dark", radius=0.03)
    pen.line([(0.38, 0.35), (0.38, 0.5)], 0.05, "light")


def clock_alarm(pen: Pen) -> None:
    for side in (-1, 1):
        pen.line([(0.5 + side * 0.2, 0.8), (0.5 + side * 0.3, 0.95)], 0.09, "dark")
        pen.ellipse(0.5 + side * 0.28 - 0.17, 0.02, 0.5 + side * 0.28 + 0.17, 0.34, "body")
    pen.rect(0.46, 0.03, 0.54, 0.2, "dark", radius=0.02)
    pen.ellipse(0.09, 0.12, 0.91, 0.94, "body")
    pen.ellipse(0.22, 0.25, 0.78, 0.81, "dark")
    pen.ellipse(0.25, 0.28, 0.75, 0.78, "paper")
    pen.line([(0.5, 0.36), (0.5, 0.53), (0.62, 0.6)], 0.045, "ink")


def clock_pendulum(pen: Pen) -> None:
    pen.polygon([(0.5, 0.0), (0.86, 0.16), (0.86, 0.24), (0.14, 0.24), (0.14, 0.16)], "body")
    pen.rect(0.2, 0.2, 0.8, 0.99, "body")
    pen.rect(0.14, 0.9, 0.86, 0.99, "body", radius=0.02)
    pen.line([(0.22, 0.22), (0.78, 0.22)], 0.035, "dark")
    pen.line([(0.22, 0.9), (0.78, 0.9)], 0.035, "dark")
    pen.ellipse(0.27, 0.24, 0.73, 0.62, "dark")
    pen.ellipse(0.3, 0.27, 0.7, 0.59, "paper")
    pen.line([(0.5, 0.32), (0.5, 0.44), (0.59, 0.48)], 0.045, "ink")
    pen.rect(0.36, 0.64, 0.64, 0.88, "dark", radius=0.03)
    pen.line([(0.5, 0.64), (0.5, 0.78)], 0.035, "flame")
    pen.ellipse(0.44, 0.74, 0.56, 0.86, "flame")


def umbrella_open(pen: Pen) -> None:
    pen.line([(0.5, 0.06), (0.5, 0.88)], 0.055, "ink")
    pen.arc(0.475, 0.76, 0.7, 0.99, 0, 180, 0.055, "ink")
    pen.pie(0.0, 0.06, 1.0, 1.04, 180, 360, "body")
    for x in (0.0, 0.25, 0.5, 0.75):
        pen.ellipse(x, 0.47, x + 0.25, 0.65, None)
    pen.line([(0.5, 0.08), (0.26, 0.52)], 0.028, "dark")
    pen.line([(0.5, 0.08), (0.74, 0.52)], 0.028, "dark")
    pen.line([(0.5, 0.5), (0.5, 0.88)], 0.055, "ink")
    pen.line([(0.5, 0.03), (0.5, 0.08)], 0.05, "ink")


def umbrella_folded(pen: Pen) -> None:
    pen.line([(0.5, 0.03), (0.5, 0.9)], 0.045, "ink")
    pen.arc(0.475, 0.76, 0.74, 0.99, 0, 180, 0.06, "ink")
    pen.polygon([(0.46, 0.07), (0.54, 0.07), (0.7, 0.66), (0.6, 0.73), (0.5, 0.67), (0.4, 0.73), (0.3, 0.66)], "body")
    pen.line([(0.49, 0.14), (0.44, 0.64)], 0.03, "dark")
    pen.line([(0.52, 0.14), (0.58, 0.64)], 0.03, "light")
    pen.polygon([(0.385, 0.42), (0.615, 0.42), (0.635, 0.5), (0.365, 0.5)], "dark")


def book_front(pen: Pen) -> None:
    pen.rect(0.14, 0.02, 0.86, 0.98, "dark", radius=0.05)
    pen.rect(0.2, 0.86, 0.86, 0.95, "paper")
    pen.rect(0.14, 0.02, 0.86, 0.87, "body", radius=0.04)
    pen.rect(0.14, 0.02, 0.26, 0.93, "dark", radius=0.04)
    pen.rect(0.36, 0.16, 0.76, 0.34, "light", radius=0.02)
    pen.line([(0.42, 0.25), (0.7, 0.25)], 0.035, "ink")
    pen.ellipse(0.47, 0.5, 0.65, 0.68, "light")


def book_lying(pen: Pen) -> None:
    pen.polygon([(0.02, 0.5), (0.3, 0.22), (0.99, 0.3), (0.99, 0.52), (0.74, 0.84), (0.02, 0.7)], "dark")
    pen.polygon([(0.09, 0.57), (0.72, 0.69), (0.97, 0.38), (0.97, 0.48), (0.73, 0.78), (0.09, 0.65)], "paper")
    pen.polygon([(0.02, 0.48), (0.3, 0.18), (0.99, 0.28), (0.74, 0.63)], "body")
    pen.polygon([(0.34, 0.42), (0.42, 0.33), (0.72, 0.375), (0.65, 0.475)], "light")
    pen.line([(0.05, 0.53), (0.05, 0.66)], 0.06, "body")


DRAWINGS: dict[str, tuple[Drawing, ...]] = {
    "key": (key_old, key_modern),
    "candle": (candle_pillar, candle_holder),
    "clock": (clock_alarm, clock_pendulum),
    "umbrella": (umbrella_open, umbrella_folded),
    "book": (book_front, book_lying),
}
