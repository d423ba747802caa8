"""The 48 h rule: derived values, other times, coverage, refusals."""

import numpy as np
import pytest

from photopeak.procedure import Refused
from photopeak.radionuclide_therapy.retention_limit import accepts, retention_limit


def caps(result):
    return {one.where["diffuse_lung"]: one for one in result.measurements if one.quantity.name == "activity_by_retention_rule"}


@pytest.mark.parametrize(("retention", "expected"), [(0.148, (30.0, 20.0)), (0.089, (49.9, 33.3))])
def test_the_derived_activities(rows_table, retention, expected):
    found = caps(retention_limit(rows_table({"R48h": retention})))
    assert (found["no"].value, found["yes"].value) == pytest.approx(expected, abs=0.05)


def test_a_record_that_says_diffuse_lung_metastases_gets_that_rule_only(rows_table):
    assert set(caps(retention_limit(rows_table({"R48h": 0.1, "diffuse_lung": "是"})))) == {"yes"}
    assert set(caps(retention_limit(rows_table({"R48h": 0.1, "diffuse_lung": "no"})))) == {"no"}


def test_a_retention_at_another_time_is_carried_to_48_hours(rows_table):
    truth = 0.5 ** (48 / 15.6)
    row = {"retention": 0.5 ** (24 / 15.6), "t_h": 24, "diffuse_lung": "no"}
    through = caps(retention_limit(rows_table(row)))["no"].value
    carried = caps(retention_limit(rows_table({**row, "teff_h": 15.6})))["no"].value
    assert through == pytest.approx(4.44 / truth)
    assert carried == pytest.approx(4.44 / truth)


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_what_was_retained_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws):
    rng, inside, truth = np.random.default_rng(15), 0, 7.4 * 0.148
    for _ in range(draws):
        row = {"R48h": 0.148 * (1 + rng.normal(0, 0.05)), "R48h_u": 0.0074, "activity_gbq": 7.4 * (1 + rng.normal(0, 0.02))}
        found = retention_limit(rows_table({**row, "activity_gbq_u": 0.148})).measurements[-1]
        assert found.quantity.name == "retained_activity_at_48_h"
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.92 <= inside / draws <= 0.98


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"R48h": 0}, "impossible_value"),
        ({"R48h": 15}, "impossible_value"),
        ({"retention": 0.2}, "input_missing"),
        ({"x": 1}, "input_missing"),
    ],
)
def test_impossible_retentions_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        retention_limit(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_the_rule_is_accepted_and_it_says_it_is_provisional(rows_table):
    assert accepts(rows_table({"R48h": 0.1})) is None
    assert accepts(rows_table({"retention": 0.1, "t_h": 24})) is not None
    result = retention_limit(rows_table({"R48h": 0.1, "activity_gbq": 7.4}))
    assert "provisional" in result.conditions[0].value.en
    assert len(result.figures()) == 2
