"""What a person confirmed or denied of the machine's proposals, and the grades that follow: only a confirmed contradiction caps a grade.

The file is a table (CSV or XLSX) with the columns report, what (an element or a code) and confirmed (yes/no, 是/否).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from photopeak.report_review.contradictions import SOFT, severity
from photopeak.report_review.score import grade_of
from photopeak.table import Table
from photopeak.words import Words

YES, NO = frozenset(("yes", "y", "true", "1", "是", "确认", "对")), frozenset(("no", "n", "false", "0", "否", "不是", "误报"))
COLUMNS = {
    "report": ("report", "报告"),
    "what": ("what", "element", "code", "要素", "问题"),
    "confirmed": ("confirmed", "确认", "结论"),
}
Confirmed = Mapping[tuple[str, str], bool]


class ConfirmedError(ValueError):
    """The table cannot be used as it stands; the sentence says which row or column."""

    def __init__(self, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = Words(en, zh)


def read_confirmed(table: Table) -> dict[tuple[str, str], bool]:
    """{(report, element or code): a person says it is so}. Raises ConfirmedError for a missing column or an answer that is neither."""
    own = {
        key: next((column for column in table.columns if column.strip().lower() in names), "") for key, names in COLUMNS.items()
    }
    missing = [key for key, column in own.items() if not column]
    if missing:
        raise ConfirmedError(
            en=f"the table of confirmations has no column {', '.join(missing)}", zh=f"确认表缺少列：{'、'.join(missing)}。"
        )
    found = {}
    for line, row in zip(table.lines, table.rows, strict=True):
        said = row[own["confirmed"]].strip().lower()
        if not said:
            continue
        if said not in YES | NO:
            raise ConfirmedError(
                en=f"row {line}: {said!r} is neither yes nor no", zh=f"第 {line} 行：“{said}”既不是“是”也不是“否”。"
            )
        found[row[own["report"]].strip(), row[own["what"]].strip()] = said in YES
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Graded:
    """The grade of one report; `capped_by`: codes of the confirmed contradictions that lowered it."""

    report: str
    hospital: str
    score: float
    grade: Words
    capped_by: tuple[str, ...]


def graded(reports: Iterable[Mapping[str, Any]], confirmed: Confirmed) -> Iterator[Graded]:
    """The grade of each line of a run. Hints (SOFT) never cap; a report whose elements cannot be assessed has no grade."""
    for one in reports:
        if one["score"] is None:
            continue
        codes = tuple(
            dict.fromkeys(
                row["code"]
                for row in one["defects"]
                if row["code"] not in SOFT and confirmed.get((one["report"], row["code"])) is True
            )
        )
        capping = tuple(code for code in codes if severity(code) in ("critical", "major"))
        yield Graded(
            report=one["report"], hospital=one["hospital"], score=one["score"],
            grade=grade_of(one["score"], {severity(code) for code in codes}), capped_by=capping,
        )  # fmt: skip
