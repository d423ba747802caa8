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
        ordered = ordered.filter(**{f"{field}__{way}e": value})  # lets the database begin there: an OR alone does not
        ordered = ordered.filter(Q(**{f"{field}__{way}": value}) | Q(**{field: value, f"id__{way}": last.pk}))
    keys = list(ordered.values_list("pk", flat=True)[: LENGTH + 1])
    return Page(rows=_in_order(rows, keys[:LENGTH]), next_after=keys[LENGTH - 1] if len(keys) > LENGTH else None)


def first_of(rows: QuerySet[Any], n: int, *order: str) -> list[Any]:
    """The first n rows. Their keys are asked for alone: with related tables joined, a database may begin with those and sort everything."""
    return _in_order(rows, list(rows.order_by(*order).values_list("pk", flat=True)[:n]))


def _in_order(rows: QuerySet[Any], keys: list[Any]) -> list[Any]:
    found = {row.pk: row for row in rows.filter(pk__in=keys).order_by()}
    return [found[key] for key in keys if key in found]
