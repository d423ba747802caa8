"""What a series of control results measures: mean, spread, bias, sigma metric, shift of lots, uncertainty from the top down."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from photopeak.immunoassay.control_limits import components
from photopeak.immunoassay.control_table import Series
from photopeak.immunoassay.robust_statistics import algorithm_a, columns_of
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Remark, remark

INFLATED = 1.25  #: a classical sd this many times the robust one has outliers in it

MEAN = Quantity(name="mean", unit="1", en="mean of the control", zh="质控均值", judged=False)
SD = Quantity(name="sd", unit="1", en="standard deviation of the control", zh="质控标准差", judged=False)
CV = Quantity(name="cv", unit="%", en="coefficient of variation of the control", zh="质控变异系数")
BIAS = Quantity(name="bias", unit="%", en="bias from the declared mean", zh="相对靶值的偏倚")
SIGMA = Quantity(name="sigma_metric", unit="1", en="sigma metric", zh="西格玛度量")
LOT_SHIFT = Quantity(name="lot_shift", unit="%", en="shift from the lot before", zh="换批号偏移", judged=False)
BROKEN = Quantity(name="runs_out_of_control", unit="1", en="runs that break a rule", zh="失控批次数", judged=False)
EXPANDED = Quantity(
    name="expanded_uncertainty",
    unit="%",
    en="relative expanded uncertainty (k = 2), top-down",
    zh="相对扩展不确定度（k = 2，自上而下）",
)
REPEATABILITY = Quantity(name="repeatability_sd", unit="1", en="repeatability", zh="批内标准差", judged=False)
WITHIN_LABORATORY = Quantity(
    name="within_laboratory_sd", unit="1", en="within-laboratory standard deviation", zh="室内总标准差", judged=False
)
OF_A_CONTROL = (MEAN, SD, CV, BIAS, SIGMA, LOT_SHIFT, BROKEN, EXPANDED, REPEATABILITY, WITHIN_LABORATORY)


def _at(quantity: Quantity, value: float, u: float | None, where: Mapping[str, str]) -> Measurement:
    return Measurement(quantity=quantity, value=value, unit=quantity.unit, uncertainty=u, where=where)


def precision(one: Series, remarks: list[Remark]) -> list[Measurement]:
    """Arithmetic and robust mean, sd, cv of a series; bias from a declared mean; variance components where runs are replicated."""
    values, n = one.values, len(one.results)
    if n < 2:
        return []
    mean, sd = float(values.mean()), float(values.std(ddof=1))
    u_sd = sd / math.sqrt(2 * (n - 1))
    found = [_at(MEAN, mean, sd / math.sqrt(n), one.where), _at(SD, sd, u_sd, one.where)]
    found += [_at(CV, 100 * sd / abs(mean), 100 * u_sd / abs(mean), one.where)] if mean else []
    if n > 2:
        robust = algorithm_a(columns_of(values))
        centre, spread = float(robust.location[0]), float(robust.spread[0])
        u = float(robust.u_location[0])
        found += [
            _at(MEAN, centre, u, {**one.where, "method": "robust"}),
            _at(SD, spread, None, {**one.where, "method": "robust"}),
        ]
        found += [_at(CV, 100 * spread / abs(centre), None, {**one.where, "method": "robust"})] if centre else []
        if spread > 0 and sd > INFLATED * spread:
            remarks.append(_inflated(one, sd / spread))
    if one.limits.source == "declared" and one.limits.mean:
        target = one.limits.mean
        found.append(_at(BIAS, 100 * (mean - target) / abs(target), 100 * sd / math.sqrt(n) / abs(target), one.where))
    parts = components([(result.day, result.run, result.value) for result in one.results])
    if parts is not None:
        found += [
            _at(REPEATABILITY, parts.repeatability, None, one.where),
            _at(WITHIN_LABORATORY, parts.within_laboratory, None, one.where),
        ]
    return found


def _inflated(one: Series, times: float) -> Remark:
    name = " ".join(one.where.values())
    return remark(
        "outliers_widen_sd",
        en=f"{name or 'the control'}: outliers make the classical standard deviation {times:.2f} times the robust one; "
        "limits drawn from it would hide them",
        zh=f"{name or '质控品'}：离群值使经典标准差为稳健标准差的 {times:.2f} 倍，用它作限值会掩盖离群值",
    )


def sigma_metric(one: Series, allowable: float | None, bias: float | None) -> list[Measurement]:
    """(allowable - |bias|) / CV; the bias is the one given, else that from the declared mean, else none is subtracted."""
    values = one.values
    if allowable is None or len(values) < 2 or not values.mean() or not values.std() > 0:
        return []
    mean, sd, n = float(values.mean()), float(values.std(ddof=1)), len(values)
    own = 100 * (mean - one.limits.mean) / abs(one.limits.mean) if one.limits.source == "declared" and one.limits.mean else 0.0
    away = abs(bias if bias is not None else own)
    cv = 100 * sd / abs(mean)
    sigma = (allowable - away) / cv
    u_bias = 0.0 if bias is not None or not own else cv / math.sqrt(n)
    return [_at(SIGMA, sigma, math.hypot(sigma / math.sqrt(2 * (n - 1)), u_bias / cv), one.where)]


def lot_shifts(series: Sequence[Series], remarks: list[Remark]) -> list[Measurement]:
    """From lot to lot of one material: the difference of the robust means, %, and a remark where it is beyond 2 u."""
    found: list[Measurement] = []
    latest: dict[str, Series] = {}
    for one in series:
        before = latest.get(one.material)
        latest[one.material] = one
        if before is None or min(len(one.results), len(before.results)) < 5:
            continue
        old, new = (algorithm_a(columns_of(lot.values)) for lot in (before, one))
        base = float(old.location[0])
        if not base:
            continue
        shift = 100 * (float(new.location[0]) - base) / abs(base)
        u = 100 * math.hypot(float(old.u_location[0]), float(new.u_location[0])) / abs(base)
        found.append(_at(LOT_SHIFT, shift, u, one.where))
        if abs(shift) > 2 * u:
            remarks.append(
                remark(
                    "lot_shift",
                    en=f"{one.material} lot {one.lot}: its mean lies {shift:+.1f} % from that of lot {before.lot}; "
                    "its limits are its own, check the change of lots with patients' samples",
                    zh=f"{one.material} 批号 {one.lot}：均值较批号 {before.lot} 偏移 {shift:+.1f}%；限值已单独建立，请用患者样本核对换批",
                )
            )
    return found


def uncertainty(series: Sequence[Series], u_calibrator: float, u_bias: float) -> list[Measurement]:
    """k = 2, %, of each material: long-term imprecision within lots, pooled, with the calibrator's and the bias's parts."""
    found = []
    for material in dict.fromkeys(one.material for one in series):
        own = [one for one in series if one.material == material and len(one.results) > 1 and one.values.mean()]
        freedom = sum(len(one.results) - 1 for one in own)
        if freedom < 2:
            continue
        variance = sum(float(((one.values / one.values.mean() - 1) ** 2).sum()) for one in own) / freedom
        u = math.sqrt(1e4 * variance + u_calibrator**2 + u_bias**2)
        spread = 2 * 1e4 * variance / u / math.sqrt(2 * freedom) if u else 0.0
        found.append(_at(EXPANDED, 2 * u, spread, {"material": material} if material else {}))
    return found
