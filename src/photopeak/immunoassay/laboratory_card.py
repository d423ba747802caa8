"""One laboratory over the rounds of a scheme: bias, consistency, drift, and whether it has become unsuccessful.

Bias is the trimmed mean of the last deviations, consistency their standard deviation (UK NEQAS B and C); a regression of the deviation
on the target parts constant from proportional bias; the sum of z over sqrt(n) and the cumulative sum tell a bias that no single round
shows. A round without a return counts 0 unless it was excused. Rounds are in the order in which the table first names them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt
import scipy

from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Dots, Figure, Level
from photopeak.immunoassay.allowable_error import Limits, simple_limit
from photopeak.immunoassay.results_table import STATES, laboratory_column, missing_words, table_of
from photopeak.immunoassay.scored_results import LEFT_OUT, PT_SCORE
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.table import Table, number
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

TARGETS = ("nominal", "target")  #: columns of the assigned value
ROLLING_BIAS = Quantity(name="rolling_bias", unit="%", en="rolling bias", zh="滚动偏倚", judged=False)
CONSISTENCY = Quantity(name="consistency", unit="%", en="consistency of the bias", zh="偏倚一致性", judged=False)
COMBINED_Z = Quantity(
    name="combined_z", unit="1", en="combined z (sum over root n)", zh="合并 z（总和除以根号 n）", judged=False
)
CUSUM_HIGH = Quantity(name="cusum_high", unit="1", en="cumulative sum, upwards", zh="累积和（向上）", judged=False)
CUSUM_LOW = Quantity(name="cusum_low", unit="1", en="cumulative sum, downwards", zh="累积和（向下）", judged=False)
CONSTANT = Quantity(name="constant_bias", unit="1", en="constant bias, in the unit", zh="恒定偏倚（结果单位）", judged=False)
PROPORTIONAL = Quantity(name="proportional_bias", unit="%", en="proportional bias", zh="比例偏倚", judged=False)
TRIMMED = 0.1  #: of the deviations at either end
FEWEST = 3
FEWEST_FOR_LINE, SPAN_FOR_LINE = 6, 2.0  #: points, and ratio of the highest to the lowest target
CUSUM_SLACK, CUSUM_ALARM = 0.5, 5.0
DRAWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One sample of one round: deviation in per cent (None: not returned), target, z, whether acceptable (None: not judged)."""

    round: str
    sample: str
    percent: float | None
    target: float | None
    z: float | None
    good: bool | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    laboratory: str
    analyte: str
    entries: tuple[Entry, ...]
    scores: Mapping[str, float]  #: share of acceptable results by round; 0 where nothing was returned

    @property
    def where(self) -> dict[str, str | int | float]:
        names = {"laboratory": self.laboratory, "analyte": self.analyte}
        return {key: text for key, text in names.items() if text}

    def array(self, name: str) -> Floats:
        return np.array([getattr(one, name) for one in self.entries if getattr(one, name) is not None], dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaboratoryCards(Result):
    cards: tuple[Card, ...]
    rounds: tuple[str, ...]
    limits: Limits = ()

    def declared_limits(self) -> Limits:
        return self.limits

    def figures(self) -> tuple[Figure, ...]:
        """The deviations of each laboratory and analyte, round after round."""
        return tuple(_chart(card, self.rounds) for card in self.cards[:DRAWN])


def accepts_rounds(evidence: Evidence) -> Words | None:
    table = evidence.images
    if not isinstance(table, Table):
        return Words("not a table", "不是表格")
    lacking = [] if laboratory_column(table) else ["laboratory"]
    lacking += [] if table.has("round") else ["round"]
    measured = table.has("deviation_percent") or any(table.has("value", name) for name in TARGETS)
    lacking += [] if measured else ["deviation_percent (or value and target)"]
    if lacking:
        return missing_words(lacking)
    return None


@procedure(
    en="Laboratory card over rounds",
    zh="实验室历轮成绩卡",
    implements="ISO 13528:2022, 10.6 to 10.8; UK NEQAS bias and consistency",
    kinds=("table",),
    quantities=(ROLLING_BIAS, CONSISTENCY, COMBINED_Z, CUSUM_HIGH, CUSUM_LOW, CONSTANT, PROPORTIONAL, PT_SCORE),
    accepts=accepts_rounds,
)
def laboratory_card(
    evidence: Evidence,
    *,
    window: Annotated[int, Words("samples in the rolling bias", "滚动偏倚所含样品数")] = 6,
    allowable_percent: Annotated[float | None, Words("allowable error in per cent", "允许总误差（%）")] = None,
    satisfactory_percent: Annotated[float | None, Words("least share of acceptable results", "PT 得分的合格下限")] = None,
    unsatisfactory_rounds: Annotated[int, Words("unsatisfactory rounds that make unsuccessful", "判为不成功的不满意轮数")] = 2,
    of_last_rounds: Annotated[int, Words("among so many last rounds", "最近轮数")] = 3,
) -> LaboratoryCards:
    table = table_of(evidence)
    if (no := accepts_rounds(evidence)) is not None:
        raise Refused(
            "missing_columns",
            en=f"{evidence.name}: {no.en}; it has {', '.join(table.columns)}. A row is one sample of one round",
            zh=f"{evidence.name}：{no.zh}；现有列：{'、'.join(table.columns)}。每行为一轮中的一个样品。",
        )
    remarks: list[Remark] = []
    rounds = tuple(dict.fromkeys(one for one in table.column("round") if one))
    cards = _cards(table, rounds, allowable_percent, remarks)
    if not cards:
        raise Refused(
            "no_results",
            en=f"{evidence.name}: no row holds a laboratory, a round and a deviation",
            zh=f"{evidence.name}：没有同时含实验室、轮次和偏差的行。",
        )
    measurements = [one for card in cards for one in _measurements(card, window)]
    remarks += [one for card in cards if (one := _drift(card)) is not None]
    judged = satisfactory_percent is not None and any(card.scores for card in cards)
    if judged and satisfactory_percent is not None:
        rule = (satisfactory_percent, unsatisfactory_rounds, of_last_rounds)
        remarks += [one for card in cards if (one := _success(card, rounds, rule)) is not None]
    return LaboratoryCards(
        measurements=tuple(measurements),
        remarks=tuple(remarks),
        conditions=(Condition(label=Words("rounds", "轮次"), value=Words(", ".join(rounds), "、".join(rounds))),),
        cards=cards,
        rounds=rounds,
        limits=(simple_limit("pt_score", "%", lower=satisfactory_percent),) if judged else (),
    )


def _cards(table: Table, rounds: Sequence[str], allowable: float | None, remarks: list[Remark]) -> tuple[Card, ...]:
    column = laboratory_column(table) or ""
    found: dict[tuple[str, str], list[Entry]] = defaultdict(list)
    for row, line in zip(table.rows, table.lines):
        if row.get(column) and row.get("round"):
            found[(row[column], row.get("analyte", ""))].append(_entry(row, line, allowable, remarks))
    cards = []
    for (laboratory, analyte), entries in found.items():
        ordered = sorted(entries, key=lambda one: rounds.index(one.round))
        scores = round_scores(ordered, rounds)
        cards.append(Card(laboratory=laboratory, analyte=analyte, entries=tuple(ordered), scores=scores))
    return tuple(cards)


def _entry(row: Mapping[str, str], line: int, allowable: float | None, remarks: list[Remark]) -> Entry:
    percent, value = number(row.get("deviation_percent", "")), number(row.get("value", ""))
    target = next((found for name in TARGETS if (found := number(row.get(name, ""))) is not None), None)
    if percent is None and value is not None and target:
        percent = 100 * (value - target) / abs(target)
    state = STATES.get(row.get("status", "").strip().lower(), "unknown")
    written = row.get("deviation_percent", "") or row.get("value", "")
    if percent is None and written:
        state = state or "unreadable"
        remarks.append(
            remark(
                "row_not_a_number",
                en=f"row {line}: {written[:30]!r} is not a deviation; it is shown and not used",
                zh=f"第 {line} 行：“{written[:30]}”不是偏差，列出但未使用",
            )
        )
    elif percent is None:
        state = state or "not_returned"
    said = {"yes": True, "1": True, "合格": True, "no": False, "0": False, "不合格": False}.get(
        row.get("acceptable", "").lower()
    )
    good = said if percent is None or said is not None or allowable is None else abs(percent) <= allowable
    if state in ("late", "not_returned"):
        good = False
    used = None if state else percent
    return Entry(
        round=row["round"],
        sample=row.get("sample", ""),
        percent=used,
        target=None if used is None else target,
        z=None if used is None else number(row.get("z_score", "")),
        good=None if state in (*LEFT_OUT, "unreadable", "unknown") else good,
        state=state,
    )


def round_scores(entries: Sequence[Entry], rounds: Sequence[str]) -> dict[str, float]:
    """The share of acceptable results of each round from the laboratory's first on; a round it is missing from is 0.

    Rounds whose results were all excused, or are not judged yet, have no score.
    """
    if not any(one.good is not None for one in entries):
        return {}
    mine = {name: [one for one in entries if one.round == name] for name in rounds}
    first = next(n for n, name in enumerate(rounds) if mine[name])
    scores: dict[str, float] = {}
    for name in rounds[first:]:
        known = [one for one in mine[name] if one.state not in LEFT_OUT]
        if not mine[name]:
            scores[name] = 0.0
        elif known and all(one.good is not None for one in known):
            scores[name] = 100 * sum(bool(one.good) for one in known) / len(known)
    return scores


def trimmed_mean(values: Floats) -> float:
    return float(scipy.stats.trim_mean(values, TRIMMED))


def cusum(z: Sequence[float] | Floats) -> tuple[Floats, Floats]:
    """Cumulative sums of z beyond half a standard deviation, upwards and downwards, neither below zero."""
    high, low = np.zeros(len(z)), np.zeros(len(z))
    for n, one in enumerate(z):
        high[n] = max(0.0, (high[n - 1] if n else 0.0) + one - CUSUM_SLACK)
        low[n] = max(0.0, (low[n - 1] if n else 0.0) - one - CUSUM_SLACK)
    return high, low


def _measurements(card: Card, window: int) -> list[Measurement]:
    found = [_of(PT_SCORE, score, {**card.where, "round": name}, 0.0) for name, score in card.scores.items()]
    recent = card.array("percent")[-window:]
    if len(recent) >= FEWEST:
        spread = float(recent.std(ddof=1))
        found.append(_of(ROLLING_BIAS, trimmed_mean(recent), card.where, spread / math.sqrt(len(recent))))
        found.append(_of(CONSISTENCY, spread, card.where, spread / math.sqrt(2 * (len(recent) - 1))))
    z = card.array("z")
    if len(z) >= FEWEST:
        high, low = cusum(z)
        found.append(_of(COMBINED_Z, float(z.sum()) / math.sqrt(len(z)), card.where))
        found += [_of(CUSUM_HIGH, float(high[-1]), card.where), _of(CUSUM_LOW, float(low[-1]), card.where)]
    return found + _line(card)


def _line(card: Card) -> list[Measurement]:
    """D = constant + proportional * target, weighted by 1/target^2, as errors are relative."""
    pairs = [(one.target, one.percent) for one in card.entries if one.target and one.percent is not None]
    if len(pairs) < FEWEST_FOR_LINE:
        return []
    target, percent = (np.array(column, dtype=np.float64) for column in zip(*pairs))
    if target.min() <= 0 or target.max() < SPAN_FOR_LINE * target.min():
        return []
    # in per cent: D% = proportional + 100 constant / target
    fit = scipy.stats.linregress(100 / target, percent)
    return [
        _of(CONSTANT, float(fit.slope), card.where, float(fit.stderr)),
        _of(PROPORTIONAL, float(fit.intercept), card.where, float(fit.intercept_stderr)),
    ]


def _of(quantity: Quantity, value: float, where: dict[str, str | int | float], u: float | None = None) -> Measurement:
    return Measurement(quantity=quantity, value=value, unit=quantity.unit, uncertainty=u, where=where)


def _drift(card: Card) -> Remark | None:
    z = card.array("z")
    if len(z) < FEWEST:
        return None
    high, low = cusum(z)
    over = np.flatnonzero(np.maximum(high, low) > CUSUM_ALARM)
    if not over.size:
        return None
    up = high[over[0]] > CUSUM_ALARM
    at = [one for one in card.entries if one.z is not None][int(over[0])].round
    who = "/".join(part for part in (card.laboratory, card.analyte) if part)
    return remark(
        "cusum_alarm",
        en=f"{who}: the cumulative sum of z passed {CUSUM_ALARM:g} {'upwards' if up else 'downwards'} in round {at}: a lasting bias, "
        "though each z may be acceptable",
        zh=f"{who}：z 的累积和在 {at} 轮{'向上' if up else '向下'}超过 {CUSUM_ALARM:g}，提示持续偏倚，即使各轮 z 均可接受",
    )


def _success(card: Card, rounds: Sequence[str], rule: tuple[float, int, int]) -> Remark | None:
    """Unsuccessful: so many of the last rounds unsatisfactory; a single one is told as well."""
    least, many, last = rule
    recent = [name for name in rounds if name in card.scores][-last:]
    bad = [name for name in recent if card.scores[name] < least]
    if not bad:
        return None
    who = "/".join(part for part in (card.laboratory, card.analyte) if part)
    named = ", ".join(f"{name} {card.scores[name]:.0f} %" for name in bad)
    if len(bad) >= many:
        return remark(
            "unsuccessful",
            en=f"{who}: unsuccessful, {len(bad)} of the last {len(recent)} rounds unsatisfactory ({named})",
            zh=f"{who}：不成功，最近 {len(recent)} 轮中有 {len(bad)} 轮不满意（{named}）",
        )
    return remark(
        "unsatisfactory",
        en=f"{who}: {len(bad)} of the last {len(recent)} rounds unsatisfactory ({named}); {many} would be unsuccessful",
        zh=f"{who}：最近 {len(recent)} 轮中有 {len(bad)} 轮不满意（{named}）；达到 {many} 轮即为不成功",
    )


def _chart(card: Card, rounds: Sequence[str]) -> Chart:
    known = [one for one in card.entries if one.percent is not None]
    place = " ".join(part for part in (card.laboratory, card.analyte) if part)
    values = card.array("percent")
    levels = [Level(y=0.0)]
    if len(values) >= FEWEST:
        levels.append(Level(y=trimmed_mean(values), name=Words("bias of all", "全程偏倚"), style="dashed"))
    return Chart(
        title=Words(f"{place}: deviations over the rounds", f"{place}：历轮偏差"),
        x=Axis(label=Words("round", "轮次"), low=0.5, high=len(rounds) + 0.5),
        y=Axis(label=Words("deviation from the target", "相对靶值的偏差"), unit="%"),
        marks=(Dots(x=np.array([rounds.index(one.round) + 1.0 for one in known]), y=values), *levels),
        group="card",
    )
