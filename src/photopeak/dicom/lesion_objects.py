"""Segmentations (SEG) and structure sets (RTSTRUCT) become evidence of the kind `lesions`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from photopeak.dicom.geometry import stack
from photopeak.dicom.header import first_item, integer, items, numbers, text
from photopeak.dicom.parse import Parsed
from photopeak.dicom.unusable import Unusable
from photopeak.evidence import Evidence, EvidenceFile, Subject
from photopeak.lesions import Contoured, Lesions, Segment

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

MODALITIES = ("SEG", "RTSTRUCT")
MOST_VOXELS = 2**31
NATIVE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1")
LONGEST_LABEL = 64


def holds_lesions(parsed: Parsed) -> bool:
    return text(parsed.dataset, "Modality") in MODALITIES


def lesion_evidence(parsed: Parsed, file: EvidenceFile) -> Evidence:
    """All lesions of one object. Raises Unusable where it holds none that can be read."""
    header = parsed.dataset
    segmented = text(header, "Modality") == "SEG"
    regions = tuple(_segments(parsed)) if segmented else tuple(_contoured(header))
    if not regions:
        raise Unusable("no_pixels")
    about = Subject(manufacturer=text(header, "Manufacturer") or None, model=text(header, "ManufacturerModelName") or None)
    frame = text(header, "FrameOfReferenceUID") or _frame_of_structures(header)
    values: dict[str, Any] = {
        "modality": text(header, "Modality"),
        "study_uid": text(header, "StudyInstanceUID"),
        "frame_of_reference_uid": frame,
    }
    return Evidence(
        kind="lesions",
        files=(file,),
        sha256=file.sha256,
        about=about,
        header={name: value for name, value in values.items() if value},
        images=Lesions(regions=regions),
        series_uid=text(header, "SeriesInstanceUID") or None,
    )


def _frame_of_structures(header: Dataset) -> str:
    item = first_item(header, "ReferencedFrameOfReferenceSequence")
    return text(item, "FrameOfReferenceUID") if item is not None else ""


# segmentations


def _segments(parsed: Parsed) -> Iterable[Segment]:
    header = parsed.dataset
    frames = _frames(parsed)
    shared = first_item(header, "SharedFunctionalGroupsSequence")
    described = items(header, "PerFrameFunctionalGroupsSequence")
    if len(described) != len(frames):
        raise Unusable(
            "inconsistent_slices",
            reason_en=f"{len(frames)} frames carry {len(described)} descriptions",
            reason_zh=f"共 {len(frames)} 帧，却有 {len(described)} 条说明",
        )
    by_segment: dict[int, list[int]] = {}
    for index, own in enumerate(described):
        identified = first_item(own, "SegmentIdentificationSequence")
        number = integer(identified, "ReferencedSegmentNumber") if identified is not None else None
        by_segment.setdefault(number or 1, []).append(index)
    labels = {integer(item, "SegmentNumber"): text(item, "SegmentLabel") for item in items(header, "SegmentSequence")}
    for number, indices in sorted(by_segment.items()):
        label = (labels.get(number) or f"segment {number}")[:LONGEST_LABEL]
        yield _segment(label, frames[indices], [described[index] for index in indices], shared)


def _frames(parsed: Parsed) -> npt.NDArray[np.bool_]:
    """bool[frame, row, column] of a native binary or 8-bit fractional object."""
    header = parsed.dataset
    rows, columns = integer(header, "Rows") or 0, integer(header, "Columns") or 0
    frames, bits = integer(header, "NumberOfFrames") or 1, integer(header, "BitsAllocated")
    size = rows * columns * frames
    if not 0 < size < MOST_VOXELS or bits not in (1, 8):
        raise Unusable("no_pixels")
    if parsed.transfer_syntax not in NATIVE:
        raise Unusable("unreadable", reason="compressed segmentation")
    if len(parsed.pixels) * 8 < size * bits:
        raise Unusable("truncated")
    stored = np.frombuffer(parsed.pixels, dtype=np.uint8)
    if bits == 1:
        return np.unpackbits(stored, bitorder="little")[:size].reshape(frames, rows, columns).astype(bool)
    most = integer(header, "MaximumFractionalValue") or 255
    return np.asarray(stored[:size].reshape(frames, rows, columns) * 2 >= most)


def _group(own: Dataset, shared: Dataset | None, sequence: str) -> Dataset | None:
    found = first_item(own, sequence)
    return found if found is not None or shared is None else first_item(shared, sequence)


def _segment(label: str, frames: npt.NDArray[np.bool_], described: list[Dataset], shared: Dataset | None) -> Segment:
    positions = []
    orientation: tuple[float, ...] = ()
    pixel: tuple[float, ...] = ()
    thickness: tuple[float, ...] = ()
    for own in described:
        plane = _group(own, shared, "PlanePositionSequence")
        measures = _group(own, shared, "PixelMeasuresSequence")
        turned = _group(own, shared, "PlaneOrientationSequence")
        if plane is None or measures is None or turned is None:
            raise Unusable("no_position")
        positions.append(numbers(plane, "ImagePositionPatient"))
        orientation, pixel = numbers(turned, "ImageOrientationPatient"), numbers(measures, "PixelSpacing")
        thickness = numbers(measures, "SpacingBetweenSlices") or numbers(measures, "SliceThickness") or (1.0,)
    if any(len(one) != 3 for one in positions) or len(orientation) != 6 or len(pixel) != 2:
        raise Unusable("no_position")
    return _stacked(label, frames, np.asarray(positions), orientation, (float(pixel[0]), float(pixel[1])), float(thickness[0]))


def _stacked(
    label: str,
    frames: npt.NDArray[np.bool_],
    positions: npt.NDArray[np.float64],
    orientation: tuple[float, ...],
    pixel_mm: tuple[float, float],
    thickness_mm: float,
) -> Segment:
    """Frames in the order of their slices; slices between them that hold nothing may have been left out of the file."""
    normal = np.cross(orientation[:3], orientation[3:])
    depths = positions @ normal
    order = np.argsort(depths)
    steps = np.diff(depths[order])
    spacing = float(steps.min()) if len(steps) and steps.min() > 0 else thickness_mm
    slots = np.round((depths - depths.min()) / spacing).astype(int)
    if len(set(slots.tolist())) < len(slots):
        raise Unusable(
            "inconsistent_slices",
            reason_en="two frames of a segment lie at the same position",
            reason_zh="同一分割区域有两帧位于同一位置",
        )
    mask = np.zeros((int(slots.max()) + 1, *frames.shape[1:]), dtype=bool)
    mask[slots] = frames
    placed = stack(positions[order[:1]], orientation, spacing)
    return Segment(
        label=label,
        mask=mask,
        spacing_mm=(spacing, *pixel_mm),
        origin_mm=placed.origin_mm,
        directions=placed.directions,
    )


# structure sets


def _contoured(header: Dataset) -> Iterable[Contoured]:
    names = {integer(item, "ROINumber"): text(item, "ROIName") for item in items(header, "StructureSetROISequence")}
    for item in items(header, "ROIContourSequence"):
        number = integer(item, "ReferencedROINumber")
        contours = []
        for drawn in items(item, "ContourSequence"):
            points = np.asarray(numbers(drawn, "ContourData"), dtype=np.float64)
            if text(drawn, "ContourGeometricType") == "CLOSED_PLANAR" and points.size >= 9 and points.size % 3 == 0:
                contours.append(points.reshape(-1, 3))
        if contours:
            yield Contoured(label=(names.get(number) or f"ROI {number}")[:LONGEST_LABEL], contours=tuple(contours))
