"""The stored pixel values of one file, checked against its header before anything is decoded."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from photopeak.dicom.header import integer, text
from photopeak.dicom.parse import EXPLICIT_BIG_ENDIAN, EXPLICIT_LITTLE_ENDIAN, IMPLICIT_LITTLE_ENDIAN, MIB
from photopeak.dicom.unusable import Unusable

if TYPE_CHECKING:
    from photopeak.dicom.parse import Parsed

LARGEST_SIDE = 16_384
MOST_FRAMES = 65_536
#: compressed pixels may grow this many times, and small ones always to this size
LARGEST_GROWTH = 500
SMALL_DECODED = 32 * MIB
LARGEST_DECODED = 512 * MIB
#: a tile costs the decoder memory whatever it holds
MOST_TILES = 1024

NATIVE = frozenset({IMPLICIT_LITTLE_ENDIAN, EXPLICIT_LITTLE_ENDIAN, EXPLICIT_BIG_ENDIAN})
RLE = "1.2.840.10008.1.2.5"
LOSSLESS = frozenset(
    {
        RLE,
        "1.2.840.10008.1.2.4.57",  # JPEG lossless
        "1.2.840.10008.1.2.4.70",  # JPEG lossless, first-order prediction
        "1.2.840.10008.1.2.4.80",  # JPEG-LS lossless
        "1.2.840.10008.1.2.4.90",  # JPEG 2000 lossless
        "1.2.840.10008.1.2.4.201",  # high-throughput JPEG 2000 lossless
        "1.2.840.10008.1.2.4.202",
    }
)
EITHER = frozenset({"1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203"})  # JPEG 2000: the codestream says which
LOSSY = frozenset({"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"})

GREY = ("MONOCHROME1", "MONOCHROME2", "")
COLOUR = ("RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420", "HSV", "ARGB", "CMYK")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layout:
    """What the header says of the pixels. `frames` is None where it does not say."""

    rows: int
    columns: int
    frames: int | None
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool

    @property
    def frame_bytes(self) -> int:
        return self.rows * self.columns * self.bits_allocated // 8

    @property
    def type(self) -> np.dtype[Any]:
        return np.dtype(f"{'i' if self.signed else 'u'}{self.bits_allocated // 8}")


def stored_values(parsed: Parsed) -> npt.NDArray[Any]:
    """Array[frame, row, column] of stored values, before any rescaling; MONOCHROME1 changes nothing.

    Raises Unusable for sizes that cannot be true, pixels that are missing, cut short, lossy or in colour.
    """
    if not parsed.pixel_keyword or not parsed.pixels:
        raise Unusable("encrypted" if "EncryptedAttributesSequence" in parsed.dataset else "no_pixels")
    layout = _layout(parsed)
    if parsed.declared_length == 0xFFFFFFFF:
        values = _decoded(parsed, layout)
    elif parsed.transfer_syntax in NATIVE:
        values = _native(parsed, layout)
    else:
        raise Unusable("unsupported_transfer_syntax", found=_shown(parsed.transfer_syntax))
    return _only_stored_bits(values, layout)


def _shown(uid: str) -> str:
    return "".join(character for character in uid[:64] if character in "0123456789.") or "?"


def _layout(parsed: Parsed) -> _Layout:
    dataset = parsed.dataset
    photometric = text(dataset, "PhotometricInterpretation")
    if photometric in COLOUR or (integer(dataset, "SamplesPerPixel") or 1) in (3, 4):
        raise Unusable("colour_image")
    if photometric not in GREY or integer(dataset, "SamplesPerPixel") not in (None, 1):
        raise Unusable("unreadable", reason="Photometric Interpretation")
    rows, columns = integer(dataset, "Rows") or 0, integer(dataset, "Columns") or 0
    frames = integer(dataset, "NumberOfFrames") if text(dataset, "NumberOfFrames") else None
    if text(dataset, "NumberOfFrames") and frames is None:
        frames = 0
    allocated = {"FloatPixelData": 32, "DoubleFloatPixelData": 64}.get(parsed.pixel_keyword) or integer(
        dataset, "BitsAllocated"
    )
    stored = integer(dataset, "BitsStored") if parsed.pixel_keyword == "PixelData" else allocated
    stored = allocated if stored is None else stored
    high = integer(dataset, "HighBit") if parsed.pixel_keyword == "PixelData" else None
    signed = integer(dataset, "PixelRepresentation") or 0
    if (
        not (0 < rows <= LARGEST_SIDE and 0 < columns <= LARGEST_SIDE)
        or (frames is not None and not 0 < frames <= MOST_FRAMES)
        or allocated not in (8, 16, 32, 64)
        or (allocated == 64 and parsed.pixel_keyword == "PixelData")
        or not 0 < (stored or 0) <= allocated
        or signed not in (0, 1)
    ):
        raise Unusable("bad_size", found=f"{frames} × {rows} × {columns}, {allocated} bit")
    assert stored is not None
    high = stored - 1 if high is None else high
    if not stored - 1 <= high < allocated:
        raise Unusable("bad_size", found=f"{stored} of {allocated} bit, high bit {high}")
    return _Layout(
        rows=rows,
        columns=columns,
        frames=frames,
        bits_allocated=allocated,
        bits_stored=stored,
        high_bit=high,
        signed=bool(signed),
    )


def _native(parsed: Parsed, layout: _Layout) -> npt.NDArray[Any]:
    size = layout.frame_bytes
    frames = layout.frames
    if frames is None:  # some converters leave Number of Frames out: the pixels say it
        frames = max(1, len(parsed.pixels) // size)
    if len(parsed.pixels) < frames * size or parsed.declared_length > len(parsed.pixels):
        raise Unusable("truncated")
    if len(parsed.pixels) > frames * size + 1:  # one byte makes an odd length even
        found = f"{frames} × {layout.rows} × {layout.columns} → {frames * size} ≠ {len(parsed.pixels)} B"
        raise Unusable("bad_size", found=found)
    order: Literal["<", ">"] = ">" if parsed.transfer_syntax == EXPLICIT_BIG_ENDIAN else "<"
    kind = layout.type if parsed.pixel_keyword == "PixelData" else np.dtype(f"f{layout.bits_allocated // 8}")
    values = np.frombuffer(parsed.pixels, kind.newbyteorder(order), frames * layout.rows * layout.columns)
    if kind.kind == "f" and not np.isfinite(values).all():
        raise Unusable("unreadable", reason="NaN")
    return np.asarray(values, dtype=kind).reshape(frames, layout.rows, layout.columns)


def _only_stored_bits(values: npt.NDArray[Any], layout: _Layout) -> npt.NDArray[Any]:
    """Values without what lies outside the stored bits (old overlays), the sign extended."""
    if values.dtype.kind == "f" or (layout.bits_stored == layout.bits_allocated):
        return values
    up, down = layout.bits_allocated - 1 - layout.high_bit, layout.bits_allocated - layout.bits_stored
    shifted: npt.NDArray[Any] = np.right_shift(np.left_shift(values, up), down)
    return shifted


def _decoded(parsed: Parsed, layout: _Layout) -> npt.NDArray[Any]:
    """Compressed pixels, frame by frame, each checked against the header before a decoder sees it."""
    syntax = parsed.transfer_syntax
    if syntax in LOSSY:
        raise Unusable("lossy_compression")
    if syntax not in LOSSLESS | EITHER or parsed.pixel_keyword != "PixelData" or layout.bits_allocated > 32:
        raise Unusable("unsupported_transfer_syntax", found=_shown(syntax))
    frames = _frames(parsed.pixels, layout)
    needed = len(frames) * layout.frame_bytes
    allowed = min(LARGEST_DECODED, max(SMALL_DECODED, LARGEST_GROWTH * len(parsed.pixels)))
    if needed > allowed:
        raise Unusable("too_large", limit=f"{allowed // MIB} MiB")
    for frame in frames:
        _check_codestream(frame, syntax, layout)
    values = np.empty((len(frames), layout.rows, layout.columns), layout.type)
    decode = _run_lengths if syntax == RLE else _codestream
    for index, frame in enumerate(frames):
        values[index] = decode(frame, syntax, layout).reshape(layout.rows, layout.columns)
    return values


def _codestream(frame: bytes, syntax: str, layout: _Layout) -> npt.NDArray[Any]:
    from pydicom.encaps import encapsulate
    from pydicom.pixels.decoders.base import get_decoder
    from pydicom.uid import UID

    options: dict[str, Any] = {
        "rows": layout.rows,
        "columns": layout.columns,
        "number_of_frames": 1,
        "samples_per_pixel": 1,
        "bits_allocated": layout.bits_allocated,
        "bits_stored": layout.bits_stored,
        "pixel_representation": int(layout.signed),
        "photometric_interpretation": "MONOCHROME2",
        "pixel_keyword": "PixelData",
    }
    plugin = "pylibjpeg" if frame.startswith(b"\xff\x4f") else "gdcm"  # JPEG 2000 by OpenJPEG, the JPEG family by GDCM
    decoder = get_decoder(UID(syntax))
    return decoder.as_array(encapsulate([frame]), raw=True, index=0, decoding_plugin=plugin, **options)[0]


def _run_lengths(frame: bytes, syntax: str, layout: _Layout) -> npt.NDArray[Any]:
    """PackBits, one segment a byte of the pixel, most significant first (PS3.5 annex G).

    Written out here because the compiled decoder ends the process on some damaged files.
    """
    size = layout.rows * layout.columns
    planes = layout.bits_allocated // 8
    starts = [int.from_bytes(frame[4 * k : 4 * k + 4], "little") for k in range(1, planes + 1)]
    values = np.empty((size, planes), np.uint8)
    for plane, (start, end) in enumerate(zip(starts, [*starts[1:], len(frame)])):
        values[:, planes - 1 - plane] = np.frombuffer(_unpacked(frame[start:end], size), np.uint8)
    return values.view(layout.type.newbyteorder("<")).reshape(size)


def _unpacked(segment: bytes, size: int) -> bytes:
    unpacked, position = bytearray(), 0
    while len(unpacked) < size:
        if position + 1 >= len(segment):
            raise Unusable("truncated")
        code = segment[position]
        if code < 128:
            unpacked += segment[position + 1 : position + 2 + code]
            position += 2 + code
        else:
            if code > 128:
                unpacked += segment[position + 1 : position + 2] * (257 - code)
            position += 1 + (code > 128)
    return bytes(unpacked[:size])


def _frames(pixels: bytes, layout: _Layout) -> list[bytes]:
    """The compressed bytes of each frame. Without Number of Frames every fragment that begins a codestream is one."""
    from pydicom.encaps import generate_fragments, generate_frames

    number = layout.frames
    if number is None:
        fragments = list(generate_fragments(pixels))[1:]
        starts = sum(fragment.startswith((b"\xff\xd8\xff", b"\xff\x4f\xff\x51")) for fragment in fragments)
        number = max(1, starts)
    return list(generate_frames(pixels, number_of_frames=number))[:number]


def _check_codestream(frame: bytes, syntax: str, layout: _Layout) -> None:
    """Refuse a codestream whose own size is not the header's, or whose frame cannot need so many bytes."""
    largest = (1.1 if syntax == RLE else 4) * layout.frame_bytes + 65_536
    if len(frame) > largest:
        raise Unusable("bad_size", found=f"{len(frame)} B > {layout.frame_bytes} B")
    if syntax == RLE:
        segments = int.from_bytes(frame[:4], "little")
        if segments != layout.bits_allocated // 8:
            raise Unusable("bad_size", found=f"{segments} segments")
        return
    height, width, lossless = _j2k_size(frame) if frame.startswith(b"\xff\x4f") else _jpeg_size(frame)
    if (height, width) != (layout.rows, layout.columns):
        raise Unusable("bad_size", found=f"{height} × {width} ≠ {layout.rows} × {layout.columns}")
    if not lossless:
        raise Unusable("lossy_compression")


def _jpeg_size(frame: bytes) -> tuple[int, int, bool]:
    """(rows, columns, lossless) of a JPEG or JPEG-LS codestream, from its frame header."""
    position = 2
    while position + 9 <= len(frame) and frame[position] == 0xFF:
        marker = frame[position + 1]
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            height = int.from_bytes(frame[position + 5 : position + 7], "big")
            width = int.from_bytes(frame[position + 7 : position + 9], "big")
            return height, width, marker in (0xC3, 0xF7)
        position += 1 if marker == 0xFF else 2 + int.from_bytes(frame[position + 2 : position + 4], "big")
    raise Unusable("unreadable", reason="JPEG")


def _j2k_size(frame: bytes) -> tuple[int, int, bool]:
    """(rows, columns, lossless) of a JPEG 2000 codestream, from its SIZ and COD segments."""
    if len(frame) < 60 or frame[2:4] != b"\xff\x51":
        raise Unusable("unreadable", reason="JPEG 2000")
    x, y, x0, y0, tile_x, tile_y, _, _ = (int.from_bytes(frame[8 + 4 * k : 12 + 4 * k], "big") for k in range(8))
    tiles = math.ceil(x / max(1, tile_x)) * math.ceil(y / max(1, tile_y))
    if tiles > MOST_TILES or int.from_bytes(frame[40:42], "big") != 1:
        raise Unusable("bad_size", found=f"{tiles} tiles")
    coding = frame.find(b"\xff\x52", 0, 4096)
    lossless = coding >= 0 and frame[coding + 13 : coding + 14] == b"\x01"
    return y - y0, x - x0, lossless
