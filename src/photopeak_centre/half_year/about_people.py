"""Training, the committee, the visits made, and what the next half-year is to bring."""

from __future__ import annotations

from typing import Any

from django.db.models import Max
from django.utils import timezone

from photopeak_centre.campaigns.models import KINDS, Campaign, Target, Visit
from photopeak_centre.committee.models import Meeting, Term
from photopeak_centre.courses.models import Course, Registration, Sitting
from photopeak_centre.half_year.numbers import Numbers
from photopeak_centre.half_year.periods import Period
from photopeak_centre.half_year.section import Cell, Section, said, shown

KIND_EN = {
    "devices": ("devices", "设备"),
    "images": ("image quality", "图像质量"),
    "reports": ("report elements", "报告要素"),
    "therapy": ("radionuclide therapy", "核素治疗"),
    "laboratories": ("immunoassay laboratories", "免疫分析实验室"),
}
assert set(KIND_EN) == {key for key, _ in KINDS}


def _either(en: str, zh: str) -> Cell:
    return said(en or zh, zh)


def visits(period: Period, numbers: Numbers) -> Section:
    section = Section("visits", said("Campaigns and site visits", "检查计划与现场检查"))
    campaigns = list(Campaign.objects.filter(begins__lte=period.ends, ends__gte=period.begins).order_by("begins", "id"))
    if not campaigns:
        return section.not_available("No campaign ran in this period.", "本期无检查计划。")
    signed = Visit.objects.filter(state="signed", day__range=(period.begins, period.ends))
    section.number("campaigns", numbers.count("visits.campaigns", "campaign", [one.pk for one in campaigns]))
    section.number("signed", numbers.count("visits.signed", "visit", signed.values_list("id", flat=True)))
    section.number("hospitals", numbers.count("visits.hospitals", "hospital", signed.values_list("organisation", flat=True)))
    section.say("{campaigns|campaign|campaigns} ran in the period.", "本期实施检查计划 {campaigns} 项。")
    if section.numbers["signed"]["n"]:
        section.say(
            "Inspectors made {signed|signed visit|signed visits} to {hospitals|hospital|hospitals}.",
            "完成并签字的现场检查 {signed} 次，涉及 {hospitals} 家医院。",
        )
    else:
        section.say("No site visit was signed.", "无已签字的现场检查。")
    rows = []
    for one in campaigns:
        targets = Target.objects.filter(campaign=one).values_list("id", flat=True)
        section.number(f"targets.{one.pk}", numbers.count(f"visits.targets.{one.pk}", "target", targets))
        section.number(
            f"visits.{one.pk}",
            numbers.count(f"visits.visits.{one.pk}", "visit", signed.filter(campaign=one).values_list("id", flat=True)),
        )
        rows.append(
            [_either(one.name_en, one.name_zh), said(*KIND_EN[one.kind]), said(*[f"{one.begins} – {one.ends}"] * 2),
             shown(f"targets.{one.pk}"), shown(f"visits.{one.pk}")]
        )  # fmt: skip
    heads = [
        said("campaign", "计划"),
        said("kind", "类别"),
        said("from – to", "起止"),
        said("targets", "对象数"),
        said("visits", "现场检查"),
    ]
    section.table(said("Campaigns", "检查计划"), heads, rows, align="lllrr", widths=(0.36, 0.2, 0.24, 0.1, 0.1))
    return section


def training(period: Period, numbers: Numbers) -> Section:
    """Courses that began in the period and are over; attended: who was at one session at least."""
    section = Section("training", said("Training", "培训"))
    courses = list(Course.objects.filter(begins__range=(period.begins, period.ends), state="closed").order_by("begins", "id"))
    if not courses:
        return section.not_available("No course was held in this period.", "本期未举办培训。")
    section.number("courses", numbers.count("training.courses", "course", [one.pk for one in courses]))
    took = Registration.objects.filter(course__in=courses, cancelled=None).exclude(attendances=None).distinct()
    section.number("attended", numbers.count("training.attended", "registration", took.values_list("id", flat=True)))
    section.say(
        "{courses|course was|courses were} held; {attended|person|people} attended.",
        "举办培训 {courses} 次，参加 {attended} 人次。",
    )
    rows = []
    for one in courses:
        here = took.filter(course=one)
        name = f"course.{one.pk}."
        best: dict[int, float] = dict(
            Sitting.objects.filter(registration__in=here).values_list("registration").annotate(best=Max("percent"))
        )
        passed = [pk for pk, percent in best.items() if percent >= one.pass_percent]
        certified = Registration.objects.filter(course=one).exclude(certificate="")
        section.number(
            f"{name}attended", numbers.count(f"training.{name}attended", "registration", here.values_list("id", flat=True))
        )
        section.number(f"{name}passed", numbers.share(f"training.{name}passed", "registration", passed, best))
        section.number(
            f"{name}certificates",
            numbers.count(f"training.{name}certificates", "registration", certified.values_list("id", flat=True)),
        )
        rows.append(
            [said(*[one.begins.isoformat()] * 2), _either(one.name_en, one.name_zh), said(one.place, one.place),
             shown(f"{name}attended"), shown(f"{name}passed", "share"), shown(f"{name}certificates")]
        )  # fmt: skip
        _levels(section, numbers, one, here)
    heads = [
        said("day", "日期"), said("course", "课程"), said("place", "地点"), said("attended", "参加人数"),
        said("passed the examination", "考核合格"), said("certificates", "证书"),
    ]  # fmt: skip
    section.table(said("Courses", "课程"), heads, rows, align="lllrrr", widths=(0.13, 0.35, 0.18, 0.1, 0.13, 0.11))
    return section


LEVELS = {
    "community": ("from community health centres", "社区卫生服务中心"),
    "secondary": ("from secondary hospitals", "二级医院"),
    "tertiary": ("from tertiary hospitals", "三级医院"),
    "other": ("from elsewhere", "其他单位"),
}


def _levels(section: Section, numbers: Numbers, course: Course, here: Any) -> None:
    by: dict[str, list[int]] = {}
    for pk, level in here.values_list("id", "level"):
        by.setdefault(level, []).append(pk)
    order = [level for level in LEVELS if level in by]
    if len(order) < 2:
        return
    parts_en, parts_zh = [], []
    for level in order:
        name = f"course.{course.pk}.{level}"
        section.number(name, numbers.count(f"training.{name}", "registration", by[level]))
        parts_en.append(f"{{{name}}} {LEVELS[level][0]}")
        parts_zh.append(f"{LEVELS[level][1]} {{{name}}} 人")
    section.say(
        f"At “{course.name_en or course.name_zh}”: {', '.join(parts_en)}.", f"“{course.name_zh}”参加者：{'、'.join(parts_zh)}。"
    )


def committee(period: Period, numbers: Numbers) -> Section:
    """Meetings held in the period whose minutes are confirmed, and the motions that were carried."""
    section = Section("committee", said("Expert committee", "专家委员会"))
    begins, after = period.moments
    held = Meeting.objects.filter(held__gte=begins, held__lt=after).exclude(confirmed=None).order_by("held", "id")
    meetings = list(held.prefetch_related("motions", "present").select_related("body"))
    if not meetings:
        return section.not_available("No meeting of the committee was held in this period.", "本期专家委员会未召开会议。")
    section.number("meetings", numbers.count("committee.meetings", "meeting", [one.pk for one in meetings]))
    carried = [motion for one in meetings for motion in one.motions.all() if motion.outcome == "carried"]
    section.number("decisions", numbers.count("committee.decisions", "motion", [motion.pk for motion in carried]))
    section.say(
        "{meetings|meeting|meetings} {meetings?was|were} held and {decisions|decision|decisions} taken.",
        "召开会议 {meetings} 次，作出决定 {decisions} 项。",
    )
    rows: list[list[Cell]] = []
    for one in meetings:
        day = timezone.localtime(one.held).date()
        serving = set(Term.objects.filter(body=one.body, begins__lte=day, ends__gte=day).values_list("expert", flat=True))
        name = f"meeting.{one.pk}"
        here = [expert.pk for expert in one.present.all() if expert.pk in serving]
        section.number(name, numbers.share(f"committee.{name}", "expert", here, serving))
        rows.append(
            [
                said(*[day.isoformat()] * 2),
                _either(one.name_en, one.name_zh),
                _either(one.body.name_en, one.body.name_zh),
                shown(name, "share"),
            ]
        )
    heads = [said("day", "日期"), said("meeting", "会议"), said("body", "委员会"), said("members present", "到会委员")]
    section.table(said("Meetings", "会议"), heads, rows, align="lllr", widths=(0.13, 0.42, 0.3, 0.15))
    if carried:
        heads = [said("decision", "决定"), said("for : against : abstained", "赞成 : 反对 : 弃权")]
        listed = []
        for motion in carried:
            for choice in ("yes", "no", "abstained"):
                name = f"motion.{motion.pk}.{choice}"
                section.number(name, numbers.total(f"committee.{name}", [("motion", motion.pk, getattr(motion, choice) or 0)]))
            votes = {"numbers": [f"motion.{motion.pk}.{choice}" for choice in ("yes", "no", "abstained")], "between": " : "}
            listed.append([said(motion.words, motion.words), votes])
        section.table(said("Decisions carried", "通过的决定"), heads, listed, align="lr", widths=(0.72, 0.28))
    return section


def plan(period: Period, numbers: Numbers) -> Section:
    """The campaigns that begin in the next half-year, with the decision behind each where there is one."""
    coming = period.following
    section = Section("plan", said(f"Plan of the {coming.words.en}", f"{coming.words.zh}计划"))
    campaigns = list(Campaign.objects.filter(begins__range=(coming.begins, coming.ends)).order_by("begins", "id"))
    if not campaigns:
        return section.not_available(
            f"No campaign of the {coming.words.en} is planned yet.", f"{coming.words.zh}尚无检查计划。"
        )
    section.number("campaigns", numbers.count("plan.campaigns", "campaign", [one.pk for one in campaigns]))
    section.say("{campaigns|campaign is|campaigns are} planned.", "计划开展检查 {campaigns} 项。")
    rows = []
    for one in campaigns:
        targets = Target.objects.filter(campaign=one)
        section.number(
            f"targets.{one.pk}", numbers.count(f"plan.targets.{one.pk}", "target", targets.values_list("id", flat=True))
        )
        hospitals = set(targets.values_list("organisation", flat=True))
        section.number(f"hospitals.{one.pk}", numbers.count(f"plan.hospitals.{one.pk}", "hospital", hospitals))
        rows.append(
            [_either(one.name_en, one.name_zh), said(*KIND_EN[one.kind]), said(*[f"{one.begins} – {one.ends}"] * 2),
             shown(f"hospitals.{one.pk}"), shown(f"targets.{one.pk}")]
        )  # fmt: skip
    heads = [
        said("campaign", "计划"),
        said("kind", "类别"),
        said("from – to", "起止"),
        said("hospitals", "医院数"),
        said("targets", "对象数"),
    ]
    section.table(said("Campaigns", "检查计划"), heads, rows, align="lllrr", widths=(0.36, 0.2, 0.24, 0.1, 0.1))
    return section
