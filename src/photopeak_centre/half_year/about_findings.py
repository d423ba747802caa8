"""Re-inspections after notices, and where the region's findings stand at the end of a period."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import Any

from django.utils import timezone

from photopeak.words import Words
from photopeak_centre.findings.models import STATES, Act, Finding
from photopeak_centre.half_year.numbers import Numbers
from photopeak_centre.half_year.periods import Period
from photopeak_centre.half_year.section import Cell, Section, said, shown

OPEN = ("raised", "notified", "received", "appealed", "responded", "reinspected", "escalated")
STATE_EN = {
    "raised": Words("raised", "已提出"),
    "notified": Words("notified", "已通知"),
    "received": Words("received", "已签收"),
    "appealed": Words("objected to", "申诉中"),
    "responded": Words("answered", "已反馈"),
    "reinspected": Words("re-inspected", "已复查"),
    "escalated": Words("escalated", "已上报"),
    "closed": Words("closed", "已销号"),
}


def states_at(moment: datetime.datetime) -> dict[int, str]:
    """The state of every finding as it was just before `moment`, from its acts; one without an act is as it was raised."""
    found = dict.fromkeys(Finding.objects.filter(raised__lt=moment).values_list("id", flat=True), "raised")
    for finding, after in Act.objects.filter(at__lt=moment).order_by("at", "id").values_list("finding", "after").iterator():
        if finding in found:
            found[finding] = after
    return found


def reinspections(period: Period, numbers: Numbers) -> Section:
    section = Section("reinspections", said("Re-inspections after notices, and findings", "整改通知后的复查与问题跟踪"))
    begins, after = period.moments
    within = Act.objects.filter(at__gte=begins, at__lt=after)
    inspected = list(
        within.filter(act="reinspect").order_by("at", "id").select_related("finding__organisation", "finding__device")
    )
    states = states_at(after)
    if not inspected and not states:
        return section.not_available("No finding is recorded.", "无问题记录。")
    _inspected(section, numbers, inspected, within)
    _life(section, numbers, states, within, period)
    return section


def _inspected(section: Section, numbers: Numbers, inspected: list[Act], within: Any) -> None:
    findings = {act.finding_id for act in inspected}
    accepted = set(within.filter(act="accept", finding__in=findings).values_list("finding", flat=True))
    again = (
        set(within.filter(act__in=("reject", "escalate"), finding__in=findings).values_list("finding", flat=True)) - accepted
    )
    hospitals = {act.finding.organisation_id for act in inspected}
    section.number("hospitals", numbers.count("reinspections.hospitals", "hospital", hospitals))
    section.number("reinspected", numbers.count("reinspections.reinspected", "finding", findings))
    section.number("accepted", numbers.share("reinspections.accepted", "finding", accepted, findings))
    section.number("again", numbers.count("reinspections.again", "finding", again))
    if not inspected:
        section.say("No re-inspection fell due in this period.", "本期无复查。")
        return
    section.say(
        "{hospitals|hospital|hospitals} that had received rectification notices {hospitals?was|were} re-inspected. "
        "Of {reinspected|finding|findings}, {accepted} passed by the same procedure and {accepted?was|were} closed"
        + ("; {again} {again?has|have} to be rectified again." if again else "."),
        "对 {hospitals} 家曾收到整改通知的医院进行了复查，共复查 {reinspected} 项，其中 {accepted} 项按原检测项目复查合格并销号"
        + ("，{again} 项须再次整改。" if again else "。"),
    )
    rows: list[list[Cell]] = []
    last = {act.finding_id: act for act in inspected}
    for act in last.values():
        finding = act.finding
        about = finding.organisation
        notice = finding.acts.filter(act="notify").select_related("document").order_by("at").first()
        number = notice.document.number if notice and notice.document and notice.document.number else "—"
        day = timezone.localtime(notice.at).date().isoformat() if notice else "—"
        outcome = "pass" if finding.pk in accepted else "fail" if finding.pk in again else "undecided"
        rows.append(
            [
                said(about.name_en or about.name_zh, about.name_zh),
                said(finding.words_en, finding.words_zh),
                said(f"{number} ({day})" if number != "—" else day, f"{number}（{day}）" if number != "—" else day),
                said(*[timezone.localtime(act.at).date().isoformat()] * 2),
                {"outcome": outcome},
            ]
        )
    heads = [
        said("hospital", "医院"), said("what had been found", "原问题"), said("notice", "整改通知"), said("re-inspected", "复查日期"), said("result", "复查结果"),
    ]  # fmt: skip
    section.table(
        said("Re-inspections", "复查情况"), heads, rows, align="lllll", names=True, widths=(0.17, 0.35, 0.24, 0.13, 0.11)
    )


def _life(section: Section, numbers: Numbers, states: dict[int, str], within: Any, period: Period) -> None:
    begins, after = period.moments
    raised = Finding.objects.filter(raised__gte=begins, raised__lt=after).values_list("id", flat=True)
    section.number("raised", numbers.count("findings.raised", "finding", raised))
    section.number(
        "notices", numbers.count("findings.notices", "finding", within.filter(act="notify").values_list("finding", flat=True))
    )
    section.number(
        "closed",
        numbers.count(
            "findings.closed", "finding", [pk for pk in within.filter(act="accept").values_list("finding", flat=True)]
        ),
    )
    still = [pk for pk, state in states.items() if state in OPEN]
    section.number("open", numbers.count("findings.open", "finding", still))
    by_day = min(period.ends, timezone.localdate())
    late = Finding.objects.filter(pk__in=still, due__lt=by_day).values_list("id", flat=True)
    section.number("overdue", numbers.count("findings.overdue", "finding", late))
    section.say(
        "In the period {raised|finding was|findings were} raised, {notices|notice|notices} issued and {closed} closed; at its end "
        "{open} {open?was|were} open, {overdue} of them past {overdue?its|their} date.",
        "本期新提出问题 {raised} 项，签发整改通知 {notices} 项，销号 {closed} 项；期末未关闭 {open} 项，其中逾期 {overdue} 项。",
        anew=True,
    )
    counts = Counter(states.values())
    known = [state for state, _ in STATES if counts[state] and state in STATE_EN]
    rows = []
    for state in known:
        name = f"state.{state}"
        section.number(name, numbers.count(f"findings.{name}", "finding", [pk for pk, now in states.items() if now == state]))
        rows.append([said(*STATE_EN[state]), shown(name)])
    if rows:
        heads = [said("state at the end of the period", "期末状态"), said("findings", "项数")]
        section.table(said("All findings on record, by state", "全部问题按状态"), heads, rows, align="lr", widths=(0.5, 0.14))
