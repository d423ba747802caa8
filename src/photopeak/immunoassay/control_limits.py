"""Mean and standard deviation that a control chart is drawn by, and the precision of the results behind it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from photopeak.immunoassay.robust_statistics import algorithm_a, columns_of

Floats = npt.NDArray[np.float64]
LimitsFrom = Literal["auto", "declared", "robust", "classical"]
FEWEST = 3  #: results without which there is no limit at all
ADVISED = 20  #: results that a laboratory usually collects before it fixes its limits


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlLimits:
    """`source` says where mean and sd come from; `established_on` results, zero where they were declared."""

    mean: float
    sd: float
    source: Literal["declared", "robust", "classical"]
    established_on: int = 0

    def z(self, value: float) -> float:
        """Standard deviations from the mean, free of the binary dust that would turn 2 s into more than 2 s."""
        return round((value - self.mean) / self.sd, 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Components:
    """Repeatability (within run) and within-laboratory standard deviations of replicated runs (nested analysis of variance)."""

    repeatability: float
    within_laboratory: float
    freedom: float


def limits_of(values: Floats, declared: tuple[float, float] | None, wanted: LimitsFrom, first: int) -> ControlLimits | None:
    """The declared mean and sd where there are some, else those of the first `first` results by algorithm A."""
    if declared is not None and wanted in ("auto", "declared"):
        return ControlLimits(mean=declared[0], sd=declared[1], source="declared")
    own = values[:first] if first > 0 else values
    if wanted == "declared" or len(own) < FEWEST:
        return None
    if wanted == "classical":
        mean, sd = float(own.mean()), float(own.std(ddof=1))
    else:
        found = algorithm_a(columns_of(own))
        mean, sd = float(found.location[0]), float(found.spread[0])
    if not sd > 0:
        return None
    return ControlLimits(mean=mean, sd=sd, source="classical" if wanted == "classical" else "robust", established_on=len(own))


def components(runs: Sequence[tuple[str, str, float]]) -> Components | None:
    """From (day, run, value) of a balanced design of days, runs a day and replicates; None where it is none (CLSI EP05)."""
    days: dict[str, dict[str, list[float]]] = {}
    for day, run, value in runs:
        days.setdefault(day, {}).setdefault(run, []).append(value)
    sizes = {len(values) for day in days.values() for values in day.values()}
    per_day = {len(day) for day in days.values()}
    if len(sizes) != 1 or len(per_day) != 1 or min(sizes) < 2 or len(days) < 2:
        return None
    cube = np.array([list(day.values()) for day in days.values()])  # [day, run, replicate]
    d, r, n = cube.shape
    run_means = cube.mean(axis=2)
    error = float(((cube - run_means[..., None]) ** 2).sum()) / (d * r * (n - 1))
    day_square = n * r * float(((run_means.mean(axis=1) - cube.mean()) ** 2).sum()) / (d - 1)
    if r > 1:
        run_square = n * float(((run_means - run_means.mean(axis=1, keepdims=True)) ** 2).sum()) / (d * (r - 1))
        of_run = max(0.0, (run_square - error) / n)
        of_day = max(0.0, (day_square - run_square) / (n * r))
    else:
        of_run, of_day = 0.0, max(0.0, (day_square - error) / n)
    return Components(
        repeatability=math.sqrt(error), within_laboratory=math.sqrt(error + of_run + of_day), freedom=d * r * (n - 1)
    )
