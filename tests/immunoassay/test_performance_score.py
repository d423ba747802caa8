"""Scores and verdicts of a round: the published example, every guard, and boundaries in decimal arithmetic."""

import random
from decimal import Decimal

import pytest

from photopeak.immunoassay import scores
from photopeak.immunoassay.allowable_error import AllowableErrorError, declared
from photopeak.immunoassay.performance_score import performance_score
from photopeak.procedure import Refused
from photopeak.verdict import judge

FOUR = [["A", "39.5"], ["B", "40"], ["C", "40.5"], ["D", "80"]]
FIVE = [["Lae", "39.5"], ["Goroka", "40.0"], ["Kimbe", "40.5"], ["Mt Hagen", "41.0"], ["PMGH", "80.0"]]


def codes(result):
    return {one.code for one in result.remarks}


def measured(result, quantity, **where):
    return {
        m.where["laboratory"]: m.value
        for m in result.measurements
        if m.quantity.name == quantity and all(m.where.get(key) == value for key, value in where.items())
    }


def outcomes(result, quantity="deviation_percent"):
    verdicts = judge(result.measurements, result.declared_limits())
    return {
        v.measurement.where["laboratory"]: v.outcome
        for v in verdicts
        if v.measurement is not None and v.measurement.quantity.name == quantity
    }


def normal_round(count, seed=3, centre=10.0, spread=1.0):
    random.seed(seed)
    return [[f"L{n}", f"{random.gauss(centre, spread):.3f}"] for n in range(count)]


FORMULAS = {
    "D%": lambda x, u, g: scores.deviation_percent(x, g["x_pt"]),
    "PA": lambda x, u, g: scores.percent_of_allowable(x, g["x_pt"], g["delta_E"]),
    "z": lambda x, u, g: scores.z_score(x, g["x_pt"], g["sigma_pt"]),
    "z'": lambda x, u, g: scores.z_prime(x, g["x_pt"], g["sigma_pt"], g["u_x_pt"]),
    "zeta": lambda x, u, g: scores.zeta(x, g["x_pt"], u[0], g["u_x_pt"]),
    "En": lambda x, u, g: scores.en_score(x, g["x_pt"], u[1], 2 * g["u_x_pt"]),
}


def test_every_score_of_the_published_example_is_met_within_its_digits(expected, rows_of):
    laboratories = {row["lab"]: row for row in rows_of("iso13528_E4_mercury.csv")}
    rows = expected("E4-")
    for row in rows:
        laboratory = laboratories[row["id"].split("-")[1]]
        big, k = float(laboratory["U"]), float(laboratory["k"])
        found = FORMULAS[row["quantity"]](float(laboratory["x"]), (big / k, big), row["given"])
        assert found == pytest.approx(row["expected"], abs=0.5001 * 10.0 ** -row["decimals"]), row["id"]
        assert found == pytest.approx(row["recomputed"], rel=1e-9, abs=1e-12), row["id"]
    assert len(rows) == 6 * 21


def test_the_procedure_gives_the_scores_of_the_published_example(table, rows_of):
    rows = [[r["lab"], r["x"], float(r["U"]) / float(r["k"])] for r in rows_of("iso13528_E4_mercury.csv")]
    evidence = table("laboratory,value,uncertainty", rows)
    result = performance_score(evidence, target=0.044, target_uncertainty=0.0041, sigma_pt=0.0066)
    assert measured(result, "deviation_percent")["L04"] == pytest.approx(-70.4545, abs=1e-4)
    assert measured(result, "z_score")["L04"] == pytest.approx(-4.69697, abs=1e-5)
    assert measured(result, "z_prime")["L04"] == pytest.approx(-3.98980, abs=1e-5)
    assert measured(result, "zeta")["L04"] == pytest.approx(-7.10068, abs=1e-5)


def test_the_classical_z_of_five_laboratories_cannot_flag_its_outlier_but_a_sealed_target_does(table, expected):
    import numpy as np

    values = np.array([float(value) for _, value in FIVE])
    classical = scores.z_score(values, values.mean(), values.std(ddof=1))
    for row, found in zip(expected("OpenELIS-z"), classical):
        assert found == pytest.approx(row["expected"], abs=0.51 * 10.0 ** -row["decimals"])
    assert abs(classical[-1]) < 2
    result = performance_score(table("laboratory,value", FIVE), target=40, lower=36, upper=44)
    assert outcomes(result) == {"Lae": "pass", "Goroka": "pass", "Kimbe": "pass", "Mt Hagen": "pass", "PMGH": "fail"}
    flags = [abs(scores.percent_of_allowable(value, 40, 4)) > 100 for value in values]
    assert sum(flags) == expected("OpenELIS-robust-flags")[0]["expected"]


def test_four_results_give_no_consensus_verdict_and_name_the_far_one(table):
    result = performance_score(table("laboratory,value", FOUR), allowable_percent=25)
    assert outcomes(result) == {}
    assert {"too_few_results", "far_result"} <= codes(result)
    assert "no_allowable_error" not in codes(result)
    assert any("D 80" in one.words.zh for one in result.remarks)


def test_four_results_with_a_sealed_target_are_judged_by_it(table):
    result = performance_score(table("laboratory,value", FOUR), target=40, lower=36, upper=44)
    assert outcomes(result) == {"A": "pass", "B": "pass", "C": "pass", "D": "fail"}


def test_the_sealed_target_may_stand_in_the_table_itself(table):
    rows = [[*row, 40, 36, 44] for row in FOUR]
    result = performance_score(table("laboratory,value,nominal,lower,upper", rows))
    assert outcomes(result) == {"A": "pass", "B": "pass", "C": "pass", "D": "fail"}


@pytest.mark.parametrize(
    ("count", "score", "other"), [(17, "z_prime", "z_score"), (18, "z_score", "z_prime"), (12, "z_prime", "z_score")]
)
def test_a_consensus_of_17_gives_z_prime_and_of_18_gives_z(table, count, score, other):
    result = performance_score(table("laboratory,value", normal_round(count)))
    assert len(measured(result, score)) == count
    assert measured(result, other) == {}


@pytest.mark.parametrize("count", [5, 11])
def test_a_group_under_twelve_is_judged_by_the_fixed_criterion_only(table, count):
    result = performance_score(table("laboratory,value", normal_round(count, spread=0.3)), allowable_percent=25)
    plain = {"deviation_percent", "deviation", "percent_of_allowable", "pt_score"}
    assert {m.quantity.name for m in result.measurements} == plain
    assert "fixed_criterion_only" in codes(result)
    assert set(outcomes(result).values()) == {"pass"}


def test_ten_and_eight_results_of_two_methods_are_scored_by_group_and_by_the_fixed_criterion(table):
    random.seed(1)
    rows = [[f"L{n}", "RIA" if n < 10 else "CLIA", f"{random.gauss(10 if n < 10 else 14, 0.5):.2f}"] for n in range(18)]
    result = performance_score(table("laboratory,method,value", rows), allowable_percent=25)
    assert {"method_groups_differ", "fixed_criterion_only"} <= codes(result)
    assert {m.where["method_group"] for m in result.measurements if m.quantity.name != "pt_score"} == {"RIA", "CLIA"}
    assert set(outcomes(result).values()) == {"pass"}
    assert measured(result, "z_score") == {}


@pytest.mark.parametrize("target", ["0.7", "3.3", "8.2", "40", "0.1", "123.4"])
@pytest.mark.parametrize("side", ["1.25", "0.75"])
def test_exactly_25_per_cent_passes_an_inclusive_criterion_and_fails_a_strict_one(table, target, side):
    at_limit = Decimal(target) * Decimal(side)
    evidence = table("laboratory,value", [["A", at_limit], ["B", target]])
    for strict, outcome in ((False, "pass"), (True, "fail")):
        result = performance_score(evidence, target=float(target), allowable_percent=25, strict=strict)
        assert measured(result, "deviation_percent")["A"] == 100 * (float(side) - 1)
        assert outcomes(result)["A"] == outcome


@pytest.mark.parametrize(
    ("error", "target", "inside", "outside"),
    [
        ({"kind": "absolute", "absolute": 0.7, "unit": "pmol/L"}, "3", "3.7", "3.71"),
        ({"kind": "greater", "percent": 20, "absolute": 0.7, "unit": "pmol/L"}, "3", "2.3", "2.29"),
        ({"kind": "greater", "percent": 20, "absolute": 0.7, "unit": "pmol/L"}, "10", "12", "12.01"),
        ({"kind": "two_range", "percent": 15, "absolute": 1.5, "switch_at": 10, "unit": "pmol/L"}, "10", "11.5", "11.51"),
        ({"kind": "two_range", "percent": 15, "absolute": 1.5, "switch_at": 10, "unit": "pmol/L"}, "20", "23", "23.01"),
        ({"kind": "ratio", "ratio": 1.25}, "10", "8", "7.99"),
        ({"kind": "range", "lower": 36, "upper": 44}, "40", "44", "44.01"),
        ({"kind": "k_sd", "k": 3}, "10", "11.5", "11.51"),
    ],
)
def test_every_manner_of_allowable_error_holds_its_boundary_exactly(error, target, inside, outside):
    target = Decimal(target)
    low, high = declared(error).bounds(target, analyte="FT4", unit="pmol/L", sigma=0.5)
    met = [low <= scores.exact_percent(Decimal(x), target) <= high for x in (inside, outside)]
    assert met == [True, False]


def test_the_absolute_part_is_converted_by_the_molar_mass():
    error = declared({"kind": "absolute", "absolute": 1.0, "unit": "ng/dL"})
    high = error.bounds(Decimal("12.872"), analyte="FT4", unit="pmol/L", sigma=None)[1]
    assert high == pytest.approx(100, rel=1e-4)


def test_an_allowable_error_without_its_numbers_is_an_error_in_both_languages():
    with pytest.raises(AllowableErrorError) as error:
        declared({"kind": "greater", "percent": 20})
    assert "absolute" in error.value.words.en
    assert "absolute" in error.value.words.zh


def test_an_uncertain_target_widens_the_allowable_error(table):
    evidence = table("laboratory,value", [["A", 12.6], ["B", 13.2]])
    sharp = performance_score(evidence, target=10, allowable_percent=25)
    wide = performance_score(evidence, target=10, target_uncertainty=0.8, allowable_percent=25)
    assert outcomes(sharp) == {"A": "fail", "B": "fail"}
    assert wide.declared_limits()[0].upper == pytest.approx((25**2 + 16**2) ** 0.5)
    assert outcomes(wide) == {"A": "pass", "B": "fail"}
    assert scores.widened(25, 16) == pytest.approx(29.68, abs=0.01)


def test_a_negligible_uncertainty_of_the_target_changes_nothing(table):
    result = performance_score(
        table("laboratory,value", [["A", 12.5]]), target=10, target_uncertainty=0.2, allowable_percent=25
    )
    assert result.declared_limits()[0].upper == 25


@pytest.mark.parametrize(("good", "outcome"), [(5, "pass"), (4, "pass"), (3, "fail")])
def test_four_of_five_samples_are_satisfactory_and_three_are_not(table, good, outcome):
    rows = [["A", f"S{n}", 10 if n < good else 20] for n in range(5)]
    result = performance_score(
        table("laboratory,sample,value,nominal", [[*row, 10] for row in rows]), allowable_percent=25, satisfactory_percent=80
    )
    assert measured(result, "pt_score")["A"] == 20 * good
    assert outcomes(result, "pt_score") == {"A": outcome}


def test_a_result_not_returned_or_late_counts_nothing_and_an_excused_one_is_left_out(table):
    rows = [["A", "S1", 10, ""], ["A", "S2", "", ""], ["B", "S1", 10, "late"], ["B", "S2", 10, ""]]
    rows += [["C", "S1", 10, ""], ["C", "S2", "", "excused"], ["D", "S1", 10, ""], ["D", "S2", "x", ""]]
    result = performance_score(
        table("laboratory,sample,value,status,nominal", [[*row, 10] for row in rows]), allowable_percent=25
    )
    assert measured(result, "pt_score") == {"A": 50, "B": 50, "C": 100}
    assert {"result_late", "result_not_returned", "result_excused", "result_unreadable"} <= codes(result)


@pytest.mark.parametrize(
    ("value", "code", "outcome"), [("<12", "limit_consistent", None), ("<5", "limit_wrong", "fail"), ("<9", "limit_open", None)]
)
def test_a_result_below_a_limit_is_consistent_wrong_or_cannot_be_told(table, value, code, outcome):
    result = performance_score(table("laboratory,value", [["A", value], ["B", 10]]), target=10, allowable_percent=25)
    assert code in codes(result)
    assert outcomes(result).get("A") == outcome


def test_several_analysers_of_one_laboratory_are_scored_apart(table):
    rows = [["A", "X1", 10], ["A", "Y2", 20], ["B", "X1", 10]]
    result = performance_score(table("laboratory,instrument,value", rows), target=10, allowable_percent=25)
    found = {(m.where["laboratory"], m.where.get("instrument")): m.value for m in result.measurements if m.unit == "%"}
    assert found[("A", "X1")] == 100
    assert found[("A", "Y2")] == 0
    assert ("B", None) in found


def test_without_an_allowable_error_nothing_is_called_acceptable(table):
    result = performance_score(table("laboratory,value", normal_round(20)))
    assert set(outcomes(result).values()) == {"not_assessed"}
    assert measured(result, "pt_score") == {}
    assert "no_allowable_error" in codes(result)


def test_a_shipped_programme_judges_by_its_greater_limit_in_its_unit(table):
    from photopeak.criterion import choose, shipped_criteria

    rows = [["A", "FT3", 3.0, "pmol/L", 3.7], ["B", "FT3", 3.0, "pmol/L", 3.71]]
    result = performance_score(table("laboratory,analyte,nominal,unit,value", rows))
    limits = [
        row
        for row in choose(shipped_criteria(), stage="status", programme="wst403-2024")
        if row.quantity == "deviation_percent"
    ]
    judged = [v for v in judge(result.measurements, limits) if v.measurement and v.criterion]
    assert {v.measurement.where["laboratory"]: v.outcome for v in judged} == {"A": "pass", "B": "fail"}
    assert all(v.criterion.upper == pytest.approx(70 / 3) for v in judged)


def test_deviations_are_drawn_laboratory_by_laboratory(table):
    figure = performance_score(table("laboratory,value", normal_round(18))).figures()[0]
    ordered = [m.value for m in figure.marks[0].measurements]
    assert ordered == sorted(ordered)
    assert len(ordered) == 18


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"lower": 36}, "allowable_error"),
        ({"scheme": "thyroid.toml"}, "not_a_scheme"),
        ({"estimator": ("best",)}, "unknown_estimator"),
    ],
)
def test_options_that_cannot_be_used_are_refused_in_both_languages(table, options, code):
    with pytest.raises(Refused) as refused:
        performance_score(table("laboratory,value", FIVE), target=40, **options)
    assert refused.value.code == code
    assert refused.value.words.zh


def test_one_target_for_several_samples_is_refused(table):
    with pytest.raises(Refused) as refused:
        performance_score(table("laboratory,sample,value", [["A", "S1", 1], ["A", "S2", 2]]), target=1)
    assert refused.value.code == "several_samples"


SCORES = {
    "D%": "deviation_percent",
    "PA": "percent_of_allowable",
    "z": "z_score",
    "z'": "z_prime",
    "zeta": "zeta",
    "En": "en_score",
}


def test_the_procedure_gives_all_126_scores_of_the_published_example_within_their_digits(table, expected, rows_of):
    rows = [[r["lab"], r["x"], r["U"], r["k"]] for r in rows_of("iso13528_E4_mercury.csv")]
    given = expected("E4-")[0]["given"]
    result = performance_score(
        table("laboratory,value,expanded_uncertainty,k", rows),
        target=given["x_pt"],
        target_uncertainty=given["u_x_pt"],
        sigma_pt=given["sigma_pt"],
        allowable_absolute=given["delta_E"],
    )
    found = {(m.where.get("laboratory"), m.quantity.name): m.value for m in result.measurements}
    for row in expected("E4-"):
        value = found[(row["id"].split("-")[1], SCORES[row["quantity"]])]
        assert value == pytest.approx(row["expected"], abs=0.5001 * 10.0 ** -row["decimals"]), row["id"]


def test_a_deviation_stands_in_the_unit_of_the_result_too(table):
    result = performance_score(table("laboratory,value,unit", [["A", 12.5, "ng/mL"]]), target=10)
    deviation = next(m for m in result.measurements if m.quantity.name == "deviation")
    assert (deviation.value, deviation.unit) == (2.5, "ug/L")


def test_numbered_replicates_are_one_result_and_not_several_laboratories(table):
    rows = [[f"L{n}", r, 10 + n / 10 + (0.5 if r == 1 else -0.5)] for n in range(6) for r in (1, 2)]
    result = performance_score(table("laboratory,replicate,value", rows), target=10)
    assert measured(result, "deviation_percent")["L3"] == pytest.approx(3)
    assert "fixed_criterion_only" in codes(result)
    assert len(measured(result, "deviation_percent")) == 6
