"""The list of jobs, and asking once more for one that was given up."""

from __future__ import annotations

from typing import Any

from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from photopeak_centre.audit.chain import record
from photopeak_centre.jobs.models import Job
from photopeak_centre.jobs.queue import enqueue
from photopeak_centre.keyset import page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.tenancy import get_for


@getter("job")
def get_job_for(person: Any, id: int) -> Job:
    found: Job = get_for(Job, person, id, "study", "organisation")
    return found


@route(exempt="lists what the person may see", act="see")
def jobs(request: HttpRequest) -> HttpResponse:
    shown = Job.objects.visible_to(request.user).select_related("study", "organisation")
    if (state := request.GET.get("state", "")) in ("waiting", "running", "done", "dead"):
        shown = shown.filter(state=state)
    fragment = request.headers.get("HX-Request") == "true"
    context = {"rows": page_of(shown, "created", request, descending=True), "state": state}
    return render(request, "jobs/rows.html" if fragment else "jobs/list.html", context)


@route("job", methods="POST", act="hand_in")
def job_again(request: HttpRequest, one: Job) -> HttpResponse:
    if one.state != "dead":
        raise Http404
    with transaction.atomic():
        enqueue(one.study)
        record("asked again", f"job {one.pk}", person=request.user, organisation=one.organisation_id)
    return redirect("jobs")
