"""Agreement of two readers: percent, Cohen's kappa, Gwet's AC1 with bootstrap intervals; adjudication.

Kappa falls to nothing where one answer prevails, however well the readers agree (94/3/3/0: agreement .94, kappa -.03, AC1 .936); so both
are given. Sources: Cohen 1960; Gwet 2008, Br J Math Stat Psychol 61:29.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from photopeak.table import Table

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Figures of one element read by two; intervals are bootstrap 95 % over reports, None where a figure is not defined."""

    pairs: int
    agreed: float
    kappa: float | None
    kappa_interval: tuple[float, float] | None
    ac1: float | None
    ac1_interval: tuple[float, float] | None


def agreement(pairs: Pairs, *, draws: int = 2000, seed: int = 1) -> Agreement:
    """Agreement over `pairs` of answers to one question. Raises ValueError without pairs."""
    if not pairs:
        raise ValueError("no report was read by both")
    chance = random.Random(seed)
    drawn = [chance.choices(pairs, k=len(pairs)) for _ in range(draws)]
    return Agreement(
        pairs=len(pairs), agreed=_agreed(pairs), kappa=kappa(pairs), kappa_interval=_interval([kappa(one) for one in drawn]),
        ac1=ac1(pairs), ac1_interval=_interval([ac1(one) for one in drawn]),
    )  # fmt: skip


def _agreed(pairs: Pairs) -> float:
    return sum(a == b for a, b in pairs) / len(pairs)


def kappa(pairs: Pairs) -> float | None:
    """Cohen's kappa; None where both readers give one and the same answer throughout."""
    first, second, n = Counter(a for a, _ in pairs), Counter(b for _, b in pairs), len(pairs)
    expected = sum(first[word] * second[word] for word in first) / n**2
    return None if expected >= 1 else (_agreed(pairs) - expected) / (1 - expected)


def ac1(pairs: Pairs) -> float | None:
    """Gwet's AC1; None where only one answer occurs."""
    counts, n = Counter(word for pair in pairs for word in pair), len(pairs)
    if len(counts) < 2:
        return None
    shares = [number / (2 * n) for number in counts.values()]
    expected = sum(share * (1 - share) for share in shares) / (len(counts) - 1)
    return (_agreed(pairs) - expected) / (1 - expected)


def _interval(values: Sequence[float | None]) -> tuple[float, float] | None:
    kept = sorted(value for value in values if value is not None)
    if len(kept) < 0.9 * len(values):
        return None
    return kept[math.floor(0.025 * (len(kept) - 1))], kept[math.ceil(0.975 * (len(kept) - 1))]


def to_adjudicate(first: Mapping[str, str], second: Mapping[str, str]) -> tuple[str, ...]:
    """What a third person decides: reports both read and answered differently."""
    return tuple(sorted(name for name in first.keys() & second.keys() if first[name] != second[name]))


def adjudicated(first: Mapping[str, str], second: Mapping[str, str], third: Mapping[str, str]) -> dict[str, str]:
    """The answers that count: what both say, else what the third says; what is still open is left out."""
    both = {name: first[name] for name in first.keys() & second.keys() if first[name] == second[name]}
    return both | {name: third[name] for name in to_adjudicate(first, second) if name in third}


COLUMNS = {"report": ("report", "报告"), "element": ("element", "要素"), "answer": ("answer", "status", "回答", "结论")}


def read_answers(table: Table) -> dict[str, dict[str, str]]:
    """{element: {report: answer}} of a table with the columns report, element and answer. Raises ValueError for a missing column."""
    own = {key: next((one for one in table.columns if one.strip().lower() in names), "") for key, names in COLUMNS.items()}
    missing = [key for key, column in own.items() if not column]
    if missing:
        raise ValueError(f"no column {', '.join(missing)} in {', '.join(table.columns)}")
    found: dict[str, dict[str, str]] = {}
    for row in table.rows:
        report, element, answer = (row[own[key]].strip() for key in ("report", "element", "answer"))
        if report and element and answer:
            found.setdefault(element, {})[report] = answer
    return found
