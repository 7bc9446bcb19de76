"""What Telegram does to a photo: turned upright, scaled to a few sizes, EXIF taken away."""

import hashlib
import io
import warnings
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from PIL import Image, ImageOps, UnidentifiedImageError

# The longest side in pixels of the sizes a photo comes in, with the letter Telegram gives each.
SIDES = (("s", 90), ("m", 320), ("x", 800), ("y", 1280))
THUMBNAIL_SIDE = 320
MOST_SIDES_SUM = 10_000
MOST_RATIO = 20
_FORMATS = ("JPEG", "PNG", "WEBP", "GIF")
_QUALITY = 87
_CACHED = 256


class NoPictureError(Exception):
    """The bytes are no picture."""


class OddDimensionsError(Exception):
    """A picture too large or too narrow to be sent as a photo."""


@dataclass(frozen=True, slots=True)
class Rendition:
    """One size of a photo.

    Attributes:
        letter: Telegram's name of the size.
        width: in pixels.
        height: in pixels.
        data: a JPEG without metadata.
    """

    letter: str
    width: int
    height: int
    data: bytes


# Re-encoding is most of a photo's cost, and tests send the same few pictures again and again.
_cache: OrderedDict[str, tuple[Rendition, ...]] = OrderedDict()
_lock = Lock()


def digest(data: bytes) -> str:
    """SHA-256 in hex: what a file's unique id is made of."""
    return hashlib.sha256(data).hexdigest()


def renditions(data: bytes) -> tuple[Rendition, ...]:
    """All sizes of a photo, smallest first.

    Args:
        data: the picture as uploaded.

    Returns:
        At least one size; none larger than the picture, none above 1280 px.

    Raises:
        NoPictureError: the bytes are no picture.
        OddDimensionsError: its sides exceed what Telegram takes.
    """
    key = digest(data)
    with _lock:
        known = _cache.get(key)
        if known is not None:
            _cache.move_to_end(key)
            return known
    made = _render(data, SIDES)
    with _lock:
        _cache[key] = made
        while len(_cache) > _CACHED:
            _cache.popitem(last=False)
    return made


def thumbnail(data: bytes) -> Rendition | None:
    """The small picture of a document, or None where it is no picture."""
    try:
        return _render(data, (("m", THUMBNAIL_SIDE),))[0]
    except (NoPictureError, OddDimensionsError):
        return None


def _render(data: bytes, sides: tuple[tuple[str, int], ...]) -> tuple[Rendition, ...]:
    try:
        with warnings.catch_warnings():
            # A picture bomb is only asked for its size; it is refused below before any decoding.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            opened = Image.open(io.BytesIO(data), formats=_FORMATS)
        width, height = opened.size
        if width + height > MOST_SIDES_SUM or max(width, height) > MOST_RATIO * min(width, height):
            raise OddDimensionsError  # noqa: TRY301 - known only once it is open
        opened.draft("RGB", (sides[-1][1], sides[-1][1]))
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    except OddDimensionsError:
        raise
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        OSError,
        ValueError,
        SyntaxError,
        EOFError,
    ) as error:
        raise NoPictureError from error
    longest = max(upright.size)
    made = []
    for letter, side in sides:
        enough = side >= longest
        scaled = upright
        if not enough:
            scaled = upright.copy()
            scaled.thumbnail((side, side))
        out = io.BytesIO()
        scaled.save(out, "JPEG", quality=_QUALITY, exif=b"")
        made.append(Rendition(letter, *scaled.size, out.getvalue()))
        if enough:
            break
    return tuple(made)
