"""Share of the activity that reaches the lungs, before radioembolisation: lung / (lung + liver).

Planar images give it from one view, or from the geometric mean of anterior and posterior counts (the manufacturers' method, without
scatter or attenuation correction: it reads too high); SPECT gives it from activities in the same columns of counts. Which was used stands
in `method`. With the uncertainty of Poisson counts; background is subtracted where it is given.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Quantity
from photopeak.procedure import Result, procedure
from photopeak.words import Words

SHUNT = Quantity(name="lung_shunt_fraction", unit="%", en="lung shunt fraction", zh="肺分流率")
ONE_VIEW = ("lung_counts", "liver_counts")
TWO_VIEWS = ("anterior_lung_counts", "posterior_lung_counts", "anterior_liver_counts", "posterior_liver_counts")


@dataclass(frozen=True, slots=True, kw_only=True)
class LungShunt(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "lung_shunt_fraction")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, lung_shunt, ONE_VIEW, TWO_VIEWS)


@procedure(
    en="Lung shunt fraction",
    zh="肺分流率",
    implements="package inserts of ⁹⁰Y microspheres (planar method); Kao 2013 (activities)",
    kinds=("table",),
    quantities=(SHUNT,),
    accepts=accepts,
)
def lung_shunt(
    evidence: Evidence,
    *,
    lung_counts: Annotated[float | None, Words("counts of the lungs", "肺计数"), Column(least=0)] = None,
    liver_counts: Annotated[float | None, Words("counts of the liver", "肝计数"), Column(above=0)] = None,
    anterior_lung_counts: Annotated[
        float | None, Words("anterior counts of the lungs", "前位肺计数"), Column(aliases=("ant_lung",), above=0)
    ] = None,
    posterior_lung_counts: Annotated[
        float | None, Words("posterior counts of the lungs", "后位肺计数"), Column(aliases=("post_lung",), above=0)
    ] = None,
    anterior_liver_counts: Annotated[
        float | None, Words("anterior counts of the liver", "前位肝计数"), Column(aliases=("ant_liver",), above=0)
    ] = None,
    posterior_liver_counts: Annotated[
        float | None, Words("posterior counts of the liver", "后位肝计数"), Column(aliases=("post_liver",), above=0)
    ] = None,
    background_counts: Annotated[
        float | None, Words("background within the region of the lungs", "肺感兴趣区内本底计数"), Column(least=0)
    ] = None,
) -> LungShunt:
    """Lung shunt fraction in per cent."""
    done, remarks = measure_cases(evidence, lung_shunt, declared(locals()), _measure)
    return LungShunt(measurements=all_measurements(done), remarks=remarks)


def _measure(case: Case) -> Measured:
    background = float(case.get("background_counts") or 0.0)
    if case.has(*TWO_VIEWS):
        lung, r_lung = _geometric_mean(case, "lung", background)
        liver, r_liver = _geometric_mean(case, "liver", 0.0)
        method = "geometric_mean"
    else:
        raw = case.number("lung_counts")
        lung, liver = _net(case, raw, background), case.number("liver_counts")
        r_lung = math.sqrt(raw + background) / lung if lung else 0.0
        r_liver = 1 / math.sqrt(liver)
        method = "one_view"
    share = lung / (lung + liver)
    u = share * (1 - share) * math.hypot(r_lung, r_liver) if lung else 1 / (lung + liver)
    where: dict[str, Any] = case.where(method=method)
    return Measured(measurements=(SHUNT.of(100 * share, 100 * u, **where),))


def _geometric_mean(case: Case, organ: str, background: float) -> tuple[float, float]:
    """The geometric mean of two views and its relative standard uncertainty."""
    views = [case.number(f"{view}_{organ}_counts") for view in ("anterior", "posterior")]
    net = [_net(case, one, background) for one in views]
    if not all(net):
        raise _no_counts(case)
    relative = [math.sqrt(raw + background) / one / 2 for raw, one in zip(views, net)]
    return math.sqrt(net[0] * net[1]), math.hypot(*relative)


def _net(case: Case, counts: float, background: float) -> float:
    if counts < background:
        raise _no_counts(case)
    return counts - background


def _no_counts(case: Case) -> Exception:
    return case.refused(
        "background_too_high",
        en="the background exceeds the counts of the region; check that it was scaled to the area of the region",
        zh="本底高于感兴趣区计数，请核对本底是否已按面积换算。",
    )
