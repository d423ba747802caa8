"""What each frame of a gamma-camera object shows: detector, energy window, rotation, phase, time, view, angle, duration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from photopeak.dicom.header import integer, items, number, numbers, text
from photopeak.dicom.remarks import Noticed, noticed
from photopeak.evidence import FieldOfView, Frame

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

VECTORS = {
    "energy_window": "EnergyWindowVector",
    "detector": "DetectorVector",
    "rotation": "RotationVector",
    "phase": "PhaseVector",
    "slot": "TimeSlotVector",
    "slice": "TimeSliceVector",
    "view": "AngularViewVector",
}


def frames_of(header: Dataset, number_of_frames: int) -> tuple[tuple[Frame, ...], list[Noticed]]:
    """The frames in their order in the object, and what had to be assumed.

    `time_slot` is the gate of a gated image and the time slice of a dynamic one.
    """
    remarks: list[Noticed] = []
    vectors = {name: _vector(header, keyword, number_of_frames, remarks) for name, keyword in VECTORS.items()}
    if number_of_frames > 1 and vectors["detector"] is None and vectors["energy_window"] is None:
        vectors |= _standard_order(header, number_of_frames, remarks)
    tomographic = bool(items(header, "RotationInformationSequence"))
    frames = []
    for index in range(number_of_frames):
        own = {name: vector[index] for name, vector in vectors.items() if vector is not None}
        frames.append(
            Frame(
                detector=own.get("detector", 1),
                energy_window=own.get("energy_window", 1),
                rotation=own.get("rotation", 1 if tomographic else None),
                phase=own.get("phase"),
                time_slot=own.get("slot", own.get("slice")),
                view=own.get("view"),
            )
        )
    if tomographic and vectors["view"] is None:
        frames = number_views(frames)
    frames = [replace(frame, duration_s=_duration_s(header, frame)) for frame in frames]
    if tomographic:
        frames = _with_angles(header, frames, remarks)
    return tuple(frames), remarks


def _vector(header: Dataset, keyword: str, length: int, remarks: list[Noticed]) -> list[int] | None:
    found = numbers(header, keyword)
    if not found:
        return None
    if len(found) != length or any(value != int(value) or not 0 < value < 65_536 for value in found):
        remarks.append(noticed("frame_vector_ignored", vector=keyword))
        return None
    return [int(value) for value in found]


def _standard_order(header: Dataset, length: int, remarks: list[Noticed]) -> dict[str, list[int] | None]:
    """Energy windows outside, detectors inside, the rest of the frames within: the order of PS3.3 C.8.4.8."""
    windows, detectors = integer(header, "NumberOfEnergyWindows") or 1, integer(header, "NumberOfDetectors") or 1
    if windows < 1 or detectors < 1 or windows * detectors == 1 or length % (windows * detectors):
        return {}
    within = length // (windows * detectors)
    remarks.append(noticed("frames_assumed"))
    return {
        "energy_window": [1 + index // (detectors * within) for index in range(length)],
        "detector": [1 + index // within % detectors for index in range(length)],
    }


def number_views(frames: Sequence[Frame]) -> list[Frame]:
    """Views counted from 1 within each detector, energy window, rotation, phase and time slot, in the order they stand."""
    counted: dict[Frame, int] = {}
    numbered = []
    for frame in frames:
        place = replace(frame, view=None, angle_deg=None, duration_s=None)
        counted[place] = counted.get(place, 0) + 1
        numbered.append(replace(frame, view=counted[place]))
    return numbered


def _duration_s(header: Dataset, frame: Frame) -> float | None:
    """Actual Frame Duration, of the rotation or phase where it is given there."""
    found: float | None = None
    for sequence, index in (("RotationInformationSequence", frame.rotation), ("PhaseInformationSequence", frame.phase)):
        described = items(header, sequence)
        if index is not None and index <= len(described):
            found = found or number(described[index - 1], "ActualFrameDuration")
    found = found or number(header, "ActualFrameDuration")
    return found / 1000 if found is not None and found > 0 else None


def _with_angles(header: Dataset, frames: Sequence[Frame], remarks: list[Noticed]) -> list[Frame]:
    """Angles in degrees, 0 to 360, counter-clockwise from the patient's back seen from the feet (PS3.3 C.8.4.12).

    A rotation starts where its own item says; detectors that turn together are apart by the difference of their start angles.
    """
    rotations = items(header, "RotationInformationSequence")
    starts = [number(item, "StartAngle") for item in items(header, "DetectorInformationSequence")]
    seen: dict[int | None, set[int]] = {}
    for frame in frames:
        seen.setdefault(frame.rotation, set()).add(frame.detector)
    # One frame a file shows one detector only: then the header's lists tell whether detectors share a rotation.
    together = any(len(detectors) > 1 for detectors in seen.values()) or (len(frames) == 1 and len(starts) > len(rotations))
    first = starts[0] if starts else None
    apart = {}
    if together and first is not None and all(frame.detector <= len(starts) for frame in frames) and None not in starts:
        apart = {detector: (start or 0.0) - first for detector, start in enumerate(starts, start=1)}
    elif together:
        remarks.append(noticed("detector_angles_missing"))
    found = []
    for frame in frames:
        rotation = frame.rotation or 1
        item = rotations[rotation - 1] if rotation <= len(rotations) else None
        start = number(item, "StartAngle") if item is not None else None
        step = number(item, "AngularStep") if item is not None else None
        if start is None or step is None or frame.view is None:
            found.append(frame)
            continue
        turn = -1.0 if item is not None and text(item, "RotationDirection") == "CW" else 1.0
        angle = (start + apart.get(frame.detector, 0.0) + turn * abs(step) * (frame.view - 1)) % 360
        found.append(replace(frame, angle_deg=angle))
    return found


def fields_of_view(header: Dataset) -> dict[int, FieldOfView]:
    """By detector, as the header states it. Cameras write a rectangle's extent along the columns first."""
    found = {}
    for detector, item in enumerate(items(header, "DetectorInformationSequence"), start=1):
        shape, extent = text(item, "FieldOfViewShape").upper(), numbers(item, "FieldOfViewDimensions")
        zoom = number(item, "ZoomFactor") or number(header, "ZoomFactor") or 1.0
        if shape not in ("RECTANGLE", "ROUND", "HEXAGONAL") or len(extent) not in (1, 2):
            continue
        if any(not 10 <= mm <= 3000 for mm in extent) or not 0.01 <= zoom <= 100:
            continue
        found[detector] = FieldOfView(shape=shape, dimensions_mm=(extent[-1], extent[0]), zoom=zoom)
    return found


def energy_windows(header: Dataset) -> dict[int, str]:
    """By energy window, for example "126.5-154.6 keV"; several ranges are joined by a comma."""
    found = {}
    for window, item in enumerate(items(header, "EnergyWindowInformationSequence"), start=1):
        ranges = []
        for limits in items(item, "EnergyWindowRangeSequence"):
            lower, upper = number(limits, "EnergyWindowLowerLimit"), number(limits, "EnergyWindowUpperLimit")
            if lower is not None and upper is not None and 0 <= lower < upper < 10_000:
                ranges.append(f"{lower:.1f}-{upper:.1f}")
        if ranges:
            found[window] = f"{', '.join(ranges)} keV"
    return found


def collimators(header: Dataset) -> tuple[str, ...]:
    """The collimator of each detector, as the header names it."""
    return tuple(text(item, "CollimatorGridName") for item in items(header, "DetectorInformationSequence"))
