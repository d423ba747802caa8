"""Long lists by pages that begin after the last row shown, so that page one thousand costs what page one does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest

LENGTH = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    rows: list[Any]
    next_after: int | None

    def __iter__(self) -> Any:
        return iter(self.rows)


def page_of(rows: QuerySet[Any], field: str, request: HttpRequest, *, descending: bool = False) -> Page:
    """One page ordered by `field` and id; `?after=ID` names the last row of the page before."""
    sign = "-" if descending else ""
    ordered = rows.order_by(f"{sign}{field}", f"{sign}id")
    after = request.GET.get("after", "")
    last = rows.filter(pk=int(after)).first() if after.isdigit() and len(after) < 19 else None
    if last is not None:
        way, value = ("lt" if descending else "gt"), getattr(last, field)
        ordered = ordered.filter(Q(**{f"{field}__{way}": value}) | Q(**{field: value, f"id__{way}": last.pk}))
    found = list(ordered[: LENGTH + 1])
    return Page(rows=found[:LENGTH], next_after=found[LENGTH - 1].pk if len(found) > LENGTH else None)
