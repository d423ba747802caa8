"""Curve fits: the standard nonlinear sets without start values, identities, derivatives, convergence from wide ranges of shapes."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from photopeak.immunoassay.curve_fit import Model, fit_curve, reweighted_fit
from photopeak.immunoassay.curve_models import Curve, evaluated
from photopeak.immunoassay.logit_log import logit_line
from photopeak.immunoassay.variance import COUNTED, Variance, estimated_variance, unequal_scatter

DOSES = np.repeat([0.0, 1, 2.5, 5, 10, 25, 50, 100], 2)
SHAPES = {
    "b": st.floats(0.5, 4.0),
    "c": st.floats(2.0, 40.0),
    "span": st.floats(1.0, 1e6),
    "low": st.floats(-0.2, 0.5),
    "rising": st.booleans(),
}


def columns(rows, x, y):
    return np.array([float(row[x]) for row in rows]), np.array([float(row[y]) for row in rows])


def test_nist_rat43_needs_no_start_values(rows_of, expected):
    x, y = columns(rows_of("nist_rat43.csv"), "x", "y")
    fit = fit_curve(np.exp(x), y, np.ones_like(x), Model(five=True, family="growth", held_zero=0.0))
    found = {"b1": fit.curve.d, "b2": fit.curve.b * math.log(fit.curve.c), "b3": fit.curve.b, "b4": 1 / fit.curve.g}
    found["RSS"] = fit.chi_square
    for row in expected("NIST-Rat43"):
        assert found.pop(row["quantity"]) == pytest.approx(row["expected"], rel=row["rtol"])
    assert found == {}
    assert fit.converged


@pytest.mark.parametrize(("start", "held", "freedom"), [("DNase-SSfpl", None, 12), ("DNase-SSlogis", 0.0, 13)])
def test_the_dnase_plate_is_fitted_as_by_r(rows_of, expected, start, held, freedom):
    rows = [row for row in rows_of("r_dnase_elisa.csv") if row["Run"] == "1"]
    fit = fit_curve(*columns(rows, "conc", "density"), np.ones(len(rows)), Model(held_zero=held))
    found = {"A": fit.curve.a, "B": fit.curve.d, "Asym": fit.curve.d, "xmid": math.log(fit.curve.c), "scal": 1 / fit.curve.b}
    found[f"RSE {freedom} df"] = math.sqrt(fit.scatter)
    assert fit.freedom == freedom
    for row in expected(start):
        digits = {"rel": row["rtol"]} if row["rtol"] else {"abs": 0.5 * 10 ** -row["decimals"]}
        assert found[row["quantity"]] == pytest.approx(row["expected"], **digits)


def test_ryegrass_is_fitted_as_by_drc(rows_of, expected):
    fit = fit_curve(*columns(rows_of("drc_ryegrass.csv"), "conc", "rootl"), np.ones(24))
    c = fit.curve
    found = {"slope b": c.b, "lower c": c.d, "upper d": c.a, "ED50 e": c.c, "RSE 20 df": math.sqrt(fit.scatter)}
    found |= {"se(ED50)": c.c * math.sqrt(fit.covariance[3, 3] * fit.scatter)}
    found |= {"ED10": c.effective_dose(10), "ED90": c.effective_dose(90)}
    for row in expected("ryegrass"):
        digits = {"rel": row["rtol"]} if row["rtol"] else {"abs": 0.5 * 10 ** -row["decimals"]}
        assert found.pop(row["quantity"]) == pytest.approx(row["expected"], **digits)
    assert found == {}


@given(**SHAPES)
def test_a_noiseless_curve_of_any_shape_is_found_again(b, c, span, low, rising):
    a, d = (low * span, span) if rising else (span, low * span)
    truth = Curve(a=a, d=d, b=b, c=c)
    fit = fit_curve(DOSES, truth.response(DOSES), np.ones_like(DOSES))
    assert fit.curve.b == pytest.approx(b, rel=1e-5)
    assert fit.curve.c == pytest.approx(c, rel=1e-5)
    assert fit.curve.a == pytest.approx(a, abs=1e-5 * span)
    assert fit.curve.d == pytest.approx(d, abs=1e-4 * span)


@pytest.mark.parametrize("family", ["reader", "growth"])
@pytest.mark.parametrize("g", [0.4, 1.0, 2.5])
@pytest.mark.parametrize("ends", [(2.0, 0.1), (0.1, 2.0)])
def test_a_noiseless_five_parameter_curve_is_found_again(family, g, ends):
    dose = np.geomspace(0.05, 500, 14)
    truth = Curve(a=ends[0], d=ends[1], b=1.3, c=6.0, g=g, family=family)
    fit = fit_curve(dose, truth.response(dose), np.ones_like(dose), Model(five=True, family=family))
    assert fit.converged
    assert fit.curve.response(dose) == pytest.approx(truth.response(dose), abs=1e-8)
    assert (fit.curve.b, fit.curve.c, fit.curve.g) == pytest.approx((1.3, 6.0, g), rel=1e-3)


@given(scale=st.floats(1e-3, 1e6), dose_scale=st.floats(1e-4, 1e4))
def test_units_of_response_and_dose_do_not_matter(scale, dose_scale):
    rng = np.random.default_rng(3)
    y = Curve(a=10, d=1, b=1.2, c=8).response(DOSES) + rng.normal(0, 0.2, len(DOSES))
    plain = fit_curve(DOSES, y, np.ones_like(y)).curve
    scaled = fit_curve(DOSES * dose_scale, y * scale, np.ones_like(y)).curve
    assert scaled.c == pytest.approx(plain.c * dose_scale, rel=1e-5)
    assert scaled.b == pytest.approx(plain.b, rel=1e-5)
    assert scaled.a == pytest.approx(plain.a * scale, rel=1e-6)


@pytest.mark.parametrize("family", ["reader", "growth"])
def test_the_derivatives_are_those_of_the_response(family):
    at, t = np.array([5.0, 1.0, 0.3, 2.0, 0.4]), np.log([0.5, 3.0, 9.0, 200.0])
    found = evaluated(at, t, family)[1]
    for n in range(5):
        step = np.zeros(5)
        step[n] = 1e-6
        numeric = (evaluated(at + step, t, family)[0] - evaluated(at - step, t, family)[0]) / 2e-6
        assert found[n] == pytest.approx(numeric, abs=1e-7)


@pytest.mark.parametrize("family", ["reader", "growth"])
def test_dose_is_the_inverse_of_response_and_dose_zero_is_exact(family):
    curve = Curve(a=5.0, d=1.0, b=1.4, c=7.0, g=1.7, family=family)
    dose = np.geomspace(0.1, 300, 9)
    assert curve.dose(curve.response(dose)) == pytest.approx(dose, rel=1e-9)
    assert float(curve.response(0.0)) == 5.0
    assert np.isnan(curve.dose([5.0, 5.1, 1.0, 0.9])).all()


def test_the_logit_log_line_of_a_curve_to_zero_is_exact():
    b, c, zero = 1.05, 8.0, 12000.0
    line = logit_line(DOSES, Curve(a=zero, d=0.0, b=b, c=c).response(DOSES), zero, np.ones_like(DOSES))
    assert line.slope == pytest.approx(-b, rel=1e-12)
    assert line.intercept == pytest.approx(b * math.log(c), rel=1e-12)
    assert line.ed50 == pytest.approx(c, rel=1e-12)


def test_pooled_replicates_tell_how_the_variance_grows():
    rng, means = np.random.default_rng(2), np.geomspace(100, 10000, 200)
    groups = [mean + rng.normal(0, 0.05 * mean, 3) for mean in means]
    found = estimated_variance(groups)
    assert found.exponent == pytest.approx(2.0, abs=0.15)
    assert math.sqrt(found.of(1000.0)) == pytest.approx(50, rel=0.1)
    assert unequal_scatter(groups) < 1e-6
    assert unequal_scatter([mean + rng.normal(0, 5, 3) for mean in means]) > 0.01
    assert estimated_variance(groups[:2]) is None


def test_a_power_of_the_fitted_response_is_reweighted_to_its_own_end():
    rng = np.random.default_rng(4)
    truth = Curve(a=10.0, d=1000.0, b=1.0, c=20.0)
    y = truth.response(DOSES) * (1 + 0.05 * rng.normal(size=len(DOSES)))
    variance = Variance(quadratic=1.0)
    fit = reweighted_fit(DOSES, y, variance.of, fit_curve)
    again = fit_curve(DOSES, y, 1 / variance.of(fit.curve.response(DOSES)))
    assert again.curve.c == pytest.approx(fit.curve.c, rel=1e-7)


def test_counting_variance_is_that_of_its_definition():
    assert float(COUNTED.of(12418.0)) == pytest.approx(900 + 12418 + (0.015 * 12418) ** 2)


def test_a_weighted_fit_of_sixteen_tubes_takes_a_millisecond_at_most():
    """The quickest of many: what the arithmetic takes when nothing else has the machine."""
    y = Curve(a=12000, d=100, b=1.05, c=8).response(DOSES) * (1 + 0.01 * np.random.default_rng(1).normal(size=16))
    times = []
    for _ in range(60):
        begun = time.perf_counter()
        fit_curve(DOSES, y, 1 / COUNTED.of(y + 400))
        times.append(time.perf_counter() - begun)
    assert min(times) <= 1e-3


def test_five_parameters_are_fitted_to_counted_tubes_of_shapes_of_every_kind():
    """In nineteen of twenty; in the rest the slope runs to its end as well, which is no curve but a kink."""
    rng, fitted = np.random.default_rng(1), 0
    for n in range(60):
        family = ("reader", "growth")[n % 2]
        b, g, c = (float(np.exp(rng.uniform(*np.log(ends)))) for ends in ((0.5, 3), (0.15, 8), (2, 100)))
        truth = Curve(a=12000.0, d=200.0, b=b, c=c, g=g, family=family)
        dose = np.repeat(np.concatenate([[0], np.geomspace(0.5, 500, 8)]), 2)
        mean = truth.response(dose)
        variance = 900 + mean + (0.015 * mean) ** 2
        fit = fit_curve(dose, mean + rng.normal(size=18) * np.sqrt(variance), 1 / variance, Model(five=True, family=family))
        fitted += fit.converged
        assert not fit.converged or fit.scatter < 4
    assert fitted >= 57


def test_where_the_fifth_parameter_has_no_end_the_limiting_shape_is_fitted_and_said_to_be():
    """A Gompertz curve: g without bound. The doses are read all the same."""
    dose = np.repeat(np.concatenate([[0], np.geomspace(0.5, 500, 8)]), 2)
    response = 200 + 11800 * np.exp(-dose / 30)
    fit = fit_curve(dose, response, np.ones_like(dose), Model(five=True))
    assert fit.converged
    assert fit.limiting
    assert fit.curve.dose(200 + 11800 * math.exp(-1)) == pytest.approx(30, rel=2e-3)
    assert fit.freedom == 18 - 4
