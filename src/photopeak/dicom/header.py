"""The few header values that procedures use, under plain names: one table for reading them and for writing phantoms.

Never a patient's name, number or birth date. Values are plain strings, numbers, and tuples of them; times are ISO 8601 text
(naive, local to the hospital), with their date wherever the header has one.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom.dataset import Dataset
    from pydicom.tag import BaseTag

#: longer values are not decoded: no header value has a quarter of a million characters, and each costs time
LONGEST_VALUE = 2**18

#: name -> DICOM keyword, at the top level of the object
TEXTS = {
    "modality": "Modality",
    "series_description": "SeriesDescription",
    "protocol": "ProtocolName",
    "units": "Units",
    "suv_type": "SUVType",
    "counts_source": "CountsSource",
    "decay_correction": "DecayCorrection",
    "attenuation_correction": "AttenuationCorrectionMethod",
    "scatter_correction": "ScatterCorrectionMethod",
    "randoms_correction": "RandomsCorrectionMethod",
    "reconstruction": "ReconstructionMethod",
    "convolution_kernel": "ConvolutionKernel",
    "filter_type": "FilterType",
    "frame_of_reference_uid": "FrameOfReferenceUID",
    "study_uid": "StudyInstanceUID",
    "patient_position": "PatientPosition",
    "burned_in_annotation": "BurnedInAnnotation",
    "sex": "PatientSex",
    "body_part": "BodyPartExamined",
    "whole_body_technique": "WholeBodyTechnique",
    "photometric_interpretation": "PhotometricInterpretation",
    "scan_options": "ScanOptions",
}
LISTS = {
    "image_type": "ImageType",
    "series_type": "SeriesType",
    "corrected_image": "CorrectedImage",
    "software": "SoftwareVersions",
    "last_calibration_dates": "DateOfLastCalibration",
}
NUMBERS = {
    "weight_kg": "PatientWeight",
    "height_m": "PatientSize",
    "slice_thickness_mm": "SliceThickness",
    "kvp": "KVP",
    "scan_velocity_mm_s": "ScanVelocity",
    "scan_length_mm": "ScanLength",
    "dose_calibration_factor": "DoseCalibrationFactor",
    "scatter_fraction": "ScatterFractionFactor",
}
WHOLE_NUMBERS = {
    "number_of_slices": "NumberOfSlices",
    "counts_accumulated": "CountsAccumulated",
    "number_of_time_slices": "NumberOfTimeSlices",
    "number_of_time_slots": "NumberOfTimeSlots",
}
#: one value a slice; the reader gives them as tuples, in slice order
PER_SLICE = {
    "frame_reference_times_ms": "FrameReferenceTime",
    "frame_durations_ms": "ActualFrameDuration",
    "decay_factors": "DecayFactor",
    "prompts_counts": "PrimaryPromptsCountsAccumulated",
    "delayed_counts": "SecondaryCountsAccumulated",
    "scatter_fractions": "ScatterFractionFactor",
    "exposures_mas": "Exposure",
}
#: in the first item of RadiopharmaceuticalInformationSequence
RADIOPHARMACEUTICAL_TEXTS = {
    "radiopharmaceutical": "Radiopharmaceutical",
    "injection_route": "RadiopharmaceuticalRoute",
}
RADIOPHARMACEUTICAL_NUMBERS = {
    "total_dose_bq": "RadionuclideTotalDose",
    "half_life_s": "RadionuclideHalfLife",
    "positron_fraction": "RadionuclidePositronFraction",
    "specific_activity": "RadiopharmaceuticalSpecificActivity",
}
#: ISO 8601 text; (date keyword, time keyword), or one date-and-time keyword
MOMENTS = {
    "study_time": ("StudyDate", "StudyTime"),
    "series_time": ("SeriesDate", "SeriesTime"),
    "acquisition_time": ("AcquisitionDate", "AcquisitionTime"),
    "content_time": ("ContentDate", "ContentTime"),
}
RADIOPHARMACEUTICAL_MOMENTS = {
    "injection_datetime": "RadiopharmaceuticalStartDateTime",
    "injection_time": "RadiopharmaceuticalStartTime",
    "injection_stop_datetime": "RadiopharmaceuticalStopDateTime",
    "injection_stop_time": "RadiopharmaceuticalStopTime",
}
#: what tells one administration from another
ADMINISTRATION = (
    "RadionuclideTotalDose",
    "RadiopharmaceuticalStartDateTime",
    "RadiopharmaceuticalStartTime",
    "RadionuclideHalfLife",
)
#: manufacturers' own tags that the conversion to SUV needs: name -> (group, element, private creators, what it is)
PRIVATE = {
    "philips_suv_factor": (0x7053, 0x00, "Philips PET Private Group", "DS"),
    "philips_activity_factor": (0x7053, 0x09, "Philips PET Private Group", "DS"),
    "ge_scan_time": (0x0009, 0x0D, "GEMS_PETD_01", "DT"),
    "siemens_decay_time": (0x0071, 0x22, "SIEMENS MED PT", "DT"),
}


#: private values that may differ from slice to slice; their tuples end in "s"
PRIVATE_PER_SLICE = ("philips_suv_factor", "philips_activity_factor")


def private_per_slice(dataset: Dataset) -> dict[str, float | str]:
    """The manufacturers' conversion factors of one slice, under their plural names."""
    found = ((f"{name}s", _private(dataset, name)) for name in PRIVATE_PER_SLICE)
    return {name: value for name, value in found if value is not None}


def named_values(dataset: Dataset) -> dict[str, Any]:
    """What one object's header says, under the names above; what is absent, empty or malformed is left out."""
    found: dict[str, Any] = {}
    found |= _texts(dataset, TEXTS) | _numbers(dataset, NUMBERS)
    found |= {name: whole for name, keyword in WHOLE_NUMBERS.items() if (whole := integer(dataset, keyword)) is not None}
    found |= {name: values for name, keyword in LISTS.items() if (values := texts(dataset, keyword))}
    for name, (date, time) in MOMENTS.items():
        if moment := moment_text(text(dataset, date), text(dataset, time)):
            found[name] = moment
    radiopharmaceutical = first_item(dataset, "RadiopharmaceuticalInformationSequence")
    if radiopharmaceutical is not None:
        found |= _radiopharmaceutical(radiopharmaceutical, _zone(text(dataset, "TimezoneOffsetFromUTC")))
        if _several_given(items(dataset, "RadiopharmaceuticalInformationSequence")):
            found["several_radiopharmaceuticals"] = True
    for name in PRIVATE:
        if (value := _private(dataset, name)) is not None:
            found[name] = value
    return found


def _several_given(given: Sequence[Dataset]) -> bool:
    """Whether the items tell of more than one administration; one written twice is one."""
    told = {tuple(text(item, keyword) for keyword in ADMINISTRATION) for item in given}
    return len(told) > 1


def _zone(written: str) -> datetime.timedelta | None:
    """An offset from UTC as in +0800, or None."""
    if len(written) < 5 or written[-5] not in "+-" or not written[-4:].isdigit():
        return None
    minutes = 60 * int(written[-4:-2]) + int(written[-2:])
    return datetime.timedelta(minutes=-minutes if written[-5] == "-" else minutes)


def _radiopharmaceutical(item: Dataset, zone: datetime.timedelta | None) -> dict[str, Any]:
    found = _texts(item, RADIOPHARMACEUTICAL_TEXTS) | _numbers(item, RADIOPHARMACEUTICAL_NUMBERS)
    for name, keyword in RADIOPHARMACEUTICAL_MOMENTS.items():
        written = text(item, keyword)
        moment = moment_text(written[:8], written[8:]) if name.endswith("datetime") else moment_text("", written)
        own = _zone(written) if name.endswith("datetime") else None
        if moment and "T" in moment and zone is not None and own is not None:  # to the clock that the images were written by
            moment = (datetime.datetime.fromisoformat(moment) + zone - own).isoformat()
        if moment:
            found[name] = moment
    for name, keyword in (("nuclide", "RadionuclideCodeSequence"), ("radiopharmaceutical", "RadiopharmaceuticalCodeSequence")):
        code = first_item(item, keyword)
        if code is not None:
            if meaning := text(code, "CodeMeaning"):
                found.setdefault(name, meaning)
            if value := text(code, "CodeValue"):
                found[f"{name}_code"] = value
    return found


def _texts(dataset: Dataset, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, keyword in names.items() if (value := text(dataset, keyword))}


def _numbers(dataset: Dataset, names: Mapping[str, str]) -> dict[str, Any]:
    return {name: value for name, keyword in names.items() if (value := number(dataset, keyword)) is not None}


def texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    """All values of an element as text, without the blanks around them."""
    value = _value(dataset, keyword)
    if value is None:
        return ()
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        value = [value]
    return tuple(stripped for one in value if (stripped := _as_text(one)))


def text(dataset: Dataset, keyword: str) -> str:
    """The first value of an element as text; the empty string where there is none."""
    found = texts(dataset, keyword)
    return found[0] if found else ""


def numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    """All values of an element as finite numbers; empty where one of them is not."""
    values = texts(dataset, keyword)
    try:
        found = tuple(float(value) for value in values)
    except ValueError:
        return ()
    return found if all(math.isfinite(value) for value in found) else ()


def number(dataset: Dataset, keyword: str) -> float | None:
    """The first value of an element as a finite number, or None."""
    found = numbers(dataset, keyword)
    return found[0] if found else None


def integer(dataset: Dataset, keyword: str) -> int | None:
    """The first value of an element as a whole number, or None."""
    found = number(dataset, keyword)
    return int(found) if found is not None and found == int(found) else None


def items(dataset: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """The items of a sequence; empty where it is absent or is no sequence."""
    value = _value(dataset, keyword)
    if value is None or not hasattr(value, "__iter__") or isinstance(value, (str, bytes)):
        return ()
    return tuple(item for item in value if hasattr(item, "walk"))


def first_item(dataset: Dataset, keyword: str) -> Dataset | None:
    found = items(dataset, keyword)
    return found[0] if found else None


def _value(dataset: Dataset, keyword: str) -> Any:
    return _value_at(dataset, _tag(keyword))


def _value_at(dataset: Dataset, tag: BaseTag) -> Any:
    """An element's value, or None where it is absent or malformed: an optional element is no reason to fail."""
    if tag not in dataset:
        return None
    raw = getattr(dataset.get_item(tag), "value", None)  # not yet decoded, so its length is known beforehand
    if isinstance(raw, bytes) and len(raw) > LONGEST_VALUE:
        return None
    try:
        return dataset[tag].value
    except (ValueError, TypeError, AttributeError, KeyError, NotImplementedError, OverflowError, UnicodeError):
        return None


@cache
def _tag(keyword: str | tuple[int, int]) -> BaseTag:
    from pydicom.tag import Tag

    return Tag(keyword)


def _as_text(value: Any) -> str:
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    return str(value).strip(" \0\t\r\n")


def moment(date: str, time: str) -> datetime.datetime | None:
    """The moment that a DICOM date and time name; None where either is missing or impossible."""
    try:
        return datetime.datetime.combine(_date(date), _time(time))
    except ValueError:
        return None


def moment_text(date: str, time: str) -> str | None:
    """ISO 8601 text of a DICOM date and time, or of the time alone where there is no date."""
    whole = moment(date, time)
    if whole is not None:
        return whole.isoformat()
    try:
        return _time(time).isoformat()
    except ValueError:
        return None


def _date(written: str) -> datetime.date:
    digits = written.replace(".", "").replace("-", "")[:8]
    if len(digits) != 8 or not digits.isdigit():
        raise ValueError(written)
    return datetime.date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))


def _time(written: str) -> datetime.time:
    digits, _, fraction = written.replace(":", "").split("+")[0].split("-")[0].strip().partition(".")
    if not digits.isdigit() or len(digits) not in (2, 4, 6):
        raise ValueError(written)
    hour, minute, second = (int(digits[k : k + 2] or 0) for k in (0, 2, 4))
    microsecond = int((fraction + "000000")[:6]) if fraction.isdigit() else 0
    return datetime.time(hour, minute, min(second, 59), microsecond)


def _private(dataset: Dataset, name: str) -> str | float | None:
    group, element, creator, representation = PRIVATE[name]
    owners = {block: _value_at(dataset, _tag((group, block))) for block in range(0x10, 0x20)}
    mine = [block for block, owner in owners.items() if owner is not None and _as_text(owner) == creator]
    if not mine and not any(owners.values()):
        mine = [0x10]  # anonymisers remove the owner and leave the element
    found = _value_at(dataset, _tag((group, mine[0] * 0x100 + element))) if mine else None
    if found is None:
        return None
    values = [found] if isinstance(found, (str, bytes)) or not hasattr(found, "__len__") else found
    written = _as_text(values[0]) if len(values) else ""
    if representation == "DT":
        return moment_text(written[:8], written[8:])
    try:
        value = float(written)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def write_named(dataset: Dataset, name: str, value: Any) -> None:
    """Set what `named_values` reads under `name`, or a DICOM keyword; None removes it. ValueError: an unknown name."""
    from pydicom.datadict import tag_for_keyword

    top = {**TEXTS, **LISTS, **NUMBERS, **WHOLE_NUMBERS, **PER_SLICE}
    inside = {**RADIOPHARMACEUTICAL_TEXTS, **RADIOPHARMACEUTICAL_NUMBERS}
    if name in top:
        _set(dataset, top[name], value)
    elif name in MOMENTS:
        date, time = MOMENTS[name]
        moment = None if value is None else datetime.datetime.fromisoformat(str(value))
        _set(dataset, date, moment and moment.strftime("%Y%m%d"))
        _set(dataset, time, moment and moment.strftime("%H%M%S.%f"))
    elif name in inside:
        _set(_radiopharmaceutical_item(dataset), inside[name], value)
    elif name in RADIOPHARMACEUTICAL_MOMENTS:
        written = None if value is None else "".join(c for c in str(value) if c.isdigit() or c == ".")
        _set(_radiopharmaceutical_item(dataset), RADIOPHARMACEUTICAL_MOMENTS[name], written)
    elif name in PRIVATE:
        _set_private(dataset, name, value)
    elif tag_for_keyword(name) is not None:
        _set(dataset, name, value)
    else:
        known = ", ".join([*top, *MOMENTS, *inside, *RADIOPHARMACEUTICAL_MOMENTS, *PRIVATE])
        raise ValueError(f"{name!r} is no known header name; known: {known}, and DICOM keywords")


def _set(dataset: Dataset, keyword: str, value: Any) -> None:
    if value is None:
        if keyword in dataset:
            delattr(dataset, keyword)
    elif isinstance(value, float):
        from pydicom.datadict import dictionary_VR
        from pydicom.valuerep import format_number_as_ds

        setattr(dataset, keyword, str(format_number_as_ds(value)) if dictionary_VR(keyword) == "DS" else value)
    else:
        setattr(dataset, keyword, list(value) if isinstance(value, tuple) else value)


def _radiopharmaceutical_item(dataset: Dataset) -> Dataset:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    found = first_item(dataset, "RadiopharmaceuticalInformationSequence")
    if found is None:
        found = Dataset()
        dataset.RadiopharmaceuticalInformationSequence = Sequence([found])
    return found


def _set_private(dataset: Dataset, name: str, value: Any) -> None:
    group, element, creator, representation = PRIVATE[name]
    block = dataset.private_block(group, creator, create=True)
    if value is None:
        if element in block:
            del block[element]
    elif representation == "DT":
        block.add_new(element, "DT", "".join(c for c in str(value) if c.isdigit() or c == "."))
    else:
        block.add_new(element, representation, str(value))
