"""What a file from a stranger shows: checked, turned upright, made small and free of secrets.

Decoders are chosen by the file's first bytes and called by name, so nothing of Pillow's global
state (its pixel limit, its warnings, its list of plugins) is touched, and any number of threads may
examine at a time. A picture takes some four bytes a pixel while it is examined.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from io import BytesIO

from PIL import Image
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from services.exif import Exif, GpsFault, read_exif

MAX_BYTES = 20 * 1024 * 1024
MAX_PIXELS = 40_000_000
PREVIEW_PIXELS = 1280

_PREVIEW_QUALITY = 82

# Two pictures this near are the same one sent again: recompressed, resized, brightened.
SAME_PICTURE_BITS = 10

# EXIF orientation → what makes it upright.
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


class BadPicture(Exception):  # noqa: N818 - an answer to who sent it, not an error of ours
    """The file is no picture we can use."""


class NotAPicture(BadPicture):
    """Neither JPEG, PNG, WebP nor HEIC, whatever its name says."""


class PictureTooLarge(BadPicture):
    """More than 20 MB, or more than 40 million pixels."""


class PictureBroken(BadPicture):
    """It begins like a picture, but cannot be read to its end."""


@dataclass(frozen=True, slots=True)
class Picture:
    """What was found.

    Attributes:
        format: `JPEG`, `PNG`, `WEBP` or `HEIF`.
        suffix: how a file of that format ends, dot included.
        width: pixels, upright.
        height: pixels, upright.
        sha256: of the whole file, 64 hex digits.
        dhash: 64 bits of how it looks, as a signed number; compare with `hash_distance`.
        preview: a JPEG of at most 1280 pixels a side, upright, sRGB, without any metadata.
        taken_at: zone-aware, None where the file does not tell the zone.
        taken_local: the camera's clock in ISO format, zone unknown.
        latitude: where the camera was, degrees north; None with `gps_fault` saying why.
        longitude: degrees east.
        gps_fault: why there is no place; None where there is one.
    """

    format: str
    suffix: str
    width: int
    height: int
    sha256: str
    dhash: int
    preview: bytes
    taken_at: datetime | None
    taken_local: str | None
    latitude: float | None
    longitude: float | None
    gps_fault: GpsFault | None


def examine(data: bytes) -> Picture:
    """Look at a file of which nothing is known. Takes CPU time; call it off the event loop.

    Args:
        data: the whole file.

    Raises:
        NotAPicture: it is something else.
        PictureTooLarge: more bytes or pixels than we take.
        PictureBroken: it cannot be decoded.
    """
    name, suffix, opener = _format_of(data)
    with _telling_what_is_bad():
        width, height, exif, small = _decode(opener, data, PREVIEW_PIXELS)
        preview = BytesIO()
        # Not progressive: a tenth smaller, but four times the work.
        small.save(preview, "JPEG", quality=_PREVIEW_QUALITY)
        dhash = _dhash(small)
    return Picture(
        format=name,
        suffix=suffix,
        width=width,
        height=height,
        sha256=sha256(data).hexdigest(),
        dhash=dhash,
        preview=preview.getvalue(),
        taken_at=exif.taken_at,
        taken_local=exif.taken_local,
        latitude=exif.latitude,
        longitude=exif.longitude,
        gps_fault=exif.gps_fault,
    )


def upright(data: bytes, *, side: int) -> Image.Image:
    """The pixels of a file of which nothing is known. Takes CPU time; call it off the event loop.

    Args:
        data: the whole file.
        side: how long its longer side may be, in pixels; a larger picture is made smaller.

    Returns:
        An upright picture in sRGB.

    Raises:
        NotAPicture: it is something else.
        PictureTooLarge: more bytes or pixels than we take.
        PictureBroken: it cannot be decoded.
    """
    _, _, opener = _format_of(data)
    with _telling_what_is_bad():
        return _decode(opener, data, side)[3]


def hash_distance(a: int, b: int) -> int:
    """In how many of 64 bits two `Picture.dhash` differ.

    Up to `SAME_PICTURE_BITS` it is the same photo; different photos differ in 20 and more.
    """
    return ((a ^ b) & (2**64 - 1)).bit_count()


@contextmanager
def _telling_what_is_bad() -> Iterator[None]:
    """Make what a decoder raises an answer to who sent the file."""
    try:
        yield
    except BadPicture:
        raise
    except MemoryError as error:
        raise PictureTooLarge from error
    # Decoders fed with garbage raise whatever they like, and warnings may have been made errors.
    except Exception as error:
        raise PictureBroken from error


def _format_of(data: bytes) -> tuple[str, str, Callable[[BytesIO], ImageFile]]:
    """The format's name, its suffix and what opens it, by length and first bytes alone."""
    if len(data) > MAX_BYTES:
        raise PictureTooLarge
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG", ".jpg", JpegImageFile
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG", ".png", PngImageFile
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP", ".webp", WebPImageFile
    if data[4:8] == b"ftyp" and data[8:12] in _HEIF_BRANDS:
        from pi_heif import HeifImageFile  # noqa: PLC0415 - 9 MB, and few phones send HEIC

        return "HEIF", ".heic", HeifImageFile
    raise NotAPicture


def _decode(
    opener: Callable[[BytesIO], ImageFile], data: bytes, side: int
) -> tuple[int, int, Exif, Image.Image]:
    """Width and height in pixels, upright; what the camera wrote; a small picture to show."""
    with opener(BytesIO(data)) as image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise PictureTooLarge
        # A JPEG can be decoded at a half, a quarter or an eighth, in as much less time.
        image.draft("RGB", (side, side))
        image.load()
        block = image.info.get("exif")
        exif = read_exif(block) if isinstance(block, bytes) else Exif()
        small = _presentable(image, exif.orientation, side)
    if exif.orientation >= 5:
        width, height = height, width
    return width, height, exif, small


def _presentable(image: Image.Image, orientation: int, side: int) -> Image.Image:
    """A small upright sRGB picture that carries nothing but its pixels."""
    small = _in_plain_mode(image)
    small.thumbnail((side, side), reducing_gap=2.0)
    profile = image.info.get("icc_profile")
    if small.mode == "RGBA":
        opaque = Image.new("RGB", small.size, "white")
        opaque.paste(small, mask=small.getchannel("A"))
        small = opaque
    small = _in_srgb(small, profile) if profile else small.convert("RGB")
    if orientation in _UPRIGHT:
        small = small.transpose(_UPRIGHT[orientation])
    # Comments and the like would be written into the copy.
    small.info = {}
    return small


def _in_plain_mode(image: Image.Image) -> Image.Image:
    """One of the modes that can be scaled: L, RGB, RGBA or CMYK; a copy."""
    if image.mode in ("L", "RGB", "RGBA", "CMYK"):
        return image.copy()
    if image.mode.startswith("I"):
        # Sixteen bits a pixel: converting alone would clip all but the darkest to white.
        return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.mode in ("P", "PA", "LA", "La"):
        return image.convert("RGBA")
    return image.convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    from PIL import ImageCms  # noqa: PLC0415 - a library of its own, for pictures with a profile

    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(
            image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
        converted = None
    # Colours a shade off are better than no picture.
    return converted or image.convert("RGB")


def _dhash(image: Image.Image) -> int:
    """Whether each of 8 × 8 patches is brighter than its right neighbour."""
    width = 9
    shades = image.convert("L").resize((width, 8), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            at = row * width + column
            bits = bits << 1 | (shades[at] > shades[at + 1])
    return bits - 2**64 if bits >= 2**63 else bits
