"""Internal control: the published sequence rule by rule, rules across materials, limits that outliers do not widen, refusals."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from photopeak.cli import app
from photopeak.figure import Dots
from photopeak.immunoassay.control_chart import control_chart
from photopeak.immunoassay.control_limits import components
from photopeak.immunoassay.control_table import accepts_control
from photopeak.immunoassay.westgard import Scored, rules_broken
from photopeak.phantom.assays import control_files, control_runs
from photopeak.procedure import Refused

HEADER = "run,value,mean,sd"


def values(result):
    return {(m.quantity.name, *m.where.values()): m for m in result.measurements}


def rules_of(result):
    return {run: rules for run, rules in result.runs if rules}


def one_series(zs):
    return [Scored(run=str(n), series="", z=z) for n, z in enumerate(zs)]


def test_the_first_run_of_each_day_is_a_run_of_its_own(table):
    """The designs of CLSI EP05 and EP15 number the runs of each day anew; R_4s looks within a run."""
    rows = [[day, 1, 110 if day % 2 else 90.0, 100, 4] for day in range(1, 7)]
    for header in ("day,run,value,mean,sd", "date,run,value,mean,sd"):
        result = control_chart(table(header, rows))
        assert "westgard_R_4s" not in [one.code for one in result.remarks]
        assert result.remarks[0].words.en.startswith("1, run 1: ")
    both = [[1, 1, 110, 100, 4], [1, 1, 90, 100, 4]]
    assert "westgard_R_4s" in [one.code for one in control_chart(table("day,run,value,mean,sd", both * 3)).remarks]


def test_a_table_with_a_day_alone_has_one_run_a_day(table):
    rows = [[f"2026-01-{day:02d}", value, 100, 4] for day, value in enumerate((100, 101, 113, 99, 98, 102), 1)]
    result = control_chart(table("date,value,mean,sd", rows))
    said = [one.words for one in result.remarks if one.code == "westgard_1_3s"]
    assert [words.en.split(":")[0] for words in said] == ["run 2026-01-03"]


def test_every_run_of_the_published_sequence_breaks_the_expected_rules_through_the_command(rows_of, tmp_path):
    path, rows = tmp_path / "control.csv", rows_of("westgard_seq.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER.split(","), *([row["run"], row["z"], 0, 1] for row in rows)])
    ran = CliRunner().invoke(app, ["run", "immunoassay.control_chart", str(path), "--json", "-"])
    (result,) = json.loads(ran.stdout)["results"]
    expected = {row["run"]: row["expected_rules"].split("|") if row["expected_rules"] else [] for row in rows}
    assert {one["run"]: one["rules"] for one in result["runs"]} == expected
    said = [(one["code"], one["en"].split(":")[0]) for one in result["remarks"] if one["code"].startswith("westgard_")]
    assert said == [(f"westgard_{rule}", f"run {run}") for run, rules in expected.items() for rule in rules]


@pytest.mark.parametrize("limits", [(0, 1), (12.3, 0.41), (0.7, 0.1)])
def test_a_result_exactly_at_a_limit_has_not_exceeded_it(table, limits):
    mean, sd = limits
    rows = [[n, mean + k * sd, mean, sd] for n, k in enumerate((2, -2, 3, -3, 1, 1, 1, 1))]
    result = control_chart(table(HEADER, rows))
    assert rules_of(result) == {"2": ("1_2s",), "3": ("1_2s",)}


def test_r_4s_is_found_within_a_run_across_materials_and_not_between_runs(table):
    rows = [[1, "low", 2.5, 0, 1], [1, "high", -2.5, 0, 1], [2, "low", 2.5, 0, 1], [3, "low", -2.5, 0, 1]]
    result = control_chart(table("run,material,value,mean,sd", rows))
    assert "R_4s" in rules_of(result)["1"]
    assert all("R_4s" not in rules_of(result)[run] for run in ("2", "3"))


def test_2_2s_is_found_across_materials_within_a_run(table):
    rows = [[1, "low", 2.5, 0, 1], [1, "high", 2.5, 0, 1], [2, "high", 0.1, 0, 1], [3, "low", 0.1, 0, 1]]
    result = control_chart(table("run,material,value,mean,sd", rows))
    assert rules_of(result) == {"1": ("1_2s", "2_2s")}


@pytest.mark.parametrize(
    ("zs", "rule"),
    [
        ((2.1, 0.5, 2.1), "2of3_2s"),
        ((1.2, 1.3, 1.1), "3_1s"),
        ((0.1,) * 6, "6_x"),
        ((-0.1,) * 8, "8_x"),
        ((0.2,) * 12, "12_x"),
        ((-1.5, -1.0, -0.5, 0, 0.5, 0.9, 1.2), "7_T"),
    ],
)
def test_an_extended_rule_is_found_by_its_last_result_only_when_asked_for(zs, rule):
    found = rules_broken(one_series(zs), "extended")
    assert rule in found[-1]
    assert all(rule not in rules for rules in found[:-1])
    assert all(rule not in rules for rules in rules_broken(one_series(zs)))


@given(st.lists(st.floats(-4, 4), min_size=1, max_size=30))
def test_mirroring_all_results_breaks_the_same_rules(zs):
    assert rules_broken(one_series(zs), "extended") == rules_broken(one_series([-z for z in zs]), "extended")


def test_the_false_alarms_are_those_of_chance(table):
    """1_2s in 4.55 % of results in control, 1_3s in 0.27 %."""
    zs = np.random.default_rng(1).normal(size=20000)
    found = rules_broken(one_series(zs.tolist()))
    shares = {rule: np.mean([rule in rules for rules in found]) for rule in ("1_2s", "1_3s", "10_x")}
    assert shares["1_2s"] == pytest.approx(0.0455, abs=0.005)
    assert shares["1_3s"] == pytest.approx(0.0027, abs=0.0012)
    assert shares["10_x"] == pytest.approx(2 * 2**-10, abs=0.0015)


def test_outliers_do_not_widen_the_limits_that_find_them(table):
    rng = np.random.default_rng(2)
    rows = [[n, 5 + 0.2 * rng.normal()] for n in range(60)]
    for n in (10, 25, 40, 55):
        rows[n][1] = 7.5
    result = control_chart(table("run,value", rows))
    (series,) = result.series
    assert series.limits.sd == pytest.approx(0.2, rel=0.25)
    assert all("1_3s" in rules_of(result)[str(n)] for n in (10, 25, 40, 55))
    assert "outliers_widen_sd" in {one.code for one in result.remarks}
    classical = control_chart(table("run,value", rows), limits="classical")
    assert classical.series[0].limits.sd > 2 * series.limits.sd


def test_declared_limits_are_kept_and_the_first_results_can_fix_them(table):
    rows = [[n, 10 + 0.1 * (n % 3)] for n in range(30)] + [[n, 12] for n in range(30, 40)]
    assert control_chart(table(HEADER, [[*row, 9.0, 0.5] for row in rows])).series[0].limits.mean == 9.0
    frozen = control_chart(table("run,value", rows), first=20).series[0].limits
    assert frozen.mean == pytest.approx(10.1, abs=0.05)
    assert frozen.established_on == 20


def test_a_shift_is_found_and_the_truth_of_the_phantom_is_met(tmp_path, table):
    written, known = control_files(tmp_path, seed=4)
    truth = json.loads(known.read_text("utf-8"))
    result = control_chart(table(written.read_text("utf-8")))
    alarms = [int(run) for run, rules in result.runs if set(rules) - {"1_2s"}]
    assert min(alarms, default=99) >= truth["shift_at"] - 5
    assert any(truth["shift_at"] <= run <= truth["shift_at"] + 12 for run in alarms)


def test_mean_sd_cv_bias_and_sigma_are_those_of_their_formulas(table):
    rng = np.random.default_rng(6)
    xs = 10 + 0.3 * rng.normal(size=50)
    found = values(control_chart(table(HEADER, [[n, x, 10.2, 0.3] for n, x in enumerate(xs)]), allowable_percent=25.0))
    mean, sd = xs.mean(), xs.std(ddof=1)
    assert found["mean",].value == pytest.approx(mean)
    assert found["sd",].value == pytest.approx(sd)
    assert found["cv",].value == pytest.approx(100 * sd / mean)
    assert found["bias",].value == pytest.approx(100 * (mean - 10.2) / 10.2)
    assert found["sigma_metric",].value == pytest.approx((25 - abs(100 * (mean - 10.2) / 10.2)) / (100 * sd / mean))
    given_bias = values(control_chart(table("run,value", list(enumerate(xs))), allowable_percent=25.0, bias_percent=4.0))
    assert given_bias["sigma_metric",].value == pytest.approx((25 - 4) / (100 * sd / mean))


def test_the_stated_uncertainties_cover_the_truth(table):
    rng, inside = np.random.default_rng(3), {"mean": 0, "sd": 0, "sigma_metric": 0}
    truth = {"mean": 10.0, "sd": 0.5, "sigma_metric": 20 / 5}
    for _ in range(300):
        rows = control_runs(40, mean=10.0, sd=0.5, rng=rng)
        found = values(control_chart(table("run,value", rows), allowable_percent=20.0, limits="classical"))
        for name, true in truth.items():
            inside[name] += abs(found[name,].value - true) <= 2 * found[name,].uncertainty
    assert all(0.91 <= count / 300 <= 0.985 for count in inside.values())


def test_the_uncertainty_adds_imprecision_calibrator_and_bias(table):
    rows = control_runs(200, mean=10.0, sd=0.5, rng=np.random.default_rng(9))
    plain = values(control_chart(table("run,value", rows)))
    whole = values(control_chart(table("run,value", rows), u_calibrator_percent=3.0, u_bias_percent=4.0))
    rw = plain["expanded_uncertainty",].value / 2
    assert rw == pytest.approx(plain["cv",].value, rel=1e-9)
    assert whole["expanded_uncertainty",].value == pytest.approx(2 * (rw**2 + 9 + 16) ** 0.5)


def test_the_variance_components_of_ep05_are_the_published_ones(shared, table):
    rows = list(csv.DictReader((shared / "data" / "immunoassay" / "VCA_Glucose.csv").open(encoding="utf-8")))
    found = values(control_chart(table("date,run,value", [[row["day"], row["run"], row["result"]] for row in rows])))
    assert found["within_laboratory_sd",].value == pytest.approx(3.596, abs=0.0005)
    assert components([("1", "1", 1.0), ("1", "1", 2.0), ("2", "1", 1.0)]) is None


def test_the_real_lots_have_limits_of_their_own_and_their_gross_outliers_are_found(shared, table):
    rows = list(
        csv.DictReader((shared / "data" / "immunoassay" / "igf_ria_internal_control_lots1-5.csv").open(encoding="utf-8"))
    )
    body = [[n, "IGF-I", row["Lot"], row["conc"]] for n, row in enumerate(rows, 1)]
    result = control_chart(table("run,material,lot,value", body))
    assert [one.lot for one in result.series] == ["1", "2", "3", "4", "5"]
    xs = np.array([float(row["conc"]) for row in rows if row["Lot"] == "1"])
    found = values(result)
    assert found["mean", "IGF-I", "1"].value == pytest.approx(xs.mean())
    assert found["cv", "IGF-I", "1"].value == pytest.approx(100 * xs.std(ddof=1) / xs.mean())
    low = next(str(n) for n, row in enumerate(rows, 1) if row["conc"] == "3.38")
    assert "1_3s" in rules_of(result)[low]
    assert {key[2] for key in found if key[0] == "lot_shift"} == {"2", "3", "4", "5"}
    (chart,) = result.figures()
    written = [name.en for mark in chart.marks for name in getattr(mark, "names", ())]
    assert "1_3s" in written


def test_a_new_lot_begins_a_new_series(table):
    rows = [[n, "a", 0.5, 0, 1] for n in range(6)] + [[n, "b", 10.5, 10, 1] for n in range(6, 12)]
    assert rules_of(control_chart(table("run,lot,value,mean,sd", rows))) == {}


def test_a_shift_between_lots_is_measured_and_told(table):
    rng = np.random.default_rng(1)
    rows = [[n, "m", "a" if n < 30 else "b", (10 if n < 30 else 11) + 0.1 * rng.normal()] for n in range(60)]
    result = control_chart(table("run,material,lot,value", rows))
    assert values(result)["lot_shift", "m", "b"].value == pytest.approx(10.0, abs=1.5)
    assert "lot_shift" in {one.code for one in result.remarks}


def test_very_many_broken_rules_are_counted_not_lost(table):
    result = control_chart(table(HEADER, [[n, 5.0, 0, 1] for n in range(100)]))
    assert len([one for one in result.remarks if one.code.startswith("westgard")]) == 60
    assert any(one.code == "more_rules_broken" for one in result.remarks)
    assert len(result.document_extras()["runs"]) == 100
    assert values(result)["runs_out_of_control",].value == 100


def test_rows_that_cannot_be_used_are_answered_one_by_one(table):
    rows = [[n, 5 + 0.1 * (n % 5), "", ""] for n in range(25)]
    rows += [["", 5, "", ""], [26, "high", "", ""], [27, "=B2", "", ""], [28, 5, "x", 0.1]]
    result = control_chart(table(HEADER, rows))
    assert [(one.code, one.words.en.split(":")[0]) for one in result.remarks if one.code.startswith("row_")] == [
        ("row_without_run", "row 27"),
        ("row_not_a_number", "row 28"),
        ("row_formula", "row 29"),
        ("row_limits", "row 30"),
    ]


def test_what_is_no_control_table_is_refused(table):
    for rows, code in (([[1, "x", "", ""]], "no_results"), ([[1, 5, "", ""], [2, 5, "", ""]], "no_limits")):
        with pytest.raises(Refused) as refused:
            control_chart(table(HEADER, rows))
        assert refused.value.code == code
    assert accepts_control(table("laboratory,value", [["A", 1]])) is not None
    with pytest.raises(Refused):
        control_chart(table("laboratory,value", [["A", 1]]))


def test_limits_that_change_within_a_lot_judge_the_rows_that_declare_them(table):
    rows = [[n, 10.0, 10, 1] for n in range(3)] + [[n, 10.0, 20, 2] for n in range(3, 6)]
    assert rules_of(control_chart(table(HEADER, rows)))["3"] == ("1_2s", "1_3s")


def test_results_in_standard_deviations_need_no_limits(table):
    assert rules_of(control_chart(table("run,z", [[1, 0.5], [2, 3.2], [3, -0.4]]))) == {"2": ("1_2s", "1_3s")}


def test_a_very_long_table_is_charted_by_its_last_results(table):
    result = control_chart(table(HEADER, [[n % 3, 5 + n % 7, 8, 2] for n in range(30000)]))
    (chart,) = result.figures()
    assert len(chart.marks[-1].x) == 400
    assert "last 400" in chart.title.en


def test_a_rule_that_stays_broken_is_written_at_the_chart_where_it_begins(table):
    rows = [[n, 100.0 if n <= 5 else 106.0, 100, 4] for n in range(1, 21)]
    (chart,) = control_chart(table("run,value,mean,sd", rows)).figures()
    dots = next(mark for mark in chart.marks if isinstance(mark, Dots))
    assert [(n, name.en) for n, name in enumerate(dots.names, 1) if name.en] == [(9, "4_1s")]
