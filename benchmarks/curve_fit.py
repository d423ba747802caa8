"""Time of one weighted four-parameter fit of 16 tubes, beside scipy's least squares from good start values.

python benchmarks/curve_fit.py
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import numpy as np
import scipy.optimize

from photopeak.immunoassay.curve_fit import Model, fit_curve
from photopeak.immunoassay.curve_models import Curve

DOSES = np.repeat([0.0, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0], 2)
TRUTH = Curve(a=12000.0, d=100.0, b=1.05, c=8.0)
ASSAYS = 200


def milliseconds(fit: Callable[[np.ndarray, np.ndarray], object], assays: list[tuple[np.ndarray, np.ndarray]]) -> list[float]:
    """Time of each fit, the first one left out."""
    times = []
    for response, weights in assays:
        begun = time.perf_counter()
        fit(response, weights)
        times.append(1e3 * (time.perf_counter() - begun))
    return times[1:]


def of_scipy(response: np.ndarray, weights: np.ndarray) -> object:
    def model(x: np.ndarray, a: float, b: float, c: float, d: float) -> np.ndarray:
        return d + (a - d) / (1 + (x / c) ** b)

    return scipy.optimize.curve_fit(model, DOSES, response, p0=(12000, 1, 8, 100), sigma=weights**-0.5)


def main() -> None:
    rng, assays = np.random.default_rng(0), []
    for _ in range(ASSAYS + 1):
        mean = TRUTH.response(DOSES) + 400
        gross = mean + rng.normal(size=16) * np.sqrt(900 + mean + (0.015 * mean) ** 2)
        assays.append((gross - 400, 1 / (900 + gross + (0.015 * gross) ** 2)))
    fits = {
        "4PL, no start values": lambda y, w: fit_curve(DOSES, y, w),
        "5PL, no start values": lambda y, w: fit_curve(DOSES, y, w, Model(five=True)),
        "scipy curve_fit, 4PL, true start values": of_scipy,
    }
    for name, fit in fits.items():
        times = milliseconds(fit, assays)
        print(
            f"{name}: median {statistics.median(times):.3f} ms, 95 % below {np.quantile(times, 0.95):.3f} ms, {len(times)} fits"
        )


if __name__ == "__main__":
    main()
