"""Campaigns: targets by filters, nobody inspects his own, clashes warned of, no end without reasons."""

import datetime

import pytest
from cast_campaigns import with_result
from django.db import transaction

from cast import make_device, person
from photopeak_centre.campaigns import demo
from photopeak_centre.campaigns.models import Campaign, ConflictOfInterest, Interest, Target, Visit, conflicts_with, houses_of
from photopeak_centre.campaigns.planning import (
    PlanError,
    add_targets,
    arrange,
    candidates,
    clashes,
    close,
    standings,
    start,
    untested_without_reason,
)
from photopeak_centre.hospitals.models import Organisation

DAY = datetime.date(2026, 6, 3)


@pytest.fixture
def region(database):
    made = {"centre": Organisation.objects.create(kind="centre", name_zh="中心")}
    for n in range(4):
        hospital = Organisation.objects.create(
            kind="hospital", name_zh=f"医院{n}", name_en=f"Hospital {n}", district_zh=f"区{n % 2}"
        )
        made[n] = hospital
        for kind in ("spect", "pet_ct"):
            make_device(hospital, f"{n}{kind}", kind=kind)
    made["inspector"] = person("inspector", made["centre"])
    made["secretary"] = person("secretary", made["centre"])
    return made


def campaign(**fields):
    given = {
        "kind": "devices",
        "begins": datetime.date(2026, 1, 1),
        "ends": datetime.date(2026, 12, 31),
        "checklist": "spect_equipment",
    }
    return Campaign.objects.create(name_zh="检查", name_en="C", **(given | fields))


def test_filters_choose_devices_and_a_second_choice_adds_nothing(region):
    one = campaign()
    assert candidates(one, {}).count() == 8
    chosen = candidates(one, {"kinds": ["spect"], "district": "区0"})
    assert {d.organisation_id for d in chosen} == {region[0].pk, region[2].pk}
    assert add_targets(one, list(chosen), region["secretary"]) == 2
    assert add_targets(one, list(candidates(one, {"kinds": ["spect"], "district": "区0"})), region["secretary"]) == 0
    assert one.targets.count() == 2


def test_a_campaign_of_wards_takes_hospitals_once_each(region):
    one = campaign(kind="therapy")
    assert add_targets(one, list(candidates(one, {"kinds": ["pet_ct"]})), None) == 4
    assert candidates(one, {}).count() == 0
    assert set(one.targets.values_list("device", flat=True)) == {None}


def planned(region, number=0):
    one = campaign()
    add_targets(one, list(candidates(one, {"kinds": ["spect"]})), region["secretary"])
    return one, region[number]


def test_an_inspector_is_sent_and_the_checklist_is_frozen(region):
    one, place = planned(region)
    visit = arrange(one, place, DAY, [region["inspector"]], region["secretary"])
    assert visit.checklist["edition"] == "2026-1"
    assert list(visit.inspectors.all()) == [region["inspector"]]


@pytest.mark.parametrize("how", ["own", "part", "whole", "merged", "declared", "declared of the whole"])
def test_nobody_is_sent_to_his_own_house(region, how):
    one, place = planned(region)
    expert = person("expert", region["centre"])
    if how == "own":
        expert = person("expert", place, "own")
    elif how == "part":
        expert = person("expert", Organisation.objects.create(kind="laboratory", name_zh="室", part_of=place), "part")
    elif how == "merged":
        expert = person("expert", Organisation.objects.create(kind="hospital", name_zh="旧", merged_into=place), "merged")
    elif how in ("whole", "declared of the whole"):
        whole = Organisation.objects.create(kind="hospital", name_zh="总院")
        place.part_of = whole
        place.save()
        if how == "whole":
            expert = person("expert", whole, "whole")
        else:
            Interest.objects.create(person=expert, organisation=whole, kind="money")
    else:
        Interest.objects.create(person=expert, organisation=place, kind="employer")
    assert place.pk in houses_of(expert)
    assert region[1].pk not in houses_of(expert)
    before = Visit.objects.count()
    with pytest.raises(ConflictOfInterest):
        arrange(one, place, DAY, [region["inspector"], expert], region["secretary"])
    assert Visit.objects.count() == before
    other = arrange(one, region[1], DAY, [expert], region["secretary"])
    with pytest.raises(ConflictOfInterest), transaction.atomic():  # however it is done
        Visit.objects.create(campaign=one, organisation=place, day=DAY).inspectors.set([expert])
    with pytest.raises(ConflictOfInterest), transaction.atomic():
        expert.visits.add(Visit.objects.create(campaign=one, organisation=place, day=DAY))
    assert list(other.inspectors.all()) == [expert]


def test_the_centre_s_own_people_are_no_house_of_any_hospital(region):
    assert conflicts_with(region[0], [region["inspector"], region["secretary"]]) == {}


def test_an_interest_that_ended_counts_no_longer(region):
    expert = person("expert", region["centre"])
    Interest.objects.create(person=expert, organisation=region[0], kind="employer", ends=datetime.date(2026, 6, 2))
    assert conflicts_with(region[0], [expert], DAY) == {}
    assert expert.pk in conflicts_with(region[0], [expert], datetime.date(2026, 6, 2))


def test_a_visit_outside_the_plan_is_refused(region):
    one, place = planned(region)
    sent = [region["inspector"]]
    for wrong in (
        lambda: arrange(one, place, datetime.date(2027, 1, 1), sent, None),
        lambda: arrange(one, region["centre"], DAY, sent, None),
        lambda: arrange(one, place, DAY, [], None),
        lambda: arrange(one, place, DAY, [region["secretary"]], None),
        lambda: arrange(one, place, DAY, sent, None, region[1].devices.first()),
    ):
        with pytest.raises(PlanError):
            wrong()


def test_two_hospitals_on_a_day_and_a_hospital_twice_are_warned_of(region):
    one, place = planned(region)
    first = arrange(one, place, DAY, [region["inspector"]], None)
    assert clashes([first]) == []
    second = arrange(one, region[1], DAY, [region["inspector"]], None)
    third = arrange(one, place, DAY, [person("inspector", region["centre"], "second")], None)
    found = [words.en for words in clashes([first, second, third])]
    assert len(found) == 2
    assert any("is at Hospital 0 and Hospital 1" in one for one in found)
    assert any("Hospital 0 is visited 2 times" in one for one in found)
    second.state = "cancelled"
    third.state = "cancelled"
    assert clashes([first, second, third]) == []


def test_only_results_of_the_stage_the_period_and_the_procedures_count(region):
    one = campaign(procedures=["gamma_camera.flood_uniformity"], ends=datetime.date(2026, 6, 30))
    devices = list(candidates(one, {"kinds": ["spect"]}))
    add_targets(one, devices, None)
    with_result(devices[0], "pass")
    with_result(devices[1], "pass", stage="constancy")
    with_result(devices[2], "fail", procedure="spect.centre_of_rotation")
    with_result(devices[3], "fail", at=datetime.datetime(2026, 7, 1, 0, 30, tzinfo=datetime.UTC))
    assert {s.target.device_id: s.outcome for s in standings(one)} == {
        devices[0].pk: "pass", devices[1].pk: "", devices[2].pk: "", devices[3].pk: "",
    }  # fmt: skip


def test_no_campaign_ends_while_an_untested_target_has_no_reason(region):
    one, _ = planned(region)
    devices = [target.device for target in one.targets.order_by("pk")]
    for device in devices[:3]:
        with_result(device, "pass")
    assert [target.device for target in untested_without_reason(one)] == [devices[3]]
    with pytest.raises(PlanError):
        close(one, region["secretary"])
    one.targets.filter(device=devices[3]).update(untested="  ")
    with pytest.raises(PlanError):
        close(one, region["secretary"])
    one.targets.filter(device=devices[3]).update(untested="设备停用")
    visit = arrange(one, region[0], DAY, [region["inspector"]], None)
    with pytest.raises(PlanError):  # an unfinished visit
        close(one, region["secretary"])
    Visit.objects.filter(pk=visit.pk).update(state="cancelled")
    close(one, region["secretary"])
    assert Campaign.objects.get(pk=one.pk).state == "closed"
    with pytest.raises(PlanError):
        add_targets(one, [], None)


def test_a_campaign_without_targets_does_not_begin(region):
    with pytest.raises(PlanError):
        start(campaign(), None)


def test_the_demonstration_tells_the_half_year(database):
    centre = Organisation.objects.create(kind="centre", name_zh="中心")
    hospitals = [Organisation.objects.create(kind="hospital", name_zh=f"院{n}") for n in range(34)]
    for kind, count in (("spect", 26), ("spect_ct", 25), ("pet_ct", 9)):
        for n in range(count):
            device = make_device(hospitals[n], f"{n}", kind=kind)
            if kind != "pet_ct" and n % 13 != 4:
                with_result(device, "pass", at=datetime.datetime(2026, 4, 2, tzinfo=datetime.UTC))
    inspector = person("inspector", centre)
    made = demo.make_campaigns(2026)
    again = demo.make_campaigns(2026)
    assert {name: one.pk for name, one in made.items()} == {name: one.pk for name, one in again.items()}
    assert {name: one.targets.count() for name, one in made.items()} == {
        "spect": 26, "spect_ct": 25, "eqa": 18, "pet_ct": 9, "images": 9, "reports": 25, "therapy": 9,
    }  # fmt: skip
    assert [made[name].state for name in ("spect", "spect_ct", "eqa", "pet_ct", "therapy")] == [
        "closed", "closed", "running", "planned", "planned",
    ]  # fmt: skip
    assert Target.objects.exclude(untested="").count() == 4
    visits = demo.make_visits(made["pet_ct"], [inspector])
    assert len(visits) == 6
    assert all(visit.day.weekday() < 5 for visit in visits)
