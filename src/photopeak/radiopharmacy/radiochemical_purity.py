"""Radiochemical purity from chromatography: counts of segments or areas of peaks, impurities of several strips, or two systems.

Ph. Eur. pattern for two systems: RCP = (100 - A) T, A the impurity in per cent that one system shows (colloidal and ionic forms), T the
share of the product among the peaks of the other. Counts give the uncertainty by counting statistics.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Remark, Result, procedure, remark
from photopeak.radiopharmacy.tracers import tracer_named
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

PURITY = Quantity(name="radiochemical_purity", unit="%", en="radiochemical purity", zh="放射化学纯度")
IMPURITIES = Quantity(name="radiochemical_impurities", unit="%", en="sum of radiochemical impurities", zh="放射化学杂质总量")
SHARE = Quantity(name="component_share", unit="%", en="share of a component", zh="组分占比", judged=False)
FEW_COUNTS = 1000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RadiochemicalPurity(Result):
    """`chromatograms`: for each case with counts its title and the share of every component."""

    chromatograms: tuple[tuple[Words, tuple[Measurement, ...]], ...]

    def figures(self) -> tuple[Figure, ...]:
        return (*charts_of(self.measurements, "radiochemical_purity"), *(_chart(*one) for one in self.chromatograms))


def accepts(evidence: Evidence) -> Words | None:
    return lacking(
        evidence,
        radiochemical_purity,
        ("component", "counts"),
        ("impurity_a_percent", "main_peak_fraction"),
        ("free_percent",),
        ("hydrolysed_percent",),
    )


@procedure(
    en="Radiochemical purity",
    zh="放射化学纯度",
    implements="chromatography (TLC, HPLC); Ph. Eur. pattern RCP = (100 - A) T",
    kinds=("table",),
    quantities=(PURITY, IMPURITIES, SHARE),
    accepts=accepts,
)
def radiochemical_purity(
    evidence: Evidence,
    *,
    tracer: Annotated[str | None, Words("radiopharmaceutical", "放射性药物"), Column(kind="text")] = None,
    component: Annotated[
        str | None,
        Words("components (segments or peaks)", "组分（色谱段或峰）"),
        Column(kind="texts", aliases=("peak", "segment")),
    ] = None,
    counts: Annotated[
        str | None, Words("counts or areas", "计数或峰面积"), Column(kind="numbers", aliases=("area",), least=0)
    ] = None,
    background_counts: Annotated[
        float | None, Words("background counts of a segment", "每段本底计数"), Column(aliases=("background",), least=0)
    ] = None,
    main: Annotated[str | None, Words("name of the product among the components", "产品组分名称"), Column(kind="text")] = None,
    impurity_a_percent: Annotated[
        float | None,
        Words("impurity A (colloidal and ionic forms), %", "杂质 A（胶体与离子形式），%"),
        Column(aliases=("a_percent",), least=0, most=100),
    ] = None,
    main_peak_fraction: Annotated[
        float | None,
        Words("share of the product's peak (0 to 1)", "产品峰占比（0～1）"),
        Column(aliases=("t",), least=0, most=1),
    ] = None,
    free_percent: Annotated[
        float | None,
        Words("free radionuclide, %", "游离核素，%"),
        Column(aliases=("pertechnetate_percent",), least=0, most=100),
    ] = None,
    hydrolysed_percent: Annotated[
        float | None,
        Words("hydrolysed and colloidal forms, %", "水解与胶体形式，%"),
        Column(aliases=("colloid_percent",), least=0, most=100),
    ] = None,
) -> RadiochemicalPurity:
    """Radiochemical purity in per cent of all activity, the sum of impurities, and each component's share."""
    done, remarks = measure_cases(evidence, radiochemical_purity, declared(locals()), _one)
    return RadiochemicalPurity(
        measurements=all_measurements(done),
        remarks=remarks,
        chromatograms=tuple(found.detail for _, found in done if found.detail is not None),
    )


def _one(case: Case) -> Measured:
    if case.has("counts"):
        return _of_counts(case)
    if case.has("impurity_a_percent") or case.has("main_peak_fraction"):
        value, u = case.linear(
            lambda impurity_a_percent, main_peak_fraction: (100 - impurity_a_percent) * main_peak_fraction,
            "impurity_a_percent",
            "main_peak_fraction",
        )
        return Measured(measurements=_purity(case, value, u))
    names = [name for name in ("free_percent", "hydrolysed_percent") if case.has(name)]
    if not names:
        case.numbers("counts")  # says what is missing
    value, u = case.linear(lambda **impurities: 100 - sum(impurities.values()), *names)
    if value < 0:
        raise case.refused(
            "impossible_value",
            en=f"the impurities add up to {100 - value:.1f} %; correct the columns",
            zh=f"杂质合计为 {100 - value:.1f} %，请更正。",
        )
    return Measured(measurements=_purity(case, value, u))


def _purity(case: Case, value: float, u: float | None) -> tuple[Measurement, ...]:
    where = case.where(tracer=tracer_named(case.get("tracer")))
    return PURITY.of(value, u, **where), IMPURITIES.of(100 - value, u, **where)


def _of_counts(case: Case) -> Measured:
    gross, names = np.array(case.numbers("counts", least=2)), tuple(case.get("component") or ())
    if len(names) != len(gross):
        raise case.refused(
            "unequal_series",
            en=f"{len(gross)} counts but {len(names)} names of components; every segment or peak needs its name",
            zh=f"计数 {len(gross)} 个，而组分名称 {len(names)} 个，二者须一一对应。",
        )
    background = float(case.get("background_counts") or 0.0)
    net = np.maximum(gross - background, 0.0)
    total = float(net.sum())
    if total <= 0:
        raise case.refused(
            "no_counts",
            en="no counts above the background; count longer or check the strip",
            zh="净计数为零，请延长计数或检查色谱条。",
        )
    variances = gross + background
    product = _product(case, names)
    chosen = np.array([name == product for name in names])
    value, u = _share(net, variances, chosen)
    shares = []
    for name in dict.fromkeys(names):
        own, own_u = _share(net, variances, np.array([one == name for one in names]))
        shares.append(SHARE.of(own, own_u, **case.where(component=name)))
    remarks: tuple[Remark, ...] = ()
    if total < FEW_COUNTS:
        remarks = (
            remark(
                "few_counts",
                en=f"only {total:.0f} net counts in all; the uncertainty by counting is ±{2 * u:.1f} % (k = 2)",
                zh=f"总净计数仅 {total:.0f}，计数不确定度为 ±{2 * u:.1f} %（k = 2）",
            ),
        )
    title = Words("Share of each component", "各组分占比")
    if case.label:
        title = Words(f"{title.en}: {case.label}", f"{title.zh}：{case.label}")
    return Measured(measurements=(*_purity(case, value, u), *shares), remarks=remarks, detail=(title, tuple(shares)))


def _share(net: Floats, variances: Floats, chosen: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Share of the chosen segments in per cent and its standard uncertainty from the variances of the counts."""
    total, part = float(net.sum()), float(net[chosen].sum())
    share = part / total
    variance = (1 - share) ** 2 * float(variances[chosen].sum()) + share**2 * float(variances[~chosen].sum())
    return 100 * share, 100 * math.sqrt(variance) / total


def _product(case: Case, names: tuple[str, ...]) -> str:
    """The component that is the product: as named by `main`, else the one called product or main or by the tracer's name."""
    wanted = [case.get("main"), "product", "main", "产品", "主峰", case.get("tracer")]
    found = next((name for one in wanted if one for name in names if name.lower() == str(one).lower()), None)
    if found is None:
        known = ", ".join(dict.fromkeys(names))
        raise case.refused(
            "no_product",
            en=f"none of the components ({known}) is the product; name it in a column main, or call it product",
            zh=f"组分（{known}）中未指明产品；请用 main 列指明，或将其命名为“产品”。",
        )
    return found


def _chart(title: Words, shares: tuple[Measurement, ...]) -> Chart:
    return Chart(
        title=title,
        x=Axis(label=Words("component, in the order of the table", "组分（按表中顺序）"), low=0.5, high=len(shares) + 0.5),
        y=Axis(label=SHARE.words, unit="%", low=0.0),
        marks=(Points(x=tuple(float(n) for n in range(1, len(shares) + 1)), measurements=shares, joined=False),),
        group="chromatogram",
    )
