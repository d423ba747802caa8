"""The only hand that moves a finding: along the library's table, by a role that may, with its grounds, its deadline and its audit entry."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from photopeak.criterion import Criterion
from photopeak.evidence import Subject
from photopeak.finding import LIFE_OF_A_FINDING, IllegalAct, Reinspection, judged_again, raise_finding
from photopeak.finding import Finding as Life
from photopeak.measurement import Measurement, Quantity
from photopeak.verdict import Verdict
from photopeak.words import Words
from photopeak_centre.audit.chain import record
from photopeak_centre.campaigns.models import Campaign, Visit
from photopeak_centre.checks.models import Judgement, Result
from photopeak_centre.checks.rows import measured, quantities, quantity_named, verdict_of
from photopeak_centre.devices.models import Device
from photopeak_centre.findings.models import SOURCES, Act, Document, Finding, Practice
from photopeak_centre.findings.working_days import working_days_after, working_days_between
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs.analyse import criterion_as_data, criterion_from

#: act -> the roles' acts of which one is needed. What a hospital does, the centre may enter for one that answers on paper.
WHO: dict[str, tuple[str, ...]] = {
    "notify": ("sign",),
    "withdraw": ("sign",),
    "receive": ("respond", "notify"),
    "appeal": ("respond", "notify"),
    "uphold": ("sign",),
    "respond": ("respond", "notify"),
    "reinspect": ("notify",),
    "accept": ("sign",),
    "reject": ("sign",),
    "escalate": ("sign",),
}
#: acts that say nothing without a reason
WITH_REASON = ("withdraw", "appeal", "uphold", "reject", "escalate")
RESPONSE = {
    "cause": Words("the cause", "原因"),
    "measure": Words("the measure", "整改措施"),
    "person": Words("the person responsible", "责任人"),
    "date": Words("the date of completion", "完成日期"),
}
FINAL = ("closed", "withdrawn")
#: states that wait for the hospital; what has not been answered is reported only when its deadline has passed
ANSWERS = ("notified", "received")


def raise_from(
    *,
    organisation: Organisation,
    source: str,
    procedure: str,
    words: Words,
    verdicts: Iterable[Mapping[str, Any]],
    by: Any,
    device: Device | None = None,
    result: Result | None = None,
    visit: Visit | None = None,
    campaign: Campaign | None = None,
    at: datetime.datetime | None = None,
) -> Finding:
    """A new finding. `verdicts` as `Finding.verdicts` holds them; `procedure` is what the re-inspection must repeat.

    `at`: when it happened, where it is told afterwards.
    """
    if source not in dict(SOURCES):
        raise ValueError(source)
    given = [dict(verdict) for verdict in verdicts]
    if not any(verdict.get("outcome") == "fail" for verdict in given):
        raise IllegalAct(en="Nothing failed here; there is nothing to raise.", zh="没有不合格判定，无须提出问题。")
    _same_hospital(organisation, device, result, visit)
    at = _moment(at)
    try:
        with transaction.atomic():
            finding = Finding.objects.create(
                organisation=organisation, device=device, campaign=campaign, visit=visit, result=result, source=source,
                procedure=procedure, words_en=words.en, words_zh=words.zh, verdicts=given, raised=at,
            )  # fmt: skip
            Act.objects.create(finding=finding, act="raise", before="", after="raised", by=by, at=at, result=result)
            record(
                "finding raised",
                f"finding {finding.pk}",
                person=by,
                organisation=organisation.pk,
                procedure=procedure,
                source=source,
                result=None if result is None else result.pk,
                at=at.isoformat(),
            )
    except IntegrityError as error:
        raise IllegalAct(
            en="A finding has been raised from this result already.", zh="该检测结果已提出过问题，不能重复提出。"
        ) from error
    return finding


def raise_for_result(result: Result, by: Any, *, at: datetime.datetime | None = None) -> Finding:
    """The finding that a result's failing judgements amount to; the one there is, where it was raised before."""
    with transaction.atomic():
        held = Result.objects.select_for_update(of=("self",)).get(pk=result.pk)
        known = finding_of(held)
        if known is not None:
            return known
        if held.review == "rejected" or held.superseded_by_id:
            raise IllegalAct(
                en="This result was rejected or replaced by a newer analysis; it raises no finding.",
                zh="该结果已退回或已有更新的分析，不能据此提出问题。",
            )
        rows = held.judgements.filter(outcome="fail").select_related("measurement").order_by("id")
        frozen = [frozen_judgement(row) for row in rows]
        device = held.device
        life = raise_finding(subject_of(device), held.procedure, held.name, [verdict_from(v) for v in frozen])
        if life is None:
            raise IllegalAct(en="Nothing failed in this result.", zh="该结果没有不合格判定。")
        return raise_from(
            organisation=held.organisation,
            source="test",
            procedure=held.procedure,
            words=life.words,
            verdicts=frozen,
            by=by,
            device=device,
            result=held,
            at=at,
        )


def finding_of(result: Result) -> Finding | None:
    """The finding raised from this result, or from an earlier analysis of the same evidence."""
    results, found = [result.pk], [result.pk]
    while found:
        found = list(Result.objects.filter(superseded_by__in=found).exclude(pk__in=results).values_list("pk", flat=True))
        results += found
    known: Finding | None = Finding.objects.filter(result__in=results).order_by("-id").first()
    return known


def act(
    finding: Finding,
    name: str,
    *,
    by: Any,
    words: str = "",
    detail: Mapping[str, Any] | None = None,
    result: Result | None = None,
    document: Document | None = None,
    at: datetime.datetime | None = None,
    before: str | None = None,
) -> Act:
    """Do `name` to the finding, or raise IllegalAct with a sentence in both languages; nothing else moves a finding.

    `detail`: of a response cause, measure, person and date (and the hand-ins with its evidence); of a re-inspection `on` ("site" or
    "paper") and, where it is not a result that is judged again, `verdicts` as the finding's own, one for each item; `due` (a date in
    ISO 8601) takes the place of the deadline that the practice gives. `at`: when it happened, where it is told afterwards.
    `before`: the state the person saw when deciding; refused where it has changed since.
    """
    given, at = dict(detail or {}), _moment(at)
    with transaction.atomic():
        row: Finding = Finding.objects.select_for_update(of=("self",)).select_related("device").get(pk=finding.pk)
        acts = list(row.acts.order_by("at", "id"))
        if before is not None and row.state != before:
            raise _moved_meanwhile()
        _may(row, name, by)
        _in_order(acts, at)
        _grounds(name, words, given)
        _same_hospital(row.organisation, None, result, None)
        _suits(row, document)
        if name == "escalate" and row.state in ANSWERS and not _is_late(row, at):
            raise IllegalAct(en="Its deadline has not passed yet.", zh="期限未到，不能上报。")
        if name == "appeal":
            given["due_before"] = None if row.due is None else row.due.isoformat()
            _in_time_to_object(row, acts, at)
        again = None
        if (row.state, name) in LIFE_OF_A_FINDING and name == "reinspect":
            again = _reinspection(row, result, given, at)
            given = {**given, "verdicts": [frozen(v, given.get("verdicts", ())) for v in again.verdicts]}
        life = _life_of(row, acts).after(name, at=at, reinspection=again)
        if again is not None:
            given["passed"] = life.passed
        due = _due(row, life.state, given, at, acts)
        closed = at if life.state in FINAL else None
        moved = Finding.objects.filter(pk=row.pk, state=row.state).update(state=life.state, due=due, closed=closed)
        if moved != 1:
            raise _moved_meanwhile()
        if due is not None:
            given["due"] = due.isoformat()
        made = Act.objects.create(
            finding=row, act=name, before=row.state, after=life.state, by=by, at=at, words=words, detail=given, document=document,
            result=result,
        )  # fmt: skip
        record(
            f"finding {name}",
            f"finding {row.pk}",
            person=by,
            organisation=row.organisation_id,
            before=row.state,
            after=life.state,
            words=words,
            document=None if document is None else document.number,
            result=None if result is None else result.pk,
            at=at.isoformat(),
        )
    finding.refresh_from_db()
    return made


def possible(finding: Finding, person: Any) -> list[str]:
    """The acts that the state allows and this person may do, in the order of the table."""
    acts = [name for state, name in LIFE_OF_A_FINDING if state == finding.state]
    if finding.state in ANSWERS and not _is_late(finding, timezone.now()):
        acts.remove("escalate")
    return [name for name in acts if any(person.may(one) for one in WHO[name])]


def _is_late(finding: Finding, at: datetime.datetime) -> bool:
    return finding.due is not None and timezone.localdate(at) > finding.due


def _may(row: Finding, name: str, by: Any) -> None:
    allowed = name in WHO and any(by.may(one) for one in WHO[name])
    if not allowed or not Finding.objects.visible_to(by).filter(pk=row.pk).exists():
        if name not in WHO:
            _life_of(row, []).after(name)  # says what could be done instead
        raise IllegalAct(en="Your role does not allow this act.", zh="您的角色无权办理此项。")


def _moved_meanwhile() -> IllegalAct:
    return IllegalAct(
        en="Somebody else has moved this finding meanwhile; open it again.", zh="他人刚刚更新了此问题，请重新打开后再办理。"
    )


def _in_order(acts: list[Act], at: datetime.datetime) -> None:
    if acts and at < acts[-1].at:
        raise IllegalAct(
            en=f"This would come before the last act ({acts[-1].at:%Y-%m-%d %H:%M}); acts follow one another.",
            zh=f"早于上一步的时间（{acts[-1].at:%Y-%m-%d %H:%M}），请按先后登记。",
        )


def _grounds(name: str, words: str, given: Mapping[str, Any]) -> None:
    if name in WITH_REASON and not words.strip():
        raise IllegalAct(en="Say why.", zh="请写明理由。")
    if name == "respond":
        missing = [said for key, said in RESPONSE.items() if not str(given.get(key) or "").strip()]
        if missing:
            raise IllegalAct(
                en=f"The response needs {', '.join(one.en for one in missing)}.",
                zh=f"整改反馈缺少：{'、'.join(one.zh for one in missing)}。",
            )


def _same_hospital(organisation: Organisation, device: Device | None, result: Result | None, visit: Visit | None) -> None:
    if any(one is not None and one.organisation_id != organisation.pk for one in (device, result, visit)):
        raise IllegalAct(en="This belongs to another hospital.", zh="所选对象属于其他医院。")


def _suits(row: Finding, document: Document | None) -> None:
    if document is None:
        return
    if document.organisation_id != row.organisation_id:
        raise IllegalAct(en="This belongs to another hospital.", zh="所选对象属于其他医院。")
    if not document.number:
        raise IllegalAct(en="The document has not been issued yet.", zh="该文书尚未签发。")


def _reinspection(row: Finding, result: Result | None, given: dict[str, Any], at: datetime.datetime) -> Reinspection:
    """What the re-inspection found: the notice's own limits on the new result, or the answers to the same items."""
    failed = tuple(verdict_from(v) for v in row.verdicts)
    if result is None:
        if row.source == "test" or row.result_id is not None:
            raise IllegalAct(
                en="This finding came from a test; choose the result of the new test.",
                zh="本问题由检测提出，请选择复查检测结果。",
            )
        answers = tuple(verdict_from(v) for v in given.get("verdicts", ()))
        procedure = str(given.get("procedure", row.procedure))
        return Reinspection(procedure=procedure, subject=subject_of(row.device), acquired=at, verdicts=answers)
    if result.review == "rejected" or result.superseded_by_id or result.outcome == "refused":
        raise IllegalAct(
            en="This result was rejected, refused or replaced; choose one that stands.",
            zh="该结果已退回、未作分析或已被更新，请另选有效结果。",
        )
    if result.device_id != row.device_id:
        raise IllegalAct(
            en="The re-inspection is of another device than the finding; choose a result of the same device.",
            zh="复查对象与原判定不是同一设备。请选择同一设备的检测结果。",
        )
    anew = judged_again(failed, [measured(m, result.procedure) for m in result.measurements.order_by("id")])
    own = [
        verdict_of(row, row.measurement, result.procedure)
        for row in result.judgements.select_related("measurement").order_by("id")
    ]
    settled = tuple(next((mine for mine in own if _same_ruling(mine, v)), v) for v in anew)
    return Reinspection(
        procedure=result.procedure,
        subject=subject_of(result.device),
        acquired=result.acquired,
        verdicts=(*settled, *(v for v in own if v.outcome == "fail" and v not in settled)),
    )


def _same_ruling(mine: Verdict, anew: Verdict) -> bool:
    """Whether the result was judged by that limit itself; then its verdict stands, which also knew the noise of the image."""
    one, other = mine.criterion, anew.criterion
    if one is None or other is None or mine.measurement is None or mine.measurement != anew.measurement:
        return False
    return (one.standard, one.clause, one.lower, one.upper) == (other.standard, other.clause, other.lower, other.upper)


def _life_of(row: Finding, acts: list[Act]) -> Life:
    """The row as the library knows it."""
    verdicts = tuple(verdict_from(v) for v in row.verdicts)
    subject, responded, again = subject_of(row.device), None, None
    if row.state in ("responded", "reinspected"):
        responded = next(one.at for one in reversed(acts) if one.act == "respond")
    if row.state == "reinspected":
        last = next(one for one in reversed(acts) if one.act == "reinspect")
        found = tuple(verdict_from(v) for v in last.detail["verdicts"])
        acquired = last.result.acquired if last.result is not None else last.at
        again = Reinspection(procedure=row.procedure, subject=subject, acquired=acquired, verdicts=found)
    return Life(
        subject=subject,
        procedure=row.procedure,
        verdicts=verdicts,
        words=row.words,
        state=row.state,
        responded=responded,
        reinspection=again,
    )


def _due(row: Finding, state: str, given: Mapping[str, Any], at: datetime.datetime, acts: list[Act]) -> datetime.date | None:
    """The next deadline: of the answer, of the decision on an objection, of the re-inspection."""
    if given.get("due"):
        return datetime.date.fromisoformat(str(given["due"]))
    practice, day = Practice.of_the_centre(), timezone.localdate(at)
    if state == "notified":
        return working_days_after(day, practice.days_to_respond)
    if state == "received" and row.state == "appealed":  # the working days that the objection took are given back
        objection = next(one for one in reversed(acts) if one.act == "appeal")
        before = objection.detail.get("due_before")
        waited = working_days_between(timezone.localdate(objection.at), day)
        return None if before is None else working_days_after(datetime.date.fromisoformat(before), waited)
    if state == "received":
        return row.due
    if state == "appealed":
        return working_days_after(day, practice.days_to_answer_appeal)
    if state == "responded":
        return working_days_after(day, practice.days_to_reinspect)
    return None


def appeal_until(acts: Iterable[Act]) -> datetime.date | None:
    """The last day for an objection: so many working days from the last receipt. None before receipt."""
    receipt = max((one for one in acts if one.act == "receive"), key=lambda one: one.at, default=None)
    if receipt is None:
        return None
    return working_days_after(timezone.localdate(receipt.at), Practice.of_the_centre().days_to_appeal)


def _in_time_to_object(row: Finding, acts: list[Act], at: datetime.datetime) -> None:
    until = appeal_until(acts)
    if row.state == "received" and until is not None and timezone.localdate(at) > until:
        raise IllegalAct(en=f"Objections could be made until {until}.", zh=f"提出异议的期限为 {until}，现已届满。")


def names_of(procedure: str) -> dict[str, Words]:
    """Names of quantities by their identifiers; where two procedures share one, that of `procedure`."""
    known = quantities().items()
    own = {name: quantity.words for (entry, name), quantity in known if entry == procedure}
    return {name: quantity.words for (_, name), quantity in known} | own


def subject_of(device: Device | None) -> Subject:
    if device is None:
        return Subject()
    return Subject(manufacturer=device.manufacturer, model=device.model, serial=device.serial or f"device {device.pk}")


def frozen_judgement(row: Judgement) -> dict[str, Any]:
    """A judgement as a finding keeps it."""
    return {**frozen(verdict_of(row, row.measurement), ()), "judgement": row.pk}


def frozen(verdict: Verdict, given: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """A verdict as plain data. `given`: the plain data it may have come from, which know its words."""
    m, c = verdict.measurement, verdict.criterion
    name = m.quantity.words if m is not None else words_of(verdict, given)
    return {
        "outcome": verdict.outcome,
        "name": {"en": name.en, "zh": name.zh},
        "quantity": m.quantity.name if m is not None else c.quantity if c is not None else "",
        "where": dict(m.where if m is not None else c.where if c is not None else {}),
        "value": None if m is None else m.value,
        "unit": m.unit if m is not None else c.unit if c is not None else "",
        "uncertainty": None if m is None else m.uncertainty,
        "criterion": None if c is None else criterion_as_data(c),
        "judgement": None,
    }


def words_of(verdict: Verdict, given: Iterable[Mapping[str, Any]]) -> Words:
    name, where = ("", {}) if verdict.criterion is None else (verdict.criterion.quantity, dict(verdict.criterion.where))
    for one in given:
        if (one.get("quantity"), one.get("where") or {}) == (name, where) and one.get("name"):
            return Words(one["name"]["en"], one["name"]["zh"])
    known = quantity_named(name)
    return known.words if known else Words(name.replace("_", " "), name.replace("_", " "))


def verdict_from(data: Mapping[str, Any]) -> Verdict:
    """Plain data as the library's verdict. A checklist's item has a criterion and no measurement."""
    where, name = dict(data.get("where") or {}), data.get("name") or {}
    measurement = None
    quantity = str(data.get("quantity", ""))
    if data.get("value") is not None:
        unit = str(data.get("unit", ""))
        plain = quantity.replace("_", " ")
        known = quantity_named(quantity) or Quantity(
            name=quantity, unit=unit, en=name.get("en") or plain, zh=name.get("zh") or plain
        )
        measurement = Measurement(
            quantity=known, value=float(data["value"]), unit=unit, uncertainty=data.get("uncertainty"), where=where
        )
    criterion = _criterion(data.get("criterion"), quantity, where)
    if measurement is None and criterion is not None:  # what the verdict is about stands in the verdict
        criterion = replace(criterion, quantity=quantity or criterion.quantity, where=where or criterion.where)
    return Verdict(outcome=data["outcome"], measurement=measurement, criterion=criterion)


def _criterion(data: Mapping[str, Any] | None, quantity: str, where: dict[str, Any]) -> Criterion | None:
    if data is None:
        return None
    blank = {"standard": "", "edition": "", "clause": "", "unit": "", "stage": "status", "read_by": [], "condition": None}
    return criterion_from({**blank, "quantity": quantity, "where": where, **data})


def _moment(at: datetime.datetime | None) -> datetime.datetime:
    now = timezone.now()
    if at is None:
        return now
    if timezone.is_naive(at):
        at = timezone.make_aware(at, timezone.get_default_timezone())
    if at > now + datetime.timedelta(minutes=5):
        raise IllegalAct(en="This lies in the future.", zh="时间在将来，请核对。")
    return at
