"""The demonstration's committee: its members, and the meeting of the sixth of June with papers, decision and minutes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from django.utils import timezone

from photopeak_centre.accounts.models import Person
from photopeak_centre.committee import deciding
from photopeak_centre.committee.models import AgendaItem, Body, Expert, Meeting, Motion, Paper, Term, Vote
from photopeak_centre.evidence.models import Blob

EXPERTS = (
    ("陆景行", "Lu Jingxing", "岚溪医院", "核医学", "chair"), ("叶知秋", "Ye Zhiqiu", "望湖医院", "核医学", "vice_chair"),
    ("沈若岚", "Shen Ruolan", "岚溪医院", "核医学", "secretary"), ("程砚", "Cheng Yan", "石桥医院", "医学物理", "member"),
    ("苏映雪", "Su Yingxue", "北汀医院", "放射免疫", "member"), ("韩牧之", "Han Muzhi", "青屿医院", "核素治疗", "member"),
    ("白予安", "Bai Yu'an", "东塘医院", "放射药学", "member"), ("宋临", "Song Lin", "鹤湾医院", "PET/CT", "member"),
    ("顾清和", "Gu Qinghe", "桐溪医院", "核医学", "member"),
)  # fmt: skip
BRANCH_SPECIALTIES = ("核医学", "放射诊断", "超声医学", "转化医学", "生物工程", "材料学")


def make(
    year: int, *, keeper: Person, accounts: dict[str, Person], papers: Sequence[tuple[str, Blob]] = ()
) -> tuple[Body, Meeting]:
    """The committee of that year and its half-year meeting. `accounts`: sign-ins by the expert's Chinese name."""
    body = Body.objects.create(name_zh="云汀市核医学质量控制中心专家委员会", name_en="Expert committee of the Yunting centre")
    for zh, en, employer, specialty, office in EXPERTS:
        expert = Expert.objects.create(name_zh=zh, name_en=en, employer=employer, specialty=specialty, account=accounts.get(zh))
        Term.objects.create(
            body=body, expert=expert, office=office, begins=datetime.date(year - 1, 1, 1), ends=datetime.date(year + 1, 12, 31)
        )
    held = timezone.make_aware(datetime.datetime(year, 6, 6, 14, 0))
    meeting = Meeting.objects.create(
        body=body, name_zh=f"{year}年上半年专家委员会会议", name_en=f"Half-year meeting of the expert committee, {year}",
        held=held, place="中心会议室",
    )  # fmt: skip
    points = (
        ("传达市级医疗质量与监管工作会议精神", "沈若岚"), ("上半年质控工作汇报", "沈若岚"), ("审议上半年质控工作报告", "陆景行"), ("讨论下半年工作计划", "陆景行"),
    )  # fmt: skip
    AgendaItem.objects.bulk_create(
        AgendaItem(meeting=meeting, number=n, words=words, speaker=speaker) for n, (words, speaker) in enumerate(points, 1)
    )
    for name, blob in papers:
        Paper.objects.create(meeting=meeting, name=name, blob=blob)
    experts = list(Expert.objects.filter(terms__body=body).order_by("pk"))
    meeting.present.set(experts[:8])
    for words in ("通过上半年质控工作报告。", "下半年检查 PET/CT 设备、图像质量与报告要素，核素治疗，SPECT/CT 报告。"):
        motion = Motion.objects.create(meeting=meeting, words=words)
        Vote.objects.bulk_create(Vote(motion=motion, expert=one, choice="yes") for one in experts[:8])
        deciding.count(motion, by=keeper)
    meeting.minutes = (
        "会议由主任委员主持。秘书传达本年度市级医疗质量与监管会议精神，汇报上半年质控工作。\n\n与会专家审议并通过上半年质控工作报告，"
        "对下半年 PET/CT、核素治疗和报告质量检查的方案提出意见，由秘书整理后列入检查计划。"
    )
    meeting.save()
    deciding.confirm_minutes(meeting, by=keeper)
    meeting.refresh_from_db()
    return body, meeting


def make_branch(parent: Body, year: int, *, founded: datetime.date) -> Body:
    """A district's molecular-imaging committee of twenty experts with chair and vice-chairs."""
    branch = Body.objects.create(
        name_zh="听潮区分子影像专业委员会",
        name_en="Molecular imaging committee of Tingchao district",
        branch_of=parent,
        founded=founded,
    )
    for n in range(20):
        specialty = BRANCH_SPECIALTIES[n % len(BRANCH_SPECIALTIES)]
        expert = Expert.objects.create(
            name_zh=f"委员{n + 1:02}", name_en=f"Member {n + 1:02}", employer="听潮区各医疗机构", specialty=specialty
        )
        office = "chair" if n == 0 else "vice_chair" if n < 4 else "member"
        Term.objects.create(body=branch, expert=expert, office=office, begins=founded, ends=founded.replace(year=year + 3))
    return branch
