"""Westgard's rules on control results in standard deviations (Westgard JO et al., Clin Chem 1981; 27: 493).

Every limit is strict: a result exactly at 2 s has not exceeded it. R_4s and, across materials, 2_2s are looked for within one run
only; 2_2s, 4_1s and 10_x follow one material from run to run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Rules = Literal["westgard", "extended"]
WARNING = "1_2s"
WESTGARD = (WARNING, "1_3s", "2_2s", "R_4s", "4_1s", "10_x")
EXTENDED = ("2of3_2s", "3_1s", "6_x", "8_x", "12_x", "7_T")
IN_A_ROW = {"2_2s": (2, 2.0), "4_1s": (4, 1.0), "10_x": (10, 0.0)}
EXTENDED_ROW = {"3_1s": (3, 1.0), "6_x": (6, 0.0), "8_x": (8, 0.0), "12_x": (12, 0.0)}
TREND = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One control result: its run, its series (material and lot), and how many standard deviations it lies from the mean."""

    run: str
    series: str
    z: float


def rules_broken(results: Sequence[Scored], rules: Rules = "westgard") -> list[tuple[str, ...]]:
    """The rules each result breaks together with those before it, in the order of the results."""
    broken: list[set[str]] = [set() for _ in results]
    history: dict[str, list[float]] = {}
    runs: dict[str, dict[str, tuple[float, float]]] = {}
    rows = {**IN_A_ROW, **(EXTENDED_ROW if rules == "extended" else {})}
    for n, one in enumerate(results):
        before = history.setdefault(one.series, [])
        before.append(one.z)
        broken[n] |= _alone(one.z) | {
            name for name, (count, limit) in rows.items() if _same_side(before[-count:], count, limit)
        }
        if rules == "extended":
            broken[n] |= _extended(before)
        extremes = runs.setdefault(one.run, {})
        broken[n] |= _within_run(one, extremes)
        low, high = extremes.get(one.series, (one.z, one.z))
        extremes[one.series] = min(low, one.z), max(high, one.z)
    order = (*WESTGARD, *EXTENDED)
    return [tuple(sorted(found, key=order.index)) for found in broken]


def _alone(z: float) -> set[str]:
    return ({WARNING} if abs(z) > 2 else set()) | ({"1_3s"} if abs(z) > 3 else set())


def _same_side(last: Sequence[float], count: int, limit: float) -> bool:
    """Whether the last `count` all lie beyond `limit` on one side."""
    return len(last) == count and (all(z > limit for z in last) or all(z < -limit for z in last))


def _within_run(one: Scored, extremes: Mapping[str, tuple[float, float]]) -> set[str]:
    """R_4s with any earlier result of the run; 2_2s with another material of it. `extremes`: lowest and highest z by series."""
    found = set()
    for series, (low, high) in extremes.items():
        if (one.z > 2 and low < -2) or (one.z < -2 and high > 2):
            found.add("R_4s")
        if series != one.series and ((one.z > 2 and high > 2) or (one.z < -2 and low < -2)):
            found.add("2_2s")
    return found


def _extended(before: Sequence[float]) -> set[str]:
    found = set()
    last = before[-3:]
    if len(last) == 3 and (sum(z > 2 for z in last) >= 2 or sum(z < -2 for z in last) >= 2) and abs(last[-1]) > 2:
        found.add("2of3_2s")
    steps = [b - a for a, b in zip(before[-TREND:], before[-TREND + 1 :])]
    if len(before) >= TREND and (all(step > 0 for step in steps) or all(step < 0 for step in steps)):
        found.add("7_T")
    return found


def by_run(results: Sequence[Scored], broken: Sequence[tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
    """The rules each run breaks, with all of its materials, in the order of the runs."""
    found: dict[str, set[str]] = {}
    for one, rules in zip(results, broken):
        found.setdefault(one.run, set()).update(rules)
    order = (*WESTGARD, *EXTENDED)
    return {run: tuple(sorted(rules, key=order.index)) for run, rules in found.items()}
