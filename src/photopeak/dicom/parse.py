"""From a file's bytes to a DICOM header and its stored pixel bytes, with a bound on everything a hostile file may ask for.

pydicom's own file reader inflates without limit and follows any number of elements, so only its element parser is used, on a
stream that counts.
"""

from __future__ import annotations

import io
import zlib
from typing import TYPE_CHECKING

from photopeak.dicom.unusable import Unusable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MIB = 2**20
IMPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
EXPLICIT_BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = "1.2.840.10008.1.2.1.99"

#: a header of so many reads takes one or two seconds; that of a thousand enhanced frames stays below
MOST_READS = 200_000
#: deflated content may grow a hundredfold, and small content always to this size
SMALL_INFLATED = 64 * MIB
LARGEST_GROWTH = 100
#: an element longer than this that is not pixels is dropped unread (vendors keep whole reports in private elements)
LONGEST_ELEMENT = 2 * MIB

#: the long sequences that are wanted, however long: what each frame of an enhanced object shows, and drawn contours
LONG_SEQUENCES = (0x52009230, 0x30060039)
PIXEL_TAGS = {0x7FE00010: "PixelData", 0x7FE00008: "FloatPixelData", 0x7FE00009: "DoubleFloatPixelData"}
ENVELOPED = bytes.fromhex("06092a864886f70d0107")  #: CMS object identifiers, as in DICOM secure media


class _Counted(io.BytesIO):
    """A stream that ends the reading of a header with far too many elements, and knows whether it broke off."""

    reads = 0
    broke_off = False

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if self.reads > MOST_READS:
            raise Unusable("unreadable", reason="too many elements")
        found = super().read(size)
        self.broke_off = 0 < len(found) < (size or 0)
        return found


class Parsed:
    """A header, its transfer syntax, and the stored bytes of its pixels (empty where it has none)."""

    __slots__ = ("dataset", "declared_length", "pixel_keyword", "pixels", "transfer_syntax")

    def __init__(self, dataset: Dataset, transfer_syntax: str) -> None:
        self.dataset = dataset
        self.transfer_syntax = transfer_syntax
        self.pixel_keyword, self.pixels, self.declared_length = _take_pixels(dataset)


def looks_like_dicom(data: bytes) -> bool:
    """DICOM by its content: the mark after the preamble, or a first element that only DICOM begins with."""
    if data[128:132] == b"DICM":
        return True
    group, element = int.from_bytes(data[:2], "little"), int.from_bytes(data[2:4], "little")
    if group not in (2, 8) or element > 0x100 or len(data) < 64:
        return group == 0x0800 and data[2:4] == b"\x00\x05" and data[4:6].isalpha()  # big-endian, explicit
    length = int.from_bytes(data[4:8], "little")
    return (data[4:6].isalpha() and data[4:6].isupper()) or 0 < length < 256


def looks_encrypted(data: bytes) -> bool:
    """An encrypted envelope (CMS as in DICOM secure media, PGP, OpenSSL)."""
    cms = data[:1] == b"\x30" and ENVELOPED in data[:32]
    return cms or data.startswith((b"-----BEGIN PGP MESSAGE", b"Salted__"))


def parse(data: bytes) -> Parsed:
    """The header and stored pixels of one DICOM file. Raises Unusable, or whatever pydicom meets in damaged content."""
    from pydicom.filereader import read_dataset

    start = 132 if data[128:132] == b"DICM" else 0
    stream = _Counted(data)
    stream.seek(start)
    syntax = ""
    if data[start : start + 2] == b"\x02\x00":
        meta = read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag >> 16 != 2)
        syntax = str(meta.get("TransferSyntaxUID") or "")
    if not syntax:
        syntax = _guess_syntax(data[stream.tell() : stream.tell() + 6])
    if syntax == DEFLATED:
        stream = _Counted(inflate(data[stream.tell() :], raw=True))
        syntax = EXPLICIT_LITTLE_ENDIAN
    dataset = read_dataset(stream, syntax == IMPLICIT_LITTLE_ENDIAN, syntax != EXPLICIT_BIG_ENDIAN)
    if not len(dataset) or (stream.broke_off and not dataset.keys() & PIXEL_TAGS.keys()):
        raise Unusable("truncated")
    return Parsed(dataset, syntax)


def _guess_syntax(start: bytes) -> str:
    """The transfer syntax of a file that does not name it: explicit where a value representation stands in its place."""
    if len(start) == 6 and start[4:6].isalpha() and start[4:6].isupper():
        return EXPLICIT_BIG_ENDIAN if start[0] == 0 and start[1] != 0 else EXPLICIT_LITTLE_ENDIAN
    return IMPLICIT_LITTLE_ENDIAN


def inflate(packed: bytes, *, raw: bool = False) -> bytes:
    """Deflated bytes unpacked, or Unusable where they grow beyond what an image can."""
    limit = max(SMALL_INFLATED, LARGEST_GROWTH * len(packed))
    engine = zlib.decompressobj(-zlib.MAX_WBITS if raw else zlib.MAX_WBITS)
    unpacked = engine.decompress(packed, limit)
    if engine.unconsumed_tail:
        raise Unusable("too_large", limit=f"{limit // MIB} MiB")
    if not engine.eof:
        raise Unusable("truncated")
    return unpacked


def _take_pixels(dataset: Dataset) -> tuple[str, bytes, int]:
    """The stored pixel bytes, taken out of the dataset with every other element too long to be a header value."""
    from pydicom.dataelem import DataElement, RawDataElement
    from pydicom.filereader import read_sequence

    keyword, pixels, declared = "", b"", 0
    for tag in list(dataset.keys()):
        element = dataset.get_item(tag)
        if not isinstance(element, RawDataElement):
            continue
        value = element.value or b""
        if tag in PIXEL_TAGS:
            keyword, pixels, declared = PIXEL_TAGS[tag], value, element.length
        elif element.length not in (len(value), 0xFFFFFFFF):
            raise Unusable("truncated")
        elif tag in LONG_SEQUENCES:
            stream = _Counted(value)
            frames = read_sequence(stream, element.is_implicit_VR, element.is_little_endian, len(value), "iso8859")
            dataset[tag] = DataElement(tag, "SQ", frames)
            continue
        elif len(value) <= LONGEST_ELEMENT:
            continue
        del dataset[tag]
    return keyword, pixels, declared
