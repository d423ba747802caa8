"""Scatter estimated from windows beside the photopeak (triple energy window, Ogawa 1991).

    primary = photopeak - (lower / w_lower + upper / w_upper) * w_photopeak / 2

Counts of a window weigh with (w_photopeak / 2 w)² in the variance, which is what makes narrow scatter windows noisy.
"""

from __future__ import annotations

import math


def primary_counts(photopeak: float, lower: float, upper: float, widths_kev: tuple[float, float, float]) -> tuple[float, float]:
    """Primary counts and their standard uncertainty from Poisson counts; `widths_kev` of lower, photopeak and upper window.

    A window of width 0 was not acquired (its counts must be 0). The result may be negative: noise is not cut off.
    """
    w_lower, w_peak, w_upper = widths_kev
    by_lower = w_peak / (2 * w_lower) if w_lower > 0 else 0.0
    by_upper = w_peak / (2 * w_upper) if w_upper > 0 else 0.0
    value = photopeak - lower * by_lower - upper * by_upper
    return value, math.sqrt(photopeak + lower * by_lower**2 + upper * by_upper**2)
