"""Vehicles."""

from data.world.pen import Drawing, Pen


def _wheel(pen: Pen, x: float, y: float, size: float) -> None:
    pen.ellipse(x - size, y - size, x + size, y + size, "rubber")
    pen.ellipse(x - size * 0.45, y - size * 0.45, x + size * 0.45, y + size * 0.45, "metal")


def car_sedan(pen: Pen) -> None:
    pen.polygon([(0.18, 0.5), (0.34, 0.24), (0.66, 0.24), (0.82, 0.5)], "body")
    pen.rect(0.01, 0.44, 0.99, 0.74, "body", radius=0.1)
    pen.polygon([(0.29, 0.46), (0.38, 0.31), (0.48, 0.31), (0.48, 0.46)], "glass")
    pen.polygon([(0.53, 0.46), (0.53, 0.31), (0.62, 0.31), (0.71, 0.46)], "glass")
    pen.rect(0.02, 0.64, 0.98, 0.73, "dark", radius=0.04)
    pen.rect(0.92, 0.5, 0.99, 0.58, "lamp", radius=0.02)
    pen.line([(0.53, 0.54), (0.59, 0.54)], 0.03, "dark")
    _wheel(pen, 0.24, 0.73, 0.125)
    _wheel(pen, 0.76, 0.73, 0.125)


def car_beetle(pen: Pen) -> None:
    pen.pie(0.16, 0.12, 0.8, 1.0, 180, 360, "body")
    pen.curve([(0.02, 0.72), (0.06, 0.52), (0.3, 0.44), (0.7, 0.44), (0.93, 0.52), (0.99, 0.72), (0.5, 0.78)], "body")
    pen.pie(0.28, 0.24, 0.68, 0.72, 180, 360, "glass")
    pen.rect(0.44, 0.2, 0.52, 0.52, "body")
    pen.pie(0.03, 0.5, 0.41, 0.92, 180, 360, "dark")
    pen.pie(0.6, 0.5, 0.98, 0.92, 180, 360, "dark")
    pen.line([(0.38, 0.72), (0.62, 0.72)], 0.06, "dark")
    pen.ellipse(0.89, 0.53, 0.98, 0.63, "lamp")
    _wheel(pen, 0.22, 0.76, 0.12)
    _wheel(pen, 0.79, 0.76, 0.12)


def bus_city(pen: Pen) -> None:
    pen.rect(0.01, 0.2, 0.99, 0.78, "body", radius=0.06)
    pen.rect(0.02, 0.64, 0.98, 0.7, "dark")
    for x in (0.07, 0.25, 0.43, 0.61):
        pen.rect(x, 0.29, x + 0.13, 0.48, "glass", radius=0.02)
    pen.rect(0.79, 0.29, 0.97, 0.52, "glass", radius=0.02)
    pen.line([(0.06, 0.24), (0.9, 0.24)], 0.025, "light")
    _wheel(pen, 0.23, 0.77, 0.1)
    _wheel(pen, 0.77, 0.77, 0.1)


def bus_double(pen: Pen) -> None:
    pen.rect(0.08, 0.02, 0.92, 0.88, "body", radius=0.07)
    for x in (0.14, 0.335, 0.53, 0.725):
        pen.rect(x, 0.11, x + 0.14, 0.29, "glass", radius=0.02)
    for x in (0.335, 0.53, 0.725):
        pen.rect(x, 0.48, x + 0.14, 0.64, "glass", radius=0.02)
    pen.rect(0.14, 0.48, 0.275, 0.86, "dark", radius=0.02)
    pen.rect(0.08, 0.36, 0.92, 0.41, "dark")
    pen.rect(0.84, 0.71, 0.92, 0.78, "lamp", radius=0.02)
    _wheel(pen, 0.37, 0.87, 0.11)
    _wheel(pen, 0.73, 0.87, 0.11)


def _hoop(pen: Pen, x: float, y: float, size: float, width: float) -> None:
    pen.arc(x - size, y - size, x + size, y + size, 0, 360, width, "body")
    pen.ellipse(x - 0.04, y - 0.04, x + 0.04, y + 0.04, "dark")


def bicycle_road(pen: Pen) -> None:
    _hoop(pen, 0.235, 0.64, 0.23, 0.075)
    _hoop(pen, 0.765, 0.64, 0.23, 0.075)
    pen.line([(0.235, 0.64), (0.37, 0.37), (0.67, 0.35), (0.47, 0.66), (0.235, 0.64)], 0.065, "body")
    pen.line([(0.34, 0.28), (0.47, 0.66)], 0.065, "body")
    pen.line([(0.765, 0.64), (0.65, 0.24), (0.78, 0.18)], 0.065, "body")
    pen.line([(0.25, 0.26), (0.41, 0.26)], 0.075, "ink")
    pen.line([(0.76, 0.18), (0.83, 0.2)], 0.07, "ink")
    pen.ellipse(0.41, 0.6, 0.53, 0.72, "dark")


def bicycle_penny(pen: Pen) -> None:
    _hoop(pen, 0.62, 0.61, 0.37, 0.085)
    for x0, y0, x1, y1 in ((0.62, 0.28, 0.62, 0.94), (0.29, 0.61, 0.95, 0.61)):
        pen.line([(x0, y0), (x1, y1)], 0.025, "metal")
    _hoop(pen, 0.16, 0.83, 0.15, 0.07)
    pen.line([(0.62, 0.61), (0.59, 0.12)], 0.07, "body")
    pen.line([(0.16, 0.83), (0.2, 0.5), (0.36, 0.25), (0.59, 0.16)], 0.075, "body")
    pen.line([(0.36, 0.16), (0.52, 0.15)], 0.075, "ink")
    pen.line([(0.59, 0.07), (0.74, 0.11)], 0.065, "ink")


def boat_sail(pen: Pen) -> None:
    pen.line([(0.5, 0.03), (0.5, 0.74)], 0.045, "wood")
    pen.polygon([(0.54, 0.04), (0.92, 0.64), (0.54, 0.64)], "body")
    pen.polygon([(0.46, 0.14), (0.46, 0.64), (0.12, 0.64)], "light")
    pen.polygon([(0.01, 0.7), (0.99, 0.7), (0.84, 0.96), (0.17, 0.96)], "body")
    pen.polygon([(0.1, 0.86), (0.9, 0.86), (0.84, 0.96), (0.17, 0.96)], "dark")


def boat_steamer(pen: Pen) -> None:
    pen.rect(0.36, 0.08, 0.5, 0.42, "body")
    pen.rect(0.36, 0.08, 0.5, 0.17, "dark")
    pen.rect(0.22, 0.34, 0.7, 0.62, "light", radius=0.03)
    pen.rect(0.18, 0.32, 0.76, 0.39, "dark", radius=0.02)
    for x in (0.29, 0.43, 0.57):
        pen.ellipse(x, 0.43, x + 0.09, 0.52, "glass")
    pen.polygon([(0.01, 0.57), (0.76, 0.57), (0.99, 0.48), (0.88, 0.9), (0.12, 0.9)], "body")
    pen.polygon([(0.08, 0.78), (0.92, 0.78), (0.88, 0.9), (0.12, 0.9)], "dark")
    pen.line([(0.8, 0.64), (0.8, 0.66)], 0.06, "dark")


def plane_above(pen: Pen) -> None:
    pen.polygon([(0.5, 0.3), (0.99, 0.56), (0.99, 0.66), (0.5, 0.56), (0.01, 0.66), (0.01, 0.56)], "body")
    pen.polygon([(0.5, 0.76), (0.74, 0.92), (0.74, 0.99), (0.5, 0.92), (0.26, 0.99), (0.26, 0.92)], "body")
    pen.curve([(0.5, 0.0), (0.59, 0.14), (0.6, 0.5), (0.54, 0.96), (0.46, 0.96), (0.4, 0.5), (0.41, 0.14)], "body")
    pen.curve([(0.5, 0.06), (0.56, 0.16), (0.5, 0.19), (0.44, 0.16)], "glass")
    pen.line([(0.5, 0.3), (0.5, 0.88)], 0.035, "light")
    for side in (-1, 1):
        pen.line([(0.5 + side * 0.26, 0.42), (0.5 + side * 0.26, 0.52)], 0.08, "dark")


def plane_side(pen: Pen) -> None:
    pen.polygon([(0.03, 0.2), (0.17, 0.2), (0.32, 0.46), (0.08, 0.52)], "body")
    pen.polygon([(0.44, 0.46), (0.4, 0.24), (0.48, 0.24), (0.64, 0.46)], "dark")
    pen.curve([(0.04, 0.46), (0.3, 0.4), (0.72, 0.38), (0.93, 0.46), (0.99, 0.56), (0.84, 0.66), (0.42, 0.66)], "body")
    pen.polygon([(0.36, 0.56), (0.62, 0.56), (0.34, 0.84), (0.22, 0.84)], "dark")
    pen.polygon([(0.02, 0.42), (0.2, 0.44), (0.12, 0.54), (0.0, 0.52)], "dark")
    for x in (0.36, 0.47, 0.58, 0.69):
        pen.ellipse(x, 0.45, x + 0.06, 0.51, "glass")
    pen.polygon([(0.82, 0.44), (0.9, 0.46), (0.95, 0.52), (0.82, 0.52)], "glass")


DRAWINGS: dict[str, tuple[Drawing, ...]] = {
    "car": (car_sedan, car_beetle),
    "bus": (bus_city, bus_double),
    "bicycle": (bicycle_road, bicycle_penny),
    "boat": (boat_sail, boat_steamer),
    "plane": (plane_above, plane_side),
}
