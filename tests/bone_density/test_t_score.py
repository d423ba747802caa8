"""T and Z: the published cut-offs, a shipped reference, classes at their boundaries, coverage, refusals."""

import numpy as np
import pytest

from photopeak.bone_density.t_score import accepts, t_score
from photopeak.procedure import Refused


def of(result, name, **where):
    return next(one for one in result.measurements if one.quantity.name == name and where.items() <= one.where.items())


def test_the_published_densities_at_the_boundaries(therapy_example, rows_table):
    for case in therapy_example("dxa_tscore_cutoffs")["cases"]:
        result = t_score(rows_table(case["inputs"]))
        expected = case["expected"]
        assert of(result, "bmd_at_t", t=-2.5).value == pytest.approx(expected["bmd_at_T_minus2_5"], abs=case["tolerance"])
        assert of(result, "bmd_at_t", t=-1.0).value == pytest.approx(expected["bmd_at_T_minus1"], abs=case["tolerance"])


@pytest.mark.parametrize(
    ("truth", "who"),
    [(-1.0, "normal"), (-1.001, "low bone mass"), (-2.499, "low bone mass"), (-2.5, "osteoporosis"), (0.3, "normal")],
)
def test_each_class_begins_where_the_definition_says(rows_table, truth, who):
    found = of(t_score(rows_table({"bmd": 0.9 + truth * 0.12, "ref_mean": 0.9, "ref_sd": 0.12})), "t_score")
    assert found.value == pytest.approx(truth)
    assert found.where["who_class"] == who


def test_z_and_the_difference_of_a_reported_score(rows_table):
    row = {"bmd": 0.7, "ref_mean": 0.9, "ref_sd": 0.1, "age_mean": 0.8, "age_sd": 0.05, "reported_t": -1.4}
    result = t_score(rows_table(row))
    assert of(result, "z_score").value == pytest.approx(-2.0)
    assert of(result, "z_score").where["below_expected_for_age"] == "yes"
    assert of(result, "t_score_difference").value == pytest.approx(0.6)


def test_a_shipped_reference_is_cited_and_provisional(rows_table):
    result = t_score(rows_table({"bmd": 0.747, "reference": "zhang2007-femoral-neck", "sex": "女"}))
    assert of(result, "t_score").value == pytest.approx(-1.5)
    assert "Zhang" in result.conditions[0].value.en
    assert "reference_provisional" in {one.code for one in result.remarks}


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_score_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws):
    rng, inside, truth = np.random.default_rng(18), 0, -2.2
    bmd = 0.9 + truth * 0.12
    for _ in range(draws):
        row = {"bmd": bmd + rng.normal(0, 0.01), "bmd_u": 0.01, "ref_mean": 0.9 + rng.normal(0, 0.005), "ref_mean_u": 0.005}
        found = of(t_score(rows_table({**row, "ref_sd": 0.12 + rng.normal(0, 0.003), "ref_sd_u": 0.003})), "t_score")
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.92 <= inside / draws <= 0.98


def test_a_class_no_surer_than_its_score_is_told(rows_table):
    result = t_score(rows_table({"bmd": 0.61, "bmd_u": 0.01, "ref_mean": 0.9, "ref_sd": 0.12}))
    assert "class_uncertain" in {one.code for one in result.remarks}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"bmd": 0.8, "ref_mean": 0.9, "ref_sd": 0}, "impossible_value"),
        ({"bmd": -0.8, "ref_mean": 0.9, "ref_sd": 0.1}, "impossible_value"),
        ({"bmd": 0.8, "reference": "looker"}, "unknown_reference"),
        ({"bmd": 0.8, "reference": "tan2007-spine", "sex": "F"}, "wrong_reference"),
        ({"bmd": 0.8, "ref_mean": 0.9}, "input_missing"),
    ],
)
def test_impossible_references_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        t_score(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_a_density_with_its_reference_is_accepted(rows_table):
    row = {"bmd": 0.8, "ref_mean": 0.9, "ref_sd": 0.1}
    assert accepts(rows_table(row)) is None
    assert accepts(rows_table({"bmd": 0.8})) is not None
    assert len(t_score(rows_table(row)).figures()) == 2


def test_z_needs_no_young_adults(rows_table):
    result = t_score(rows_table({"bmd": 0.7, "age_mean": 0.8, "age_sd": 0.1}))
    assert [one.quantity.name for one in result.measurements] == ["z_score"]
    assert result.measurements[0].value == pytest.approx(-1.0)
