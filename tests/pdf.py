"""Reads a PDF as fpdf2 writes it, without fpdf2: its text as it would be copied, and its ink."""

import re
import zlib
from collections import defaultdict

from PIL import Image, ImageDraw

_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.DOTALL)
_TEXT = re.compile(rb"([\d.]+) ([\d.]+) Td [^()]*((?:\((?:\\.|[^\\)])*\) Tj ?)+)", re.DOTALL)
_PIECE = re.compile(rb"\(((?:\\.|[^\\)])*)\) Tj", re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_MAPPED = re.compile(rb"<([0-9A-F]{4})> <([0-9A-F]{4,8})>")
_INK = re.compile(rb"(?<![\d.])([\d.]+) ([\d.]+) ([\d.]+) (-?[\d.]+) re f")
_ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def _streams(data: bytes) -> list[bytes]:
    found = []
    for match in _STREAM.finditer(data):
        try:
            # One that is not held to its end, whose last byte may look like an end of line.
            found.append(zlib.decompressobj().decompress(match[1]))
        except zlib.error:
            found.append(match[1])
    return found


def _pages(data: bytes) -> list[bytes]:
    return [stream for stream in _streams(data) if b" Tj" in stream]


def lines(data: bytes) -> list[list[str]]:
    """Of each page its lines from above; what stands side by side is parted by a bar."""
    [mapping] = [stream for stream in _streams(data) if b"beginbfchar" in stream]
    letters = {
        code: bytes.fromhex(to.decode()).decode("utf-16-be")
        for code, to in ((bytes.fromhex(c.decode()), to) for c, to in _MAPPED.findall(mapping))
    }
    pages = []
    for page in _pages(data):
        rows = defaultdict(list)
        for x, y, pieces in _TEXT.findall(page):
            raw = b"".join(_PIECE.findall(pieces))
            codes = _ESCAPED.sub(lambda found: _ESCAPES.get(found[1], found[1]), raw)
            text = "".join(letters[codes[i : i + 2]] for i in range(0, len(codes), 2))
            rows[float(y)].append((float(x), text))
        pages.append(
            [" | ".join(text for _, text in sorted(rows[y])) for y in sorted(rows, reverse=True)]
        )
    return pages


def picture(data: bytes, *, page: int = 0, scale: float = 2.0) -> Image.Image:
    """What is filled on a page, in black, as a scanner would see it."""
    width, height = (
        float(side) * scale
        for side in re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", data).groups()
    )
    image = Image.new("L", (round(width), round(height)), 255)
    draw = ImageDraw.Draw(image)
    for x, y, w, h in _INK.findall(_pages(data)[page]):
        # A rectangle may be told from its upper or its lower edge.
        upper = float(y) + max(float(h), 0)
        left, top = float(x) * scale, height - upper * scale
        right, bottom = left + float(w) * scale, top + abs(float(h)) * scale
        draw.rectangle((round(left), round(top), round(right) - 1, round(bottom) - 1), fill=0)
    return image
