"""Which reports people read: a seeded stratified sample with its hash, sample sizes, and operating characteristics of a plan.

Hypergeometric and binomial tails are exact; nothing here is taken from a table of a standard.
"""

from __future__ import annotations

import hashlib
import json
import math
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A report to be read. `weight`: how many reports of its stratum it stands for (inverse probability of being chosen)."""

    report: str
    stratum: str
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The sample, to be recorded before anybody reads: its seed and the hash of the list in its order."""

    seed: int
    chosen: tuple[Chosen, ...]
    double_read: tuple[str, ...]
    hidden_repeats: tuple[str, ...]
    sha256: str


def stratified(
    reports: Mapping[str, str], *, size: int, seed: int, flagged: Iterable[str] = (), flagged_share: float = 0.0,
    double_share: float = 0.2, repeat_share: float = 0.05,
) -> Sample:  # fmt: skip
    """A sample of `size` of `reports` (name -> stratum), proportional to the strata; `flagged_share` of it from the flagged ones.

    Flagged reports form strata of their own, so that every weight is the inverse of a known probability. A fifth is read twice and a
    twentieth comes back unseen, unless said otherwise. Raises ValueError for a size above the number of reports.
    """
    if not 0 < size <= len(reports):
        raise ValueError(f"a sample of {size} of {len(reports)} reports")
    chance, marked = random.Random(seed), set(flagged)
    strata: dict[str, list[str]] = {}
    for name in sorted(reports):
        strata.setdefault(f"{reports[name]}{' | flagged' if flagged_share and name in marked else ''}", []).append(name)
    parts = _parts(strata, size, flagged_share)
    chosen = [
        Chosen(report=name, stratum=stratum, weight=len(strata[stratum]) / number)
        for stratum, number in sorted(parts.items())
        for name in chance.sample(strata[stratum], number)
    ]
    chance.shuffle(chosen)
    names = [one.report for one in chosen]
    twice = tuple(chance.sample(names, math.ceil(double_share * len(names))))
    again = tuple(chance.sample(names, math.ceil(repeat_share * len(names))))
    document = json.dumps([seed, [[one.report, one.stratum] for one in chosen], twice, again], ensure_ascii=False)
    return Sample(
        seed=seed,
        chosen=tuple(chosen),
        double_read=twice,
        hidden_repeats=again,
        sha256=hashlib.sha256(document.encode()).hexdigest(),
    )


def _parts(strata: Mapping[str, Sequence[str]], size: int, flagged_share: float) -> dict[str, int]:
    """How many of each stratum: proportional, by largest remainder, flagged and other strata apart."""
    marked = {name for name in strata if name.endswith("| flagged")}
    groups = [(marked, round(size * flagged_share)), (set(strata) - marked, 0)]
    room = min(groups[0][1], sum(len(strata[name]) for name in marked))
    counts: dict[str, int] = {}
    for names, wanted in ((groups[0][0], room), (groups[1][0], size - room)):
        counts |= _proportional({name: len(strata[name]) for name in names}, wanted)
    short = size - sum(counts.values())  # the unflagged ran out: the flagged make up for it
    for name in sorted(strata, key=lambda one: counts.get(one, 0) - len(strata[one])):
        more = min(short, len(strata[name]) - counts.get(name, 0))
        counts[name], short = counts.get(name, 0) + more, short - more
    return {name: number for name, number in counts.items() if number}


def _proportional(sizes: Mapping[str, int], wanted: int) -> dict[str, int]:
    total = sum(sizes.values())
    if total == 0 or wanted <= 0:
        return {}
    wanted = min(wanted, total)
    exact = {name: wanted * number / total for name, number in sizes.items()}
    counts = {name: math.floor(value) for name, value in exact.items()}
    for name in sorted(exact, key=lambda one: (counts[one] - exact[one], one))[: wanted - sum(counts.values())]:
        counts[name] += 1
    return counts


def size_to_see_one(rate: float, confidence: float = 0.95) -> int:
    """Reports to read so that at least one defect is seen with `confidence` when a share `rate` of all have it."""
    if not 0 < rate < 1:
        raise ValueError("a rate lies between 0 and 1")
    return math.ceil(math.log(1 - confidence) / math.log(1 - rate) - 1e-9)


def size_for_margin(rate: float, margin: float, population: int | None = None, z: float = 1.959964) -> int:
    """Reports to read so that a share near `rate` is known to +- `margin` (normal approximation, finite population corrected)."""
    endless = z * z * rate * (1 - rate) / margin**2
    return math.ceil((endless if population is None else endless / (1 + (endless - 1) / population)) - 1e-9)


def acceptance(size: int, allowed: int, rate: float, population: int | None = None) -> float:
    """Probability that a plan of `size` reports with at most `allowed` defective ones accepts a lot with a share `rate` of them."""
    if population is None:
        return sum(math.comb(size, k) * rate**k * (1 - rate) ** (size - k) for k in range(allowed + 1))
    bad = round(rate * population)
    ways = math.comb(population, size)
    return sum(math.comb(bad, k) * math.comb(population - bad, size - k) for k in range(min(allowed, bad) + 1)) / ways
