"""OSTA: the worked examples, no truncation at the boundary, referral, coverage, refusals."""

import numpy as np
import pytest

from photopeak.bone_density.osta import accepts, osta
from photopeak.procedure import Refused


def test_the_worked_examples(therapy_example, rows_table):
    cases = therapy_example("osta")["cases"]
    result = osta(rows_table(*(case["inputs"] for case in cases)))
    for one, case in zip(result.measurements, cases):
        assert one.value == pytest.approx(case["expected"]["osta"], abs=case["tolerance"])
        assert one.where["risk"] == case["expected"]["risk"]


@pytest.mark.parametrize(
    ("weight", "age", "expected"), [(50, 73, "high"), (50, 70, "medium"), (60.1, 65, "low"), (59.9, 65, "medium")]
)
def test_nothing_is_truncated_at_a_boundary(rows_table, weight, age, expected):
    assert osta(rows_table({"age": age, "weight": weight})).measurements[0].where["risk"] == expected


@pytest.mark.parametrize("draws", [300])
def test_an_uncertain_weight_is_carried_to_the_index(rows_table, draws):
    rng, inside, truth = np.random.default_rng(24), 0, -2.0
    for _ in range(draws):
        found = osta(rows_table({"age": 65, "weight": 55 + rng.normal(0, 1), "weight_u": 1.0})).measurements[0]
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.92 <= inside / draws <= 0.98


def test_who_is_on_the_indication_list_is_told(rows_table):
    def codes(**row):
        return {one.code for one in osta(rows_table(row)).remarks}

    assert codes(age=60, weight=60) == set()
    assert codes(age=65, weight=55) == {"refer_for_dxa"}
    assert codes(age=60, weight=60, one_minute_yes=2) == {"refer_for_dxa"}
    assert codes(age=60, weight=60, sex="男") == {"not_a_woman"}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"age": -1, "weight": 50}, "impossible_value"),
        ({"age": 60, "weight": 0}, "impossible_value"),
        ({"age": 60}, "input_missing"),
    ],
)
def test_impossible_people_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        osta(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_age_and_weight_are_accepted(rows_table):
    assert accepts(rows_table({"age": 60, "weight": 60})) is None
    assert accepts(rows_table({"age": 60})) is not None
    assert len(osta(rows_table({"age": 60, "weight": 60})).figures()) == 1
