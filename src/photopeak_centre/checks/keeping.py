"""Storing what a check found, all of it or nothing, and the summary rows that lists and the region read."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db import transaction

import photopeak
from photopeak_centre.audit.chain import record
from photopeak_centre.checks.models import Drawing, Judgement, Latest, Measurement, Result, WorstOutcome
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence.intake import aware
from photopeak_centre.evidence.models import Held, Study
from photopeak_centre.evidence.store import keep
from photopeak_centre.jobs.analyse import Analysed, Found, worst
from photopeak_centre.jobs.models import Job
from photopeak_centre.jobs.queue import finish


def place_text(where: dict[str, Any]) -> str:
    """`where` as text that is the same for the same place."""
    return json.dumps(where, sort_keys=True, ensure_ascii=False, separators=(",", ":"))[:200]


@transaction.atomic
def keep_results(job: Job, analysed: Analysed) -> bool:
    """Store everything, or nothing where the job's lease went to another worker."""
    if not finish(job):
        return False
    study = Study.objects.select_related("device").get(pk=job.study_id)
    before = list(Result.objects.filter(study=study, superseded_by=None))
    results = [_keep(job, study, found) for found in analysed.found]
    _supersede(before, results)
    _keep_unread(study, analysed)
    if study.device_id:
        Device.objects.select_for_update().filter(pk=study.device_id).first()
        refresh_latest(study.device_id, [m for r in results for m in r.measurements.all()])
    record(
        "checked",
        f"study {study.pk}",
        organisation=study.organisation_id,
        job=job.pk,
        version=photopeak.__version__,
        results=[[r.pk, r.procedure, r.outcome] for r in results],
    )
    return True


def _keep(job: Job, study: Study, found: Found) -> Result:
    acquired = aware(found.acquired) or study.acquired or study.first_received
    result = Result.objects.create(
        organisation_id=study.organisation_id,
        study=study,
        device_id=study.device_id,
        job=job.pk,
        procedure=found.procedure,
        name_en=found.name.en,
        name_zh=found.name.zh,
        version=photopeak.__version__,
        evidence_sha256=found.evidence_sha256,
        stage=study.stage,
        acquired=acquired,
        outcome=found.outcome,
        document=found.document,
    )
    measured = Measurement.objects.bulk_create(
        Measurement(
            result=result,
            device_id=study.device_id,
            acquired=acquired,
            quantity=m["quantity"],
            place=place_text(m["where"]),
            where=m["where"],
            value=m["value"],
            unit=m["unit"],
            uncertainty=m.get("uncertainty"),
        )
        for m in found.measurements
    )
    Judgement.objects.bulk_create(
        Judgement(
            result=result,
            measurement=None if v.measurement is None else measured[v.measurement],
            outcome=v.outcome,
            reason=v.reason,
            criterion=v.criterion,
        )
        for v in found.judged
    )
    Drawing.objects.bulk_create(
        Drawing(
            result=result,
            number=number,
            title_en=one.title.en[:200],
            title_zh=one.title.zh[:200],
            en=keep(one.en),
            zh=keep(one.zh),
            pixels=None if one.pixels is None else keep(one.pixels),
            about=one.about,
        )
        for number, one in enumerate(found.drawings, 1)
    )
    return result


def _supersede(before: list[Result], results: list[Result]) -> None:
    """An earlier result of the same procedure on some of the same files points to the newer one; it stays."""
    for old in before:
        files = {file["sha256"] for file in old.document["evidence"]}
        newer = next(
            (r for r in results if r.procedure == old.procedure and files & {f["sha256"] for f in r.document["evidence"]}), None
        )
        if newer is not None:
            Result.objects.filter(pk=old.pk).update(superseded_by=newer)


def _keep_unread(study: Study, analysed: Analysed) -> None:
    first = study.items.order_by("id").first()
    if first is None:
        return
    names = set(Held.objects.filter(hand_in=first.hand_in_id, kind="unread").values_list("name", "code"))
    Held.objects.bulk_create(
        Held(
            organisation_id=study.organisation_id,
            hand_in_id=first.hand_in_id,
            kind="unread",
            name=name[-255:],
            code=code[:40],
            en=en,
            zh=zh,
        )
        for name, code, en, zh in analysed.unread
        if (name[-255:], code[:40]) not in names
    )


def refresh_latest(device: int, of: Iterable[Measurement]) -> None:
    """Bring the summary rows of these measurements' quantities and places up to date, and the device's own outcome."""
    measured = list(of)
    procedures = dict(Result.objects.filter(pk__in={m.result_id for m in measured}).values_list("pk", "procedure"))
    keys = {(procedures[m.result_id], m.quantity, m.place) for m in measured}
    standing = Measurement.objects.filter(device=device, result__superseded_by=None).exclude(result__review="rejected")
    for procedure, quantity, place in keys:
        own = standing.filter(result__procedure=procedure, quantity=quantity, place=place)
        newest = own.order_by("-acquired", "-id").first()
        if newest is None:
            Latest.objects.filter(device=device, procedure=procedure, quantity=quantity, place=place).delete()
            continue
        outcomes = list(newest.judgements.values_list("outcome", flat=True))
        Latest.objects.update_or_create(
            device_id=device,
            procedure=procedure,
            quantity=quantity,
            place=place,
            defaults={
                "measurement": newest,
                "acquired": newest.acquired,
                "value": newest.value,
                "outcome": worst(outcomes) if outcomes else "",
            },
        )
    rows = list(Latest.objects.filter(device=device).values_list("procedure", "quantity", "outcome", "acquired"))
    outcomes = [outcome for _, _, outcome, _ in rows if outcome]
    Device.objects.filter(pk=device).update(
        outcome=worst(outcomes) if outcomes else "", last_tested=max((at for *_, at in rows), default=None)
    )
    count_for_the_region(device, {key[:2] for key in keys}, [row[:3] for row in rows])


def count_for_the_region(device: int, quantities: set[tuple[str, str]], latest: list[tuple[str, str, str]]) -> None:
    """Bring the region's rows of these quantities, by (procedure, quantity), of one device up to date from its latest
    (procedure, quantity, outcome) rows."""
    outcomes: dict[tuple[str, str], list[str]] = {}
    for procedure, quantity, outcome in latest:
        if outcome and (procedure, quantity) in quantities:
            outcomes.setdefault((procedure, quantity), []).append(outcome)
    of = Device.objects.values("organisation", "in_use").get(pk=device)
    for procedure, quantity in quantities - set(outcomes):
        WorstOutcome.objects.filter(device=device, procedure=procedure, quantity=quantity).delete()
    for (procedure, quantity), found in outcomes.items():
        WorstOutcome.objects.update_or_create(
            device_id=device,
            procedure=procedure,
            quantity=quantity,
            defaults={"outcome": worst(found), "organisation_id": of["organisation"], "in_use": of["in_use"]},
        )


def device_changed(device: Device) -> None:
    """The region's rows follow a device to another hospital and out of use."""
    rows = WorstOutcome.objects.filter(device=device)
    rows.exclude(organisation=device.organisation_id, in_use=device.in_use).update(
        organisation=device.organisation_id, in_use=device.in_use
    )


def give_device(study: Study, device: Device | None) -> None:
    """Say which device a study is of; its results and the summaries follow."""
    with transaction.atomic():
        old = study.device_id
        Study.objects.filter(pk=study.pk).update(device=device)
        results = Result.objects.filter(study=study)
        results.update(device=device)
        measurements = Measurement.objects.filter(result__study=study)
        measurements.update(device=device)
        for one in {old, device.pk if device else None} - {None}:
            refresh_latest(one, measurements)
