"""The card of a laboratory: what it was built with comes back, returns that fail count 0, two of three make unsuccessful."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from photopeak.cli import app
from photopeak.immunoassay.laboratory_card import cusum, laboratory_card
from photopeak.procedure import Refused
from photopeak.verdict import judge


def measured(result, quantity, **where):
    return [
        m.value
        for m in result.measurements
        if m.quantity.name == quantity and all(m.where.get(key) == value for key, value in where.items())
    ]


def codes(result):
    return [one.code for one in result.remarks]


def scores_of(result):
    return {m.where["round"]: m.value for m in result.measurements if m.quantity.name == "pt_score"}


def test_bias_and_consistency_are_the_truth_they_were_drawn_with(table):
    rng = np.random.default_rng(1)
    rows = [["A", f"r{n // 2}", f"S{n % 2}", rng.normal(8, 4)] for n in range(400)]
    result = laboratory_card(table("laboratory,round,sample,deviation_percent", rows), window=400)
    assert measured(result, "rolling_bias")[0] == pytest.approx(8, abs=0.6)
    assert measured(result, "consistency")[0] == pytest.approx(4, rel=0.1)


def test_the_window_looks_at_the_last_samples_only(table):
    rows = [["A", f"r{n}", 20 if n < 6 else 2 + 0.1 * (n % 2)] for n in range(12)]
    result = laboratory_card(table("laboratory,round,deviation_percent", rows), window=6)
    assert measured(result, "rolling_bias")[0] == pytest.approx(2.05, abs=0.06)


def test_the_stated_uncertainty_of_the_bias_covers_the_truth(table):
    rng, covered = np.random.default_rng(2), 0
    for _ in range(200):
        rows = [["A", f"r{n}", d] for n, d in enumerate(rng.normal(5, 3, 12))]
        result = laboratory_card(table("laboratory,round,deviation_percent", rows), window=12)
        one = next(m for m in result.measurements if m.quantity.name == "rolling_bias")
        covered += abs(one.value - 5) <= 2 * one.uncertainty
    assert 0.88 <= covered / 200 <= 0.99


def test_constant_and_proportional_bias_are_told_apart(table):
    truth = {"constant_bias": 0.4, "proportional_bias": 6.0}
    rows = [["A", f"r{n}", t + 0.4 + 0.06 * t, t] for n, t in enumerate((1, 2, 5, 10, 20, 50))]
    result = laboratory_card(table("laboratory,round,value,nominal", rows))
    for name, value in truth.items():
        assert measured(result, name)[0] == pytest.approx(value, abs=1e-9)


def test_the_cumulative_sum_finds_a_bias_that_no_single_z_shows(table):
    high, low = cusum([1.5] * 8)
    assert list(high) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert not low.any()
    rows = [["A", f"r{n}", 5, 1.5] for n in range(8)]
    result = laboratory_card(table("laboratory,round,deviation_percent,z_score", rows))
    assert codes(result) == ["cusum_alarm"]
    assert "r5" in result.remarks[0].words.zh
    assert measured(result, "combined_z")[0] == pytest.approx(1.5 * 8**0.5)


def test_chance_alone_raises_the_alarm_of_the_cumulative_sum_in_about_465_results_each_side():
    rng, runs = np.random.default_rng(4), []
    for _ in range(120):
        high, _ = cusum(rng.normal(0, 1, 8000))
        runs.append(int(np.argmax(high > 5)))
    assert 800 < np.mean(runs) < 1100  # published one-sided average run length at h = 5, k = 0.5: 938


ROUNDS = [["A", "r1", "S1", 5], ["A", "r1", "S2", 40], ["A", "r2", "S1", 5], ["A", "r2", "S2", 4], ["A", "r3", "S1", 50]]
ROUNDS += [["A", "r3", "S2", 50], ["B", "r1", "S1", 1], ["B", "r1", "S2", 1], ["B", "r3", "S1", 1], ["B", "r3", "S2", 1]]
HEADER = "laboratory,round,sample,deviation_percent"


def test_two_of_three_unsatisfactory_rounds_are_unsuccessful_and_a_missing_round_counts_nothing(table):
    result = laboratory_card(table(HEADER, ROUNDS), allowable_percent=25, satisfactory_percent=80)
    by = {one.code: one.words for one in result.remarks}
    assert "A: unsuccessful, 2 of the last 3" in by["unsuccessful"].en
    assert "B" in by["unsatisfactory"].en
    assert "r2 0 %" in by["unsatisfactory"].zh
    verdicts = judge(result.measurements, result.declared_limits())
    failed = {(v.measurement.where["laboratory"], v.measurement.where["round"]) for v in verdicts if v.outcome == "fail"}
    assert failed == {("A", "r1"), ("A", "r3"), ("B", "r2")}


def test_the_first_and_the_third_round_make_unsuccessful_as_the_second_and_third_do_and_one_alone_does_not(table):
    def said(goods):
        rows = [["A", f"r{n}", "S", 1 if good else 50] for n, good in enumerate(goods)]
        result = laboratory_card(table(HEADER, rows), allowable_percent=25, satisfactory_percent=80)
        return codes(result)

    assert said((0, 1, 0)) == said((1, 0, 0)) == ["unsuccessful"]
    assert said((1, 1, 0)) == ["unsatisfactory"]
    assert said((0, 0, 1, 1, 1)) == []


def test_a_late_result_counts_nothing_and_an_excused_round_is_no_round(table):
    rows = [["A", "r1", "S1", 1, ""], ["A", "r2", "S1", 1, "late"], ["A", "r3", "S1", "", "excused"], ["A", "r4", "S1", "", ""]]
    result = laboratory_card(table(HEADER + ",status", rows), allowable_percent=25, satisfactory_percent=80)
    assert scores_of(result) == {"r1": 100, "r2": 0, "r4": 0}


def test_an_unreadable_cell_is_named_and_hides_nothing(table):
    rows = [["A", f"r{n}", "S", d] for n, d in enumerate((1, 2, "x", 3))]
    result = laboratory_card(table(HEADER, rows), allowable_percent=25, satisfactory_percent=80)
    assert codes(result) == ["row_not_a_number"]
    assert "第 4 行" in result.remarks[0].words.zh
    assert scores_of(result) == {"r0": 100, "r1": 100, "r3": 100}
    assert len(result.figures()) == 1


@pytest.mark.parametrize(
    ("header", "rows", "code"),
    [("laboratory,deviation_percent", [["A", 1]], "missing_columns"), (HEADER, [["", "r1", "S", 1]], "no_results")],
)
def test_a_table_without_rounds_is_refused_in_both_languages(table, header, rows, code):
    with pytest.raises(Refused) as refused:
        laboratory_card(table(header, rows))
    assert refused.value.code == code
    assert refused.value.words.zh.endswith("。")


def test_deviations_follow_from_values_and_targets_under_either_name_and_the_report_says_it_measured(tmp_path):
    for name in ("nominal", "target"):
        path = tmp_path / f"{name}.csv"
        rows = "".join(f"A,r{n},FT4,{11 + 0.01 * n},10\n" for n in range(8))
        path.write_text(f"laboratory,round,analyte,value,{name}\n{rows}", "utf-8")
        words = ["run", "immunoassay.laboratory_card", str(path), "--out", str(tmp_path / name), "--lang", "zh", "--json", "-"]
        done = CliRunner().invoke(app, words)
        (result,) = json.loads(done.stdout)["results"]
        bias = next(m["value"] for m in result["measurements"] if m["quantity"] == "rolling_bias")
        assert bias == pytest.approx(10.45, abs=0.1)
        assert "已完成测量" in (tmp_path / name / "report.html").read_text("utf-8")
