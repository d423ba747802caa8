"""The cylinder's numbers against its truth: concentration, bias and SUV, and each way to state uniformity."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.pet.cylinder_uniformity import by_slices, by_squares, five_regions, integral_along, integral_by_slice
from photopeak.pet.uniform_cylinder import accepts, uniform_cylinder
from photopeak.phantom.iec_body import noisy
from photopeak.phantom.patient import Patient
from photopeak.phantom.pet_cylinder import PetCylinder, pet_cylinder_files
from photopeak.procedure import Refused

SPACING, SHAPE = (4.0, 4.0, 4.0), (30, 64, 64)
PHANTOM = PetCylinder(shape=SHAPE, spacing_mm=SPACING, centre_mm=(58.9, 127.1, 124.6))
HEADER = {
    "decay_correction": "START",
    "corrected_image": ("ATTN", "DECY"),
    "series_time": "2026-01-05T09:00:00",
    "acquisition_times": ("2026-01-05T09:00:00",) * SHAPE[0],
    "injection_datetime": "2026-01-05T08:00:00",
    "half_life_s": 6586.2,
    "total_dose_bq": 5300 * PHANTOM.volume_ml * 2 ** (3600 / 6586.2),
    "weight_kg": PHANTOM.volume_ml / 1000,
}


def measured(evidence_of, table_of, phantom=PHANTOM, values=None, **changed):
    values = phantom.image() if values is None else values
    return table_of(uniform_cylinder(replace(evidence_of(values, SPACING), header={**HEADER, **changed})))


@pytest.mark.parametrize("calibration", [0.9, 1.0, 1.07])
def test_a_wrong_calibration_is_the_bias_that_is_found(evidence_of, table_of, calibration):
    found = measured(evidence_of, table_of, replace(PHANTOM, calibration=calibration))
    assert found["calibration_bias",][0] == pytest.approx(100 * (calibration - 1), abs=0.01)
    assert found["suv_mean", "uniform_cylinder"][0] == pytest.approx(calibration, rel=1e-4)
    assert found["cylinder_concentration",][0] == pytest.approx(5300 * calibration, rel=1e-4)


@pytest.mark.parametrize("slope", [0.0, 6.0])
@pytest.mark.parametrize("cupping", [0.0, 5.0])
def test_a_known_slope_and_cupping_are_found(evidence_of, table_of, slope, cupping):
    found = measured(evidence_of, table_of, replace(PHANTOM, slope_percent=slope, cupping_percent=cupping))
    at = slope / 100 * (np.arange(SHAPE[0]) / (SHAPE[0] - 1) - 0.5)
    inner = at[2:-2]  # the slices within 8 mm of either end are left out
    expected = 100 * np.abs((1 + inner) / (1 + inner).mean() - 1).max()
    assert found["uniformity", "eanm2023"][0] == pytest.approx(expected, abs=0.25)
    edge = cupping / 100 * ((100 - 25) ** 2 + 15**2 / 2) / 100**2
    centre = cupping / 100 * (15**2 / 2) / 100**2
    mean = (4 * edge + centre) / 5
    assert found["uniformity", "five_regions"][0] == pytest.approx(100 * (mean - centre) / (1 + mean), abs=0.12)
    assert found["uniformity", "tg126_slice"][0] == pytest.approx(100 * (edge - centre) / (2 + edge + centre), abs=0.12)


def test_each_way_has_its_value_on_numbers_worked_by_hand():
    discs = np.array([[1.0, 1.1, 1.0, 0.9, 1.0], [1.0, 1.0, 1.2, 1.0, 0.8]])
    assert five_regions(discs) == pytest.approx(10.0)  # means 1, 1.05, 1.1, 0.95, 0.9
    assert integral_by_slice(discs) == pytest.approx(20.0)
    assert integral_along(np.array([[1.0] * 5, [1.1] * 5])) == pytest.approx(100 * 0.1 / 2.1)
    assert by_squares(np.array([[1.0, 1.3, 0.7, 1.0]])) == pytest.approx(30.0)
    assert by_slices(np.array([0.9, 1.0, 1.1])) == pytest.approx(10.0)


def test_facts_go_before_the_header(evidence_of, table_of):
    evidence = replace(evidence_of(PHANTOM.image(), SPACING), header=HEADER)
    told = {"volume_ml": PHANTOM.volume_ml * 1.02}
    found = table_of(uniform_cylinder(replace(evidence, facts=told)))
    assert found["calibration_bias",][0] == pytest.approx(2.0, abs=0.01)


TRUTHS = {("calibration_bias",): 0.0, ("suv_mean", "uniform_cylinder"): 1.0, ("cylinder_concentration",): 5300.0}


@cache
def study(draws, evidence_of, table_of):
    image, found = PHANTOM.image(), {}
    for draw in range(draws):
        values = noisy(image, SPACING, noise_percent=8.0, seed=(5, draw))
        for key, pair in measured(evidence_of, table_of, values=values).items():
            found.setdefault(key, []).append(pair)
    return found


def holds(found, key, truth=None):
    """Share of the draws within 2 u of the truth; of statistics that noise biases, that is the mean of the draws."""
    values = np.array(found[key])
    truth = values[:, 0].mean() if truth is None else truth
    return float(np.mean(np.abs(values[:, 0] - truth) <= 2 * values[:, 1]))


def test_the_stated_uncertainty_of_the_bias_holds_the_truth(evidence_of, table_of):
    found = study(40, evidence_of, table_of)
    bias = np.array(found["calibration_bias",])
    assert bias[:, 0].mean() == pytest.approx(0, abs=4 * bias[:, 1].mean() / math.sqrt(40))
    assert bias[:, 0].std(ddof=1) == pytest.approx(bias[:, 1].mean(), rel=0.3)
    for key in found:
        assert holds(found, key, TRUTHS.get(key)) >= 0.8, key


def test_without_a_fault_nothing_is_left_of_the_uniformity_when_noise_is_taken_off(evidence_of):
    values = noisy(PHANTOM.image(), SPACING, noise_percent=8.0, seed=(6, 1))
    result = uniform_cylinder(replace(evidence_of(values, SPACING), header=HEADER))
    for m in result.measurements:
        if m.quantity.name == "uniformity":
            assert abs(m.noise_corrected.value) <= 2.5 * m.noise_corrected.uncertainty


@pytest.mark.full
def test_two_thousand_draws_are_covered_as_often_as_stated(evidence_of, table_of):
    found = study(2000, evidence_of, table_of)
    for key in found:
        share = holds(found, key, TRUTHS.get(key))
        assert 0.93 <= share <= 0.97, (key, share)


def test_proportional_counts_are_measured_in_relative_terms_only(shared, table_of):
    (evidence,) = gather([shared / "data" / "pet" / "ge_uniform_cylinder_propcnts"]).evidence
    assert accepts(evidence) is None
    result = uniform_cylinder(evidence)
    found = table_of(result)
    assert not {"calibration_bias", "suv_mean", "cylinder_concentration"} & {key[0] for key in found}
    assert [one.code for one in result.remarks] == ["not_quantitative"]
    assert 0 < found["uniformity", "five_regions"][0] < 10


def test_a_cylinder_written_to_disk_is_found_with_its_calibration(tmp_path, table_of):
    pet_cylinder_files(tmp_path, calibration=1.04, noise_percent=4.0, slices=30)
    (evidence,) = gather([tmp_path]).evidence
    result = uniform_cylinder(evidence)
    value, u = table_of(result)["calibration_bias",]
    assert abs(value - 4.0) < 3 * u + 0.02
    assert len(result.figures()) == 2


def test_another_object_is_refused(evidence_of):
    values = np.zeros((20, 40, 40))
    values[5:15, 10:14, 10:30] = 1.0
    with pytest.raises(Refused):
        uniform_cylinder(evidence_of(values, (4, 4, 4)))
    assert accepts(evidence_of(values, (4, 4, 4)))


def test_a_patient_is_no_cylinder(evidence_of):
    patient = Patient(shape=(150, 80, 80), spacing_mm=(6.0, 6.0, 6.0))
    assert accepts(evidence_of(patient.image(), patient.spacing_mm))
