"""Exercises: hospitals of known error against a known truth, zeta, the round, the whole way from the command, refusals."""

import csv
import json

import numpy as np
import pytest
from typer.testing import CliRunner

from photopeak.cli import app
from photopeak.exercise.comparison import accepts, comparison
from photopeak.phantom.exercise import make_exercise
from photopeak.procedure import Refused
from photopeak.verdict import judge


def answer(laboratory, value, u="", **more):
    return {
        "laboratory": laboratory,
        "quantity": "accuracy",
        "value": value,
        "uncertainty": u,
        "truth": 2.0,
        "allowable_percent": 10,
        **more,
    }


def by_laboratory(result, name):
    return {one.where["laboratory"]: one for one in result.measurements if one.quantity.name == name}


def test_each_hospital_is_as_far_off_as_it_was_made_and_is_judged_by_the_round(rows_table):
    expected = {"a": 0.0, "b": 5.0, "c": -10.0, "d": 25.0}
    result = comparison(rows_table(*(answer(name, 2.0 * (1 + off / 100)) for name, off in expected.items())))
    found = by_laboratory(result, "deviation_from_truth")
    assert {name: one.value for name, one in found.items()} == pytest.approx(expected)
    verdicts = {v.measurement.where["laboratory"]: v.outcome for v in judge(found.values(), result.declared_limits())}
    assert verdicts == {"a": "pass", "b": "pass", "c": "pass", "d": "fail"}
    median = next(one for one in result.measurements if one.quantity.name == "median_deviation")
    assert median.value == pytest.approx(2.5)


@pytest.mark.parametrize("draws", [2000])
def test_zeta_of_honest_uncertainties_is_within_two_in_about_95_percent(rows_table, draws):
    rng = np.random.default_rng(40)
    rows = [answer(f"L{n}", repr(2.0 + rng.normal(0, 0.1)), 0.1) for n in range(draws)]
    zetas = [one.value for one in by_laboratory(comparison(rows_table(*rows)), "zeta").values()]
    truth = 0.954
    assert np.mean(np.abs(zetas) <= 2) == pytest.approx(truth, abs=0.015)
    assert np.mean(zetas) == pytest.approx(0.0, abs=0.1)


def test_an_uncertainty_that_does_not_cover_the_error_is_told(rows_table):
    result = comparison(rows_table(answer("a", 2.5, 0.05), answer("b", 2.5, 0.4)))
    told = next(one for one in result.remarks if one.code == "uncertainty_does_not_cover")
    assert "a (accuracy" in told.words.en
    assert "b (" not in told.words.en


def test_a_truth_of_zero_gives_a_difference_and_places_are_told_apart(rows_table):
    rows = [answer("a", 0.2, 0.1, place="1", truth=0.0), answer("a", 2.2, place="5", truth=2.0)]
    found = {
        one.where["place"]: one
        for one in comparison(rows_table(*rows)).measurements
        if "place" in one.where and one.quantity.name != "zeta"
    }
    assert (found["1"].quantity.name, found["1"].value) == ("difference_from_truth", 0.2)
    assert found["5"].value == pytest.approx(10.0)


def test_answers_that_cannot_be_used_are_named_and_hide_no_other(rows_table):
    rows = [
        answer("a", 2.1),
        answer("a", 2.2),
        answer("b", "two"),
        answer("c", ""),
        answer("d", 2.0, quantity="x", truth=""),
        answer("", 2),
    ]
    result = comparison(rows_table(*rows, answer("e", 2.0)))
    assert set(by_laboratory(result, "deviation_from_truth")) == {"a", "e"}
    assert [one.code for one in result.remarks] == ["answer_not_used"] * 5
    assert by_laboratory(result, "answered_share")["a"].value == 100.0


def test_an_answer_in_another_unit_than_asked_for_is_not_used(rows_table):
    rows = [answer("a", 2.0, unit="%", truth_unit="%"), answer("b", 2000, unit="MBq", truth_unit="%")]
    result = comparison(rows_table(*rows))
    assert set(by_laboratory(result, "deviation_from_truth")) == {"a"}
    assert "answered in MBq" in result.remarks[0].words.en


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{"laboratory": "a", "quantity": "x", "value": 1}], "no_truth"),
        ([{"laboratory": "a", "quantity": "x", "value": "", "truth": 1}], "no_answers"),
        ([{"quantity": "x", "truth": 1}], "missing_columns"),
        ([answer("a", 1), answer("b", 1, truth=3.0)], "two_truths"),
    ],
)
def test_impossible_rounds_are_refused(rows_table, rows, code):
    with pytest.raises(Refused) as refused:
        comparison(rows_table(*rows))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_answers_without_their_truth_are_not_accepted(rows_table):
    assert accepts(rows_table(answer("a", 1))) is None
    assert accepts(rows_table({"laboratory": "a", "quantity": "x", "value": 1})) is not None
    assert len(comparison(rows_table(answer("a", 1))).figures()) == 1


def test_a_round_from_the_phantom_to_the_verdicts_with_the_truth_kept_apart(tmp_path):
    """The truth never travels; the hospitals' own analyses of what was sent are their answers."""
    runner = CliRunner()
    command = ["exercise", "dosimetry_case", "--out", str(tmp_path), "--seed", "5", "--allowable-percent", "15"]
    made = runner.invoke(
        app, [*command, "--quantity", "time_integrated_activity", "--quantity", "effective_half_life", "--lang", "en"]
    )
    assert made.exit_code == 0, made.output
    sent = tmp_path / "to_hospitals"
    assert not list(sent.rglob("truth*"))
    run = runner.invoke(
        app, ["run", "radionuclide_therapy.time_integrated_activity", str(sent / "dosimetry_case.csv"), "--json", "-"]
    )
    found = {one["quantity"]: one for one in json.loads(run.stdout)["results"][0]["measurements"]}
    sheet = list(csv.DictReader((sent / "answers.csv").open(encoding="utf-8")))
    assert {row["quantity"] for row in sheet} == {"time_integrated_activity", "effective_half_life"}
    answers = tmp_path / "answers.csv"
    with answers.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(sheet[0]))
        writer.writeheader()
        for laboratory, factor in (("good", 1.0), ("forgets decay", 1.6)):
            for row in sheet:
                one = found[row["quantity"]]
                writer.writerow(
                    {**row, "laboratory": laboratory, "value": factor * one["value"], "uncertainty": one["uncertainty"]}
                )
    checked = runner.invoke(app, ["check", str(answers), str(tmp_path / "sealed" / "truth.csv"), "--json", "-"])
    (result,) = json.loads(checked.stdout)["results"]
    assert result["procedure"] == "exercise.comparison"
    outcomes = {}
    for verdict in result["verdicts"]:
        if verdict["quantity"] == "deviation_from_truth":
            outcomes.setdefault(verdict["where"]["laboratory"], set()).add(verdict["outcome"])
    assert outcomes == {"good": {"pass"}, "forgets decay": {"fail"}}


def test_a_number_the_phantom_does_not_know_cannot_be_asked_for(tmp_path):
    with pytest.raises(ValueError, match="no truth named"):
        make_exercise("dosimetry_case", tmp_path, quantities=("fwhm",))


def test_an_image_phantom_makes_a_round_too(tmp_path):
    sent, sealed, sheet = make_exercise("dish", tmp_path, quantities=("planar_sensitivity",))
    assert [path.suffix for path in sorted(sent.iterdir())] == [".csv", ".dcm"]
    (row,) = csv.DictReader((sealed / "truth.csv").open(encoding="utf-8"))
    assert (row["quantity"], float(row["truth"]), row["unit"]) == ("planar_sensitivity", 90.0, "{counts}/s/MBq")
    assert "truth" not in sheet.read_text("utf-8")
