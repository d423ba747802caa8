"""What every page shows beside its content: the navigation of the role, and counts of what waits."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from photopeak_centre.said import language, now_said

#: (group, page name, en, zh, act or reach needed)
ENTRIES: tuple[tuple[tuple[str, str], tuple[tuple[str, str, str, str], ...]], ...] = (
    (("", ""), (("home", "Today", "本期工作", ""),)),
    (
        ("Things", "对象"),
        (("hospitals", "Hospitals", "医院", "see"), ("devices", "Devices", "设备", "see")),
    ),
    (
        ("Work", "工作"),
        (
            ("hand_ins", "Evidence", "证据", "see"),
            ("results", "Results", "检测结果", "see"),
            ("jobs", "Jobs", "任务", "see"),
            ("held", "Held back", "待处理文件", "hand_in"),
            ("visits", "Site visits", "现场检查", "visit"),
            ("readings", "Image reading", "图像评阅", "read_images"),
            ("findings", "Findings", "问题与整改", "see"),
            ("documents", "Documents", "文书", "see"),
            ("eqa_scores", "EQA scores", "室间质评成绩", "see"),
            ("indicators", "Indicators", "质控指标", "see"),
        ),
    ),
    (
        ("Centre", "中心"),
        (
            ("region", "Region", "区域概况", "region"),
            ("campaigns", "Campaigns", "检查计划", "plan"),
            ("half_years", "Half-year reports", "半年报告", "region"),
            ("eqa_rounds", "EQA rounds", "室间质评", "eqa"),
            ("meetings", "Committee", "专家委员会", "committee"),
            ("courses", "Training", "培训", ""),
            ("people", "People", "人员", "manage_people"),
            ("senders", "Senders", "发送方", "manage_people"),
            ("folders", "Watched folders", "监视文件夹", "manage_people"),
            ("audit", "Audit", "审计日志", "read_audit"),
            ("health", "Health", "运行状况", "read_audit"),
        ),
    ),
)


def page(request: HttpRequest) -> dict[str, Any]:
    """Template variables of every page."""
    person = getattr(request, "user", None)
    known = person is not None and person.is_authenticated
    here = request.resolver_match.url_name if request.resolver_match else ""
    return {
        "lang": language(),
        "html_lang": "en" if language() == "en" else "zh-CN",
        "nav": navigation(person, here) if known else (),
        "centre_name": _centre_name() if known else "",
    }


def navigation(person: Any, here: str | None) -> list[dict[str, Any]]:
    groups = []
    for (en, zh), entries in ENTRIES:
        shown = [
            {"url": reverse(name), "text": now_said(e, z), "here": name == here or SECTIONS.get(here or "") == name}
            for name, e, z, act in entries
            if (not act or person.may(act)) and _exists(name)
        ]
        if shown:
            groups.append({"title": now_said(en, zh), "entries": shown})
    return groups


#: pages below an entry of the navigation
SECTIONS = {
    "device": "devices",
    "device_new": "devices",
    "device_edit": "devices",
    "device_criteria": "devices",
    "devices_import": "devices",
    "hospital": "hospitals",
    "hospital_new": "hospitals",
    "hospital_edit": "hospitals",
    "hospital_merge": "hospitals",
    "result": "results",
    "hand_in": "hand_ins",
    "hand_in_new": "hand_ins",
    "enter": "hand_ins",
    "study": "hand_ins",
    "job": "jobs",
    "person_new": "people",
    "person_edit": "people",
    "campaign": "campaigns",
    "campaign_new": "campaigns",
    "campaign_edit": "campaigns",
    "campaign_targets": "campaigns",
    "campaign_sample": "campaigns",
    "target": "campaigns",
    "interests": "campaigns",
    "visit": "visits",
    "visit_edit": "visits",
    "own_interests": "visits",
    "reading": "readings",
    "finding": "findings",
    "document": "documents",
    "finding_respond": "findings",
    "finding_reinspect": "findings",
    "practice": "findings",
    "calendars": "findings",
    "document_texts": "documents",
    "letter_new": "documents",
    "half_year": "half_years",
    "half_year_edit": "half_years",
    "half_year_evidence": "half_years",
    "indicator": "indicators",
    "indicator_form": "indicators",
    "eqa_round": "eqa_rounds",
    "meeting": "meetings",
    "course": "courses",
}


def _exists(name: str) -> bool:
    try:
        reverse(name)
    except NoReverseMatch:
        return False
    return True


def _centre_name() -> str:
    from photopeak_centre.hospitals.models import Organisation

    centre = Organisation.objects.filter(kind="centre").first()
    return str(centre) if centre else ""
