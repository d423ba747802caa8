"""Conjugate view: the worked examples, an exact phantom, counting statistics, scatter windows and refusals."""

import math

import numpy as np
import pytest

from photopeak.procedure import Refused
from photopeak.radionuclide_therapy.scatter_windows import primary_counts


def test_the_worked_examples_give_their_expected_activity(examples, measured, value_of):
    for text, expected, tolerance in examples("conjugate_view"):
        found = value_of(measured("conjugate_view", text), "activity")
        assert found.value == pytest.approx(expected["A_MBq"], rel=max(tolerance, 1e-12))


def test_the_depth_of_a_point_source_does_not_matter(measured, value_of):
    """Truth: 100 MBq at any depth of a 20 cm body, 10 counts/s/MBq in air."""
    for depth in (2.0, 7.0, 15.0):
        anterior, posterior = 1000 * math.exp(-0.12 * depth), 1000 * math.exp(-0.12 * (20 - depth))
        text = f"ia,ip,mu,t_cm,c\n{anterior!r},{posterior!r},0.12,20,10"
        assert value_of(measured("conjugate_view", text), "activity").value == pytest.approx(100, rel=1e-12)


def test_scatter_windows_give_back_the_primary_counts(measured, value_of):
    """A scatter spectrum that is linear in energy is what the method assumes: truth 500 and 300 primary counts/s."""
    text = (
        "anterior_cps,posterior_cps,calibration_cps_per_mbq,anterior_lower_cps,anterior_upper_cps,posterior_lower_cps,"
        "posterior_upper_cps,photopeak_width_kev,lower_width_kev,upper_width_kev,duration_s\n"
        "620,390,10,24,12,18,9,40,6,6,600"
    )
    result = measured("conjugate_view", text)
    expected = math.sqrt((620 - 40 / 2 * (24 / 6 + 12 / 6)) * (390 - 40 / 2 * (18 / 6 + 9 / 6))) / 10
    assert value_of(result, "activity").value == pytest.approx(expected, rel=1e-12)
    assert value_of(result, "scatter_fraction").value == pytest.approx(50 * (120 / 620 + 90 / 390), rel=1e-12)


def test_the_stated_uncertainty_holds_the_truth_of_three_hundred_poisson_draws(measured, value_of):
    generator = np.random.default_rng(4)
    truth, seconds, inside = 50.0, 60, 0
    windows = {"photopeak": 40.0, "lower": 6.0, "upper": 6.0}
    for _ in range(300):
        cells = {}
        for view, primary, low, high in (("anterior", 900.0, 30.0, 6.0), ("posterior", 400.0, 20.0, 5.0)):
            scatter = 40 / 2 * (low / 6 + high / 6)
            cells[f"{view}_cps"] = generator.poisson((primary + scatter) * seconds) / seconds
            cells[f"{view}_lower_cps"] = generator.poisson(low * seconds) / seconds
            cells[f"{view}_upper_cps"] = generator.poisson(high * seconds) / seconds
        cells |= {f"{name}_width_kev": width for name, width in windows.items()}
        cells |= {"calibration_cps_per_mbq": 600 / 50, "duration_s": seconds}
        found = value_of(
            measured("conjugate_view", ",".join(cells) + "\n" + ",".join(str(float(one)) for one in cells.values())), "activity"
        )
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.915 <= inside / 300 <= 0.985


def test_scatter_windows_weigh_in_the_variance_with_the_square_of_their_factor():
    value, u = primary_counts(10000, 900, 400, (4.0, 28.0, 7.0))
    assert value == pytest.approx(10000 - 900 * 3.5 - 400 * 2.0)
    assert u == pytest.approx(math.sqrt(10000 + 900 * 3.5**2 + 400 * 2.0**2))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("ia,ip,c\n900,-1,10", "impossible_value"),
        ("ia,ip,c\n900,400,0", "impossible_value"),
        ("ia,ip,mu,t_cm,c\n900,400,-0.1,20,10", "impossible_value"),
        ("ia,ip,c,anterior_lower_cps,photopeak_width_kev,lower_width_kev\n900,400,10,500,40,2", "no_primary_counts"),
        ("ia,c\n900,10", "input_missing"),
    ],
)
def test_impossible_views_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("conjugate_view", text)
    assert refused.value.code == code
    assert refused.value.words.zh


def test_missing_attenuation_is_said(measured):
    assert "attenuation_not_corrected" in [one.code for one in measured("conjugate_view", "ia,ip,c\n900,400,10").remarks]
