"""MetaImage floods (.mhd beside .raw, or .mha): one planar frame whose header is a few lines of text."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.dicom.image import evidence_hash, plausible_spacing
from photopeak.dicom.parse import inflate
from photopeak.dicom.pixels import LARGEST_SIDE
from photopeak.dicom.remarks import Noticed, noticed
from photopeak.dicom.unusable import Unusable
from photopeak.evidence import Evidence, EvidenceFile, Frame, PlanarImages

TYPES = {
    "MET_CHAR": "i1",
    "MET_UCHAR": "u1",
    "MET_SHORT": "i2",
    "MET_USHORT": "u2",
    "MET_INT": "i4",
    "MET_UINT": "u4",
    "MET_FLOAT": "f4",
    "MET_DOUBLE": "f8",
}
LONGEST_HEADER = 8192


def looks_like_metaimage(data: bytes) -> bool:
    start = data[:LONGEST_HEADER]
    return b"NDims" in start and b"DimSize" in start and b"ElementDataFile" in start


def metaimage_evidence(
    data: bytes, file: EvidenceFile, companion: Callable[[str], tuple[bytes, EvidenceFile]]
) -> tuple[Evidence, ...]:
    """The frame of a MetaImage; `companion` gives the bytes of the file that its header names, from the same folder.

    Where the header does not give the byte order, the order in which neighbouring pixels are more alike is taken, and said.
    """
    header, rest = _header(data)
    name = header.get("ElementDataFile", "")
    files = [file]
    if name.upper() in ("LOCAL", "LOCALFILE"):
        raw = rest
    elif not name or name.upper().startswith("LIST") or "%" in name:
        raise _unsupported("its pixels are spread over several files", "像素分散在多个文件中")
    else:
        raw, other = companion(name)
        files.append(other)
    if header.get("CompressedData", "").upper() == "TRUE":
        raw = inflate(raw)
    columns, rows = _shape(header)
    remarks: list[Noticed] = []
    counts = _pixels(raw, header, rows * columns, remarks).reshape(1, rows, columns)
    counts.flags.writeable = False
    spacing = _spacing(header)
    if spacing is None:
        remarks.append(noticed("pixel_spacing_missing"))
    return (
        Evidence(
            kind="nm_planar",
            files=tuple(files),
            sha256=evidence_hash(files),
            header={"format": "MetaImage"},
            images=PlanarImages(counts=counts, pixel_mm=spacing, frames=(Frame(),)),
            remarks=tuple(remarks),
        ),
    )


def _unsupported(en: str, zh: str) -> Unusable:
    return Unusable("unsupported_metaimage", reason_en=en, reason_zh=zh)


def _header(data: bytes) -> tuple[Mapping[str, str], bytes]:
    """The `name = value` lines up to ElementDataFile, and what follows them."""
    found: dict[str, str] = {}
    position = 0
    while position < min(len(data), LONGEST_HEADER) and "ElementDataFile" not in found:
        end = data.find(b"\n", position)
        end = len(data) if end < 0 else end
        name, _, value = data[position:end].decode("latin-1").partition("=")
        found[name.strip()] = value.strip()
        position = end + 1
    return found, data[position:]


def _shape(header: Mapping[str, str]) -> tuple[int, int]:
    """(columns, rows) of a single plane of single values."""
    try:
        sizes = [int(size) for size in header.get("DimSize", "").split()]
        channels = int(header.get("ElementNumberOfChannels", "1"))
    except ValueError:
        sizes, channels = [], 1
    if len(sizes) < 2 or not all(0 < size <= LARGEST_SIDE for size in sizes):
        raise Unusable("bad_size", found=" × ".join(str(size) for size in sizes) or "?")
    if math.prod(sizes[2:]) != 1 or channels != 1:
        raise _unsupported("it holds more than one plane; export the planes one by one", "包含多个平面，请逐个导出")
    return sizes[0], sizes[1]


def _spacing(header: Mapping[str, str]) -> tuple[float, float] | None:
    """(row spacing, column spacing) in mm; the header has columns first."""
    written = header.get("ElementSpacing") or header.get("ElementSize") or ""
    try:
        values = [float(value) for value in written.split()]
    except ValueError:
        return None
    return plausible_spacing((values[1], values[0])) if len(values) >= 2 else None


def _pixels(raw: bytes, header: Mapping[str, str], number: int, remarks: list[Noticed]) -> npt.NDArray[Any]:
    code = TYPES.get(header.get("ElementType", ""))
    if code is None or header.get("BinaryData", "True").upper() != "TRUE":
        raise _unsupported("its kind of value is not known here", "像素类型不受支持")
    size = number * np.dtype(code).itemsize
    try:
        skipped = int(header.get("HeaderSize", "0"))
    except ValueError:
        skipped = 0
    start = len(raw) - size if skipped == -1 else skipped
    if start < 0 or len(raw) - start < size:
        raise Unusable("truncated")
    if len(raw) - start > size:
        raise Unusable("bad_size", found=f"{size} ≠ {len(raw) - start} B")
    little, big = (np.frombuffer(raw, np.dtype(order + code), number, start) for order in "<>")
    most_significant_first = _stated_order(header)
    if most_significant_first is None:
        most_significant_first = _roughness(big) < _roughness(little)
        if np.dtype(code).itemsize > 1:
            en, zh = ("big-endian", "大端序") if most_significant_first else ("little-endian", "小端序")
            remarks.append(noticed("byte_order_assumed", en=en, zh=zh))
    values = np.array(big if most_significant_first else little, dtype=code)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise Unusable("unreadable", reason="NaN")
    return values


def _stated_order(header: Mapping[str, str]) -> bool | None:
    """True where the header says that the most significant byte comes first, None where it is silent."""
    written = header.get("BinaryDataByteOrderMSB") or header.get("ElementByteOrderMSB")
    return None if written is None else written.upper() == "TRUE"


def _roughness(values: npt.NDArray[Any]) -> float:
    """Mean step between neighbours relative to the mean: a wrong byte order makes an image jump."""
    with np.errstate(all="ignore"):
        signed = values.astype(np.float64)
        roughness = float(np.abs(np.diff(signed)).mean() / np.abs(signed).mean()) if len(signed) > 1 else 0.0
    return roughness if math.isfinite(roughness) else math.inf
