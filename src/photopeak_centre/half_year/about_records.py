"""Report elements, therapy records and the national indicators of a period."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from photopeak.report_review.rates import region
from photopeak_centre.checks.models import Result
from photopeak_centre.half_year.numbers import Numbers
from photopeak_centre.half_year.periods import Period
from photopeak_centre.half_year.section import Section, said, shown
from photopeak_centre.indicators.counts import Counts, audits, impossible
from photopeak_centre.indicators.national import national

THERAPY = "radionuclide_therapy."
LOWEST_SHOWN = 12
ROW_KINDS = {"form": "monthly", "eqa": "score", "reports": "result", "readings": "reading"}


def reports(period: Period, numbers: Numbers) -> Section:
    """How often each required element stands in the reviewed reports."""
    section = Section("reports", said("Report elements", "报告要素"))
    lines = audits(period)
    if not lines:
        return section.not_available("No report was reviewed in this period.", "本期未评审报告。")
    found = region(lines)
    reviewed = [("result", line["report"], 1) for line in lines]
    section.number("reviewed", numbers.total("reports.reviewed", reviewed))
    section.number("hospitals", numbers.count("reports.hospitals", "hospital", [int(name) for name in found.hospitals]))
    section.say(
        "{reviewed|report|reports} of {hospitals|hospital|hospitals} {reviewed?was|were} reviewed.",
        "评审 {hospitals} 家医院的报告 {reviewed} 份。",
    )
    by: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    for line in lines:
        for name, pair in region([line]).total().elements.items():
            own = by[name][line["report"]]
            own[0], own[1] = own[0] + pair[0], own[1] + pair[1]
    rows, dots = [], []
    order = sorted(
        by, key=lambda name: (sum(p[0] for p in by[name].values()) / max(1, sum(p[1] for p in by[name].values())), name)
    )
    for element in order[:LOWEST_SHOWN]:
        name = f"element.{element}"
        section.number(name, numbers.summed(f"reports.{name}", [("result", pk, n, of) for pk, (n, of) in by[element].items()]))
        zh, en = found.names[element]
        rows.append([said(en, zh), shown(name, "share"), shown(name, "percent"), shown(name, "interval")])
        dots.append({"label": said(en, zh), "number": name})
    heads = [said("element", "要素"), said("present", "具备"), said("rate", "具备率"), said("95 % interval", "95% 区间")]
    section.table(
        said("Elements most often missing", "最常缺失的要素"), heads, rows, align="lrrr", widths=(0.46, 0.18, 0.14, 0.22)
    )
    section.figure("dots", said("How often each element is present.", "各要素具备率。"), dots)
    return section


def therapy(period: Period, numbers: Numbers) -> Section:
    section = Section("therapy", said("Radionuclide therapy", "核素治疗"))
    begins, after = period.moments
    found = Result.objects.filter(
        procedure__startswith=THERAPY, superseded_by=None, acquired__gte=begins, acquired__lt=after
    ).exclude(review="rejected")
    by: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found.exclude(outcome="refused").values("id", "procedure", "name_en", "name_zh", "outcome", "organisation"):
        by[row["procedure"]].append(row)
    if not by:
        return section.not_available("No therapy records were inspected in this period.", "本期未检查核素治疗记录。")
    every = [row for own in by.values() for row in own]
    section.number("records", numbers.count("therapy.records", "result", [row["id"] for row in every]))
    section.number("hospitals", numbers.count("therapy.hospitals", "hospital", [row["organisation"] for row in every]))
    section.say(
        "{records|check|checks} of therapy records came from {hospitals|hospital|hospitals}.",
        "对 {hospitals} 家医院完成核素治疗记录检查 {records} 项。",
    )
    rows = []
    for procedure, own in sorted(by.items()):
        name = f"procedure.{procedure}"
        judged = [row["id"] for row in own if row["outcome"] != "not_assessed"]
        passed = [row["id"] for row in own if row["outcome"] == "pass"]
        section.number(name, numbers.share(f"therapy.{name}", "result", passed, judged))
        rows.append(
            [said(own[0]["name_en"], own[0]["name_zh"]), shown(name, "share"), shown(name, "percent"), shown(name, "interval")]
        )
    heads = [said("procedure", "检查项目"), said("pass", "合格"), said("rate", "合格率"), said("95 % interval", "95% 区间")]
    section.table(said("By procedure", "各项目"), heads, rows, align="lrrr", widths=(0.46, 0.18, 0.14, 0.22))
    return section


def indicators(period: Period, counts: Counts, numbers: Numbers) -> Section:
    """NM-01 to NM-08 over the region."""
    section = Section("indicators", said("National quality indicators", "国家质控指标"))
    edition = national()
    section.provisional = said(
        f"Provisional: the definitions come from {edition.source.en}; nobody has yet compared them with the printed notice.",
        f"定义待核：取自{edition.source.zh}，尚无人与印刷页核对。",
    )
    if not any(counts.values()):
        return section.not_available("No indicator was stated or could be computed in this period.", "本期无指标数据。")
    rows, dots = [], []
    for one in edition.indicators:
        own = counts[one.code]
        label = said(f"{one.code} {one.words.en}", f"{one.code} {one.words.zh}")
        if not own:
            rows.append([label, said("—", "—"), said("—", "—"), said("not available", "无数据"), said("—", "—")])
            continue
        parts = [(ROW_KINDS[c.origin], pk, n, of) for c in own.values() for pk, n, of in c.rows]
        section.number(one.code, numbers.summed(f"indicators.{one.code}", parts))
        section.number(f"{one.code}.hospitals", numbers.count(f"indicators.{one.code}.hospitals", "hospital", list(own)))
        rows.append(
            [
                label,
                shown(f"{one.code}.hospitals"),
                shown(one.code, "share"),
                shown(one.code, "percent"),
                shown(one.code, "interval"),
            ]
        )
        dots.append(
            {
                "label": said(
                    f"{one.code}{' ↓' if one.better == 'low' else ''}", f"{one.code}{' ↓' if one.better == 'low' else ''}"
                ),
                "number": one.code,
            }
        )
    stating = {organisation for own in counts.values() for organisation in own}
    section.number("hospitals", numbers.count("indicators.hospitals", "hospital", stating))
    section.say(
        "Counts came from {hospitals|hospital|hospitals}; an indicator that nobody stated is given as not available.",
        "共 {hospitals} 家医院有指标数据；无人填报的指标注明“无数据”。",
    )
    if wrong := impossible(period):
        section.number("impossible", numbers.count("indicators.impossible", "monthly", wrong))
        section.say(
            "{impossible|monthly count|monthly counts} stated more than {impossible?its|their} total and {impossible?is|are} left out.",
            "{impossible} 条月报分子大于分母，未计入。",
        )
    heads = [
        said("indicator", "指标"),
        said("hospitals", "医院数"),
        said("n / N", "分子 / 分母"),
        said("rate", "率"),
        said("95 % interval", "95% 区间"),
    ]
    section.table(said("The region", "区域合计"), heads, rows, align="lrrrr", widths=(0.43, 0.1, 0.16, 0.15, 0.16))
    section.figure(
        "dots",
        said("Rates with their Wilson 95 % intervals; ↓ the lower the better.", "指标率及 Wilson 95% 区间；↓ 越低越好。"),
        dots,
    )
    return section
