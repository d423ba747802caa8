"""What the reader of a round is told, in both languages: who is far off, which methods differ, why a score is not given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from photopeak.immunoassay.blunder_screen import Reach, Suspect
from photopeak.immunoassay.consensus import FEWEST_FOR_CONSENSUS, FEWEST_FOR_Z_PRIME
from photopeak.immunoassay.method_groups import ALL
from photopeak.immunoassay.results_table import Reported
from photopeak.immunoassay.robust_statistics import columns_of, quantile
from photopeak.immunoassay.round_targets import GroupTarget, SampleTargets, far_results
from photopeak.procedure import Remark, remark
from photopeak.words import Words

DECADE = 10.0  #: ratio of the ninth to the first decile above which results belong on a log scale
NAMED = 8  #: results named in one sentence


def place_words(analyte: str, sample: str, group: str = ALL) -> Words:
    parts = [part for part in (analyte, sample) if part]
    en, zh = " ".join(parts) or "the sample", " ".join(parts) or "该样品"
    return Words(en, zh) if group == ALL else Words(f"{en}, {group}", f"{zh}，{group}")


def sample_remarks(sample: SampleTargets) -> tuple[Remark, ...]:
    """What is to be said of one sample: groups that differ, modes, few or far or censored results."""
    said: list[Remark] = []
    place = place_words(sample.analyte, sample.sample)
    split = any(group.group != ALL for group in sample.groups)
    if sample.comparison is not None and sample.comparison.differ:
        said.append(_differ(place, sample, split=split))
    small = next((group for group in sample.groups if split and group.group == ALL), None)
    if small is not None:
        said.append(_small(place, small))
    for group in sample.groups:
        said += _group_remarks(group, pooled=not split)
    return tuple(said)


def _differ(place: Words, sample: SampleTargets, *, split: bool) -> Remark:
    comparison = sample.comparison
    assert comparison is not None
    medians = ", ".join(f"{name} {comparison.medians[name]:.4g} (n = {comparison.sizes[name]})" for name in comparison.medians)
    medians_zh = "、".join(
        f"{name} {comparison.medians[name]:.4g}（n = {comparison.sizes[name]}）" for name in comparison.medians
    )
    if split:
        after, after_zh = "each method is scored by its own target", "按各方法组自己的靶值评分"
    else:
        after, after_zh = "they were scored together as the scheme asks", "按方案要求合并评分"
    return remark(
        "method_groups_differ",
        en=f"{place.en}: the methods differ, medians {medians}; Kruskal-Wallis p = {comparison.p_value:.2g}; {after}",
        zh=f"{place.zh}：各方法结果存在差异，中位数 {medians_zh}；Kruskal-Wallis 检验 p = {comparison.p_value:.2g}；{after_zh}",
    )


def _small(place: Words, group: GroupTarget) -> Remark:
    names = list(dict.fromkeys(one.laboratory for one in group.members if one.value is not None))
    shown = ", ".join(names[:NAMED]) + (" ..." if len(names) > NAMED else "")
    return remark(
        "group_too_small",
        en=f"{place.en}: the method groups of {shown} are too small for a target of their own; they are scored against all results",
        zh=f"{place.zh}：{shown} 所属方法组结果太少，不能单独形成靶值，按全部结果评分",
    )


def _group_remarks(group: GroupTarget, *, pooled: bool) -> list[Remark]:
    said: list[Remark] = []
    place = place_words(group.analyte, group.sample, group.group)
    sealed = group.declared is not None and group.declared.target is not None
    if group.kind == "none" and not sealed:
        said.append(_too_few(place, group))
    elif group.main is not None and group.main.spread <= 0:
        said.append(
            remark(
                "equal_results",
                en=f"{place.en}: more than half of the results are equal, so the spread is zero and z is not given",
                zh=f"{place.zh}：半数以上结果相同，离散程度为零，不给出 z 比分数",
            )
        )
    far = far_results(group)
    if far:
        said.append(_far(place, far))
    shape = group.shape
    if shape is not None and len(shape.modes) > 1:
        said.append(_modes(place, shape.modes, pooled=pooled))
    if group.scale == "linear" and _spans_decades(group):
        said.append(
            remark(
                "spans_decades",
                en=f"{place.en}: the middle four fifths of the results differ by more than tenfold; a mean, its spread and z on a "
                'linear scale suit such results badly, consider scale = "log" in the scheme of the next round',
                zh=f"{place.zh}：中间八成结果相差超过十倍；线性尺度下的均值、标准差和 z 比分数不适用，"
                '建议下一轮方案采用 scale = "log"（对数尺度）',
            )
        )
    limited = [one for one in group.counting if one.sign]
    if limited:
        said.append(_limited(place, group, limited))
    return said


def _spans_decades(group: GroupTarget) -> bool:
    if len(group.values) < FEWEST_FOR_CONSENSUS:
        return False
    columns = columns_of(group.values)
    low, high = float(quantile(columns, 0.1)[0]), float(quantile(columns, 0.9)[0])
    return low > 0 and high > DECADE * low


def _too_few(place: Words, group: GroupTarget) -> Remark:
    n = len([one for one in group.counting if not one.sign])
    return remark(
        "too_few_results",
        en=f"{place.en}: {n} {'result is' if n == 1 else 'results are'} too few for a consensus; no target and no score from consensus is given, "
        "use a reference value or report for education only",
        zh=f"{place.zh}：仅 {n} 个结果，不足以形成公议值，不给出公议靶值和评分；请采用参考值，或仅作教育性评价",
    )


def _far(place: Words, far: Iterable[Reported]) -> Remark:
    some = list(far)
    names = [f"{one.laboratory} {one.value}" for one in some[:NAMED]]
    more = f" (+{len(some) - NAMED})" if len(some) > NAMED else ""
    return remark(
        "far_result",
        en=f"{place.en}: far from the others: {', '.join(names)}{more}; check for a slip of unit, decimal point or sample",
        zh=f"{place.zh}：明显偏离其他结果：{'、'.join(names)}{more}；请核对单位、小数点和样品编号",
    )


def _modes(place: Words, modes: tuple[float, ...], *, pooled: bool) -> Remark:
    at = ", ".join(f"{mode:.4g}" for mode in modes)
    return remark(
        "several_modes",
        en=f"{place.en}: the density of the results has {len(modes)} bumps, at {at}; "
        + (
            "no method column explains them, look for groups before trusting one target"
            if pooled
            else "within one method group"
        ),
        zh=f"{place.zh}：结果分布有 {len(modes)} 个峰，位于 {at}；"
        + ("方法信息不能解释，采用单一靶值前请先查找分组原因" if pooled else "出现在同一方法组内"),
    )


def _limited(place: Words, group: GroupTarget, limited: list[Reported]) -> Remark:
    how = "Tobit maximum likelihood" if group.main is not None and group.main.estimator == "tobit" else "exact results only"
    how_zh = "Tobit 极大似然法" if how.startswith("Tobit") else "仅用有确切数值的结果"
    return remark(
        "censored_results",
        en=f"{place.en}: {len(limited)} of {len(group.counting)} results are limits (< or >); the target is by {how}, "
        "the variants that delete them, take the limit or half of it stand beside it",
        zh=f"{place.zh}：{len(group.counting)} 个结果中有 {len(limited)} 个为界限值（< 或 >）；靶值采用{how_zh}，"
        "同时列出删除、取界限值、取一半三种处理的结果",
    )


def why_no_z(group: GroupTarget) -> Remark | None:
    """Why a group gets no z or z' though it has a target, None where it gets one."""
    if group.kind != "fixed" or group.main is None:
        return None
    place = place_words(group.analyte, group.sample, group.group)
    return remark(
        "fixed_criterion_only",
        en=f"{place.en}: {group.main.count} results; below {FEWEST_FOR_Z_PRIME} the consensus is too uncertain for z or z', "
        "the deviation is judged by the fixed allowable error",
        zh=f"{place.zh}：共 {group.main.count} 个结果，少于 {FEWEST_FOR_Z_PRIME} 个时公议值不确定度过大，不给出 z 或 z' 比分数，"
        "按固定的允许总误差评价偏差",
    )


def target_words(group: GroupTarget) -> Remark | None:
    """A group that has results but no target to hold them against."""
    declared = group.declared
    if declared is not None and declared.target == 0:
        place = place_words(group.analyte, group.sample, group.group)
        return remark(
            "zero_target",
            en=f"{place.en}: the target is zero, a deviation in per cent has no meaning; nothing is scored",
            zh=f"{place.zh}：靶值为零，百分偏差无意义，不予评分",
        )
    return None


STATE_WORDS = {
    "late": Words("returned late", "迟报"),
    "not_returned": Words("not returned", "未回报"),
    "withdrawn": Words("withdrawn", "已退出"),
    "technical": Words("technical problem", "技术问题"),
    "excused": Words("excused", "已免责"),
    "unreadable": Words("unreadable", "无法读取"),
    "duplicate": Words("two different results", "结果重复且不一致"),
    "unit": Words("unit not convertible", "单位无法换算"),
    "unknown": Words("unknown status", "状态无法识别"),
}


def unused_results(results: Iterable[Reported]) -> tuple[Remark, ...]:
    """Who is shown but did not enter the statistics, one remark for each reason."""
    by_state: dict[str, list[Reported]] = {}
    for one in results:
        if one.state:
            by_state.setdefault(one.state, []).append(one)
    said = []
    for state, some in by_state.items():
        names = list(
            dict.fromkeys("/".join(part for part in (one.laboratory, one.analyte, one.sample) if part) for one in some)
        )
        shown = ", ".join(names[: 3 * NAMED]) + (f" (+{len(names) - 3 * NAMED})" if len(names) > 3 * NAMED else "")
        words = STATE_WORDS[state]
        zero = state in ("late", "not_returned")
        said.append(
            remark(
                f"result_{state}",
                en=f"{words.en}: {shown}; " + ("counts as not acceptable" if zero else "not scored"),
                zh=f"{words.zh}：{shown}；" + ("按不合格计" if zero else "不评分"),
            )
        )
    return tuple(said)


def suspect_words(suspect: Suspect) -> Remark:
    """A result that a slip explains: which, and what to ask the laboratory. Nothing is corrected."""
    who, said = "/".join(part for part in (suspect.laboratory, suspect.analyte) if part), slip_words(suspect)
    return remark(
        f"blunder_{suspect.kind}",
        en=f"{who}: {said.en}; ask the laboratory, nothing was corrected",
        zh=f"{who}：{said.zh}；请向实验室核实，未作任何更正",
    )


def slip_words(suspect: Suspect) -> Words:
    """What the results of a laboratory look like."""
    shown = ", ".join(f"{one.sample} {one.value}".strip() for one in suspect.results)
    why = " / ".join(suspect.explanations)
    en = {"power_of_ten": "a decimal point", "unit": "a mistaken unit", "swap": "two exchanged samples"}[suspect.kind]
    zh = {"power_of_ten": "小数点错位", "unit": "单位用错", "swap": "两个样品互换"}[suspect.kind]
    return Words(f"{shown} looks like {en} ({why})", f"{shown} 疑似{zh}（{why}）")


def hidden_words(reach: Mapping[str, Reach]) -> Remark | None:
    """Slips that the spread of an analyte would hide: silence of the screen says nothing about them."""
    units = [(name, unit) for name, one in reach.items() for unit in one.hidden_units]
    pairs = [(name, f"{a} <-> {b}") for name, one in reach.items() for a, b in one.hidden_pairs]
    some = [" ".join(part for part in one if part) for one in (*units, *pairs)]
    if not some:
        return None
    shown = "; ".join(some[:NAMED]) + (f" (+{len(some) - NAMED})" if len(some) > NAMED else "")
    return remark(
        "blunder_cannot_be_distinguished",
        en=f"slips that cannot be distinguished from the spread of the results: {shown}",
        zh=f"以下差错与结果的离散程度不能区分，未发现不代表没有：{shown}",
    )
