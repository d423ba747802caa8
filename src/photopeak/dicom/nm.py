"""Gamma-camera objects: planar frames, whether in one object or one a file, and reconstructions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from photopeak.dicom.frames import collimators, energy_windows, fields_of_view, frames_of, number_views
from photopeak.dicom.geometry import AXIAL, directions_of
from photopeak.dicom.header import first_item, named_values, number, numbers, text, texts
from photopeak.dicom.image import (
    Image,
    acquired_of,
    evidence_hash,
    real_world_of,
    remarks_of,
    rescale_of,
    rescaled,
    subject_of,
)
from photopeak.dicom.remarks import Noticed, noticed
from photopeak.dicom.series import Slice, slice_of
from photopeak.dicom.unusable import Unusable
from photopeak.evidence import Evidence, FieldOfView, Frame, PlanarImages, Volume

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Described = TypeVar("Described")

#: kinds of image whose frames follow each other, so that files of one frame belong together whatever their vectors say
SEQUENCES = ("DYNAMIC", "GATED", "TOMO", "GATED TOMO")
UNITS = {"Bq/ml": "BQML", "{counts}": "CNTS", "{propcounts}": "PROPCNTS"}


def image_type(header: Dataset) -> str:
    """The third value of Image Type, or what the header implies where it is missing."""
    values = texts(header, "ImageType")
    if len(values) > 2:
        return values[2].upper()
    if "SliceVector" in header or "SpacingBetweenSlices" in header:
        return "RECON TOMO"
    if "RotationInformationSequence" in header:
        return "TOMO"
    return "WHOLE BODY" if "WHOLE" in text(header, "SeriesDescription").upper() else "STATIC"


def is_reconstruction(image: Image) -> bool:
    return image_type(image.header).startswith("RECON")


# Planar ---------------------------------------------------------------------------------------------------------------


def planar_groups(images: Sequence[Image]) -> list[tuple[Image, ...]]:
    """Which planar files of one series are one acquisition.

    Files of one frame each belong together when their frames follow each other (TOMO, DYNAMIC, GATED) or can be told apart by
    detector and energy window; otherwise, and whenever a file holds several frames, each file stands for itself.
    """
    alike: dict[tuple[Any, ...], list[Image]] = {}
    for image in images:
        single = len(image.values) == 1
        key = (image_type(image.header), image.values.shape[1:], image.pixel_mm, "" if single else image.file.path)
        alike.setdefault(key, []).append(image)
    groups: list[tuple[Image, ...]] = []
    for (kind, *_), found in alike.items():
        places = {(frame.detector, frame.energy_window) for image in found for frame in frames_of(image.header, 1)[0]}
        numbered = len({image.instance_number for image in found}) == len(found)
        together = len(found) > 1 and (len(places) == len(found) or (kind in SEQUENCES and numbered))
        groups += [tuple(found)] if together else [(image,) for image in found]
    return groups


def planar_evidence(images: Sequence[Image]) -> Evidence:
    """The frames of one acquisition, in the order of the object, or of the files' instance numbers."""
    images = sorted(images, key=lambda image: (image.instance_number or 0, image.file.path))
    first = images[0].header
    kind = image_type(first)
    remarks: list[Noticed] = []
    if len(images) == 1:
        frames, remarks = frames_of(first, len(images[0].values))
    else:
        described = [frames_of(image.header, 1) for image in images]
        frames = _frames_of_files(images, [found[0] for found, _ in described], kind)
        remarks = list(dict.fromkeys(remark for _, noticed_there in described for remark in noticed_there))
    counts = _counts(images, remarks)
    if images[0].pixel_mm is None:
        remarks.append(noticed("pixel_spacing_missing"))
    files = tuple(sorted((image.file for image in images), key=lambda file: file.path))
    acquired = [moment for image in images if (moment := acquired_of(image.header)) is not None]
    header = named_values(first) | {"image_type": texts(first, "ImageType")}
    if any(names := collimators(first)):
        header["collimators"] = names
    return Evidence(
        kind="nm_planar",
        files=files,
        sha256=evidence_hash(files),
        about=subject_of(first),
        acquired=min(acquired, default=None),
        header=header,
        images=PlanarImages(
            counts=counts,
            pixel_mm=images[0].pixel_mm,
            frames=frames,
            image_type=kind,
            field_of_view=_all_fields(images),
            energy_windows=_all_windows(images),
        ),
        series_uid=text(first, "SeriesInstanceUID") or None,
        remarks=tuple(remarks_of(first) + remarks),
    )


def _all_fields(images: Sequence[Image]) -> dict[int, FieldOfView]:
    """Fields of view by detector. A file of one frame may describe only its own detector, as the first item."""
    if len(images) == 1:
        return fields_of_view(images[0].header)
    return _of_each([(frames_of(image.header, 1)[0][0].detector, fields_of_view(image.header)) for image in images])


def _all_windows(images: Sequence[Image]) -> dict[int, str]:
    """Energy windows by number, likewise."""
    if len(images) == 1:
        return energy_windows(images[0].header)
    return _of_each([(frames_of(image.header, 1)[0][0].energy_window, energy_windows(image.header)) for image in images])


def _of_each(described: Sequence[tuple[int, Mapping[int, Described]]]) -> dict[int, Described]:
    """What each file says of its own number, or of the first where it says nothing of its own."""
    found: dict[int, Described] = {}
    for number_of_own, by_number in described:
        own = by_number.get(number_of_own, by_number.get(1))
        if own is not None:
            found.setdefault(number_of_own, own)
    return dict(sorted(found.items()))


def _frames_of_files(images: Sequence[Image], frames: Sequence[Frame], kind: str) -> tuple[Frame, ...]:
    """The frames of files of one frame each, numbered where their headers do not tell them apart."""
    if len(set(frames)) == len(frames):
        return tuple(frames)
    if "TOMO" not in kind:
        return tuple(replace(frame, time_slot=index) for index, frame in enumerate(frames, start=1))
    starts = {frame.angle_deg for frame in frames}
    counted = number_views([replace(frame, view=None) for frame in frames])
    if len(starts) == len(frames):  # each file states its own angle
        return tuple(replace(new, angle_deg=old.angle_deg) for new, old in zip(counted, frames))
    return tuple(
        replace(frame, angle_deg=_turned(image.header, old, frame.view)) for frame, old, image in zip(counted, frames, images)
    )


def _turned(header: Dataset, frame: Frame, view: int | None) -> float | None:
    """The angle of a later view of the rotation whose first view stands at `frame.angle_deg`."""
    item = first_item(header, "RotationInformationSequence")
    step = number(item, "AngularStep") if item is not None else None
    if item is None or step is None or frame.angle_deg is None or view is None:
        return frame.angle_deg
    turn = -1.0 if text(item, "RotationDirection") == "CW" else 1.0
    return (frame.angle_deg + turn * abs(step) * (view - 1)) % 360


def _counts(images: Sequence[Image], remarks: list[Noticed]) -> npt.NDArray[Any]:
    """Counts[frame, row, column]: stored whole numbers as they are, or rescaled ones."""
    parts = []
    for image in images:
        mapping = real_world_of(image.header)
        if mapping is not None:
            remarks.append(noticed("real_world_values", unit=_unit(mapping[2])))
        slope, intercept = mapping[:2] if mapping is not None else rescale_of(image.header) or (1.0, 0.0)
        parts.append(rescaled(image.values, slope, intercept))
    remarks[:] = dict.fromkeys(remarks)
    counts = parts[0] if len(parts) == 1 else np.concatenate(parts)
    counts.flags.writeable = False
    return counts


def _unit(code: str) -> str:
    return "".join(c for c in code[:16] if c.isascii() and (c.isalnum() or c in "/{}[]%.*")) or "?"


# Reconstructions ------------------------------------------------------------------------------------------------------


def reconstruction_slices(images: Sequence[Image]) -> list[Slice]:
    """Reconstructions kept one slice a file, as planes to be stacked by position."""
    return [_own_detector(image, slice_of(image)) for image in images]


def _own_detector(image: Image, one: Slice) -> Slice:
    """Position and orientation stand in the detector's item in an NM object."""
    item = first_item(image.header, "DetectorInformationSequence")
    mapping = real_world_of(image.header)
    if mapping is not None:
        one = replace(one, rescale=mapping[:2], units=UNITS.get(mapping[2], mapping[2] or None))
    if item is None:
        return one
    position, orientation = numbers(item, "ImagePositionPatient"), numbers(item, "ImageOrientationPatient")
    return replace(
        one,
        position=one.position or (position if len(position) == 3 else None),
        orientation=one.orientation or (orientation if len(orientation) == 6 else None),
    )


def volume_evidence(image: Image) -> list[Evidence]:
    """The volume of one reconstructed object; a gated one gives a volume for each gate."""
    header = image.header
    gates = _gates(image)
    remarks: list[Noticed] = []
    mapping = real_world_of(header)
    slope, intercept = mapping[:2] if mapping is not None else rescale_of(header) or (1.0, 0.0)
    if image.pixel_mm is None:
        raise Unusable("no_pixel_spacing")
    spacing, sign = _spacing(header, remarks)
    detector = first_item(header, "DetectorInformationSequence")
    position = numbers(detector, "ImagePositionPatient") if detector is not None else ()
    orientation = numbers(detector, "ImageOrientationPatient") if detector is not None else ()
    if len(orientation) != 6:
        remarks.append(noticed("orientation_assumed"))
        orientation = AXIAL
    units = UNITS.get(mapping[2], mapping[2] or None) if mapping is not None else text(header, "Units") or None
    return [
        Evidence(
            kind="nm_volume",
            files=(image.file,),
            sha256=image.file.sha256,
            about=subject_of(header),
            acquired=acquired_of(header),
            header=_reconstruction_header(header, gate, len(gates)),
            images=Volume(
                values=np.asarray(rescaled(image.values[list(planes)], slope, intercept), dtype=np.float32),
                spacing_mm=(spacing, *image.pixel_mm),
                origin_mm=(position[0], position[1], position[2]) if len(position) == 3 else (0.0, 0.0, 0.0),
                directions=directions_of(orientation, sign),
                units=units,
            ),
            series_uid=image.series_uid or None,
            remarks=(*remarks_of(header), *remarks, *_time_remark(gate, len(gates))),
        )
        for gate, planes in enumerate(gates, start=1)
    ]


def _time_remark(gate: int, gates: int) -> tuple[Noticed, ...]:
    return (noticed("time_position", this=gate, all=gates),) if gates > 1 else ()


def _reconstruction_header(header: Dataset, gate: int, gates: int) -> dict[str, Any]:
    found = named_values(header) | {"image_type": texts(header, "ImageType")}
    if any(names := collimators(header)):
        found["collimators"] = names
    if gates > 1:
        found |= {"time_position": gate, "time_positions": gates}
    return found


def _gates(image: Image) -> list[tuple[int, ...]]:
    """The frames of each gate, in the order of their slices."""
    length = len(image.values)
    order = numbers(image.header, "SliceVector")
    vectors = [numbers(image.header, keyword) for keyword in ("RRIntervalVector", "TimeSlotVector")]
    gates: dict[tuple[float, ...], list[int]] = {}
    for frame in range(length):
        gates.setdefault(tuple(vector[frame] for vector in vectors if len(vector) == length), []).append(frame)
    if len(order) == length:
        for planes in gates.values():
            planes.sort(key=lambda frame: order[frame])
    if len({len(planes) for planes in gates.values()}) > 1:
        raise Unusable(
            "inconsistent_slices",
            reason_en="the gates hold different numbers of slices",
            reason_zh="各时相的层面数不同",
        )
    return [tuple(gates[gate]) for gate in sorted(gates)]


def _spacing(header: Dataset, remarks: list[Noticed]) -> tuple[float, float]:
    """(distance in mm, +1 or -1): a negative Spacing Between Slices runs against the normal of the slices."""
    spacing = number(header, "SpacingBetweenSlices")
    if spacing is None or not 0.01 <= abs(spacing) <= 100:
        spacing = number(header, "SliceThickness")
        if spacing is None or not 0.01 <= abs(spacing) <= 100:
            raise Unusable("no_position")
        remarks.append(noticed("slice_spacing_assumed", mm=f"{abs(spacing):g}"))
    return abs(spacing), 1.0 if spacing > 0 else -1.0
