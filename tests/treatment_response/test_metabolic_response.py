"""PERCIST and EORTC: categories of known truth, coverage of the change, what is undecided, refusals."""

import numpy as np
import pytest

from photopeak.procedure import Refused

HEAD = "baseline_uptake,followup_uptake,new_lesions,resolved"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("8,5,no,no", "PMR"),
        ("8,6,no,no", "SMD"),
        ("2,1.3,no,no", "SMD"),  # 35 % but only 0.7 SUL
        ("8,11,no,no", "PMD"),
        ("2,2.7,no,no", "SMD"),  # 35 % but only 0.7 SUL
        ("8,2,yes,no", "PMD"),
        ("8,1,no,yes", "CMR"),
    ],
)
def test_percist_sorts_changes_of_known_truth(measured, value_of, row, expected):
    assert value_of(measured("metabolic_response", f"{HEAD}\n{row}"), "uptake_change").where["response"] == expected


def test_glycolysis_alone_can_be_progression(measured, value_of):
    text = "baseline_uptake,followup_uptake,baseline_glycolysis,followup_glycolysis\n8,8,100,180"
    assert value_of(measured("metabolic_response", text), "uptake_change").where["response"] == "PMD"


@pytest.mark.parametrize(("cycles", "expected"), [(1, "PMR"), (3, "SMD")])
def test_eortc_asks_less_of_the_first_cycle(measured, value_of, cycles, expected):
    text = f"baseline_suv,followup_suv,cycles\n10,8,{cycles}"
    result = measured("metabolic_response", text, rule_name="eortc")
    assert value_of(result, "uptake_change").where["response"] == expected
    assert result.conditions[0].value.en.endswith("provisional")


def test_a_change_near_the_boundary_is_undecided(measured):
    text = "baseline_uptake,baseline_uptake_u,followup_uptake,followup_uptake_u\n8,0.4,5.6,0.3"
    assert "response_undecided" in [one.code for one in measured("metabolic_response", text).remarks]


def test_a_faint_baseline_is_not_measurable_and_the_livers_are_compared(measured, value_of):
    text = "baseline_uptake,followup_uptake,baseline_liver_mean,baseline_liver_sd,followup_liver_mean\n2,1,1.6,0.2,2.1"
    result = measured("metabolic_response", text)
    assert "not_measurable" in [one.code for one in result.remarks]
    assert value_of(result, "liver_sul_difference").value == pytest.approx(100 * 0.5 / 2.1)


@pytest.mark.parametrize(("uptake", "measurable"), [(4.0, True), (3.0, False)])
def test_of_a_diseased_liver_the_blood_pool_is_the_reference(measured, uptake, measurable):
    """Truth: 2 x 1.5 + 2 x 0.2 = 3.4."""
    names = "baseline_uptake,followup_uptake,baseline_blood_pool_mean,baseline_blood_pool_sd"
    codes = [one.code for one in measured("metabolic_response", f"{names}\n{uptake},1,1.5,0.2").remarks]
    assert ("not_measurable" in codes) is not measurable
    assert "measurability_unknown" not in codes


def test_the_uncertainty_of_the_change_holds_the_truth(measured, value_of):
    generator, inside = np.random.default_rng(8), 0
    names = "baseline_uptake,baseline_uptake_u,followup_uptake,followup_uptake_u"
    for _ in range(300):
        before, after = 8 * (1 + 0.06 * generator.standard_normal()), 5 * (1 + 0.06 * generator.standard_normal())
        text = f"{names}\n{before!r},{0.06 * before!r},{after!r},{0.06 * after!r}"
        found = value_of(measured("metabolic_response", text), "uptake_change")
        inside += abs(found.value + 37.5) <= 2 * found.uncertainty
    assert 0.915 <= inside / 300 <= 0.985


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{HEAD}\n0,5,no,no", "impossible_value"),
        (f"{HEAD}\n8,5,maybe,no", "not_yes_or_no"),
        (f"{HEAD}\n8,,no,no", "input_missing"),
    ],
)
def test_impossible_pairs_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("metabolic_response", text)
    assert refused.value.code == code
    assert refused.value.words.zh
