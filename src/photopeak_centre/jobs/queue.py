"""Enqueueing, leasing and ending jobs. The database is the only queue: what is committed there survives any kill."""

from __future__ import annotations

import datetime
import secrets

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from photopeak_centre.evidence.models import Study
from photopeak_centre.jobs.models import Job

LEASE_S = 60
MOST_ATTEMPTS = 3
BACKOFF_S = 5


def enqueue(study: Study, after_s: float = 0.0) -> None:
    """Ask for a check of the study, in the caller's transaction; a check that waits already is put off to then.

    A study whose files were deleted has nothing to check.
    """
    if study.evidence_deleted is not None:
        return
    when = timezone.now() + datetime.timedelta(seconds=after_s)
    for _ in range(2):
        if Job.objects.filter(study=study, state="waiting").update(not_before=when):
            return
        try:
            with transaction.atomic():
                Job.objects.create(study=study, organisation_id=study.organisation_id, not_before=when)
            return
        except IntegrityError:
            continue


@transaction.atomic
def claim(worker: str) -> Job | None:
    """The next job for this worker, leased; also one whose worker's lease ran out. Never two of one study at once."""
    now = timezone.now()
    ready = Q(state="waiting", not_before__lte=now) | Q(state="running", lease_until__lt=now)
    leased = Job.objects.filter(study=OuterRef("study"), state="running", lease_until__gte=now)
    jobs = Job.objects.filter(ready).exclude(Exists(leased)).order_by("not_before", "id")
    if connection.features.has_select_for_update_skip_locked:
        jobs = jobs.select_for_update(skip_locked=True)
    job: Job | None = jobs.first()
    if job is None:
        return None
    if job.attempts >= MOST_ATTEMPTS:
        Job.objects.filter(pk=job.pk).update(state="dead", finished=now, token="", code=job.code or "worker_lost")
        return claim(worker)
    job.attempts += 1
    job.state, job.token, job.worker = "running", secrets.token_hex(16), worker[:80]
    job.lease_until = now + datetime.timedelta(seconds=LEASE_S)
    job.save(update_fields=["attempts", "state", "token", "worker", "lease_until"])
    return job


def renew(job: Job, done: int, of: int) -> bool:
    """Prolong the lease and tell the progress; False where the lease has gone to another worker."""
    until = timezone.now() + datetime.timedelta(seconds=LEASE_S)
    mine = Job.objects.filter(pk=job.pk, token=job.token, state="running")
    return bool(mine.update(lease_until=until, done=done, of=of))


def finish(job: Job) -> bool:
    """Mark done within the transaction that stores the results; False where the lease was lost and nothing may be stored."""
    mine = Job.objects.filter(pk=job.pk, token=job.token, state="running")
    return bool(mine.update(state="done", finished=timezone.now(), token="", lease_until=None, code=""))


def release(job: Job) -> None:
    """The worker ends in the middle: the job waits again at once, and this was no attempt."""
    mine = Job.objects.filter(pk=job.pk, token=job.token, state="running")
    try:
        with transaction.atomic():
            mine.update(state="waiting", not_before=timezone.now(), token="", lease_until=None, attempts=job.attempts - 1)
    except IntegrityError:  # a newer job of the study waits and will do the same work
        mine.update(state="dead", finished=timezone.now(), token="", lease_until=None, code="replaced")


def give_back(job: Job, code: str) -> None:
    """The attempt failed: try again later, or give up after the last attempt."""
    mine = Job.objects.filter(pk=job.pk, token=job.token, state="running")
    now = timezone.now()
    if job.attempts < MOST_ATTEMPTS:
        later = now + datetime.timedelta(seconds=BACKOFF_S * 4 ** (job.attempts - 1))
        try:
            with transaction.atomic():
                mine.update(state="waiting", not_before=later, token="", lease_until=None, code=code)
            return
        except IntegrityError:  # a newer job of the study waits and will do the same work
            code = "replaced"
    mine.update(state="dead", finished=now, token="", lease_until=None, code=code)
