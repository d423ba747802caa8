"""Axes of a chart: its range, its ticks, and where a value stands."""

from __future__ import annotations

import math
from dataclasses import dataclass

from photopeak.figure import Axis
from photopeak.present.numbers import significant, to_place

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)
FEWEST_TICKS = 3


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low` to `high` on units from `start` to `end`, straight or logarithmic, with labelled ticks."""

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: tuple[tuple[float, str], ...]

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(max(value, 1e-300))
        return self.start + (self.end - self.start) * (at - low) / (high - low)

    def placed(self, start: float, end: float) -> Scale:
        return Scale(self.low, self.high, start, end, self.log, self.ticks)


def scale_for(axis: Axis, found: list[float], *, about: int = 5, across: bool = False, padded: bool = False) -> Scale:
    """A scale that holds the values found, the axis's own bounds and its ticks.

    `across`: the values are places along x, so the scale ends where they end; `padded` leaves air at both ends.
    """
    values = [value for value in found if math.isfinite(value) and (value > 0 or not axis.log)]
    values += list(axis.ticks) if axis.log else []
    low, high = (min(values), max(values)) if values else (1.0 if axis.log else 0.0, 10.0 if axis.log else 1.0)
    if axis.log:
        return _logarithmic(axis, low, high)
    low, high = _with_zero(low, high) if axis.low is None and not across else (low, high)
    low = low if axis.low is None else axis.low
    high = high if axis.high is None else axis.high
    if high <= low:
        low, high = low - (abs(low) or 1.0) * 0.1, high + (abs(high) or 1.0) * 0.1
    step = _step((high - low) / about)
    if not axis.ticks and not across:
        low = low if axis.low is not None else math.floor(low / step + 1e-9) * step
        high = high if axis.high is not None else math.ceil(high / step - 1e-9) * step
    if padded and axis.low is None and axis.high is None:
        air = 0.04 * (high - low)
        low, high = low - air, high + air
    ticks = axis.ticks or tuple(n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1))
    return Scale(low, high, 0, 1, False, tuple((tick, _label(tick, step, bool(axis.ticks))) for tick in ticks))


def _with_zero(low: float, high: float) -> tuple[float, float]:
    """Zero belongs to the range where the values come near it in proportion."""
    if low > 0 and low < 0.45 * high:
        return 0.0, high
    if high < 0 and high > 0.45 * low:
        return low, 0.0
    return low, high


def _logarithmic(axis: Axis, low: float, high: float) -> Scale:
    low = low if axis.low is None else axis.low
    high = high if axis.high is None else axis.high
    air = (high / low) ** 0.06 if high > low else 1.5
    wide = (low / air if axis.low is None else low), (high * air if axis.high is None else high)
    ticks = axis.ticks or _decades(*wide)
    return Scale(*wide, 0, 1, True, tuple((tick, significant(tick)) for tick in ticks if wide[0] <= tick <= wide[1]))


def _decades(low: float, high: float) -> tuple[float, ...]:
    """Powers of ten; with 2 and 5 between them, or even steps, where the range holds too few of those."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for parts in ((1.0,), (1.0, 2.0, 5.0)):
        ticks = tuple(part * 10.0**n for n in powers for part in parts if low <= part * 10.0**n <= high)
        if len(ticks) >= FEWEST_TICKS:
            return ticks
    step = _step((high - low) / 4)
    return tuple(n * step for n in range(math.ceil(low / step), math.floor(high / step) + 1))


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * step for step in STEPS if power * step >= rough * (1 - 1e-9))


def _label(tick: float, step: float, given: bool) -> str:
    if given:
        return significant(tick)
    exponent = math.floor(math.log10(step) + 1e-9)
    exponent -= 0 if abs(step / 10.0**exponent - round(step / 10.0**exponent)) < 1e-6 else 1
    return to_place(0.0 if abs(tick) < step * 1e-6 else tick, min(exponent, 0))
