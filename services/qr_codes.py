"""QR codes: drawn for a phone's screen, and read out of photos from the street."""

from collections.abc import Iterator
from io import BytesIO

import segno
import zxingcpp
from PIL import Image, ImageFilter, ImageOps

from services import pictures
from services.pictures import BadPicture

# Of the picture a code is drawn in, in pixels: what a phone's screen is wide at most.
_DRAWN_SIDE = 900
# ISO/IEC 18004 wants four modules of white on each side; a dark screen around it changes nothing.
_QUIET_ZONE = 4
# A photo is looked at so large, and then so small: a code seen from afar needs every pixel, noise
# and blur go where several pixels become one.
_SIDES = (1600, 800)
_QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)


def drawn(text: str) -> bytes:
    """A QR code, black on white with its quiet zone, nothing else.

    Args:
        text: what it says; a link of ours has some fifty characters.

    Returns:
        A PNG. A quarter of the code may be unreadable (level Q) and it is read all the same.
    """
    code = segno.make_qr(text, error="q")
    modules, _ = code.symbol_size(border=_QUIET_ZONE)
    file = BytesIO()
    code.save(
        file,
        kind="png",
        scale=max(1, _DRAWN_SIDE // int(modules)),
        border=_QUIET_ZONE,
        dark="black",
        light="white",
    )
    return file.getvalue()


def read(data: bytes) -> list[str]:
    """What the QR codes in a picture say. Takes CPU time; call it off the event loop.

    Args:
        data: a whole file of which nothing is known.

    Returns:
        Their texts, each once; none if there are none, or the file is no picture we would open.
    """
    try:
        picture = pictures.upright(data, side=_SIDES[0]).convert("L")
    except BadPicture:
        return []
    for variant in _variants(picture):
        found = zxingcpp.read_barcodes(variant, formats=_QR)
        if found:
            return list(dict.fromkeys(code.text for code in found))
    return []


def _variants(picture: Image.Image) -> Iterator[Image.Image]:
    """A picture in shades of grey as it is, then made easier to read in one way after another."""
    yield picture
    for side in _SIDES:
        scaled = picture.copy()
        scaled.thumbnail((side, side))
        # Takes out grains without washing out corners.
        yield ImageOps.autocontrast(scaled.filter(ImageFilter.MedianFilter(3)), cutoff=1)
        yield scaled.filter(ImageFilter.UnsharpMask(radius=4, percent=250, threshold=0))
