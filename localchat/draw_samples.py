"""Draws the sample pictures: street scenes of our own making, each with one thing wrong in it.

    python -m localchat.draw_samples

writes the JPEGs and `index.json` beside this file, in `samples/`. The same Pillow draws the same
bytes each time. Every picture has the EXIF a phone would write, place and time included.
"""

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageChops, ImageDraw, ImageFilter
from PIL.TiffImagePlugin import IFDRational

WIDTH, HEIGHT = 1280, 960

# Drawn twice as large and scaled down, which smooths every edge.
_FINE = 2

# Where things stand, in pixels from the top: house fronts end, the kerb, the road's near half.
_GROUND, _KERB, _ROAD = 560, 640, 664

Point = tuple[float, float]
Box = tuple[float, float, float, float]
Colour = str | tuple[int, int, int] | tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Light:
    """The hour of a scene, as colours."""

    sky_top: str
    sky_low: str
    hills: str
    far: str
    pavement: str
    kerb: str
    road: str
    marking: str
    walls: tuple[str, ...]
    windows: tuple[str, ...]
    leaves: tuple[str, str]


_WALLS = ("#d9765b", "#e8b48a", "#f2dcb3", "#c9573f", "#e9c46a", "#d7e0d4", "#b7cdd8", "#efe6dc")

MORNING = Light(
    "#8fd0ee", "#fdf0d2", "#a9cbbd", "#c4dbe0", "#d8cfc2", "#f0eae0", "#6d7480", "#f4f1e6",
    _WALLS, ("#5f8fa8", "#79a9bd", "#4f7f98"), ("#5fa06a", "#7fbb78"),
)  # fmt: skip
AFTERNOON = Light(
    "#64b3e4", "#d9f1f7", "#8fbf9c", "#b9d5e2", "#d3ccc4", "#eeeae4", "#646b77", "#f6f4ec",
    _WALLS, ("#547f9b", "#6d9bb3", "#466f8a"), ("#4d955c", "#6bb06c"),
)  # fmt: skip
EVENING = Light(
    "#6f7fc0", "#fbc79a", "#93849f", "#bb9aa8", "#c7b3ae", "#e6d2c8", "#5d5d6c", "#f1e3d3",
    ("#c9664f", "#d79a78", "#dfc19c", "#b34f3d", "#d2ab5f", "#bfb9b6", "#a59fb2", "#d8c3b8"),
    ("#ffd98a", "#6c7596", "#ffe6ab"), ("#5b7f5d", "#779567"),
)  # fmt: skip
NIGHT = Light(
    "#10183a", "#2b3a6b", "#1b2650", "#22305c", "#3d4663", "#525c7c", "#2b3149", "#7f86a0",
    ("#3a3557", "#4a4263", "#45506f", "#38304f", "#4c4a60", "#3c4868", "#34405f", "#4f4b66"),
    ("#f8cf7a", "#2a3357", "#232b4d"), ("#23403f", "#2c4d47"),
)  # fmt: skip
RAIN = Light(
    "#7d8f9f", "#bcc8cf", "#8ba0a2", "#a0b1b8", "#a3a6a8", "#bcc0c2", "#535c67", "#d5d9da",
    ("#b0695a", "#bd9a80", "#c5b99f", "#9f5547", "#b7a070", "#aeb8b2", "#93a5af", "#c0bcb6"),
    ("#f0d79a", "#5b7484", "#6e8695"), ("#4c7a5c", "#5f8d68"),
)  # fmt: skip


class Scene:
    """A canvas that takes coordinates of the finished picture."""

    def __init__(self, seed: int, light: Light) -> None:
        self.light = light
        self.random = random.Random(seed)
        self.image = Image.new("RGB", (WIDTH * _FINE, HEIGHT * _FINE))
        self.draw = ImageDraw.Draw(self.image, "RGBA")

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """A filled shape."""
        self.draw.polygon([(x * _FINE, y * _FINE) for x, y in points], fill=fill)

    def box(self, box: Box, fill: Colour, radius: float = 0) -> None:
        """A rectangle, its corners perhaps rounded."""
        scaled = tuple(edge * _FINE for edge in box)
        self.draw.rounded_rectangle(scaled, radius * _FINE, fill=fill)

    def oval(self, x: float, y: float, rx: float, ry: float, fill: Colour) -> None:
        """An ellipse about its centre."""
        box = (x - rx, y - ry, x + rx, y + ry)
        self.draw.ellipse(tuple(edge * _FINE for edge in box), fill=fill)

    def line(self, points: Sequence[Point], fill: Colour, width: float) -> None:
        """A line with round ends and joints."""
        scaled = [(x * _FINE, y * _FINE) for x, y in points]
        self.draw.line(scaled, fill=fill, width=round(width * _FINE), joint="curve")
        for x, y in (points[0], points[-1]):
            self.oval(x, y, width / 2, width / 2, fill)

    def arc(self, box: Box, start: float, end: float, fill: Colour, width: float) -> None:
        """A piece of an ellipse's outline; degrees clockwise from three o'clock."""
        scaled = tuple(edge * _FINE for edge in box)
        self.draw.arc(scaled, start, end, fill=fill, width=round(width * _FINE))

    def blob(self, x: float, y: float, rx: float, ry: float, fill: Colour, *, rough: float) -> None:
        """An ellipse with a broken rim."""
        corners = []
        for step in range(26):
            angle = step / 26 * math.tau
            reach = 1 + self.random.uniform(-rough, rough)
            corners.append((x + rx * reach * math.cos(angle), y + ry * reach * math.sin(angle)))
        self.polygon(corners, fill)

    def glow(self, x: float, y: float, radius: float, colour: str, strength: float) -> None:
        """Light in the air, brighter towards its middle."""
        small = 8
        mask = Image.new("L", (WIDTH // small, HEIGHT // small))
        spot = tuple(edge / small for edge in (x - radius, y - radius, x + radius, y + radius))
        ImageDraw.Draw(mask).ellipse(spot, fill=round(255 * strength))
        mask = mask.filter(ImageFilter.GaussianBlur(radius / small / 2.2))
        self.lay(Image.new("RGB", self.image.size, colour), mask.resize(self.image.size))

    def shade(self, top: str, low: str, box: Box) -> None:
        """Fill a box from one colour to another."""
        left, upper, right, lower = (round(edge * _FINE) for edge in box)
        mask = Image.linear_gradient("L").resize((right - left, lower - upper))
        size = mask.size
        blend = Image.composite(Image.new("RGB", size, low), Image.new("RGB", size, top), mask)
        self.image.paste(blend, (left, upper))

    def lay(self, over: Image.Image, mask: Image.Image) -> None:
        """Put a whole picture over this one through a mask."""
        self.image.paste(over, (0, 0), mask)

    def finished(self) -> Image.Image:
        """The picture in its final size."""
        return self.image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def street(scene: Scene, *, lane_marks: bool = True) -> None:
    """Sky, hills, houses, trees, pavement and road: the stage of every picture."""
    light, chance = scene.light, scene.random
    scene.shade(light.sky_top, light.sky_low, (0, 0, WIDTH, 480))
    for middle, height, colour in (
        (260, 170, light.far),
        (900, 210, light.far),
        (560, 120, light.hills),
        (1180, 130, light.hills),
        (40, 110, light.hills),
    ):
        scene.oval(middle, 500, 420, height, colour)
    x = -chance.uniform(20, 90)
    while x < WIDTH:
        width = chance.uniform(150, 215)
        _house(scene, x, width, chance.uniform(190, 360))
        x += width + chance.choice((0, 0, 6, 46))
    scene.box((0, _GROUND, WIDTH, _KERB), light.pavement)
    for column in range(-2, 28):
        slant = (column * 50 - 640) * 0.12
        joint = _mixed(light.pavement, "#000000", 0.10)
        scene.line([(column * 50, _GROUND), (column * 50 + slant, _KERB)], joint, 1.5)
    scene.line([(0, 596), (WIDTH, 596)], _mixed(light.pavement, "#000000", 0.10), 1.5)
    scene.box((0, _GROUND, WIDTH, _GROUND + 7), _mixed(light.pavement, "#000000", 0.18))
    scene.box((0, _KERB, WIDTH, _ROAD - 8), light.kerb)
    scene.box((0, _ROAD - 10, WIDTH, _ROAD), _mixed(light.kerb, "#000000", 0.35))
    scene.shade(
        _mixed(light.road, "#000000", 0.10),
        _mixed(light.road, "#ffffff", 0.06),
        (0, _ROAD, WIDTH, HEIGHT),
    )
    for _ in range(900):
        shade = chance.choice(((0, 0, 0, 26), (255, 255, 255, 20)))
        y = chance.uniform(_ROAD + 6, HEIGHT)
        size = 0.8 + 2.2 * (y - _ROAD) / (HEIGHT - _ROAD)
        scene.oval(chance.uniform(0, WIDTH), y, size, size * 0.6, shade)
    if lane_marks:
        scene.box((0, _ROAD + 16, WIDTH, _ROAD + 22), light.marking)
        for start in range(-60, WIDTH, 300):
            scene.polygon(
                [(start + 20, 800), (start + 180, 800), (start + 172, 814), (start + 8, 814)],
                light.marking,
            )


def _house(scene: Scene, x: float, width: float, height: float) -> None:
    """A shop house of southern Fujian: brick or plaster, an arcade of shops, laundry above."""
    light, chance = scene.light, scene.random
    wall = chance.choice(light.walls)
    top = _GROUND - height
    trim = _mixed(wall, "#ffffff", 0.28)
    dark = _mixed(wall, "#000000", 0.22)
    scene.box((x, top, x + width, _GROUND), wall)
    scene.box((x + width - 14, top, x + width, _GROUND), _mixed(wall, "#000000", 0.10))
    if chance.random() < 0.5:
        # A swallow-tail ridge, as the old houses have it.
        roof = _mixed("#a8452f", wall, 0.25)
        scene.polygon(
            [
                (x - 12, top - 26),
                (x + 26, top - 10),
                (x + width - 26, top - 10),
                (x + width + 12, top - 26),
                (x + width + 4, top + 8),
                (x - 4, top + 8),
            ],
            roof,
        )
    else:
        scene.box((x - 5, top - 10, x + width + 5, top + 6), trim)
        if chance.random() < 0.6:
            tank = x + width * chance.uniform(0.2, 0.6)
            scene.box((tank, top - 42, tank + 34, top - 10), _mixed("#9fb3bf", wall, 0.2), 5)
    columns = max(2, round(width / 58))
    step = width / columns
    floor_height = 78
    y = top + 24
    while y + 54 < _GROUND - 96:
        scene.box((x, y + 62, x + width, y + 66), dark)
        for column in range(columns):
            left = x + column * step + step * 0.22
            right = x + (column + 1) * step - step * 0.22
            scene.box((left - 4, y - 4, right + 4, y + 50), trim, 3)
            glass = chance.choice(light.windows)
            scene.box((left, y, right, y + 46), glass, 2)
            scene.polygon(
                [(left, y + 30), (left + 16, y), (left + 24, y), (left, y + 44)],
                (255, 255, 255, 34),
            )
            scene.box(((left + right) / 2 - 1.5, y, (left + right) / 2 + 1.5, y + 46), trim)
            if chance.random() < 0.22:
                scene.box((left - 2, y + 38, right + 2, y + 58), _mixed("#e8ecee", wall, 0.25), 3)
        y += floor_height
    shop = chance.choice(("#e76f51", "#2a9d8f", "#e9b44c", "#457b9d", "#b5546b", "#6a994e"))
    shop = _mixed(shop, light.road, 0.62) if light is NIGHT else shop
    scene.box((x + 8, _GROUND - 84, x + width - 8, _GROUND), _mixed(wall, "#000000", 0.45))
    scene.box((x + 18, _GROUND - 58, x + width - 18, _GROUND - 4), light.windows[0], 2)
    for part in (0.34, 0.66):
        at = x + width * part
        scene.box((at - 2, _GROUND - 58, at + 2, _GROUND), dark)
    scene.box((x + 10, _GROUND - 108, x + width - 10, _GROUND - 82), shop, 3)
    signs = chance.randint(3, 5)
    for sign in range(signs):
        left = x + width / 2 + (sign - signs / 2) * 22
        scene.box(
            (left + 2, _GROUND - 102, left + 17, _GROUND - 88), _mixed("#fff7e6", shop, 0.2), 3
        )
    stripe = (width - 24) / 8
    for part in range(8):
        colour = (
            shop if part % 2 else _mixed("#fff7e6", light.road, 0.55 if light is NIGHT else 0.0)
        )
        left = x + 12 + part * stripe
        scene.polygon(
            [
                (left, _GROUND - 82),
                (left + stripe, _GROUND - 82),
                (left + stripe + 1, _GROUND - 62),
                (left - 1, _GROUND - 62),
            ],
            colour,
        )
        scene.oval(left + stripe / 2, _GROUND - 62, stripe / 2, 6, colour)


def tree(scene: Scene, x: float, size: float = 1.0) -> None:
    """A street tree in its square of earth."""
    dark, bright = scene.light.leaves
    scene.oval(x, _GROUND + 36, 34 * size, 8 * size, (0, 0, 0, 50))
    trunk = _mixed("#7a5540", scene.light.road, 0.3)
    scene.polygon(
        [
            (x - 9 * size, _GROUND + 36),
            (x - 5 * size, _GROUND - 110 * size),
            (x + 5 * size, _GROUND - 110 * size),
            (x + 9 * size, _GROUND + 36),
        ],
        trunk,
    )
    crown = ((-42, -120, 46), (40, -126, 48), (0, -168, 58), (-20, -104, 40), (26, -100, 38))
    for dx, dy, radius in crown:
        scene.oval(x + dx * size, _GROUND + dy * size, radius * size, radius * size * 0.9, dark)
    for dx, dy, radius in ((-48, -136, 26), (-8, -190, 34), (34, -144, 26)):
        scene.oval(x + dx * size, _GROUND + dy * size, radius * size, radius * size * 0.8, bright)


def lamp(scene: Scene, x: float, *, lit: bool = False, broken: bool = False) -> None:
    """A street light on its pole."""
    metal = _mixed("#5a6672", scene.light.road, 0.25)
    top = 190
    scene.oval(x, _GROUND + 52, 22, 6, (0, 0, 0, 60))
    scene.box((x - 11, _GROUND + 20, x + 11, _GROUND + 52), metal, 3)
    scene.polygon([(x - 6, _GROUND + 30), (x - 4, top), (x + 4, top), (x + 6, _GROUND + 30)], metal)
    if broken:
        scene.line([(x, top + 4), (x + 50, top - 12)], metal, 8)
        scene.line([(x + 50, top - 12), (x + 66, top + 26)], _mixed(metal, "#000000", 0.3), 2.5)
        scene.polygon(
            [(x + 44, top + 22), (x + 60, top + 14), (x + 98, top + 84), (x + 80, top + 92)], metal
        )
        scene.polygon(
            [(x + 52, top + 30), (x + 61, top + 25), (x + 88, top + 76), (x + 79, top + 81)],
            "#1a1f33",
        )
        return
    scene.line([(x, top + 4), (x + 66, top - 16)], metal, 8)
    scene.polygon(
        [(x + 40, top - 22), (x + 118, top - 32), (x + 120, top - 16), (x + 46, top - 6)], metal
    )
    if lit:
        scene.polygon(
            [(x + 54, top - 8), (x + 116, top - 17), (x + 114, top - 10), (x + 56, top - 2)],
            "#fff3c4",
        )


def scooter(scene: Scene, x: float, y: float, box: str = "#f2b705") -> None:
    """A courier's scooter with its box, seen from the side; `y` is where it stands."""
    scene.oval(x + 6, y, 96, 9, (0, 0, 0, 70))
    for wheel in (-58, 66):
        scene.oval(x + wheel, y - 24, 25, 25, "#23272e")
        scene.oval(x + wheel, y - 24, 12, 12, "#b9c2c9")
    body = "#2f6f8f"
    scene.line([(x + 66, y - 24), (x + 44, y - 112)], "#3b434c", 8)
    scene.polygon(
        [
            (x - 78, y - 66),
            (x - 6, y - 72),
            (x + 8, y - 34),
            (x + 44, y - 34),
            (x + 38, y - 92),
            (x + 54, y - 92),
            (x + 62, y - 22),
            (x - 40, y - 20),
            (x - 78, y - 40),
        ],
        body,
    )
    scene.box((x - 74, y - 80, x - 4, y - 66), "#23272e", 7)
    scene.line([(x + 44, y - 112), (x + 26, y - 118)], "#23272e", 7)
    scene.oval(x + 54, y - 92, 8, 8, "#ffe9a8")
    scene.box((x - 104, y - 138, x - 32, y - 80), box, 6)
    scene.box((x - 104, y - 122, x - 32, y - 116), _mixed(box, "#000000", 0.2))


def cone(scene: Scene, x: float, y: float, size: float = 1.0) -> None:
    """A traffic cone; `y` is where it stands."""
    scene.oval(x, y, 34 * size, 8 * size, (0, 0, 0, 70))
    scene.box((x - 28 * size, y - 8 * size, x + 28 * size, y), "#d9481c", 3)
    for low, high, colour in ((8, 30, "#f2622e"), (30, 48, "#fdf6ec"), (48, 84, "#f2622e")):
        wide, narrow = 20 - low * 0.19, 20 - high * 0.19
        scene.polygon(
            [
                (x - wide * size, y - low * size),
                (x + wide * size, y - low * size),
                (x + narrow * size, y - high * size),
                (x - narrow * size, y - high * size),
            ],
            colour,
        )


def crack(scene: Scene, x: float, y: float, *, angle: float, length: float, width: float) -> None:
    """A crack that wanders and forks."""
    points = [(x, y)]
    for _ in range(7):
        angle += scene.random.uniform(-0.5, 0.5)
        x += math.cos(angle) * length / 7
        y += math.sin(angle) * length / 7 * 0.45
        points.append((x, y))
    scene.line(points, (24, 26, 32, 210), width)
    if length > 60:
        for turn in (-0.8, 0.7):
            fork = points[scene.random.randint(2, 5)]
            crack(scene, *fork, angle=angle + turn, length=length * 0.45, width=width * 0.6)


def _mixed(colour: str, other: str, share: float) -> str:
    """A colour with some of another stirred in."""
    parts = [
        round(int(colour[at : at + 2], 16) * (1 - share) + int(other[at : at + 2], 16) * share)
        for at in (1, 3, 5)
    ]
    return "#{:02x}{:02x}{:02x}".format(*parts)


def guardrail() -> Scene:
    """A stretch of the railing between lane and pavement is torn down."""
    scene = Scene(11, AFTERNOON)
    street(scene)
    tree(scene, 170)
    tree(scene, 1120, 1.1)
    lamp(scene, 900)
    post, rail = "#f4f7f8", "#3f7fb5"

    def panel(left: float, right: float) -> None:
        scene.oval((left + right) / 2, 716, (right - left) / 2, 5, (0, 0, 0, 60))
        for y in (612, 690):
            scene.box((left, y, right, y + 9), post, 3)
        bars = round((right - left) / 22)
        for bar in range(1, bars):
            at = left + (right - left) * bar / bars
            scene.box((at - 3, 612, at + 3, 696), post)
        scene.box((left, 640, right, 656), rail, 3)

    def stand(x: float) -> None:
        scene.box((x - 8, 598, x + 8, 716), post, 4)
        scene.oval(x, 596, 10, 10, rail)
        scene.box((x - 16, 710, x + 16, 720), _mixed(post, "#000000", 0.25), 3)

    for left, right in ((-120, 90), (90, 300), (960, 1170), (1170, 1380)):
        panel(left, right)
    for foot in (90, 300, 960, 1170):
        stand(foot)
    # What is left of the two panels between: one leans over the lane, one lies in pieces.
    shadow = [(310, 724), (560, 800), (690, 790), (440, 716)]
    scene.polygon(shadow, (0, 0, 0, 70))
    a, b, c, d = (306, 612), (596, 742), (566, 806), (304, 696)
    for start, end in ((a, b), (d, c)):
        scene.line([start, end], post, 9)
    for bar in range(1, 12):
        share = bar / 12
        bend = 9 * math.sin(bar * 1.9)
        upper = (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share)
        lower = (d[0] + (c[0] - d[0]) * share + bend, d[1] + (c[1] - d[1]) * share)
        if bar not in (7, 8):
            scene.line([upper, lower], post, 6)
    scene.line([(305, 650), (582, 772)], rail, 14)
    for start, end in (
        ((640, 838), (792, 812)),
        ((664, 770), (722, 792)),
        ((742, 742), (838, 756)),
    ):
        scene.line([(start[0], start[1] + 7), (end[0], end[1] + 7)], (0, 0, 0, 70), 8)
        scene.line([start, end], post, 8)
    scene.line([(800, 856), (884, 840)], rail, 13)
    scene.polygon([(938, 716), (956, 720), (890, 622), (876, 630)], post)
    for _ in range(26):
        x, y = scene.random.uniform(560, 900), scene.random.uniform(740, 880)
        scene.oval(x, y, scene.random.uniform(2, 5), 2.5, "#c9ccd0")
    cone(scene, 470, 880, 1.15)
    return scene


def pothole() -> Scene:
    """A deep hole where scooters ride."""
    scene = Scene(23, MORNING)
    street(scene)
    tree(scene, 250, 1.1)
    lamp(scene, 560)
    tree(scene, 1010)
    scooter(scene, 1090, 742, "#f2b705")
    for angle in (0.2, 1.1, 2.4, 3.3, 4.3, 5.6):
        x, y = 560 + 230 * math.cos(angle), 846 + 62 * math.sin(angle)
        crack(scene, x, y, angle=angle, length=170, width=4)
    layers = (
        (268, 76, "#565d68", 0.07), (246, 66, "#454a53", 0.06), (226, 56, "#6b5b4b", 0.07),
        (200, 46, "#4d4037", 0.08), (160, 34, "#3a302a", 0.09),
    )  # fmt: skip
    for rx, ry, colour, rough in layers:
        scene.blob(560, 846 + (268 - rx) * 0.10, rx, ry, colour, rough=rough)
    scene.oval(590, 868, 118, 18, "#7fa6bb")
    scene.oval(570, 864, 84, 10, "#a9cbd9")
    scene.arc((500, 850, 690, 886), 200, 300, "#d5e9f0", 2.5)
    for _ in range(70):
        angle, reach = scene.random.uniform(0, math.tau), scene.random.uniform(0.72, 1.35)
        x, y = 560 + 258 * reach * math.cos(angle), 850 + 72 * reach * math.sin(angle)
        size = scene.random.uniform(2.5, 8)
        scene.blob(x + 2, y + 3, size, size * 0.6, (0, 0, 0, 70), rough=0.2)
        stone = scene.random.choice(("#8a8f98", "#777c86", "#9a8d7c"))
        scene.blob(x, y, size, size * 0.65, stone, rough=0.25)
    return scene


def manhole() -> Scene:
    """An open shaft; the cover lies beside it."""
    scene = Scene(37, AFTERNOON)
    street(scene)
    lamp(scene, 230)
    tree(scene, 640, 1.15)
    tree(scene, 1090)
    x, y = 520, 832
    scene.oval(x, y, 190, 74, "#595f6a")
    scene.oval(x, y, 168, 64, "#8d939c")
    scene.oval(x, y, 150, 56, "#3a3f48")
    hole = Image.new("L", scene.image.size)
    ImageDraw.Draw(hole).ellipse(
        tuple(v * _FINE for v in (x - 142, y - 51, x + 142, y + 51)), fill=255
    )
    depth = Scene(0, AFTERNOON)
    depth.box((0, 0, WIDTH, HEIGHT), "#0c0e12")
    for ring in range(5):
        lower = 12 + ring * 15
        shade = _mixed("#7a6658", "#0c0e12", 0.15 + ring * 0.19)
        depth.oval(x, y + lower - 12, 142, 51, shade)
        depth.arc(
            (x - 142, y + lower - 62, x + 142, y + lower + 40),
            180,
            360,
            _mixed(shade, "#000000", 0.35),
            3,
        )
    depth.oval(x, y + 62, 140, 48, "#0a0c10")
    for rung in range(3):
        depth.line(
            [(x - 26, y - 34 + rung * 22), (x + 26, y - 34 + rung * 22)],
            _mixed("#a9835f", "#0c0e12", rung * 0.28),
            6,
        )
    scene.lay(depth.image, hole)
    x, y = 862, 876
    scene.oval(x + 8, y + 14, 158, 52, (0, 0, 0, 90))
    scene.oval(x, y + 9, 156, 52, "#3d424b")
    scene.oval(x, y, 156, 52, "#6a707b")
    scene.oval(x, y, 142, 46, "#5a606a")
    for ring, colour in ((118, "#747a85"), (108, "#5a606a"), (66, "#747a85"), (57, "#5a606a")):
        scene.oval(x, y, ring, ring * 0.32, colour)
    for spoke in range(14):
        angle = spoke / 14 * math.tau
        scene.line(
            [
                (x + 66 * math.cos(angle), y + 21 * math.sin(angle)),
                (x + 106 * math.cos(angle), y + 34 * math.sin(angle)),
            ],
            "#747a85",
            4,
        )
    scene.oval(x + 128, y, 8, 4, "#2d3138")
    scene.oval(x - 128, y, 8, 4, "#2d3138")
    scooter(scene, 250, 740, "#3aa655")
    for angle in (2.9, 0.3):
        rim = (520 + 185 * math.cos(angle), 832 + 70 * math.sin(angle))
        crack(scene, *rim, angle=angle, length=110, width=3)
    return scene


def crossing() -> Scene:
    """A zebra crossing worn down to a memory, its sign faded with it."""
    scene = Scene(41, MORNING)
    street(scene, lane_marks=False)
    tree(scene, 120)
    tree(scene, 1180, 1.05)
    scene.box((0, _ROAD + 16, 330, _ROAD + 22), scene.light.marking)
    scene.box((960, _ROAD + 16, WIDTH, _ROAD + 22), scene.light.marking)
    stripes = Scene(5, MORNING)
    stripes.image.paste(scene.image)
    for stripe in range(7):
        top = 676 + stripe * 24 + stripe * stripe * 3.2
        low = top + 15 + stripe * 4.2
        wide_top, wide_low = 300 + (top - 676) * 0.55, 300 + (low - 676) * 0.55
        stripes.polygon(
            [
                (640 - wide_top, top),
                (640 + wide_top, top),
                (640 + wide_low, low),
                (640 - wide_low, low),
            ],
            "#e9e6db",
        )
    worn = Image.new("L", scene.image.size, 205)
    pen = ImageDraw.Draw(worn)
    chance = scene.random
    # Two tracks where the wheels go are all but gone; flakes are missing everywhere else.
    for track in (430, 820):
        pen.polygon(
            [
                (v[0] * _FINE, v[1] * _FINE)
                for v in (
                    (track - 70, 660),
                    (track + 70, 660),
                    (track + 130, 960),
                    (track - 130, 960),
                )
            ],
            fill=70,
        )
    worn = worn.filter(ImageFilter.GaussianBlur(60))
    pen = ImageDraw.Draw(worn)
    for _ in range(2600):
        x, y = chance.uniform(250, 1030) * _FINE, chance.uniform(668, 960) * _FINE
        size = chance.uniform(2, 15) * _FINE * (0.4 + (y / _FINE - 668) / 420)
        pen.ellipse(
            (x - size, y - size * 0.4, x + size, y + size * 0.4),
            fill=chance.choice((0, 10, 25, 60)),
        )
    scene.lay(stripes.image, worn.filter(ImageFilter.GaussianBlur(1.5)))
    for x, y, angle in ((470, 760, 0.4), (760, 850, 2.6), (640, 930, 3.4)):
        crack(scene, x, y, angle=angle, length=150, width=3)
    metal = "#8b949c"
    scene.oval(1010, 628, 18, 5, (0, 0, 0, 60))
    scene.box((1004, 250, 1016, 628), metal, 4)
    scene.polygon([(930, 396), (1090, 380), (1084, 226), (924, 242)], "#7f97ab")
    scene.polygon([(936, 388), (1083, 373), (1078, 233), (931, 249)], "#b4c4cf")
    scene.polygon([(1004, 256), (1066, 362), (950, 374)], "#dfe5e8")
    scene.oval(1003, 292, 8, 8, "#a9b7c1")
    scene.line([(1003, 302), (1008, 330), (996, 358)], "#a9b7c1", 7)
    scene.line([(1008, 330), (1020, 356)], "#a9b7c1", 7)
    scene.line([(1002, 308), (988, 326)], "#a9b7c1", 5)
    for _ in range(34):
        scene.oval(
            chance.uniform(936, 1076),
            chance.uniform(248, 376),
            chance.uniform(2, 9),
            chance.uniform(2, 6),
            (164, 120, 84, 90),
        )
    scooter(scene, 210, 760, "#f2b705")
    return scene


def street_light() -> Scene:
    """Of three street lights the middle one hangs dark."""
    scene = Scene(59, NIGHT)
    street(scene)
    for _ in range(60):
        x, y = scene.random.uniform(0, WIDTH), scene.random.uniform(0, 200)
        scene.oval(x, y, 1.4, 1.4, (255, 255, 255, scene.random.randint(70, 200)))
    scene.oval(1090, 92, 44, 44, "#f6edcf")
    night_there = _mixed(scene.light.sky_top, scene.light.sky_low, 0.17)
    scene.oval(1072, 82, 40, 40, night_there)
    tree(scene, 400)
    tree(scene, 860, 1.1)
    lamp(scene, 130, lit=True)
    lamp(scene, 1060, lit=True)
    lamp(scene, 590, broken=True)
    for x in (215, 1145):
        beam = Image.new("L", (WIDTH // 4, HEIGHT // 4))
        cone_of_light = [(x - 26, 176), (x + 26, 170), (x + 270, 800), (x - 270, 800)]
        ImageDraw.Draw(beam).polygon([(a / 4, b / 4) for a, b in cone_of_light], fill=120)
        fading = (
            Image.linear_gradient("L").rotate(180).resize(beam.size).point(lambda v: 110 + v // 2)
        )
        beam = ImageChops.multiply(beam.filter(ImageFilter.GaussianBlur(7)), fading)
        scene.lay(Image.new("RGB", scene.image.size, "#ffe3a1"), beam.resize(scene.image.size))
        scene.glow(x, 178, 90, "#fff0c0", 0.8)
        pool = Image.new("L", (WIDTH // 4, HEIGHT // 4))
        ImageDraw.Draw(pool).ellipse(((x - 300) / 4, 690 / 4, (x + 300) / 4, 900 / 4), fill=96)
        pool = pool.filter(ImageFilter.GaussianBlur(16))
        scene.lay(Image.new("RGB", scene.image.size, "#ffdf9a"), pool.resize(scene.image.size))
    dark = Image.new("L", (WIDTH // 4, HEIGHT // 4))
    ImageDraw.Draw(dark).ellipse((430 / 4, 520 / 4, 920 / 4, 1010 / 4), fill=130)
    dark = dark.filter(ImageFilter.GaussianBlur(24))
    scene.lay(Image.new("RGB", scene.image.size, "#080c20"), dark.resize(scene.image.size))
    return scene


def flooded() -> Scene:
    """The road stands under water, kerb to kerb."""
    scene = Scene(67, RAIN)
    street(scene)
    tree(scene, 330, 1.1)
    lamp(scene, 760)
    tree(scene, 1150)
    shore = 640 * _FINE
    above = scene.image.crop((0, shore - 300 * _FINE, WIDTH * _FINE, shore))
    mirror = above.transpose(Image.Transpose.FLIP_TOP_BOTTOM).resize(
        (WIDTH * _FINE, (HEIGHT - 640) * _FINE)
    )
    mirror = mirror.filter(ImageFilter.GaussianBlur(9))
    wavy = Image.new("RGB", mirror.size)
    for row in range(0, mirror.height, 4):
        depth = row / mirror.height
        shift = round(math.sin(row / (7 + 22 * depth)) * (5 + 22 * depth))
        strip = mirror.crop((0, row, mirror.width, row + 4))
        wavy.paste(ImageChops.offset(strip, shift, 0), (0, row))
    water = Image.blend(wavy, Image.new("RGB", wavy.size, "#7c8a86"), 0.55)
    scene.image.paste(water, (0, shore))
    chance = scene.random
    scene.polygon(
        [
            (0, 640),
            *[
                (x, 640 + 7 * math.sin(x / 57) + chance.uniform(-2, 2))
                for x in range(0, WIDTH + 20, 20)
            ],
            (WIDTH, 628),
            (0, 628),
        ],
        scene.light.pavement,
    )
    for _ in range(46):
        x, y = chance.uniform(0, WIDTH), chance.uniform(668, 950)
        size = 14 + 46 * (y - 660) / 300
        for part in (1.0, 0.55):
            box = (x - size * part, y - size * part * 0.24, x + size * part, y + size * part * 0.24)
            scene.arc(box, 0, 360, (232, 240, 242, 120), 1.8)
    # A car that went in too far.
    x, y = 790, 788
    scene.oval(x, y + 8, 250, 22, (40, 50, 56, 90))
    scene.polygon(
        [(x - 120, y - 84), (x - 66, y - 150), (x + 74, y - 150), (x + 138, y - 84)], "#b84a3f"
    )
    scene.polygon(
        [(x - 98, y - 86), (x - 56, y - 138), (x - 4, y - 138), (x - 4, y - 86)], "#9fb9c4"
    )
    scene.polygon(
        [(x + 10, y - 86), (x + 10, y - 138), (x + 66, y - 138), (x + 112, y - 86)], "#9fb9c4"
    )
    scene.box((x - 216, y - 88, x + 212, y + 2), "#c95347", 24)
    scene.box((x - 216, y - 34, x + 212, y + 2), "#a9443a")
    scene.box((x - 212, y - 70, x - 190, y - 52), "#ffe6a8", 5)
    scene.box((x + 190, y - 70, x + 210, y - 54), "#8e2f28", 5)
    for wheel in (-128, 126):
        scene.oval(x + wheel, y - 4, 44, 34, "#23272e")
    scene.box((x - 240, y + 2, x + 240, y + 40), (118, 132, 130, 255), 16)
    for width, drop in ((250, 2), (286, 14), (330, 30)):
        scene.arc(
            (x - width, y - 16 + drop, x + width, y + 16 + drop), 10, 170, (236, 243, 244, 190), 3
        )
    scene.box((232, 560, 246, 850), "#f3f4f2", 3)
    for mark in range(7):
        scene.box((232, 570 + mark * 40, 246, 590 + mark * 40), "#d4463a")
    scene.arc((196, 836, 282, 862), 0, 360, (236, 243, 244, 200), 3)
    for _ in range(320):
        x, y, long = chance.uniform(-60, WIDTH), chance.uniform(-40, HEIGHT), chance.uniform(18, 46)
        scene.line([(x, y), (x - long * 0.28, y + long)], (236, 243, 248, 70), 1.4)
    return scene


def lane_blocked() -> Scene:
    """A van and its load stand on the cycle lane."""
    scene = Scene(73, AFTERNOON)
    street(scene, lane_marks=False)
    tree(scene, 130)
    tree(scene, 1160, 1.1)
    lamp(scene, 1010)
    scene.polygon([(0, 692), (WIDTH, 692), (WIDTH, 846), (0, 846)], "#a9584c")
    for _ in range(300):
        scene.oval(
            scene.random.uniform(0, WIDTH),
            scene.random.uniform(694, 844),
            2,
            1.2,
            (255, 235, 220, 40),
        )
    for y in (686, 846):
        scene.box((0, y, WIDTH, y + 8), scene.light.marking)
    for at in (150, 1120):
        mark = scene.light.marking
        for wheel in (-44, 44):
            scene.arc((at + wheel - 30, 766, at + wheel + 30, 806), 0, 360, mark, 6)
        frame = [(at - 44, 786), (at - 18, 750), (at + 26, 750), (at, 786), (at - 44, 786)]
        scene.line(frame, mark, 6)
        scene.line([(at - 18, 750), (at, 786)], mark, 6)
        scene.line([(at + 44, 786), (at + 22, 738), (at + 38, 734)], mark, 6)
        scene.line([(at - 30, 744), (at - 10, 744)], mark, 6)
    for start in range(-60, WIDTH, 300):
        scene.polygon(
            [(start + 20, 916), (start + 190, 916), (start + 180, 932), (start + 6, 932)],
            scene.light.marking,
        )
    x, y = 610, 812
    scene.oval(x, y + 4, 300, 22, (0, 0, 0, 90))
    white, line = "#f5f4ef", "#cfd2d0"
    scene.box((x - 280, y - 262, x + 120, y - 26), white, 18)
    scene.polygon(
        [
            (x + 100, y - 262),
            (x + 178, y - 262),
            (x + 238, y - 150),
            (x + 284, y - 132),
            (x + 288, y - 26),
            (x + 100, y - 26),
        ],
        white,
    )
    scene.polygon(
        [(x + 130, y - 238), (x + 168, y - 238), (x + 218, y - 150), (x + 130, y - 150)], "#6f9ab2"
    )
    scene.polygon(
        [(x + 138, y - 158), (x + 176, y - 230), (x + 186, y - 214), (x + 156, y - 158)], "#93b8ca"
    )
    scene.box((x - 280, y - 96, x + 287, y - 74), "#3f8f7f")
    scene.box((x - 280, y - 40, x + 290, y - 20), "#5b626b", 6)
    for at in (x - 80, x + 112):
        scene.box((at, y - 256, at + 3, y - 30), line)
    scene.box((x + 262, y - 122, x + 286, y - 100), "#ffd36a", 5)
    scene.box((x - 282, y - 150, x - 272, y - 112), "#d4463a", 3)
    scene.box((x + 88, y - 142, x + 106, y - 134), "#8b949c", 3)
    for wheel in (-176, 188):
        scene.oval(x + wheel, y - 24, 48, 48, "#23272e")
        scene.oval(x + wheel, y - 24, 24, 24, "#aab3ba")
        scene.oval(x + wheel, y - 24, 8, 8, "#5b626b")
    parcels = (
        (196, 838, 92, 66, "#c99a63"),
        (262, 846, 70, 92, "#b98850"),
        (214, 772, 76, 52, "#d8ad78"),
    )
    for left, low, wide, high, colour in parcels:
        if low > 800:
            scene.oval(left + wide / 2, low, wide * 0.62, 8, (0, 0, 0, 80))
        scene.box((left, low - high, left + wide, low), colour, 3)
        scene.box(
            (left + wide * 0.42, low - high, left + wide * 0.58, low),
            _mixed(colour, "#ffffff", 0.35),
        )
        scene.box((left, low - high, left + wide, low - high + 7), _mixed(colour, "#000000", 0.12))
    scooter(scene, 1010, 926, "#3aa655")
    return scene


def rubbish() -> Scene:
    """Bags and boxes have outgrown the bins and reach into the lane."""
    scene = Scene(83, EVENING)
    street(scene)
    lamp(scene, 180)
    tree(scene, 1060, 1.1)
    for left, colour in ((430, "#4f8f5b"), (560, "#4a78a8"), (690, "#7b7f86")):
        scene.oval(left + 52, 664, 66, 9, (0, 0, 0, 80))
        scene.polygon([(left, 506), (left + 106, 506), (left + 96, 660), (left + 10, 660)], colour)
        scene.polygon(
            [(left + 74, 506), (left + 106, 506), (left + 96, 660), (left + 72, 660)],
            _mixed(colour, "#000000", 0.16),
        )
        scene.oval(left + 53, 572, 21, 21, (255, 255, 255, 70))
        lift = -34 if colour == "#4a78a8" else 0
        scene.polygon(
            [(left - 8, 508), (left + 4, 490 + lift), (left + 104, 486), (left + 114, 508)],
            _mixed(colour, "#000000", 0.28),
        )
    chance = scene.random

    def bag(x: float, low: float, size: float, colour: str) -> None:
        scene.oval(x + 4, low, size * 1.06, size * 0.2, (0, 0, 0, 80))
        scene.blob(x, low - size * 0.62, size, size * 0.68, colour, rough=0.05)
        scene.oval(x, low - size * 0.3, size * 1.02, size * 0.32, colour)
        shine = _mixed(colour, "#ffffff", 0.25)
        scene.polygon(
            [
                (x - size * 0.2, low - size * 1.24),
                (x + size * 0.22, low - size * 1.24),
                (x + size * 0.34, low - size * 1.5),
                (x, low - size * 1.36),
                (x - size * 0.34, low - size * 1.52),
            ],
            colour,
        )
        scene.arc(
            (x - size * 0.72, low - size * 1.12, x + size * 0.2, low - size * 0.2),
            190,
            260,
            shine,
            4,
        )
        scene.line(
            [(x + size * 0.2, low - size * 1.1), (x + size * 0.34, low - size * 0.7)],
            _mixed(colour, "#000000", 0.25),
            3,
        )

    bag(612, 520, 42, "#3b4048")
    for at, low, big, colour in (
        (390, 720, 58, "#3b4048"), (860, 716, 62, "#2f3440"), (760, 738, 60, "#d9d4c7"),
        (500, 742, 66, "#32507a"), (630, 752, 72, "#3b4048"), (420, 792, 60, "#b9433a"),
        (560, 812, 68, "#2f3440"), (850, 800, 60, "#4a6b4f"), (716, 826, 70, "#3b4048"),
    ):  # fmt: skip
        bag(at, low, big, colour)
    for left, low, wide, high in ((896, 838, 120, 76), (272, 800, 96, 62)):
        scene.oval(left + wide / 2, low, wide * 0.6, 9, (0, 0, 0, 80))
        scene.box((left, low - high, left + wide, low), "#c2935f", 2)
        scene.polygon(
            [(left, low - high), (left + 26, low - high - 26), (left + wide * 0.5, low - high)],
            "#d9ae7c",
        )
        scene.polygon(
            [
                (left + wide, low - high),
                (left + wide + 22, low - high - 14),
                (left + wide * 0.5, low - high),
            ],
            "#b3834f",
        )
        scene.box((left + wide * 0.4, low - high, left + wide * 0.56, low), "#dcbf94")
    for _ in range(30):
        x, y = chance.uniform(300, 1010), chance.uniform(820, 900)
        colour = chance.choice(("#e8e2d2", "#d76b4c", "#7fa8bd", "#9a8d7c", "#d9b44a"))
        turn, size = chance.uniform(0, math.tau), chance.uniform(6, 15)
        corners = [
            (x + size * math.cos(turn + a), y + size * 0.5 * math.sin(turn + a))
            for a in (0, 1.3, 3.0, 4.6)
        ]
        scene.polygon(corners, colour)
    for _ in range(14):
        x, y = chance.uniform(420, 900), chance.uniform(430, 640)
        scene.oval(x, y, 2.6, 2.2, "#23272e")
        scene.arc((x - 7, y - 6, x, y), 180, 330, (35, 39, 46, 150), 1.5)
    return scene


@dataclass(frozen=True, slots=True)
class Sample:
    """A picture, and what its EXIF shall say."""

    name: str
    draw: Callable[[], Scene]
    en: str
    zh: str
    latitude: float
    longitude: float
    taken: str


SAMPLES = (
    Sample(
        "guardrail", guardrail, "Broken guardrail", "护栏断了一截", 25.1182, 118.9050, "15:20:41"
    ),
    Sample("pothole", pothole, "Deep pothole", "路面大坑", 25.1838, 118.9154, "07:48:05"),
    Sample(
        "manhole", manhole, "Missing manhole cover", "井盖不见了", 25.1213, 118.9057, "14:05:32"
    ),
    Sample(
        "crossing",
        crossing,
        "Faded crossing and sign",
        "斑马线和标志磨没了",
        25.1603,
        118.9452,
        "08:16:59",
    ),
    Sample(
        "street_light",
        street_light,
        "Dark street light",
        "路灯坏了，一片黑",
        25.1180,
        118.9550,
        "20:37:13",
    ),
    Sample("flooded", flooded, "Flooded road", "道路积水", 25.1351, 118.8684, "11:52:20"),
    Sample(
        "lane_blocked",
        lane_blocked,
        "Blocked cycle lane",
        "货车占了非机动车道",
        25.2208,
        118.8936,
        "16:30:08",
    ),
    Sample("rubbish", rubbish, "Heap of rubbish", "垃圾堆到路上", 25.1640, 118.7940, "17:44:50"),
)


def _exif(sample: Sample) -> Image.Exif:
    def sexagesimal(degrees: float) -> tuple[IFDRational, ...]:
        hundredths = round(degrees * 360_000)
        whole, rest = divmod(hundredths, 360_000)
        minutes, seconds = divmod(rest, 6_000)
        return IFDRational(whole), IFDRational(minutes), IFDRational(seconds, 100)

    exif = Image.Exif()
    exif[0x010E] = "An illustration, not a photo"
    exif[0x010F] = "Street Sentinel"
    exif[0x0110] = "Sample picture"
    exif[0x8769] = {0x9003: f"2026:11:20 {sample.taken}", 0x9011: "+08:00"}
    exif[0x8825] = {
        1: "N",
        2: sexagesimal(sample.latitude),
        3: "E",
        4: sexagesimal(sample.longitude),
    }
    return exif


def draw_all(folder: Path) -> None:
    """Draw every sample and its index.

    Args:
        folder: where they go; it is made where there is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index = []
    for sample in SAMPLES:
        file = f"{sample.name}.jpg"
        picture = sample.draw().finished()
        picture.save(folder / file, quality=78, optimize=True, progressive=True, exif=_exif(sample))
        index.append(
            {
                "name": sample.name,
                "file": file,
                "title": {"en": sample.en, "zh": sample.zh},
                "latitude": sample.latitude,
                "longitude": sample.longitude,
            }
        )
    text = json.dumps(index, ensure_ascii=False, indent=2) + "\n"
    (folder / "index.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    draw_all(Path(__file__).parent / "samples")
