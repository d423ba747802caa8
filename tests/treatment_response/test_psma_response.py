"""RECIP: categories of known truth, undecided ones, refusals."""

import pytest

from photopeak.procedure import Refused

HEAD = "baseline_volume_ml,followup_volume_ml,new_lesions"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ("100,60,no", "PR"),
        ("100,60,yes", "SD"),
        ("100,250,no", "SD"),  # +150 % without new lesions
        ("100,125,yes", "PD"),
        ("100,110,yes", "SD"),
        ("100,0,no", "CR"),
    ],
)
def test_recip_sorts_changes_of_known_truth(measured, value_of, row, expected):
    assert value_of(measured("psma_response", f"{HEAD}\n{row}"), "tumour_volume_change").where["response"] == expected


def test_a_fall_near_thirty_percent_is_undecided(measured):
    text = "baseline_volume_ml,baseline_volume_ml_u,followup_volume_ml,followup_volume_ml_u\n100,5,72,4"
    assert [one.code for one in measured("psma_response", text).remarks] == ["response_undecided"]


@pytest.mark.parametrize(("text", "code"), [(f"{HEAD}\n0,5,no", "impossible_value"), (f"{HEAD}\n5,4,perhaps", "not_yes_or_no")])
def test_impossible_volumes_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("psma_response", text)
    assert refused.value.code == code
