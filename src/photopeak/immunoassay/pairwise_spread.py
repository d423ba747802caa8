"""Spread from the differences between laboratories, no mean needed: the Q method and Qn (ISO 13528:2022 with Amd 1, C.5).

Both are quantiles of all p (p - 1) / 2 differences. They are found by counting, in O(p log p) time and memory, so that a national
round of 5 000 laboratories costs milliseconds. Where laboratories repeat their measurements, the Q method compares every result of
one laboratory with every result of another, each pair of laboratories having the same weight in all (formula C.23).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from photopeak.immunoassay.robust_statistics import Columns

Floats = npt.NDArray[np.float64]

ALL_PAIRS = 64  #: laboratories up to which the differences are simply written out
EQUAL = 1e-11  #: of the largest result: differences this close are one step, decimals being inexact in binary
QN_CONSISTENCY = 2.2191  # Amd 1:2026
QN_SMALL = {2: 0.3994, 3: 0.9937, 4: 0.5132, 5: 0.8440, 6: 0.6122, 7: 0.8588}
QN_SMALL |= {8: 0.6699, 9: 0.8734, 10: 0.7201, 11: 0.8891, 12: 0.7574}


def q_method(columns: Columns) -> Floats:
    """Reproducibility standard deviation of each column, one result a laboratory (C.5.2.2)."""
    return _each(columns, _q_spread)


def q_method_replicated(laboratories: Sequence[Floats]) -> float:
    """Reproducibility standard deviation from all results of each laboratory, at least one (C.5.2.2); NaN for fewer than two."""
    if len(laboratories) < 2:
        return math.nan
    return _q_spread(ReplicatedDifferences(laboratories))


def qn(columns: Columns) -> Floats:
    """Qn of each column (C.5.2.3)."""
    return _each(columns, _qn_spread)


def _each(columns: Columns, spread: Callable[[Differences], float]) -> Floats:
    found = np.full(columns.ordered.shape[1], np.nan)
    for n, count in enumerate(columns.count):
        if count > 1:
            found[n] = spread(Differences(columns.ordered[:count, n]))
    return found


class Differences:
    """All distances between two of the ordered results, counted rather than kept where there are many."""

    def __init__(self, ordered: Floats) -> None:
        self.ordered = np.ascontiguousarray(ordered)
        self.laboratories = len(ordered)
        self.pairs = self.laboratories * (self.laboratories - 1) // 2
        self.tolerance = EQUAL * max(abs(float(ordered[0])), abs(float(ordered[-1])))
        self._written = np.sort(_written_out(self.ordered)) if self.laboratories <= ALL_PAIRS else None

    def up_to(self, distance: float) -> int:
        """How many distances are at most `distance`."""
        if self._written is not None:
            return int(np.searchsorted(self._written, distance, "right"))
        return int(self._last_within(distance).sum()) - self.pairs - self.laboratories

    def of_rank(self, rank: int) -> float:
        """The distance of this rank, counted from 1."""
        if self._written is not None:
            return float(self._written[rank - 1])
        low, high = -1.0, float(self.ordered[-1] - self.ordered[0]) * (1 + 1e-12)
        below, upto = 0, self.pairs
        while upto - below > 4 * self.laboratories:
            middle = 0.5 * (max(low, 0.0) + high)
            if not max(low, 0.0) < middle < high:
                return high
            if (count := self.up_to(middle)) >= rank:
                high, upto = middle, count
            else:
                low, below = middle, count
        first = np.arange(1, self.laboratories + 1) if low < 0 else self._last_within(low)
        between = _slices(self.ordered, first, self._last_within(high))
        return float(np.partition(between, rank - below - 1)[rank - below - 1])

    def _last_within(self, distance: float) -> npt.NDArray[np.intp]:
        """For each result, the index after the last one that is at most `distance` above it."""
        return np.searchsorted(self.ordered, self.ordered + distance, "right")


class ReplicatedDifferences(Differences):
    """All distances between results of different laboratories. A pair counts L^2 / (n_i n_j), a whole number, `pairs` is their sum."""

    def __init__(self, laboratories: Sequence[Floats]) -> None:
        numbers = [len(results) for results in laboratories]
        results, owner = np.concatenate(laboratories), np.repeat(np.arange(len(numbers)), numbers)
        order = np.argsort(results, kind="stable")
        whole = math.lcm(*numbers)
        self.ordered, self._owner = np.ascontiguousarray(results[order]), owner[order]
        self._weight = (whole // np.array(numbers, dtype=np.int64))[self._owner]
        self._running = np.concatenate([[0], np.cumsum(self._weight)])
        self.laboratories = len(numbers)
        self.pairs = whole * whole * self.laboratories * (self.laboratories - 1) // 2
        self.tolerance = EQUAL * max(abs(float(self.ordered[0])), abs(float(self.ordered[-1])))
        own = [_written_out(np.sort(some)) for some in laboratories]
        within, weight = np.concatenate(own), np.repeat([(whole // n) ** 2 for n in numbers], [len(some) for some in own])
        order = np.argsort(within, kind="stable")
        self._within, self._within_running = within[order], np.concatenate([[0], np.cumsum(weight[order])])

    def up_to(self, distance: float) -> int:
        return self._counted(distance, self._last_within(distance)) if distance >= 0 else 0

    def _counted(self, distance: float, after: npt.NDArray[np.intp]) -> int:
        within = self._within_running[np.searchsorted(self._within, distance, "right")]
        return int((self._weight * (self._running[after] - self._running[1:])).sum() - within)

    def of_rank(self, rank: int) -> float:
        low, high = -1.0, float(self.ordered[-1] - self.ordered[0]) * (1 + 1e-12)
        first, after = np.arange(1, len(self.ordered) + 1), self._last_within(high)
        while int((after - first).sum()) > 4 * len(self.ordered):
            middle = 0.5 * (max(low, 0.0) + high)
            if not max(low, 0.0) < middle < high:
                return high
            last = self._last_within(middle)
            if self._counted(middle, last) >= rank:
                high, after = middle, last
            else:
                low, first = middle, last
        number = after - first
        one = np.repeat(np.arange(len(number)), number)
        other = np.arange(len(one)) - np.repeat(np.cumsum(number) - number - first, number)
        apart = self._owner[one] != self._owner[other]
        between = self.ordered[other[apart]] - self.ordered[one[apart]]
        order = np.argsort(between, kind="stable")
        reached = self.up_to(low) + np.cumsum((self._weight[one[apart]] * self._weight[other[apart]])[order])
        return float(between[order][np.searchsorted(reached, rank)])


def _written_out(ordered: Floats) -> Floats:
    low, high = np.triu_indices(len(ordered), 1)
    written: Floats = ordered[high] - ordered[low]
    return written


def _slices(ordered: Floats, first: npt.NDArray[np.intp], after: npt.NDArray[np.intp]) -> Floats:
    """`ordered[first[i]:after[i]] - ordered[i]` of every i, one behind the other."""
    number = after - first
    begins = np.cumsum(number) - number
    index = np.arange(int(number.sum())) - np.repeat(begins - first, number)
    between: Floats = ordered[index] - np.repeat(ordered, number)
    return between


def _qn_spread(differences: Differences) -> float:
    half = differences.laboratories // 2 + 1
    return QN_CONSISTENCY * _qn_correction(differences.laboratories) * differences.of_rank(half * (half - 1) // 2)


def _qn_correction(count: int) -> float:
    if count in QN_SMALL:
        return QN_SMALL[count]
    if count % 2:
        r = (1.6019 + (-2.128 - 5.172 / count) / count) / count
    else:
        r = (3.6756 + (1.965 + (6.987 - 77.0 / count) / count) / count) / count
    return 1.0 / (r + 1.0)


def _q_spread(differences: Differences) -> float:
    """H1 is the share of differences up to x; G1 joins the middles of its steps; s is read where G1 is 0.25 + 0.75 H1(0)."""
    ties = differences.up_to(differences.tolerance)
    if ties == differences.pairs:
        return 0.0
    equal = ties / differences.pairs
    x = _joined_middles(differences, (0.25 + 0.75 * equal) * differences.pairs)
    return x / (math.sqrt(2.0) * float(ndtri(0.625 + 0.375 * equal)))


def _joined_middles(differences: Differences, wanted: float) -> float:
    """Where the line through the middles of the steps of the counting function reaches `wanted` pairs."""
    right = differences.of_rank(min(differences.pairs, max(1, math.ceil(wanted))))
    below, upto = _step(differences, right)
    if 0.5 * (below + upto) < wanted and upto < differences.pairs:
        right = differences.of_rank(upto + 1)
        below, upto = upto, _step(differences, right)[1]
    left, left_middle = 0.0, 0.0
    if below > 0 and (left := differences.of_rank(below)) > differences.tolerance:
        left_middle = 0.5 * sum(_step(differences, left))
    return left + (right - left) * (wanted - left_middle) / (0.5 * (below + upto) - left_middle)


def _step(differences: Differences, at: float) -> tuple[int, int]:
    """The counts just below and at the step of the distance `at`."""
    return differences.up_to(at - differences.tolerance), differences.up_to(at + differences.tolerance)
