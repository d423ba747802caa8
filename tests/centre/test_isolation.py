"""Nobody sees the neighbour: every route, found by itself, for every role, with own, foreign and missing objects."""

import re

import pytest
from django.db import transaction
from django.urls import get_resolver, reverse

from cast import CENTRE_ONLY, COMMON, PLANTED, make_cast, signed_in
from photopeak_centre.accounts.roles import ROLES
from photopeak_centre.routes import GETTERS

ROUTES = {pattern.name: pattern.callback for pattern in get_resolver().url_patterns}
ABOUT = {name: view.route for name, view in ROUTES.items() if getattr(view, "route", None) and view.route.about}
EXEMPT = {name: view.route for name, view in ROUTES.items() if getattr(view, "route", None) and view.route.exempt}
MISSING = 999_999_999


@pytest.fixture(scope="module")
def the_cast(_databases):
    """Made once: each request is undone, and each test is."""
    with transaction.atomic():
        yield make_cast()
        transaction.set_rollback(True)


@pytest.fixture
def cast(the_cast):
    with transaction.atomic():
        yield the_cast
        transaction.set_rollback(True)


def ask(client, method, address, data=None):
    """The answer, with whatever it changed undone."""
    with transaction.atomic():
        answer = client.generic(method, address) if method != "POST" else client.post(address, data or {})
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        transaction.set_rollback(True)
    return answer, body.decode("utf-8", "replace") + str(answer.headers)


def names_of(hospital):
    """What must never be shown: the planted word, and every identifier of the foreign hospital."""
    return [PLANTED, *(str(thing.pk) for name, thing in hospital.things.items() if name not in {"person"} | COMMON)]


def leaks(body, cast, asked=()):
    return [
        name for name in names_of(cast.b) if name not in asked and re.search(rf"(?<![\w]){re.escape(name)}|{PLANTED}", body)
    ]


def test_every_route_declares_its_object_or_why_it_has_none():
    assert [name for name, view in ROUTES.items() if not hasattr(view, "route")] == []
    assert set(ROUTES) == set(ABOUT) | set(EXEMPT)
    assert {route.about for route in ABOUT.values()} <= set(GETTERS)


def test_every_kind_of_object_has_an_own_and_a_foreign_one(cast):
    assert {route.about for route in ABOUT.values()} == set(cast.a.things) == set(cast.b.things)


@pytest.mark.parametrize("role", ROLES)
def test_an_own_object_answers_and_a_foreign_one_is_404(cast, role):
    for name in sorted(ABOUT):
        own_answers_and_foreign_is_404(cast, name, role)


def own_answers_and_foreign_is_404(cast, name, role):
    route, client, reach = ABOUT[name], signed_in(cast.people[role]), ROLES[role].reach
    own, foreign = cast.a.things[route.about], cast.b.things[route.about]
    may = route.act is None or route.act in ROLES[role].acts
    for method in route.methods:
        allowed = may and (reach == "all" or (reach == "own" and route.about not in CENTRE_ONLY))
        if name == "study" and method == "POST":
            allowed = allowed and "hand_in" in ROLES[role].acts
        if route.about in COMMON:
            allowed = may
        answer, body = ask(client, method, reverse(name, args=[own.pk]))
        assert (answer.status_code != 404) == allowed, (name, method, answer.status_code)
        assert answer.status_code < 500
        assert reach == "all" or not leaks(body, cast)
        answer, body = ask(client, method, reverse(name, args=[foreign.pk]))
        assert (answer.status_code != 404) == (allowed and (reach == "all" or route.about in COMMON)), (
            name,
            method,
            answer.status_code,
        )
        assert reach == "all" or not leaks(body, cast, asked=[str(foreign.pk)])
        assert ask(client, method, reverse(name, args=[MISSING]))[0].status_code == 404


@pytest.mark.parametrize("role", ROLES)
def test_no_list_form_or_export_names_the_neighbour(cast, role):
    for name in sorted(EXEMPT):
        names_no_neighbour(cast, name, role)


def names_no_neighbour(cast, name, role):
    route, client = EXEMPT[name], signed_in(cast.people[role])
    if name == "set_up":
        assert ask(client, "GET", reverse(name))[0].status_code == 404
        return
    for method in route.methods:
        data = (
            {"organisation": cast.b.organisation.pk, "kind": "spect", "manufacturer": "x", "model": "y"}
            if method == "POST"
            else None
        )
        addresses = [reverse(name)] + (
            [reverse(name) + query for query in ("?q=e", f"?after={cast.b.things['device'].pk}")] if method == "GET" else []
        )
        for address in addresses:
            answer, body = ask(client, method, address, data)
            assert answer.status_code < 500
            if route.act is not None and route.act not in ROLES[role].acts:
                assert answer.status_code == 404
            if ROLES[role].reach != "all":
                asked = (
                    [str(cast.b.things["device"].pk)]
                    if "after" in address
                    else [str(cast.b.organisation.pk)]
                    if method == "POST"
                    else []
                )
                assert not leaks(body, cast, asked), (address, method)


@pytest.mark.parametrize("role", [role for role, what in ROLES.items() if what.reach == "own"])
def test_fragments_keep_the_neighbour_out_too(cast, role):
    client = signed_in(cast.people[role])
    for name, route in ABOUT.items():
        answer = client.get(reverse(name, args=[cast.b.things[route.about].pk]), headers={"HX-Request": "true"})
        may = route.about in COMMON and (route.act is None or route.act in ROLES[role].acts)
        assert answer.status_code == ((200 if may else 404) if "GET" in route.methods else 405), name
        assert not leaks(answer.content.decode(), cast, asked=[str(cast.b.things[route.about].pk)])


def test_a_person_who_is_not_signed_in_sees_nothing(cast):
    from django.test import Client

    stranger = Client()
    for name, view in ROUTES.items():
        arguments = [cast.a.things[view.route.about].pk] if view.route.about else []
        answer, body = ask(stranger, "GET", reverse(name, args=arguments))
        assert view.route.public or (answer.status_code == 302 and "/sign-in/" in answer["Location"]), name
        assert PLANTED not in body
        assert "Aaa" not in body


def test_a_device_cannot_be_given_to_the_neighbour(cast):
    client = signed_in(cast.people["hospital_physicist"])
    device = cast.a.things["device"]
    data = {"organisation": cast.b.organisation.pk, "kind": "spect", "manufacturer": "x", "model": "y", "in_use": "on"}
    client.post(reverse("device_edit", args=[device.pk]), data)
    device.refresh_from_db()
    assert device.organisation_id == cast.a.organisation.pk


def test_the_regions_distribution_needs_five_other_hospitals(cast):
    from cast import make_device, make_result
    from photopeak_centre.checks.trend import distribution
    from photopeak_centre.evidence.models import Study
    from photopeak_centre.hospitals.models import Organisation

    device = cast.a.things["device"]
    for n in range(4):  # with hospital B: five
        assert distribution(device, "gamma_camera.flood_uniformity", "integral_uniformity") == []
        other = Organisation.objects.create(kind="hospital", name_zh=f"第{n}医院")
        twin = make_device(other, f"n{n}")
        study = Study.objects.create(organisation=other, uid=f"9.{n}", device=twin)
        make_result(twin, study, 2.0 + n, "pass")
    (shown,) = distribution(device, "gamma_camera.flood_uniformity", "integral_uniformity")
    assert shown["n"] == 5
    assert shown["low"] <= shown["median"] <= shown["high"]
    assert PLANTED not in str(shown)
