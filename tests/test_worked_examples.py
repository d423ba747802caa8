"""Every worked example of activity meters, radiopharmacy, 131I and bone density, through the command as a table."""

import csv
import json

import pytest
from typer.testing import CliRunner

from photopeak.cli import app
from photopeak.procedure import roll

SCANS = "scans"
ROWS = {"dosecal_linearity_tc99m": ("t_h", "mCi"), "dxa_cusum": ("bmd",), "dxa_rms_sd": (SCANS,)}  # one row a value of these
#: example -> procedure, and each expected value -> its quantity, the keys of its place, and the factor to the example's unit
EXAMPLES = {
    "dosecal_accuracy_cs137": (
        "activity_meter.accuracy",
        {
            "error_pct": ("accuracy", {}, 1),
            "expected_uCi": ("expected_activity", {}, 1 / 0.037),
            "mean_uCi": ("mean_reading", {}, 1 / 0.037),
        },
    ),
    "dosecal_linearity_tc99m": (
        "activity_meter.linearity",
        {"max_abs_dev_pct": ("linearity", {}, 1), "fitted_half_life_h": ("fitted_half_life", {}, 1)},
    ),
    "ga68_rcp_formula": ("radiopharmacy.radiochemical_purity", {"rcp_pct": ("radiochemical_purity", {}, 1)}),
    "ga68_halflife_two_point": (
        "radiopharmacy.half_life_identity",
        {"T": ("half_life", {}, 1), "u_T": ("half_life", {"u": True}, 1)},
    ),
    "ge68_breakthrough": (
        "radiopharmacy.radionuclidic_breakthrough",
        {"ge68_Bq_at_elution": ("ge68_activity", {}, 1), "pct": ("ge68_breakthrough", {}, 1)},
    ),
    "mo99_breakthrough": (
        "radiopharmacy.radionuclidic_breakthrough",
        {"kBq_per_MBq": ("mo99_breakthrough", {}, 1), "expiry_h": ("expiry_time", {}, 1)},
    ),
    "i131_blood_dose": (
        "radionuclide_therapy.blood_dosimetry",
        {
            "D_per_A_Gy_per_GBq": ("blood_dose_per_activity", {}, 1),
            "D_per_A": ("blood_dose_per_activity", {}, 1),
            "A_max_2Gy_GBq": ("activity_for_blood_dose", {}, 1),
            "tau_wb_h": ("residence_time_whole_body", {}, 1),
        },
    ),
    "i131_graves_activity": ("radionuclide_therapy.hyperthyroidism_activity", {"activity_MBq": ("formula_activity", {}, 1)}),
    "i131_release_time": ("radionuclide_therapy.discharge", {"t_h": ("time_to_discharge_limit", {}, 1)}),
    "dxa_cusum": (
        "bone_density.phantom_drift",
        {"cusum_last": ("cusum", {}, 1), "first_alarm_index": ("first_alarm_index", {}, 1)},
    ),
    "dxa_lsc_iscd": ("bone_density.precision", {"lsc_pct": ("least_significant_change_percent", {}, 1)}),
    "dxa_rms_sd": (
        "bone_density.precision",
        {
            "rms_sd": ("rms_sd", {}, 1),
            "rms_cv_pct": ("rms_cv", {}, 1),
            "lsc": ("least_significant_change", {}, 1),
            "df": ("degrees_of_freedom", {}, 1),
            "upper95_rms_sd": ("rms_sd_upper_bound", {}, 1),
        },
    ),
    "dxa_tscore_cutoffs": (
        "bone_density.t_score",
        {"bmd_at_T_minus2_5": ("bmd_at_t", {"t": -2.5}, 1), "bmd_at_T_minus1": ("bmd_at_t", {"t": -1.0}, 1)},
    ),
    "osta": ("bone_density.osta", {"osta": ("osta", {}, 1), "risk": ("osta", {"risk": True}, 1)}),
}
IN_WORDS = {
    "verdict",
    "verdict_5pct",
    "worst_index",
    "shift_starts_at",
    "shewhart_1_5pct_alarms",
}  # judged in the procedures' own tests


def as_table(path, name, inputs):
    """The inputs of one case as a CSV file: the series over rows, or in one cell."""
    series = [inputs[column] for column in ROWS.get(name, ())]
    rows = []
    for values in zip(*series) if series else [()]:
        row = {key: ";".join(map(str, value)) if isinstance(value, list) else value for key, value in inputs.items()}
        row |= {key: ";".join(map(str, one)) if isinstance(one, list) else one for key, one in zip(ROWS.get(name, ()), values)}
        rows.append(row)
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, list(inputs))
        writer.writeheader()
        writer.writerows(rows)


def run(procedure, path):
    ran = CliRunner().invoke(app, ["run", procedure, str(path), "--json", "-", "--lang", "en"])
    assert ran.exit_code == 0, ran.output
    (result,) = json.loads(ran.stdout)["results"]
    assert result["outcome"] == "measured", result["refusal"]
    return result["measurements"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_within_its_tolerance_as_a_table_on_the_command(therapy_example, tmp_path, name):
    procedure, quantities = EXAMPLES[name]
    for n, case in enumerate(therapy_example(name)["cases"]):
        path = tmp_path / f"{n}.csv"
        as_table(path, name, case["inputs"])
        measurements = run(procedure, path)
        for key, expected in case["expected"].items():
            if key in IN_WORDS:
                continue
            quantity, place, factor = quantities[key]
            place = dict(place)
            words, u = place.pop("risk", False), place.pop("u", False)
            found = next(one for one in measurements if one["quantity"] == quantity and place.items() <= one["where"].items())
            if words:
                assert found["where"]["risk"] == expected
            else:
                assert factor * found["uncertainty" if u else "value"] == pytest.approx(expected, abs=case["tolerance"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_taken_by_its_own_procedure_and_by_no_other(therapy_example, rows_table, name):
    inputs = therapy_example(name)["cases"][0]["inputs"]
    evidence = rows_table(inputs)
    willing = [one.name for one in roll().values() if "table" in one.kinds and one.accepts(evidence) is None]
    assert willing == [EXAMPLES[name][0]]


def test_several_cases_of_an_example_stand_in_one_table(therapy_example, tmp_path):
    cases = therapy_example("i131_release_time")["cases"]
    path = tmp_path / "all.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, ["case", *cases[0]["inputs"]])
        writer.writeheader()
        writer.writerows({"case": f"patient {n}", **case["inputs"]} for n, case in enumerate(cases))
    found = {one["where"]["case"]: one["value"] for one in run("radionuclide_therapy.discharge", path)}
    assert found == pytest.approx({f"patient {n}": case["expected"]["t_h"] for n, case in enumerate(cases)})


def test_what_is_the_same_for_all_cases_may_be_an_option(therapy_example, tmp_path):
    case = therapy_example("i131_release_time")["cases"][1]
    path = tmp_path / "one.csv"
    path.write_text("A0_MBq\n3700\n", encoding="utf-8")
    command = ["run", "radionuclide_therapy.discharge", str(path), "--effective-half-life-h", "15.6", "--limit-mbq", "400"]
    ran = CliRunner().invoke(app, [*command, "--json", "-"])
    (found,) = json.loads(ran.stdout)["results"][0]["measurements"]
    assert found["value"] == pytest.approx(case["expected"]["t_h"], abs=case["tolerance"])
