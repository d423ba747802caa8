"""Cases of a table: units by the column's name, options and facts beneath cells, rows that cannot be, grouping."""

import datetime
from dataclasses import replace
from typing import Annotated

import pytest

from photopeak.cases import Column, Measured, cases_of, lacking, measure_cases, moment
from photopeak.measurement import Quantity
from photopeak.procedure import Refused
from photopeak.words import Words

SUM = Quantity(name="sum", unit="MBq", en="sum", zh="合计")


def added(
    evidence,
    *,
    activity_mbq: Annotated[float | None, Words("activity, MBq", "活度，MBq"), Column(aliases=("a0_mbq",), above=0)] = None,
    time_h: Annotated[str | None, Words("times, h", "时间，h"), Column(kind="numbers", aliases=("t",), least=0)] = None,
    weight_kg: Annotated[float | None, Words("weight, kg", "体重，kg"), Column(above=0)] = None,
    given_at: Annotated[str | None, Words("given at", "给药时间"), Column(kind="time")] = None,
):
    raise NotImplementedError


def test_a_column_in_another_unit_of_the_family_is_converted(rows_table):
    cases, _, _ = cases_of(rows_table({"A0_mCi": 2}, {"A0_mCi": 1}), added, {})
    assert [case.number("activity_mbq") for case in cases] == pytest.approx([74.0, 37.0])
    assert [case.label for case in cases] == ["1", "2"]


def test_a_cell_wins_over_an_option_and_an_option_over_a_fact(rows_table):
    evidence = replace(
        rows_table({"activity_mbq": 5, "x": 1}, {"activity_mbq": "", "x": 1}), facts={"weight_kg": 60.0, "activity_mbq": 1.0}
    )
    cases, _, _ = cases_of(evidence, added, {"activity_mbq": 7.0})
    assert [case.number("activity_mbq") for case in cases] == [5.0, 7.0]
    assert [case.number("weight_kg") for case in cases] == [60.0, 60.0]


def test_a_series_is_one_case_over_rows_or_one_cell_or_rows_of_one_name(rows_table):
    over_rows, _, _ = cases_of(rows_table({"t": 0, "activity_mbq": 3}, {"t": 1}), added, {})
    in_cells, _, _ = cases_of(rows_table({"t": [0, 1]}, {"t": [2, 5, 9]}), added, {})
    named, _, _ = cases_of(rows_table({"case": "a", "t": 1}, {"case": "b", "t": 2}, {"case": "a", "t": 3}), added, {})
    assert [case.numbers("time_h") for case in over_rows] == [(0.0, 1.0)]
    assert [case.numbers("time_h") for case in in_cells] == [(0.0, 1.0), (2.0, 5.0, 9.0)]
    assert {case.label: case.numbers("time_h") for case in named} == {"a": (1.0, 3.0), "b": (2.0,)}


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{"activity_mbq": 0}], "impossible_value"),
        ([{"t": -1}], "impossible_value"),
        ([{"activity_mbq": "5 mCi"}], "not_a_number"),
        ([{"given_at": "yesterday"}], "not_a_time"),
        ([{"t": 1, "activity_mbq": 3}, {"t": 2, "activity_mbq": 4}], "two_values"),
        ([{"activity_mbq": 3, "activity_mbq_u": -1}], "bad_uncertainty"),
    ],
)
def test_impossible_input_is_refused_in_words_in_both_languages(rows_table, rows, code):
    _, _, refused = cases_of(rows_table(*rows), added, {})
    assert [one.code for one in refused] == [code]
    assert refused[0].words.zh
    assert "row 2" in refused[0].words.en


def test_one_quantity_in_two_units_is_refused(rows_table):
    with pytest.raises(Refused) as refused:
        cases_of(rows_table({"activity_mbq": 37, "activity_mci": 1}), added, {})
    assert refused.value.code == "units_mixed"


def test_a_column_that_names_no_unit_is_not_used_and_that_is_said(rows_table):
    cases, remarks, _ = cases_of(rows_table({"activity": 37, "weight_kg": 60}), added, {})
    assert not cases[0].has("activity_mbq")
    assert [one.code for one in remarks] == ["column_without_unit"]


def test_one_impossible_row_hides_nothing_and_all_impossible_is_a_refusal(rows_table):
    def measure(case):
        return Measured(measurements=(SUM.of(case.number("activity_mbq"), **case.where()),))

    done, remarks = measure_cases(rows_table({"activity_mbq": 3}, {"activity_mbq": -3}), added, {}, measure)
    assert [found.measurements[0].where for _, found in done] == [{"case": "1"}]
    assert [one.code for one in remarks] == ["case_refused"]
    with pytest.raises(Refused):
        measure_cases(rows_table({"weight_kg": 3}), added, {}, measure)


def test_uncertainties_are_propagated_linearly(rows_table):
    cases, _, _ = cases_of(rows_table({"activity_mbq": 10, "activity_mbq_u": 0.5, "weight_kg": 50}), added, {})
    value, u = cases[0].linear(lambda activity_mbq, weight_kg: activity_mbq / weight_kg, "activity_mbq", "weight_kg")
    assert (value, u) == (pytest.approx(0.2), pytest.approx(0.01))
    assert cases[0].linear(lambda weight_kg: weight_kg, "weight_kg") == (50.0, None)


def test_a_table_is_known_by_its_columns_or_their_aliases(rows_table):
    assert lacking(rows_table({"A0_GBq": 1}), added, ("activity_mbq",)) is None
    assert "activity_mbq" in lacking(rows_table({"x": 1}), added, ("activity_mbq",)).en


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-05-14", datetime.datetime(2026, 5, 14)),
        ("2026/5/4 9:05", datetime.datetime(2026, 5, 4, 9, 5)),
        ("2026年5月14日", datetime.datetime(2026, 5, 14)),
        ("2026-05-14T10:22:00", datetime.datetime(2026, 5, 14, 10, 22)),
        ("14 May", None),
    ],
)
def test_dates_are_read_as_people_write_them(text, expected):
    assert moment(text) == expected


def test_a_quotient_that_ends_in_a_unit_is_never_converted(rows_table):
    def rate(evidence, *, dose_rate_usv_h: Annotated[float | None, Words("rate", "剂量率"), Column()] = None):
        raise NotImplementedError

    cases, _, _ = cases_of(rows_table({"dose_rate_usv_min": 1}), rate, {})
    assert not cases[0].has("dose_rate_usv_h")


def test_a_fact_may_have_another_name_of_the_column(rows_table):
    evidence = replace(rows_table({"weight_kg": 60}), facts={"a0_mbq": 5.0})
    (case,), _, _ = cases_of(evidence, added, {})
    assert case.number("activity_mbq") == 5.0
