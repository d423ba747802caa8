"""Cross-calibration: scanners of known difference on a phantom and in vivo, coverage, refusals."""

import numpy as np
import pytest

from photopeak.bone_density.cross_calibration import accepts, cross_calibration
from photopeak.procedure import Refused


def of(result, name):
    return next(one for one in result.measurements if one.quantity.name == name)


def phantom_rows(one, other):
    return [*({"scanner": "A", "bmd": repr(float(x))} for x in one), *({"scanner": "B", "bmd": repr(float(x))} for x in other)]


@pytest.mark.parametrize("truth", [0.0, 0.8, -2.5])
def test_a_known_difference_on_the_phantom_is_found(rows_table, truth):
    scans = 1.0 + 0.002 * np.array([-1, 0, 1, 0, 0, 1, -1, 0, 0, 0])
    found = of(cross_calibration(rows_table(*phantom_rows(scans, scans * (1 + truth / 100)))), "cross_calibration_difference")
    assert found.value == pytest.approx(truth, abs=1e-9)
    assert (found.where["first"], found.where["second"]) == ("A", "B")


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_difference_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws):
    rng, inside, truth = np.random.default_rng(22), 0, 1.2
    for _ in range(draws):
        rows = phantom_rows(1.0 + rng.normal(0, 0.004, 10), 1.012 + rng.normal(0, 0.004, 10))
        found = of(cross_calibration(rows_table(*rows)), "cross_calibration_difference")
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.91 <= inside / draws <= 0.98  # 18 degrees of freedom: 94 %


def test_people_scanned_on_both_give_the_line_that_converts(rows_table):
    rng = np.random.default_rng(23)
    true = rng.normal(0.9, 0.15, 60)
    rows = []
    for n, density in enumerate(true):
        rows += [{"patient": n, "scanner": "A", "bmd": density + rng.normal(0, 0.006)}]
        rows += [{"patient": n, "scanner": "B", "bmd": 1.04 * density - 0.02 + rng.normal(0, 0.006)}]
    result = cross_calibration(rows_table(*rows, {"patient": "only A", "scanner": "A", "bmd": 1.0}))
    assert of(result, "conversion_slope").value == pytest.approx(1.04, abs=0.03)
    assert of(result, "conversion_offset").value == pytest.approx(-0.02, abs=0.03)
    expected = float(np.mean(0.04 * true - 0.02))
    assert abs(of(result, "in_vivo_difference").value - expected) <= 3 * of(result, "in_vivo_difference").uncertainty
    assert "scanned_once" in {one.code for one in result.remarks}
    assert len(result.figures()) == 1


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{"scanner": "A", "bmd": 1.0}] * 12, "not_two_scanners"),
        (phantom_rows([1, 1, 1], [1, 1, 1]), "too_few_values"),
        (phantom_rows([1, 1, 0], [1, 1, 1]), "impossible_value"),
        ([{"patient": n, "scanner": s, "bmd": 1} for n in range(3) for s in "AB"], "too_few_values"),
        ([{"bmd": 1.0}], "missing_columns"),
    ],
)
def test_impossible_comparisons_are_refused(rows_table, rows, code):
    with pytest.raises(Refused) as refused:
        cross_calibration(rows_table(*rows))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_two_scanners_are_accepted(rows_table):
    assert accepts(rows_table({"scanner": "A", "bmd": 1})) is None
    assert accepts(rows_table({"bmd": 1})) is not None


def test_a_column_for_each_scanner_says_the_same_as_a_scan_a_row(rows_table):
    one, other = [1.0, 1.002, 0.998, 1.001, 0.999], [1.01, 1.012, 1.008, 1.011, 1.009]
    truth = of(cross_calibration(rows_table(*phantom_rows(one, other))), "cross_calibration_difference")
    for table in (
        rows_table({"scanner_a": one, "scanner_b": other}),
        rows_table(*({"scanner_a": a, "scanner_b": b} for a, b in zip(one, other))),
    ):
        found = of(cross_calibration(table), "cross_calibration_difference")
        assert (found.value, found.uncertainty) == (pytest.approx(truth.value), pytest.approx(truth.uncertainty))
