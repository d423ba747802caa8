"""Dose-response assays: the published curve row by row through the command, known truth, coverage of the intervals, refusals."""

import csv
import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from photopeak.cli import app
from photopeak.immunoassay.curve_models import Curve
from photopeak.immunoassay.dose_response import accepts_assay, dose_response
from photopeak.phantom.assays import DOSES, FALLING, RISING, TUBE_COLUMNS, assay_files
from photopeak.phantom.assays import tubes as assay_rows
from photopeak.procedure import Refused

HEADER = ",".join(TUBE_COLUMNS)


def values(result):
    return {(m.quantity.name, *m.where.values()): m for m in result.measurements}


def codes(result):
    return [one.code for one in result.remarks]


@pytest.fixture(scope="module")
def ria(examples):
    return json.loads((examples / "ria_expected.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def through_the_command(rows_of, tmp_path_factory):
    """The example's tubes as a table of the contract, and what `photopeak run` prints of it."""
    path = tmp_path_factory.mktemp("ria") / "ria.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["role", "label", "dose", "response", "nominal"])
        for row in rows_of("ria_synthetic.csv"):
            role, dose = row["type"], row["true_dose_ng_per_mL"]
            if role in ("T", "NSB", "STD"):
                out.writerow([role, "", dose, row["cpm"], ""])
            else:
                out.writerow(["U", role, "", row["cpm"], dose])
    ran = CliRunner().invoke(app, ["run", "immunoassay.dose_response", str(path), "--json", "-"])
    (result,) = json.loads(ran.stdout)["results"]
    return {(m["quantity"], *m["where"].values()): m for m in result["measurements"]}


def test_every_expected_row_of_the_published_curve_is_met_through_the_command(through_the_command, ria):
    found, rtol = through_the_command, ria["definition"]["rtol"]
    value = {key: m["value"] for key, m in found.items()}
    assert value["nsb_percent",] == pytest.approx(ria["NSB_over_T_pct"], rel=1e-9)
    assert value["b0_percent",] == pytest.approx(ria["B0_over_T_pct"], rel=1e-9)
    for dose, bound in ria["pct_B_B0"].items():
        assert value["bound_percent", float(dose)] == pytest.approx(bound, rel=1e-9)
    line, curve = ria["logit_log_weighted"], ria["weighted_4PL"]
    for name, wanted in (("intercept", line["intercept"]), ("slope", line["slope"]), ("ed50", line["ED50"])):
        assert value[f"logit_log_{name}",] == pytest.approx(wanted, rel=1e-9)
    names = {"response_at_zero": "a", "slope": "b", "ed50": "c_ED50"}
    for name, letter in names.items():
        assert value[name,] == pytest.approx(curve[letter], rel=rtol)
    assert value["response_at_infinity",] == pytest.approx(curve["d"], abs=ria["definition"]["d_abs_tolerance_cpm"])
    for name, u in zip(("response_at_zero", "slope", "ed50", "response_at_infinity"), curve["se"]):
        assert found[name,]["uncertainty"] == pytest.approx(u, rel=rtol)
    assert value["residual_sum_of_squares",] == pytest.approx(curve["chi2"], rel=rtol)
    assert value["degrees_of_freedom",] == curve["dof"]
    for percent in (20, 50, 80):
        assert value[f"ed{percent}",] == pytest.approx(ria[f"ED{percent}"], rel=rtol)
    assert value["detection_limit",] == pytest.approx(ria["LLOD_2.5sd_single"], rel=rtol)
    assert value["detection_limit", 2.0, 3] == pytest.approx(ria["LLOD_2sd_mean3"], rel=rtol)
    for sample, wanted in ria["unknowns"].items():
        assert value["dose", sample] == pytest.approx(wanted["dose"], rel=rtol)
        assert value["recovery", sample] == pytest.approx(wanted["recovery_pct"], rel=rtol)
    for dose, cv in ria["precision_profile_cv_pct_duplicate"].items():
        assert value["dose_cv", float(dose)] == pytest.approx(cv, rel=rtol)


@pytest.mark.parametrize("curve", [FALLING, RISING])
def test_exact_tubes_give_back_the_truth(table, curve):
    samples = [("low", 4.0, 1), ("high", 45.0, 1), ("diluted", 400.0, 10)]
    found = values(dose_response(table(HEADER, assay_rows(curve, samples=samples))))
    assert found["ed50",].value == pytest.approx(curve.c, rel=1e-6)
    assert found["slope",].value == pytest.approx(curve.b, rel=1e-6)
    for label, dose, _ in samples:
        assert found["dose", label].value == pytest.approx(dose, rel=1e-6)
        assert found["recovery", label].value == pytest.approx(100, rel=1e-6)
    assert all(m.value == pytest.approx(100, rel=1e-5) for key, m in found.items() if key[0] == "standard_recovery")


@pytest.mark.parametrize("curve", [FALLING, RISING])
def test_the_detection_limit_lies_on_the_curve_s_side_and_grows_with_the_noise(table, curve):
    rows = assay_rows(curve)
    quiet, loud = (
        dose_response(table(HEADER, rows), variance_constant=constant, variance_quadratic=1e-6) for constant in (400.0, 3600.0)
    )
    limits = [values(one)["detection_limit",].value for one in (quiet, loud)]
    assert 0 < limits[0] < limits[1] < curve.c
    zero = values(quiet)["response_at_zero",].value
    assert (curve.net(limits[0]) > zero) == (curve.d > curve.a)


def covered(table, draws, curve=FALLING, seed=1, **options):
    rng, samples = np.random.default_rng(seed), [("3", 3.0, 1), ("8", 8.0, 1), ("40", 40.0, 1)]
    inside = {label: [0, 0] for label, _, _ in samples}
    for _ in range(draws):
        found = values(dose_response(table(HEADER, assay_rows(curve, samples=samples, rng=rng)), **options))
        for label, dose, _ in samples:
            low, high = (found.get((name, label)) for name in ("dose_lower", "dose_upper"))
            inside[label][0] += (low is None or low.value <= dose) and (high is None or dose <= high.value)
            inside[label][1] += abs(found["dose", label].value - dose) <= 2 * found["dose", label].uncertainty
    return [count / draws for counts in inside.values() for count in counts]


def test_the_interval_of_a_dose_covers_the_truth(table):
    """Sampled: 150 assays of three unknowns; the limits are those of 450 draws about 95 %."""
    shares = covered(table, 150)
    assert 0.925 <= np.mean(shares[::2]) <= 0.975
    assert 0.925 <= np.mean(shares[1::2]) <= 0.975


@pytest.mark.full
@pytest.mark.parametrize("curve", [FALLING, RISING], ids=["ria", "irma"])
def test_the_interval_of_each_dose_covers_93_to_97_per_cent_in_2000_assays(table, curve):
    shares = covered(table, 2000, curve, seed=7)
    print(shares)
    assert all(0.93 <= share <= 0.97 for share in shares)


@pytest.mark.full
@pytest.mark.parametrize("curve", [FALLING, RISING], ids=["ria", "irma"])
def test_the_interval_covers_93_to_97_per_cent_where_the_variance_is_estimated_as_well(table, curve):
    shares = covered(table, 2000, curve, seed=71, weights="replicates")
    print(shares)
    assert all(0.93 <= share <= 0.97 for share in shares)


def test_fitted_doses_are_unbiased(table):
    rng, found = np.random.default_rng(11), []
    for _ in range(150):
        result = dose_response(table(HEADER, assay_rows(samples=[("8", 8.0, 1)], rng=rng)))
        found.append(values(result)["dose", "8"].value)
    assert np.mean(found) == pytest.approx(8.0, abs=3 * np.std(found) / math.sqrt(len(found)) + 0.01)


@pytest.mark.parametrize("weights", ["auto", "counted", "equal", "replicates", "proportional"])
@pytest.mark.parametrize("model", ["4pl", "5pl", "growth", "logit_log"])
def test_every_model_and_weighting_reads_the_unknown(table, model, weights):
    rows = assay_rows(samples=[("8", 8.0, 1)], rng=np.random.default_rng(5))
    found = values(dose_response(table(HEADER, rows), model=model, weights=weights))
    assert found["dose", "8"].value == pytest.approx(8.0, rel=0.12)


def test_a_diluted_sample_that_is_not_parallel_is_told(table):
    rows = assay_rows(samples=[("good", 80.0, 4), ("good", 80.0, 16), ("bad", 80.0, 2)])
    rows += [["U", "bad", "", FALLING.tube(80 / 16 * 1.7), 16, ""] for _ in range(2)]
    result = dose_response(table(HEADER, rows))
    assert [one.words.en.split(":")[0] for one in result.remarks if one.code == "not_parallel"] == ["bad"]
    assert values(result)["parallelism_slope", "good"].value == pytest.approx(0, abs=1e-6)
    assert values(result)["dose", "bad", 16.0].value == pytest.approx(136, rel=1e-3)


def test_a_hook_is_told_on_a_rising_curve_only(table):
    def assay(curve):
        rows = assay_rows(curve)
        rows += [["U", "x", "", curve.tube(30.0), 1, ""] for _ in range(2)]
        return dose_response(table(HEADER, rows + [["U", "x", "", curve.tube(20.0), 10, ""] for _ in range(2)]))

    assert "hook_effect" in codes(assay(RISING))
    assert values(assay(RISING))["dose", "x"].value == pytest.approx(200, rel=1e-3)
    assert "hook_effect" not in codes(assay(FALLING))


def test_the_top_standard_of_a_sandwich_assay_that_hooks_is_told(table):
    rows = assay_rows(RISING, doses=(*DOSES, 400.0)) + [["S", "", 4000, 40000, "", ""]] * 2
    assert "hook_in_standards" in codes(dose_response(table(HEADER, rows)))


def test_drift_is_the_change_of_a_control_between_its_places(table):
    rows = assay_rows()
    front, back = [["C", "QC1", "", 5000.0, "", ""]] * 2, [["C", "QC1", "", 4500.0, "", ""]] * 2
    result = dose_response(table(HEADER, [*rows[:10], *front, *rows[10:], *back]))
    assert values(result)["drift", "QC1"].value == pytest.approx(-10.0)
    assert "drift" in codes(result)


def test_two_calibrators_restore_a_stored_curve(table):
    """The day's counts are 0.8 of the stored curve's plus 150: two calibrators and the stored curve give the doses back."""
    master, day = Curve(a=12000, d=100, b=1.05, c=8.0), lambda dose: 150 + 0.8 * FALLING.net(dose)
    rows = [["S", "", dose, day(dose), "", ""] for dose in (2.0, 40.0) for _ in range(2)]
    rows += [["U", "x", "", day(9.0), "", 9.0]] * 2
    stored = f"{master.a},{master.b},{master.c},{master.d}"
    found = values(dose_response(table(HEADER, rows), master=stored))
    assert found["dose", "x"].value == pytest.approx(9.0, rel=1e-9)
    with pytest.raises(Refused) as refused:
        dose_response(table(HEADER, rows[:2]), master=stored)
    assert refused.value.code == "too_few_calibrators"
    with pytest.raises(Refused) as refused:
        dose_response(table(HEADER, rows), master="1,2,x")
    assert refused.value.code == "master_curve"


def test_samples_off_the_curve_get_words_and_no_dose(table):
    rows = assay_rows() + [["U", "empty", "", 12600, "", ""]] * 2 + [["U", "full", "", 410, "", ""]] * 2
    result = dose_response(table(HEADER, rows))
    said = {one.code: one.words.en.split(":")[0] for one in result.remarks}
    assert said["below_curve"] == "empty"
    assert said["above_curve"] == "full"
    assert not any(key[0] == "dose" for key in values(result))


def test_a_tube_apart_and_a_contradicted_variance_are_told(table):
    rows = assay_rows(rng=np.random.default_rng(8))
    rows[12] = ["S", "", 5, 5500, "", ""]
    found = [one for one in dose_response(table(HEADER, rows)).remarks if one.code == "tube_apart"]
    assert len(found) == 1
    assert found[0].words.en.startswith("row 14:")
    result = dose_response(table(HEADER, assay_rows(rng=np.random.default_rng(8))), variance_constant=1.0)
    assert "variance_contradicted" in codes(result)


def test_the_real_competitive_curve_and_the_real_elisa_plates_are_fitted(shared, table):
    rows = list(csv.DictReader((shared / "data" / "immunoassay" / "nlreg_ria.csv").open(encoding="utf-8")))
    found = values(dose_response(table("role,dose,response", [["S", row["Conc"], row["Count"]] for row in rows])))
    assert found["ed50",].value == pytest.approx(336.438, abs=0.01)  # as least squares from another program
    plates = list(csv.DictReader((shared / "data" / "immunoassay" / "datasets_DNase.csv").open(encoding="utf-8")))
    middles = []
    for run in sorted({row["Run"] for row in plates}, key=int):
        own = [["S", row["conc"], row["density"]] for row in plates if row["Run"] == run]
        middles.append(values(dose_response(table("role,dose,response", own)))["ed50",].value)
    assert len(middles) == 11
    assert all(2.5 < one < 8 for one in middles)


def test_doses_written_as_logarithms_are_read_as_such(table):
    rows = [["S", math.log10(dose), FALLING.net(dose)] for dose in DOSES[1:] for _ in range(2)]
    found = values(dose_response(table("role,dose,response", rows), dose_scale="log10"))
    assert found["ed50",].value == pytest.approx(math.log10(8.0), rel=1e-6)


def test_rows_that_cannot_be_used_are_answered_one_by_one(table):
    rows = assay_rows()
    rows += [["X", "", 1, 100, "", ""], ["S", "", 1, "many", "", ""], ["S", "", "", 100, "", ""], ["S", "", 1, "=A1", "", ""]]
    rows += [["U", "z", "", 5000, -2, ""]]
    result = dose_response(table(HEADER, rows))
    said = [(one.code, one.words.en.split(":")[0]) for one in result.remarks if one.code.startswith("row_")]
    first = len(rows) - 3
    assert said == [
        ("row_role", f"row {first}"),
        ("row_not_a_number", f"row {first + 1}"),
        ("row_empty", f"row {first + 2}"),
        ("row_formula", f"row {first + 3}"),
        ("row_dilution", f"row {first + 4}"),
    ]
    assert all(one.words.zh.startswith("第 ") for one in result.remarks if one.code.startswith("row_"))


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([["U", "x", "", 100, "", ""]] * 4, "no_standards"),
        ([["S", "", dose, 100 - dose, "", ""] for dose in (0, 1, 2)] * 2, "too_few_standards"),
        ([["S", "", dose, 100 + (7 * n) % 5, "", ""] for n, dose in enumerate(DOSES * 2)], "no_dose_response"),
        ([["S", "", dose - 5, 100 - dose, "", ""] for dose in DOSES], "negative_dose"),
        ([["S", "", dose, 1000 * dose, "", ""] for dose in DOSES] * 2, "no_curve"),
    ],
)
def test_what_is_no_assay_is_refused_in_both_languages(table, rows, code):
    with pytest.raises(Refused) as refused:
        dose_response(table(HEADER, rows))
    assert refused.value.code == code
    assert refused.value.words.zh.endswith(("。", "？", "用"))


def test_other_tables_are_not_accepted(table):
    assert accepts_assay(table("laboratory,value", [["A", 1]])) is not None
    assert accepts_assay(table(HEADER, assay_rows())) is None
    with pytest.raises(Refused) as refused:
        dose_response(table("laboratory,value", [["A", 1]]))
    assert refused.value.code == "missing_columns"


def test_chinese_roles_and_headers_are_read(table):
    names = {"T": "总计数", "NSB": "非特异结合", "S": "标准品", "U": "样品"}
    rows = [[names[row[0]], *row[1:]] for row in assay_rows(samples=[("甲", 8.0, 1)])]
    found = values(dose_response(table("管类型,名称,浓度,信号,稀释倍数,标称值", rows)))
    assert found["dose", "甲"].value == pytest.approx(8.0, rel=1e-6)


def test_the_figures_show_curve_residuals_and_profile(table):
    result = dose_response(table(HEADER, assay_rows(rng=np.random.default_rng(1))))
    assert [len(figure.marks) for figure in result.figures()] == [3, 4, 1]


def test_the_phantom_s_truth_is_found_again(tmp_path, table):
    written, known = assay_files(tmp_path, noiseless=True)
    truth, found = json.loads(known.read_text("utf-8")), values(dose_response(table(written.read_text("utf-8"))))
    for name in ("ed20", "ed50", "ed80"):
        assert found[name,].value == pytest.approx(truth[name], rel=1e-6)
    for sample, dose in truth["dose"].items():
        assert found["dose", sample].value == pytest.approx(dose, rel=1e-6)


def test_roles_and_labels_may_be_written_as_one(table):
    rows = [["STD" if row[0] == "S" else row[0], *row[2:4]] for row in assay_rows()]
    rows += [["U1", 8.0, FALLING.tube(8.0)]] * 2 + [["QC 2", "", FALLING.tube(20.0)]] * 2
    found = values(dose_response(table("role,dose,response", rows)))
    assert found["dose", "U1"].value == pytest.approx(8.0, rel=1e-6)
    assert found["recovery", "U1"].value == pytest.approx(100.0, rel=1e-6)
    assert found["dose", "QC 2"].value == pytest.approx(20.0, rel=1e-6)


def test_a_table_of_very_many_tubes_is_fitted(table):
    rng = np.random.default_rng(3)
    rows = [["S", dose, FALLING.tube(dose, rng)] for dose in DOSES for _ in range(2000)]
    found = values(dose_response(table("role,dose,response", rows)))
    assert found["ed50",].value == pytest.approx(8.0, abs=0.1)
