"""The pages of campaigns: planned, filled, scheduled, mapped and ended by the secretary; interests declared by those who visit."""

import datetime

import pytest
from cast_campaigns import with_result
from django.urls import reverse

from cast import make_device, person, signed_in
from photopeak_centre.campaigns.models import Campaign, Interest, Target, Visit
from photopeak_centre.hospitals.models import Organisation


@pytest.fixture
def scene(database):
    centre = Organisation.objects.create(kind="centre", name_zh="中心")
    hospitals = [
        Organisation.objects.create(
            kind="hospital",
            name_zh=f"医院{n}",
            name_en=f"Hospital {n}",
            district_zh=f"区{n % 2}",
            district_en=f"District {n % 2}",
        )
        for n in range(4)
    ]
    devices = [make_device(hospital, f"{n}") for n, hospital in enumerate(hospitals)]
    people = {name: person(name, centre) for name in ("secretary", "inspector", "expert")}
    return {"hospitals": hospitals, "devices": devices, "client": signed_in(people["secretary"]), **people}


def plan(scene):
    given = {
        "name_zh": "体模检测", "name_en": "Phantom tests", "kind": "devices", "begins": "2026-01-01", "ends": "2026-12-31", "stage": "status",
        "procedures": ["gamma_camera.flood_uniformity"], "checklist": "spect_equipment", "words": "",
    }  # fmt: skip
    answer = scene["client"].post(reverse("campaign_new"), given)
    return answer, Campaign.objects.first()


def test_a_campaign_from_its_plan_to_its_end(scene):
    client = scene["client"]
    answer, one = plan(scene)
    page = reverse("campaign", args=[one.pk])
    assert answer["Location"] == page
    move = reverse("campaign_move", args=[one.pk])
    assert client.post(move, {"to": "running"}).status_code == 409  # no targets
    shown = client.get(reverse("campaign_targets", args=[one.pk]), {"district": "区0"}).content.decode()
    assert "Hospital 0" in shown
    assert "Hospital 1" not in shown
    client.post(reverse("campaign_targets", args=[one.pk]), {"chosen": [d.pk for d in scene["devices"]] + ["x", 10**18]})
    assert one.targets.count() == 4
    assert client.post(move, {"to": "running"}).status_code == 302
    targets = list(one.targets.order_by("pk"))
    arrange = reverse("campaign_arrange", args=[one.pk])
    Interest.objects.create(person=scene["expert"], organisation=scene["hospitals"][0], kind="employer")
    given = {"target": targets[0].pk, "day": "2026-06-03", "inspectors": [scene["inspector"].pk, scene["expert"].pk]}
    refused = client.post(arrange, given)
    assert refused.status_code == 409
    assert "declared an interest" in refused.content.decode()
    assert client.post(arrange, given | {"inspectors": [scene["inspector"].pk]}).status_code == 302
    assert client.post(arrange, given | {"target": targets[1].pk, "inspectors": [scene["inspector"].pk]}).status_code == 302
    body = client.get(page).content.decode()
    assert "The schedule clashes" in body
    with_result(scene["devices"][0], "fail")
    with_result(scene["devices"][1], "pass")
    body = client.get(page).content.decode()
    assert "2 of 4 tested" in body
    assert body.index("District 0") < body.index("District 1")
    assert client.post(move, {"to": "closed"}).status_code == 409
    for target in targets[2:]:
        client.post(reverse("target_reason", args=[target.pk]), {"reason": "设备停用"})
    assert client.post(move, {"to": "closed"}).status_code == 409  # visits are open
    Visit.objects.update(state="cancelled")
    assert client.post(move, {"to": "closed"}).status_code == 302
    assert client.post(reverse("target_reason", args=[targets[3].pk]), {"reason": ""}).status_code == 409
    assert Target.objects.get(pk=targets[3].pk).untested == "设备停用"


def test_who_may_be_sent_is_said_with_the_reason(scene):
    _, one = plan(scene)
    scene["client"].post(reverse("campaign_targets", args=[one.pk]), {"chosen": [scene["devices"][0].pk]})
    Interest.objects.create(person=scene["expert"], organisation=scene["hospitals"][0], kind="study")
    body = scene["client"].get(reverse("target", args=[one.targets.get().pk])).content.decode()
    assert body.count("conflict of interest") == 1
    assert "joint research" in body


def test_a_target_leaves_a_plan_that_has_not_begun(scene):
    _, one = plan(scene)
    client = scene["client"]
    client.post(reverse("campaign_targets", args=[one.pk]), {"chosen": [d.pk for d in scene["devices"][:2]]})
    first, second = one.targets.order_by("pk")
    client.post(reverse("target_reason", args=[first.pk]), {"remove": "1"})
    assert list(one.targets.all()) == [second]
    client.post(reverse("campaign_move", args=[one.pk]), {"to": "running"})
    client.post(reverse("target_reason", args=[second.pk]), {"remove": "1"})
    assert list(one.targets.all()) == [second]


def test_an_end_before_the_beginning_is_refused(scene):
    answer = scene["client"].post(
        reverse("campaign_new"),
        {"name_zh": "x", "kind": "devices", "begins": "2026-02-01", "ends": "2026-01-01", "stage": "status"},
    )
    assert answer.status_code == 200
    assert not Campaign.objects.exists()


def test_an_inspector_declares_his_own_interests_and_sees_no_others(scene):
    Interest.objects.create(
        person=scene["expert"], organisation=scene["hospitals"][1], kind="money", words="secret of the expert"
    )
    client = signed_in(scene["inspector"])
    given = {"organisation": scene["hospitals"][0].pk, "kind": "relative", "words": "姐姐", "person": scene["expert"].pk}
    assert client.post(reverse("own_interests"), given).status_code == 302
    assert Interest.objects.get(kind="relative").person == scene["inspector"]
    body = client.get(reverse("own_interests")).content.decode()
    assert "姐姐" in body
    assert "secret of the expert" not in body
    assert client.get(reverse("interests")).status_code == 404
    scene["client"].post(reverse("interest_end", args=[Interest.objects.get(kind="money").pk]))
    assert Interest.objects.get(kind="money").ends is not None
    assert datetime.date.today() >= Interest.objects.get(kind="money").ends
