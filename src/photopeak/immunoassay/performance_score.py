"""Performance of each laboratory in an EQA round: deviation from the target, z or z', zeta, share of acceptable results.

ISO 13528:2022, clause 9. The target is the consensus of the laboratory's method group, or one that was sealed beforehand (option,
column `nominal`, or scheme). A consensus of 18 results or more gives z, of 12 to 17 z'; of 5 to 11 only the deviation, to be judged
by a fixed allowable error; fewer give none. The allowable error is never this procedure's own: it is declared by the scheme, the
table or the options, and the judge of the house holds each deviation against it. The targets' estimate includes the laboratory
itself, as the standard has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any

import numpy as np

from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line, Points
from photopeak.immunoassay.allowable_error import AllowableErrorError, Limits, declared, simple_limit
from photopeak.immunoassay.assigned_value import known_estimators, with_means, with_reference
from photopeak.immunoassay.blunder_screen import Screen, Suspect, screen, unit_slips
from photopeak.immunoassay.consensus import ESTIMATORS
from photopeak.immunoassay.eqa_round import require_frozen
from photopeak.immunoassay.results_table import Catalogue, Reported, ReportedTable, accepts_results, read_results
from photopeak.immunoassay.round_targets import Grouping, Rule, SampleTargets, Scale, targets_of
from photopeak.immunoassay.round_words import (
    hidden_words,
    place_words,
    sample_remarks,
    suspect_words,
    target_words,
    unused_results,
    why_no_z,
)
from photopeak.immunoassay.scheme import Scheme, SchemeError, parse_scheme
from photopeak.immunoassay.scored_results import (
    DEVIATION,
    DEVIATION_PERCENT,
    EN_SCORE,
    PERCENT_OF_ALLOWABLE,
    PT_SCORE,
    Z_PRIME,
    Z_SCORE,
    ZETA,
    Scored,
    Scoring,
    limits_of,
    pt_scores,
    scored,
)
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.words import Words

FIGURES = 12
POINTS = 60  #: laboratories drawn one by one; more become a curve


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceScores(Result):
    """`scored` holds every result, also those without a score; `limits` what was declared for this round."""

    samples: tuple[SampleTargets, ...]
    scored: tuple[Scored, ...]
    limits: Limits
    scheme_sha256: str = ""
    suspects: tuple[Suspect, ...] = ()  #: what looks like a slip of decimal point, unit or sample

    def declared_limits(self) -> Limits:
        return self.limits

    def figures(self) -> tuple[Figure, ...]:
        """The deviations of each sample, from the lowest to the highest."""
        return tuple(chart for one in self.samples[:FIGURES] if (chart := _chart(one, self.scored)) is not None)


@procedure(
    en="Performance score",
    zh="能力评分",
    implements="ISO 13528:2022, clause 9",
    kinds=("table",),
    quantities=(DEVIATION_PERCENT, DEVIATION, PERCENT_OF_ALLOWABLE, Z_SCORE, Z_PRIME, ZETA, EN_SCORE, PT_SCORE),
    accepts=accepts_results,
)
def performance_score(
    evidence: Evidence,
    *,
    estimator: Annotated[tuple[str, ...], Words("estimator of the target", "靶值估计方法")] = ("algorithm_a",),
    grouping: Annotated[Grouping, Words("method groups", "方法分组")] = "auto",
    scale: Annotated[Scale, Words("scale of the estimate", "估计所用尺度")] = "linear",
    target: Annotated[float | None, Words("sealed target", "密封靶值")] = None,
    target_uncertainty: Annotated[float | None, Words("its standard uncertainty", "靶值的标准不确定度")] = None,
    lower: Annotated[float | None, Words("lowest acceptable result", "可接受结果下限")] = None,
    upper: Annotated[float | None, Words("highest acceptable result", "可接受结果上限")] = None,
    sigma_pt: Annotated[float | None, Words("standard deviation for proficiency assessment", "能力评定标准差")] = None,
    allowable_percent: Annotated[float | None, Words("allowable error in per cent", "允许总误差（%）")] = None,
    allowable_absolute: Annotated[float | None, Words("allowable error in the unit", "允许总误差（绝对值）")] = None,
    strict: Annotated[bool, Words("a deviation of exactly the allowable error fails", "恰等于允许误差判为不合格")] = False,
    satisfactory_percent: Annotated[float | None, Words("least share of acceptable results", "PT 得分的合格下限")] = None,
    scheme: Annotated[str, Words("scheme, as @scheme.toml", "方案，写作 @scheme.toml")] = "",
    frozen: Annotated[str, Words("hash of the frozen protocol", "冻结方案的哈希值")] = "",
) -> PerformanceScores:
    protocol = _protocol(scheme, frozen)
    table = read_results(evidence, catalogue=None if protocol is None else protocol.catalogue)
    table = _with_sealed(with_means(table), protocol)
    if target is not None:
        table = with_reference(table, target, target_uncertainty)
    estimators = tuple(name for name in known_estimators(estimator) if name in ESTIMATORS) or ("algorithm_a",)
    rule = Rule(estimators=estimators, grouping=grouping, scale=scale)
    error = {"percent": allowable_percent, "absolute": allowable_absolute, "lower": lower, "upper": upper}
    try:
        scoring = _scoring(protocol, table, error, sigma_pt, strict=strict)
    except AllowableErrorError as wrong:
        raise Refused("allowable_error", en=wrong.words.en, zh=wrong.words.zh) from wrong
    samples = _samples(table, rule, protocol)
    by_group = limits_of(samples, scoring)
    results = tuple(one for sample in samples for one in scored(sample, scoring, by_group))
    some_limit = bool(by_group)
    shares = pt_scores(results) if some_limit else ()
    satisfactory = satisfactory_percent if protocol is None else protocol.satisfactory_percent or satisfactory_percent
    limits = tuple(one.criterion for one in by_group.values())
    measurements = (*(m for one in results for m in one.measurements), *shares)
    limits += _score_limits(satisfactory, protocol, {one.quantity.name for one in measurements})
    slips = _slips(samples, protocol)
    return PerformanceScores(
        measurements=measurements,
        remarks=(
            *table.remarks,
            *_slip_remarks(slips),
            *_remarks(samples, results, table, some_limit=some_limit),
        ),
        conditions=_conditions(rule, protocol),
        samples=samples,
        scored=results,
        limits=limits,
        scheme_sha256="" if protocol is None else protocol.sha256,
        suspects=slips.suspects,
    )


def _protocol(text: str, frozen: str) -> Scheme | None:
    if not text:
        return None
    try:
        scheme = parse_scheme(text)
        if frozen:
            require_frozen(scheme, frozen)
    except SchemeError as error:
        raise Refused(error.code, en=error.words.en, zh=error.words.zh) from error
    return scheme


def _with_sealed(table: ReportedTable, scheme: Scheme | None) -> ReportedTable:
    """The table with the sealed targets of the scheme."""
    if scheme is None:
        return table
    sealed = {place: one for place, one in scheme.sealed.items() if place in table.units}
    return replace(table, declared={**table.declared, **sealed})


def _scoring(
    scheme: Scheme | None, table: ReportedTable, given: Mapping[str, float | None], sigma_pt: float | None, *, strict: bool
) -> Scoring:
    """The scheme's allowable errors and sigma_pt; else one for all from the options."""
    allowable = {} if scheme is None else {one.name: one.allowable for one in scheme.analytes if one.allowable is not None}
    sigma = {} if scheme is None else {one.name: one.sigma_pt for one in scheme.analytes if one.sigma_pt is not None}
    if (own := _kind(given)) and not allowable:
        unit = next(iter(table.units.values()), "") or "1"
        values = {key: number for key, number in given.items() if number is not None}
        table_unit = {"unit": unit} if "absolute" in values else {}
        allowable[""] = declared({"kind": own, "inclusive": not strict, **table_unit, **values})
    if sigma_pt is not None:
        sigma[""] = sigma_pt
    return Scoring(allowable=allowable, sigma_pt=sigma, strict=strict)


def _kind(given: Mapping[str, float | None]) -> str:
    if given["lower"] is not None or given["upper"] is not None:
        return "range"
    if given["percent"] is not None:
        return "percent" if given["absolute"] is None else "greater"
    return "absolute" if given["absolute"] is not None else ""


def _samples(table: ReportedTable, rule: Rule, scheme: Scheme | None) -> tuple[SampleTargets, ...]:
    """The targets, each analyte by its own rule of the scheme."""
    if scheme is None:
        return targets_of(table, rule)
    by_rule: dict[Rule, list[Reported]] = {}
    for one in table.results:
        analyte = scheme.analyte(one.analyte)
        by_rule.setdefault(rule if analyte is None else analyte.rule, []).append(one)
    return tuple(
        sample for own, results in by_rule.items() for sample in targets_of(replace(table, results=tuple(results)), own)
    )


def _score_limits(satisfactory: float | None, scheme: Scheme | None, measured: set[str]) -> Limits:
    """What the scheme asks of the scores themselves, of those that were given."""
    limits: Limits = ()
    if satisfactory is not None and "pt_score" in measured:
        limits += (simple_limit("pt_score", "%", lower=satisfactory),)
    if scheme is not None and scheme.z_action is not None:
        for name in sorted({"z_score", "z_prime"} & measured):
            limits += (simple_limit(name, "1", lower=-scheme.z_action, upper=scheme.z_action, strict=True),)
    return limits


def _remarks(
    samples: tuple[SampleTargets, ...], results: tuple[Scored, ...], table: ReportedTable, *, some_limit: bool
) -> tuple[Remark, ...]:
    said = [one for sample in samples for one in sample_remarks(sample)]
    groups = [group for sample in samples for group in sample.groups]
    said += [one for group in groups if (one := why_no_z(group)) is not None]
    said += [one for group in groups if (one := target_words(group)) is not None]
    said += unused_results(table.results)
    said += _limit_results(results)
    if not some_limit and any(one.measurements for one in results):
        said.append(
            remark(
                "no_allowable_error",
                en="no allowable error was declared: deviations are measured, nothing is judged acceptable; "
                "give a scheme, --allowable-percent, or --programme",
                zh="未声明允许误差：只给出偏差，不作合格判定；请提供方案文件、--allowable-percent 或 --programme",
            )
        )
    return tuple(said)


def _slips(samples: tuple[SampleTargets, ...], scheme: Scheme | None) -> Screen:
    catalogue = Catalogue() if scheme is None else scheme.catalogue
    return screen(samples, unit_slips(catalogue.factors, catalogue.factor))


def _slip_remarks(found: Screen) -> tuple[Remark, ...]:
    """What looks like a slip of decimal point, unit or sample, and what the spread would hide."""
    hidden = hidden_words(found.reach)
    return (*(suspect_words(one) for one in found.suspects), *(() if hidden is None else (hidden,)))


def _limit_results(results: tuple[Scored, ...]) -> list[Remark]:
    """Results given as a limit: consistent with the target, wrong, or not to be told."""
    said = []
    for one in results:
        if one.limit_percent is None:
            continue
        reported, code = one.reported, {True: "consistent", False: "wrong", None: "open"}[one.good]
        place = place_words(reported.analyte, reported.sample)
        en = {
            "consistent": "agrees with the target",
            "wrong": "excludes the target by more than the allowable error",
            "open": "cannot be told from the target and is not scored",
        }[code]
        zh = {"consistent": "与靶值相符", "wrong": "与靶值之差超出允许误差", "open": "与靶值不能区分，不评分"}[code]
        shown = f"{reported.laboratory} {reported.sign}{reported.value}"
        said.append(remark(f"limit_{code}", en=f"{place.en}: {shown} {en}", zh=f"{place.zh}：{shown} {zh}"))
    return said


def _conditions(rule: Rule, scheme: Scheme | None) -> tuple[Condition, ...]:
    estimators = ", ".join(rule.estimators)
    known = (
        Condition(label=Words("estimator of the target", "靶值估计方法"), value=Words(estimators, estimators)),
        Condition(label=Words("grouping", "分组规则"), value=Words(rule.grouping, rule.grouping)),
        Condition(
            label=Words("uncertainty of a deviation", "偏差的不确定度"),
            value=Words("that of the target", "来自靶值"),
        ),
    )
    if scheme is None:
        return known
    return (
        Condition(label=Words("scheme", "方案"), value=scheme.name),
        Condition(label=Words("frozen protocol (sha256)", "冻结方案（sha256）"), value=Words(scheme.sha256, scheme.sha256)),
    )


def _chart(sample: SampleTargets, results: tuple[Scored, ...]) -> Chart | None:
    own = [one for one in results if one.group in sample.groups and one.measurements]
    found: dict[str, list[Any]] = {}
    for one in own:
        found.setdefault(one.group.group, []).append(one.measurements[0])
    if not found:
        return None
    marks: list[Line | Points] = []
    begin = 1
    for name, deviations in found.items():
        ordered = sorted(deviations, key=_value)
        ranks = tuple(float(begin + n) for n in range(len(ordered)))
        label = Words("all results", "全部结果") if name == "all" else Words(name, name)
        if len(ordered) <= POINTS:
            marks.append(Points(x=ranks, measurements=tuple(ordered), label=label))
        else:
            marks.append(Line(x=np.array(ranks), y=np.array([one.value for one in ordered]), label=label))
        begin += len(ordered)
    place = place_words(sample.analyte, sample.sample)
    return Chart(
        title=Words(f"{place.en}: deviations", f"{place.zh}：偏差"),
        x=Axis(label=Words("laboratories, by deviation", "实验室（按偏差排序）"), low=0.0),
        y=Axis(label=Words("deviation from the target", "相对靶值的偏差"), unit="%"),
        marks=tuple(marks),
        group="deviations",
    )


def _value(measurement: Any) -> float:
    return float(measurement.value)
