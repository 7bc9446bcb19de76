"""Pictures for tests: small, distinct, some with EXIF."""

from functools import cache
from io import BytesIO

from PIL import Image, ImageDraw


@cache
def jpeg(seed: int = 1, size: tuple[int, int] = (320, 240)) -> bytes:
    """A small JPEG that differs from those of other seeds."""
    image = Image.new("RGB", size, ((seed * 53) % 256, (seed * 97) % 256, (seed * 151) % 256))
    draw = ImageDraw.Draw(image)
    draw.rectangle((10 + seed * 7 % 200, 20, 60 + seed * 7 % 200, 200), fill=(255, 255, 255))
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


@cache
def jpeg_with_gps(latitude: float, longitude: float) -> bytes:
    """A JPEG as a phone writes it, with the place it was taken at."""
    image = Image.open(BytesIO(jpeg(7)))
    exif = Image.Exif()
    gps = {
        1: "N" if latitude >= 0 else "S",
        2: _degrees(abs(latitude)),
        3: "E" if longitude >= 0 else "W",
        4: _degrees(abs(longitude)),
    }
    exif[0x8825] = gps
    buffer = BytesIO()
    image.save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def _degrees(value: float) -> tuple[float, float, float]:
    whole = int(value)
    minutes = (value - whole) * 60
    return (float(whole), float(int(minutes)), (minutes - int(minutes)) * 60)
