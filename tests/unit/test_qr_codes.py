"""QR codes are read back, as phones see them, by a reader that knows nothing of the drawing."""

import random
from functools import cache
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from services import pictures, qr_codes

LINK = "https://t.me/street_sentinel_bot?start=v_Zx81_abcDEFghij-456789"
SIZE = (1280, 960)


def grain(size: tuple[int, int]) -> Image.Image:
    """Every shade at random, the same each time."""
    shades = random.Random(7).randbytes(size[0] * size[1])
    return Image.frombytes("L", size, shades).convert("RGB")


@cache
def street() -> Image.Image:
    """Something to look away from: grain, slabs, lines and signs in every colour."""
    dice = random.Random(7)
    image = grain(SIZE)
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y = dice.randrange(SIZE[0]), dice.randrange(SIZE[1])
        to = (x + dice.randrange(20, 260), y + dice.randrange(20, 260))
        draw.rectangle((x, y, *to), fill=tuple(dice.randrange(256) for _ in range(3)))
    for _ in range(12):
        ends = [(dice.randrange(SIZE[0]), dice.randrange(SIZE[1])) for _ in range(2)]
        draw.line(ends, fill="white", width=dice.randrange(2, 14))
    return image.filter(ImageFilter.GaussianBlur(1))


def seen(*, width: int = 500, angle: float = 10) -> Image.Image:
    """The street with a code in it, turned, so many pixels wide with its quiet zone."""
    image = street().copy()
    code = Image.open(BytesIO(qr_codes.drawn(LINK))).convert("RGBA").resize((width, width))
    code = code.rotate(angle, expand=True, resample=Image.Resampling.BICUBIC)
    image.paste(code, ((SIZE[0] - code.width) // 2, (SIZE[1] - code.height) // 2), code)
    return image


def as_jpeg(image: Image.Image, quality: int = 80, **told) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality, **told)
    return buffer.getvalue()


def grainy(image: Image.Image, share: float = 0.5) -> Image.Image:
    return Image.blend(image, grain(image.size), share)


def slanted(image: Image.Image, narrow: float) -> Image.Image:
    """Seen from below: the upper edge loses a share of the width on either side."""
    width, height = image.size
    further = 1 / (1 - 2 * narrow)
    back = (
        *(further, further * narrow * width / height, -further * narrow * width),
        *(0, further, 0),
        *(0, (further - 1) / height),
    )
    return image.transform(image.size, Image.Transform.PERSPECTIVE, back, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("angle", range(0, 360, 20))
def test_turned_any_way(angle):
    assert qr_codes.read(as_jpeg(seen(angle=angle))) == [LINK]


@pytest.mark.parametrize("orientation", [2, 3, 5, 6, 8])
def test_however_the_camera_was_held(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert qr_codes.read(as_jpeg(seen(), exif=exif)) == [LINK]


@pytest.mark.parametrize(
    ("what", "spoil"),
    [
        ("blurred", lambda image: image.filter(ImageFilter.GaussianBlur(4))),
        ("out of focus", lambda image: image.filter(ImageFilter.GaussianBlur(6))),
        ("shaken", lambda image: image.filter(ImageFilter.BoxBlur((8, 0)))),
        ("noisy", grainy),
        ("very noisy", lambda image: grainy(image, 0.7)),
        ("dark", lambda image: ImageEnhance.Brightness(image).enhance(0.08)),
        ("glaring", lambda image: ImageEnhance.Brightness(image).enhance(1.9)),
        ("pale", lambda image: ImageEnhance.Contrast(image).enhance(0.12)),
        ("slanted", lambda image: slanted(image, 0.2)),
        ("very slanted", lambda image: slanted(image, 0.35)),
        ("inverted, as some apps show it at night", ImageOps.invert),
    ],
)
def test_as_bad_as_photos_are(what, spoil):
    assert qr_codes.read(as_jpeg(spoil(seen()))) == [LINK], what


@pytest.mark.parametrize("quality", [20, 10])
def test_compressed_till_it_hurts(quality):
    assert qr_codes.read(as_jpeg(seen(width=400, angle=33), quality)) == [LINK]


@pytest.mark.parametrize("width", [240, 120, 90])
def test_from_afar(width):
    assert qr_codes.read(as_jpeg(seen(width=width))) == [LINK]


def test_far_away_at_dusk():
    image = grainy(seen(width=200).filter(ImageFilter.GaussianBlur(1.5)), 0.3)
    assert qr_codes.read(as_jpeg(ImageEnhance.Brightness(image).enhance(0.3), 20)) == [LINK]


@pytest.mark.parametrize("angle", [7, 131, 278])
def test_everything_at_once(angle):
    image = seen(width=420, angle=angle).filter(ImageFilter.GaussianBlur(1.5))
    image = ImageEnhance.Brightness(grainy(slanted(image, 0.1), 0.3)).enhance(0.4)
    assert qr_codes.read(as_jpeg(image, 20)) == [LINK]


def test_a_thumb_on_a_corner_is_made_up_for():
    image = Image.open(BytesIO(qr_codes.drawn(LINK))).convert("RGB")
    side = image.width
    ImageDraw.Draw(image).ellipse((0.68 * side, 0.68 * side, side, side), fill=(200, 150, 120))
    assert qr_codes.read(as_jpeg(image)) == [LINK]


@pytest.mark.parametrize("side", [160, 320, 640])
def test_a_preview_of_the_message_will_do(side):
    """Telegram keeps small copies of each photo; so do people."""
    image = Image.open(BytesIO(qr_codes.drawn(LINK))).convert("L").resize((side, side))
    assert qr_codes.read(as_jpeg(image, 60)) == [LINK]


def test_the_picture_is_the_code_with_white_around_it():
    image = Image.open(BytesIO(qr_codes.drawn(LINK)))
    assert image.format == "PNG"
    assert image.width == image.height
    assert 600 <= image.width <= 900
    assert "transparency" not in image.info
    grey = image.convert("L")
    assert {shade for _, shade in grey.getcolors()} == {0, 255}
    left, top, right, bottom = ImageOps.invert(grey).getbbox()
    # Version 6 has 41 modules, and 4 of white on each side.
    module = image.width / (41 + 8)
    assert (left, top) == (4 * module, 4 * module)
    assert (image.width - right, image.height - bottom) == (4 * module, 4 * module)


def test_several_are_all_told_each_once():
    page = Image.new("L", (1400, 700), 255)
    for at, text in ((0, "one"), (450, "two"), (900, "one")):
        code = Image.open(BytesIO(qr_codes.drawn(text))).convert("L").resize((450, 450))
        page.paste(code, (at, 100))
    assert sorted(qr_codes.read(as_jpeg(page))) == ["one", "two"]


def bomb() -> bytes:
    buffer = BytesIO()
    Image.new("1", (8000, 8000)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello" * 100, id="words"),
        pytest.param(b"\xff\xd8\xff" + bytes(500), id="no JPEG"),
        pytest.param(qr_codes.drawn(LINK)[:400], id="half a PNG"),
        pytest.param(bomb(), id="a bomb"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + bytes(pictures.MAX_BYTES), id="too long"),
    ],
)
def test_nonsense_says_nothing(data):
    assert qr_codes.read(data) == []


def test_a_street_without_a_code_says_nothing():
    assert qr_codes.read(as_jpeg(street())) == []


def test_pixels_come_upright_and_bounded():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = pictures.upright(as_jpeg(street(), exif=exif), side=400)
    assert image.size == (300, 400)
    with pytest.raises(pictures.PictureTooLarge):
        pictures.upright(bomb(), side=400)
