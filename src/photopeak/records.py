"""Audit of a record: which of its required elements are there. The audit tells what is missing; it never completes a record.

An element is present, absent, or not applicable to this record; completeness = present / applicable, in per cent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Remark, remark
from photopeak.words import Words

Status = Literal["present", "absent", "not_applicable"]

COMPLETENESS = Quantity(name="record_completeness", unit="%", en="completeness of the record", zh="记录完整率", judged=False)
COMPLETE = Quantity(name="complete_records_share", unit="%", en="share of complete records", zh="完整记录比例")
YES = {
    "yes",
    "y",
    "true",
    "1",
    "done",
    "present",
    "pass",
    "passed",
    "negative",
    "是",
    "有",
    "已做",
    "合格",
    "符合",
    "阴性",
    "√",
}
NO = {"no", "n", "false", "0", "fail", "failed", "否", "无", "未做", "不合格", "不符合"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One element of a record and how it stands."""

    name: str
    words: Words
    status: Status


def completeness(elements: Iterable[Element]) -> float:
    """Per cent of the applicable elements that are present; 100 where none is applicable."""
    applicable = [one for one in elements if one.status != "not_applicable"]
    if not applicable:
        return 100.0
    return 100 * sum(one.status == "present" for one in applicable) / len(applicable)


def complete_share(records: Iterable[Sequence[Element]]) -> Measurement:
    """The share of records in which nothing is absent."""
    complete = [completeness(elements) >= 100 for elements in records]
    return COMPLETE.of(100 * sum(complete) / len(complete), records=len(complete))


def absent_remark(label: str | None, elements: Sequence[Element]) -> tuple[Remark, ...]:
    """One sentence that names every absent element of a record; nothing where none is absent."""
    absent = [one.words for one in elements if one.status == "absent"]
    if not absent:
        return ()
    count = f"{len(absent)} elements are absent" if len(absent) > 1 else "one element is absent"
    place_en, place_zh = (f"record {label}: ", f"记录 {label}：") if label else ("", "")
    return (
        remark(
            "elements_absent",
            en=f"{place_en}{count}: {', '.join(one.en for one in absent)}",
            zh=f"{place_zh}缺少 {len(absent)} 项：{'、'.join(one.zh for one in absent)}",
        ),
    )


def elements_for_document(label: str | None, elements: Sequence[Element]) -> dict[str, Any]:
    """The elements of one record as the JSON document carries them."""
    return {
        "record": label,
        "elements": [{"element": one.name, "status": one.status, "en": one.words.en, "zh": one.words.zh} for one in elements],
    }


def yes_or_no(text: str | None) -> bool | None:
    """What a yes/no cell says; None where it is empty or says neither."""
    plain = (text or "").strip().lower()
    return True if plain in YES else False if plain in NO else None
