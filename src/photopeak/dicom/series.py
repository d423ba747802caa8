"""Slices of PET and CT (and of reconstructions kept slice by slice) put together as volumes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from photopeak.dicom.geometry import AXIAL, Stack, coincide, normal_of, stack
from photopeak.dicom.header import (
    ADMINISTRATION,
    LISTS,
    PER_SLICE,
    first_item,
    integer,
    moment_text,
    named_values,
    number,
    numbers,
    private_per_slice,
    text,
    texts,
)
from photopeak.dicom.image import (
    Image,
    acquired_of,
    evidence_hash,
    remarks_of,
    rescale_of,
    subject_of,
)
from photopeak.dicom.remarks import Noticed, noticed
from photopeak.dicom.unusable import Unusable
from photopeak.evidence import Evidence, EvidenceFile, Volume

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

KINDS = {"PT": "pt_volume", "CT": "ct_volume", "NM": "nm_volume"}
#: what may tell the time positions of a dynamic or gated series apart, in this order
TIME_KEYS = (
    "TemporalPositionIdentifier",
    "TemporalPositionIndex",
    "FrameReferenceTime",
    "TriggerTime",
    "AcquisitionNumber",
    "AcquisitionTime",
    "ContentTime",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """One plane: `values[row, column]` as stored, and where it lies. `times` holds what may tell time positions apart."""

    file: EvidenceFile
    header: Dataset
    values: npt.NDArray[Any]
    rescale: tuple[float, float] | None
    position: tuple[float, ...] | None
    orientation: tuple[float, ...] | None
    pixel_mm: tuple[float, float] | None
    units: str | None = None
    times: Mapping[str, str] = field(default_factory=dict)
    per_slice: Mapping[str, float | str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)  #: header values that only this kind of object has
    number: int = 0

    @property
    def shape_key(self) -> tuple[Any, ...]:
        """Slices with the same key can be stacked."""
        orientation = tuple(round(value, 3) + 0.0 for value in self.orientation or ())
        spacing = tuple(round(mm, 4) for mm in self.pixel_mm or ())
        return self.values.shape, orientation, spacing, text(self.header, "FrameOfReferenceUID")


def slice_of(image: Image) -> Slice:
    """The plane of a single-frame object."""
    header = image.header
    position, orientation = numbers(header, "ImagePositionPatient"), numbers(header, "ImageOrientationPatient")
    per_slice: dict[str, float | str] = {}
    for name, keyword in PER_SLICE.items():
        if (found := number(header, keyword)) is not None:
            per_slice[name] = found
    per_slice |= private_per_slice(header) if image.modality == "PT" else {}
    written = text(header, "AcquisitionDateTime")
    acquired = moment_text(text(header, "AcquisitionDate"), text(header, "AcquisitionTime"))
    if acquired := acquired or moment_text(written[:8], written[8:]):
        per_slice["acquisition_times"] = acquired
    return Slice(
        file=image.file,
        header=header,
        values=image.values[0],
        rescale=rescale_of(header),
        position=position if len(position) == 3 else None,
        orientation=orientation if len(orientation) == 6 else None,
        pixel_mm=image.pixel_mm,
        units=text(header, "Units") or None,
        times={key: value for key in TIME_KEYS if (value := text(header, key))} | _time_slice(header),
        per_slice=per_slice,
        number=image.instance_number or 0,
    )


def _time_slice(header: Dataset) -> dict[str, str]:
    """The time slice that Image Index implies (PS3.3 C.8.9.4.1.9: time slices follow each other, each complete)."""
    index, slices = integer(header, "ImageIndex"), integer(header, "NumberOfSlices")
    return {"ImageIndex": str((index - 1) // slices)} if index and slices and slices > 0 else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Slices of one series that lie in one grid at one time. `position` of `positions` in time."""

    slices: tuple[Slice, ...]
    position: int = 1
    positions: int = 1


def check_agreement(slices: Sequence[Slice]) -> None:
    """Refuse a series whose slices do not mean the same thing: other units, or other corrections."""
    units = {one.units for one in slices}
    if len(units) > 1:
        found = ", ".join(sorted(_code(unit) for unit in units))
        raise Unusable("mixed_units", what_en="units", what_zh="单位", found=found)
    corrections = {
        (text(one.header, "DecayCorrection"), frozenset(texts(one.header, "CorrectedImage")) & {"DECY", "ATTN"})
        for one in slices
    }
    if len(corrections) > 1:
        found = ", ".join(sorted("+".join([_code(decay), *sorted(corrected)]) for decay, corrected in corrections))
        raise Unusable("mixed_units", what_en="corrections", what_zh="校正方式", found=found)


def _code(written: str | None) -> str:
    """A DICOM code as it may be shown: capitals, digits, underscore."""
    return "".join(c for c in (written or "")[:16] if c.isascii() and (c.isupper() or c.isdigit() or c == "_")) or "–"


def grids_of(slices: Sequence[Slice]) -> list[tuple[Slice, ...]]:
    """The slices of one series by the grid they lie in: matrix, pixel size, orientation, frame of reference."""
    check_agreement(slices)
    grids: dict[tuple[Any, ...], list[Slice]] = {}
    for one in slices:
        grids.setdefault(one.shape_key, []).append(one)
    return [tuple(grid) for grid in grids.values()]


def parts_of(slices: tuple[Slice, ...]) -> list[Part]:
    """The slices of one grid, split by what tells their times apart where they lie on each other; in order of time."""
    orientation = slices[0].orientation or AXIAL
    if any(one.position is None for one in slices):
        return [Part(slices=slices)]
    if not coincide(np.array([one.position for one in slices]), orientation):
        return [Part(slices=slices)]
    normal = normal_of(orientation)
    for key in ("ImageIndex", *TIME_KEYS):
        groups: dict[str, list[Slice]] = {}
        for one in slices:
            groups.setdefault(one.times.get(key, ""), []).append(one)
        places = {
            tuple(sorted(round(float(np.dot(one.position or (), normal)), 2) for one in group)) for group in groups.values()
        }
        if len(groups) > 1 and len(places) == 1 and len(set(next(iter(places)))) == len(next(iter(places))):
            ordered = [groups[value] for value in sorted(groups, key=_time_order)]
            return [
                Part(slices=tuple(group), position=index, positions=len(ordered))
                for index, group in enumerate(ordered, start=1)
            ]
    return [Part(slices=slices)]


def _time_order(written: str) -> tuple[float, str]:
    try:
        return float(written.replace(":", "")), written
    except ValueError:
        return float("inf"), written


def volume_evidence(part: Part, modality: str) -> Evidence:
    """One volume from the slices of one grid at one time. Raises Unusable where they form no regular stack."""
    slices = part.slices
    remarks: list[Noticed] = []
    pixel_mm = slices[0].pixel_mm
    if pixel_mm is None:
        raise Unusable("no_pixel_spacing")
    lie = _stack(slices, remarks)
    ordered = [slices[index] for index in lie.order]
    values = _rescaled(ordered, modality, remarks)
    first = ordered[0]
    if part.positions > 1:
        remarks.append(noticed("time_position", this=part.position, all=part.positions))
    stated = integer(first.header, "NumberOfSlices")
    if modality == "PT" and stated is not None and stated > len(slices):
        remarks.append(noticed("fewer_slices_than_stated", stated=stated, found=len(slices)))
    files = tuple(dict.fromkeys(one.file for one in sorted(slices, key=lambda one: one.file.path)))
    acquired = [moment for one in ordered if (moment := acquired_of(one.header)) is not None]
    return Evidence(
        kind=KINDS[modality],
        files=files,
        sha256=evidence_hash(files),
        about=subject_of(first.header),
        acquired=min(acquired, default=None),
        header=_header(ordered, part),
        images=Volume(
            values=values,
            spacing_mm=(lie.spacing_mm, *pixel_mm),
            origin_mm=lie.origin_mm,
            directions=lie.directions,
            units=first.units,
        ),
        series_uid=text(first.header, "SeriesInstanceUID") or None,
        remarks=tuple(remarks_of(first.header) + remarks),
    )


def _stack(slices: Sequence[Slice], remarks: list[Noticed]) -> Stack:
    if slices[0].orientation is None:
        remarks.append(noticed("orientation_assumed"))
    orientation = slices[0].orientation or AXIAL
    lone_mm = 1.0
    if len(slices) == 1:
        remarks.append(noticed("single_slice"))
        header = slices[0].header
        lone_mm = abs(number(header, "SpacingBetweenSlices") or number(header, "SliceThickness") or 0.0) or 1.0
        remarks.append(noticed("slice_spacing_assumed", mm=f"{lone_mm:g}"))
    positions = [one.position for one in slices]
    if len(slices) == 1 and positions[0] is None:
        positions = [(0.0, 0.0, 0.0)]
    if any(position is None for position in positions):
        positions = list(_numbered_positions(slices, orientation))
        remarks.append(noticed("positions_assumed"))
    return stack(np.array(positions, dtype=np.float64), orientation, lone_mm)


def _numbered_positions(slices: Sequence[Slice], orientation: tuple[float, ...]) -> Iterable[tuple[float, ...]]:
    """Positions from instance numbers, only where Spacing Between Slices is written and no position is."""
    spacing = number(slices[0].header, "SpacingBetweenSlices")
    numbered = {one.number for one in slices}
    if not spacing or len(numbered) != len(slices) or any(one.position is not None for one in slices):
        raise Unusable("no_position")
    normal = normal_of(orientation)
    start = min(numbered)
    for one in slices:
        yield tuple(float(x) for x in (one.number - start) * spacing * normal)


def _rescaled(ordered: Sequence[Slice], modality: str, remarks: list[Noticed]) -> npt.NDArray[np.float32]:
    """Values[slice, row, column], each slice by its own slope and intercept."""
    scales = [one.rescale for one in ordered]
    if any(scale is None for scale in scales):
        if any(scale is not None for scale in scales):
            raise Unusable("bad_rescale")
        if modality != "NM":
            remarks.append(noticed("rescale_missing"))
    values = np.empty((len(ordered), *ordered[0].values.shape), np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        for index, one in enumerate(ordered):
            slope, intercept = one.rescale or (1.0, 0.0)
            np.multiply(one.values, slope, out=values[index], casting="unsafe", dtype=np.float64)
            if intercept:
                values[index] = one.values * slope + intercept
    if not np.isfinite(values).all():
        raise Unusable("bad_rescale")
    if modality == "PT" and any(scale is not None and scale[1] != 0 for scale in scales):
        remarks.append(noticed("rescale_intercept"))
    return values


WHOLE_SERIES = ("PatientWeight", "SUVType", "SeriesTime")


def _disagreeing(ordered: Sequence[Slice]) -> tuple[str, ...]:
    """Which of the entries that hold for a whole PET series are not the same in all its slices."""
    seen: dict[str, set[str]] = {}
    for header in {id(one.header): one.header for one in ordered}.values():
        item = first_item(header, "RadiopharmaceuticalInformationSequence")
        for keyword in WHOLE_SERIES:
            seen.setdefault(keyword, set()).add(text(header, keyword))
        for keyword in ADMINISTRATION:
            seen.setdefault(keyword, set()).add("" if item is None else text(item, keyword))
    return tuple(keyword for keyword, written in seen.items() if len(written) > 1)


def _header(ordered: Sequence[Slice], part: Part) -> dict[str, Any]:
    first = ordered[0]
    header = named_values(first.header) | dict(first.extra)
    names: set[str] = set.intersection(*(set(one.per_slice) for one in ordered))
    for name in sorted(names):
        header[name] = tuple(one.per_slice[name] for one in ordered)
    scales = [one.rescale or (1.0, 0.0) for one in ordered]
    header["rescale_slopes"] = tuple(slope for slope, _ in scales)
    header["rescale_intercepts"] = tuple(intercept for _, intercept in scales)
    if first.units is not None:
        header["units"] = first.units
    if header.get("modality") == "PT":
        if any(one.rescale is None for one in ordered):
            header["rescale_missing"] = True
        if disagreeing := _disagreeing(ordered):
            header["disagreeing"] = disagreeing
    if part.positions > 1:
        header |= {"time_position": part.position, "time_positions": part.positions}
    header.setdefault("image_type", texts(first.header, LISTS["image_type"]))
    return header
