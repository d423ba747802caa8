"""Tables of repeated measurements: items (bottles), replicates and, for stability, periods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.criterion import Criterion
from photopeak.evidence import Evidence
from photopeak.immunoassay.results_table import RowProblem, missing_words, table_of
from photopeak.procedure import Refused
from photopeak.table import Table, number
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
Items = dict[str, list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """The values of one analyte and sample by period ("" where there is none) and item, in the order of the table."""

    where: Mapping[str, str]
    unit: str
    periods: Mapping[str, Items]


def accepts_columns(evidence: Evidence, needed: Sequence[str]) -> Words | None:
    if not isinstance(evidence.images, Table):
        return Words("not a table", "不是表格")
    lacking = [name for name in needed if name not in evidence.images.columns]
    if lacking:
        return missing_words(lacking)
    return None


def require_columns(evidence: Evidence, needed: Sequence[str]) -> Table:
    """The table, refused with the columns it has where one is missing."""
    table = table_of(evidence)
    no = accepts_columns(evidence, needed)
    if no is not None:
        raise Refused(
            "missing_columns",
            en=f"{evidence.name}: {no.en}; it has {', '.join(table.columns)}",
            zh=f"{evidence.name}：{no.zh}；现有列：{'、'.join(table.columns)}。",
        )
    return table


def read_items(evidence: Evidence, needed: Sequence[str]) -> tuple[tuple[Measured, ...], tuple[RowProblem, ...]]:
    """Every row with a number; a row without one is a problem of its own and hides nothing else."""
    table = require_columns(evidence, needed)
    problems: list[RowProblem] = []
    samples: dict[tuple[str, str], dict[str, Items]] = {}
    units: dict[tuple[str, str], str] = {}
    for row, line in zip(table.rows, table.lines):
        value = number(row.get("value", ""))
        if value is None or not row.get("item"):
            text = row.get("value", "")[:30]
            words = Words(
                f"row {line}: {text!r} of item {row.get('item', '')!r} is not a usable number; left out",
                f"第 {line} 行：样品瓶 {row.get('item', '')!r} 的值 {text!r} 不可用，已略去",
            )
            problems.append(RowProblem(line=line, code="row_not_a_number", words=words))
            continue
        place = (row.get("analyte", ""), row.get("sample", ""))
        units.setdefault(place, row.get("unit", ""))
        items = samples.setdefault(place, {}).setdefault(row.get("period", ""), {})
        items.setdefault(row["item"], []).append(value)
    found = tuple(
        Measured(
            where={key: text for key, text in (("analyte", place[0]), ("sample", place[1])) if text},
            unit=units[place],
            periods=periods,
        )
        for place, periods in samples.items()
    )
    return found, tuple(problems)


def declared_limit(
    quantity: str,
    unit: str,
    upper: float,
    clause: str,
    *,
    lower: float | None = None,
    where: Mapping[str, str | int | float] | None = None,
) -> Criterion:
    """A limit that follows from a declared sigma_pt or allowable error by a clause of ISO 13528; the value alone decides."""
    return Criterion(
        standard="ISO 13528",
        edition="2022",
        clause=clause,
        quantity=quantity,
        unit=unit,
        lower=lower,
        upper=upper,
        coverage=0.0,
        where=dict(where or {}),
        stage="constancy",
        read_by=("from the declared sigma_pt or allowable error",),
    )
