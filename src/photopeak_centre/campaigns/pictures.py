"""Pictures from outside: JPEG and PNG taken apart to their image parts, so that no place, name or comment in them is kept.

A JPEG loses its application segments (EXIF with the place, XMP) and comments; of a PNG only the parts that make the image stay.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

LARGEST = 6 * 2**20
LARGEST_SIDE = 12_000
PNG_MARK = b"\x89PNG\r\n\x1a\n"
PNG_PARTS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
#: JPEG segments that are kept: frames, tables, scans, restart interval, and JFIF and Adobe, which say what the colours are
JPEG_KEPT = {*range(0xC0, 0xD0), 0xDB, 0xDD, 0xE0, 0xEE}


class NotAPicture(Exception):
    """The bytes are not a whole JPEG or PNG of a reasonable size."""


def clean_picture(data: bytes) -> tuple[bytes, str]:
    """The picture without its metadata, and its media type. Raises NotAPicture."""
    if len(data) > LARGEST:
        raise NotAPicture("larger than 6 MB")
    try:
        if data.startswith(PNG_MARK):
            return _clean_png(data), "image/png"
        if data.startswith(b"\xff\xd8"):
            return _clean_jpeg(data), "image/jpeg"
    except (struct.error, IndexError, zlib.error) as error:
        raise NotAPicture("broken off") from error
    raise NotAPicture("neither JPEG nor PNG")


def _clean_png(data: bytes) -> bytes:
    kept = [PNG_MARK]
    for name, body, whole in _chunks(data):
        if name == b"IHDR":
            _size(*struct.unpack(">II", body[:8]))
        if name in PNG_PARTS:
            kept.append(whole)
    names = [part[4:8] for part in kept[1:]]
    if not names or names[0] != b"IHDR" or b"IDAT" not in names or names[-1] != b"IEND":
        raise NotAPicture("not a whole PNG")
    return b"".join(kept)


def _chunks(data: bytes) -> list[tuple[bytes, bytes, bytes]]:
    found, at = [], len(PNG_MARK)
    while at < len(data):
        (length,) = struct.unpack_from(">I", data, at)
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (crc,) = struct.unpack_from(">I", data, at + 8 + length)
        if len(body) != length or crc != zlib.crc32(name + body):
            raise NotAPicture("a part of the PNG is damaged")
        found.append((name, body, data[at : at + 12 + length]))
        at += 12 + length
        if name == b"IEND":
            break
    return found


def _clean_jpeg(data: bytes) -> bytes:
    kept, at, framed = [b"\xff\xd8"], 2, False
    while True:
        if data[at] != 0xFF:
            raise NotAPicture("not a JPEG segment")
        marker = data[at + 1]
        (length,) = struct.unpack_from(">H", data, at + 2)
        segment = data[at : at + 2 + length]
        if len(segment) != 2 + length or length < 2:
            raise NotAPicture("broken off")
        if marker in range(0xC0, 0xD0) and marker not in (0xC4, 0xC8, 0xCC):
            _size(*struct.unpack_from(">HH", segment, 5))
            framed = True
        if marker in JPEG_KEPT or marker == 0xDA:
            kept.append(segment)
        at += 2 + length
        if marker == 0xDA:
            at = _scan(data, at, kept)
            if data[at + 1] == 0xD9:
                break
    if not framed:
        raise NotAPicture("a JPEG without an image")
    return b"".join([*kept, b"\xff\xd9"])


def _scan(data: bytes, at: int, kept: list[bytes]) -> int:
    """Keep the coded image; where the next segment begins."""
    begin = at
    while True:
        at = data.index(b"\xff", at) if b"\xff" in data[at:] else len(data)
        following = data[at + 1]
        if following == 0 or 0xD0 <= following <= 0xD7:
            at += 2
            continue
        kept.append(data[begin:at])
        return at


def _size(first: int, second: int) -> None:
    if not (0 < first <= LARGEST_SIDE and 0 < second <= LARGEST_SIDE):
        raise NotAPicture(f"{first} by {second} pixels")


def has_ink(png: bytes) -> bool:
    """Whether anything is drawn on a transparent sheet: a pad that nobody touched has nothing but zeros."""
    chunks = _chunks(png)
    header = next(body for name, body, _ in chunks if name == b"IHDR")
    width, height, depth, colour = struct.unpack(">IIBB", header[:10])
    if depth != 8 or colour != 6 or width * height > 4_000_000:
        raise NotAPicture("a signature is a drawing with transparency")
    coded = zlib.decompressobj().decompress(
        b"".join(body for name, body, _ in chunks if name == b"IDAT"), height * (4 * width + 1)
    )
    if len(coded) != height * (4 * width + 1):
        raise NotAPicture("broken off")
    return any(coded[row * (4 * width + 1) + 1 : (row + 1) * (4 * width + 1)].strip(b"\0") for row in range(height))


def grey_png(values: np.ndarray, low: float, high: float, *, inverse: bool = False) -> bytes:
    """Grey PNG of `values[row, column]`, `low` black and `high` white, or the other way round."""
    span = (high - low) or 1.0
    grey = np.clip((np.asarray(values, dtype=np.float64) - low) / span * 255, 0, 255).round().astype(np.uint8)
    grey = 255 - grey if inverse else grey
    rows = b"".join(b"\0" + row.tobytes() for row in grey)
    header = struct.pack(">IIBBBBB", grey.shape[1], grey.shape[0], 8, 0, 0, 0, 0)
    return PNG_MARK + b"".join(_chunk(*part) for part in ((b"IHDR", header), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")))


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
