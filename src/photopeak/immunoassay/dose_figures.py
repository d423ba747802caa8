"""Figures of a dose-response assay: the curve through its standards, standardised residuals, the precision profile."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from photopeak.figure import Axis, Chart, Dots, Figure, Level, Line, Mark
from photopeak.immunoassay.curve_of_assay import Standards
from photopeak.immunoassay.dose_quantities import Doses
from photopeak.immunoassay.dose_remarks import residuals
from photopeak.immunoassay.standard_curve import StandardCurve
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
POINTS = 160
SHOWN_CV = 40.0


def assay_figures(curve: StandardCurve, standards: Standards, doses: Doses, replicates: int) -> tuple[Figure, ...]:
    at = np.exp(np.linspace(math.log(curve.lowest), math.log(curve.highest), POINTS))
    linear = doses.scale == "linear"
    axis = Axis(label=Words("dose", "剂量"), unit=doses.unit if doses.unit != "1" else "", log=linear)

    def x(values: Floats) -> Floats:
        return values if linear else np.array([doses.said(math.log(one))[0] for one in values])

    above = standards.dose > 0
    zero = standards.net[~above]
    marks: list[Mark] = [
        Line(x=x(at), y=curve.curve.response(at), label=Words("curve", "曲线")),
        Dots(x=x(standards.dose[above]), y=standards.net[above], label=Words("standards", "标准品")),
    ]
    levels = [Level(y=float(zero.mean()), name=Words("dose 0", "零剂量"), style="dashed")] if len(zero) else []
    figures: list[Figure] = [
        Chart(
            title=Words("Standard curve, single tubes net of non-specific binding", "标准曲线（单管，已扣除非特异结合）"),
            x=axis,
            y=Axis(label=Words("response", "响应")),
            marks=(*levels, *marks),
        )
    ]
    if curve.fit.freedom > 0:
        figures.append(_residual_chart(curve, standards, axis, x(standards.dose[above])))
        if linear:
            figures.append(_profile_chart(curve, at, axis, replicates))
    return tuple(figures)


def _residual_chart(curve: StandardCurve, standards: Standards, axis: Axis, x: Floats) -> Chart:
    return Chart(
        title=Words("Residuals in standard deviations of a tube", "标准化残差（单管标准差）"),
        x=axis,
        y=Axis(label=Words("residual / s", "残差 / s")),
        marks=(
            Level(y=0.0),
            Level(y=2.0, name=Words("+2 s", "+2 s"), style="dashed"),
            Level(y=-2.0, name=Words("−2 s", "−2 s"), style="dashed"),
            Dots(x=x, y=residuals(standards, curve)[standards.dose > 0]),
        ),
        group="assay",
    )


def _profile_chart(curve: StandardCurve, at: Floats, axis: Axis, replicates: int) -> Chart:
    cv = curve.profile(at, replicates)
    return Chart(
        title=Words(f"Precision profile, {replicates} tubes a sample", f"精密度曲线（每样品 {replicates} 管）"),
        x=axis,
        y=Axis(label=Words("CV of the dose", "剂量 CV"), unit="%", low=0.0),
        marks=(Line(x=at, y=np.where(cv <= SHOWN_CV, cv, np.nan)),),
        group="assay",
    )
