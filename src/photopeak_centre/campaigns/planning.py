"""Planning: who is inspected, by whom, when; how far a campaign has come; and its end."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from photopeak.words import Words
from photopeak_centre.audit.chain import record
from photopeak_centre.campaigns.models import Campaign, Target, Visit
from photopeak_centre.campaigns.scoring import shipped
from photopeak_centre.checks.models import Result
from photopeak_centre.devices.models import Device
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs.analyse import worst

#: which campaigns are about devices, and which about whole hospitals or laboratories
OF_DEVICES = ("devices", "images")


class PlanError(Exception):
    """What was asked cannot be planned so; `words` say why and what to do."""

    def __init__(self, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = Words(en, zh)


def candidates(campaign: Campaign, filters: Mapping[str, Any]) -> QuerySet[Any]:
    """Devices, or hospitals and laboratories, that the filters choose and that are not targets yet.

    `filters`: kinds (of device), district (Chinese name), organisation, untested_since (a date), model.
    """
    taken = campaign.targets.all()
    if campaign.kind in OF_DEVICES:
        found: QuerySet[Any] = Device.objects.filter(in_use=True, organisation__merged_into=None)
        found = found.exclude(pk__in=taken.exclude(device=None).values("device"))
        if filters.get("kinds"):
            found = found.filter(kind__in=filters["kinds"])
        if filters.get("model"):
            found = found.filter(model__icontains=filters["model"])
        if filters.get("untested_since"):
            found = found.filter(Q(last_tested=None) | Q(last_tested__date__lt=filters["untested_since"]))
        path = "organisation__"
    else:
        kinds = ("laboratory", "hospital") if campaign.kind == "laboratories" else ("hospital",)
        found = Organisation.objects.filter(kind__in=kinds, merged_into=None)
        found = found.exclude(pk__in=taken.filter(device=None).values("organisation"))
        if filters.get("kinds"):
            found = found.filter(devices__kind__in=filters["kinds"], devices__in_use=True).distinct()
        path = ""
    if filters.get("district"):
        found = found.filter(**{f"{path}district_zh": filters["district"]})
    if filters.get("organisation"):
        found = found.filter(**{f"{path}pk": filters["organisation"]})
    return found.order_by(f"{path}name_zh", "pk")


def add_targets(campaign: Campaign, chosen: Iterable[Any], by: Any) -> int:
    """Take devices or organisations into the plan; says how many are new."""
    _open(campaign)
    with transaction.atomic():
        before = campaign.targets.count()
        Target.objects.bulk_create(
            (
                Target(campaign=campaign, organisation_id=one.organisation_id, device=one)
                if isinstance(one, Device)
                else Target(campaign=campaign, organisation=one)
                for one in chosen
            ),
            ignore_conflicts=True,
        )
        added = int(campaign.targets.count() - before)
        record("targets added", f"campaign {campaign.pk}", person=by, targets=added)
    return added


def arrange(
    campaign: Campaign, organisation: Organisation, day: datetime.date, inspectors: Iterable[Any], by: Any, device: Device | None = None
) -> Visit:  # fmt: skip
    """A visit. Raises ConflictOfInterest for an inspector of the target's own house, PlanError for a day or a place outside the plan."""
    _open(campaign)
    if not campaign.begins <= day <= campaign.ends:
        raise PlanError(
            f"{day} lies outside the campaign ({campaign.begins} – {campaign.ends}).",
            f"{day} 不在计划期间内（{campaign.begins} – {campaign.ends}）。",
        )
    targets = campaign.targets.filter(organisation=organisation)
    if not targets.exists() or (device is not None and not targets.filter(device=device).exists()):
        raise PlanError("This is not a target of the campaign.", "所选对象不在本计划内。")
    people = list(inspectors)
    if not people:
        raise PlanError("A visit needs an inspector.", "须安排检查员。")
    if not all(person.may("visit") and person.is_active for person in people):
        raise PlanError("Only active inspectors and experts can be sent.", "只能安排在职的检查员或专家。")
    with transaction.atomic():
        visit = Visit.objects.create(
            campaign=campaign, organisation=organisation, device=device, day=day,
            checklist=shipped(campaign.checklist).document() if campaign.checklist else {},
        )  # fmt: skip
        visit.inspectors.add(*people)  # refuses who has a conflict of interest
        record("visit arranged", f"visit {visit.pk}", person=by, organisation=organisation.pk, day=str(day))
    return visit


def clashes(visits: Iterable[Visit]) -> list[Words]:
    """One inspector at two hospitals on a day, or one hospital visited twice on a day. Warned of, not forbidden."""
    days: dict[tuple[datetime.date, str, int], list[Visit]] = defaultdict(list)
    people = {}
    for visit in visits:
        if visit.state == "cancelled":
            continue
        days[visit.day, "hospital", visit.organisation_id].append(visit)
        for person in visit.inspectors.all():
            people[person.pk] = person
            days[visit.day, "person", person.pk].append(visit)
    found = []
    for (day, what, pk), rows in sorted(days.items(), key=lambda one: one[0]):
        places = list(dict.fromkeys(visit.organisation for visit in rows))
        if what == "person" and len(places) > 1:
            who = people[pk]
            en = f"{day}: {who.name_en or who.name_zh} is at {' and '.join(p.name_en or p.name_zh for p in places)}"
            found.append(Words(en, f"{day}：{who.name_zh}同日安排在{'、'.join(p.name_zh for p in places)}"))
        if what == "hospital" and len(rows) > 1:
            place = places[0]
            en = f"{day}: {place.name_en or place.name_zh} is visited {len(rows)} times"
            found.append(Words(en, f"{day}：{place.name_zh}同日有 {len(rows)} 次检查"))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where one target stands. `outcome`: pass, fail, undecided, not_assessed, or "" where nothing was tested. `visit`: its latest."""

    target: Target
    outcome: str
    results: tuple[Result, ...]
    visit: Visit | None

    @property
    def tested(self) -> bool:
        return bool(self.outcome)

    @property
    def sign(self) -> str:
        return self.outcome or "not_assessed"


def results_of(campaign: Campaign) -> QuerySet[Result]:
    """The standing results of the campaign's stage, period and procedures. Report audits count whatever stage they were made for."""
    here = timezone.get_default_timezone()
    begins = datetime.datetime.combine(campaign.begins, datetime.time.min, here)
    ends = datetime.datetime.combine(campaign.ends, datetime.time.max, here)
    found: QuerySet[Result] = Result.objects.filter(superseded_by=None, acquired__range=(begins, ends))
    found = found.exclude(review="rejected").exclude(outcome="refused")
    if campaign.kind != "reports":
        found = found.filter(stage=campaign.stage)
    if campaign.procedures:
        found = found.filter(procedure__in=campaign.procedures)
    return found


def standings(campaign: Campaign) -> list[Standing]:
    """Every target in the order of districts and hospitals: the results and the visit that speak of it, in four queries."""
    targets = list(campaign.targets.select_related("organisation", "device"))
    targets.sort(key=lambda t: (t.organisation.district_zh, t.organisation.name_zh, t.organisation_id, t.device_id or 0))
    of_device, of_organisation = defaultdict(list), defaultdict(list)
    rows = results_of(campaign).filter(organisation__in={t.organisation_id for t in targets})
    for result in rows.defer("document").order_by("acquired", "pk") if campaign.kind != "images" else ():
        of_organisation[result.organisation_id].append(result)
        if result.device_id:
            of_device[result.device_id].append(result)
    visits: dict[tuple[int, int | None], Visit] = {}
    for visit in campaign.visits.exclude(state="cancelled").order_by("day", "pk").prefetch_related("inspectors"):
        visits[visit.organisation_id, visit.device_id] = visit
    scores = _scores(campaign)
    return [
        _standing(
            target,
            of_device[target.device_id] if target.device_id else of_organisation[target.organisation_id],
            visits.get((target.organisation_id, target.device_id)) or visits.get((target.organisation_id, None)),
            scores.get(target.organisation_id, []),
        )
        for target in targets
    ]


def _scores(campaign: Campaign) -> dict[int, list[str]]:
    """By organisation: outcomes of the campaign's rounds of external quality assessment, or of its images that were judged."""
    found: dict[int, list[str]] = defaultdict(list)
    if campaign.kind == "images":
        from photopeak_centre.campaigns.image_quality import QUALIFIED, judged

        owners = dict(campaign.samples.values_list("pk", "organisation"))
        for sample, word in judged(campaign.samples.all()).items():
            found[owners[sample]].append("pass" if word == QUALIFIED else "fail")
    if campaign.kind == "laboratories":
        from photopeak_centre.eqa_rounds.models import Score

        for laboratory, outcome in Score.objects.filter(round__campaign=campaign).values_list("laboratory", "outcome"):
            found[laboratory].append(outcome)
    return found


def _standing(target: Target, results: list[Result], visit: Visit | None, scores: list[str]) -> Standing:
    outcomes = [result.outcome for result in results] + scores
    if visit is not None and visit.state == "signed" and visit.outcome and visit.device_id == target.device_id:
        outcomes.append(visit.outcome)
    return Standing(target=target, outcome=worst(outcomes) if outcomes else "", results=tuple(results), visit=visit)


def untested_without_reason(campaign: Campaign) -> list[Target]:
    return [one.target for one in standings(campaign) if not one.tested and not one.target.untested.strip()]


def close(campaign: Campaign, by: Any) -> None:
    """End the campaign. Raises PlanError while a target was neither tested nor has a reason, or a visit is not finished."""
    _open(campaign)
    missing = untested_without_reason(campaign)
    if missing:
        raise PlanError(
            f"{len(missing)} targets were not tested and have no reason. Say why for each.",
            f"有 {len(missing)} 个对象未检测且未说明原因，请逐一说明。",
        )
    waiting = campaign.visits.filter(state__in=("planned", "open")).count()
    if waiting:
        raise PlanError(f"{waiting} visits are neither signed nor cancelled.", f"有 {waiting} 次现场检查尚未签字或取消。")
    _move(campaign, "closed", by)


def start(campaign: Campaign, by: Any) -> None:
    """Begin: a campaign without targets cannot."""
    if campaign.state != "planned":
        raise PlanError("The campaign has begun already.", "该计划已开始。")
    if not campaign.targets.exists():
        raise PlanError("Choose targets first.", "请先选择检查对象。")
    _move(campaign, "running", by)


def _move(campaign: Campaign, state: str, by: Any) -> None:
    with transaction.atomic():
        Campaign.objects.filter(pk=campaign.pk).update(state=state)
        campaign.state = state
        record(f"campaign {state}", f"campaign {campaign.pk}", person=by, targets=campaign.targets.count())


def _open(campaign: Campaign) -> None:
    if campaign.state == "closed":
        raise PlanError("The campaign is closed.", "该计划已结束。")
