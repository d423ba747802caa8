"""What makes two DICOM files the same: standard header elements and pixels, however they were encoded or forwarded.

Group 0002 and group lengths are left out, byte order and padding normalised, compressed pixels decoded. Manufacturers' private
elements are no part of the identity: their encoding changes on the way without their content changing.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np

from photopeak.dicom.header import text
from photopeak.dicom.image import acquired_of, subject_of
from photopeak.dicom.parse import EXPLICIT_BIG_ENDIAN, Parsed
from photopeak.dicom.pixels import NATIVE, stored_values
from photopeak.dicom.unusable import Unusable

if TYPE_CHECKING:
    import datetime

    from pydicom.dataset import Dataset

    from photopeak.evidence import Subject

DEEPEST = 32
#: how many bytes of a value belong together where the byte order is turned
WIDTHS = {"US": 2, "SS": 2, "OW": 2, "AT": 2, "UL": 4, "SL": 4, "FL": 4, "OL": 4, "OF": 4, "FD": 8, "OD": 8, "SV": 8, "UV": 8}
#: what a name, number or description holds when it speaks of a test object and not of a person
PHANTOM_WORDS = (
    "PHANTOM", "PHANTOME", "QC", "QA", "TEST", "FLOOD", "UNIFORM", "NEMA", "JASZCZAK", "IEC", "COR", "DAILY", "WEEKLY", "BAR",
    "LINE", "POINT", "CYLINDER", "ANON", "DEMO", "CALIB", "NORMALI", "SOURCE", "DOSE", "HOFFMAN", "ACR", "ESSER", "CO57", "CO-57",
    "TC99", "RESOLUTION", "LINEARITY", "SENSITIVITY", "模体", "体模", "质控", "校准", "均匀", "测试",
)  # fmt: skip


class Named(Exception):
    """The file may name a patient. Says which kind of element, never its value."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Identity:
    """What intake needs to know of one DICOM file."""

    __slots__ = ("acquired", "content", "instance_uid", "series_uid", "study_uid", "subject")

    def __init__(self, parsed: Parsed) -> None:
        header = parsed.dataset
        self.instance_uid = _uid(header, "SOPInstanceUID")
        self.study_uid = _uid(header, "StudyInstanceUID")
        self.series_uid = text(header, "SeriesInstanceUID")[:80]
        self.subject: Subject = subject_of(header)
        self.acquired: datetime.datetime | None = acquired_of(header)
        self.content = content_hash(parsed)


def _uid(header: Dataset, keyword: str) -> str:
    found = text(header, keyword)
    if not 0 < len(found) <= 64 or not set(found) <= set("0123456789."):
        raise Unusable("not_dicom")
    return found


def refuse_patients(header: Dataset) -> None:
    """Raise Named where a header may speak of a person."""
    said = " ".join(text(header, keyword) for keyword in ("PatientName", "PatientID")).upper()
    described = " ".join(text(header, k) for k in ("StudyDescription", "SeriesDescription", "ProtocolName")).upper()
    name = text(header, "PatientName").replace("^", " ").strip()
    if text(header, "BurnedInAnnotation").upper() == "YES":
        raise Named("burned_in_annotation")
    if any(word in said for word in PHANTOM_WORDS):
        return
    if name and not any(word in described for word in PHANTOM_WORDS[:8]):
        raise Named("patient_name")
    if text(header, "PatientBirthDate") and not name:
        raise Named("birth_date")


def content_hash(parsed: Parsed) -> str:
    """The sha256 of the canonical content."""
    digest = hashlib.sha256()
    _add(parsed.dataset, parsed.transfer_syntax == EXPLICIT_BIG_ENDIAN, digest, 0)
    if parsed.pixels:
        digest.update(b"pixels")
        digest.update(_pixels(parsed))
    return digest.hexdigest()


def _pixels(parsed: Parsed) -> bytes:
    try:
        values = stored_values(parsed)
    except Unusable:
        if parsed.transfer_syntax not in NATIVE:
            return parsed.pixels
        raise
    return np.ascontiguousarray(values).astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def _add(dataset: Dataset, big: bool, digest: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise Unusable("nested_too_deep")
    for tag in sorted(dataset.keys()):
        if tag >> 16 == 2 or (tag >> 16) & 1 or tag & 0xFFFF == 0 or tag >> 16 == 0xFFFC:
            continue
        element = dataset[tag]
        digest.update(b"%08x" % tag)
        if element.VR == "SQ":
            for item in element.value:
                digest.update(b"item")
                _add(item, big, digest, depth + 1)
        elif isinstance(element.value, bytes):
            digest.update(_in_order(element.value, str(element.VR), big).rstrip(b" \0"))
        else:
            digest.update(str("" if element.value is None else element.value).strip(" \0").encode("utf-8", "replace"))


def _in_order(value: bytes, vr: str, big: bool) -> bytes:
    width = WIDTHS.get(vr.split(" ")[0], 1)
    if not big or width == 1 or len(value) % width:
        return value
    return np.frombuffer(value, f">u{width}").astype(f"<u{width}").tobytes()
