"""Signing in, the first run, the console's reset, and what every answer carries."""

import pytest
from django.test import Client
from django.urls import reverse

from cast import centre, make_cast, person, signed_in
from photopeak_centre.accounts.models import Person
from photopeak_centre.accounts.throttle import MOST_BY_NAME
from photopeak_centre.accounts.views import first_key

pytestmark = pytest.mark.usefixtures("database")
SET_UP = {"centre_zh": "中心", "centre_en": "", "username": "admin", "name_zh": "管", "password": "correct horse battery"}


def test_the_first_run_makes_an_administrator_once():
    client = Client()
    assert client.get("/set-up/").status_code == 404
    address = f"/set-up/?key={first_key()}"
    assert client.post(address, {**SET_UP, "password": "short"}).status_code == 200
    assert not Person.objects.exists()
    assert client.post(address, SET_UP).status_code == 302
    assert Person.objects.get().role == "administrator"
    assert Client().get(address).status_code == 404


def test_too_many_failures_are_refused_even_with_the_right_password():
    person("inspector", centre(), "li")
    client = Client()
    for _ in range(MOST_BY_NAME):
        assert client.post(reverse("login"), {"username": "li", "password": "wrong"}).status_code == 403
    assert client.post(reverse("login"), {"username": "li", "password": "correct horse battery"}).status_code == 403


def test_signing_in_leads_only_to_pages_of_the_centre():
    person("inspector", centre(), "li")
    client = Client()
    answer = client.post(
        reverse("login") + "?next=https://elsewhere.example/", {"username": "li", "password": "correct horse battery"}
    )
    assert answer["Location"] == "/"


def test_a_form_without_its_token_is_refused():
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(person("administrator", centre()))
    for name in ("person_new", "hospital_new", "device_new", "sign_out", "hand_in_new"):
        assert strict.post(reverse(name), {}).status_code == 403


def test_no_page_allows_inline_scripts_or_other_hosts():
    import re

    cast = make_cast()
    client = signed_in(cast.people["administrator"])
    addresses = [
        "/",
        reverse("devices"),
        reverse("device", args=[cast.a.things["device"].pk]),
        reverse("result", args=[cast.a.things["result"].pk]),
    ]
    for address in addresses:
        answer = client.get(address)
        policy = answer["Content-Security-Policy"]
        assert "unsafe" not in policy
        assert "default-src 'none'" in policy
        body = answer.content.decode()
        assert not re.search(r"<script(?![^>]*(src=|application/json))|\son\w+=|\sstyle=|<style", body)
        assert not re.search(r"(src|href|action)=\"(https?:)?//", body)


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_page_speaks_one_language(language):
    import re

    cast = make_cast()
    client = signed_in(cast.people["administrator"], language)
    for name in (
        "home",
        "hospitals",
        "devices",
        "hand_ins",
        "results",
        "jobs",
        "held",
        "region",
        "people",
        "senders",
        "audit",
        "health",
    ):
        body = client.get(reverse(name)).content.decode()
        if language == "en":
            headings = " ".join(re.findall(r"<(?:h1|h2|thead|nav)[^>]*>(.*?)</(?:h1|h2|thead|nav)>", body, re.S))
            assert not re.search(r"[\u4e00-\u9fff]", headings), name
        else:
            assert re.search(r"<h1>[^<]*[\u4e00-\u9fff]", body), name


def test_texts_are_escaped_wherever_they_are_shown():
    cast = make_cast()
    device = cast.a.things["device"]
    device.model = device.room = "<img src=x onerror=alert(1)>\"'{{ 7*7 }}"
    device.save()
    client = signed_in(cast.people["administrator"])
    for address in (
        reverse("devices"),
        reverse("device", args=[device.pk]),
        reverse("hospital", args=[cast.a.organisation.pk]),
    ):
        body = client.get(address).content.decode()
        assert "<img src=x" not in body
        assert "&lt;img src=x" in body


def test_the_console_resets_a_password(monkeypatch):
    from typer.testing import CliRunner

    from photopeak_centre import command

    monkeypatch.setattr(command, "migrate", lambda: None)
    person("inspector", centre(), "li")
    runner = CliRunner()
    assert runner.invoke(command.app, ["user", "reset", "li"], input="a new long phrase\na new long phrase\n").exit_code == 0
    assert Person.objects.get(username="li").check_password("a new long phrase")
    assert runner.invoke(command.app, ["user", "reset", "nobody"]).exit_code == 2


def test_merging_hospitals_moves_devices_and_is_recorded():
    from photopeak_centre.audit.models import Entry
    from photopeak_centre.devices.models import Device

    cast = make_cast()
    client = signed_in(cast.people["secretary"])
    client.post(reverse("hospital_merge", args=[cast.b.organisation.pk]), {"into": cast.a.organisation.pk})
    assert Device.objects.get(pk=cast.b.things["device"].pk).organisation_id == cast.a.organisation.pk
    assert Entry.objects.filter(act="merged", organisation=cast.a.organisation.pk).exists()
    physicist = signed_in(cast.people["hospital_physicist"])
    assert physicist.get(reverse("result", args=[cast.b.things["result"].pk])).status_code == 200


def test_a_merged_hospital_brings_departments_senders_and_folders_and_the_regions_counts_follow():
    from photopeak_centre.audit.chain import verify_chain
    from photopeak_centre.checks.models import WorstOutcome
    from photopeak_centre.evidence.models import Sender, Study, WatchedFolder
    from photopeak_centre.hospitals.models import Department

    cast = make_cast()
    old, new = cast.b.organisation, cast.a.organisation
    counted = WorstOutcome.objects.count()
    signed_in(cast.people["secretary"]).post(reverse("hospital_merge", args=[old.pk]), {"into": new.pk})
    for model in (Department, Sender, WatchedFolder, WorstOutcome):
        assert not model.objects.filter(organisation=old).exists(), model
        assert model.objects.filter(organisation=new).exists(), model
    assert WorstOutcome.objects.count() == counted
    assert Study.objects.filter(organisation=old).exists()  # what was recorded stays as it was recorded
    assert verify_chain().broken_at is None
    answer = signed_in(cast.people["secretary"]).post(reverse("hospital_merge", args=[old.pk]), {"into": old.pk})
    assert answer.status_code == 200  # not into itself
