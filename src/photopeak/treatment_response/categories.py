"""Response categories: their rules as data, their names, and when a measurement is too uncertain to name one."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import resources
from typing import Any

from photopeak.cases import Case
from photopeak.procedure import Condition, Remark, remark
from photopeak.words import Words

COVERAGE = 2.0  #: standard uncertainties on either side within which a category must not change to be certain

NAMES: Mapping[str, Words] = {
    "CMR": Words("complete metabolic response", "完全代谢缓解"),
    "PMR": Words("partial metabolic response", "部分代谢缓解"),
    "SMD": Words("stable metabolic disease", "代谢稳定"),
    "PMD": Words("progressive metabolic disease", "代谢进展"),
    "CR": Words("complete response", "完全缓解"),
    "PR": Words("partial response", "部分缓解"),
    "SD": Words("stable disease", "疾病稳定"),
    "PD": Words("progressive disease", "疾病进展"),
}


@cache
def rule(name: str) -> Mapping[str, Any]:
    """The numbers of one rule, with its source."""
    text = (resources.files("photopeak.treatment_response") / "response_rules.toml").read_text("utf-8")
    found: Mapping[str, Any] = tomllib.loads(text)[name]
    return found


def rule_condition(name: str) -> Condition:
    """Which rule was applied, from where, and whether its numbers still wait for a reader."""
    own = rule(name)
    en, zh = str(own["source"]), str(own["source"])
    if own.get("provisional"):
        en, zh = f"{en}; provisional", f"{zh}；待核"
    return Condition(label=Words("rule", "判定规则"), value=Words(en, zh))


def relative_change(before: float, after: float, u_before: float | None, u_after: float | None) -> tuple[float, float | None]:
    """Change in % of `before`, and its standard uncertainty (None where either is unknown)."""
    change = 100 * (after / before - 1)
    if u_before is None or u_after is None:
        return change, None
    return change, 100 * math.hypot(u_after / before, after * u_before / before**2)


def certain(category: Callable[[float], str], value: float, u: float | None) -> tuple[str, tuple[str, ...]]:
    """The category at `value`, and every category between value - 2u and value + 2u (one where it is certain)."""
    if u is None:
        return category(value), (category(value),)
    steps = [value + COVERAGE * u * step / 20 for step in range(-20, 21)]
    return category(value), tuple(dict.fromkeys(category(one) for one in steps))


def undecided(case: Case, categories: tuple[str, ...]) -> tuple[Remark, ...]:
    """Said where the expanded uncertainty leaves more than one category."""
    if len(categories) < 2:
        return ()
    en = " or ".join(f"{one} ({NAMES[one].en})" if one in NAMES else one for one in categories)
    zh = " 或 ".join(f"{one}（{NAMES[one].zh}）" if one in NAMES else one for one in categories)
    place = f"{case.label}: " if case.label else ""
    return (
        remark(
            "response_undecided",
            en=f"{place}within its uncertainty (k = 2) the measurement allows {en}",
            zh=f"{place}在不确定度（k = 2）范围内可判为 {zh}",
        ),
    )


def yes(case: Case, name: str) -> bool:
    """A column of yes and no; absent is no. Refused: anything else."""
    text = str(case.get(name) or "").strip().lower()
    if text in ("", "0", "no", "n", "false", "否", "无"):
        return False
    if text in ("1", "yes", "y", "true", "是", "有"):
        return True
    raise case.refused(
        "not_yes_or_no",
        en=f"{text!r} in the column {name} is neither yes nor no",
        zh=f"{name} 列中的“{text}”不是“是”或“否”。",
    )
