"""The screen for slips over simulated rounds of known truth: what is found, what raises a false alarm, what is said to be hidden."""

from decimal import Decimal
from functools import cache

import numpy as np
import pytest

from photopeak.immunoassay.blunder_screen import screen, unit_slips
from photopeak.immunoassay.results_table import Reported, ReportedTable
from photopeak.immunoassay.round_targets import Rule, targets_of
from photopeak.immunoassay.units import factor

LABORATORIES, ANALYTES = 18, 20
CORRELATION = 0.5  #: of the errors within one laboratory


def errors(rng, cv, form):
    """Relative errors [laboratory, analyte, sample] that a laboratory has half in common, and the common part [laboratory, 1, 1].

    The common part is on the scale of the errors: of a factor about 1 where they are normal, of its logarithm where log-normal.
    """
    shape = (LABORATORIES, ANALYTES, 2)
    common = np.sqrt(CORRELATION) * rng.normal(0, 1, (LABORATORIES, 1, 1))
    z = common + np.sqrt(1 - CORRELATION) * rng.normal(0, 1, shape)
    if form == "normal":
        return np.maximum(1 + cv * z, 0.02), 1 + cv * common
    sigma = np.sqrt(np.log1p(cv**2))
    return np.exp(sigma * z - sigma**2 / 2), sigma * common - sigma**2 / 2


def a_round(rng, cv, ratio=3.0, form="normal"):
    return known_round(rng, cv, ratio, form)[0]


def known_round(rng, cv, ratio, form):
    """Results [laboratory, analyte, sample], true levels [analyte, sample] and what each laboratory has in common."""
    levels = 10.0 ** rng.uniform(0, 2, ANALYTES)[:, None] * np.array([1.0, ratio])
    error, common = errors(rng, cv, form)
    return error * levels, levels, common


def a_judge_finds(pair, levels, common, cv, form):
    """Whether one who knew the true levels, the spread and the laboratory's common error would see that two samples were exchanged.

    The likelihood ratio beyond which that judge accuses fewer than one clean round of a hundred (JUDGED).
    """
    ratio, exchanged = pair / levels, pair[::-1] / levels
    if form == "log-normal":
        ratio, exchanged, cv = np.log(ratio), np.log(exchanged), np.sqrt(np.log1p(cv**2))
    spread = cv * np.sqrt(1 - CORRELATION)
    return float(np.sum((ratio - common) ** 2 - (exchanged - common) ** 2)) / (2 * spread**2) > JUDGED


JUDGED = 3.5


def screened(values, slips=None):
    results = tuple(
        Reported(line=1, laboratory=f"L{lab}", analyte=f"A{n}", sample=f"S{s}", value=Decimal(repr(round(float(x), 6))))
        for (lab, n, s), x in np.ndenumerate(values)
    )
    units = {one.place: "" for one in results}
    samples = targets_of(ReportedTable(results=results, units=units), Rule(grouping="all"))
    return screen(samples, slips or (lambda analyte, unit: {}))


def named(found, kind=None):
    return {(one.laboratory, one.analyte) for one in found.suspects if kind in (None, one.kind)}


SLIPS = {
    0.08: (2.0, 1.5),
    0.20: (4.0, 2.5),
}  #: by CV: the factor of a mistaken unit, the ratio of the levels of swapped samples


@cache
def shares_found(count, cv, form, seed=1):
    """The share of rounds in which each of four slips is named as what it is, in which a stranger is, and of swaps the judge finds."""
    rng, (size, ratio) = np.random.default_rng(seed), SLIPS[cv]
    hits, strangers, judged = dict.fromkeys(("all", "single", "unit", "swap"), 0), 0, 0
    slips = {"other unit": size, "other unit, reversed": 1 / size}
    for _ in range(count):
        values, levels, common = known_round(rng, cv, ratio, form)
        places = {kind: (rng.integers(LABORATORIES), n) for kind, n in zip(hits, rng.permutation(ANALYTES))}
        values[places["all"]] *= 10.0 ** rng.choice([-1, 1])
        values[(*places["single"], rng.integers(2))] *= 10.0 ** rng.choice([-1, 1])
        values[places["unit"]] *= size ** rng.choice([-1, 1])
        values[places["swap"]] = values[places["swap"]][::-1]
        laboratory, analyte = places["swap"]
        judged += a_judge_finds(values[places["swap"]], levels[analyte], float(common[laboratory, 0, 0]), cv, form)
        found = screened(values, lambda analyte, unit: slips)
        put = {kind: (f"L{lab}", f"A{n}") for kind, (lab, n) in places.items()}
        for kind, place in put.items():
            hits[kind] += place in named(found, kind if kind in ("unit", "swap") else "power_of_ten")
        strangers += bool(named(found) - set(put.values()))
    return {kind: one / count for kind, one in hits.items()}, strangers / count, judged / count


FORMS = ("normal", "log-normal")


def false_alarms(count, cv, form, seed=2):
    """The share of clean rounds in which anything is named."""
    rng = np.random.default_rng(seed)
    slips = {"other unit": 2.0, "other unit, reversed": 0.5, "third unit": 4.0}
    alarms = (bool(screened(a_round(rng, cv, 2.5, form), lambda analyte, unit: slips).suspects) for _ in range(count))
    return sum(alarms) / count


@pytest.mark.full
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cv", [0.08, 0.20])
def test_a_thousand_clean_rounds_raise_a_false_alarm_in_one_of_a_hundred_at_most(cv, form):
    alarms = false_alarms(1000, cv, form)
    print(f"{form} CV {cv:.0%}: false alarms {alarms:.4f}")
    assert alarms <= 0.01


@pytest.mark.full
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cv", list(SLIPS))
def test_slips_put_into_a_thousand_rounds_are_found(cv, form):
    found, strangers, judged = shares_found(1000, cv, form)
    print(f"{form} CV {cv:.0%}: found {found}, exchanged samples that the judge finds {judged}, others named {strangers:.3f}")
    assert {kind: found[kind] for kind in ("all", "single", "unit")} == dict.fromkeys(("all", "single", "unit"), 1)
    assert found["swap"] >= 0.99
    assert strangers <= 0.01


BEYOND_ANYBODY = pytest.mark.xfail(strict=True, reason="99.5 %; one who knew every spread and common error would find 99.9 %")


@pytest.mark.full
@pytest.mark.parametrize(
    ("cv", "form"),
    [(0.08, "normal"), (0.08, "log-normal"), pytest.param(0.20, "normal", marks=BEYOND_ANYBODY), (0.20, "log-normal")],
)
def test_all_samples_exchanged_in_a_thousand_rounds_are_found(cv, form):
    assert shares_found(1000, cv, form)[0]["swap"] == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("cv", list(SLIPS))
def test_one_who_knew_every_spread_and_common_error_would_not_find_all_exchanged_samples_at_cv_20(cv, form):
    """What "always" can mean: 100,000 pairs of samples, exchanged and not, no estimate from the round in between."""
    rng, ratio, accused, seen, rounds = np.random.default_rng(9), SLIPS[cv][1], 0, 0, 280
    for _ in range(rounds):
        values, levels, common = known_round(rng, cv, ratio, form)
        for (laboratory, analyte), _ in np.ndenumerate(values[:, :, 0]):
            known = levels[analyte], float(common[laboratory, 0, 0]), cv, form
            accused += a_judge_finds(values[laboratory, analyte], *known)
            seen += a_judge_finds(values[laboratory, analyte][::-1], *known)
    share = seen / (rounds * LABORATORIES * ANALYTES)
    assert accused / rounds <= 0.02
    assert share >= 0.998
    assert (share < 0.9993) == ((cv, form) == (0.20, "normal"))


@pytest.mark.parametrize("cv", list(SLIPS))
def test_slips_put_into_some_rounds_are_found(cv):
    assert shares_found(20, cv, "normal", seed=5) == (dict.fromkeys(("all", "single", "unit", "swap"), 1.0), 0.0, 1.0)


def test_some_clean_rounds_raise_no_alarm():
    assert false_alarms(40, 0.20, "log-normal") == 0


def test_what_the_spread_hides_is_said_to_be_hidden():
    rng = np.random.default_rng(3)
    slips = {"near unit": 1.3, "far unit": 12.9}
    found = screened(a_round(rng, 0.20, 1.2), lambda analyte, unit: slips)
    assert {one.hidden_units for one in found.reach.values()} == {("near unit",)}
    assert {one.hidden_pairs for one in found.reach.values()} == {(("S0", "S1"),)}
    wide = screened(a_round(rng, 0.05, 3.0), lambda analyte, unit: {"far unit": 12.9})
    assert {(one.hidden_units, one.hidden_pairs) for one in wide.reach.values()} == {((), ())}


def test_the_units_of_a_steroid_are_taken_for_one_another_and_insulin_only_by_the_stated_factor():
    slips = unit_slips({}, factor)("cortisol", "nmol/L")
    assert slips["ng/dL for nmol/L"] == pytest.approx(362.466 / 10, rel=1e-6)
    assert unit_slips({}, factor)("insulin", "pmol/L") == {}


def test_three_laboratories_are_too_few_to_say_anything():
    assert screened(a_round(np.random.default_rng(1), 0.1)[:3]).suspects == ()
