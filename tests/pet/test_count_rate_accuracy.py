"""A decaying cylinder, decay-corrected, whose high-rate frames read low by a known amount."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from photopeak.check import check, with_companions
from photopeak.dicom.gather import gather
from photopeak.pet.count_rate_accuracy import accepts, count_rate_accuracy
from photopeak.phantom.iec_body import noisy
from photopeak.phantom.patient import Patient
from photopeak.phantom.pet_cylinder import PetCylinder, pet_decay_files
from photopeak.procedure import Refused

SPACING, SHAPE, STEP_S = (4.0, 4.0, 4.0), (20, 64, 64), 3600
PHANTOM = PetCylinder(shape=SHAPE, spacing_mm=SPACING, centre_mm=(38.0, 126.0, 125.0), length_mm=700.0, bq_per_ml=40_000.0)
ERRORS = (-6.0, -3.0, -1.0, 0.0, 0.0, 0.0)


IMAGE = PHANTOM.image()


def series(evidence_of, noise=0.0, seed=0, correction="START"):
    frames = []
    for n, error in enumerate(ERRORS):
        values = IMAGE * np.float32(1 + error / 100)
        if correction == "NONE":
            values = values * 2 ** (-n * STEP_S / 6586.2)
        if noise:
            values = noisy(values, SPACING, noise_percent=noise, seed=(seed, n))
        header = {
            "decay_correction": correction,
            "half_life_s": 6586.2,
            "acquisition_times": (f"2026-01-05T{9 + n:02d}:00:00",) * SHAPE[0],
        }
        frames.append(replace(evidence_of(values, SPACING), header=header))
    return replace(frames[0], facts={"later_frames": tuple(frames[1:])})


def line_series(evidence_of, noise=0.0, seed=0):
    """A line source 45 mm from the axis of an empty field, as in the scatter phantom."""
    y, x = (np.arange(64) * 4.0 - 126.0 for _ in range(2))
    spot = np.exp(-((y[:, None] - 45.0) ** 2 + x[None, :] ** 2) / (2 * 3.0**2)) * 40_000
    image = np.broadcast_to(spot, SHAPE).astype(np.float32)
    filled = series(evidence_of)
    frames = []
    for n, (one, error) in enumerate(zip((filled, *filled.facts["later_frames"]), ERRORS)):
        values = image * np.float32(1 + error / 100)
        values = noisy(values, SPACING, noise_percent=noise, seed=(seed, n)) if noise else values
        frames.append(replace(one, images=replace(one.images, values=values), facts={}))
    return replace(frames[0], facts={"later_frames": tuple(frames[1:])})


def test_the_line_source_of_the_scatter_phantom_is_read_as_well(evidence_of, table_of):
    assert accepts(line_series(evidence_of)) is None
    found = table_of(count_rate_accuracy(line_series(evidence_of)))
    for frame, truth in enumerate(ERRORS, 1):
        assert found["count_rate_error", frame, "mean"][0] == pytest.approx(truth, abs=1e-3)


def test_the_noise_of_a_line_source_is_told_from_its_slices(evidence_of, table_of):
    held = []
    for seed in range(40):
        found = table_of(count_rate_accuracy(line_series(evidence_of, noise=8.0, seed=seed)))
        for frame, truth in enumerate(ERRORS, 1):
            value, u = found["count_rate_error", frame, "mean"]
            held.append(abs(value - truth) <= 2 * u)
    assert 0.88 <= np.mean(held) <= 0.99


@pytest.mark.parametrize("correction", ["START", "NONE"])
def test_known_losses_are_the_errors_found(evidence_of, table_of, correction):
    found = table_of(count_rate_accuracy(series(evidence_of, correction=correction)))
    for frame, truth in enumerate(ERRORS, 1):
        assert found["count_rate_error", frame, "mean"][0] == pytest.approx(truth, abs=1e-3)
    assert found["count_rate_error_max",][0] == pytest.approx(6.0, abs=1e-3)


def test_only_the_concentrations_in_use_count_for_the_largest_error(evidence_of, table_of):
    found = table_of(count_rate_accuracy(series(evidence_of), up_to_kbq_ml=30.0))
    assert found["count_rate_error_max",][0] == pytest.approx(3.0, abs=1e-3)


@cache
def held(draws, evidence_of, table_of):
    """Share of noisy series whose ± 2u holds the truth: built in for means, the mean of the draws for extremes."""
    found = {}
    for seed in range(draws):
        for key, pair in table_of(count_rate_accuracy(series(evidence_of, noise=8.0, seed=seed))).items():
            found.setdefault(key, []).append(pair)
    shares = {}
    for key, pairs in found.items():
        values = np.array(pairs)
        truth = ERRORS[key[1] - 1] if key[2:] == ("mean",) else values[:, 0].mean()
        shares[key] = float(np.mean(np.abs(values[:, 0] - truth) <= 2 * values[:, 1]))
    return shares


def test_the_stated_uncertainties_hold_the_truth(evidence_of, table_of):
    for key, share in held(20, evidence_of, table_of).items():
        assert share >= 0.75, key


@pytest.mark.full
def test_two_thousand_series_are_covered_as_often_as_stated(evidence_of, table_of):
    for key, share in held(2000, evidence_of, table_of).items():
        assert 0.93 <= share <= 0.97, (key, share)


def test_the_extremes_without_noise_are_those_built_in(evidence_of, table_of):
    evidence = series(evidence_of)
    values = evidence.images.values.copy()
    values[7] *= 0.98
    values[11] *= 1.03
    found = table_of(count_rate_accuracy(replace(evidence, images=replace(evidence.images, values=values))))
    assert found["count_rate_error", 1, "lowest"][0] == pytest.approx(100 * (0.94 * 0.98 - 1), abs=1e-3)
    assert found["count_rate_error", 1, "highest"][0] == pytest.approx(100 * (0.94 * 1.03 - 1), abs=1e-3)
    assert found["count_rate_error_max",][0] == pytest.approx(7.88, abs=1e-3)


def test_a_dynamic_series_on_disk_is_put_together(tmp_path, table_of):
    pet_decay_files(tmp_path, slices=12)
    evidence = with_companions(gather([tmp_path]).evidence)
    suitable = [one for one in evidence if accepts(one) is None]
    assert len(suitable) == 1
    result = count_rate_accuracy(suitable[0])
    found = table_of(result)
    assert found["count_rate_error", 1, "mean"][0] == pytest.approx(-5.0, abs=0.6)
    assert len(result.figures()) == 1


def test_the_frames_of_a_count_rate_test_are_measured_together_and_not_singly(tmp_path):
    pet_decay_files(tmp_path, slices=8)
    examined = check([tmp_path]).examined
    assert len([one for one in examined if one.procedure.name == "pet.count_rate_accuracy"]) == 1
    assert {one.evidence.header["time_position"] for one in examined} == {1}


def test_a_dynamic_study_of_a_patient_is_no_count_rate_test(evidence_of):
    evidence = series(evidence_of)
    patient = Patient(shape=(20, 64, 64), spacing_mm=(40.0, 8.0, 8.0)).image()
    assert accepts(replace(evidence, images=replace(evidence.images, values=patient, spacing_mm=(40.0, 8.0, 8.0))))


def test_too_few_frames_or_a_small_object_are_refused(evidence_of):
    evidence = series(evidence_of)
    with pytest.raises(Refused):
        count_rate_accuracy(replace(evidence, facts={}))
    small = replace(PHANTOM, radius_mm=60.0).image()
    narrow = replace(evidence, images=replace(evidence.images, values=small))
    with pytest.raises(Refused):
        count_rate_accuracy(narrow)
