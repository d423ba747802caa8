"""A digital patient of known uptake and protocol; its liver must be found by itself, wherever it lies and whatever its scale."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from photopeak.check import with_companions
from photopeak.dicom.gather import gather
from photopeak.evidence import Volume
from photopeak.pet.liver import find_body, find_liver
from photopeak.pet.patient_quality import accepts, patient_quality
from photopeak.phantom.iec_body import noisy
from photopeak.phantom.patient import ORGANS, Patient, patient_files
from photopeak.procedure import Refused

SMALL = Patient(shape=(225, 100, 100), spacing_mm=(4.0, 5.0, 5.0))
SLICES = SMALL.shape[0]
HEADER = {
    "decay_correction": "ADMIN",
    "corrected_image": ("ATTN", "DECY"),
    "series_time": "2026-01-05T09:00:00",
    "acquisition_times": ("2026-01-05T09:02:00",) * SLICES,
    "frame_durations_ms": (120_000.0,) * SLICES,
    "injection_datetime": "2026-01-05T08:00:00",
    "half_life_s": 6586.2,
    "total_dose_bq": 250e6,
    "weight_kg": 70.0,
    "height_m": 1.75,
    "sex": "M",
    "radiopharmaceutical": "Fluorodeoxyglucose",
}


@cache
def image(patient=SMALL):
    return patient.image() * (250e6 / 70_000)


def study_of(evidence_of, values, patient=SMALL, **changed):
    evidence = evidence_of(values, patient.spacing_mm)
    images = replace(evidence.images, origin_mm=patient.origin_mm)
    return replace(evidence, images=images, header={k: v for k, v in {**HEADER, **changed}.items() if v is not None})


def where_mm(patient, liver):
    x, y, z = (o + c * s for o, c, s in zip(patient.origin_mm, liver.centre[::-1], patient.spacing_mm[::-1]))
    return x, y, z


def codes(result):
    return [one.code for one in result.remarks]


def test_protocol_and_liver_have_the_values_the_patient_was_built_with(evidence_of, table_of):
    result = patient_quality(study_of(evidence_of, image()))
    found = table_of(result)
    assert found["uptake_time", "18F-FDG"][0] == pytest.approx(62.0)
    assert found["activity_per_weight",][0] == pytest.approx(250 / 70)
    assert found["activity_time_product",][0] == pytest.approx(250 / 70 * 2)
    assert found["liver_suv_mean",][0] == pytest.approx(2.2, rel=0.005)
    assert codes(result) == []
    assert len(result.figures()) == 2


@pytest.mark.parametrize(
    "changed", [{}, {"shift_mm": 30.0}, {"scale": 0.07}, {"uptakes": {"liver": 1.4}}, {"uptakes": {"brain": 3.0}}]
)
def test_the_sphere_lies_wholly_in_the_liver(evidence_of, changed):
    patient = replace(SMALL, shape=(150, 80, 80), spacing_mm=(6.0, 6.0, 6.0), **changed)
    evidence = study_of(evidence_of, patient.image(), patient)
    liver = find_liver(evidence.images, find_body(evidence.images))
    x, y, z = where_mm(patient, liver)
    middle = patient.liver_centre_mm()
    below, back, left = ORGANS["liver"].half
    offsets = ((x - middle[0]) / (left - 15), (y - middle[1]) / (back - 15), (z - middle[2]) / (below - 15))
    assert math.hypot(*offsets) < 1


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_direction_in_which_slices_are_stored_does_not_matter(evidence_of, table_of, axis):
    evidence = study_of(evidence_of, image())
    volume = evidence.images
    directions = [list(one) for one in volume.directions]
    far = np.array(volume.origin_mm) + (SMALL.shape[axis] - 1) * SMALL.spacing_mm[axis] * np.array(directions[axis])
    directions[axis] = [-one for one in directions[axis]]
    turned = replace(
        volume,
        values=np.ascontiguousarray(np.flip(volume.values, axis)),
        origin_mm=tuple(far),
        directions=tuple(tuple(one) for one in directions),
    )
    found = table_of(patient_quality(replace(evidence, images=turned)))
    assert found["liver_suv_mean",][0] == pytest.approx(2.2, rel=0.005)


def test_a_wrong_dose_is_noticed(evidence_of):
    wrong_weight = codes(patient_quality(study_of(evidence_of, image(), weight_kg=7.0)))
    assert wrong_weight == ["suv_implausible", "weight_does_not_fit_body"]
    wrong_dose = codes(patient_quality(study_of(evidence_of, image(), total_dose_bq=2500e6)))
    assert wrong_dose == ["suv_implausible", "activity_does_not_fit"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"weight_kg": 30.0}, "weight_does_not_fit_body"),
        ({"weight_kg": 200.0}, "weight_does_not_fit_body"),
        ({"total_dose_bq": 120e6}, "activity_does_not_fit"),
        ({"total_dose_bq": 700e6}, "activity_does_not_fit"),
    ],
)
def test_a_weight_or_an_activity_out_of_proportion_to_the_body_is_noticed(evidence_of, changed, code):
    assert code in codes(patient_quality(study_of(evidence_of, image(), **changed)))


def test_noise_equivalent_counts_follow_from_prompts_delayed_and_scatter(evidence_of, table_of):
    beds = np.repeat(np.arange(5), SLICES // 5)
    counts = {
        "prompts_counts": tuple(20e6 + 1e6 * beds),
        "delayed_counts": tuple(8e6 + 0.0 * beds),
        "scatter_fractions": (0.35,) * SLICES,
        "acquisition_times": tuple(f"2026-01-05T09:0{bed}:00" for bed in beds),
    }
    found = table_of(patient_quality(study_of(evidence_of, image(), **counts)))
    expected = sum(0.65**2 * (p - 8e6) ** 2 / p for p in (20e6, 21e6, 22e6, 23e6, 24e6))
    assert found["nec_per_length",][0] == pytest.approx(expected / 0.9, rel=1e-6)
    body = find_body(study_of(evidence_of, image()).images)
    assert found["nec_density",][0] == pytest.approx(expected / body.volume_ml)
    true_ml = float((SMALL.image() > 0.25).sum() * np.prod(SMALL.spacing_mm) / 1000)
    assert body.volume_ml == pytest.approx(true_ml, rel=0.08)


def test_a_follow_up_is_compared_with_the_stated_earlier_study(evidence_of, table_of):
    found = table_of(
        patient_quality(
            study_of(evidence_of, image()), baseline_uptake_min=75.0, baseline_liver_sul=2.0, baseline_activity_mbq=200.0
        )
    )
    sul = found["liver_sul",][0]
    assert found["uptake_time_difference", "18F-FDG", "follow_up"][0] == pytest.approx(-13.0)
    assert found["liver_sul_difference", "follow_up"][0] == pytest.approx(100 * abs(sul - 2.0) / max(sul, 2.0))
    assert found["injected_activity_difference", "follow_up"][0] == pytest.approx(25.0)


@cache
def study(draws, evidence_of, table_of):
    patient = Patient(shape=(64, 80, 80), spacing_mm=(6.0, 6.0, 6.0))
    whole = Patient(shape=(150, 80, 80), spacing_mm=(6.0, 6.0, 6.0)).image()
    part = whole[30:94] * (250e6 / 70_000)  # chest to pelvis
    found = {}
    for draw in range(draws):
        values = noisy(part, patient.spacing_mm, noise_percent=12.0, seed=(3, draw), fwhm_mm=8.0)
        evidence = study_of(evidence_of, values, patient, acquisition_times=None, frame_durations_ms=None)
        for key, pair in table_of(patient_quality(evidence)).items():
            found.setdefault(key, []).append(pair)
    return found


def holds(found, key, truth):
    values = np.array(found[key])
    return float(np.mean(np.abs(values[:, 0] - truth) <= 2 * values[:, 1]))


def test_the_stated_uncertainty_of_the_liver_holds_the_truth(evidence_of, table_of):
    found = study(14, evidence_of, table_of)
    assert holds(found, ("liver_suv_mean",), 2.2) >= 0.75
    assert holds(found, ("liver_cov",), 12.0) >= 0.75


@pytest.mark.full
@pytest.mark.parametrize(("quantity", "truth"), [("liver_suv_mean", 2.2), ("liver_cov", 12.0), ("liver_snr", 100 / 12)])
def test_two_thousand_draws_of_the_liver_are_covered_as_often_as_stated(quantity, truth, evidence_of, table_of):
    assert 0.93 <= holds(study(2000, evidence_of, table_of), (quantity,), truth) <= 0.97


def test_a_series_written_to_disk_is_measured(tmp_path, table_of):
    patient_files(tmp_path, slices=150, matrix=72, voxel_mm=8.0, uptake_min=70.0, noise_percent=5.0)
    (evidence,) = gather([tmp_path]).evidence
    found = table_of(patient_quality(evidence))
    assert found["uptake_time", "18F-FDG"][0] == pytest.approx(70.0, abs=0.01)
    assert found["activity_time_product",][0] == pytest.approx(250 / 70 * 2.5)


def test_a_ct_in_another_frame_and_a_cut_off_body_are_noticed(evidence_of):
    evidence = study_of(evidence_of, image(), study_uid="1.2", frame_of_reference_uid="1.2.3")
    ct = replace(
        evidence,
        kind="ct_volume",
        header={"study_uid": "1.2", "frame_of_reference_uid": "1.2.4"},
        images=Volume(values=np.full((50, 20, 20), 40, np.float32), spacing_mm=(5.0, 10.0, 10.0)),
    )
    (pet, _) = with_companions([evidence, ct])
    assert codes(patient_quality(pet)) == ["frame_of_reference_differs"]
    same = replace(ct, header={"study_uid": "1.2", "frame_of_reference_uid": "1.2.3"})
    (pet, _) = with_companions([evidence, same])
    assert codes(patient_quality(pet)) == ["ct_truncated"]
    narrow = image()[:, :, 35:65]
    assert "body_at_edge" in codes(patient_quality(study_of(evidence_of, narrow)))


def test_phantoms_and_empty_images_are_no_patients(evidence_of):
    assert accepts(evidence_of(np.ones((40, 50, 50)), (4.0, 4.0, 4.0)))
    assert accepts(study_of(evidence_of, image())) is None
    with pytest.raises(Refused):
        patient_quality(evidence_of(np.zeros((100, 50, 50)), (4.0, 4.0, 4.0)))
    with pytest.raises(Refused):
        patient_quality(replace(study_of(evidence_of, image()), header={**HEADER, "total_dose_bq": 0.0}))
