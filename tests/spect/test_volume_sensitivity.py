"""Volume sensitivity: truth from a cylinder whose every count is known."""

import dataclasses
import datetime

import numpy as np
import pytest

from photopeak.phantom.spect_cylinders import cylinder_projections
from photopeak.phantom.spect_projections import Head, PointSource, evidence_of, point_source_projections, turn
from photopeak.procedure import Refused
from photopeak.spect.centre_of_rotation import accepts as accepts_points
from photopeak.spect.volume_sensitivity import accepts, volume_sensitivity

START = datetime.datetime(2026, 1, 5, 9, 0, 0)
FACTS = {"activity_mbq": 200.0, "volume_ml": 6283.0, "assayed_at": datetime.datetime(2026, 1, 5, 8, 30), "nuclide": "Tc-99m"}


def cylinder(rates=(100.0, 97.0), views=60, seconds=10.0, length_mm=200.0):
    """`rates` in thousand counts a view of each head."""
    counts = [1000 * rate for rate in rates]
    return cylinder_projections(counts, views=views, duration_s=seconds, length_mm=length_mm)


def measured(images, facts=FACTS, **options):
    evidence = dataclasses.replace(evidence_of(images, facts=facts), acquired=START)
    result = volume_sensitivity(evidence, **options)
    return {m.quantity.name: m for m in result.measurements}, result


def test_the_sensitivity_is_counts_over_time_over_the_concentration_at_mid_scan():
    found, result = measured(cylinder())
    activity = 200.0 * 2 ** (-(30 * 60 + 300) / (6.0067 * 3600))
    truth = 197_000 * 60 / 600 / (activity / 6283.0)
    assert found["volume_sensitivity"].value == pytest.approx(truth, rel=1e-4)
    assert found["volume_sensitivity_per_axial_cm"].value == pytest.approx(truth / 20, rel=0.005)
    assert found["detector_sensitivity_difference"].value == pytest.approx(3.0, abs=1e-6)
    assert "motion_not_counted" in {one.code for one in result.remarks}
    assert len(result.figures()) == 2


@pytest.mark.parametrize("written", ["99mTc", "Tc-99m", "^99m^Technetium", "technetium 99M"])
def test_the_nuclide_is_understood_however_it_is_written(written):
    expected, _ = measured(cylinder())
    found, result = measured(cylinder(), {**FACTS, "nuclide": written})
    assert found["volume_sensitivity"].value == expected["volume_sensitivity"].value
    assert "decay_not_corrected" not in {one.code for one in result.remarks}


def test_the_residual_is_taken_off_and_without_facts_the_heads_are_still_compared():
    full, _ = measured(cylinder())
    less, _ = measured(cylinder(), {**FACTS, "residual_mbq": 20.0})
    assert less["volume_sensitivity"].value == pytest.approx(full["volume_sensitivity"].value / 0.9, rel=1e-9)
    found, result = measured(cylinder(), {})
    assert set(found) == {"detector_sensitivity_difference"}
    assert "facts_missing" in {one.code for one in result.remarks}


def test_the_elapsed_time_with_its_motion_is_taken_where_it_is_given():
    viewed, _ = measured(cylinder())
    found, result = measured(cylinder(), {**FACTS, "elapsed_s": 660.0})
    decay = 2 ** (30 / (6.0067 * 3600))  # mid-scan is half a minute later
    assert found["volume_sensitivity"].value == pytest.approx(viewed["volume_sensitivity"].value * 600 / 660 * decay, rel=1e-4)
    assert "motion_not_counted" not in {one.code for one in result.remarks}


@pytest.mark.parametrize(
    "facts",
    [{"elapsed_s": 60.0}, {"residual_mbq": 250.0}, {"volume_ml": 0.0}, {"assayed_at": datetime.datetime(2025, 1, 5, 8, 30)}],
)
def test_facts_that_cannot_be_are_refused(facts):
    with pytest.raises(Refused) as error:
        measured(cylinder(), {**FACTS, **facts})
    assert error.value.code == "facts_unusable"
    assert error.value.words.zh


def test_a_cylinder_cut_by_the_matrix_or_by_the_storage_is_refused():
    for images, code in ((cylinder(length_mm=700.0), "clipped"), (cylinder(rates=(9000.0, 9000.0)), "saturated")):
        images = dataclasses.replace(images, counts=np.minimum(images.counts, 4095 if code == "saturated" else np.inf))
        with pytest.raises(Refused) as error:
            measured(images)
        assert error.value.code == code


def coverage(draws):
    clean = cylinder(rates=(20.0, 19.6), views=30)
    truth, _ = measured(clean)
    held = dict.fromkeys(truth, 0)
    generator = np.random.default_rng(1)
    for _ in range(draws):
        noisy = dataclasses.replace(clean, counts=generator.poisson(clean.counts))
        assay = {**FACTS, "activity_mbq": 200.0 * (1 + 0.025 * generator.normal())}
        found, _ = measured(noisy, assay)
        for name in held:
            held[name] += abs(found[name].value - truth[name].value) <= 2 * found[name].uncertainty
    return {name: n / draws for name, n in held.items()}


def test_the_stated_uncertainties_hold_the_truth():
    found = coverage(60)
    assert min(found.values()) >= 0.87, found


@pytest.mark.full
def test_the_stated_uncertainties_hold_the_truth_in_two_thousand_draws():
    assert all(0.93 <= share <= 0.97 for share in coverage(2000).values())


def test_cylinders_and_points_are_told_apart_and_wrong_evidence_is_refused():
    points = evidence_of(point_source_projections([PointSource(x_mm=60)], [Head(angles_deg=turn(60))]))
    assert accepts(points) is not None
    assert accepts(evidence_of(cylinder())) is None
    assert accepts_points(evidence_of(cylinder())) is not None
    with pytest.raises(Refused) as error:
        volume_sensitivity(points)
    assert error.value.code == "not_a_cylinder"
    with pytest.raises(Refused) as error:
        measured(cylinder(views=8))
    assert error.value.code == "too_few_views"
    with pytest.raises(Refused) as error:
        measured(cylinder(rates=(100.0,)), {})
    assert error.value.code == "facts_missing"
    empty = dataclasses.replace(cylinder(), counts=np.zeros((120, 128, 128)))
    with pytest.raises(Refused):
        measured(empty)
