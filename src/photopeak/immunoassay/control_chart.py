"""Internal quality control of an immunoassay: Levey-Jennings chart, Westgard's rules, sigma metric, top-down uncertainty.

Each material and lot is a series of its own with its own limits: those that the table declares, or, where it declares none, the robust
mean and standard deviation (algorithm A) of its results, so that gross outliers do not widen the limits that should find them. A new lot begins a new
series and its shift is measured. Rules are strict; R_4s is looked for within one run, across its materials.
Sigma metric = (allowable error - |bias|) / CV. Measurement uncertainty from the laboratory's own data (ISO/TS 20914):
u^2 = u_Rw^2 + u_cal^2 + u_bias^2, u_Rw the long-term imprecision within lots.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np

from photopeak.entry import Entry, asked
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Dots, Event, Figure, Level, Mark
from photopeak.immunoassay.control_limits import ADVISED, LimitsFrom, limits_of
from photopeak.immunoassay.control_precision import BROKEN, OF_A_CONTROL, lot_shifts, precision, sigma_metric, uncertainty
from photopeak.immunoassay.control_table import ControlResult, Series, accepts_control, limits_at, read_control
from photopeak.immunoassay.results_table import problem_remarks
from photopeak.immunoassay.westgard import WARNING, Rules, Scored, by_run, rules_broken
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.words import Words

SHOWN_REMARKS = 60
MOST_SHOWN = 400  #: results of one chart
SHOWN_SD = 5.0  #: results further off are drawn there, with their rule


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlChart(Result):
    series: tuple[Series, ...]
    runs: tuple[tuple[str, tuple[str, ...]], ...]

    def figures(self) -> tuple[Figure, ...]:
        """A Levey-Jennings chart of each material, all of its lots in one, the rule broken written at the point."""
        materials = list(dict.fromkeys(one.material for one in self.series))
        return tuple(_levey_jennings([one for one in self.series if one.material == material]) for material in materials)

    def document_extras(self) -> dict[str, Any]:
        return {"runs": [{"run": run, "rules": list(rules)} for run, rules in self.runs]}


ENTRIES = (
    Entry(
        words=Words("runs", "各批"),
        rows=(
            asked("run", "run", "批次", "text"),
            asked("date", "date", "日期", "time"),
            asked("material", "control material", "质控品", "text"),
            asked("lot", "lot", "批号", "text"),
            asked("value", "result", "结果"),
            asked("mean", "declared mean", "标称均值"),
            asked("sd", "declared standard deviation", "标称标准差", above=0),
        ),
    ),
)


@procedure(
    en="Internal control chart",
    zh="室内质控图",
    implements="Levey-Jennings; Westgard 1981; ISO/TS 20914",
    kinds=("table",),
    quantities=OF_A_CONTROL,
    accepts=accepts_control,
    entries=ENTRIES,
)
def control_chart(
    evidence: Evidence,
    *,
    limits: Annotated[LimitsFrom, Words("where mean and sd come from", "均值与标准差的来源")] = "auto",
    first: Annotated[
        int, Words("results of a lot that fix its limits, 0 for all", "用于确定限值的每批号前若干结果，0 为全部")
    ] = 0,
    rules: Annotated[Rules, Words("rules: westgard or extended", "规则：westgard 或 extended（扩展）")] = "westgard",
    allowable_percent: Annotated[float | None, Words("allowable total error, %", "允许总误差，%")] = None,
    bias_percent: Annotated[float | None, Words("bias from EQA, %", "室间质评偏倚，%")] = None,
    u_calibrator_percent: Annotated[
        float, Words("relative uncertainty of the calibrator, %", "校准品相对标准不确定度，%")
    ] = 0.0,
    u_bias_percent: Annotated[float, Words("relative uncertainty of the bias, %", "偏倚相对标准不确定度，%")] = 0.0,
) -> ControlChart:
    results, problems = read_control(evidence)
    series, without = _series(results, limits, first)
    if not series:
        raise Refused(
            "no_limits",
            en=f"{evidence.name}: {len(results)} results give no limits; declare mean and sd in their columns, or collect at least "
            f"{ADVISED} results of a lot",
            zh=f"{evidence.name}：{len(results)} 个结果不足以建立限值；请在 mean、sd 列给出均值和标准差，或每个批号至少累积 {ADVISED} 个结果。",
        )
    series, runs = _judged(series, results, rules)
    measurements, remarks = [], [*problem_remarks(problems), *without]
    for one in series:
        measurements += precision(one, remarks)
        measurements += sigma_metric(one, allowable_percent, bias_percent)
    measurements += lot_shifts(series, remarks) + uncertainty(series, u_calibrator_percent, u_bias_percent)
    measurements.append(BROKEN.of(sum(1 for _, found in runs if set(found) - {WARNING})))
    return ControlChart(
        measurements=tuple(measurements),
        remarks=(*_broken_remarks(series), *remarks),
        conditions=tuple(_condition(one) for one in series),
        series=series,
        runs=runs,
    )


def _series(results: Sequence[ControlResult], wanted: LimitsFrom, first: int) -> tuple[tuple[Series, ...], list[Remark]]:
    """Each material and lot with its limits; those that have none are told."""
    groups: dict[tuple[str, str], list[ControlResult]] = {}
    for one in results:
        groups.setdefault(one.series, []).append(one)
    found, remarks = [], []
    for (material, lot), own in groups.items():
        declared = next((one.declared for one in own if one.declared is not None), None)
        limits = limits_of(np.array([one.value for one in own]), declared, wanted, first)
        name = " ".join(part for part in (material, lot) if part)
        if limits is None:
            remarks.append(
                remark(
                    "no_limits",
                    en=f"{name or 'the control'}: {len(own)} results are too few or too alike for limits; not charted",
                    zh=f"{name or '质控品'}：{len(own)} 个结果过少或无离散，无法建立限值，未作图",
                )
            )
            continue
        if limits.source != "declared" and limits.established_on < ADVISED:
            remarks.append(
                remark(
                    "few_results",
                    en=f"{name or 'the control'}: limits from {limits.established_on} results are preliminary; {ADVISED} are usual",
                    zh=f"{name or '质控品'}：限值仅由 {limits.established_on} 个结果建立，属临时限值，通常需要 {ADVISED} 个",
                )
            )
        found.append(Series(material=material, lot=lot, results=tuple(own), limits=limits, z=(), broken=()))
    return tuple(found), remarks


def _judged(
    series: Sequence[Series], results: Sequence[ControlResult], rules: Rules
) -> tuple[tuple[Series, ...], tuple[tuple[str, tuple[str, ...]], ...]]:
    """The rules over all materials in the order of the table, given back to each series."""
    limits = {(one.material, one.lot): one.limits for one in series}
    charted = [one for one in results if one.series in limits]
    scored = [
        Scored(run=f"{one.day}\x1f{one.run}", series="\x1f".join(one.series), z=limits_at(one, limits[one.series]).z(one.value))
        for one in charted
    ]
    broken = rules_broken(scored, rules)
    places: dict[tuple[str, str], list[int]] = {}
    for n, result in enumerate(charted):
        places.setdefault(result.series, []).append(n)
    judged = []
    for one in series:
        own = places[one.material, one.lot]
        judged.append(replace(one, z=tuple(scored[n].z for n in own), broken=tuple(broken[n] for n in own)))
    runs = tuple((run.split("\x1f")[1], found) for run, found in by_run(scored, broken).items())
    return tuple(judged), runs


SAID = {
    "1_2s": Words("beyond 2 s (warning)", "超出 2s（警告）"),
    "1_3s": Words("beyond 3 s", "超出 3s"),
    "2_2s": Words("two beyond 2 s on one side", "两个结果同侧超出 2s"),
    "R_4s": Words("one above +2 s and one below -2 s in this run", "同批内一个高于 +2s、一个低于 −2s"),
    "4_1s": Words("four in a row beyond 1 s on one side", "连续四个同侧超出 1s"),
    "10_x": Words("ten in a row on one side of the mean", "连续十个在均值同侧"),
    "2of3_2s": Words("two of three beyond 2 s on one side", "三个中两个同侧超出 2s"),
    "3_1s": Words("three in a row beyond 1 s on one side", "连续三个同侧超出 1s"),
    "6_x": Words("six in a row on one side of the mean", "连续六个在均值同侧"),
    "8_x": Words("eight in a row on one side of the mean", "连续八个在均值同侧"),
    "12_x": Words("twelve in a row on one side of the mean", "连续十二个在均值同侧"),
    "7_T": Words("seven in a row rising or falling", "连续七个单向变化"),
}


def _broken_remarks(series: Sequence[Series]) -> list[Remark]:
    """One remark for each rule a result breaks, the most serious kinds first where there are very many."""
    said: list[tuple[int, Remark]] = []
    for one in series:
        name = " ".join(one.where.values())
        for result, z, broken in zip(one.results, one.z, one.broken):
            for rule in broken:
                en, zh = SAID[rule].en, SAID[rule].zh
                words = Words(
                    f"{result.place.en}{', ' + name if name else ''}: {rule}, {en} (z = {z:+.2f})",
                    f"{result.place.zh}{'，' + name if name else ''}：{rule}，{zh}（z = {z:+.2f}）",
                )
                said.append((rule == WARNING, Remark(code=f"westgard_{rule}", words=words)))
    if len(said) <= SHOWN_REMARKS:
        return [one for _, one in said]
    kept = sorted(said, key=lambda pair: pair[0])[:SHOWN_REMARKS]
    more = len(said) - SHOWN_REMARKS
    rest = remark(
        "more_rules_broken",
        en=f"{more} more rules broken; every run stands under runs in results.json",
        zh=f"另有 {more} 条规则被违反；全部批次见 results.json 的 runs",
    )
    return [*(one for _, one in kept), rest]


def _condition(one: Series) -> Condition:
    name = " ".join(one.where.values())
    limits = one.limits
    en = {"declared": "declared", "robust": "robust, algorithm A", "classical": "classical"}[limits.source]
    zh = {"declared": "已声明", "robust": "稳健（算法 A）", "classical": "经典"}[limits.source]
    counted = f", {limits.established_on}" if limits.established_on else ""
    return Condition(
        label=Words(f"{name} mean and sd".strip(), f"{name} 均值与标准差".strip()),
        value=Words(
            f"{limits.mean:.6g}, {limits.sd:.4g} ({en}{counted})", f"{limits.mean:.6g}，{limits.sd:.4g}（{zh}{counted}）"
        ),
    )


def _levey_jennings(series: Sequence[Series]) -> Chart:
    """z of every result in order of the table, lots side by side; at a broken rule its name."""
    count = sum(len(one.results) for one in series)
    hidden = max(0, count - MOST_SHOWN)
    x = np.arange(1, count + 1, dtype=np.float64)[hidden:]
    z = np.concatenate([one.z for one in series]).astype(np.float64)[hidden:]
    names = tuple(Words(name, name) for one in series for name in _names(one))[hidden:]
    levels = [
        Level(y=float(k), name=Words(*(2 * (_level(k),))), style="solid" if abs(k) in (0, 3) else "dotted")
        for k in range(-3, 4)
    ]
    events, at = [], 1.0
    for one in series:
        if one.lot and at > hidden:
            events.append(Event(x=at, name=Words(f"lot {one.lot}", f"批号 {one.lot}")))
        at += len(one.results)
    marks: list[Mark] = [*levels, *events, Dots(x=x, y=np.clip(z, -SHOWN_SD, SHOWN_SD), names=names, joined=True)]
    material = series[0].material
    last_en, last_zh = (f", the last {MOST_SHOWN} results", f"，最近 {MOST_SHOWN} 个结果") if hidden else ("", "")
    return Chart(
        title=Words(
            f"Levey-Jennings chart {material}".strip() + last_en, f"Levey-Jennings 质控图 {material}".strip() + last_zh
        ),
        x=Axis(label=Words("result", "结果序号")),
        y=Axis(label=Words("deviation / s", "偏差 / s"), low=-SHOWN_SD - 2, high=SHOWN_SD + 2),
        marks=tuple(marks),
    )


def _level(k: int) -> str:
    return "" if abs(k) < 2 else f"{'+' if k > 0 else '−'}{abs(k)} s"


def _names(one: Series) -> list[str]:
    """What is written at each result: a rule that stays broken is named where it begins, so that names do not cover each other."""
    found = [_name(rules) for rules in one.broken]
    return ["" if n > 0 and name == found[n - 1] else name for n, name in enumerate(found)]


def _name(rules: Sequence[str]) -> str:
    """The rule to write at a point: the gravest; a plain warning is left to the lines."""
    grave = [rule for rule in rules if rule != WARNING]
    return grave[0] if grave else ""
