"""Precision: the worked examples, coverage of RMS-SD and of its upper bound, daily phantom scans of several sites, refusals."""

import csv
from collections import defaultdict

import numpy as np
import pytest

from photopeak.bone_density.precision import accepts, precision
from photopeak.procedure import Refused


def values(result):
    return {one.quantity.name: one.value for one in result.measurements}


def as_rows(scans):
    return [{f"scan{n}": value for n, value in enumerate(person, 1)} for person in scans]


NAMES = {
    "rms_sd": "rms_sd",
    "rms_cv_pct": "rms_cv",
    "lsc": "least_significant_change",
    "df": "degrees_of_freedom",
    "upper95_rms_sd": "rms_sd_upper_bound",
}


def test_the_worked_studies(therapy_example, rows_table):
    for case in therapy_example("dxa_rms_sd")["cases"]:
        for rows in (as_rows(case["inputs"]["scans"]), [{"scans": person} for person in case["inputs"]["scans"]]):
            found = values(precision(rows_table(*rows)))
            for key, expected in case["expected"].items():
                assert found[NAMES[key]] == pytest.approx(expected, abs=case["tolerance"])


def test_the_published_least_significant_changes(therapy_example, rows_table):
    cases = therapy_example("dxa_lsc_iscd")["cases"]
    result = precision(rows_table(*(case["inputs"] for case in cases)))
    for one, case in zip(result.measurements, cases):
        assert one.value == pytest.approx(case["expected"]["lsc_pct"], abs=case["tolerance"])
        assert one.where["region"] == case["inputs"]["site"]


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_precision_lies_in_the_interval_and_below_the_bound_as_often_as_stated(rows_table, draws):
    rng, truth, inside, below = np.random.default_rng(19), 0.010, 0, 0
    for _ in range(draws):
        scans = rng.normal(0.9, 0.12, (30, 1)) + rng.normal(0, truth, (30, 2))
        result = precision(rows_table(*as_rows(scans)))
        one = next(m for m in result.measurements if m.quantity.name == "rms_sd")
        inside += abs(one.value - truth) <= 2 * one.uncertainty
        below += truth <= values(result)["rms_sd_upper_bound"]
    assert 0.93 <= inside / draws <= 0.985
    assert 0.92 <= below / draws <= 0.98


def test_regions_are_studies_of_their_own_and_one_scan_a_row_is_understood(rows_table):
    rows = [
        {"patient": p, "region": r, "bmd": b}
        for p, r, b in (
            ("a", "spine", 1.0),
            ("a", "spine", 1.02),
            ("b", "spine", 0.8),
            ("b", "spine", 0.8),
            ("a", "hip", 0.9),
            ("a", "hip", 0.9),
            ("b", "hip", 0.7),
            ("b", "hip", 0.74),
        )
    ]
    result = precision(rows_table(*rows))
    found = {one.where["region"]: one.value for one in result.measurements if one.quantity.name == "rms_sd"}
    expected = {"spine": np.sqrt(0.0002 / 2), "hip": np.sqrt(0.0008 / 2)}
    assert found == pytest.approx(expected)
    assert "few_degrees_of_freedom" in {one.code for one in result.remarks}
    assert len(result.figures()) == 3


def test_real_phantom_scans_of_several_sites_repeat_within_a_few_mg(shared, rows_table):
    """Section 3 (about 200 mg/cm³) of every site and time: three scans after repositioning."""
    sets = defaultdict(list)
    with (shared / "data" / "bone_density" / "hrpqct_daily_phantom.csv").open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines):
            if row["section"] == "3":
                sets[(row["site"], row["timePoint"])].append(float(row["value"]))
    repeated = [scans for scans in sets.values() if len(scans) == 3]
    assert len(repeated) > 10
    found = values(precision(rows_table(*as_rows(repeated))))
    assert found["degrees_of_freedom"] == 2 * len(repeated)
    assert 0.05 < found["rms_cv"] < 1.0


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{"scan1": 0.9, "scan2": ""}, {"scan1": 0.8, "scan2": ""}], "no_repeats"),
        ([{"scan1": 0.9, "scan2": -1}, {"scan1": 0.8, "scan2": 0.8}], "impossible_value"),
        ([{"scan1": 0.9, "scan2": "x"}, {"scan1": 0.8, "scan2": 0.8}], "impossible_value"),
        ([{"precision_pct": 0}], "impossible_value"),
    ],
)
def test_impossible_studies_are_refused(rows_table, rows, code):
    with pytest.raises(Refused) as refused:
        precision(rows_table(*rows))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_repeated_scans_are_accepted(rows_table):
    assert accepts(rows_table({"scan1": 1, "scan2": 1})) is None
    assert accepts(rows_table({"precision_pct": 1})) is None
    assert accepts(rows_table({"bmd": 1})) is not None
