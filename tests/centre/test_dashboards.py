"""Today, the region and one hospital: each person sees what waits for them, and no neighbour."""

import datetime

import pytest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import override
from made_region import device, hospital

from cast import PLANTED, centre, person, signed_in
from photopeak_centre.findings.models import Act, Finding
from photopeak_centre.findings.overdue import days_late
from photopeak_centre.half_year.dashboards import hospital_for, region_for, today_for
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.indicators.models import Monthly


def raised(of, state, due_in_days):
    due = timezone.localdate() + datetime.timedelta(days=due_in_days)
    made = Finding.objects.create(
        organisation=of.organisation, device=of, source="test", procedure="gamma_camera.flood_uniformity", words_en=f"Flood {of.serial}",
        words_zh="泛源", state=state, raised=timezone.now(), due=due, verdicts=[],
    )  # fmt: skip
    Act.objects.create(
        finding=made, act="notify", before="raised", after="notified", at=timezone.now()
    )  # a hospital sees it from now on
    return made


@pytest.fixture(autouse=True)
def chinese():
    """What is asked outside of a request is answered in Chinese, whatever a request before it wanted."""
    with override("zh-hans"):
        yield


@pytest.fixture
def region(database):
    place = centre()
    lanxi, wanghu = hospital("岚溪医院", "Lanxi Hospital"), hospital(f"望湖{PLANTED}", f"Wanghu {PLANTED}", "西区")
    a, b = device(lanxi, "spect", "A"), device(wanghu, "spect", PLANTED)
    a.outcome, b.outcome = "pass", "fail"
    a.save()
    b.save()
    raised(a, "received", -3)
    raised(a, "responded", 5)
    raised(b, "notified", -8)
    raised(b, "closed", -20)
    roles = {role: person(role, place) for role in ("secretary", "director", "inspector", "health_authority")}
    return {"lanxi": lanxi, "wanghu": wanghu, "physicist": person("hospital_physicist", lanxi), **roles}


def test_the_centre_sees_what_is_overdue_by_days_and_what_waits_for_it(region):
    found = today_for(region["secretary"])
    assert [row["owed"] for row in found["overdue"]] == ["签收", "整改反馈"]
    assert [row["days"] for row in found["overdue"]] == [days_late(row["finding"]) for row in found["overdue"]]
    assert (found["overdue_all"], found["owed"]) == (2, 1)  # one answer waits for the re-inspection


def test_a_hospital_sees_its_own_alone_and_is_asked_for_last_months_form(region):
    found = today_for(region["physicist"])
    assert [row["finding"].organisation for row in found["overdue"]] == [region["lanxi"]]
    assert found["owed"] == 1
    last = (timezone.localdate().replace(day=1) - datetime.timedelta(days=1)).replace(day=1)
    assert found["month"] == last.strftime("%Y-%m")
    Monthly.objects.create(organisation=region["lanxi"], month=last, code="NM-01", numerator=1, denominator=2)
    assert today_for(region["physicist"])["month"] is None


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_the_pages_open_for_every_role_and_name_no_neighbour(region, language):
    for role in ("secretary", "director", "inspector", "health_authority", "physicist"):
        client = signed_in(region[role], language)
        for address in ("/", reverse("region")):
            answer = client.get(address)
            if answer.status_code == 404:
                assert (role, address) == ("physicist", reverse("region"))
                continue
            assert answer.status_code == 200
            seen = PLANTED in answer.content.decode()
            assert seen == (role in ("secretary", "director", "inspector")), (role, address)


def test_who_sees_no_names_sees_districts_of_five_hospitals_or_more(region):
    assert {tile["name"] for tile in region_for(region["secretary"])["tiles"]} == {"东区", "西区"}
    assert region_for(region["health_authority"])["tiles"] == []
    for n in range(4):
        device(hospital(f"东{n}", f"East {n}"), "spect", f"x{n}")
    (tile,) = region_for(region["health_authority"])["tiles"]  # the one hospital of the other district stays hidden
    assert (tile["name"], tile["all"], tile["fails"]) == ("东区", 5, False)
    assert region_for(region["health_authority"])["overdue"] == []


def test_the_life_of_findings_is_counted_by_state(region):
    found = region_for(region["secretary"])
    assert {state: n for state, _, n in found["life"]} == {"notified": 1, "received": 1, "responded": 1, "closed": 1}
    assert (found["findings"], found["open_findings"], found["overdue_all"]) == (4, 3, 2)


def test_the_page_of_a_hospital_is_for_its_own_people(region):
    client = signed_in(region["physicist"])
    page = client.get(reverse("hospital", args=[region["lanxi"].pk])).content.decode()
    assert page.count("Flood A") == 2
    assert "overdue" in page
    assert client.get(reverse("hospital", args=[region["wanghu"].pk])).status_code == 404
    found = hospital_for(region["secretary"], Organisation.objects.get(pk=region["wanghu"].pk))
    assert (len(found["open"]), found["closed"], found["open"][0]["late"]) == (1, 1, True)
