"""Identity by half-life: the derived examples with their three verdicts, coverage, refusals."""

import numpy as np
import pytest

from photopeak.criterion import parse_criteria
from photopeak.procedure import Refused
from photopeak.radiopharmacy.half_life_identity import accepts, half_life_identity
from photopeak.verdict import judge

GALLIUM = 'standard="x"\nread_by=["t"]\n[[limit]]\nquantity="half_life"\nunit="min"\nstage="status"\nlower=62.0\nupper=74.0\n'


def found(result):
    return result.measurements[0]


def test_two_readings_and_their_uncertainty_as_derived(therapy_example, rows_table):
    cases = therapy_example("ga68_halflife_two_point")["cases"]
    for case in cases:
        one = found(half_life_identity(rows_table(case["inputs"])))
        assert one.value == pytest.approx(case["expected"]["T"], abs=case["tolerance"])
        assert one.uncertainty == pytest.approx(case["expected"]["u_T"], abs=case["tolerance"])
        outcome = judge([one], parse_criteria(GALLIUM, "x.toml"))[0].outcome
        assert outcome == ("pass" if case["note"].endswith("True") else "undecided")


def test_several_cases_in_one_table_keep_their_places(therapy_example, rows_table):
    cases = therapy_example("ga68_halflife_two_point")["cases"]
    result = half_life_identity(rows_table(*(case["inputs"] for case in cases)))
    assert [one.where["case"] for one in result.measurements] == ["1", "2", "3", "4"]
    assert [one.uncertainty for one in result.measurements] == pytest.approx([c["expected"]["u_T"] for c in cases])
    assert "short_interval" in {one.code for one in result.remarks}


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
@pytest.mark.parametrize("minutes", [(0.0, 60.0), (0.0, 10, 20, 30, 45, 60)])
def test_the_true_half_life_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws, minutes):
    rng, inside, truth = np.random.default_rng(10), 0, 67.71
    for _ in range(draws):
        readings = 500 * 0.5 ** (np.array(minutes) / truth) * (1 + rng.normal(0, 0.01, len(minutes)))
        row = {"identity_of": "Ga-68", "time_min": list(minutes), "readings_mbq": list(readings), "rel_u": 0.01}
        one = found(half_life_identity(rows_table(row)))
        inside += abs(one.value - truth) <= 2 * one.uncertainty
    assert 0.93 <= inside / draws <= 0.98


def test_a_wrong_nuclide_fails_where_the_readings_can_tell(rows_table):
    truth = {"A1": 1000, "A2": 1000 * 0.5 ** (60 / 109.77), "dt_min": 60, "rel_u": 0.01}
    assert judge([found(half_life_identity(rows_table(truth)))], parse_criteria(GALLIUM, "x.toml"))[0].outcome == "fail"


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"A1": 10, "A2": 11, "dt_min": 10}, "not_decaying"),
        ({"A1": 10, "A2": 9, "dt_min": 0}, "impossible_value"),
        ({"A1": 10, "A2": 9, "dt_min": -5}, "impossible_value"),
        ({"A1": 10, "A2": 9, "dt_min": 5, "background_mbq": 9}, "no_reading"),
        ({"A1": 10, "A2": 9, "dt_min": 5, "nuclide": "Unobtainium"}, "unknown_nuclide"),
        ({"identity_of": "Ga-68", "time_min": [5, 5], "readings_mbq": [2, 1]}, "no_interval"),
    ],
)
def test_impossible_readings_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        half_life_identity(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_two_readings_without_uncertainty_are_measured_but_told(rows_table):
    result = half_life_identity(rows_table({"A1": 10, "A2": 5, "dt_min": 67.71}))
    assert found(result).uncertainty is None
    assert "reading_uncertainty_missing" in {one.code for one in result.remarks}
    assert accepts(rows_table({"A1": 10, "A2": 5, "dt_min": 67.71})) is None
    assert accepts(rows_table({"time_min": 10, "readings_mbq": 5})) is not None
    assert len(result.figures()) == 1
