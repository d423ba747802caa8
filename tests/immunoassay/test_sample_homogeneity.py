"""Homogeneity: the published example, unequal replicates, coverage of the stated uncertainty, refusals."""

import numpy as np
import pytest

from photopeak.immunoassay.sample_homogeneity import accepts_items, sample_homogeneity
from photopeak.procedure import Refused
from photopeak.verdict import judge


def value(result, name):
    return next(m for m in result.measurements if m.quantity.name == name)


@pytest.fixture(scope="module")
def published(table, rows_of):
    rows = [[n, k, r[f"rep{k}"]] for n, r in enumerate(rows_of("iso13528_E2_homogeneity.csv"), 1) for k in (1, 2)]
    return table("item,replicate,value", rows)


def test_the_published_example_is_met_within_its_digits(published, expected):
    found = sample_homogeneity(published, sigma_pt=0.15 * 0.18715).analyses[0][2]
    numbers = {"mean": found.mean, "s_x": found.s_means, "s_w": found.s_within, "s_s": found.s_between}
    for row in expected("E2-"):
        if row["quantity"] in numbers:
            assert numbers.pop(row["quantity"]) == pytest.approx(row["recomputed"], rel=1e-9)
            assert round(row["recomputed"], row["decimals"]) == row["expected"]
    assert numbers == {}


def test_the_published_samples_are_homogeneous_enough(published, expected):
    result = sample_homogeneity(published, sigma_pt=0.15 * 0.18715)
    allowed = next(row for row in expected("E2-0.3"))
    plain, wide = result.declared_limits()
    assert plain.upper == pytest.approx(allowed["recomputed"])
    assert wide.upper > plain.upper
    assert [v.outcome for v in judge(result.measurements, (plain, wide))] == ["pass", "pass"]


@pytest.mark.parametrize("sizes", [(2,) * 400, (2, 3) * 200, (2, 5, 3, 2) * 100])
def test_equal_and_unequal_replicates_recover_the_truth(table, sizes):
    truth_between, truth_within = 0.5, 0.8
    rng = np.random.default_rng(1)
    rows = []
    for item, size in enumerate(sizes):
        centre = 10 + rng.normal(0, truth_between)
        rows += [[item, k, f"{centre + rng.normal(0, truth_within):.5f}"] for k in range(size)]
    result = sample_homogeneity(table("item,replicate,value", rows))
    assert value(result, "s_between").value == pytest.approx(truth_between, abs=0.09)
    assert value(result, "s_within").value == pytest.approx(truth_within, rel=0.06)


def test_the_stated_uncertainty_covers_the_truth(table):
    rng, covered = np.random.default_rng(5), 0
    for _ in range(200):
        centres = rng.normal(0, 1, 20)
        rows = [[n, k, f"{centres[n] + rng.normal(0, 0.4):.5f}"] for n in range(20) for k in range(2)]
        found = value(sample_homogeneity(table("item,replicate,value", rows)), "s_between")
        covered += abs(found.value - 1) <= 2 * found.uncertainty
    assert 0.9 <= covered / 200 <= 0.99


def test_one_item_with_unlike_replicates_is_named(table, rows_of):
    rows = [[n, k, r[f"rep{k}"]] for n, r in enumerate(rows_of("iso13528_E2_homogeneity.csv"), 1) for k in (1, 2)]
    rows[6][2] = 0.26
    result = sample_homogeneity(table("item,replicate,value", rows))
    assert "item 4" in next(one for one in result.remarks if one.code == "cochran_outlier").words.en


def test_a_trend_over_the_items_is_told(table):
    rows = [[n, k, 10 + 0.05 * n + 0.01 * k] for n in range(10) for k in range(2)]
    assert "item_trend" in {one.code for one in sample_homogeneity(table("item,replicate,value", rows)).remarks}


def test_without_sigma_pt_nothing_is_judged(published):
    result = sample_homogeneity(published)
    assert result.declared_limits() == ()
    assert "no_allowable_error" in {one.code for one in result.remarks}
    assert len(result.figures()) == 1


def test_a_bad_row_is_named_and_hides_nothing(table, rows_of):
    rows = [[n, k, n + k / 10] for n in range(10) for k in range(2)]
    result = sample_homogeneity(table("item,replicate,value", [*rows, [11, 1, "x"]]))
    assert [one.code for one in result.remarks if "row 22" in one.words.en] == ["row_not_a_number"]
    assert len(result.measurements) == 2


def test_too_few_items_or_columns_are_refused(table):
    with pytest.raises(Refused) as few:
        sample_homogeneity(table("item,replicate,value", [[1, 1, 5], [2, 1, 6]]))
    with pytest.raises(Refused) as missing:
        sample_homogeneity(table("bottle,value", [[1, 5], [2, 6]]))
    assert (few.value.code, missing.value.code) == ("too_few_items", "missing_columns")
    assert "bottle" in missing.value.words.zh


def test_a_table_with_periods_is_left_to_stability(table):
    assert accepts_items(table("item,replicate,value,period", [[1, 1, 5, "a"], [1, 2, 5, "b"]])).en
    assert accepts_items(table("item,replicate,value", [[1, 1, 5]])) is None
