"""Performance scores of ISO 13528:2022, clause 9. Plain numbers or arrays in, the same out; units cancel.

`x` a result, `target` the assigned value, `sigma` sigma_pt, `u` standard and `expanded` (k = 2) uncertainties.
"""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import numpy.typing as npt

Numbers = float | npt.NDArray[np.float64]


def deviation(x: Numbers, target: Numbers) -> Numbers:
    """D, 9.3."""
    return x - target


def deviation_percent(x: Numbers, target: Numbers) -> Numbers:
    """D%, 9.3."""
    return 100 * (x - target) / target


def percent_of_allowable(x: Numbers, target: Numbers, allowable: Numbers) -> Numbers:
    """PA, the deviation in per cent of the allowable error delta_E, 9.3."""
    return 100 * (x - target) / allowable


def z_score(x: Numbers, target: Numbers, sigma: Numbers) -> Numbers:
    """9.4."""
    return (x - target) / sigma


def z_prime(x: Numbers, target: Numbers, sigma: Numbers, u_target: Numbers) -> Numbers:
    """9.5: as z, with the uncertainty of the target in the denominator."""
    return (x - target) / np.hypot(sigma, u_target)


def zeta(x: Numbers, target: Numbers, u: Numbers, u_target: Numbers) -> Numbers:
    """9.6: against the laboratory's own standard uncertainty."""
    return (x - target) / np.hypot(u, u_target)


def en_score(x: Numbers, target: Numbers, expanded: Numbers, expanded_target: Numbers) -> Numbers:
    """9.7: against expanded uncertainties."""
    return (x - target) / np.hypot(expanded, expanded_target)


def widened(allowable: float, expanded_target: float) -> float:
    """delta_E', the allowable error with the uncertainty of the target, 9.2."""
    return float(np.hypot(allowable, expanded_target))


def exact_percent(x: Decimal, target: Decimal) -> float:
    """D% in decimal arithmetic, so that a deviation of exactly 25 % is exactly 25."""
    with localcontext() as context:
        context.prec = 40
        return float(100 * (x - target) / abs(target))
