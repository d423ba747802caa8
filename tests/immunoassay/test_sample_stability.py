"""Stability: the published example, several periods, refusals."""

import numpy as np
import pytest

from photopeak.immunoassay.sample_stability import accepts_periods, sample_stability
from photopeak.procedure import Refused
from photopeak.verdict import judge


def differences(result):
    return [m for m in result.measurements if m.quantity.name == "difference"]


@pytest.fixture(scope="module")
def published(table, rows_of):
    rows = []
    for period, name in (("start", "iso13528_E2_homogeneity.csv"), ("end", "iso13528_E2_stability.csv")):
        rows += [[period, n, k, r[f"rep{k}"]] for n, r in enumerate(rows_of(name), 1) for k in (1, 2)]
    return table("period,item,replicate,value", rows)


def test_the_published_difference_is_met_within_its_digits(published, expected):
    row = next(row for row in expected("E2-stability"))
    found = differences(sample_stability(published))[0]
    assert abs(found.value) == pytest.approx(row["recomputed"], abs=1e-9)
    assert round(abs(found.value), row["decimals"]) == row["expected"]


def test_the_published_samples_are_stable(published):
    result = sample_stability(published, sigma_pt=0.15 * 0.18715)
    verdicts = judge(differences(result), result.declared_limits())
    assert [v.outcome for v in verdicts] == ["pass", "pass"]


@pytest.mark.parametrize(("change", "outcomes"), [(0.02, {"pass"}), (-2.0, {"fail"}), (2.0, {"fail"})])
def test_each_later_period_is_held_against_the_first(table, change, outcomes):
    truth = {"start": 10.0, "transport": 10.0, "month": 10.0 + change}
    rng = np.random.default_rng(0)
    rows = [[p, n, k, f"{centre + rng.normal(0, 0.02):.4f}"] for p, centre in truth.items() for n in range(6) for k in (1, 2)]
    result = sample_stability(table("period,item,replicate,value", rows), allowable_absolute=2.5)
    verdicts = judge(differences(result), result.declared_limits())
    assert {v.outcome for v in verdicts if v.measurement.where["period"] == "month"} == outcomes
    assert {v.outcome for v in verdicts if v.measurement.where["period"] == "transport"} == {"pass"}
    assert ("sample_changed" in {one.code for one in result.remarks}) == (abs(change) > 1)
    assert len(result.figures()) == 1


def test_one_period_is_refused_and_other_tables_are_not_accepted(table):
    with pytest.raises(Refused) as refused:
        sample_stability(table("period,item,value", [["start", 1, 5], ["start", 2, 5]]))
    assert refused.value.code == "one_period"
    assert refused.value.words.zh
    assert accepts_periods(table("item,value", [[1, 5]])) is not None
