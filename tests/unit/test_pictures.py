"""Pictures from strangers: what is found in good ones, and that bad ones get a plain refusal."""

import struct
import zlib
from base64 import b64decode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageDraw, ImageEnhance, PngImagePlugin
from PIL.TiffImagePlugin import IFDRational

from services.exif import GpsFault, read_exif
from services.pictures import (
    MAX_BYTES,
    SAME_PICTURE_BITS,
    BadPicture,
    NotAPicture,
    PictureBroken,
    PictureTooLarge,
    examine,
    hash_distance,
)

REAL = Path(__file__).parents[3] / "shared" / "data" / "photos"


def scene(width=320, height=240):
    """Something with a bright top left, a dark bottom right and a few edges."""
    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, width // 3, height // 3), fill="white")
    draw.ellipse((width // 2, height // 2, width - 9, height - 9), fill="darkred")
    return image


def saved(image, kind="JPEG", **options):
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(gps=None, taken=None, offset=None, orientation=None):
    block = Image.Exif()
    if orientation is not None:
        block[0x0112] = orientation
    details = {0x9003: taken, 0x9011: offset}
    block[0x8769] = {tag: value for tag, value in details.items() if value is not None}
    if gps is not None:
        block[0x8825] = gps
    return block


def gps(latitude, longitude, north="N", east="E"):
    return {1: north, 2: latitude, 3: east, 4: longitude}


PLACE = gps((25.0, 7.0, 4.8), (118.0, 54.0, 18.0))
GOOD = saved(scene(), exif=exif(PLACE, "2026:11:24 08:05:00", "+08:00"))


# --- what is found


def test_a_good_picture():
    picture = examine(GOOD)
    assert (picture.format, picture.suffix) == ("JPEG", ".jpg")
    assert (picture.width, picture.height) == (320, 240)
    assert len(picture.sha256) == 64
    assert -(2**63) <= picture.dhash < 2**63
    assert picture.taken_at == datetime(2026, 11, 24, 0, 5, tzinfo=UTC)
    assert picture.taken_at.utcoffset() == timedelta(hours=8)
    assert picture.taken_local == "2026-11-24T08:05:00"
    assert (picture.latitude, picture.longitude) == pytest.approx((25.118, 118.905))
    assert picture.gps_fault is None


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        ("JPEG", "RGB"),
        ("JPEG", "L"),
        ("JPEG", "CMYK"),
        ("PNG", "RGB"),
        ("PNG", "RGBA"),
        ("PNG", "P"),
        ("PNG", "LA"),
        ("PNG", "I;16"),
        ("WEBP", "RGB"),
        ("WEBP", "RGBA"),
    ],
)
def test_every_kind_looks_alike(kind, mode):
    if mode == "I;16":
        source = scene().convert("I").point(lambda v: v * 256).convert("I;16")
    else:
        source = scene().convert(mode)
    picture = examine(saved(source, kind))
    assert picture.format == kind
    assert hash_distance(picture.dhash, examine(GOOD).dhash) <= SAME_PICTURE_BITS
    preview = Image.open(BytesIO(picture.preview))
    assert (preview.format, preview.mode, preview.size) == ("JPEG", "RGB", (320, 240))
    top_left, bottom_right = preview.getpixel((10, 10)), preview.getpixel((240, 180))
    assert min(top_left) > 240
    assert max(bottom_right) < 160


def test_transparency_becomes_white():
    clear = Image.new("RGBA", (64, 64), (255, 0, 0, 0))
    preview = Image.open(BytesIO(examine(saved(clear, "PNG")).preview))
    assert min(preview.getpixel((32, 32))) > 250


# 64 x 48 pixels, light with a dark corner, made for this test with an encoder we do not carry.
HEIC = b64decode(
    "AAAAHGZ0eXBoZWljAAAAAG1pZjFoZWljbWlhZgAAAb5tZXRhAAAAAAAAACFoZGxyAAAAAAAAAABwaWN0AAAAAAAAAA"
    "AAAAAAAAAAADRpbG9jAAAAAERAAAIAAQAAAAAB4gABAAAAAAAAACYAAgAAAAACCAABAAAAAAAAANAAAAA4aWluZgAA"
    "AAAAAgAAABVpbmZlAgAAAAABAABodmMxAAAAABVpbmZlAgAAAQACAABFeGlmAAAAAA5waXRtAAAAAAABAAAA/Wlwcn"
    "AAAADdaXBjbwAAAHZodmNDAQNwAAAAkAAAAAAAHvAA/P34+AAADwNgAAEAGEABDAH//wNwAAADAJAAAAMAAAMAHroC"
    "QGEAAQAqQgEBA3AAAAMAkAAAAwAAAwAeoCCBBZbq5Ka5uAhoMCAAAAMDIAAAAwAhYgABAAZEAcFzwIkAAAATY29scm"
    "5jbHgAAQANAAaAAAAAFGlzcGUAAAAAAAAAQAAAAEAAAAAoY2xhcAAAAEAAAAABAAAAMAAAAAEAAAAAAAAAAv////AA"
    "AAACAAAAEHBpeGkAAAAAAwgICAAAABhpcG1hAAAAAAAAAAEAAQWBAgMFhAAAABppcmVmAAAAAAAAAA5jZHNjAAIAAQ"
    "ABAAAA/m1kYXQAAAAiKAGvC2D1BCm9d8yWOQik32HLUT/kQcxzF1pr956xTrV68AAAAAZFeGlmAABNTQAqAAAACAAC"
    "h2kABAAAAAEAAAAmiCUABAAAAAEAAABgAAAAAAACkAMAAgAAABQAAABEkBEAAgAAAAcAAABYAAAAADIwMjY6MTE6Mj"
    "QgMDg6MDU6MDAAKzA4OjAwAAAABAABAAIAAAACTgAAAAACAAUAAAADAAAAlgADAAIAAAACRQAAAAAEAAUAAAADAAAA"
    "rgAAAAAAAAAZAAAAAQAAAAcAAAABAAAAGAAAAAUAAAB2AAAAAQAAADYAAAABAAAAEgAAAAE="
)


def test_heic_as_phones_send_it():
    picture = examine(HEIC)
    assert (picture.format, picture.suffix) == ("HEIF", ".heic")
    assert (picture.width, picture.height) == (64, 48)
    assert picture.taken_at == datetime(2026, 11, 24, 0, 5, tzinfo=UTC)
    assert (picture.latitude, picture.longitude) == pytest.approx((25.118, 118.905))
    preview = Image.open(BytesIO(picture.preview))
    assert min(preview.getpixel((8, 8))) > 200
    assert max(preview.getpixel((48, 36))) < 160


@pytest.mark.parametrize("brand", [b"heic", b"mif1"])
def test_a_broken_heic_is_broken_and_not_unknown(brand):
    with pytest.raises(PictureBroken):
        examine(b"\0\0\0\x18ftyp" + brand + b"\0" * 100)


def test_large_pictures_get_a_small_preview():
    picture = examine(saved(scene(4000, 3000)))
    assert (picture.width, picture.height) == (4000, 3000)
    assert Image.open(BytesIO(picture.preview)).size == (1280, 960)
    thin = examine(saved(Image.new("RGB", (9000, 3))))
    assert Image.open(BytesIO(thin.preview)).size == (1280, 1)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_turned_upright(orientation):
    back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
    turned = scene()
    if orientation in back:
        turned = turned.transpose(Image.Transpose(back[orientation]))
    picture = examine(saved(turned, exif=exif(orientation=orientation)))
    assert (picture.width, picture.height) == (320, 240)
    assert hash_distance(picture.dhash, examine(GOOD).dhash) <= 2


def test_the_preview_carries_nothing_but_pixels():
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "home address")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    files = [
        saved(scene(), exif=exif(PLACE), comment=b"home address", icc_profile=profile),
        saved(scene(), "PNG", exif=exif(PLACE), pnginfo=text),
        saved(scene(), "WEBP", exif=exif(PLACE), xmp=b"<x>home address</x>"),
    ]
    for file in files:
        picture = examine(file)
        assert picture.latitude == pytest.approx(25.118)
        assert b"home" not in picture.preview
        assert b"Exif" not in picture.preview
        preview = Image.open(BytesIO(picture.preview))
        assert not preview.getexif()
        assert set(preview.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"} | {
            "progressive",
            "progression",
        }


def test_colours_of_another_profile_are_converted():
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    examine(saved(scene(), icc_profile=lab))  # does not fit RGB: shown as it is
    examine(saved(scene(), icc_profile=b"no profile at all"))
    swapped = _swapped_srgb()
    preview = examine(saved(Image.new("RGB", (64, 64), (255, 0, 0)), icc_profile=swapped)).preview
    red, green, _ = Image.open(BytesIO(preview)).getpixel((32, 32))
    assert green > 200 > red


def _swapped_srgb():
    """sRGB with the primaries of red and green exchanged."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
    profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(profile)


# --- how alike


def test_the_same_photo_sent_again_is_recognised():
    original = examine(GOOD).dhash
    again = saved(scene().resize((200, 150)), quality=30)
    brighter = saved(ImageEnhance.Brightness(scene()).enhance(1.15))
    for file in (again, brighter):
        assert hash_distance(examine(file).dhash, original) <= SAME_PICTURE_BITS
    upside_down = saved(scene().rotate(180))
    assert hash_distance(examine(upside_down).dhash, original) > 16


@given(*[st.integers(min_value=-(2**63), max_value=2**63 - 1)] * 2)
def test_hash_distance_counts_bits(a, b):
    assert 0 <= hash_distance(a, b) <= 64
    assert hash_distance(a, a) == 0
    assert hash_distance(a, ~a) == 64
    assert hash_distance(a, b) == hash_distance(b, a)


# --- time and place


def found(**details):
    return examine(saved(scene(32, 32), exif=exif(**details)))


def test_gps_time_stands_in_where_the_camera_names_no_zone():
    clock = {7: (7.0, 6.0, 5.5), 29: "2026:11:24"}
    picture = found(gps=PLACE | clock, taken="2026:11:24 15:00:00")
    assert picture.taken_at == datetime(2026, 11, 24, 7, 6, 5, tzinfo=UTC)
    assert picture.taken_local == "2026-11-24T15:00:00"
    picture = found(gps=PLACE | clock, taken="2026:11:24 15:00:00", offset="+08:00")
    assert picture.taken_at == datetime(2026, 11, 24, 15, tzinfo=timezone(timedelta(hours=8)))


@pytest.mark.parametrize(
    "taken", ["", "yesterday", "0000:00:00 00:00:00", "2026:13:40 99:00:00", "2026:11:24"]
)
def test_a_senseless_clock_is_none(taken):
    picture = found(taken=taken, offset="+08:00", gps=PLACE | {7: (99.0, 0.0, 0.0), 29: taken})
    assert picture.taken_at is None


@pytest.mark.parametrize("offset", [None, "", "   :  ", "CST", "+99:00"])
def test_without_a_sensible_offset_the_zone_is_unknown(offset):
    picture = found(taken="2026:11:24 15:00:00", offset=offset)
    assert picture.taken_at is None
    assert picture.taken_local == "2026-11-24T15:00:00"


NAN = IFDRational(0, 0)


@pytest.mark.parametrize(
    ("where", "fault"),
    [
        (None, GpsFault.MISSING),
        ({}, GpsFault.MISSING),
        ({1: "N", 2: (25.0, 7.0, 4.8)}, GpsFault.MISSING),
        (gps((NAN, NAN, NAN), (NAN, NAN, NAN)), GpsFault.NOT_A_NUMBER),
        (gps((25.0, 7.0, NAN), (118.0, 0.0, 0.0)), GpsFault.NOT_A_NUMBER),
        (gps((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), GpsFault.NULL_ISLAND),
        (gps((91.0, 0.0, 0.0), (118.0, 0.0, 0.0)), GpsFault.OUT_OF_RANGE),
        (gps((25.0, 0.0, 0.0), (181.0, 0.0, 0.0)), GpsFault.OUT_OF_RANGE),
    ],
)
def test_useless_gps_has_its_reason(where, fault):
    picture = found(gps=where)
    assert (picture.latitude, picture.longitude, picture.gps_fault) == (None, None, fault)


def test_south_and_west_are_negative():
    picture = found(gps=gps((33.0, 30.0, 0.0), (70.0, 30.0, 0.0), "S", "W"))
    assert (picture.latitude, picture.longitude) == pytest.approx((-33.5, -70.5))


def test_exif_values_of_the_wrong_type_are_no_numbers():
    # GPS latitude as text, in a block written by hand: one main directory, one for GPS.
    main = struct.pack("<HHHIII", 1, 0x8825, 4, 1, 26, 0)
    positions = struct.pack("<HHHI4sHHI4s", 2, 2, 2, 4, b"25N\0", 4, 2, 4, b"118\0")
    block = b"II*\0" + struct.pack("<I", 8) + main + positions
    assert read_exif(block).gps_fault == GpsFault.NOT_A_NUMBER


@given(
    st.binary(max_size=400), st.sampled_from([b"", b"II*\0", b"MM\0*", b"Exif\0\0II*\0\x08\0\0\0"])
)
def test_any_bytes_make_an_exif(noise, head):
    result = read_exif(head + noise)
    assert 1 <= result.orientation <= 8
    assert (result.latitude is None) == (result.gps_fault is not None)


# --- bad files


def bomb(width, height):
    """A PNG of a few kilobytes that unfolds to any size."""

    def chunk(kind, body):
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(b"\0" * 1000, 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    "file",
    [
        b"",
        b"not a picture, though named .jpg",
        b"GIF89a" + b"\0" * 50,
        b"%PDF-1.7",
        b"\xff\xd8",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypisom" + b"\0" * 50,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    ],
)
def test_other_files_are_no_pictures(file):
    with pytest.raises(NotAPicture):
        examine(file)


def test_too_many_bytes():
    with pytest.raises(PictureTooLarge):
        examine(GOOD + b"\0" * (MAX_BYTES + 1 - len(GOOD)))
    assert examine(GOOD + b"\0" * (MAX_BYTES - len(GOOD))).width == 320


@pytest.mark.parametrize("size", [(8000, 8000), (20_000, 20_000), (2**31 - 1, 2**31 - 1)])
def test_too_many_pixels(size):
    with pytest.raises(PictureTooLarge):
        examine(bomb(*size))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_cut_short_is_broken(kind):
    whole = saved(scene(), kind)
    for share in (0.05, 0.3, 0.7, 0.95):
        with pytest.raises(PictureBroken):
            examine(whole[: int(len(whole) * share)])


@given(st.binary(max_size=300))
def test_random_bytes_get_a_refusal(noise):
    with pytest.raises(BadPicture):
        examine(noise)


HEADS = [GOOD[:20], b"\x89PNG\r\n\x1a\n", b"RIFF\x40\0\0\0WEBPVP8 ", b"\0\0\0\x18ftypheic\0\0\0\0"]


@settings(deadline=None)
@given(st.sampled_from(HEADS), st.binary(max_size=300))
def test_random_bytes_behind_a_good_beginning_get_a_refusal(head, noise):
    with pytest.raises(BadPicture):
        examine(head + noise)


SMALL = [HEIC] + [
    saved(scene(48, 36), kind, exif=exif(PLACE, "2026:11:24 08:05:00", "+08:00", 6))
    for kind in ("JPEG", "PNG", "WEBP")
]


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(SMALL), st.data())
def test_mutated_pictures_are_examined_or_refused(file, data):
    mutated = bytearray(file)
    spots = st.integers(min_value=0, max_value=len(mutated) - 1)
    for spot, value in data.draw(
        st.lists(st.tuples(spots, st.integers(min_value=0, max_value=255)), max_size=8)
    ):
        mutated[spot] = value
    end = data.draw(st.integers(min_value=len(mutated) // 2, max_value=len(mutated)))
    try:
        picture = examine(bytes(mutated[:end]))
    except BadPicture:
        return
    assert Image.open(BytesIO(picture.preview)).format == "JPEG"


def test_threads_do_not_disturb_each_other():
    files = [GOOD, bomb(20_000, 20_000), saved(scene(2000, 1500)), b"text"] * 6

    def outcome(file):
        try:
            return examine(file).sha256
        except BadPicture as refusal:
            return type(refusal)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(outcome, files)) == [outcome(file) for file in files[:4]] * 6


@pytest.mark.skipif(not REAL.is_dir(), reason="the real street photos are not on this machine")
def test_a_real_phone_photo():
    picture = examine((REAL / "street_1.jpg").read_bytes())
    assert 51 < picture.latitude < 52
    assert -3 < picture.longitude < -2
    assert picture.taken_at is not None
