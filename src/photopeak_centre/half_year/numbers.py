"""Frozen numbers: each with a link back to what it counts, and that list frozen beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from photopeak.proportion import rate

Number = dict[str, Any]


@dataclass(slots=True)
class Numbers:
    """Makes numbers and keeps their evidence. `address(name)`: where the evidence of a number is shown."""

    address: Callable[[str], str]
    evidence: dict[str, dict[str, Any]] = field(default_factory=dict)

    def count(self, name: str, kind: str, ids: Iterable[int]) -> Number:
        """How many things of one kind."""
        found = sorted(set(ids))
        self._keep(name, {"kind": kind, "n": found})
        return {"n": len(found), "link": self.address(name)}

    def share(self, name: str, kind: str, ids: Iterable[int], of: Iterable[int]) -> Number:
        """n of N things, with the Wilson 95 % interval. Raises ValueError where the part is not within the whole."""
        part, whole = sorted(set(ids)), sorted(set(of))
        if not set(part) <= set(whole):
            raise ValueError(f"{name}: counts what is not within its total")
        self._keep(name, {"kind": kind, "n": part, "of": whole})
        return {**_rated(len(part), len(whole)), "link": self.address(name)}

    def summed(self, name: str, rows: Sequence[tuple[str, int, int, int]]) -> Number:
        """n of N as a sum over rows (kind, id, n, N)."""
        self._keep(name, {"kind": "rows", "rows": [list(row) for row in rows]})
        return {**_rated(sum(row[2] for row in rows), sum(row[3] for row in rows)), "link": self.address(name)}

    def total(self, name: str, rows: Sequence[tuple[str, int, int]]) -> Number:
        """A plain sum over rows (kind, id, n)."""
        self._keep(name, {"kind": "rows", "rows": [[kind, pk, n, None] for kind, pk, n in rows]})
        return {"n": sum(row[2] for row in rows), "link": self.address(name)}

    def _keep(self, name: str, what: dict[str, Any]) -> None:
        if name in self.evidence:
            raise ValueError(f"{name} was counted twice")
        self.evidence[name] = what


def _rated(n: int, of: int) -> Number:
    """Without an interval where the part is more than the whole: a form may say so, and the report shows that it did."""
    if n > of:
        return {"n": n, "of": of, "percent": None, "lower": None, "upper": None}
    found = rate(n, of)
    return {"n": n, "of": of, "percent": found.percent, "lower": found.lower, "upper": found.upper}


def numbers_in(node: Any) -> Iterable[Number]:
    """Every number of a document, wherever it stands."""
    if isinstance(node, dict):
        if "link" in node and ("n" in node or "value" in node):
            yield node
        for one in node.values():
            yield from numbers_in(one)
    elif isinstance(node, list):
        for one in node:
            yield from numbers_in(one)
