"""Estimators against numbers from elsewhere, and what must not matter to them."""

import csv

import numpy as np
import pytest
import scipy
from hypothesis import given
from hypothesis import strategies as st

from photopeak.immunoassay.consensus import ESTIMATORS, consensus, estimate
from photopeak.immunoassay.pairwise_spread import q_method, q_method_replicated, qn
from photopeak.immunoassay.robust_statistics import algorithm_a, algorithm_s, columns_of, hampel


def meets(found, row):
    if row["rtol"] is not None:
        return found == pytest.approx(row["expected"], rel=row["rtol"])
    return round(found, row["decimals"]) == pytest.approx(row["expected"], abs=0.51 * 10.0 ** -row["decimals"])


WHERE = {
    "median": ("median", "location"),
    "nIQR": ("niqr", "spread"),
    "MADe": ("made", "spread"),
    "u(median)=1.25 nIQR/sqrt p": ("niqr", "u"),
    "AlgA x*": ("algorithm_a", "location"),
    "AlgA s*": ("algorithm_a", "spread"),
    "u(x*)": ("algorithm_a", "u"),
    "Q-method s": ("q_hampel", "spread"),
    "Hampel x*": ("q_hampel", "location"),
    "u(Hampel)": ("q_hampel", "u"),
    "mean": ("mean", "location"),
    "sd": ("mean", "spread"),
    "u(mean)": ("mean", "u"),
    "x*": ("algorithm_a", "location"),
    "s*": ("algorithm_a", "spread"),
}


def test_the_published_examples_are_met_within_their_digits(expected, rows_of):
    atrazine = [float(row["value"]) for row in rows_of("iso13528_E3_atrazine.csv")]
    mercury = [float(row["x"]) for row in rows_of("iso13528_E4_mercury.csv")]
    rows = [(row, atrazine) for row in expected("E3-")] + [(row, mercury) for row in expected("E7-")]
    met = 0
    for row, values in rows:
        if row["quantity"] in WHERE:
            estimator, what = WHERE[row["quantity"]]
            found = getattr(consensus(np.array(values), estimator), what)
            assert meets(found, row), row["id"]
            assert found == pytest.approx(row["recomputed"], rel=1e-9), row["id"]
            met += 1
    assert met >= 15


def test_the_difference_of_consensus_and_reference_has_its_uncertainty(expected, rows_of):
    mercury = consensus(np.array([float(row["x"]) for row in rows_of("iso13528_E4_mercury.csv")]), "algorithm_a")
    apart, u = {row["quantity"]: row for row in expected("E7-")}["x_diff"], expected("E7-u_diff")[0]
    assert meets(0.044 - mercury.location, apart)
    assert meets(float(np.hypot(mercury.u, 0.0041)), u)


def test_algorithm_a_meets_the_robust_statistics_data_of_the_analytical_methods_committee(shared):
    path = shared / "data" / "immunoassay" / "MASS_chem.csv"
    found = consensus(np.array([float(row["dat"]) for row in csv.DictReader(path.open())]), "algorithm_a")
    assert (round(found.location, 4), round(found.spread, 4)) == (3.2056, 0.6742)


def written_out_q(values):
    """The definition of the Q method word by word, for comparison: quadratic in the number of results."""
    from scipy.stats import norm

    low, high = np.triu_indices(len(values), 1)
    distances = np.round(np.sort(np.abs(values[high] - values[low])), 9)
    at, number = np.unique(distances, return_counts=True)
    share = np.cumsum(number) / len(distances)
    at_zero = share[0] if at[0] == 0 else 0.0
    middle = np.concatenate([[0.5 * share[0] if at[0] > 0 else 0.0], 0.5 * (share[1:] + share[:-1])])
    knots, heights = (np.concatenate([[0.0], at]), np.concatenate([[0.0], middle])) if at[0] > 0 else (at, middle)
    x = np.interp(0.25 + 0.75 * at_zero, heights, knots)
    return x / (np.sqrt(2) * norm.ppf(0.625 + 0.375 * at_zero))


@pytest.mark.parametrize("seed", range(12))
def test_counting_pairs_gives_what_the_definition_gives_with_and_without_ties(seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(10, 1, int(rng.integers(5, 300)))
    values = np.round(values, 1) if seed % 2 else values
    assert q_method(columns_of(values))[0] == pytest.approx(written_out_q(values), rel=1e-9)


def q_by_definition(laboratories):
    """Formulas C.22 to C.25 as they are printed: H1 over pairs of results of different laboratories, G1 through its middles."""
    steps = {}
    pairs = len(laboratories) * (len(laboratories) - 1) / 2
    for n, one in enumerate(laboratories):
        for other in laboratories[:n]:
            for a in one:
                for b in other:
                    step = round(abs(a - b), 9)
                    steps[step] = steps.get(step, 0) + 1 / (len(one) * len(other) * pairs)
    at = np.array(sorted(steps))
    reached = np.cumsum([steps[x] for x in at])
    at_zero = reached[0] if at[0] == 0 else 0.0
    middles = 0.5 * (reached + np.concatenate([[0], reached[:-1]]))
    x, g = (at, np.concatenate([[0], middles[1:]])) if at[0] == 0 else (np.append(0, at), np.append(0, middles))
    return np.interp(0.25 + 0.75 * at_zero, g, x) / (np.sqrt(2) * scipy.stats.norm.ppf(0.625 + 0.375 * at_zero))


@pytest.mark.parametrize("seed", range(40))
def test_replicates_are_compared_between_laboratories_each_pair_of_which_weighs_the_same(seed):
    rng = np.random.default_rng(seed)
    laboratories = [
        np.round(rng.normal(10, 1) + rng.normal(0, 0.5, rng.integers(1, 5)), rng.integers(0, 5))
        for _ in range(rng.integers(3, 25))
    ]
    assert q_method_replicated(laboratories) == pytest.approx(q_by_definition(laboratories), rel=1e-9, abs=1e-12)


def test_single_results_give_the_same_by_both_ways_of_counting_in_a_national_round_as_well():
    values = np.round(np.random.default_rng(2).normal(10, 1, 3000), 2)
    assert q_method_replicated([np.array([x]) for x in values]) == pytest.approx(q_method(columns_of(values))[0], rel=1e-12)


def test_replicates_show_the_spread_of_single_results_not_that_of_means():
    rng = np.random.default_rng(4)
    laboratories = [rng.normal(0, 1) + rng.normal(0, 1, 4) for _ in range(2000)]
    assert q_method_replicated(laboratories) == pytest.approx(np.sqrt(2), rel=0.04)
    assert q_method(columns_of([one.mean() for one in laboratories]))[0] == pytest.approx(np.sqrt(1.25), rel=0.04)


@pytest.mark.parametrize("count", [5, 64, 65, 200])
def test_qn_is_the_order_statistic_it_names_below_and_above_the_switch_to_counting(count):
    values = np.random.default_rng(count).normal(0, 1, count)
    low, high = np.triu_indices(count, 1)
    half = count // 2 + 1
    plain = np.sort(np.abs(values[high] - values[low]))[half * (half - 1) // 2 - 1]
    assert qn(columns_of(values))[0] / plain == pytest.approx(qn(columns_of(3 * values))[0] / (3 * plain))
    assert 1.5 < qn(columns_of(values))[0] / plain < 2.3


@pytest.mark.parametrize("estimator", ["algorithm_a", "q_hampel", "qn", "made", "niqr", "mean"])
def test_a_normal_round_has_the_mean_and_the_spread_it_was_drawn_with(estimator):
    truth = np.random.default_rng(7).normal(50, 4, (4000, 6))
    found = estimate(columns_of(truth), estimator)
    assert found.location == pytest.approx(np.full(6, 50.0), abs=0.35)
    assert found.spread == pytest.approx(np.full(6, 4.0), rel=0.06)


@pytest.mark.parametrize("estimator", ["algorithm_a", "q_hampel", "mean"])
def test_the_stated_uncertainty_covers_the_truth(estimator):
    draws = np.random.default_rng(11).normal(0, 1, (18, 3000))
    found = estimate(columns_of(draws), estimator)
    u = found.spread / np.sqrt(18) * (1 if estimator == "mean" else 1.25)
    covered = np.mean(np.abs(found.location) <= 2 * u)
    assert 0.92 <= covered <= 0.99


@pytest.mark.parametrize("estimator", [name for name in ESTIMATORS if name != "mean"])
def test_one_wild_result_hardly_moves_a_robust_estimate(estimator):
    values = np.random.default_rng(3).normal(10, 1, 30)
    wild = np.append(values[:-1], 1000.0)
    before, after = consensus(values, estimator), consensus(wild, estimator)
    assert abs(after.location - before.location) < 0.3
    assert after.spread < 1.5 * before.spread


@given(
    values=st.lists(st.integers(-1000, 1000), min_size=6, max_size=40),
    scale=st.floats(0.01, 100),
    shift=st.floats(-100, 100),
)
def test_units_and_order_do_not_matter(values, scale, shift):
    plain = np.array(values, dtype=float)
    for estimator in ESTIMATORS:
        one, other = consensus(plain, estimator), consensus(plain[::-1] * scale + shift, estimator)
        reach = 1e-6 * (np.ptp(plain) + 1) * scale + 1e-6 * abs(shift)
        assert other.location == pytest.approx(one.location * scale + shift, abs=reach)
        assert other.spread == pytest.approx(one.spread * scale, abs=reach)


def test_missing_results_are_left_out_column_by_column():
    values = np.random.default_rng(5).normal(10, 1, (20, 3))
    gaps = values.copy()
    gaps[[2, 5], 1] = np.nan
    for estimator in ESTIMATORS:
        together = estimate(columns_of(gaps), estimator)
        alone = consensus(values[[n for n in range(20) if n not in (2, 5)], 1], estimator)
        assert together.location[1] == pytest.approx(alone.location)
        assert together.spread[1] == pytest.approx(alone.spread)


def test_more_than_half_equal_results_leave_no_spread_but_a_location():
    values = np.array([5.0] * 8 + [6.0, 7.0])
    columns = columns_of(values)
    assert hampel(columns, q_method(columns))[0] == pytest.approx(5.0, abs=0.6)
    assert algorithm_a(columns_of(np.full(9, 5.0))).location[0] == 5.0


def test_algorithm_s_recovers_the_repeatability_of_laboratories_one_of_which_is_wild():
    truth = 0.3
    replicates = np.random.default_rng(2).normal(0, truth, (400, 3))
    replicates[0] *= 30
    found = algorithm_s(replicates.std(axis=1, ddof=1), 2)[0]
    assert found == pytest.approx(truth, rel=0.06)
