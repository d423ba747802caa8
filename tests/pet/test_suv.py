"""SUV against known truth: a flat object of SUV 1 written as every vendor and edition writes it, reference objects, real headers."""

import copy
import datetime
import json
import math
import tarfile

import numpy as np
import pydicom
import pytest

from photopeak.dicom.gather import gather
from photopeak.pet.suv import suv
from photopeak.phantom.as_dicom import write_volume
from photopeak.procedure import Refused
from photopeak.suv.body_size import body_mass_kg, body_surface_cm2
from photopeak.suv.suv_conversion import suv_conversion

HALF_LIFE, DOSE, WEIGHT = 6586.2, 370e6, 74.0
DECAY = math.log(2) / HALF_LIFE
HOUR = 3600.0
ATTENUATION_ONLY = ("NORM", "ATTN", "SCAT")


def header(**changed):
    """FDG given at 10:00, scan begun at 11:00, two beds; a changed entry that is None is left out."""
    plain = {
        "decay_correction": "START",
        "corrected_image": ("NORM", "ATTN", "SCAT", "DECY"),
        "series_time": "2026-03-02T11:00:00",
        "acquisition_times": ("2026-03-02T11:00:00", "2026-03-02T11:03:00"),
        "frame_durations_ms": (180000.0, 180000.0),
        "frame_reference_times_ms": tuple(1000 * (at + delay(180.0)) for at in (0.0, 180.0)),
        "injection_datetime": "2026-03-02T10:00:00",
        "injection_time": "10:00:00",
        "total_dose_bq": DOSE,
        "half_life_s": HALF_LIFE,
        "weight_kg": WEIGHT,
        "height_m": 1.80,
        "sex": "M",
        "image_type": ("ORIGINAL", "PRIMARY"),
        "nuclide_code": "C-111A1",
    }
    return {name: value for name, value in (plain | changed).items() if value is not None}


def delay(duration):
    exponent = DECAY * duration
    return math.log(exponent / (1 - math.exp(-exponent))) / DECAY


def converted(units="BQML", facts=None, vendor="", **changed):
    return suv_conversion(header(**changed), units, slices=2, facts=facts or {}, vendor=vendor)


EXPECTED = 1000 * WEIGHT / (DOSE * 2 ** (-HOUR / HALF_LIFE))


def codes(conversion):
    return [one.code for one in conversion.remarks]


def test_an_image_corrected_to_its_start_is_divided_by_the_activity_left_at_the_start():
    found = converted()
    assert found.factors == pytest.approx((EXPECTED,), rel=1e-12)
    assert found.reference.spread_s == pytest.approx(0, abs=2e-3)
    assert codes(found) == []


def test_an_image_corrected_to_the_administration_is_divided_by_the_activity_given():
    assert converted(decay_correction="ADMIN", injection_datetime=None, injection_time=None).factors == pytest.approx(
        (1000 * WEIGHT / DOSE,)
    )


def test_an_uncorrected_image_is_corrected_slice_by_slice_for_the_decay_before_and_during_its_frame():
    expected = [
        1000 * WEIGHT / DOSE * DECAY * 180 / (1 - math.exp(-DECAY * 180)) * math.exp(DECAY * (HOUR + at)) for at in (0, 180)
    ]
    found = converted(decay_correction="NONE", corrected_image=ATTENUATION_ONLY)
    assert found.factors == pytest.approx(expected, rel=1e-9)
    assert codes(converted(decay_correction="NONE")) == ["decay_correction_contradicts"]


@pytest.mark.parametrize(
    ("changed", "route"),
    [
        ({}, "series_time"),
        ({"series_time": "2026-03-02T15:00:00", "ge_scan_time": "2026-03-02T11:00:00"}, "ge_scan_time"),
        ({"series_time": "2026-03-02T15:00:00"}, "frame_reference_time"),
        ({"series_time": None}, "frame_reference_time"),
        (
            {"series_time": None, "frame_reference_times_ms": None, "siemens_decay_time": "2026-03-02T11:00:00"},
            "siemens_decay_time",
        ),
        ({"decay_correction_datetime": "2026-03-02T11:00:00", "series_time": None}, "decay_correction_datetime"),
    ],
)
def test_every_route_leads_to_the_same_reference(changed, route):
    found = converted(**changed)
    assert found.reference.route == route
    assert found.factors[0] == pytest.approx(EXPECTED, rel=1e-6)


def test_routes_that_differ_by_more_than_a_percent_are_told_and_the_first_is_kept():
    late = tuple(ms - 600_000 for ms in header()["frame_reference_times_ms"])
    found = converted(frame_reference_times_ms=late)
    assert codes(found) == ["reference_times_disagree"]
    assert found.reference.spread_s == pytest.approx(600, abs=0.01)
    assert found.factors[0] == pytest.approx(EXPECTED)
    near = tuple(ms - 60_000 for ms in header()["frame_reference_times_ms"])
    assert codes(converted(frame_reference_times_ms=near)) == []


def test_a_decay_factor_is_one_more_route_unless_it_is_the_placeholder_one():
    right = tuple(math.exp(DECAY * (at + delay(180.0))) for at in (0.0, 180.0))
    assert converted(decay_factors=right).reference.spread_s == pytest.approx(0, abs=2e-3)
    assert "decay_factor" not in converted(decay_factors=(1.0, 1.0)).reference.routes
    wrong = tuple(1.1 * one for one in right)
    assert codes(converted(decay_factors=wrong)) == ["reference_times_disagree"]


def test_ge_counts_the_frame_reference_to_the_start_of_the_frame_and_is_not_blamed_for_it():
    times = {"frame_reference_times_ms": (0.0, 180_000.0), "frame_durations_ms": (600_000.0, 600_000.0)}
    assert codes(converted(vendor="GE MEDICAL SYSTEMS", **times)) == []
    assert codes(converted(vendor="Other", **times)) == ["reference_times_disagree"]


@pytest.mark.parametrize(
    "changed",
    [
        # injected before midnight, the header has no date for it
        {
            "series_time": "2026-03-02T00:30:00",
            "acquisition_times": ("2026-03-02T00:30:00", "2026-03-02T00:33:00"),
            "injection_datetime": None,
            "injection_time": "23:30:00",
        },
        # the second bed began after midnight, without dates of acquisition
        {
            "series_time": "2026-03-02T23:58:00",
            "acquisition_times": ("23:58:00", "00:01:00"),
            "injection_datetime": "2026-03-02T22:58:00",
            "injection_time": "22:58:00",
        },
        # no dates at all
        {
            "series_time": "11:00:00",
            "acquisition_times": ("11:00:00", "11:03:00"),
            "injection_datetime": None,
        },
        # an anonymiser left the year 1 on the images
        {
            "series_time": "0001-01-01T11:00:00",
            "acquisition_times": ("0001-01-01T11:00:00", "0001-01-01T11:03:00"),
        },
        {"injection_datetime": None},
        {"injection_time": None},
        {"series_time": "11:00:00"},
    ],
)
def test_midnight_and_missing_dates_do_not_change_suv(changed):
    hour = converted(**changed)
    if changed.get("injection_time") == "23:30:00" or changed.get("series_time", "").endswith("23:58:00"):
        assert math.isclose((hour.reference.moment - hour.injected).total_seconds(), 3600)
    shorter = (hour.reference.moment - hour.injected).total_seconds()
    assert hour.factors[0] == pytest.approx(1000 * WEIGHT / (DOSE * 2 ** (-shorter / HALF_LIFE)))
    assert shorter == pytest.approx(3600, abs=1e-3)


def test_a_dose_in_mbq_a_weight_in_g_and_a_half_life_in_minutes_are_repaired_and_told():
    found = converted(total_dose_bq=DOSE / 1e6, weight_kg=WEIGHT * 1000, half_life_s=HALF_LIFE / 60)
    assert found.factors[0] == pytest.approx(EXPECTED, rel=1e-3)
    assert codes(found) == ["dose_in_mbq", "weight_in_g", "half_life_disagrees"]


@pytest.mark.parametrize("named", [{}, {"nuclide_code": None, "nuclide": "^18^Fluorine"}])
def test_a_missing_half_life_comes_from_the_nuclide(named):
    found = converted(half_life_s=None, **named)
    assert found.factors[0] == pytest.approx(EXPECTED, rel=1e-3)
    assert codes(found) == ["half_life_from_nuclide"]


def test_a_half_life_of_another_nuclide_is_told():
    assert codes(converted(nuclide_code="C-131A3")) == ["half_life_disagrees"]


def test_spect_stored_as_pet_is_converted_and_told():
    found = converted(nuclide_code=None, nuclide="^99m^Technetium", half_life_s=21624.0)
    assert codes(found) == ["spect_stored_as_pet"]


def test_the_manufacturers_counts_are_converted_by_suv_factor_or_by_activity_factor():
    by_suv = converted("CNTS", philips_suv_factor=0.0005, philips_suv_factors=(0.0005, 0.0005))
    assert (by_suv.factors, by_suv.per_becquerel) == ((0.0005,), False)
    by_activity = converted("CNTS", philips_suv_factor=0.0, philips_activity_factor=2.5)
    assert by_activity.factors[0] == pytest.approx(2.5 * EXPECTED)
    each = converted("CNTS", philips_activity_factors=(2.5, 5.0))
    assert each.factors == pytest.approx((2.5 * EXPECTED, 5.0 * EXPECTED))


@pytest.mark.parametrize("kind", ["LBM", "LBMJAMES128", "LBMJANMA", "IBW"])
@pytest.mark.parametrize("sex", ["M", "F", "O"])
def test_suv_by_another_body_measure_becomes_suv_by_weight(kind, sex):
    found = converted("GML", suv_type=kind, sex=sex)
    assert found.factors[0] == pytest.approx(WEIGHT / body_mass_kg(kind, WEIGHT, 180, sex))
    assert codes(found) == (["sex_not_stated"] if sex == "O" else [])
    assert converted("GML", suv_type=None).factors == (1.0,) == converted("GML", suv_type="BW").factors


def test_body_measures_have_their_published_values():
    """Expected by hand from the formulae, 74 kg and 180 cm."""
    assert body_mass_kg("LBM", 74, 180, "M") == pytest.approx(81.4 - 120 * (74 / 180) ** 2)
    assert body_mass_kg("LBMJAMES128", 74, 180, "M") == pytest.approx(59.7664, abs=1e-3)
    assert body_mass_kg("LBMJAMES128", 74, 180, "F") == pytest.approx(79.18 - 148 * (74 / 180) ** 2)
    assert body_mass_kg("LBMJANMA", 74, 180, "M") == pytest.approx(59.0683, abs=1e-3)
    assert body_mass_kg("IBW", 74, 180, "F") == pytest.approx(70.98)
    assert body_mass_kg("IBW", 74, 180, "O") == pytest.approx((70.98 + 77.68) / 2)
    assert body_surface_cm2(74, 180) == pytest.approx(19304, rel=2e-3)
    assert converted("CM2ML", suv_type="BSA").factors[0] == pytest.approx(74000 / body_surface_cm2(74, 180))


@pytest.mark.parametrize(
    ("units", "changed", "code"),
    [
        ("PROPCNTS", {}, "units_not_quantitative"),
        ("CPS", {}, "units_not_quantitative"),
        (None, {}, "units_not_quantitative"),
        ("CNTS", {}, "counts_without_factor"),
        ("CNTS", {"philips_suv_factor": 0.0, "philips_activity_factor": 0.0}, "counts_without_factor"),
        ("GML", {"suv_type": "BSA"}, "suv_type_unknown"),
        ("GML", {"suv_type": "LBM", "height_m": None}, "no_height"),
        ("GML", {"suv_type": "LBM", "weight_kg": None}, "no_weight"),
        ("CM2ML", {"height_m": 0.0}, "no_height"),
        ("BQML", {"corrected_image": ("NORM", "DECY")}, "not_attenuation_corrected"),
        ("GML", {"corrected_image": None}, "not_attenuation_corrected"),
        ("BQML", {"corrected_image": ATTENUATION_ONLY}, "not_decay_corrected"),
        ("BQML", {"corrected_image": ATTENUATION_ONLY, "decay_correction": "ADMIN"}, "not_decay_corrected"),
        ("BQML", {"decay_correction": None}, "decay_correction_unknown"),
        ("BQML", {"total_dose_bq": None}, "no_injected_activity"),
        ("BQML", {"total_dose_bq": 0.0}, "no_injected_activity"),
        ("BQML", {"weight_kg": 0.0}, "no_weight"),
        ("BQML", {"half_life_s": None, "nuclide_code": None}, "no_half_life"),
        ("BQML", {"injection_datetime": None, "injection_time": None}, "no_injection_time"),
        ("BQML", {"injection_datetime": "2026-03-02T12:00:00"}, "injection_time_impossible"),
        ("BQML", {"injection_datetime": "2024-03-02T10:00:00"}, "injection_time_impossible"),
        ("BQML", {"series_time": "2026-03-02T15:00:00", "frame_reference_times_ms": None}, "no_reference_time"),
        ("BQML", {"decay_correction": "NONE", "frame_durations_ms": None}, "no_frame_times"),
        ("BQML", {"image_type": ("DERIVED", "SECONDARY")}, "derived_image"),
        ("BQML", {"series_type": ("WHOLE BODY", "REPROJECTION")}, "derived_image"),
        ("BQML", {"counts_source": "TRANSMISSION"}, "transmission"),
        ("BQML", {"rescale_missing": True}, "no_rescale_slope"),
        ("BQML", {"disagreeing": ("PatientWeight",)}, "slices_disagree"),
        ("GML", {"suv_type": "LBM", "disagreeing": ("PatientWeight",)}, "slices_disagree"),
        # a time without a date that would lie 23 h before the scan of F-18: it is after the scan, and wrong
        ("BQML", {"injection_datetime": None, "injection_time": "11:40:00"}, "injection_time_impossible"),
        ("BQML", {"total_dose_bq": -370e6}, "no_injected_activity"),
        ("BQML", {"decay_correction": "LATER"}, "decay_correction_unknown"),
        # a date wrong by a day: 14 half-lives, at which nobody is scanned
        ("BQML", {"injection_datetime": "2026-03-01T10:00:00"}, "injection_time_impossible"),
        ("BQML", {"disagreeing": ("RadiopharmaceuticalStartTime",)}, "slices_disagree"),
        ("GML", {"disagreeing": ("SUVType",)}, "slices_disagree"),
        ("BQML", {"several_radiopharmaceuticals": True}, "several_administrations"),
    ],
)
def test_what_cannot_be_converted_is_refused_with_its_reason(units, changed, code):
    with pytest.raises(Refused) as refused:
        converted(units, **changed)
    assert refused.value.code == code


def test_an_image_corrected_to_the_administration_needs_neither_half_life_nor_time():
    found = converted(
        decay_correction="ADMIN", half_life_s=None, nuclide_code=None, disagreeing=("RadiopharmaceuticalStartDateTime",)
    )
    assert found.factors == pytest.approx((1000 * WEIGHT / DOSE,))


def test_an_acquisition_dated_before_its_series_was_processed_later_and_not_after_midnight():
    """Y-90, of whose decay a day is a quarter: the series was reconstructed on the next morning."""
    day = {"half_life_s": 230_400.0, "nuclide_code": None, "nuclide": "^90^Yttrium"}
    own = math.log(2) / 230_400.0
    references = tuple(1000 * (at + math.log(own * 180 / (1 - math.exp(-own * 180))) / own) for at in (0.0, 180.0))
    found = converted(series_time="2026-03-03T15:00:00", frame_reference_times_ms=references, **day)
    assert found.reference.route == "frame_reference_time"
    assert found.factors[0] == pytest.approx(1000 * WEIGHT / (DOSE * 2 ** (-HOUR / 230_400.0)), rel=1e-5)


def test_series_times_that_differ_from_slice_to_slice_are_no_reference():
    found = converted(series_time="2026-03-02T09:00:00", disagreeing=("SeriesTime",))
    assert found.reference.route == "frame_reference_time"
    assert found.factors[0] == pytest.approx(EXPECTED, rel=1e-6)


@pytest.mark.parametrize("changed", [{"total_dose_bq": 370e9}, {"weight_kg": 0.074}])
def test_an_activity_that_nobody_of_that_weight_is_given_is_told(changed):
    assert codes(converted(**changed)) == ["activity_for_weight_unlikely"]


def test_units_in_small_letters_are_the_same_units():
    assert converted("bqml", decay_correction="start").factors == pytest.approx((EXPECTED,))


def test_facts_go_before_the_header():
    at = datetime.datetime(2026, 3, 2, 9, 0)
    told = {"activity_mbq": 500.0, "assayed_at": at, "residual_mbq": 20.0, "weight_kg": 60.0}
    found = converted(facts=told, total_dose_bq=None, weight_kg=None, injection_datetime=None, injection_time=None)
    assert found.factors[0] == pytest.approx(60_000 / (480e6 * 2 ** (-2 * HOUR / HALF_LIFE)))


def test_a_series_written_to_disk_has_the_suv_it_was_built_with(tmp_path):
    values = np.zeros((6, 12, 12))
    values[1:5, 2:10, 2:10] = 5000.0
    values[2, 4, 4] = 20000.0
    write_volume(tmp_path, values, spacing_mm=(4.0, 4.0, 4.0))
    (evidence,) = gather([tmp_path]).evidence
    found = {m.where.get("statistic", m.quantity.name): m.value for m in suv(evidence).measurements}
    factor = 70_000 / (350e6 * 2 ** (-3600 / HALF_LIFE))
    assert found["suv_factor"] == pytest.approx(factor, rel=1e-6)
    assert found["median"] == found["min"] == pytest.approx(5000 * factor, rel=1e-4)
    assert found["max"] == pytest.approx(20000 * factor, rel=1e-4)


def object_of(tmp_path, **changed):
    """SUV 1 everywhere in six slices of a PET series on disk, from its reader's evidence on."""
    flat = np.full((6, 12, 12), 350e6 * 2 ** (-3600 / HALF_LIFE) / 70_000)
    files = write_volume(tmp_path / "series", flat, spacing_mm=(4.0, 4.0, 4.0), header=changed)
    return files, lambda: suv(gather([tmp_path / "series"]).evidence[0])


def median_of(result):
    return next(m.value for m in result.measurements if m.where.get("statistic") == "median")


def test_spect_stored_as_a_pet_object_is_read_from_disk_and_told(tmp_path):
    """Tc-99m in the class of a PET image, as some SPECT cameras export it: no positron fraction, no frame reference."""
    other = {"half_life_s": 21624.0, "radiopharmaceutical": "Tc-99m MDP", "FrameReferenceTime": None, "DecayFactor": None}
    files, measure = object_of(tmp_path, **other)
    for path in files:
        dataset = pydicom.dcmread(path)
        item = dataset.RadiopharmaceuticalInformationSequence[0]
        del item.RadionuclidePositronFraction, item.RadiopharmaceuticalCodeSequence
        (code,) = item.RadionuclideCodeSequence
        code.CodeValue, code.CodeMeaning = "C-163A8", "^99m^Technetium"
        dataset.save_as(path)
    result = measure()
    expected = 2 ** (-3600 / HALF_LIFE) / 2 ** (-3600 / 21624.0)
    assert median_of(result) == pytest.approx(expected, rel=1e-4)
    assert [one.code for one in result.remarks] == ["spect_stored_as_pet"]


@pytest.mark.parametrize(
    ("keyword", "value", "code"),
    [
        ("PatientWeight", 95, "slices_disagree"),
        ("RescaleSlope", None, "no_rescale_slope"),
        ("dose", 100e6, "slices_disagree"),
        ("given", "20260105070000", "slices_disagree"),
    ],
)
def test_one_slice_that_says_otherwise_spoils_the_series(tmp_path, keyword, value, code):
    files, measure = object_of(tmp_path)
    for path in files if value is None else files[:1]:
        dataset = pydicom.dcmread(path)
        if keyword == "dose":
            dataset.RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose = value
        elif keyword == "given":
            dataset.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime = value
        elif value is None:
            del dataset.RescaleSlope, dataset.RescaleIntercept
        else:
            setattr(dataset, keyword, value)
        dataset.save_as(path)
    with pytest.raises(Refused) as refused:
        measure()
    assert refused.value.code == code


def test_an_injection_written_in_another_time_zone_is_brought_to_the_clock_of_the_images(tmp_path):
    files, measure = object_of(tmp_path)
    for path in files:
        dataset = pydicom.dcmread(path)
        dataset.TimezoneOffsetFromUTC = "+0800"
        dataset.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartDateTime = "20260105000000.000000+0000"
        dataset.save_as(path)
    result = measure()
    assert median_of(result) == pytest.approx(1.0, rel=1e-4)
    assert result.remarks == ()


@pytest.mark.parametrize(("dose", "code"), [(None, None), (100e6, "several_administrations")])
def test_two_administrations_are_refused_and_one_written_twice_is_one(tmp_path, dose, code):
    files, measure = object_of(tmp_path)
    for path in files:
        dataset = pydicom.dcmread(path)
        other = copy.deepcopy(dataset.RadiopharmaceuticalInformationSequence[0])
        other.RadionuclideTotalDose = dose or other.RadionuclideTotalDose
        dataset.RadiopharmaceuticalInformationSequence.append(other)
        dataset.save_as(path)
    if code is None:
        assert median_of(measure()) == pytest.approx(1.0, rel=1e-4)
        return
    with pytest.raises(Refused) as refused:
        measure()
    assert refused.value.code == code


def test_a_series_without_its_radiopharmaceutical_is_refused(tmp_path):
    _, measure = object_of(tmp_path, RadiopharmaceuticalInformationSequence=None)
    with pytest.raises(Refused) as refused:
        measure()
    assert refused.value.code in ("no_half_life", "no_injected_activity")


def test_an_activity_of_less_than_a_megabecquerel_is_told():
    assert codes(converted(total_dose_bq=370e3)) == ["dose_very_low"]


def enhanced_object(path, values, units="Bq/ml", **elements):
    """An Enhanced PET object of the flat series: one frame a slice, each with its moment, its slope and `units` (UCUM)."""
    dataset = pydicom.dcmread(write_volume(path.parent / "source", values, spacing_mm=(4.0, 4.0, 4.0))[0])
    stored, groups = [], []
    for index, plane in enumerate(values):
        slope = (1 + index) * float(values.max()) / 60000
        stored.append(np.rint(plane / slope).astype(np.uint16))
        group, position, content, mapping, unit = (pydicom.Dataset() for _ in range(5))
        position.ImagePositionPatient = [0.0, 0.0, 4.0 * index]
        content.FrameAcquisitionDateTime = f"2026010509{index:02d}00"
        content.FrameReferenceDateTime = f"2026010509{index:02d}30"
        content.FrameAcquisitionDuration = 60000.0
        unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = units, "UCUM", units
        mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, 0.0
        mapping.MeasurementUnitsCodeSequence = [unit]
        group.PlanePositionSequence, group.FrameContentSequence = [position], [content]
        group.RealWorldValueMappingSequence = [mapping]
        groups.append(group)
    shared, orientation, measures = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    orientation.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    measures.PixelSpacing = [4.0, 4.0]
    shared.PlaneOrientationSequence, shared.PixelMeasuresSequence = [orientation], [measures]
    for name in ["Units", "RescaleSlope", "RescaleIntercept", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "CorrectedImage", "DecayCorrection", "DecayFactor", "FrameReferenceTime", "ActualFrameDuration", "AcquisitionTime", "AcquisitionDate"]:  # fmt: skip
        delattr(dataset, name)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.130"
    dataset.NumberOfFrames = len(values)
    dataset.PatientSex, dataset.AttenuationCorrected, dataset.DecayCorrected = "M", "YES", "YES"
    dataset.DecayCorrectionDateTime = "20260105090000"
    for name, value in elements.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    dataset.PerFrameFunctionalGroupsSequence, dataset.SharedFunctionalGroupsSequence = groups, [shared]
    dataset.PixelData = np.array(stored).tobytes()
    dataset.save_as(path)
    (evidence,) = gather([path]).evidence
    return evidence


ACTIVITY_LEFT = 350e6 * 2 ** (-3600 / HALF_LIFE) / 70_000
FLAT = np.full((4, 10, 10), ACTIVITY_LEFT)


def test_an_enhanced_object_corrected_to_a_stated_moment_has_its_suv(tmp_path):
    result = suv(enhanced_object(tmp_path / "e.dcm", FLAT))
    assert median_of(result) == pytest.approx(1.0, rel=1e-4)
    later = suv(enhanced_object(tmp_path / "f.dcm", FLAT, DecayCorrectionDateTime="20260105093000"))
    assert median_of(later) == pytest.approx(2 ** (1800 / HALF_LIFE), rel=1e-4)


def test_an_enhanced_object_that_is_not_decay_corrected_is_corrected_frame_by_frame(tmp_path):
    decayed = FLAT * 2 ** (-(60.0 * np.arange(4) + 30.0) / HALF_LIFE)[:, None, None]
    result = suv(enhanced_object(tmp_path / "e.dcm", decayed, DecayCorrected="NO", DecayCorrectionDateTime=None))
    found = {m.where.get("statistic"): m.value for m in result.measurements}
    assert found["min"] == pytest.approx(1.0, rel=2e-4)
    assert found["max"] == pytest.approx(1.0, rel=2e-4)


def test_an_enhanced_object_corrected_to_the_administration_is_not_blamed_for_its_series_time(tmp_path):
    result = suv(enhanced_object(tmp_path / "e.dcm", FLAT, "Bq/mL", DecayCorrectionDateTime="20260105080000"))
    assert median_of(result) == pytest.approx(2 ** (-3600 / HALF_LIFE), rel=1e-4)
    assert result.remarks == ()


@pytest.mark.parametrize(
    ("units", "kind"),
    [
        ("g/ml{SUVbw}", None),
        ("g/ml{SUVlbm(James128)}", "LBMJAMES128"),
        ("g/ml{SUVlbm(Janma)}", "LBMJANMA"),
        ("g/ml{SUVibw}", "IBW"),
    ],
)
def test_an_enhanced_object_in_suv_by_any_measure_becomes_suv_by_weight(tmp_path, units, kind):
    expected = 1.0 if kind is None else 70 / body_mass_kg(kind, 70, 175, "M")
    assert median_of(suv(enhanced_object(tmp_path / "e.dcm", np.ones((4, 10, 10)), units))) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize(
    ("units", "changed", "code"),
    [
        ("{propcounts}", {}, "units_not_quantitative"),
        ("{counts}/s", {}, "units_not_quantitative"),
        ("{counts}", {}, "counts_without_factor"),
        ("Bq/ml", {"AttenuationCorrected": "NO"}, "not_attenuation_corrected"),
        ("Bq/ml", {"DecayCorrected": None}, "decay_correction_unknown"),
        ("Bq/ml", {"PatientWeight": None}, "no_weight"),
    ],
)
def test_an_enhanced_object_that_allows_no_suv_is_refused(tmp_path, units, changed, code):
    evidence = enhanced_object(tmp_path / "e.dcm", FLAT, units, **changed)
    with pytest.raises(Refused) as refused:
        suv(evidence)
    assert refused.value.code == code


def test_an_empty_image_is_refused(evidence_of):
    with pytest.raises(Refused):
        suv(evidence_of(np.zeros((6, 6, 6)), (2, 2, 2)))


def test_the_reference_objects_have_cold_median_and_hot_as_published(shared, tmp_path):
    with tarfile.open(shared / "data" / "suv_objects" / "suv_objects.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    folders = sorted(folder for folder in tmp_path.iterdir() if folder.is_dir())
    assert len(folders) == 8
    for folder in folders:
        (evidence,) = gather([folder / "PT"]).evidence
        found = {m.where.get("statistic"): m.value for m in suv(evidence).measurements}
        expected = {"min": 0.20, "median": 1.00, "max": 4.00}
        assert {key: round(found[key], 2) for key in expected} == expected, folder.name


REAL = {
    "SIEMENS": 0.00042748316187197236,
    "GE_MEDICAL_AND_BQML": 0.0005367387681819742,
    "PHILIPS_BQML": 0.0007463747013889488,
}


@pytest.mark.parametrize("name", REAL)
def test_real_headers_of_three_vendors_have_the_factor_their_vendors_state(shared, tmp_path, name):
    """PT slices are built round the real headers."""
    instances = json.loads((shared / "data" / "suv_headers" / f"{name}-instances.json").read_text("utf-8"))
    (folder,) = [tmp_path / name]
    files = write_volume(folder, np.full((len(instances), 8, 8), 1000.0), spacing_mm=(3.0, 4.0, 4.0))
    import pydicom

    for file, found in zip(files, instances):
        dataset = pydicom.dcmread(file)
        del dataset.DecayFactor  # of the phantom, not of the header
        item = dataset.RadiopharmaceuticalInformationSequence[0]
        for keyword, value in found.items():
            if keyword == "PhilipsPETPrivateGroup":
                continue
            own = item if keyword.startswith("Radio") else dataset
            setattr(own, keyword, value.strip() if isinstance(value, str) else value)
        dataset.save_as(file)
    (evidence,) = gather([folder]).evidence
    result = suv(evidence)
    factor = next(m.value for m in result.measurements if m.quantity.name == "suv_factor")
    assert factor == pytest.approx(REAL[name], rel=1e-6)
    assert ("reference_times_disagree" in [one.code for one in result.remarks]) == (name == "PHILIPS_BQML")


def test_the_real_phantom_series_is_converted_and_the_proportional_counts_are_refused(shared):
    (siemens,) = gather([shared / "data" / "pet" / "siemens_nema_iq"]).evidence
    found = {m.where.get("statistic", m.quantity.name): m.value for m in suv(siemens).measurements}
    assert found["suv_factor"] == pytest.approx(10_000 / (35.1e6 * 2 ** (-(86 * 60 + 30) / HALF_LIFE)), rel=1e-6)
    (ge,) = gather([shared / "data" / "pet" / "ge_uniform_cylinder_propcnts"]).evidence
    with pytest.raises(Refused) as refused:
        suv(ge)
    assert refused.value.code == "units_not_quantitative"
