"""Proportions: a count of a total with its Wilson interval, a funnel's limits, the exact test against a share, Benjamini-Hochberg.

Sources: Wilson 1927, J Am Stat Assoc 22:209; Spiegelhalter 2005, Stat Med 24:1185 (funnels); Benjamini and Hochberg 1995.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """`count` of `total`, with its Wilson 95 % interval in %; no interval without a total."""

    count: int
    total: int
    percent: float | None
    lower: float | None
    upper: float | None


def rate(count: int, total: int, z: float = 1.959964) -> Rate:
    """A proportion with its Wilson interval (k successes of n)."""
    if total <= 0:
        return Rate(count=count, total=total, percent=None, lower=None, upper=None)
    p = count / total
    centre = (p + z * z / 2 / total) / (1 + z * z / total)
    half = z * math.sqrt(p * (1 - p) / total + z * z / 4 / total**2) / (1 + z * z / total)
    return Rate(
        count=count, total=total, percent=100 * p, lower=100 * max(0.0, centre - half), upper=100 * min(1.0, centre + half)
    )


def funnel_limits(target: float, size: int, z: float = 1.959964) -> tuple[float, float]:
    """Between which shares a hospital with `size` reports lies with 95 % (z = 1.96) when its true share is `target` (Wilson form)."""
    if size <= 0:
        raise ValueError("a hospital without reports has no place in a funnel")
    centre = (target + z * z / 2 / size) / (1 + z * z / size)
    half = z * math.sqrt(target * (1 - target) / size + z * z / 4 / size**2) / (1 + z * z / size)
    return max(0.0, centre - half), min(1.0, centre + half)


def binomial_p(count: int, size: int, target: float) -> float:
    """Two-sided exact p value of `count` of `size` against a share `target`: outcomes no likelier than the one seen."""
    if not 0 < target < 1:
        return 1.0 if count == round(target * size) else 0.0
    log_target, log_rest, whole = math.log(target), math.log1p(-target), math.lgamma(size + 1)
    weights = [  # by logarithms: thousands of injections are no whole number a float can hold
        math.exp(whole - math.lgamma(k + 1) - math.lgamma(size - k + 1) + k * log_target + (size - k) * log_rest)
        for k in range(size + 1)
    ]
    return min(1.0, sum(one for one in weights if one <= weights[count] * (1 + 1e-7)))


def discoveries(p_values: Mapping[str, float], rate: float = 0.05) -> tuple[str, ...]:
    """Names that stand out after Benjamini-Hochberg at false-discovery `rate`, smallest p first."""
    ordered = sorted(p_values, key=lambda name: p_values[name])
    last = max((n for n, name in enumerate(ordered, 1) if p_values[name] <= rate * n / len(ordered)), default=0)
    return tuple(ordered[:last])
