"""Time-integrated activity: exact curves, what noise and a wrong form of the curve do, and what must be refused."""

import json
import math

import numpy as np
import pytest

from photopeak.check import check
from photopeak.evidence import EvidenceFile
from photopeak.procedure import Refused, roll
from photopeak.radionuclide_therapy.time_activity import integrate, single_time_point, slower_than_decay
from photopeak.radionuclide_therapy.time_activity_models import Samples
from photopeak.radionuclide_therapy.time_integrated_activity import time_integrated_activity
from photopeak.table import table_evidence

PHYSICAL = math.log(2) / 159.528  # 177Lu, 1/h


def of(text, **options):
    content = text.encode("utf-8")
    evidence = table_evidence(content, EvidenceFile(path="samples.csv", sha256="0"))
    return time_integrated_activity(evidence, **options)


def table(times, activities, **columns):
    names = ["time_h", "activity_mbq", *columns]
    rows = zip(times, activities, *([value] * len(times) for value in columns.values()))
    return "\n".join([",".join(names), *(",".join(str(cell) for cell in row) for row in rows)])


def value_of(result, name, **where):
    (found,) = [
        m for m in result.measurements if m.quantity.name == name and all(m.where.get(key) == at for key, at in where.items())
    ]
    return found


def washout(amplitude, half_life_h):
    return lambda t: amplitude * np.exp(-math.log(2) * t / half_life_h)


ONE = (washout(100, 50), 100 * 50 / math.log(2))
UPTAKE = (lambda t: washout(100, 50)(t) - washout(100, 3)(t), 100 * 47 / math.log(2))
TWO = (lambda t: washout(50, 8)(t) + washout(50, 90)(t), 50 * 98 / math.log(2))


# truth


def test_the_worked_examples_give_their_expected_values(shared):
    cases = json.loads((shared / "examples" / "therapy" / "tia_analytic.json").read_text("utf-8"))["cases"]
    for case in cases:
        given, expected = case["inputs"], case["expected"]
        if "single_time_h" in given:
            found = of(f"single_time_h,y\n{given['single_time_h']},{given['y']}")
            assert value_of(found, "time_integrated_activity").value == pytest.approx(expected["TIA"], rel=case["tolerance"])
            continue
        options = {"physical_half_life_h": given.get("T_phys_h"), "largest_extrapolation_percent": 100.0}
        text = "t,y\n" + "\n".join(f"{t},{y}" for t, y in zip(given["t"], given["y"]))
        if "rel_u" in given:
            text = "t,y,rel_u\n" + "\n".join(f"{t},{y},{u}" for t, y, u in zip(given["t"], given["y"], given["rel_u"]))
        if "refusal_code" in expected:
            with pytest.raises(Refused) as refused:
                of(text, **options)
            assert refused.value.code == expected["refusal_code"]
            assert f"{expected['Teff_h']} h" in refused.value.words.en
            continue
        found = of(text, **options)
        if "TIA" in expected:
            tia = value_of(found, "time_integrated_activity")
            assert tia.where["model"] == expected["model"]
            assert tia.value == pytest.approx(expected["TIA"], rel=case["tolerance"])
        if "lam" in expected:
            rate = value_of(found, "decay_constant")
            assert (rate.value, rate.uncertainty) == pytest.approx((expected["lam"], expected["u_lam"]), rel=1e-6)


def test_linear_propagation_and_monte_carlo_stand_side_by_side(shared):
    (case,) = json.loads((shared / "examples" / "therapy" / "tia_uncertainty.json").read_text("utf-8"))["cases"]
    given, expected = case["inputs"], case["expected"]
    text = "t,y,u\n" + "\n".join(f"{t},{y},{u}" for t, y, u in zip(given["t"], given["y"], given["u"]))
    found = of(text, largest_extrapolation_percent=30.0)
    assert value_of(found, "time_integrated_activity").value == pytest.approx(expected["TIA"], rel=case["tolerance"])
    assert value_of(found, "uncertainty_linear").value == pytest.approx(expected["u_linear"], rel=case["tolerance"])
    assert value_of(found, "uncertainty_monte_carlo").value == pytest.approx(expected["u_mc_68"], rel=case["tolerance"])
    assert "extrapolation_accepted" in [one.code for one in found.remarks]


@pytest.mark.parametrize("times", [(24, 72, 168), (24, 48, 72, 168), (1, 24, 72, 168), (48, 96, 240)])
def test_a_late_first_sample_loses_nothing_of_an_exact_curve(times):
    t = np.array(times, float)
    found = of(table(times, ONE[0](t), nuclide="Lu-177"), largest_extrapolation_percent=30.0)
    assert value_of(found, "time_integrated_activity").value == pytest.approx(ONE[1], rel=1e-6)


def test_a_long_list_of_samples_may_stand_in_one_cell():
    t = np.array([4, 24, 72, 168.0])
    cells = " ".join(map(str, t)), " ".join(map(str, ONE[0](t)))
    found = of(f"time_h,activity_mbq,nuclide\n{cells[0]},{cells[1]},Lu-177\n")
    assert value_of(found, "time_integrated_activity").value == pytest.approx(ONE[1], rel=1e-6)


def test_scaling_the_activities_scales_the_integral():
    t = np.array([4, 24, 72, 168.0])
    y = ONE[0](t) * np.array([1.03, 0.96, 1.02, 0.99])
    once, thrice = (value_of(of(table(t, k * y)), "time_integrated_activity") for k in (1.0, 3.0))
    assert thrice.value == pytest.approx(3 * once.value, rel=1e-9)
    assert thrice.uncertainty == pytest.approx(3 * once.uncertainty, rel=1e-6)


def test_one_sample_is_right_within_twelve_percent_over_the_stated_range():
    for half_life in np.linspace(0.4, 1.33, 40) * 96:
        error = single_time_point(float(washout(100, half_life)(96.0)), 96.0) / (100 * half_life / math.log(2)) - 1
        assert abs(error) < 0.12


# noise, and the wrong form


def study(curve, times, relative, repetitions, seed=3):
    """Relative errors of the integral, and whether the truth lies within k = 2; refused repetitions are left out."""
    generator = np.random.default_rng(seed)
    t = np.array(times, float)
    clean, truth = curve[0](t), curve[1]
    errors, covered = [], []
    for _ in range(repetitions):
        y = np.maximum(clean * (1 + relative * generator.standard_normal(t.size)), 1e-3 * clean)
        samples = Samples(time_h=t, activity=y, u=relative * y)
        found = integrate(samples, PHYSICAL, draws=200)
        if slower_than_decay(samples, found.fit, PHYSICAL) is None:
            errors.append(found.value / truth - 1)
            covered.append(abs(found.value - truth) <= 2 * found.u)
    return np.array(errors), np.array(covered)


FOUR = (4, 24, 72, 168)


@pytest.mark.parametrize(
    ("curve", "times", "relative", "worst"), [(ONE, FOUR, 0.05, 0.065), (UPTAKE, FOUR, 0.10, 0.21), (TWO, FOUR, 0.10, 0.2)]
)
def test_errors_stay_small_and_are_covered(curve, times, relative, worst):
    errors, covered = study(curve, times, relative, repetitions=80)
    assert np.quantile(np.abs(errors), 0.95) <= worst
    assert covered.mean() >= 0.9


@pytest.mark.full
@pytest.mark.parametrize(
    ("curve", "times", "relative", "p95"), [(ONE, FOUR, 0.05, 0.055), (UPTAKE, FOUR, 0.10, 0.20), (TWO, FOUR, 0.10, 0.20)]
)
def test_two_thousand_repetitions_hold_the_figures(curve, times, relative, p95):
    errors, covered = study(curve, times, relative, repetitions=2000)
    assert len(errors) >= 1990
    assert np.quantile(np.abs(errors), 0.95) <= p95
    assert covered.mean() >= 0.94


def test_four_samples_state_a_form_uncertainty_of_a_tenth_or_more():
    found = of(table(FOUR, ONE[0](np.array(FOUR, float)), nuclide="Lu-177", relative_uncertainty=0.05))
    tia = value_of(found, "time_integrated_activity")
    assert value_of(found, "uncertainty_form").value >= 0.1 * tia.value
    assert tia.uncertainty >= 0.1 * tia.value


# refusals


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (table((-1, 24, 72), (90, 70, 40)), "impossible_value"),
        (table((4, 24, 72), (90, 0, 40)), "impossible_value"),
        (table((4, 24, 24), (90, 70, 69)), "same_time_twice"),
        (table((4, 24, 72), (90, 70, "forty")), "not_a_number"),
        (table((4, 24, 72), (90, 70, 40), nuclide="Xx-1"), "unknown_nuclide"),
        (table((24, 72), (50, 20)), "extrapolation_too_large"),
        (table((0,), (50,)), "time_is_zero"),
        ("time_h,activity_mbq,activity_gbq\n4,90,0.09\n24,70,0.07", "units_mixed"),
        ("time_h,activity_mbq,u\n4,90,5\n24,70,\n72,40,2", "unequal_series"),
    ],
)
def test_impossible_samples_are_refused_in_words(text, code):
    with pytest.raises(Refused) as refused:
        of(text)
    assert refused.value.code == code
    assert refused.value.words.en
    assert refused.value.words.zh


def test_noise_that_only_touches_the_physical_half_life_is_not_refused():
    t = np.array(FOUR, float)
    y = washout(100, 159.528)(t) * np.array([0.95, 1.04, 0.97, 1.06])
    found = of(table(FOUR, y, nuclide="Lu-177", relative_uncertainty=0.1), largest_extrapolation_percent=60.0)
    assert value_of(found, "effective_half_life").value <= 159.6


def test_one_bad_region_hides_no_other(tmp_path):
    rows = ["case,time_h,activity_mbq,nuclide"]
    rows += [f"kidney,{t},{ONE[0](float(t))},Lu-177" for t in FOUR]
    rows += [f"wrong,{t},{washout(100, 200)(float(t))},Lu-177" for t in (24, 72, 168)]
    path = tmp_path / "regions.csv"
    path.write_text("\n".join(rows), encoding="utf-8")
    entry = roll()["radionuclide_therapy.time_integrated_activity"]
    (one,) = check([path], only=entry).examined
    assert {m.where["case"] for m in one.result.measurements} == {"kidney"}
    assert [remark.code for remark in one.result.remarks] == ["case_refused"]
    assert len(one.result.figures()) == 1
