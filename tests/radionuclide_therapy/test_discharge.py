"""Discharge: the worked example, either leg suffices, contacts against an integral, coverage, refusals."""

import numpy as np
import pytest

from photopeak.procedure import Refused
from photopeak.radionuclide_therapy.discharge import accepts, discharge


def of(result, name):
    return next(one for one in result.measurements if one.quantity.name == name)


def test_the_worked_example(therapy_example, rows_table):
    for case in therapy_example("i131_release_time")["cases"]:
        found = of(discharge(rows_table(case["inputs"])), "time_to_discharge_limit")
        assert found.value == pytest.approx(case["expected"]["t_h"], abs=case["tolerance"])


def test_without_a_limit_the_shipped_one_is_used_and_said_to_be_provisional(rows_table):
    result = discharge(rows_table({"A0_MBq": 800, "Teff_h": 10}))
    assert of(result, "time_to_discharge_limit").value == pytest.approx(10.0)
    assert "provisional" in result.conditions[0].value.en


def test_below_the_limit_from_the_start_no_time_is_needed(rows_table):
    assert of(discharge(rows_table({"A0_MBq": 300, "Teff_h": 10})), "time_to_discharge_limit").value == 0.0


@pytest.mark.parametrize(
    ("activity", "rate", "truth", "leg"),
    [(300, 40, 0.75, "activity"), (800, 20, 0.8, "dose rate"), (800, 50, 2.0, "activity"), ("", 30, 1.2, "dose rate")],
)
def test_either_leg_suffices(rows_table, activity, rate, truth, leg):
    found = of(
        discharge(rows_table({"discharge_activity_mbq": activity, "discharge_dose_rate_usv_h": rate})), "discharge_ratio"
    )
    assert (found.value, found.where["leg"]) == (pytest.approx(truth), leg)


def test_a_contact_stays_restricted_until_the_integral_of_what_is_left_meets_its_constraint(rows_table):
    rows = [
        {
            "dose_rate_usv_h": 40,
            "Teff_h": 60,
            "contact": name,
            "contact_h_per_day": h,
            "contact_distance_m": d,
            "contact_constraint_msv": c,
        }
        for name, h, d, c in (("partner in bed", 8, 0.3, 3.0), ("child", 2, 0.5, 1.0), ("colleague", 8, 2.0, 5.0))
    ]
    found = {one.where["contact"]: one.value for one in discharge(rows_table(*rows)).measurements}
    assert found["colleague"] == 0.0
    for name, h, d, c in (("partner in bed", 8, 0.3, 3.0), ("child", 2, 0.5, 1.0)):
        hours = np.linspace(found[name] * 24, found[name] * 24 + 3000, 300_001)
        rate = 40e-3 * 2 ** (-hours / 60) / d**2 * h / 24
        assert np.trapezoid(rate, hours) == pytest.approx(c, rel=1e-4)


@pytest.mark.parametrize("draws", [300, pytest.param(2000, marks=pytest.mark.full)])
def test_the_true_time_lies_within_two_uncertainties_in_about_95_percent(rows_table, draws):
    rng, inside, truth = np.random.default_rng(17), 0, 15.6 * np.log2(3700 / 400)
    for _ in range(draws):
        row = {"A0_MBq": 3700 * (1 + rng.normal(0, 0.02)), "A0_MBq_u": 74, "Teff_h": 15.6 + rng.normal(0, 1.0), "Teff_h_u": 1.0}
        found = of(discharge(rows_table({**row, "limit_MBq": 400})), "time_to_discharge_limit")
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.92 <= inside / draws <= 0.98


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"A0_MBq": 0, "Teff_h": 10}, "impossible_value"),
        ({"A0_MBq": 100, "Teff_h": -10}, "impossible_value"),
        ({"A0_MBq": 1000}, "input_missing"),
        ({"Teff_h": 10}, "input_missing"),
        (
            {
                "dose_rate_usv_h": 10,
                "Teff_h": 9,
                "contact": "x",
                "contact_h_per_day": 30,
                "contact_distance_m": 1,
                "contact_constraint_msv": 1,
            },
            "impossible_value",
        ),
    ],
)
def test_impossible_discharges_are_refused(rows_table, row, code):
    with pytest.raises(Refused) as refused:
        discharge(rows_table(row))
    assert refused.value.code == code
    assert refused.value.words.zh


def test_only_a_discharge_is_accepted_and_its_course_is_drawn(rows_table):
    row = {"A0_MBq": 3700, "Teff_h": 15.6}
    assert accepts(rows_table(row)) is None
    assert accepts(rows_table({"A0_MBq": 3700})) is not None
    assert len(discharge(rows_table(row)).figures()) == 1


def test_the_time_by_dose_rate_follows_the_same_half_life(rows_table):
    found = of(discharge(rows_table({"rate0_uSv_h": 100, "Teff_h": 15.6, "limit_uSv_h": 25})), "time_to_discharge_limit")
    assert (found.value, found.where["leg"]) == (pytest.approx(31.2), "dose rate")
