"""Answers of hospitals and the sealed truth they are held against, read from their tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from photopeak.evidence import Evidence
from photopeak.procedure import Refused, Remark, remark
from photopeak.table import Table, number

Key = tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Truth:
    """The known value of one quantity at one place, with its standard uncertainty (0: exact) and what the round allows, in %."""

    value: float
    unit: str = ""
    uncertainty: float = 0.0
    allowable_percent: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one hospital found for one quantity; `line` as a person sees it in the file."""

    laboratory: str
    key: Key
    value: float
    uncertainty: float | None
    line: int


def truths_of(evidence: Evidence) -> dict[Key, Truth]:
    """The truth by (quantity, place): from the sealed table handed in beside the answers, else from the answers' own columns."""
    sealed = evidence.facts.get("sealed")
    source = sealed if isinstance(sealed, Evidence) else evidence
    table = source.images
    if not isinstance(table, Table) or not table.has("quantity", "truth"):
        raise Refused(
            "no_truth",
            en=f"{evidence.name}: no truth was handed in; give the sealed truth.csv of the exercise beside the answers",
            zh=f"{evidence.name}：未提供真值，请将本次演练封存的 truth.csv 与答卷一并提交。",
        )
    found: dict[Key, Truth] = {}
    unit = "truth_unit" if source is evidence else "unit"  # in one table with the answers, `unit` is the answers'
    for line, row in zip(table.lines, table.rows):
        value = number(row.get("truth", ""))
        if value is None:
            continue
        one = Truth(
            value=value,
            unit=row.get(unit, ""),
            uncertainty=number(row.get("truth_uncertainty", "")) or 0.0,
            allowable_percent=number(row.get("allowable_percent", "")),
        )
        key = _key(row)
        if found.setdefault(key, one) != one:
            raise Refused(
                "two_truths",
                en=f"{source.name}, row {line}: {' '.join(key).strip()} has two truths; keep one",
                zh=f"{source.name}，第 {line} 行：{' '.join(key).strip()} 有两个真值，请保留一个。",
            )
    return found


def answers_of(evidence: Evidence, truths: Mapping[Key, Truth]) -> tuple[list[Answer], list[Remark]]:
    """Every usable answer, and a remark for every row that is none."""
    table = evidence.images
    if not isinstance(table, Table) or not table.has("laboratory", "quantity", "value"):
        raise Refused(
            "missing_columns",
            en=f"{evidence.name}: the columns laboratory, quantity and value are needed",
            zh=f"{evidence.name}：需要 laboratory（单位）、quantity（项目）、value（结果）三列。",
        )
    answers: dict[tuple[str, Key], Answer] = {}
    remarks = []
    for line, row in zip(table.lines, table.rows):
        problem = _problem(row, truths)
        laboratory, key = row.get("laboratory", ""), _key(row)
        if problem is None and (laboratory, key) in answers:
            problem = "answered twice, the first counts", "重复作答，以首个为准"
        if problem is not None:
            en, zh = problem
            remarks.append(
                remark(
                    "answer_not_used",
                    en=f"row {line}, {laboratory or '?'}: {en}",
                    zh=f"第 {line} 行，{laboratory or '?'}：{zh}",
                )
            )
            continue
        value = number(row["value"])
        assert value is not None  # _problem has looked
        answers[(laboratory, key)] = Answer(
            laboratory=laboratory, key=key, value=value, uncertainty=_uncertainty(row), line=line
        )
    return list(answers.values()), remarks


def _key(row: Mapping[str, str]) -> Key:
    return row.get("quantity", "").strip(), row.get("place", "").strip()


def _uncertainty(row: Mapping[str, str]) -> float | None:
    u = number(row.get("uncertainty", ""))
    return u if u is not None and u >= 0 else None


def _problem(row: Mapping[str, str], truths: Mapping[Key, Truth]) -> tuple[str, str] | None:
    """Why a row is no usable answer, in both languages."""
    key = _key(row)
    if not row.get("laboratory", ""):
        return "no laboratory is named", "未填写单位"
    if key not in truths:
        return f"{' '.join(key).strip()!r} was not asked for", f"“{' '.join(key).strip()}”不在本次演练范围内"
    if not row.get("value", "").strip():
        return "no answer", "未作答"
    if number(row["value"]) is None:
        return f"{row['value'][:30]!r} is not a number", f"“{row['value'][:30]}”不是数字"
    given, wanted = row.get("unit", "").strip(), truths[key].unit
    if given and wanted and given != wanted:
        return f"answered in {given}, asked for in {wanted}", f"作答单位为 {given}，要求为 {wanted}"
    return None


def asked(truths: Mapping[Key, Truth], answers: list[Answer]) -> dict[str, Any]:
    """For each laboratory the share of the questions it answered, in per cent."""
    by_laboratory: dict[str, int] = {}
    for one in answers:
        by_laboratory[one.laboratory] = by_laboratory.get(one.laboratory, 0) + 1
    return {name: 100 * count / len(truths) for name, count in by_laboratory.items()}
