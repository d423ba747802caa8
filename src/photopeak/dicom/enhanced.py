"""Multi-frame PET and CT whose frames are described by functional groups: each frame becomes a plane like any other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from photopeak.dicom.header import first_item, items, moment_text, number, numbers, text
from photopeak.dicom.image import Image, plausible_spacing, real_world_of, rescale_of
from photopeak.dicom.series import Slice
from photopeak.dicom.unusable import Unusable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

#: UCUM units of a real world value mapping as the DICOM Units that procedures know
UNITS = {
    "Bq/ml": "BQML",
    "{counts}": "CNTS",
    "{propcounts}": "PROPCNTS",
    "g/ml": "GML",
    "g/ml{SUVbw}": "GML",
    "g/ml{SUVlbm}": "GML",
    "g/ml{SUVlbm(James128)}": "GML",
    "g/ml{SUVlbm(Janma)}": "GML",
    "g/ml{SUVibw}": "GML",
    "cm2/ml": "CM2ML",
    "cm2/ml{SUVbsa}": "CM2ML",
    "{counts}/s": "CPS",
}
#: the SUV Type that such a unit implies
SUV_TYPES = {
    "g/ml{SUVbw}": "BW",
    "g/ml{SUVlbm}": "LBM",
    "g/ml{SUVlbm(James128)}": "LBMJAMES128",
    "g/ml{SUVlbm(Janma)}": "LBMJANMA",
    "g/ml{SUVibw}": "IBW",
    "cm2/ml{SUVbsa}": "BSA",
}
#: single yes-or-no elements that stand for a value of Corrected Image
CORRECTIONS = {
    "DecayCorrected": "DECY",
    "AttenuationCorrected": "ATTN",
    "ScatterCorrected": "SCAT",
    "DeadTimeCorrected": "DTIM",
    "RandomsCorrected": "RAN",
}


def is_enhanced(image: Image) -> bool:
    return "PerFrameFunctionalGroupsSequence" in image.header


def slices_of(image: Image) -> tuple[Slice, ...]:
    """One plane a frame. Raises Unusable where frames and descriptions do not match."""
    described = items(image.header, "PerFrameFunctionalGroupsSequence")
    if len(described) != len(image.values):
        raise Unusable(
            "inconsistent_slices",
            reason_en=f"{len(image.values)} frames carry {len(described)} descriptions",
            reason_zh=f"共 {len(image.values)} 帧，却有 {len(described)} 条说明",
        )
    shared = first_item(image.header, "SharedFunctionalGroupsSequence")
    extra = _extra(image.header)
    return tuple(_slice(image, index, [own, shared], extra) for index, own in enumerate(described))


def _group(groups: list[Dataset | None], sequence: str) -> Dataset | None:
    """The functional group of one frame, its own before the shared one."""
    found = (first_item(group, sequence) for group in groups if group is not None)
    return next((group for group in found if group is not None), None)


def _slice(image: Image, index: int, groups: list[Dataset | None], extra: dict[str, Any]) -> Slice:
    plane, orientation = _group(groups, "PlanePositionSequence"), _group(groups, "PlaneOrientationSequence")
    measures, transformation = _group(groups, "PixelMeasuresSequence"), _group(groups, "PixelValueTransformationSequence")
    content = _group(groups, "FrameContentSequence")
    position = numbers(plane, "ImagePositionPatient") if plane is not None else ()
    direction = numbers(orientation, "ImageOrientationPatient") if orientation is not None else ()
    scale, units = (rescale_of(transformation) if transformation is not None else None), None
    for group in (*groups, image.header):
        mapping = real_world_of(group) if group is not None else None
        if mapping is not None:
            unit = mapping[2].replace("mL", "ml")  # UCUM allows both letters for the litre
            scale, units = mapping[:2], UNITS.get(unit, unit or None)
            extra = extra | ({"suv_type": SUV_TYPES[unit]} if unit in SUV_TYPES else {})
            break
    times, per_slice = _times(content)
    return Slice(
        file=image.file,
        header=image.header,
        values=image.values[index],
        rescale=scale,
        position=position if len(position) == 3 else None,
        orientation=direction if len(direction) == 6 else None,
        pixel_mm=plausible_spacing(numbers(measures, "PixelSpacing")) if measures is not None else None,
        units=units or text(image.header, "Units") or None,
        times=times,
        per_slice=per_slice,
        extra=extra,
        number=index + 1,
    )


def _times(content: Dataset | None) -> tuple[dict[str, str], dict[str, float | str]]:
    if content is None:
        return {}, {}
    names = {"TemporalPositionIndex": "TemporalPositionIndex", "FrameReferenceDateTime": "FrameReferenceTime"}
    times = {key: value for keyword, key in names.items() if (value := text(content, keyword))}
    per_slice: dict[str, float | str] = {}
    if (duration := number(content, "FrameAcquisitionDuration")) is not None:
        per_slice["frame_durations_ms"] = duration
    for name, keyword in (("acquisition_times", "FrameAcquisitionDateTime"), ("reference_times", "FrameReferenceDateTime")):
        written = text(content, keyword)
        if moment := moment_text(written[:8], written[8:]):
            per_slice[name] = moment
    return times, per_slice


def _extra(header: Dataset) -> dict[str, Any]:
    corrected = tuple(code for keyword, code in CORRECTIONS.items() if text(header, keyword) == "YES")
    extra: dict[str, Any] = {"corrected_image": corrected} if corrected else {}
    written = text(header, "DecayCorrectionDateTime")
    if moment := moment_text(written[:8], written[8:]):
        extra["decay_correction_datetime"] = moment
    for keyword in ("DecayCorrected", "AttenuationCorrected"):
        if value := text(header, keyword):
            extra["decay_corrected" if keyword.startswith("Decay") else "attenuation_corrected"] = value
    return extra
