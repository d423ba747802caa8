"""Deauville score: the worked ladder, its boundaries, what uncertainty leaves open, refusals."""

import pytest

from photopeak.procedure import Refused
from photopeak.treatment_response.deauville import score_of


def test_the_worked_examples_give_their_expected_score(examples, measured, value_of):
    for text, expected, _ in examples("deauville"):
        assert value_of(measured("deauville", text), "deauville_score").value == expected["ds"]


def test_a_lesion_just_above_the_liver_is_not_simply_a_four(measured, value_of):
    text = "target_suv,target_suv_u,blood_pool_suv,blood_pool_suv_u,liver_suv,liver_suv_u\n2.53,0.15,1.6,0.1,2.5,0.1"
    result = measured("deauville", text)
    score = value_of(result, "deauville_score")
    assert (score.value, score.where["score_from"], score.where["score_to"]) == (4, 3, 4)
    assert [one.code for one in result.remarks] == ["score_undecided"]


def test_a_clear_score_stays_clear(measured):
    text = "target_suv,target_suv_u,blood_pool_suv,liver_suv,liver_suv_u\n4.0,0.15,1.6,2.5,0.1"
    assert measured("deauville", text).remarks == ()


def test_the_multiple_between_four_and_five_is_an_option(measured, value_of):
    text = "target,mbp,liver\n7,2,3"
    assert value_of(measured("deauville", text), "deauville_score", liver_multiple=2.0).value == 5
    assert value_of(measured("deauville", text, liver_multiple=3.0), "deauville_score", liver_multiple=3.0).value == 4


def test_no_uptake_above_background_is_a_one():
    assert score_of(1.0, 2.0, 3.0, 2.0, background=1.2) == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("target,mbp,liver\n-1,2,3", "impossible_value"),
        ("target,mbp,liver\n1,2,0", "impossible_value"),
        ("target,mbp,liver\n1,,3", "input_missing"),
    ],
)
def test_impossible_uptakes_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("deauville", text)
    assert refused.value.code == code
