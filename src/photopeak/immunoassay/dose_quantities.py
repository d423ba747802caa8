"""The quantities of a dose-response assay; the unit of a dose is the one the table names."""

from __future__ import annotations

import math
from dataclasses import dataclass

from photopeak.immunoassay.standard_curve import DoseScale
from photopeak.measurement import Measurement, Place, Quantity


def _described(name: str, unit: str, en: str, zh: str) -> Quantity:
    return Quantity(name=name, unit=unit, en=en, zh=zh, judged=False)


EFFECTIVE = {
    percent: _described(f"ed{percent}", "1", f"dose of {percent} % effect (ED{percent})", f"{percent}% 效应剂量（ED{percent}）")
    for percent in (10, 20, 50, 80, 90)
}
DETECTION = Quantity(name="detection_limit", unit="1", en="detection limit", zh="检出限")
NSB_PERCENT = Quantity(name="nsb_percent", unit="%", en="non-specific binding NSB/T", zh="非特异结合率 NSB/T")
B0_PERCENT = Quantity(name="b0_percent", unit="%", en="maximum binding B0/T", zh="最大结合率 B0/T")
BOUND = _described("bound_percent", "%", "bound fraction B/B0", "结合率 B/B0")
DOSE = _described("dose", "1", "dose", "剂量（浓度）")
DOSE_LOWER = _described("dose_lower", "1", "lower 95 % limit of the dose", "剂量 95% 置信下限")
DOSE_UPPER = _described("dose_upper", "1", "upper 95 % limit of the dose", "剂量 95% 置信上限")
RECOVERY = Quantity(name="recovery", unit="%", en="recovery", zh="回收率")
STANDARD_RECOVERY = _described("standard_recovery", "%", "back-calculated standard", "标准品回算回收率")
AT_ZERO = _described("response_at_zero", "1", "response at dose zero (a)", "零剂量响应（a）")
AT_INFINITY = _described("response_at_infinity", "1", "response at infinite dose (d)", "无穷剂量响应（d）")
SLOPE = _described("slope", "1", "slope (b)", "斜率（b）")
MIDPOINT = _described("midpoint", "1", "midpoint (c)", "中点剂量（c）")
ASYMMETRY = _described("asymmetry", "1", "asymmetry (g)", "不对称因子（g）")
RESIDUAL_SD = _described("residual_sd", "1", "weighted residual standard deviation", "加权残差标准差")
RESIDUAL_SUM = _described("residual_sum_of_squares", "1", "weighted residual sum of squares", "加权残差平方和")
FREEDOM = _described("degrees_of_freedom", "1", "degrees of freedom", "自由度")
LOGIT_INTERCEPT = _described("logit_log_intercept", "1", "logit-log intercept", "logit-log 截距")
LOGIT_SLOPE = _described("logit_log_slope", "1", "logit-log slope", "logit-log 斜率")
LOGIT_ED50 = _described("logit_log_ed50", "1", "ED50 of the logit-log line", "logit-log 直线 ED50")
DOSE_CV = _described("dose_cv", "%", "precision profile (CV of the dose)", "精密度曲线（剂量 CV）")
RANGE_LOWER = _described("working_range_lower", "1", "lower end of the working range", "工作范围下限")
RANGE_UPPER = _described("working_range_upper", "1", "upper end of the working range", "工作范围上限")
PARALLELISM = Quantity(
    name="parallelism_slope", unit="1", en="slope of ln corrected dose over ln dilution", zh="稀释平行性斜率"
)
DRIFT = Quantity(name="drift", unit="%", en="drift from front to back of the assay", zh="批内漂移（前后质控差）")

OF_AN_ASSAY = (
    *EFFECTIVE.values(),
    DETECTION,
    NSB_PERCENT,
    B0_PERCENT,
    BOUND,
    DOSE,
    DOSE_LOWER,
    DOSE_UPPER,
    RECOVERY,
    STANDARD_RECOVERY,
    AT_ZERO,
    AT_INFINITY,
    SLOPE,
    MIDPOINT,
    ASYMMETRY,
    RESIDUAL_SD,
    RESIDUAL_SUM,
    FREEDOM,
    LOGIT_INTERCEPT,
    LOGIT_SLOPE,
    LOGIT_ED50,
    DOSE_CV,
    RANGE_LOWER,
    RANGE_UPPER,
    PARALLELISM,
    DRIFT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Doses:
    """How doses are written: in their unit, as they are or as logarithms, like the table that was read."""

    unit: str = "1"
    scale: DoseScale = "linear"

    def read(self, written: float) -> float:
        """The dose itself from what the table says."""
        if self.scale == "linear":
            return written
        return math.exp(written * (1.0 if self.scale == "ln" else math.log(10)))

    def written(self, dose: float) -> float:
        """A dose as the table wrote it."""
        return dose if self.scale == "linear" else self.said(math.log(dose))[0]

    def said(self, ln_dose: float, u_ln: float | None = None) -> tuple[float, float | None]:
        """Value and standard uncertainty as the table writes doses."""
        if self.scale == "linear":
            value = math.exp(ln_dose)
            return value, None if u_ln is None else value * u_ln
        base = 1.0 if self.scale == "ln" else math.log(10)
        return ln_dose / base, None if u_ln is None else u_ln / base

    def of(self, quantity: Quantity, ln_dose: float, u_ln: float | None, where: Place | None = None) -> Measurement:
        value, uncertainty = self.said(ln_dose, u_ln)
        return Measurement(quantity=quantity, value=value, unit=self.unit, uncertainty=uncertainty, where=where or {})
