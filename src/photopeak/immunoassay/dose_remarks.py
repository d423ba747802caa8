"""What the standards of an assay show besides their curve: a tube apart, an order that breaks, asymmetry, scatter that grows."""

from __future__ import annotations

import math

import numpy as np
import scipy

from photopeak.immunoassay.assay_table import Assay
from photopeak.immunoassay.curve_fit import Model, fit_curve
from photopeak.immunoassay.curve_of_assay import BOUND, Standards
from photopeak.immunoassay.standard_curve import StandardCurve
from photopeak.immunoassay.variance import unequal_scatter
from photopeak.procedure import Remark, remark

SIGNIFICANT = 0.01


def standard_remarks(assay: Assay, standards: Standards, curve: StandardCurve) -> list[Remark]:
    said = _apart(standards, curve) + _order(standards, curve) + _variance(assay, curve)
    if curve.fit.limiting:
        said.append(
            remark(
                "limiting_shape",
                en="the standards do not determine the fifth parameter; the limiting shape of the family is fitted and the "
                "uncertainties are those of the other four. Doses between the standards are hardly touched by it",
                zh="标准品不能确定第五个参数；采用该曲线族的极限形状，不确定度仅含其余四个参数。标准品范围内的剂量几乎不受影响",
            )
        )
    return said + (_asymmetry(standards, curve) if not curve.fit.model.five and curve.fit.freedom > 3 else [])


def residuals(standards: Standards, curve: StandardCurve) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Standardised residuals[tube]: in standard deviations of a single tube."""
    away = standards.net - curve.curve.response(standards.dose)
    return np.asarray(away / np.sqrt(curve.tube_variance(standards.gross)), dtype=np.float64)


def _apart(standards: Standards, curve: StandardCurve) -> list[Remark]:
    """Tubes whose externally studentised residual is beyond the Bonferroni quantile."""
    freedom = curve.fit.freedom
    if freedom < 3:
        return []
    weights = 1 / curve.variance.of(standards.gross)
    gradient = curve.curve.gradient(standards.dose)
    leverage = weights * np.einsum("it,ij,jt->t", gradient, curve.fit.covariance, gradient)
    weighted = np.sqrt(weights) * (standards.net - curve.curve.response(standards.dose))
    left = np.maximum(1 - leverage, 1e-6)
    without = np.maximum(curve.fit.chi_square - weighted**2 / left, 1e-300) / (freedom - 1)
    studentised = weighted / np.sqrt(without * left)
    limit = scipy.stats.t.isf(SIGNIFICANT / 2 / len(weighted), freedom - 1)
    return [
        remark(
            "tube_apart",
            en=f"row {standards.lines[n]}: the standard tube of dose {standards.dose[n]:.6g} lies {studentised[n]:+.1f} standard "
            "deviations from the curve; it is still used, look at the tube before trusting the curve",
            zh=f"第 {standards.lines[n]} 行：剂量 {standards.dose[n]:.6g} 的标准管偏离曲线 {studentised[n]:+.1f} 个标准差；仍参与拟合，请先核查该管",
        )
        for n in np.flatnonzero(np.abs(studentised) > limit)
    ]


def _order(standards: Standards, curve: StandardCurve) -> list[Remark]:
    """Neighbouring doses whose mean responses run against the curve by more than three standard deviations."""
    doses = sorted(set(standards.dose.tolist()))
    means = [float(standards.gross[standards.dose == dose].mean()) for dose in doses]
    said = []
    for n in range(1, len(doses)):
        counts = [int((standards.dose == doses[k]).sum()) for k in (n - 1, n)]
        u = math.sqrt(sum(float(curve.tube_variance(means[k])) / count for k, count in zip((n - 1, n), counts)))
        change = (means[n] - means[n - 1]) * (1 if curve.curve.rising else -1)
        if change >= -3 * u or u == 0:
            continue
        top = curve.curve.rising and n == len(doses) - 1
        said.append(
            remark(
                "hook_in_standards" if top else "standards_not_monotonic",
                en=f"from dose {doses[n - 1]:.6g} to {doses[n]:.6g} the mean response turns back ({means[n - 1]:.6g} to {means[n]:.6g})"
                + ("; the top of a sandwich assay hooks there" if top else "; are two standards exchanged?"),
                zh=f"剂量从 {doses[n - 1]:.6g} 到 {doses[n]:.6g}，平均响应反向（{means[n - 1]:.6g} → {means[n]:.6g}）；"
                + ("夹心法高端出现钩状效应" if top else "是否有两个标准品放反？"),
            )
        )
    return said


def _variance(assay: Assay, curve: StandardCurve) -> list[Remark]:
    if curve.variance.absolute and not curve.believed:
        return [
            remark(
                "variance_contradicted",
                en=f"the tubes scatter {math.sqrt(curve.fit.scatter):.2f} times as much about the curve as the declared variance "
                "says; uncertainties, detection limit and precision profile follow the scatter found",
                zh=f"各管围绕曲线的离散度是所声明方差的 {math.sqrt(curve.fit.scatter):.2f} 倍；不确定度、检出限和精密度曲线按实际离散度计算",
            )
        ]
    groups = [group for group in assay.groups(BOUND) if len(group) > 1]
    if curve.variance.uniform and unequal_scatter(groups) < SIGNIFICANT:
        return [
            remark(
                "scatter_grows",
                en="the replicates scatter more where the response is larger, equal weights do not suit them; --weights replicates "
                "estimates how",
                zh="复管离散度随响应增大，等权不合适；可用 --weights replicates 估计方差函数",
            )
        ]
    return []


def _asymmetry(standards: Standards, curve: StandardCurve) -> list[Remark]:
    """Whether a fifth parameter explains what four leave (F test, 1 %)."""
    weights = 1 / curve.variance.of(standards.gross)
    exact = curve.fit.chi_square <= 1e-18 * float(weights @ standards.net**2)
    if exact or len(set(standards.dose.tolist())) < 6 or curve.fit.model.held_zero is not None:
        return []
    five = fit_curve(standards.dose, standards.net, weights, Model(five=True))
    if not five.converged or five.freedom < 1 or five.chi_square >= curve.fit.chi_square:
        return []
    f = (curve.fit.chi_square - five.chi_square) / five.scatter
    if scipy.stats.f.sf(f, 1, five.freedom) >= SIGNIFICANT:
        return []
    return [
        remark(
            "asymmetric_curve",
            en="a five-parameter curve describes these standards significantly better (F test, 1 %); consider --model 5pl",
            zh="五参数曲线对这些标准品的描述明显更好（F 检验，1%），可考虑 --model 5pl",
        )
    ]
