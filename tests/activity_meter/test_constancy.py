"""Constancy: a check source on a meter of known offset and drift, coverage, refusals."""

import datetime

import numpy as np
import pytest

from photopeak.activity_meter.constancy import accepts, constancy
from photopeak.procedure import Refused

START = datetime.date(2026, 1, 5)
DAYS = np.arange(0, 120, 2)


def rows(deviations, **more):
    truth = 8.0 * np.exp(-np.log(2) / (30.1671 * 365.2422) * DAYS)
    readings = truth * (1 + np.asarray(deviations) / 100)
    return [
        {
            "nuclide": "Cs-137",
            "baseline_activity_mbq": 8.0,
            "baseline_at": START,
            "measured_at": START + datetime.timedelta(days=int(day)),
            "reading_mbq": repr(float(reading)),
            **more,
        }
        for day, reading in zip(DAYS, readings)
    ]


def of(result, name):
    return [one for one in result.measurements if one.quantity.name == name]


@pytest.mark.parametrize("truth", [0.0, 1.5, -6.0])
def test_a_meter_of_known_offset_deviates_by_it_on_every_day(rows_table, truth):
    found = of(constancy(rows_table(*rows(np.full(len(DAYS), truth)))), "constancy")
    assert [one.value for one in found] == pytest.approx([truth] * len(DAYS), abs=1e-9)
    assert found[0].where["date"] == "2026-01-05"


@pytest.mark.parametrize("draws", [100, pytest.param(2000, marks=pytest.mark.full)])
def test_offset_and_drift_lie_within_their_uncertainties(rows_table, draws):
    rng, inside, inside_drift = np.random.default_rng(6), 0, 0
    true = 0.5 + 3.0 * DAYS / 365.25
    for _ in range(draws):
        result = constancy(rows_table(*rows(true + rng.normal(0, 0.4, len(DAYS)))))
        found, drift = of(result, "constancy"), of(result, "drift")[0]
        inside += sum(abs(one.value - t) <= 2 * one.uncertainty for one, t in zip(found, true))
        inside_drift += abs(drift.value - 3.0) <= 2 * drift.uncertainty
    assert 0.93 <= inside / draws / len(DAYS) <= 0.97
    assert 0.90 <= inside_drift / draws <= 0.99


def test_a_drift_is_told_in_words(rows_table):
    rng = np.random.default_rng(7)
    result = constancy(rows_table(*rows(5.0 * DAYS / 365.25 + rng.normal(0, 0.2, len(DAYS)))))
    assert "drift" in {one.code for one in result.remarks}
    assert len(result.figures()) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"baseline_at": "2027-01-01"}, "before_assay"),
        ({"nuclide": "Q-1"}, "unknown_nuclide"),
        ({"baseline_at": ""}, "input_missing"),
    ],
)
def test_impossible_courses_are_refused(rows_table, change, code):
    with pytest.raises(Refused) as refused:
        constancy(rows_table(*rows(np.zeros(len(DAYS)), **change)))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_a_table_with_a_baseline_is_accepted(rows_table):
    assert accepts(rows_table(*rows(np.zeros(len(DAYS))))) is None
    assert accepts(rows_table({"readings_mbq": 1})) is not None
