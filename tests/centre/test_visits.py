"""A visit's entries: taken once, in any number of sendings, from any number of phones; signing locks; failing items become findings."""

import datetime
import json
import random

import pytest
from cast_campaigns import answer, png, row, signing, with_result
from django.urls import reverse

from cast import make_device, person, signed_in
from photopeak.verdict import OUTCOME_WORDS
from photopeak_centre.audit.models import Entry as Logged
from photopeak_centre.campaigns.entries import Refused, correct, current_answers, sheet_of, state_of, take_entries
from photopeak_centre.campaigns.models import Attachment, Campaign, Entry, Interest
from photopeak_centre.campaigns.pictures import NotAPicture, clean_picture, grey_png, has_ink
from photopeak_centre.campaigns.planning import add_targets, arrange
from photopeak_centre.campaigns.scoring import shipped
from photopeak_centre.findings.models import Finding
from photopeak_centre.hospitals.models import Organisation

ITEMS = [item.number for item in shipped("spect_equipment").items()]


@pytest.fixture
def scene(database):
    centre = Organisation.objects.create(kind="centre", name_zh="中心")
    hospital = Organisation.objects.create(kind="hospital", name_zh="石桥医院", name_en="Shiqiao Hospital")
    device = make_device(hospital)
    people = {"first": person("inspector", centre, "first"), "second": person("expert", centre, "second")}
    campaign = Campaign.objects.create(
        name_zh="检查",
        kind="devices",
        begins=datetime.date(2026, 1, 1),
        ends=datetime.date(2026, 12, 31),
        checklist="spect_equipment",
    )
    add_targets(campaign, [device], None)
    visit = arrange(campaign, hospital, datetime.date(2026, 6, 3), people.values(), None, device)
    return {"visit": visit, "hospital": hospital, "centre": centre, "device": device, **people}


def what(results):
    return [one["is"] for one in results]


def snapshot(visit):
    return list(visit.entries.order_by("pk").values("client_id", "state", "value", "received")), state_of(visit)


def test_sending_twice_changes_nothing(scene):
    visit, who = scene["visit"], scene["first"]
    first = answer("1.1")
    rows = [first, answer("1.1", "not_met", base=first["id"]), row("photograph", "1.1", {"caption": ""}, picture=png())]
    assert what(take_entries(visit, who, rows)) == ["taken"] * 3
    before = snapshot(visit)
    assert what(take_entries(visit, who, rows)) == ["known"] * 3
    assert what(take_entries(visit, who, list(reversed(rows)))) == ["known"] * 3
    assert snapshot(visit) == before
    assert current_answers(visit)["1.1"].value["answer"] == "not_met"


@pytest.mark.parametrize("seed", range(20))
def test_any_broken_sending_ends_in_the_same_sheet(scene, seed):
    """Batches cut anywhere and sent again from anywhere before: the answers, scores and numbers of entries are those of one sending."""
    visit, who, chance = scene["visit"], scene["first"], random.Random(seed)
    rows, last = [], {}
    for _ in range(30):
        item = chance.choice(ITEMS[:6])
        rows.append(answer(item, chance.choice(["met", "not_met", "not_applicable"]), base=last.get(item), note=str(len(rows))))
        last[item] = rows[-1]["id"]
    at = 0
    while at < len(rows):
        begin, end = chance.randint(0, at), min(len(rows), at + chance.randint(1, 7))
        results = take_entries(visit, who, rows[begin:end])
        assert not {"conflict", "refused"} & set(what(results))
        at = end
    assert visit.entries.count() == 30
    assert {item: str(one.client_id) for item, one in current_answers(visit).items()} == last


def test_another_entry_under_a_known_identifier_is_refused(scene):
    visit, who, one = scene["visit"], scene["first"], answer("1.1")
    take_entries(visit, who, [one])
    assert (
        take_entries(visit, who, [one | {"value": {"answer": "not_met", "occurrences": 0, "note": ""}}])[0]["why"]
        == "identifier"
    )
    assert current_answers(visit)["1.1"].value["answer"] == "met"


def test_two_phones_that_differ_are_both_kept_and_shown_until_a_person_settles_it(scene):
    visit, first, second = scene["visit"], scene["first"], scene["second"]
    mine, theirs = answer("1.2", "partial", 2, note="two"), answer("1.2", "partial", 3, note="three")
    later = answer("1.2", "partial", 4, note="four", base=theirs["id"])
    assert what(take_entries(visit, first, [mine])) == ["taken"]
    assert what(take_entries(visit, second, [theirs, later])) == ["conflict", "conflict"]
    state = state_of(visit)
    assert state["answers"]["1.2"]["note"] == "two"
    assert [one["note"] for one in state["conflicts"]] == ["four"]  # the second phone went on from its own answer
    assert {one.value["note"] for one in visit.entries.all()} == {"two", "three", "four"}
    settled = answer("1.2", "partial", 4, note="four", base=mine["id"], settles=[later["id"]])
    assert what(take_entries(visit, first, [settled])) == ["taken"]
    assert state_of(visit)["conflicts"] == []
    assert current_answers(visit)["1.2"].value["note"] == "four"


def test_two_phones_that_agree_are_no_conflict(scene):
    visit = scene["visit"]
    take_entries(visit, scene["first"], [answer("1.1")])
    assert what(take_entries(visit, scene["second"], [answer("1.1")])) == ["taken"]
    assert state_of(visit)["conflicts"] == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"id": "x"}, "form"), ({"kind": "erase"}, "form"), ({"made": "2026-06-03T10:42:00"}, "form"), ({"made": "soon"}, "form"),
        ({"item": "9.9"}, "item"), ({"value": {"answer": "perhaps", "occurrences": 0, "note": ""}}, "item"),
        ({"value": {"answer": "partial", "occurrences": 0, "note": ""}}, "item"), ({"value": {"answer": "met", "occurrences": -1, "note": ""}}, "form"),
        ({"value": {"answer": "met", "occurrences": 0, "note": "x" * 2001}}, "form"), ({"value": {"answer": "met", "occurrences": True, "note": ""}}, "form"),
        ({"value": 3}, "form"), ({"base": "x"}, "form"), ({"data": "AAAA"}, "form"), ({"settles": 3}, "form"),
    ],
)  # fmt: skip
def test_a_wrong_entry_is_refused_with_its_reason_and_the_rest_goes_on(scene, wrong, why):
    visit = scene["visit"]
    results = take_entries(visit, scene["first"], [answer("1.1") | wrong, answer("1.2")])
    assert (results[0]["is"], results[0]["why"]) == ("refused", why)
    assert results[1]["is"] == "taken"
    assert visit.entries.count() == 1


@pytest.mark.parametrize("data", [b"", b"<svg onload=x>", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n" + b"0" * 40, png()[:-5]])
def test_a_photograph_that_is_no_picture_is_refused(scene, data):
    results = take_entries(scene["visit"], scene["first"], [row("photograph", "1.1", {"caption": ""}, picture=data)])
    assert (results[0]["is"], results[0]["why"]) == ("refused", "picture")


def jpeg():
    import io

    from PIL import Image

    stream = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "PATIENT NAME"
    exif.get_ifd(0x8825)[1] = "N"
    Image.effect_noise((64, 48), 80).convert("RGB").save(stream, "JPEG", exif=exif, comment=b"PATIENT NAME", progressive=True)
    return stream.getvalue()


def test_a_jpeg_loses_what_it_says_beside_the_image_and_stays_the_same_image():
    import io

    import numpy as np
    from PIL import Image

    data = jpeg()
    cleaned, media = clean_picture(data + b"trailing secret")
    assert media == "image/jpeg"
    assert b"PATIENT" in data
    assert b"PATIENT" not in cleaned
    assert b"Exif" not in cleaned
    assert b"secret" not in cleaned
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(data))), np.asarray(Image.open(io.BytesIO(cleaned))))
    for cut in range(2, len(data), 97):
        with pytest.raises(NotAPicture):
            clean_picture(data[:cut])


def test_a_grey_picture_has_the_values_it_was_made_of():
    import io

    import numpy as np
    from PIL import Image

    values = np.array([[0.0, 50.0], [100.0, 200.0]])
    assert np.asarray(Image.open(io.BytesIO(grey_png(values, 0, 100)))).tolist() == [[0, 128], [255, 255]]
    assert np.asarray(Image.open(io.BytesIO(grey_png(values, 0, 100, inverse=True)))).tolist() == [[255, 127], [0, 0]]


def test_an_untouched_pad_is_no_signature(scene):
    assert has_ink(png())
    assert not has_ink(png(ink=False))
    visit = scene["visit"]
    blank = row("signature", value={"side": "centre", "name": "n", "sheet": {}}, picture=png(ink=False))
    assert take_entries(visit, scene["first"], [blank])[0]["why"] == "empty"


def filled(scene, changes=()):
    visit, changes = scene["visit"], dict(changes)
    rows = [answer(item, *changes.get(item, ("met", 0, ""))) for item in ITEMS]
    assert set(what(take_entries(visit, scene["first"], rows))) == {"taken"}
    return visit


def test_signing_locks_scores_raises_and_is_logged(scene):
    changes = {
        "2.2": ("not_met", 0, "已过期"),
        "3.2": ("partial", 2, "两个容器缺标签"),
        "4.2": ("not_met", 0, "第一季度无记录"),
        "4.4": ("not_applicable", 0, ""),
    }
    visit = filled(scene, changes)
    assert what(take_entries(visit, scene["first"], signing(visit))) == ["taken"] * 3
    assert (visit.state, visit.outcome, visit.score, visit.possible) == ("signed", "fail", 88.0, 105.0)
    assert visit.record["vetoed"] == ["2.2"]
    assert visit.record["answers"]["3.2"]["points"] == "3"
    assert len(visit.record["signatures"]) == 2
    findings = Finding.objects.filter(visit=visit).order_by("pk")
    assert [one.verdicts[0]["criterion"]["clause"] for one in findings] == ["2.2", "4.2"]
    for one in findings:
        verdict = one.verdicts[0]
        assert verdict["outcome"] == "fail"
        assert verdict["outcome"] in OUTCOME_WORDS
        assert verdict["criterion"]["lower"] > verdict["value"]
        assert verdict["criterion"]["edition"] == "2026-1"
        assert (one.device, one.campaign, one.source, one.procedure) == (
            scene["device"],
            visit.campaign,
            "visit",
            "checklist.spect_equipment",
        )
    assert "已过期" in findings[0].words_zh
    assert Logged.objects.filter(act="visit signed", about=f"visit {visit.pk}").count() == 1
    late = answer("1.1", "not_met")
    assert what(take_entries(visit, scene["second"], [late, *signing(visit)])) == ["late"] * 4
    assert (visit.score, Finding.objects.filter(visit=visit).count()) == (88.0, 2)
    assert state_of(visit)["late"] == 4
    assert current_answers(visit)["1.1"].value["answer"] == "met"


def test_signing_sent_twice_signs_once(scene):
    visit = filled(scene, {"4.2": ("not_met", 0, "")})
    rows = signing(visit)
    take_entries(visit, scene["first"], rows)
    assert what(take_entries(visit, scene["first"], rows)) == ["known"] * 3
    assert Finding.objects.filter(visit=visit).count() == 1
    assert Logged.objects.filter(act="visit signed").count() == 1


def test_what_prevents_signing_is_said_and_the_sheet_stays_open(scene):
    visit, who = scene["visit"], scene["first"]
    take_entries(visit, who, [answer("1.1")])
    assert take_entries(visit, who, signing(visit))[-1]["why"] == "unanswered"
    rows = [answer(item) for item in ITEMS[1:]]
    take_entries(visit, who, rows)
    stale = signing(visit)
    changed = answer("1.1", "not_met", base=str(current_answers(visit)["1.1"].client_id))
    take_entries(visit, scene["second"], [changed])
    assert take_entries(visit, who, stale)[-1] == {"id": stale[-1]["id"], "is": "conflict", "why": "sheet"}
    assert state_of(visit)["refused_finish"] is True
    one_side = signing(visit)
    assert (
        take_entries(
            visit, who, [*one_side[:1], one_side[2] | {"value": one_side[2]["value"] | {"signatures": [one_side[0]["id"]]}}]
        )[-1]["why"]
        == "signatures"
    )
    take_entries(visit, scene["second"], [answer("1.2", "not_met")])
    assert take_entries(visit, who, signing(visit))[-1]["why"] == "conflict"
    settle = answer("1.2", base=str(current_answers(visit)["1.2"].client_id), settles=[state_of(visit)["conflicts"][0]["id"]])
    take_entries(visit, who, [settle])
    Interest.objects.create(person=who, organisation=scene["hospital"], kind="relative")
    assert take_entries(visit, who, signing(visit))[-1]["why"] == "interest"
    assert visit.state == "open"
    assert take_entries(visit, scene["second"], signing(visit))[-1]["is"] == "taken"
    assert visit.state == "signed"


def test_signatures_of_an_earlier_sheet_do_not_sign_a_later_one(scene):
    visit = filled(scene)
    early = signing(visit)
    take_entries(visit, scene["first"], early[:2])
    take_entries(visit, scene["first"], [answer("1.1", "not_met", base=str(current_answers(visit)["1.1"].client_id))])
    sheet = {item: str(one.client_id) for item, one in current_answers(visit).items()}
    finish = early[2] | {"value": early[2]["value"] | {"sheet": sheet}}
    assert take_entries(visit, scene["first"], [finish])[0]["why"] == "signatures"


def test_a_correction_is_a_new_sheet_and_raises_nothing_twice(scene):
    visit = filled(scene, {"4.2": ("not_met", 0, ""), "1.1": ("not_met", 0, "")})
    take_entries(visit, scene["first"], [row("photograph", "1.1", {"caption": "c"}, picture=png())])
    with pytest.raises(Refused):
        correct(visit, scene["first"])
    take_entries(visit, scene["first"], signing(visit))
    new = correct(visit, scene["first"])
    assert sheet_of(new).score == sheet_of(visit).score
    assert new.entries.filter(kind="photograph").count() == 1
    take_entries(
        new,
        scene["first"],
        [
            answer("1.1", base=str(current_answers(new)["1.1"].client_id)),
            answer("1.4", "not_met", base=str(current_answers(new)["1.4"].client_id)),
        ],
    )
    take_entries(new, scene["first"], signing(new))
    assert [one.verdicts[0]["criterion"]["clause"] for one in Finding.objects.filter(visit=new)] == ["1.4"]
    visit.refresh_from_db()
    assert (visit.score, visit.record["answers"]["1.1"]["answer"]) == (100.0, "not_met")


# -- the pages ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_the_sheet_is_served_to_its_inspectors_to_keep_and_to_no_other(scene, language):
    address = reverse("visit_sheet", args=[scene["visit"].pk])
    answered = signed_in(scene["first"], language).get(address)
    body = answered.content.decode()
    assert answered.headers["X-Photopeak-Keep"] == str(scene["first"].pk)
    assert all(f'data-item="{item}"' in body for item in ITEMS)
    assert "style=" not in body
    assert ("废物分类收集" in body) == (language == "zh-hans")
    other = person("director", scene["centre"], "other")
    answered = signed_in(other, language).get(address)
    assert (answered.status_code, "X-Photopeak-Keep" in answered.headers) == (403, False)
    rows = json.dumps({"entries": [answer("1.1")]})
    assert (
        signed_in(other)
        .post(reverse("visit_sync", args=[scene["visit"].pk]), rows, content_type="application/json")
        .status_code
        == 403
    )
    assert scene["visit"].entries.count() == 0


def test_sync_takes_json_and_tells_the_state(scene):
    client, address = signed_in(scene["first"]), reverse("visit_sync", args=[scene["visit"].pk])
    rows = [answer("1.1"), row("photograph", "1.1", {"caption": ""}, picture=png())]
    found = client.post(address, json.dumps({"entries": rows}), content_type="application/json").json()
    assert what(found["results"]) == ["taken", "taken"]
    assert found["state"]["answers"]["1.1"]["answer"] == "met"
    picture = client.get(found["state"]["photographs"][0]["url"])
    assert (picture.headers["Content-Type"], picture.content[:4]) == ("image/png", b"\x89PNG")
    assert "sandbox" in picture.headers["Content-Security-Policy"]
    assert client.get(address).json()["state"]["version"] == 2
    for wrong in ("", "[]", '{"entries": 3}', '{"entries": ' + json.dumps([1] * 101) + "}"):
        assert client.post(address, wrong, content_type="application/json").status_code == 400


def test_sync_needs_the_token_against_forged_requests(scene):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(scene["first"])
    address = reverse("visit_sync", args=[scene["visit"].pk])
    assert client.post(address, json.dumps({"entries": [answer("1.1")]}), content_type="application/json").status_code == 403
    token = client.get(address).json()["token"]
    sent = client.post(
        address, json.dumps({"entries": [answer("1.1")]}), content_type="application/json", headers={"X-CSRFToken": token}
    )
    assert what(sent.json()["results"]) == ["taken"]


def test_the_hospital_sees_its_sheet_only_when_it_is_signed(scene):
    visit = filled(scene, {"1.2": ("partial", 2, "secret so far")})
    take_entries(visit, scene["first"], [row("photograph", "1.1", {"caption": ""}, picture=png())])
    client = signed_in(person("hospital_director", scene["hospital"]))
    picture = reverse("visit_picture", args=[Entry.objects.get(kind="photograph").pk])
    assert "secret so far" not in client.get(reverse("visit", args=[visit.pk])).content.decode()
    assert client.get(picture).status_code == 404
    take_entries(visit, scene["first"], signing(visit))
    assert "secret so far" in client.get(reverse("visit", args=[visit.pk])).content.decode()
    assert client.get(picture).status_code == 200
    other = signed_in(person("hospital_director", Organisation.objects.create(kind="hospital", name_zh="别院"), "elsewhere"))
    assert other.get(picture).status_code == other.get(reverse("visit", args=[visit.pk])).status_code == 404


def test_results_of_the_campaign_are_attached_and_others_are_not_offered(scene):
    visit = scene["visit"]
    mine, other = with_result(scene["device"], "fail"), with_result(scene["device"], "pass", stage="constancy")
    client, address = signed_in(scene["first"]), reverse("visit_attach", args=[visit.pk])
    assert client.post(address, {"results": [other.pk]}).status_code == 400
    assert client.post(address, {"results": [mine.pk], "studies": [mine.study_id]}).status_code == 302
    assert sorted(Attachment.objects.filter(visit=visit).values_list("kind", flat=True)) == ["record", "test"]
    take_entries(filled(scene), scene["first"], signing(visit))
    assert client.post(address, {"studies": [other.study_id]}).status_code == 403


def test_a_visit_is_moved_and_given_to_others_but_not_to_who_has_an_interest(scene):
    visit, secretary = scene["visit"], person("secretary", scene["centre"])
    Interest.objects.create(person=scene["second"], organisation=scene["hospital"], kind="money")
    client, address = signed_in(secretary), reverse("visit_edit", args=[visit.pk])
    given = {"day": "2026-07-01", "inspectors": [scene["second"].pk], "state": "planned"}
    assert client.post(address, given).status_code == 200
    assert client.post(address, given | {"inspectors": [scene["first"].pk], "day": "2027-01-01"}).status_code == 200
    assert client.post(address, given | {"inspectors": [scene["first"].pk]}).status_code == 302
    visit.refresh_from_db()
    assert (str(visit.day), list(visit.inspectors.all())) == ("2026-07-01", [scene["first"]])


def test_the_worker_names_its_version_and_files_that_exist(scene):
    from photopeak_centre.campaigns.visit_pages import KEPT, kept_version
    from photopeak_centre.settings import PACKAGE

    text = signed_in(scene["first"]).get(reverse("visits_worker")).content.decode()
    assert kept_version() in text
    assert "_HERE" not in text
    assert all((PACKAGE / "static" / name).is_file() for name in KEPT)
