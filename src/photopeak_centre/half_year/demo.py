"""The demonstration's half-year, told after its images were checked: campaigns, a round, findings, forms, the committee, a course, the draft."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from photopeak_centre.accounts.models import Person
from photopeak_centre.checks.models import Result
from photopeak_centre.eqa_rounds.demo import LABORATORIES, make_round
from photopeak_centre.half_year import keeping
from photopeak_centre.half_year.periods import Period
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.indicators.demo import make_forms

STEPS = 7


def story_year(today: datetime.date) -> int:
    """The year whose first half is over."""
    return today.year if today.month > 6 else today.year - 1


def tell(year: int, say: Callable[[str, int, int], None]) -> None:
    """Everything of the first half-year that is not an image. Devices, people and checked results must be there."""
    from photopeak_centre.campaigns.demo import make_campaigns
    from photopeak_centre.committee.demo import make as make_committee
    from photopeak_centre.committee.demo import make_branch
    from photopeak_centre.courses.demo import make as make_course

    people = {one.username: one for one in Person.objects.all()}
    director, secretary = people["director"], people["secretary"]
    hospitals = list(Organisation.objects.filter(kind="hospital").order_by("pk"))
    campaigns = make_campaigns(year, secretary=secretary)
    say("tell", 1, STEPS)
    make_round(year, hospitals, campaign=campaigns["eqa"], by=secretary)
    make_forms(year, hospitals, hospitals[:LABORATORIES])
    say("tell", 2, STEPS)
    _follow_up(year, director, secretary, people["inspector"])
    say("tell", 3, STEPS)
    period = Period(year, 1)
    draft = keeping.draft(period, secretary)
    from photopeak_centre.evidence.store import keep

    paper = keep(keeping.file(draft, "pdf_zh"))
    say("tell", 4, STEPS)
    accounts = {one.name_zh: one for one in (director, secretary, people["expert"])}
    body, _ = make_committee(
        year, keeper=secretary, accounts=accounts, papers=[(f"{period.words.zh}质控工作报告（草稿）", paper)]
    )
    make_branch(body, year, founded=datetime.date(year, 9, 7))
    say("tell", 5, STEPS)
    make_course(year)
    say("tell", 6, STEPS)
    keeping.gather_again(draft, secretary)
    say("tell", 7, STEPS)


def _moment(year: int, month: int, day: int, hour: int = 10) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime(year, month, day, hour))


def _follow_up(year: int, director: Any, secretary: Any, inspector: Any) -> None:
    """Two findings of the year before, re-inspected by the same procedure and closed; this half-year's fails, on their way."""
    from photopeak_centre.findings import life

    old = Result.objects.filter(outcome="fail", acquired__lt=_moment(year, 1, 1), acquired__gte=_moment(year - 1, 10, 1))
    told = 0
    for failed in old.order_by("acquired").select_related("device", "organisation"):
        passed = Result.objects.filter(
            device=failed.device, procedure=failed.procedure, outcome="pass", acquired__gte=_moment(year, 1, 1)
        )
        again = passed.order_by("acquired").first()
        if again is None:
            continue
        finding = life.raise_for_result(failed, inspector, at=failed.acquired + datetime.timedelta(days=1))
        _paper("notice", finding, director, _moment(year - 1, 11, 12 + told))
        for act, by, at, more in (
            ("receive", inspector, _moment(year - 1, 11, 17 + told), {}),
            ("respond", inspector, _moment(year - 1, 12, 8 + told), {"detail": RESPONSE | {"date": f"{year - 1}-12-05"}}),
            ("reinspect", inspector, again.acquired + datetime.timedelta(hours=6), {"result": again, "detail": {"on": "site"}}),
        ):
            life.act(finding, act, by=by, at=at, **more)
        _paper("reinspection_opinion", finding, director, again.acquired + datetime.timedelta(days=2))
        told += 1
    for n, failed in enumerate(_fails(year)):
        raised = failed.acquired + datetime.timedelta(days=2)
        finding = life.raise_for_result(failed, inspector, at=raised)
        if n % 4:
            _paper("notice", finding, director, raised + datetime.timedelta(days=7))
        steps: tuple[tuple[str, Any, int, dict[str, Any]], ...] = (
            ("receive", inspector, 10, {}),
            (
                "respond",
                inspector,
                25,
                {"detail": RESPONSE | {"date": (raised + datetime.timedelta(days=20)).date().isoformat()}},
            ),
        )
        for act, by, days, more in steps[: max(0, n % 4 - 1)]:
            life.act(finding, act, by=by, at=raised + datetime.timedelta(days=days), **more)


def _paper(kind: str, finding: Any, by: Any, at: datetime.datetime) -> None:
    """Draft and issue what moves the finding: a numbered document, as a director would."""
    from photopeak_centre.findings import issue

    finding.refresh_from_db()
    issue.issue(issue.draft(kind, finding.organisation, finding=finding), by=by, at=at)


RESPONSE = {
    "cause": "光电倍增管老化，增益漂移（虚构） / an ageing photomultiplier tube drifted (made up)",
    "measure": "更换光电倍增管并重做能量、线性和均匀性校正（虚构） / tube replaced, energy, linearity and uniformity maps renewed (made up)",
    "person": "林子衿 / Lin Zijin",
}


def _fails(year: int) -> list[Result]:
    """What failed in the first half-year and stands: the last result of its device and procedure."""
    found = Result.objects.filter(
        outcome="fail", acquired__gte=_moment(year, 1, 1), acquired__lt=_moment(year, 7, 1), superseded_by=None
    ).exclude(device=None)
    last = {}
    for one in (
        Result.objects.filter(acquired__lt=_moment(year, 7, 1)).order_by("acquired", "id").values("id", "device", "procedure")
    ):
        last[one["device"], one["procedure"]] = one["id"]
    standing = set(last.values())
    return [one for one in found.order_by("acquired", "id") if one.pk in standing]
