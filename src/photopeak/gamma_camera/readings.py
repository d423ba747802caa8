"""Tables of counter readings: every row has counts and seconds, and says by its other columns what was counted."""

from __future__ import annotations

from dataclasses import replace

from photopeak.evidence import Evidence
from photopeak.table import Table


def readings(evidence: Evidence) -> Table | None:
    """The table of the evidence, its column of counts under the name `counts` (计数 alone names a response elsewhere)."""
    table = evidence.images
    if not isinstance(table, Table):
        return None
    if table.has("counts") or not table.has("response"):
        return table
    names = {"response": "counts"}
    return replace(
        table,
        columns=tuple(names.get(column, column) for column in table.columns),
        rows=tuple({names.get(key, key): value for key, value in row.items()} for row in table.rows),
    )
