"""Do the methods of a round agree? Kruskal-Wallis test and the size of the difference; the cascade instrument, method, all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from photopeak.immunoassay.results_table import Reported

Floats = npt.NDArray[np.float64]

ALL = "all"
FEWEST_IN_GROUP = 5
SIGNIFICANT = 0.01
NEGLIGIBLE = 0.3  # of the spread within a method: a smaller difference between methods does not matter


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Whether the groups differ, significantly and by more than a negligible part of their own spread; medians by group."""

    differ: bool
    p_value: float
    medians: dict[str, float]
    sizes: dict[str, int]


def compare(values: Floats, groups: Sequence[str]) -> Comparison | None:
    """The groups of at least five results against each other; None where fewer than two are that large."""
    members: dict[str, list[float]] = defaultdict(list)
    for value, group in zip(values, groups):
        if group:
            members[group].append(float(value))
    large = {name: np.array(some) for name, some in members.items() if len(some) >= FEWEST_IN_GROUP}
    if len(large) < 2:
        return None
    medians = {name: float(np.median(some)) for name, some in large.items()}
    equal = len(np.unique(np.concatenate(list(large.values())))) == 1
    p_value = 1.0 if equal else float(scipy.stats.kruskal(*large.values()).pvalue)
    deviations = np.concatenate([some - medians[name] for name, some in large.items()])
    within = 1.483 * float(np.median(np.abs(deviations)))
    apart = max(medians.values()) - min(medians.values())
    return Comparison(
        differ=p_value < SIGNIFICANT and apart > NEGLIGIBLE * within,
        p_value=p_value,
        medians=medians,
        sizes={name: len(some) for name, some in large.items()},
    )


def groups_of(results: Sequence[Reported], grouping: str, fewest: int = FEWEST_IN_GROUP) -> tuple[list[str], Comparison | None]:
    """The group of each result, and the comparison of methods that led to it.

    `grouping`: "all" pools; "method" and "instrument" go by that column; "cascade" takes the narrowest of instrument, method, all
    that has `fewest` results that count; "auto" goes by method where the methods differ, else pools. A group of fewer than
    `fewest` is scored with all.
    """
    counting = [one for one in results if one.counts and not one.sign]
    values = np.array([float(one.value or 0) for one in counting])
    comparison = compare(values, [one.method for one in counting]) if len(counting) else None
    if grouping == "auto":
        grouping = "method" if comparison is not None and comparison.differ else ALL
    levels = {"method": ("method",), "instrument": ("instrument",), "cascade": ("instrument", "method")}.get(grouping, ())
    sizes = {level: Counter(getattr(one, level) for one in counting) for level in levels}
    return [_group(one, levels, sizes, fewest) for one in results], comparison


def _group(one: Reported, levels: Sequence[str], sizes: dict[str, Counter[str]], fewest: int) -> str:
    for level in levels:
        name: str = getattr(one, level)
        if name and sizes[level][name] >= fewest:
            return name
    return ALL
