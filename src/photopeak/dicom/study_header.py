"""What a study's headers state of the administration: tracer, activity, times, weight and height, to be held against its report.

`accession` and `patient_id` serve to find the report of the study and go no further than the call that compares the two.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EMITTING = ("PT", "NM")
#: what the comparison knows, as plain text
STATED = ("activity_mbq", "weight_kg", "height_cm", "study_tracer", "study_nuclide", "injected_at", "scanned_at")


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyHeader:
    """One study. `stated`: values under the names of STATED; `date` as YYYY-MM-DD, "" where the header has none."""

    study_uid: str
    accession: str
    patient_id: str
    date: str
    stated: Mapping[str, str] = field(default_factory=dict)


def study_headers(paths: Iterable[Path]) -> list[StudyHeader]:
    """The studies among these files and folders that state a radiopharmaceutical, the earliest series of each. Pixels are not decoded.

    Files that are no DICOM or cannot be read are passed over: they have no header to compare.
    """
    from photopeak.dicom.parse import looks_like_dicom
    from photopeak.dicom.sources import sources

    found: dict[str, StudyHeader] = {}
    for source in sources(paths):
        try:
            data = source.read()
            one = _of(data) if isinstance(data, bytes) and looks_like_dicom(data) else None
        except Exception:
            continue
        if one and (
            one.study_uid not in found or one.stated.get("scanned_at", "~") < found[one.study_uid].stated.get("scanned_at", "~")
        ):
            found[one.study_uid] = one
    return [found[uid] for uid in sorted(found)]


def _of(data: bytes) -> StudyHeader | None:
    from photopeak.dicom.header import named_values, text
    from photopeak.dicom.parse import parse

    header = parse(data).dataset
    values = named_values(header)
    if values.get("modality") not in EMITTING:
        return None
    stated = stated_by(values)
    if not stated.keys() & {"activity_mbq", "study_tracer", "study_nuclide"}:
        return None
    return StudyHeader(
        study_uid=str(values.get("study_uid", "")), accession=text(header, "AccessionNumber"), patient_id=text(header, "PatientID"),
        date=str(values.get("study_time", ""))[:10], stated=stated,
    )  # fmt: skip


def stated_by(values: Mapping[str, Any]) -> dict[str, str]:
    """The values of STATED from a header read by name (`named_values`, or the header of evidence); times of day as HH:MM."""
    found: dict[str, str] = {}
    for name, source, factor in (
        ("activity_mbq", "total_dose_bq", 1e-6),
        ("weight_kg", "weight_kg", 1.0),
        ("height_cm", "height_m", 100.0),
    ):
        value = values.get(source)
        if isinstance(value, (int, float)) and value > 0:
            found[name] = (
                f"{value * factor * (1e6 if source == 'total_dose_bq' and value < 1e4 else 1.0):.6g}"  # some write MBq
            )
    for name, source in (("study_tracer", "radiopharmaceutical"), ("study_nuclide", "nuclide")):
        if values.get(source):
            found[name] = str(values[source])
    for name, sources_ in (
        ("injected_at", ("injection_datetime", "injection_time")),
        ("scanned_at", ("series_time", "acquisition_time")),
    ):
        moment = next((str(values[one]) for one in sources_ if values.get(one)), "")
        if clock := _clock(moment):
            found[name] = clock
    return found


def _clock(moment: str) -> str:
    """The time of day in ISO 8601 text, as HH:MM; "" where there is none."""
    try:
        time = datetime.datetime.fromisoformat(moment).time() if "T" in moment else datetime.time.fromisoformat(moment)
    except ValueError:
        return ""
    return f"{time.hour:02d}:{time.minute:02d}"
