"""Accuracy with a certified source: the published exercise, a simulated meter of known error with coverage, refusals."""

import numpy as np
import pytest

from photopeak.activity_meter.accuracy import accepts, accuracy
from photopeak.criterion import parse_criteria
from photopeak.procedure import Refused
from photopeak.verdict import judge

FIVE = 'standard="x"\nread_by=["t"]\n[[limit]]\nquantity="accuracy"\nunit="%"\nstage="status"\nlower=-5.0\nupper=5.0\n'
CS = {"nuclide": "Cs-137", "certified_activity_mbq": 15, "certified_at": "2014-08-26", "measured_at": "2024-08-26"}


def of(result, name):
    return [one for one in result.measurements if one.quantity.name == name]


def test_the_published_exercise(therapy_example, rows_table):
    for case in therapy_example("dosecal_accuracy_cs137")["cases"]:
        expected = case["expected"]
        result = accuracy(rows_table(case["inputs"]))
        found = of(result, "accuracy")[0]
        assert found.value == pytest.approx(expected["error_pct"], abs=case["tolerance"])
        assert of(result, "expected_activity")[0].value / 0.037 == pytest.approx(
            expected["expected_uCi"], abs=case["tolerance"]
        )
        assert of(result, "mean_reading")[0].value / 0.037 == pytest.approx(expected["mean_uCi"], abs=case["tolerance"])
        assert judge([found], parse_criteria(FIVE, "five.toml"))[0].outcome == expected["verdict_5pct"]


def test_the_half_life_and_its_source_are_told_and_change_the_number(rows_table):
    row = {**CS, "readings_uci": [330, 330.5, 330.5]}
    by_nuclide = accuracy(rows_table(row))
    thirty = accuracy(rows_table({**row, "half_life_y": 30}))
    assert "ICRP 107" in by_nuclide.conditions[0].value.en
    assert of(thirty, "accuracy")[0].value - of(by_nuclide, "accuracy")[0].value == pytest.approx(0.13, abs=0.01)


@pytest.mark.parametrize("draws", [200, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_error_lies_within_two_standard_uncertainties_in_about_95_percent(rows_table, draws):
    rng, truth, inside, errors = np.random.default_rng(9), 1.5, 0, []
    for _ in range(draws):
        certified = 15.0 * (1 + rng.normal(0, 0.01))  # the certificate is wrong by its own uncertainty
        readings = 15.0 * (1 + truth / 100) * (1 + rng.normal(0, 0.003, 10))
        row = {**CS, "measured_at": "2014-08-26", "certified_activity_mbq": repr(certified), "certificate_u_percent": 1.0}
        found = of(accuracy(rows_table({**row, "readings_mbq": [repr(float(x)) for x in readings]})), "accuracy")[0]
        errors.append(found.value - truth)
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(draws) + 0.02
    assert 0.92 <= inside / draws <= 0.98


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"measured_at": "2013-01-01"}, "before_assay"),
        ({"nuclide": "Xx-99"}, "unknown_nuclide"),
        ({"nuclide": ""}, "nuclide_missing"),
        ({"certified_activity_mbq": 0}, "impossible_value"),
        ({"measured_at": ""}, "input_missing"),
    ],
)
def test_impossible_sources_are_refused(rows_table, change, code):
    with pytest.raises(Refused) as refused:
        accuracy(rows_table({**CS, "readings_mbq": [12.2, 12.3], **change}))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_a_table_of_a_certified_source_is_accepted(rows_table):
    assert accepts(rows_table({**CS, "reading_uCi": 330})) is None
    assert accepts(rows_table({"readings_mbq": 1})) is not None
    assert len(accuracy(rows_table({**CS, "readings_mbq": [12.2, 12.3]})).figures()) == 1
