"""Signing in, the first run, people, and the page of today."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.i18n import set_language

from photopeak_centre.accounts import throttle
from photopeak_centre.accounts.forms import PersonForm, SetUp, SignIn
from photopeak_centre.accounts.models import Person
from photopeak_centre.audit.chain import record
from photopeak_centre.checks.models import Result
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence.models import HandIn, Held
from photopeak_centre.findings.overdue import counts_for
from photopeak_centre.half_year.dashboards import today_for
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs.models import Job
from photopeak_centre.keyset import first_of, page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import now_said


@getter("person")
def get_person_for(person: Person, id: int) -> Person:
    if not person.may("manage_people"):
        raise Http404
    return get_object_or_404(Person, pk=id)


@route(exempt="nobody is known yet", methods="GET POST", public=True)
def sign_in(request: HttpRequest) -> HttpResponse:
    if not Person.objects.exists():
        return redirect("set_up")
    form, said = SignIn(request.POST or None), ""
    if request.method == "POST" and form.is_valid():
        name, address = form.cleaned_data["username"], request.META.get("REMOTE_ADDR", "")
        if throttle.refused(name, address):
            said = now_said("Too many attempts. Try again in 15 minutes.", "尝试次数过多，请 15 分钟后再试。")
        elif person := authenticate(request, username=name, password=form.cleaned_data["password"]):
            throttle.succeeded(name, address)
            login(request, person)
            record("signed in", f"person {person.pk}", person=person)
            return redirect(_next(request))
        else:
            throttle.failed(name, address)
            said = now_said("User name and password do not match.", "用户名与密码不符。")
    return render(request, "accounts/sign_in.html", {"form": form, "said": said}, status=403 if said else 200)


def _next(request: HttpRequest) -> str:
    wanted = request.GET.get("next", "")
    safe = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return wanted if safe else "/"


@route(exempt="ends the person's own session", methods="POST", public=True)
def sign_out(request: HttpRequest) -> HttpResponse:
    logout(request)
    return redirect("login")


@route(exempt="the language of the person's own browser", methods="POST", public=True)
def choose_language(request: HttpRequest) -> HttpResponse:
    return set_language(request)


def first_key() -> str:
    """The word that the console prints at the first start: only who started the centre may set it up."""
    place = Path(settings.HOME) / "first_key"
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(secrets.token_urlsafe(12), "ascii")
        place.chmod(0o600)
    return place.read_text("ascii").strip()


@route(exempt="there is nothing yet", methods="GET POST", public=True)
def set_up(request: HttpRequest) -> HttpResponse:
    """The first run. Answers 404 for good as soon as a person exists."""
    if Person.objects.exists() or not secrets.compare_digest(request.GET.get("key", "").encode(), first_key().encode()):
        raise Http404
    form = SetUp(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            person = make_centre(**form.cleaned_data)
            record("set up", f"person {person.pk}", person=person)
        login(request, person)
        return redirect("home")
    return render(request, "accounts/set_up.html", {"form": form})


def make_centre(*, centre_zh: str, centre_en: str, username: str, name_zh: str, password: str) -> Person:
    """The centre and its administrator, once."""
    centre = Organisation.objects.create(kind="centre", name_zh=centre_zh, name_en=centre_en)
    fields: dict[str, Any] = {"name_zh": name_zh, "organisation": centre, "role": "administrator"}
    return Person.objects.make(username, password, **fields)


@route(exempt="shows counts of what the person may see")
def home(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    results = Result.objects.visible_to(person).filter(superseded_by=None)
    worst = results.select_related("device", "organisation", "study")
    return render(
        request,
        "accounts/home.html",
        {
            "today": today_for(person),
            "devices": _counts(Device.objects.visible_to(person).filter(in_use=True)),
            "open": _first(worst.filter(review="open").defer("document"), 12),
            "recent": first_of(results.select_related("device", "organisation").defer("document"), 12, "-made", "-id"),
            "jobs": Job.objects.visible_to(person).filter(state__in=("waiting", "running")).count(),
            "dead": Job.objects.visible_to(person).filter(state="dead").count(),
            "held": Held.objects.visible_to(person).filter(settled="").exclude(kind="unread").count(),
            "findings": counts_for(person),
            "hand_ins": first_of(HandIn.objects.visible_to(person).select_related("organisation"), 6, "-opened", "-id"),
        },
    )


def _first(worst: Any, n: int) -> list[Any]:
    """The newest fails, then the newest undecided; asked for one after the other, for an index answers each."""
    found: list[Any] = []
    for outcome in ("fail", "undecided"):
        if len(found) < n:
            found += first_of(worst.filter(outcome=outcome), n - len(found), "-made", "-id")
    return found


def _counts(devices: Any) -> dict[str, int]:
    from django.db.models import Count

    found = dict(devices.values_list("outcome").annotate(n=Count("id")).values_list("outcome", "n"))
    untested = found.get("", 0) + found.get("not_assessed", 0)
    return {
        "all": sum(found.values()),
        "pass": found.get("pass", 0),
        "fail": found.get("fail", 0),
        "undecided": found.get("undecided", 0),
        "not_assessed": untested,
    }


@route(exempt="people of all organisations, for those who manage them", act="manage_people")
def people(request: HttpRequest) -> HttpResponse:
    shown = Person.objects.select_related("organisation")
    if wanted := request.GET.get("q", "").strip():
        named = Q(username__icontains=wanted) | Q(name_zh__icontains=wanted) | Q(name_en__icontains=wanted)
        shown = shown.filter(named | Q(organisation__name_zh__icontains=wanted) | Q(organisation__name_en__icontains=wanted))
    return render(request, "accounts/people.html", {"rows": page_of(shown, "username", request), "q": wanted})


@route(exempt="makes a new person", methods="GET POST", act="manage_people")
def person_new(request: HttpRequest) -> HttpResponse:
    return _person_form(request, None)


@route("person", methods="GET POST", act="manage_people")
def person_edit(request: HttpRequest, edited: Person) -> HttpResponse:
    return _person_form(request, edited)


def _person_form(request: HttpRequest, edited: Person | None) -> HttpResponse:
    person: Any = request.user
    form = PersonForm(request.POST or None, instance=edited, person=person)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            act = "changed" if edited else "added"
            record(act, f"person {saved.pk}", person=person, organisation=saved.organisation_id, role=saved.role)
        return redirect("people")
    title = now_said("Person", "人员") if edited is None else str(edited)
    return render(request, "form.html", {"form": form, "title": title, "back": "people"})
