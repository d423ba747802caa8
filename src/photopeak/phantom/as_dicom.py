"""Phantoms of known truth written as DICOM that any program reads: planar frames as NM, slices as PT, CT or NM.

Everything is derived from the content: the same numbers, description and seed give the same bytes and the same UIDs.
"""

from __future__ import annotations

import copy
import datetime
import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Frame, Subject
from photopeak.phantom.nm_header import code, decimal, describe_frames

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

NM_STORAGE = "1.2.840.10008.5.1.4.1.1.20"
PT_STORAGE = "1.2.840.10008.5.1.4.1.1.128"
CT_STORAGE = "1.2.840.10008.5.1.4.1.1.2"
EXPLICIT_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"

DEVICE = Subject(manufacturer="Photopeak", model="Phantom", station="PHOTOPEAK", serial="0", software="photopeak phantom")
ACQUIRED = datetime.datetime(2026, 1, 5, 9, 0, 0)
AXIAL = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
F18_HALF_LIFE_S = 6586.2


def write_planar(
    path: Path,
    counts: npt.NDArray[Any],
    *,
    pixel_mm: tuple[float, float],
    detectors: Sequence[int] | None = None,
    energy_windows: Sequence[int] | None = None,
    field_of_view_mm: tuple[float, float] | None = None,
    about: Subject = DEVICE,
    series_description: str = "",
    acquired: datetime.datetime = ACQUIRED,
    seed: int = 0,
    frames: Sequence[Frame] | None = None,
    image_type: str = "STATIC",
    duration_s: float = 300.0,
    windows_kev: Sequence[tuple[float, float]] = ((126.5, 154.6),),
    nuclide: str = "^99m^Technetium",
) -> None:
    """Write `counts[frame, row, column]` (or one frame) to `path` as one NM file.

    Counts are rounded to whole numbers and stored as 16 bits, or 32 bits where one exceeds 65535; they are never scaled.
    `pixel_mm` and `field_of_view_mm` are (rows, columns). `detectors` and `energy_windows` number each frame from 1; `frames`
    says more (rotation, view and angle of a TOMO; phase of a GATED TOMO; time_slot of a DYNAMIC) and then replaces both.
    ValueError: counts that are negative or not finite, or descriptions that do not match the number of frames.
    """
    stored = _whole_counts(counts)
    described = _frames(len(stored), detectors, energy_windows, frames)
    told = (
        pixel_mm,
        described,
        field_of_view_mm,
        about,
        series_description,
        acquired,
        image_type,
        duration_s,
        windows_kev,
        nuclide,
    )
    uid = _Uids(stored.tobytes(), repr((told, stored.shape, seed)))
    dataset = _common(uid, NM_STORAGE, "NM", about, series_description, acquired)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", image_type, "EMISSION"]
    dataset.CountsAccumulated = min(int(stored.sum(dtype=np.uint64)), 2**31 - 1)
    if image_type in ("STATIC", "WHOLE BODY"):  # others say it in the item of each rotation or phase
        dataset.ActualFrameDuration = round(1000 * (described[0].duration_s or duration_s))
    if image_type == "WHOLE BODY":
        length_mm = stored.shape[1] * pixel_mm[0]
        dataset.ScanLength, dataset.ScanVelocity = round(length_mm), decimal(length_mm / duration_s)
    dataset.NumberOfFrames = len(stored)
    _pixels(dataset, stored, pixel_mm)
    describe_frames(
        dataset,
        described,
        image_type=image_type,
        field_of_view_mm=field_of_view_mm,
        windows_kev=windows_kev,
        nuclide=nuclide,
        duration_s=duration_s,
    )
    _save(dataset, path)


def write_volume(
    folder: Path,
    values: npt.NDArray[Any],
    *,
    spacing_mm: tuple[float, float, float],
    modality: str = "PT",
    units: str | None = "BQML",
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    about: Subject = DEVICE,
    series_description: str = "",
    acquired: datetime.datetime = ACQUIRED,
    header: Mapping[str, Any] | None = None,
    seed: int = 0,
    directions: tuple[tuple[float, float, float], ...] = AXIAL,
) -> tuple[Path, ...]:
    """Write `values[slice, row, column]` into `folder` and return the files, in slice order.

    PT: one file a slice with its own slope, `units` as DICOM Units (None leaves the tag out). CT: one file a slice, whole
    Hounsfield units. NM: one reconstructed multi-frame file, whole counts. `spacing_mm` is (slice, row, column), `origin_mm`
    the patient position of voxel (0, 0, 0), the rows of `directions` the unit vectors of increasing slice, row and column.
    `header` replaces what is written by default: names as the reader gives them (`weight_kg`, `total_dose_bq`, `half_life_s`,
    `decay_correction` ...) or DICOM keywords; None leaves the tag out. ValueError: an unknown name or modality, values that
    do not fit.
    """
    volume = np.asarray(values, dtype=np.float64)
    if volume.ndim != 3 or not volume.size or not np.isfinite(volume).all():
        raise ValueError("a volume is a non-empty array[slice, row, column] of finite numbers")
    folder.mkdir(parents=True, exist_ok=True)
    told = (
        spacing_mm,
        modality,
        units,
        origin_mm,
        about,
        series_description,
        acquired,
        sorted((header or {}).items()),
        directions,
    )
    uid = _Uids(volume.tobytes(), repr((told, volume.shape, seed)))
    base = _common(uid, _storage(modality), modality, about, series_description, acquired)
    base.FrameOfReferenceUID = uid.of("frame of reference")
    base.PositionReferenceIndicator = ""
    if modality == "NM":
        return (_write_reconstruction(folder / "nm.dcm", base, volume, spacing_mm, origin_mm, directions, header),)
    if modality == "PT":
        _pet(base, len(volume), units, acquired)
    width = max(4, len(str(len(volume))))
    written = []
    for index, plane in enumerate(volume):
        dataset = _slice_of(base, uid, index, plane, spacing_mm, origin_mm, directions)
        _replace_header(dataset, header)
        path = folder / f"{modality.lower()}_{index + 1:0{width}d}.dcm"
        _save(dataset, path)
        written.append(path)
    return tuple(written)


class _Uids:
    """UIDs of one object, a pure function of its content (2.25. form)."""

    def __init__(self, content: bytes, description: str) -> None:
        self._digest = hashlib.sha256(content + description.encode()).digest()

    def of(self, part: str) -> str:
        number = int.from_bytes(hashlib.sha256(self._digest + part.encode()).digest()[:16], "big")
        return f"2.25.{number}"


def _storage(modality: str) -> str:
    try:
        return {"NM": NM_STORAGE, "PT": PT_STORAGE, "CT": CT_STORAGE}[modality]
    except KeyError:
        raise ValueError(f"modality {modality!r} cannot be written; known: NM, PT, CT") from None


def _whole_counts(counts: npt.NDArray[Any]) -> npt.NDArray[Any]:
    array = np.asarray(counts)
    if array.ndim == 2:
        array = array[np.newaxis]
    if array.ndim != 3 or not array.size:
        raise ValueError(f"counts[frame, row, column] expected, found shape {np.shape(counts)}")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise ValueError("counts must be finite")
        array = np.rint(array)
    if array.min() < 0:
        raise ValueError("counts must not be negative")
    largest = float(array.max())
    if largest > 2**32 - 1:
        raise ValueError(f"{largest:g} counts in one pixel cannot be stored; counts are never scaled")
    return np.ascontiguousarray(array, dtype=np.uint16 if largest <= 65535 else np.uint32)


def _frames(
    number: int,
    detectors: Sequence[int] | None,
    energy_windows: Sequence[int] | None,
    frames: Sequence[Frame] | None,
) -> tuple[Frame, ...]:
    if frames is None:
        detectors = detectors or [1] * number
        energy_windows = energy_windows or [1] * number
        if len(detectors) != number or len(energy_windows) != number:
            raise ValueError(f"{number} frames need {number} detector numbers and energy window numbers")
        frames = [Frame(detector=d, energy_window=w) for d, w in zip(detectors, energy_windows)]
    if len(frames) != number:
        raise ValueError(f"{number} frames are described by {len(frames)}")
    return tuple(frames)


def _common(
    uid: _Uids, storage: str, modality: str, about: Subject, series_description: str, acquired: datetime.datetime
) -> Dataset:
    from pydicom.dataset import Dataset

    date, time = acquired.strftime("%Y%m%d"), acquired.strftime("%H%M%S.%f")
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = storage
    dataset.SOPInstanceUID = uid.of("instance")
    dataset.StudyInstanceUID = uid.of("study")
    dataset.SeriesInstanceUID = uid.of("series")
    for part in ("Study", "Series", "Acquisition", "Content"):
        setattr(dataset, f"{part}Date", date)
        setattr(dataset, f"{part}Time", time)
    dataset.AccessionNumber = dataset.ReferringPhysicianName = ""
    dataset.Modality = modality
    dataset.Manufacturer = about.manufacturer or ""
    dataset.ManufacturerModelName = about.model or ""
    dataset.StationName = about.station or ""
    dataset.DeviceSerialNumber = about.serial or ""
    dataset.SoftwareVersions = about.software or ""
    dataset.SeriesDescription = series_description
    dataset.PatientName = "PHANTOM^PHOTOPEAK"
    dataset.PatientID = "PHANTOM"
    dataset.PatientBirthDate = ""
    dataset.PatientSex = "O"
    dataset.StudyID = "1"
    dataset.SeriesNumber = dataset.InstanceNumber = 1
    dataset.PatientOrientation = dataset.Laterality = ""
    return dataset


def _pixels(dataset: Dataset, stored: npt.NDArray[Any], pixel_mm: tuple[float, float]) -> None:
    bits = 8 * stored.dtype.itemsize
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = stored.shape[-2:]
    dataset.PixelSpacing = [decimal(mm) for mm in pixel_mm]
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit = bits - 1
    dataset.PixelRepresentation = int(stored.dtype.kind == "i")
    raw = stored.astype(stored.dtype.newbyteorder("<"), copy=False).tobytes()
    dataset.add_new(0x7FE00010, "OW", raw + b"\0" * (len(raw) % 2))


def _pet(dataset: Dataset, slices: int, units: str | None, acquired: datetime.datetime) -> None:
    """A whole-body-like FDG acquisition: 300 s, injected an hour before, decay corrected to the start."""
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    duration_s, injected = 300.0, acquired - datetime.timedelta(hours=1)
    decay = math.log(2) / F18_HALF_LIFE_S * duration_s
    loss = decay / -math.expm1(-decay)
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SeriesType = ["STATIC", "IMAGE"]
    if units is not None:
        dataset.Units = units
    dataset.CountsSource = "EMISSION"
    dataset.CorrectedImage = ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"]
    dataset.DecayCorrection = "START"
    dataset.AttenuationCorrectionMethod = "exact"
    dataset.ReconstructionMethod = "PHANTOM"
    dataset.CollimatorType = "NONE"
    dataset.NumberOfSlices = slices
    dataset.ActualFrameDuration = round(1000 * duration_s)
    dataset.FrameReferenceTime = decimal(1000 * math.log(loss) / decay * duration_s)
    dataset.DecayFactor = decimal(loss)
    dataset.PatientWeight, dataset.PatientSize = 70, decimal(1.75)
    item = Dataset()
    item.Radiopharmaceutical = "FDG"
    item.RadiopharmaceuticalStartTime = injected.strftime("%H%M%S.%f")
    item.RadiopharmaceuticalStartDateTime = injected.strftime("%Y%m%d%H%M%S.%f")
    item.RadionuclideTotalDose = 350_000_000
    item.RadionuclideHalfLife = decimal(F18_HALF_LIFE_S)
    item.RadionuclidePositronFraction = decimal(0.967)
    item.RadionuclideCodeSequence = Items([code("C-111A1", "SRT", "^18^Fluorine")])
    item.RadiopharmaceuticalCodeSequence = Items([code("C-B1031", "SRT", "Fluorodeoxyglucose F^18^")])
    dataset.RadiopharmaceuticalInformationSequence = Items([item])
    dataset.PatientOrientationCodeSequence = Items([code("F-10450", "SRT", "recumbent")])
    dataset.PatientGantryRelationshipCodeSequence = Items([code("F-10470", "SRT", "headfirst")])


def _slice_of(
    base: Dataset,
    uid: _Uids,
    index: int,
    plane: npt.NDArray[np.float64],
    spacing_mm: tuple[float, float, float],
    origin_mm: tuple[float, float, float],
    directions: tuple[tuple[float, float, float], ...],
) -> Dataset:
    from pydicom.dataset import Dataset

    dataset = Dataset()
    dataset.update(base)
    if "RadiopharmaceuticalInformationSequence" in base:  # `header` may change it: no two files share it
        dataset.RadiopharmaceuticalInformationSequence = copy.deepcopy(base.RadiopharmaceuticalInformationSequence)
    dataset.SOPInstanceUID = uid.of(f"instance {index}")
    dataset.InstanceNumber = index + 1
    dataset.SliceThickness = decimal(spacing_mm[0])
    dataset.ImageOrientationPatient = [decimal(x) for x in (*directions[2], *directions[1])]
    position = np.asarray(origin_mm) + index * spacing_mm[0] * np.asarray(directions[0])
    dataset.ImagePositionPatient = [decimal(x) for x in position]
    dataset.SliceLocation = decimal(position[2])
    if dataset.Modality == "CT":
        _hounsfield(dataset, plane, spacing_mm[1:])
    else:
        dataset.ImageIndex = index + 1
        _own_slope(dataset, plane, spacing_mm[1:])
    return dataset


def _own_slope(dataset: Dataset, plane: npt.NDArray[np.float64], pixel_mm: tuple[float, float]) -> None:
    signed = bool(plane.min() < 0)
    largest = 32767 if signed else 65535
    slope = float(decimal(float(np.abs(plane).max()) / largest)) or 1.0
    if np.abs(plane).max() > slope * largest:  # the sixteen characters of a DS rounded the slope down
        slope = float(decimal(slope * (1 + 1e-9)))
    stored = np.clip(np.rint(plane / slope), -largest, largest).astype(np.int16 if signed else np.uint16)
    _pixels(dataset, stored, pixel_mm)
    dataset.RescaleSlope, dataset.RescaleIntercept = decimal(slope), 0


def _hounsfield(dataset: Dataset, plane: npt.NDArray[np.float64], pixel_mm: tuple[float, float]) -> None:
    if plane.min() < -1024 or plane.max() > 64511:
        raise ValueError("Hounsfield units between -1024 and 64511 can be written")
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.PatientPosition = "HFS"
    dataset.KVP = 120
    dataset.AcquisitionNumber = 1
    _pixels(dataset, np.rint(plane + 1024).astype(np.uint16), pixel_mm)
    dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = 1, -1024, "HU"


def _write_reconstruction(
    path: Path,
    dataset: Dataset,
    volume: npt.NDArray[np.float64],
    spacing_mm: tuple[float, float, float],
    origin_mm: tuple[float, float, float],
    directions: tuple[tuple[float, float, float], ...],
    header: Mapping[str, Any] | None,
) -> Path:
    stored = _whole_counts(volume)
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    dataset.NumberOfFrames = dataset.NumberOfSlices = len(stored)
    dataset.CountsAccumulated = min(int(stored.sum(dtype=np.uint64)), 2**31 - 1)
    dataset.NumberOfRotations, dataset.RotationInformationSequence = 1, []
    _pixels(dataset, stored, spacing_mm[1:])
    describe_frames(dataset, [Frame() for _ in stored], image_type="RECON TOMO")
    detector = dataset.DetectorInformationSequence[0]
    detector.ImageOrientationPatient = [decimal(x) for x in (*directions[2], *directions[1])]
    detector.ImagePositionPatient = [decimal(x) for x in origin_mm]
    dataset.FrameIncrementPointer = [0x00540080]
    dataset.SliceVector = list(range(1, len(stored) + 1))
    dataset.SliceThickness = decimal(spacing_mm[0])
    # Slices follow row x column; where they run against it the spacing is negative, as cameras write it.
    normal = np.cross(directions[2], directions[1])
    sign = 1.0 if float(np.dot(normal, directions[0])) >= 0 else -1.0
    dataset.SpacingBetweenSlices = decimal(sign * spacing_mm[0])
    _replace_header(dataset, header)
    _save(dataset, path)
    return path


def _replace_header(dataset: Dataset, header: Mapping[str, Any] | None) -> None:
    from photopeak.dicom.header import write_named

    for name, value in (header or {}).items():
        write_named(dataset, name, value)


def _save(dataset: Dataset, path: Path) -> None:
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import UID

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(EXPLICIT_LITTLE_ENDIAN)
    meta.ImplementationClassUID = UID(_Uids(b"photopeak", "implementation").of("class"))
    meta.ImplementationVersionName = "PHOTOPEAK"
    dataset.file_meta = meta
    path.parent.mkdir(parents=True, exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)
