"""Identity of a radionuclide by its half-life, from two readings or more.

T = ln2 Δt / ln(A1/A2); u(T)/T = sqrt(u1² + u2²) / ln(A1/A2) to first order in the relative uncertainties of the readings. Readings too
close together cannot tell: the interval then straddles the limits and the verdict is undecided, with the wait that would tell.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cases import Case, Column, Measured, all_measurements, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Dots, Figure, Line
from photopeak.half_life import unknown_nuclide
from photopeak.measurement import Quantity
from photopeak.nuclide import nuclide_named
from photopeak.procedure import Refused, Remark, Result, procedure, remark
from photopeak.table import Table
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

HALF_LIFE = Quantity(name="half_life", unit="min", en="half-life", zh="半衰期")
SHARP = 0.05  # an expanded uncertainty of this share of the half-life tells nuclides apart; only for the advice on waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class HalfLifeIdentity(Result):
    """`curves`: for each case its title, minutes, readings, and minutes and readings of the fit."""

    curves: tuple[tuple[Words, Floats, Floats, Floats, Floats], ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(_chart(*one) for one in self.curves)


def accepts(evidence: Evidence) -> Words | None:
    table = evidence.images
    series = isinstance(table, Table) and table.has("identity_of")
    pair = ("first_reading_mbq", "second_reading_mbq", "interval_min")
    return lacking(evidence, half_life_identity, pair, *([("time_min", "readings_mbq")] if series else []))


@procedure(
    en="Identity by half-life",
    zh="半衰期鉴别",
    implements="Ph. Eur., USP, ChP: identification by approximate half-life",
    kinds=("table",),
    quantities=(HALF_LIFE,),
    accepts=accepts,
)
def half_life_identity(
    evidence: Evidence,
    *,
    identity_of: Annotated[
        str | None, Words("nuclide that it should be", "应为核素"), Column(kind="text", aliases=("nuclide",))
    ] = None,
    first_reading_mbq: Annotated[
        float | None, Words("first reading, MBq", "首次示值，MBq"), Column(aliases=("a1_mbq", "a1"), above=0)
    ] = None,
    second_reading_mbq: Annotated[
        float | None, Words("second reading, MBq", "末次示值，MBq"), Column(aliases=("a2_mbq", "a2"), above=0)
    ] = None,
    interval_min: Annotated[float | None, Words("interval, min", "间隔，min"), Column(aliases=("dt_min",), above=0)] = None,
    time_min: Annotated[
        str | None, Words("times, min", "时间，min"), Column(kind="numbers", aliases=("t_min",), least=0)
    ] = None,
    readings_mbq: Annotated[
        str | None,
        Words("readings, MBq", "示值，MBq"),
        Column(kind="numbers", aliases=("reading_mbq", "activity_mbq"), above=0),
    ] = None,
    background_mbq: Annotated[float | None, Words("background reading, MBq", "本底示值，MBq"), Column()] = None,
    reading_u_fraction: Annotated[
        float | None,
        Words("relative standard uncertainty of a reading (k = 1)", "单次示值相对标准不确定度（k = 1）"),
        Column(aliases=("rel_u",), least=0),
    ] = None,
) -> HalfLifeIdentity:
    """The half-life in minutes with its standard uncertainty; readings that do not fall are refused."""
    done, remarks = measure_cases(evidence, half_life_identity, declared(locals()), _one)
    return HalfLifeIdentity(
        measurements=all_measurements(done), remarks=remarks, curves=tuple(found.detail for _, found in done)
    )


def _one(case: Case) -> Measured:
    nuclide = nuclide_named(case.get("identity_of"), "icrp107")
    if case.has("identity_of") and nuclide is None:
        raise unknown_nuclide(case, case.text("identity_of"), "icrp107")
    minutes, readings = _series(case)
    net = readings - float(case.get("background_mbq") or 0.0)
    if net.min() <= 0:
        raise case.refused(
            "no_reading",
            en="a reading is not above the background; leave it out",
            zh="有示值不高于本底，请剔除。",
        )
    slope, u_slope, noise = _fit(case, minutes, net)
    if slope <= 0:
        raise _not_falling(case, net)
    half_life = math.log(2) / slope
    u = None if u_slope is None else half_life * u_slope / slope
    curve = np.linspace(0.0, float(minutes.max()), 50)
    middle = float(np.exp(np.log(net).mean() + slope * minutes.mean()))
    title = Words("Decay of the sample", "样品衰变")
    if case.label:
        title = Words(f"{title.en}: {case.label}", f"{title.zh}：{case.label}")
    return Measured(
        measurements=(HALF_LIFE.of(half_life, u, **case.where(nuclide=None if nuclide is None else nuclide.name)),),
        remarks=_advice(half_life, u, noise, len(net)),
        detail=(title, minutes, net, curve, middle * np.exp(-slope * curve)),
    )


def _series(case: Case) -> tuple[Floats, Floats]:
    if case.has("readings_mbq"):
        readings, minutes = np.array(case.numbers("readings_mbq", least=2)), np.array(case.numbers("time_min", least=2))
        if len(readings) != len(minutes):
            raise case.refused(
                "unequal_series",
                en=f"{len(readings)} readings but {len(minutes)} times; every reading needs its time",
                zh=f"示值 {len(readings)} 个，而时间 {len(minutes)} 个，二者须一一对应。",
            )
        if float(np.ptp(minutes)) <= 0:
            raise case.refused(
                "no_interval",
                en="all readings have the same time; a half-life needs an interval",
                zh="各示值时间相同，无法求半衰期。",
            )
        return minutes, readings
    pair = case.number("first_reading_mbq"), case.number("second_reading_mbq")
    return np.array([0.0, case.number("interval_min")]), np.array(pair)


def _fit(case: Case, minutes: Floats, net: Floats) -> tuple[float, float | None, float | None]:
    """Slope of -ln A per minute, its standard uncertainty, and the relative uncertainty of a reading (None: unknown)."""
    centred = minutes - minutes.mean()
    spread = float((centred**2).sum())
    log = np.log(net)
    slope = -float((centred * log).sum()) / spread
    if case.has("reading_u_fraction"):
        noise = case.number("reading_u_fraction")
    elif len(net) > 2:
        rest = log - log.mean() + slope * centred
        noise = math.sqrt(float((rest**2).sum()) / (len(net) - 2))
    else:
        return slope, None, None
    return slope, noise / math.sqrt(spread), noise


def _advice(half_life: float, u: float | None, noise: float | None, readings: int) -> tuple[Remark, ...]:
    if u is None or noise is None:
        return (
            remark(
                "reading_uncertainty_missing",
                en="two readings without their uncertainty: nothing can be said about identity; give reading_u_percent",
                zh="仅两次示值且未给出其不确定度，无法判断；请给出 reading_u_percent",
            ),
        )
    if 2 * u <= SHARP * half_life or readings > 2:
        return ()
    wait = 2 * math.sqrt(2) * noise * half_life / (SHARP * math.log(2))
    return (
        remark(
            "short_interval",
            en=f"readings so close together tell the half-life to ±{2 * u:.1f} min only (k = 2); {wait:.0f} min apart they would tell "
            f"it to ±{SHARP:.0%}",
            zh=f"两次测量间隔过短，半衰期只能确定到 ±{2 * u:.1f} min（k = 2）；间隔 {wait:.0f} min 方可达到 ±{SHARP:.0%}",
        ),
    )


def _not_falling(case: Case, net: Floats) -> Refused:
    return case.refused(
        "not_decaying",
        en=f"the readings do not fall ({net[0]:.4g} to {net[-1]:.4g} MBq); check their order and the background",
        zh=f"示值未下降（{net[0]:.4g} → {net[-1]:.4g} MBq），请检查次序与本底。",
    )


def _chart(title: Words, minutes: Floats, net: Floats, fit_minutes: Floats, fit: Floats) -> Chart:
    return Chart(
        title=title,
        x=Axis(label=Words("time", "时间"), unit="min"),
        y=Axis(label=Words("reading", "示值"), unit="MBq", log=True),
        marks=(
            Dots(x=minutes, y=net, label=Words("readings", "示值")),
            Line(x=fit_minutes, y=fit, label=Words("exponential", "指数拟合")),
        ),
        group="decay",
    )
