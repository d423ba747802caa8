"""Assigned value of each sample of an EQA round, its robust spread and its standard uncertainty.

ISO 13528:2022 with Amd 1:2026, clause 7 and Annex C. The target is the consensus of a method group by a named estimator, or a
reference value that was declared with its uncertainty. Fewer than five results make no consensus. Where methods differ
significantly and by more than a negligible part of their own spread, each method has its own target. Results given as limits
("<0.5") enter by maximum likelihood (Tobit), the simple substitutes stand beside. On a log scale the estimate is that of ln x.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated

import numpy as np

from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.immunoassay.consensus import ESTIMATORS, Consensus
from photopeak.immunoassay.method_groups import ALL
from photopeak.immunoassay.results_table import Declared, Reported, ReportedTable, accepts_results, read_results
from photopeak.immunoassay.robust_statistics import algorithm_s
from photopeak.immunoassay.round_targets import Grouping, GroupTarget, Rule, SampleTargets, Scale, targets_of
from photopeak.immunoassay.round_words import place_words, sample_remarks
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.words import Words

ASSIGNED_VALUE = Quantity(name="assigned_value", unit="1", en="assigned value", zh="指定值（靶值）", judged=False)
ROBUST_SD = Quantity(name="robust_sd", unit="1", en="robust standard deviation", zh="稳健标准差", judged=False)
U_ASSIGNED = Quantity(
    name="u_assigned", unit="1", en="standard uncertainty of the assigned value", zh="指定值的标准不确定度", judged=False
)
FIGURES = 12  #: samples drawn; a whole national round would be a book
KNOWN = (*ESTIMATORS, "algorithm_s", "reference")


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignedValues(Result):
    """`samples` hold the groups with their results and estimates, as plain arrays."""

    samples: tuple[SampleTargets, ...]

    def figures(self) -> tuple[Figure, ...]:
        """The density of each sample's results, by method group."""
        return tuple(chart for sample in self.samples[:FIGURES] if (chart := _chart(sample)) is not None)


@procedure(
    en="Assigned value",
    zh="指定值（靶值）",
    implements="ISO 13528:2022 with Amd 1:2026, clause 7 and Annex C",
    kinds=("table",),
    quantities=(ASSIGNED_VALUE, ROBUST_SD, U_ASSIGNED),
    accepts=accepts_results,
)
def assigned_value(
    evidence: Evidence,
    *,
    estimator: Annotated[tuple[str, ...], Words("estimator, repeatable", "估计方法，可重复")] = ("algorithm_a",),
    grouping: Annotated[Grouping, Words("method groups", "方法分组")] = "auto",
    scale: Annotated[Scale, Words("scale of the estimate", "估计所用尺度")] = "linear",
    target: Annotated[float | None, Words("reference value", "参考值")] = None,
    target_uncertainty: Annotated[float | None, Words("its standard uncertainty", "参考值的标准不确定度")] = None,
    u_homogeneity: Annotated[float, Words("uncertainty from homogeneity", "均匀性引入的不确定度")] = 0.0,
    u_stability: Annotated[float, Words("uncertainty from stability", "稳定性引入的不确定度")] = 0.0,
    u_transport: Annotated[float, Words("uncertainty from transport", "运输引入的不确定度")] = 0.0,
) -> AssignedValues:
    estimators = known_estimators(estimator)
    repeated = "algorithm_s" in estimators
    table = read_results(evidence, replicates=repeated)
    if target is not None:
        table = with_reference(table, target, target_uncertainty)
    within = _repeatability(table) if repeated else ()
    table = with_means(table, always=repeated)
    consensus_by = tuple(name for name in estimators if name in ESTIMATORS) or ("algorithm_a",)
    others = math.sqrt(u_homogeneity**2 + u_stability**2 + u_transport**2)
    rule = Rule(estimators=consensus_by, grouping=grouping, scale=scale, u_others=others)
    samples = targets_of(table, rule)
    remarks = [one for sample in samples for one in sample_remarks(sample)]
    if repeated and not within:
        remarks.append(_no_replicates())
    if "reference" in estimators and not table.declared:
        remarks.append(_no_reference())
    measurements = [one for sample in samples for group in sample.groups for one in group_measurements(group)]
    remarks += [one for sample in samples for group in sample.groups if (one := _against_reference(group)) is not None]
    return AssignedValues(
        measurements=(*measurements, *within),
        remarks=(*table.remarks, *remarks),
        conditions=_conditions(table, rule),
        samples=samples,
    )


def known_estimators(names: tuple[str, ...] | str) -> tuple[str, ...]:
    """The estimators asked for, each once; an unknown one is refused with the list."""
    wanted = tuple(dict.fromkeys((names,) if isinstance(names, str) else names)) or ("algorithm_a",)
    unknown = [name for name in wanted if name not in KNOWN]
    if unknown:
        raise Refused(
            "unknown_estimator",
            en=f"no estimator {', '.join(unknown)}; there are {', '.join(KNOWN)}",
            zh=f"没有名为 {'、'.join(unknown)} 的估计方法。现有：{'、'.join(KNOWN)}。",
        )
    return wanted


def with_reference(table: ReportedTable, target: float, uncertainty: float | None) -> ReportedTable:
    """The table with one declared target; it must hold one sample only."""
    places = list(table.units)
    if len(places) > 1:
        raise Refused(
            "several_samples",
            en=f"one reference value was given for {len(places)} samples; put the targets into a column nominal",
            zh=f"共有 {len(places)} 个样品，但只给出一个参考值；请在 nominal（靶值）列中逐个填写。",
        )

    own = table.declared.get(places[0], Declared())
    return replace(
        table, declared={places[0]: replace(own, target=Decimal(repr(target)), uncertainty=uncertainty or own.uncertainty)}
    )


def group_measurements(group: GroupTarget) -> tuple[Measurement, ...]:
    """Assigned value, spread and uncertainty of one group by every estimator and variant."""
    found: list[Measurement] = []
    for one in group.estimates:
        found += _of_estimate(group, one, {"estimator": one.estimator})
    for how, one in group.variants:
        found += _of_estimate(group, one, {"estimator": one.estimator, "censored": how})
    declared = group.declared
    if declared is not None and declared.target is not None:
        where = {**_where(group), "estimator": "reference"}
        value, u = float(declared.target), declared.uncertainty
        found.append(_measured(ASSIGNED_VALUE, value, group, where, u))
        if u is not None:
            found.append(_measured(U_ASSIGNED, u, group, where))
    return tuple(found)


def _of_estimate(group: GroupTarget, one: Consensus, named: dict[str, str]) -> list[Measurement]:
    where = {**_where(group), **named}
    u = math.hypot(one.u, group.u_others)
    return [
        _measured(ASSIGNED_VALUE, one.location, group, where, u),
        _measured(ROBUST_SD, one.spread, group, where),
        _measured(U_ASSIGNED, u, group, where),
    ]


def _where(group: GroupTarget) -> dict[str, str]:
    place = {"analyte": group.analyte, "sample": group.sample, "method_group": group.group}
    place |= {"scale": "log"} if group.scale == "log" else {}
    return {key: value for key, value in place.items() if value}


def _measured(
    quantity: Quantity, value: float, group: GroupTarget, where: dict[str, str], u: float | None = None
) -> Measurement:
    return Measurement(quantity=quantity, value=value, unit=group.unit or "1", uncertainty=u, where=where)


def with_means(table: ReportedTable, *, always: bool = False) -> ReportedTable:
    """One result a laboratory, analyser and sample where the table numbers its replicates: they are not several laboratories."""
    if not always and not any(one.replicate for one in table.results):
        return table
    return replace(table, results=_means(table.results))


def _own_place(one: Reported) -> tuple[str, ...]:
    return (one.laboratory, one.instrument, *one.place)


def _means(results: tuple[Reported, ...]) -> tuple[Reported, ...]:
    """One result a laboratory: the mean of its replicates."""

    by_laboratory: dict[tuple[str, ...], list[Reported]] = {}
    for one in results:
        by_laboratory.setdefault(_own_place(one), []).append(one)
    means = []
    for some in by_laboratory.values():
        exact = [one for one in some if one.counts and not one.sign and one.value is not None]
        if len(exact) < 2:
            means.append(some[0])
        else:
            repeats = tuple(one.value for one in exact if one.value is not None)
            means.append(replace(exact[0], value=sum(repeats, Decimal(0)) / len(repeats), repeats=repeats))
    return tuple(means)


def _repeatability(table: ReportedTable) -> tuple[Measurement, ...]:
    """Algorithm S over the laboratories' own standard deviations, of those with the commonest number of replicates."""
    found = []
    for place, unit in table.units.items():
        replicates: dict[str, list[float]] = {}
        for one in table.results:
            if one.place == place and one.counts and not one.sign and one.value is not None:
                replicates.setdefault(one.laboratory, []).append(float(one.value))
        sizes = [len(values) for values in replicates.values() if len(values) > 1]
        if len(sizes) < 2:
            continue
        usual = max(set(sizes), key=sizes.count)
        deviations = [float(np.std(values, ddof=1)) for values in replicates.values() if len(values) == usual]
        pooled = float(algorithm_s(deviations, usual - 1)[0])
        where = {key: text for key, text in (("analyte", place[0]), ("sample", place[1])) if text}
        found.append(
            Measurement(
                quantity=ROBUST_SD,
                value=pooled,
                unit=unit or "1",
                where={**where, "method_group": ALL, "estimator": "algorithm_s"},
            )
        )
    return tuple(found)


def _no_replicates() -> Remark:
    return remark(
        "no_replicates",
        en="algorithm S needs at least two replicates in two laboratories (a column replicate, or repeated rows); it was left out",
        zh="算法 S 需要至少两个实验室各有两次重复测定（replicate 列或重复行），本次未计算",
    )


def _no_reference() -> Remark:
    return remark(
        "no_reference",
        en="no reference value was declared; give --target and --target-uncertainty or a column nominal",
        zh="未声明参考值；请给出 --target 和 --target-uncertainty，或增加 nominal（靶值）列",
    )


def _against_reference(group: GroupTarget) -> Remark | None:
    """7.8: a consensus that differs from the reference value by more than twice the uncertainty of the difference."""
    declared, main = group.declared, group.main
    if declared is None or declared.target is None or main is None:
        return None
    apart = main.location - float(declared.target)
    u = math.hypot(main.u, declared.uncertainty or 0.0)
    if abs(apart) <= 2 * u:
        return None
    place = place_words(group.analyte, group.sample, group.group)
    return remark(
        "consensus_differs_from_reference",
        en=f"{place.en}: the consensus {main.location:.4g} differs from the reference value {float(declared.target):.4g} by "
        f"{apart:+.3g}, more than twice its uncertainty {u:.2g}; look for a bias of the methods or of the reference value",
        zh=f"{place.zh}：公议值 {main.location:.4g} 与参考值 {float(declared.target):.4g} 相差 {apart:+.3g}，"
        f"超过其不确定度 {u:.2g} 的两倍；请查找方法或参考值的偏倚",
    )


def _conditions(table: ReportedTable, rule: Rule) -> tuple[Condition, ...]:
    laboratories = len({one.laboratory for one in table.results})
    counting = sum(one.counts for one in table.results)
    return (
        Condition(label=Words("laboratories", "实验室数"), value=Words(str(laboratories), str(laboratories))),
        Condition(
            label=Words("results used", "参与统计的结果数"),
            value=Words(f"{counting} of {len(table.results)}", f"{len(table.results)} 个中的 {counting} 个"),
        ),
        Condition(label=Words("estimators", "估计方法"), value=Words(", ".join(rule.estimators), "、".join(rule.estimators))),
        Condition(label=Words("grouping", "分组规则"), value=Words(rule.grouping, rule.grouping)),
    )


def _chart(sample: SampleTargets) -> Chart | None:
    lines = []
    for group in sample.groups:
        shape = group.shape
        if shape is None:
            continue
        share = len(group.values) / max(1, sum(len(other.values) for other in sample.groups))
        name = Words("all results", "全部结果") if group.group == ALL else Words(group.group, group.group)
        lines.append(Line(x=shape.at, y=shape.height * share, label=name))
    if not lines:
        return None
    place = place_words(sample.analyte, sample.sample)
    return Chart(
        title=Words(f"{place.en}: density of the results", f"{place.zh}：结果分布"),
        x=Axis(label=Words("result", "结果"), unit=sample.unit),
        y=Axis(label=Words("density", "密度"), low=0.0),
        marks=tuple(lines),
        group="density",
    )
