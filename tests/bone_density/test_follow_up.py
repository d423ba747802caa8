"""The register: waits, overdue people and changes as the rows were made, shares, refusals."""

import pytest

from photopeak.bone_density.follow_up import accepts, follow_up
from photopeak.procedure import Refused

REGISTER = [
    {"patient": "a", "referred_at": "2025-01-10", "examined_at": "2025-01-20", "interval_months": 12, "bmd": 0.80,
     "previous_bmd": 0.85, "lsc": 0.03, "followed_at": "", "closed_at": "", "frax_percent": "", "frax_version": ""},
    {"patient": "b", "referred_at": "2025-02-01", "examined_at": "2025-02-02", "interval_months": 12, "bmd": 0.80,
     "previous_bmd": 0.81, "lsc": 0.03, "followed_at": "2026-01-30", "closed_at": "2026-02-10"},
    {"patient": "c", "referred_at": "2026-05-01", "interval_months": 12},
    {"patient": "d", "referred_at": "2026-01-01", "examined_at": "2026-01-05", "interval_months": 24, "bmd": 0.83,
     "previous_bmd": 0.80, "lsc": 0.03},
]  # fmt: skip


def by_patient(result, name):
    return {one.where["patient"]: one for one in result.measurements if one.quantity.name == name}


def share(result, name):
    return next(one.value for one in result.measurements if one.quantity.name == name)


def test_who_waited_who_is_overdue_and_whose_bone_changed(rows_table):
    result = follow_up(rows_table(*REGISTER), as_of="2026-05-20")
    assert {k: v.value for k, v in by_patient(result, "referral_wait").items()} == {"a": 10.0, "b": 1.0, "d": 4.0}
    expected = 485 - 365.25  # days after the examination of 20 January 2025, less a year
    assert {k: v.value for k, v in by_patient(result, "overdue_time").items()} == pytest.approx({"a": expected})
    ratios = {k: v.value for k, v in by_patient(result, "change_to_lsc").items()}
    assert ratios == pytest.approx({"a": 5 / 3, "b": 1 / 3, "d": 1.0})
    assert share(result, "overdue_share") == 25.0
    assert share(result, "closed_share") == 25.0
    assert share(result, "lsc_exceeded_share") == pytest.approx(200 / 3)  # equal to the LSC counts
    assert "overdue" in {one.code for one in result.remarks}


def test_the_change_carries_the_precision_behind_the_lsc(rows_table):
    found = by_patient(follow_up(rows_table(*REGISTER)), "bmd_change")["a"]
    assert found.value == pytest.approx(-0.05)
    assert found.uncertainty == pytest.approx(2**0.5 * 0.03 / 2.77)


def test_without_a_day_the_latest_date_in_the_register_is_its_day(rows_table):
    assert by_patient(follow_up(rows_table(*REGISTER)), "overdue_time").keys() == {"a"}
    assert by_patient(follow_up(rows_table(*REGISTER), as_of="2025-06-01"), "overdue_time") == {}


def test_a_recorded_frax_needs_its_version(rows_table):
    row = {"patient": "a", "referred_at": "2026-01-01", "frax_percent": 12}
    assert {one.code for one in follow_up(rows_table(row)).remarks} == {"frax_without_version"}
    assert follow_up(rows_table({**row, "frax_version": "4.3 China"})).remarks == ()


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"patient": "a", "referred_at": "2026-05-01", "examined_at": "2026-04-01"}, "dates_contradict"),
        ({"patient": "a", "referred_at": "2026-05-01", "closed_at": "2026-04-01"}, "dates_contradict"),
        ({"patient": "a", "referred_at": "May"}, "not_a_time"),
        ({"patient": "a", "referred_at": "2026-05-01", "bmd": 0}, "impossible_value"),
        ({"patient": "", "referred_at": "2026-05-01"}, "input_missing"),
    ],
)
def test_impossible_rows_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        follow_up(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_a_day_that_is_none_is_refused_and_other_tables_are_not_accepted(rows_table):
    with pytest.raises(Refused):
        follow_up(rows_table(*REGISTER), as_of="today")
    assert accepts(rows_table(*REGISTER)) is None
    assert accepts(rows_table({"patient": "a"})) is not None
    assert len(follow_up(rows_table(*REGISTER)).figures()) == 4


def test_two_densities_and_an_lsc_alone_are_enough_for_the_change(rows_table):
    table = rows_table({"bmd1": 0.850, "bmd2": 0.815, "lsc": 0.03}, {"bmd1": 0.850, "bmd2": 0.830, "lsc": 0.03})
    found = [one for one in follow_up(table).measurements if one.quantity.name == "change_to_lsc"]
    truth = [("yes", 35 / 30), ("no", 20 / 30)]
    assert [(one.where["significant"], pytest.approx(one.value)) for one in found] == truth
    assert accepts(table) is None
