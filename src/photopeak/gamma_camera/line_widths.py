"""Widths of parallel lines, by both methods, with their uncertainty: shared by the tests made with lines and slits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.gamma_camera.line_images import Scale
from photopeak.gamma_camera.line_strips import MeasuredLine
from photopeak.measurement import Measurement, Quantity
from photopeak.profile import FWHM_PER_SIGMA, FWTM_PER_SIGMA, SIGNIFICANT_MISFIT, Spread

Floats = npt.NDArray[np.float64]

FWHM = Quantity(name="fwhm", unit="mm", en="full width at half maximum", zh="半高宽")
FWTM = Quantity(name="fwtm", unit="mm", en="full width at tenth maximum", zh="十分之一高宽")


def line_widths(
    lines: Sequence[MeasuredLine], chosen: Sequence[npt.NDArray[np.bool_]], where: dict[str, Any], scale: Scale | None
) -> list[Measurement]:
    """FWHM and FWTM by both methods, averaged over the `chosen` strips of parallel lines, in true mm."""
    factor, u_factor = (scale.factor, scale.u / scale.factor) if scale else (1.0, 0.0)

    def picked(name: str) -> Floats:
        return np.concatenate([getattr(line, name)[inside] for line, inside in zip(lines, chosen)])

    found = []
    gaussian, noise = picked("fwhm_mm"), picked("fwhm_u_mm")
    value, u = mean_of(gaussian, noise)
    if value is not None:
        relative = math.hypot(u / value, u_factor)
        found.append(FWHM.of(value * factor, value * factor * relative, **where, method="gaussian"))
        tenth = value * FWTM_PER_SIGMA / FWHM_PER_SIGMA
        found.append(FWTM.of(tenth * factor, tenth * factor * relative, **where, method="gaussian"))
    for quantity, name, spread_name in ((FWHM, "nema_fwhm_mm", "fwhm_spread"), (FWTM, "nema_fwtm_mm", "fwtm_spread")):
        widths = picked(name)
        spread = _common([getattr(line, spread_name) for line in lines])
        good = np.isfinite(widths)
        if spread is None or not good.any():
            continue
        cos = math.cos(math.atan(lines[0].slope))
        middle, u = mean_of(widths, np.full(len(widths), spread.sd_mm * cos))
        if middle is not None:
            total = math.hypot(math.hypot(u, spread.bias_mm * cos) / middle, u_factor)
            found.append(quantity.of(middle * factor, middle * factor * total, **where, method="nema"))
    return found


def mean_of(values: Floats, noise: Floats) -> tuple[float | None, float]:
    """Mean of finite values and its standard uncertainty: from their noise, or their scatter where that is clearly larger."""
    good = np.isfinite(values) & np.isfinite(noise)
    number = int(good.sum())
    if not number:
        return None, 0.0
    mean = float(values[good].mean())
    u = float(np.sqrt((noise[good] ** 2).sum()) / number)
    if number > 4:
        chi = float((((values[good] - mean) / np.maximum(noise[good], 1e-12)) ** 2).sum()) / (number - 1)
        if chi > 1 + SIGNIFICANT_MISFIT * math.sqrt(2 / (number - 1)):
            u = max(u, float(values[good].std(ddof=1)) / math.sqrt(number))
    return mean, u


def _common(spreads: Sequence[Spread | None]) -> Spread | None:
    known = [one for one in spreads if one is not None]
    if not known:
        return None
    return Spread(
        bias_mm=float(np.mean([one.bias_mm for one in known])),
        sd_mm=math.sqrt(float(np.mean([one.sd_mm**2 for one in known]))),
    )
