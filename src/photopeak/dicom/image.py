"""One DICOM file after reading: its light header, its stored pixel values, and the device and moment they come from."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from photopeak.dicom.header import first_item, integer, moment, number, numbers, text, texts
from photopeak.dicom.pixels import stored_values
from photopeak.dicom.remarks import Noticed, noticed
from photopeak.dicom.unusable import Unusable
from photopeak.evidence import EvidenceFile, Subject

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

    from photopeak.dicom.parse import Parsed

#: names that Siemens gives to a whole family of cameras; the model stands inside the software versions
FAMILY_NAMES = ("encore2", "ip1", "ip2")
#: storage classes of images whose header leaves the modality out
MODALITIES = {
    "1.2.840.10008.5.1.4.1.1.20": "NM",
    "1.2.840.10008.5.1.4.1.1.128": "PT",
    "1.2.840.10008.5.1.4.1.1.128.1": "PT",
    "1.2.840.10008.5.1.4.1.1.130": "PT",
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.2.1": "CT",
}
#: anonymisers write the year 1 or 1900 where they remove a date
EARLIEST = datetime.datetime(1950, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One file: `values[frame, row, column]` as stored, before rescaling; `header` is the dataset without its pixels."""

    file: EvidenceFile
    header: Dataset
    values: npt.NDArray[Any]
    modality: str

    @property
    def series_uid(self) -> str:
        return text(self.header, "SeriesInstanceUID")

    @property
    def instance_uid(self) -> str:
        return text(self.header, "SOPInstanceUID")

    @property
    def instance_number(self) -> int | None:
        return integer(self.header, "InstanceNumber")

    @property
    def pixel_mm(self) -> tuple[float, float] | None:
        return plausible_spacing(numbers(self.header, "PixelSpacing"))

    def same_content_as(self, other: Image) -> bool:
        """Whether the image is the same, however it was encoded or forwarded."""
        keywords = (
            "PixelSpacing",
            "RescaleSlope",
            "RescaleIntercept",
            "ImagePositionPatient",
            "ImageOrientationPatient",
            "Units",
        )
        return np.array_equal(self.values, other.values) and all(
            texts(self.header, keyword) == texts(other.header, keyword) for keyword in keywords
        )


def image_of(parsed: Parsed, file: EvidenceFile) -> Image | None:
    """The image in one parsed file, or None for a DICOMDIR. Raises Unusable for whatever holds no grey-scale image."""
    header = parsed.dataset
    modality = text(header, "Modality") or MODALITIES.get(text(header, "SOPClassUID"), "")
    if modality == "NM" and MODALITIES.get(text(header, "SOPClassUID")) == "PT":
        modality = "PT"  # SPECT in Bq/mL, stored as PET: its units and times are read as those of PET
    if "DirectoryRecordSequence" in header:
        return None
    if not modality and not text(header, "SOPClassUID") and integer(header, "Rows") is None:
        raise Unusable("not_dicom")
    if modality not in ("NM", "PT", "CT"):
        known = modality.isascii() and modality.isupper() and len(modality) <= 16
        raise Unusable("wrong_modality", found=modality if known else "?")
    return Image(file=file, header=header, values=stored_values(parsed), modality=modality)


def plausible_spacing(spacing: tuple[float, ...]) -> tuple[float, float] | None:
    """Pixel Spacing as (rows, columns) in mm, or None where it is absent or impossible."""
    if len(spacing) != 2 or not all(0.01 <= mm <= 100 for mm in spacing):
        return None
    return spacing[0], spacing[1]


def evidence_hash(files: Iterable[EvidenceFile]) -> str:
    """One file: its own sha256. Several: the sha256 over their sorted hashes."""
    hashes = sorted(file.sha256 for file in files)
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def subject_of(header: Dataset) -> Subject:
    """The device, as its header names it; the real model where a family name stands in the model's place."""
    versions = texts(header, "SoftwareVersions")
    model = text(header, "ManufacturerModelName")
    if model.lower() in FAMILY_NAMES:
        parts = next((version.split(">") for version in versions if version.count(">") >= 2), None)
        model = parts[1].strip() if parts else model
    return Subject(
        manufacturer=text(header, "Manufacturer") or None,
        model=model or None,
        station=text(header, "StationName") or None,
        serial=text(header, "DeviceSerialNumber") or None,
        software=", ".join(versions) or None,
    )


def acquired_of(header: Dataset) -> datetime.datetime | None:
    """When the image was acquired, local to the hospital; None where no date can be true."""
    for part in ("Acquisition", "Series", "Content", "Study"):
        found = moment(text(header, f"{part}Date"), text(header, f"{part}Time"))
        if found is not None and found >= EARLIEST:
            return found
    written = text(header, "AcquisitionDateTime")
    found = moment(written[:8], written[8:])
    return found if found is not None and found >= EARLIEST else None


def rescale_of(header: Dataset) -> tuple[float, float] | None:
    """(slope, intercept) of one object; None where it has no slope. Raises Unusable for a slope that cannot be."""
    written, intercept = text(header, "RescaleSlope"), text(header, "RescaleIntercept")
    if not written:
        if intercept and number(header, "RescaleIntercept") != 0:
            raise Unusable("bad_rescale")
        return None
    slope = number(header, "RescaleSlope")
    offset = number(header, "RescaleIntercept") if intercept else 0.0
    if slope is None or slope == 0 or offset is None:
        raise Unusable("bad_rescale")
    return slope, offset


def real_world_of(header: Dataset) -> tuple[float, float, str] | None:
    """(slope, intercept, unit) of a linear real world value mapping, or None where there is none."""
    item = first_item(header, "RealWorldValueMappingSequence")
    if item is None:
        return None
    slope, intercept = number(item, "RealWorldValueSlope"), number(item, "RealWorldValueIntercept")
    if slope is None or slope == 0:
        return None
    unit = first_item(item, "MeasurementUnitsCodeSequence")
    return slope, intercept or 0.0, text(unit, "CodeValue") if unit is not None else ""


def rescaled(values: npt.NDArray[Any], slope: float, intercept: float) -> npt.NDArray[Any]:
    """Stored values as measured ones; unchanged, and not copied, where slope and intercept change nothing."""
    if slope == 1 and intercept == 0:
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = (values * slope + intercept).astype(np.float32)
    if not np.isfinite(scaled).all():
        raise Unusable("bad_rescale")
    return scaled


def remarks_of(header: Dataset) -> list[Noticed]:
    """What is worth saying of any image."""
    return [noticed("lossy_compression")] if text(header, "LossyImageCompression") == "01" else []
