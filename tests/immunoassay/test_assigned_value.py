"""Targets of a round: the published example, guards with their reasons, limits as results."""

import random

import numpy as np
import pytest

from photopeak.immunoassay.assigned_value import assigned_value
from photopeak.immunoassay.censored import tobit
from photopeak.immunoassay.pairwise_spread import q_method_replicated
from photopeak.immunoassay.robust_statistics import columns_of, hampel
from photopeak.procedure import Refused


def values_of(result, quantity="assigned_value", **where):
    return [
        m.value
        for m in result.measurements
        if m.quantity.name == quantity and all(m.where.get(key) == value for key, value in where.items())
    ]


def codes(result):
    return [one.code for one in result.remarks]


def round_of(seed=0, spread=0.5, groups=(("RIA", 10, 10), ("CLIA", 14, 8)), column=True):
    random.seed(seed)
    rows = []
    for name, centre, count in groups:
        rows += [[f"{name}{n}", f"{random.gauss(centre, spread):.3f}", name if column else ""] for n in range(count)]
    return "laboratory,value,method", rows


def test_every_estimator_asked_for_is_measured_with_its_expected_numbers(table, rows_of):
    evidence = table("laboratory,value", [[row["lab"], row["value"]] for row in rows_of("iso13528_E3_atrazine.csv")])
    result = assigned_value(evidence, estimator=("algorithm_a", "q_hampel", "median"))
    assert round(values_of(result, estimator="algorithm_a")[0], 4) == 0.2570
    assert round(values_of(result, "robust_sd", estimator="q_hampel")[0], 4) == 0.0426
    assert round(values_of(result, "u_assigned", estimator="median")[0], 4) == 0.0086
    assert {m.where["method_group"] for m in result.measurements} == {"all"}
    assert len(result.figures()) == 1


def test_four_results_give_no_target_and_the_one_far_off_is_named(table):
    result = assigned_value(table("laboratory,value", [["A", 39.5], ["B", 40], ["C", 40.5], ["D", 80]]))
    assert result.measurements == ()
    assert codes(result) == ["too_few_results", "far_result"]
    assert "D 80" in result.remarks[1].words.en
    assert "D 80" in result.remarks[1].words.zh


def test_methods_that_differ_have_a_target_each(table):
    result = assigned_value(table(*round_of()))
    assert values_of(result, method_group="RIA")[0] == pytest.approx(10, abs=0.5)
    assert values_of(result, method_group="CLIA")[0] == pytest.approx(14, abs=0.5)
    assert values_of(result, method_group="all") == []
    assert "method_groups_differ" in codes(result)
    assert len(result.figures()[0].marks) == 2


def test_a_bump_of_the_density_alone_only_warns(table):
    result = assigned_value(table(*round_of(column=False)))
    assert len(values_of(result, method_group="all")) == 1
    assert "several_modes" in codes(result)
    assert "method_groups_differ" not in codes(result)


def test_methods_that_agree_are_pooled_in_99_of_100_rounds(table):
    split = 0
    for seed in range(100):
        result = assigned_value(table(*round_of(seed, groups=(("RIA", 10, 10), ("CLIA", 10, 8)))))
        split += "method_groups_differ" in codes(result)
    assert split <= 4


def test_a_group_too_small_for_its_own_target_is_scored_with_all(table):
    result = assigned_value(table(*round_of(groups=(("RIA", 10, 10), ("CLIA", 14, 8), ("ELISA", 12, 3)))))
    assert len(values_of(result, method_group="all")) == 1
    assert "group_too_small" in codes(result)


@pytest.mark.parametrize(("grouping", "groups"), [("all", {"all"}), ("method", {"RIA", "CLIA"})])
def test_the_scheme_may_ask_for_its_grouping(table, grouping, groups):
    result = assigned_value(table(*round_of()), grouping=grouping)
    assert {m.where["method_group"] for m in result.measurements} == groups


def test_the_cascade_takes_the_narrowest_group_that_is_large_enough(table):
    rows = [[f"L{n}", 10 + n / 100, "CLIA", "X1" if n < 6 else "Y2" if n < 9 else "Z3"] for n in range(12)]
    result = assigned_value(table("laboratory,value,method,instrument", rows), grouping="cascade")
    assert {m.where["method_group"] for m in result.measurements} == {"X1", "CLIA"}


def test_a_reference_value_stands_beside_the_consensus_and_a_difference_is_told(table, rows_of):
    rows = [[row["lab"], row["x"]] for row in rows_of("iso13528_E4_mercury.csv")]
    result = assigned_value(table("laboratory,value", rows), target=0.044, target_uncertainty=0.0041)
    reference = next(m for m in result.measurements if m.where["estimator"] == "reference")
    assert (reference.value, reference.uncertainty) == (0.044, 0.0041)
    assert "consensus_differs_from_reference" in codes(result)


def test_the_uncertainty_of_the_sample_enters_that_of_the_target(table):
    plain = assigned_value(table(*round_of()), grouping="all")
    budget = assigned_value(table(*round_of()), grouping="all", u_homogeneity=0.3, u_stability=0.4)
    u, more = values_of(plain, "u_assigned")[0], values_of(budget, "u_assigned")[0]
    assert more == pytest.approx(np.hypot(u, 0.5))


def test_results_given_as_limits_enter_by_maximum_likelihood_and_the_substitutes_stand_beside(table):
    truth = np.random.default_rng(4).normal(10, 2, 400)
    rows = [[f"L{n}", "<9" if x < 9 else f"{x:.3f}"] for n, x in enumerate(truth)]
    result = assigned_value(table("laboratory,value", rows))
    assert values_of(result, estimator="tobit")[0] == pytest.approx(10, abs=0.35)
    assert values_of(result, "robust_sd", estimator="tobit")[0] == pytest.approx(2, abs=0.25)
    by = {how: values_of(result, estimator="algorithm_a", censored=how)[0] for how in ("delete", "ignore", "half")}
    assert by["half"] < 10 < by["ignore"] < by["delete"]
    assert "censored_results" in codes(result)


@pytest.mark.parametrize(("sign", "limit"), [("<", 0.5), (">", 50.0)])
def test_a_limit_on_the_wrong_side_of_all_others_does_not_move_the_target(sign, limit):
    values = np.append(np.random.default_rng(4).normal(5, 0.3, 14), limit)
    found = tobit(values, np.array([""] * 14 + [sign]))
    assert found.left_out == 1
    assert found.location == pytest.approx(values[:14].mean(), rel=1e-9)
    assert found.spread < 0.5


def test_the_uncertainty_of_the_censored_estimate_covers_the_truth():
    rng, covered = np.random.default_rng(9), 0
    for _ in range(300):
        x = rng.normal(10, 2, 40)
        found = tobit(np.clip(x, 9, 13), np.where(x < 9, "<", np.where(x > 13, ">", "")))
        covered += abs(found.location - 10) <= 2 * found.u_location
    assert 0.91 <= covered / 300 <= 0.985


def test_a_log_scale_gives_the_geometric_centre(table):
    truth = 3.0
    rows = [[f"L{n}", f"{truth * np.exp(0.8 * z):.5f}"] for n, z in enumerate(np.random.default_rng(1).normal(0, 1, 600))]
    result = assigned_value(table("laboratory,value", rows), scale="log")
    assert values_of(result)[0] == pytest.approx(truth, rel=0.08)
    assert values_of(result, "robust_sd")[0] / values_of(result)[0] == pytest.approx(0.8, rel=0.1)


def test_results_over_decades_are_told_to_belong_on_a_log_scale_and_one_wild_result_is_not(table):
    z = np.random.default_rng(2).normal(0, 1, 30)
    wide = table("laboratory,value", [[f"L{n}", f"{3 * np.exp(1.2 * one):.4f}"] for n, one in enumerate(z)])
    narrow = table(
        "laboratory,value", [["wild", 3000], *([f"L{n}", f"{3 * np.exp(0.3 * one):.4f}"] for n, one in enumerate(z))]
    )
    assert "spans_decades" in codes(assigned_value(wide))
    assert "spans_decades" not in codes(assigned_value(wide, scale="log"))
    assert "spans_decades" not in codes(assigned_value(narrow))


def test_repeated_rows_give_the_repeatability_by_algorithm_s(table):
    rng = np.random.default_rng(6)
    rows = [[f"L{n}", f"{10 + rng.normal(0, 0.2):.4f}"] for n in range(200) for _ in range(2)]
    result = assigned_value(table("laboratory,value", rows), estimator=("algorithm_s", "algorithm_a"))
    assert values_of(result, "robust_sd", estimator="algorithm_s")[0] == pytest.approx(0.2, rel=0.12)
    assert values_of(result, estimator="algorithm_a")[0] == pytest.approx(10, abs=0.05)


def test_numbered_replicates_enter_the_q_method_as_results_and_hampels_mean_as_their_means(table):
    rng = np.random.default_rng(8)
    laboratories = [np.round(rng.normal(10, 0.5) + rng.normal(0, 0.5, 1 + n % 3), 2) for n in range(15)]
    rows = [[f"L{n}", k, f"{x:.2f}"] for n, some in enumerate(laboratories) for k, x in enumerate(some)]
    result = assigned_value(table("laboratory,replicate,value", rows), estimator=("q_hampel",), grouping="all")
    spread = q_method_replicated(laboratories)
    assert values_of(result, "robust_sd") == [pytest.approx(spread, rel=1e-9)]
    means = columns_of([some.mean() for some in laboratories])
    assert values_of(result) == [pytest.approx(hampel(means, np.array([spread]))[0], rel=1e-9)]


@pytest.mark.parametrize(
    ("header", "rows", "code"),
    [
        ("laboratory,result", [["A", 1]], "missing_columns"),
        ("value,unit", [[1, "ng/mL"]], "missing_columns"),
        ("laboratory,value", [["A", "abc"], ["B", "=1+1"]], "no_results"),
    ],
)
def test_a_table_without_results_is_refused_in_both_languages(table, header, rows, code):
    with pytest.raises(Refused) as refused:
        assigned_value(table(header, rows))
    assert refused.value.code == code
    assert refused.value.words.zh.endswith("。")


def test_an_unknown_estimator_is_refused_with_the_list(table):
    with pytest.raises(Refused, match="algorithm_a"):
        assigned_value(table(*round_of()), estimator=("algoritm_a",))
