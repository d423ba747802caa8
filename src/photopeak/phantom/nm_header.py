"""The NM part of a written phantom's header: energy windows, detectors, and which frame shows what (PS3.3 C.8.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from photopeak.evidence import Frame

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


def describe_frames(
    dataset: Dataset,
    frames: Sequence[Frame],
    *,
    image_type: str = "STATIC",
    field_of_view_mm: tuple[float, float] | None = None,
    windows_kev: Sequence[tuple[float, float]] = ((126.5, 154.6),),
    nuclide: str = "^99m^Technetium",
    duration_s: float = 300.0,
) -> None:
    """Say of each frame its detector, energy window, and what `image_type` adds; `field_of_view_mm` is (rows, columns)."""
    dataset.PatientOrientationCodeSequence = dataset.PatientGantryRelationshipCodeSequence = []
    _energy_windows(dataset, frames, windows_kev, nuclide)
    _detectors(dataset, frames, field_of_view_mm)
    if image_type != "RECON TOMO":
        _vectors(dataset, frames, image_type, duration_s)


def _energy_windows(
    dataset: Dataset, frames: Sequence[Frame], windows_kev: Sequence[tuple[float, float]], nuclide: str
) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    number = max(frame.energy_window for frame in frames)
    items = []
    for index in range(number):
        lower, upper = windows_kev[min(index, len(windows_kev) - 1)]
        limits = Dataset()
        limits.EnergyWindowLowerLimit, limits.EnergyWindowUpperLimit = decimal(lower), decimal(upper)
        item = Dataset()
        item.EnergyWindowRangeSequence = Items([limits])
        item.EnergyWindowName = f"window {index + 1}"
        items.append(item)
    dataset.NumberOfEnergyWindows = number
    dataset.EnergyWindowInformationSequence = Items(items)
    radiopharmaceutical = Dataset()
    radiopharmaceutical.RadionuclideCodeSequence = Items([code("C-163A8" if "99m" in nuclide else "", "SRT", nuclide)])
    dataset.RadiopharmaceuticalInformationSequence = Items([radiopharmaceutical])


def code(value: str, scheme: str, meaning: str) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value or "PHANTOM", scheme if value else "99PPK", meaning
    return item


def _detectors(dataset: Dataset, frames: Sequence[Frame], field_of_view_mm: tuple[float, float] | None) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    items = []
    for number in range(1, max(frame.detector for frame in frames) + 1):
        item = Dataset()
        item.CollimatorGridName = "NONE"
        item.CollimatorType = "NONE"
        item.FocalDistance = 0
        item.ZoomFactor = [1, 1]
        item.ImagePositionPatient = item.ImageOrientationPatient = None
        first = next((frame for frame in frames if frame.detector == number and frame.angle_deg is not None), None)
        if first is not None and first.angle_deg is not None:
            item.StartAngle = decimal(first.angle_deg)
        if field_of_view_mm is not None:
            rows_mm, columns_mm = field_of_view_mm
            item.FieldOfViewShape = "RECTANGLE"
            # As cameras write it: along the columns first.
            item.FieldOfViewDimensions = [round(columns_mm), round(rows_mm)]
        items.append(item)
    dataset.NumberOfDetectors = len(items)
    dataset.DetectorInformationSequence = Items(items)


#: which vectors index the frames of each kind of image (DICOM PS3.3 C.8.4.8.1.1), as (tag, field of Frame, keyword)
VECTORS = {
    "energy_window": (0x00540010, "EnergyWindowVector"),
    "detector": (0x00540020, "DetectorVector"),
    "phase": (0x00540030, "PhaseVector"),
    "rotation": (0x00540050, "RotationVector"),
    "rr": (0x00540060, "RRIntervalVector"),
    "time_slot": (0x00540070, "TimeSlotVector"),
    "view": (0x00540090, "AngularViewVector"),
    "slot": (0x00540100, "TimeSliceVector"),
}


def _vectors(dataset: Dataset, frames: Sequence[Frame], image_type: str, duration_s: float) -> None:
    names = {
        "DYNAMIC": ("energy_window", "detector", "phase", "slot"),
        "GATED": ("energy_window", "detector", "rr", "time_slot"),
        "TOMO": ("energy_window", "detector", "rotation", "view"),
        "GATED TOMO": ("energy_window", "detector", "rotation", "rr", "time_slot", "view"),
    }.get(image_type, ("energy_window", "detector"))
    dataset.FrameIncrementPointer = [VECTORS[name][0] for name in names]
    for name in names:
        field = {"slot": "time_slot", "rr": ""}.get(name, name)
        setattr(dataset, VECTORS[name][1], [getattr(frame, field, None) or 1 for frame in frames])
    if "rotation" in names:
        _rotations(dataset, frames, duration_s)
    if "slot" in names:
        _phases(dataset, frames, duration_s)
    if "time_slot" in names:
        _gates(dataset, frames)


def _rotations(dataset: Dataset, frames: Sequence[Frame], duration_s: float) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    items = []
    for number in range(1, max(frame.rotation or 1 for frame in frames) + 1):
        mine = [frame for frame in frames if (frame.rotation or 1) == number and frame.angle_deg is not None]
        by_view = sorted({(frame.view or 1, frame.angle_deg or 0.0) for frame in mine if frame.detector == mine[0].detector})
        views = len(by_view)
        step = (by_view[1][1] - by_view[0][1] + 180) % 360 - 180 if views > 1 else 0.0
        item = Dataset()
        item.StartAngle = decimal(by_view[0][1] if by_view else 0.0)
        item.AngularStep = decimal(abs(step))
        # PS3.3 C.8.4.12: counter-clockwise is the increasing angle.
        item.RotationDirection = "CC" if step >= 0 else "CW"
        item.ScanArc = decimal(abs(step) * views)
        item.ActualFrameDuration = round(1000 * ((mine[0].duration_s if mine else None) or duration_s))
        item.NumberOfFramesInRotation = views
        item.RadialPosition = 150
        items.append(item)
    dataset.NumberOfRotations = len(items)
    dataset.RotationInformationSequence = Items(items)


def _phases(dataset: Dataset, frames: Sequence[Frame], duration_s: float) -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence as Items

    items = []
    for number in range(1, max(frame.phase or 1 for frame in frames) + 1):
        mine = [frame for frame in frames if (frame.phase or 1) == number]
        item = Dataset()
        item.PhaseDelay = item.PauseBetweenFrames = 0
        item.ActualFrameDuration = round(1000 * ((mine[0].duration_s if mine else None) or duration_s))
        item.NumberOfFramesInPhase = len({frame.time_slot for frame in mine})
        items.append(item)
    dataset.NumberOfPhases = len(items)
    dataset.PhaseInformationSequence = Items(items)


def _gates(dataset: Dataset, frames: Sequence[Frame]) -> None:
    dataset.NumberOfRRIntervals = 1
    dataset.NumberOfTimeSlots = max(frame.time_slot or 1 for frame in frames)


def decimal(value: float) -> str:
    """`value` as a DICOM decimal string: sixteen characters at most."""
    from pydicom.valuerep import format_number_as_ds

    return str(format_number_as_ds(float(value)))
