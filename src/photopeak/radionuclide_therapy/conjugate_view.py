"""Activity of a region from opposite planar views (MIRD Pamphlet 16).

    A = sqrt(I_anterior I_posterior / exp(-mu T)) f / C,    f = (mu_j t_j / 2) / sinh(mu_j t_j / 2)

with mu and T the attenuation coefficient and thickness of the body, mu_j and t_j those of the source region (f = 1 where they are not
given) and C the calibration factor. With scatter windows the rates are corrected by the triple energy window first. f is used as the
worked examples and MIRD 16 write it; it is smaller than 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Quantity
from photopeak.procedure import Result, procedure, remark
from photopeak.radionuclide_therapy.scatter_windows import primary_counts
from photopeak.words import Words

ACTIVITY = Quantity(name="activity", unit="MBq", en="activity", zh="活度")
MEAN = Quantity(name="geometric_mean_rate", unit="{counts}/s", en="geometric mean rate", zh="几何平均计数率", judged=False)
SCATTER = Quantity(
    name="scatter_fraction", unit="%", en="scatter in the photopeak window", zh="光电峰窗内散射占比", judged=False
)
VIEWS = ("anterior", "posterior")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConjugateView(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "activity")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, conjugate_view, ("anterior_cps", "posterior_cps", "calibration_cps_per_mbq"))


@procedure(
    en="Conjugate-view activity",
    zh="共轭视图法活度",
    implements="MIRD Pamphlet 16; Ogawa 1991 (triple energy window)",
    kinds=("table",),
    quantities=(ACTIVITY, MEAN, SCATTER),
    accepts=accepts,
)
def conjugate_view(
    evidence: Evidence,
    *,
    anterior_cps: Annotated[
        float | None,
        Words("anterior rate in the photopeak window, counts/s", "前位光电峰窗计数率，计数/s"),
        Column(aliases=("ia",), above=0),
    ] = None,
    posterior_cps: Annotated[
        float | None,
        Words("posterior rate in the photopeak window, counts/s", "后位光电峰窗计数率，计数/s"),
        Column(aliases=("ip",), above=0),
    ] = None,
    attenuation_per_cm: Annotated[
        float | None,
        Words("attenuation coefficient of the body, 1/cm", "人体线性衰减系数，1/cm"),
        Column(aliases=("mu",), least=0),
    ] = None,
    thickness_cm: Annotated[
        float | None, Words("thickness of the body, cm", "人体厚度，cm"), Column(aliases=("t_cm",), least=0)
    ] = None,
    source_attenuation_per_cm: Annotated[
        float | None,
        Words("attenuation coefficient of the region, 1/cm", "源区线性衰减系数，1/cm"),
        Column(aliases=("mu_j",), least=0),
    ] = None,
    source_thickness_cm: Annotated[
        float | None, Words("thickness of the region, cm", "源区厚度，cm"), Column(aliases=("t_j",), least=0)
    ] = None,
    calibration_cps_per_mbq: Annotated[
        float | None, Words("calibration factor, counts/s/MBq", "刻度系数，计数/s/MBq"), Column(aliases=("c",), above=0)
    ] = None,
    duration_s: Annotated[float | None, Words("duration of the view, s", "采集时间，s"), Column(above=0)] = None,
    anterior_lower_cps: Annotated[
        float | None, Words("anterior, lower window, counts/s", "前位下散射窗，计数/s"), Column(least=0)
    ] = None,
    anterior_upper_cps: Annotated[
        float | None, Words("anterior, upper window, counts/s", "前位上散射窗，计数/s"), Column(least=0)
    ] = None,
    posterior_lower_cps: Annotated[
        float | None, Words("posterior, lower window, counts/s", "后位下散射窗，计数/s"), Column(least=0)
    ] = None,
    posterior_upper_cps: Annotated[
        float | None, Words("posterior, upper window, counts/s", "后位上散射窗，计数/s"), Column(least=0)
    ] = None,
    photopeak_width_kev: Annotated[
        float | None, Words("width of the photopeak window, keV", "光电峰窗宽，keV"), Column(above=0)
    ] = None,
    lower_width_kev: Annotated[
        float | None, Words("width of the lower window, keV", "下散射窗宽，keV"), Column(least=0)
    ] = None,
    upper_width_kev: Annotated[
        float | None, Words("width of the upper window, keV", "上散射窗宽，keV"), Column(least=0)
    ] = None,
) -> ConjugateView:
    """Activity of each case with its uncertainty: counting (where the duration is given) and the columns NAME_u."""
    done, remarks = measure_cases(evidence, conjugate_view, declared(locals()), _measure)
    return ConjugateView(measurements=all_measurements(done), remarks=remarks)


def _measure(case: Case) -> Measured:
    rates, scatter = {}, []
    for view in VIEWS:
        rate, u = _primary(case, view)
        if rate <= 0:
            raise case.refused(
                "no_primary_counts",
                en=f"the {view} view keeps no counts after scatter correction ({rate:.3g} counts/s); check windows and widths",
                zh=f"{'前' if view == 'anterior' else '后'}位经散射校正后无净计数（{rate:.3g} 计数/s），请检查能窗及窗宽。",
            )
        rates[view] = (rate, u)
        scatter.append(1 - rate / case.number(f"{view}_cps"))
    value, relative = _activity(case, rates)
    where: dict[str, Any] = case.where()
    mean = math.sqrt(rates["anterior"][0] * rates["posterior"][0])
    measurements = [
        ACTIVITY.of(value, None if relative is None else value * relative, **where),
        MEAN.of(mean, **where),
    ]
    if any(scatter):
        measurements.append(SCATTER.of(50 * sum(scatter), **where))
    missing = remark(
        "attenuation_not_corrected",
        en="no attenuation coefficient and thickness were given: attenuation is not corrected",
        zh="未给出衰减系数和厚度：未作衰减校正",
    )
    corrected = case.has("attenuation_per_cm", "thickness_cm")
    return Measured(measurements=tuple(measurements), remarks=() if corrected else (missing,))


def _primary(case: Case, view: str) -> tuple[float, float | None]:
    """The scatter-corrected rate of a view and its standard uncertainty: from a column NAME_u, else from the counts."""
    name = f"{view}_cps"
    lower, upper = (float(case.get(f"{view}_{side}_cps") or 0.0) for side in ("lower", "upper"))
    seconds = float(case.get("duration_s") or 0.0)
    scale = seconds or 1.0
    widths = (0.0, 1.0, 0.0)
    if lower or upper:
        widths = (
            case.number("lower_width_kev") if lower else 0.0,
            case.number("photopeak_width_kev"),
            case.number("upper_width_kev") if upper else 0.0,
        )
        if (lower and not widths[0]) or (upper and not widths[2]):
            raise case.refused(
                "window_without_width",
                en="a scatter window has counts but a width of 0 keV; give its width",
                zh="散射窗有计数但窗宽为 0 keV，请填写窗宽。",
            )
    counts, u_counts = primary_counts(case.number(name) * scale, lower * scale, upper * scale, widths)
    stated = case.uncertainties.get(name)
    u = stated if stated is not None else (u_counts / scale if seconds else None)
    return counts / scale, u


def _activity(case: Case, rates: dict[str, tuple[float, float | None]]) -> tuple[float, float | None]:
    """Activity and its relative standard uncertainty, None where nothing is known of any input's."""
    thickness = float(case.get("thickness_cm") or 0.0)
    path = float(case.get("attenuation_per_cm") or 0.0) * thickness
    value = math.sqrt(rates["anterior"][0] * rates["posterior"][0] * math.exp(path))
    half = float(case.get("source_attenuation_per_cm") or 0.0) * float(case.get("source_thickness_cm") or 0.0) / 2
    value *= half / math.sinh(half) if half > 0 else 1.0
    calibration = case.number("calibration_cps_per_mbq")
    terms = [u / (2 * rate) for rate, u in rates.values() if u is not None]
    known = {name: case.uncertainties[name] for name in case.uncertainties}
    if "calibration_cps_per_mbq" in known:
        terms.append(known["calibration_cps_per_mbq"] / calibration)
    if "thickness_cm" in known:
        terms.append(float(case.get("attenuation_per_cm") or 0.0) * known["thickness_cm"] / 2)
    if "attenuation_per_cm" in known:
        terms.append(thickness * known["attenuation_per_cm"] / 2)
    return value / calibration, math.hypot(*terms) if terms else None
