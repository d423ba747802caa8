"""The audit log and the health of the centre, for those who answer for it."""

from __future__ import annotations

import shutil
from typing import Any

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone

import photopeak
from photopeak_centre.audit.chain import ChainState, verify_chain
from photopeak_centre.audit.models import ChainHead, Entry, Upkeep
from photopeak_centre.evidence.models import Blob, Held
from photopeak_centre.jobs.models import Job
from photopeak_centre.routes import route
from photopeak_centre.said import said

LENGTH = 100
#: a longer chain is walked by the day's upkeep or `photopeak verify`, not while a page waits
WALKED_AT_ONCE = 2000
UPKEEP = (
    ("backup", said("backup", "备份")),
    ("retention", said("retention", "到期删除")),
    ("verified", said("verification", "校验")),
)


@route(exempt="the whole centre's log, for those who answer for it", act="read_audit")
def audit(request: HttpRequest) -> HttpResponse:
    from photopeak_centre.accounts.models import Person

    before = request.GET.get("before", "")
    rows = Entry.objects.order_by("-number")
    if before.isdigit() and len(before) < 19:
        rows = rows.filter(number__lt=int(before))
    found: list[Any] = list(rows.select_related("detail")[:LENGTH])
    people = Person.objects.in_bulk({row.person for row in found if row.person})
    for row in found:
        row.who = people.get(row.person)
    return render(request, "audit/log.html", {"rows": found, "next": found[-1].number if len(found) == LENGTH else None})


@route(exempt="the state of the whole centre, for those who answer for it", act="read_audit")
def health(request: HttpRequest) -> HttpResponse:
    disk = shutil.disk_usage(settings.HOME)
    oldest = Job.objects.filter(state="waiting", not_before__lte=timezone.now()).order_by("not_before").first()
    running = Job.objects.filter(state="running")
    facts = {
        "version": photopeak.__version__,
        "database": connection.vendor,
        "free_gb": disk.free / 1e9,
        "free_percent": 100 * disk.free / disk.total,
        "blobs": Blob.objects.count(),
        "waiting": Job.objects.filter(state="waiting").count(),
        "oldest": oldest.not_before if oldest else None,
        "running": running.count(),
        "lapsed": running.filter(lease_until__lt=timezone.now()).count(),
        "dead": Job.objects.filter(state="dead").count(),
        "held": Held.objects.filter(settled="").exclude(kind="unread").count(),
        **_chain(),
        "upkeep": [(words, Upkeep.objects.filter(act=act).order_by("-at").first()) for act, words in UPKEEP],
    }
    return render(request, "audit/health.html", facts)


@route(exempt="says only that the web process answers and reaches its database", public=True)
def alive(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return JsonResponse({"alive": True})


def _chain() -> dict[str, Any]:
    """The chain's state: what follows the last verification is walked now, if it is not too long."""
    last = Upkeep.objects.filter(act="verified").exclude(number=None).order_by("-at").first()
    if last is not None and not last.well:
        return {"chain": ChainState(entries=last.number or 0, last_hash=last.hash, erased=last.erased, broken_at=last.number)}
    after = (last.number, last.hash) if last is not None and last.number else None
    head = ChainHead.objects.filter(pk=1).first()
    if head is not None and head.number - (after[0] if after else 0) > WALKED_AT_ONCE:
        return {"chain": None, "entries": head.number}
    return {"chain": verify_chain(after=after)}
