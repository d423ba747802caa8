"""Image quality: read blinded by two, by a third where they differ; the indicators and the agreement that come of it."""

import datetime
import io
import re

import numpy as np
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from cast import PLANTED, make_device, person, signed_in
from photopeak.report_review.agreement import ac1, kappa
from photopeak_centre.audit.models import Entry as Logged
from photopeak_centre.campaigns import image_quality
from photopeak_centre.campaigns.image_quality import (
    AlreadyRead,
    indicator_counts,
    judged,
    next_turn,
    read_image,
    summary,
    waiting_for,
)
from photopeak_centre.campaigns.models import Campaign, ImageSample, Interest, Target
from photopeak_centre.campaigns.pictures import grey_png
from photopeak_centre.campaigns.planning import standings
from photopeak_centre.evidence.store import keep
from photopeak_centre.hospitals.models import Organisation

GOOD = {"range_right": True, "no_artefact": True, "grey_suits": True}


@pytest.fixture
def scene(database):
    centre = Organisation.objects.create(kind="centre", name_zh="中心")
    hospitals = [
        Organisation.objects.create(
            kind="hospital", name_zh=f"望湖{PLANTED}{n}", name_en=f"Lake{PLANTED}{n}", district_zh=f"区{PLANTED}"
        )
        for n in range(3)
    ]
    campaign = Campaign.objects.create(
        name_zh="图像质量", name_en="Images", kind="images", begins=datetime.date(2026, 1, 1), ends=datetime.date(2030, 12, 31)
    )
    for n, hospital in enumerate(hospitals):
        Target.objects.create(
            campaign=campaign, organisation=hospital, device=make_device(hospital, f"{PLANTED}{n}", kind="pet_ct")
        )
    readers = [person("expert", centre, f"reader{n}") for n in range(4)]
    return {"centre": centre, "hospitals": hospitals, "campaign": campaign, "readers": readers}


def sample(scene, hospital=0, modality="spect", seed=0):
    blob = keep(grey_png(np.random.default_rng(seed).poisson(50, (16, 16)), 0, 100))
    place = scene["hospitals"][hospital]
    return ImageSample.objects.create(
        campaign=scene["campaign"],
        organisation=place,
        device=place.devices.first(),
        modality=modality,
        blob=blob,
        media="image/png",
    )


def judge(one, reader, good=True):
    given = GOOD | ({"fusion_right": True} if one.modality == "pet_ct" else {})
    return read_image(one, reader, given if good else given | {"no_artefact": False})


@pytest.mark.parametrize("wrong", ["range_right", "no_artefact", "grey_suits", "fusion_right"])
def test_an_image_is_qualified_when_all_the_national_criteria_are_met(scene, wrong):
    given = GOOD | {"fusion_right": True}
    first, second = sample(scene, modality="pet_ct"), sample(scene, modality="pet_ct", seed=1)
    assert read_image(first, scene["readers"][0], given).qualified
    assert not read_image(second, scene["readers"][0], given | {wrong: False}).qualified


def test_the_fourth_criterion_is_of_pet_ct_alone(scene):
    with pytest.raises(ValueError, match="criteria"):
        read_image(sample(scene), scene["readers"][0], GOOD | {"fusion_right": True})
    with pytest.raises(ValueError, match="criteria"):
        read_image(sample(scene, modality="pet_ct", seed=1), scene["readers"][0], GOOD)


def test_two_that_agree_decide_and_a_third_is_not_asked(scene):
    one, (a, b, c, _) = sample(scene), scene["readers"]
    judge(one, a)
    assert judged(ImageSample.objects.all()) == {}
    judge(one, b)
    assert judged(ImageSample.objects.all()) == {one.pk: "qualified"}
    assert next_turn(ImageSample.objects.get(pk=one.pk)) is None
    with pytest.raises(AlreadyRead):
        judge(one, c)


@pytest.mark.parametrize(("third", "truth"), [(True, "qualified"), (False, "not qualified")])
def test_a_third_decides_where_two_differ(scene, third, truth):
    one, (a, b, c, d) = sample(scene), scene["readers"]
    judge(one, a, good=False)
    judge(one, b)
    assert judged(ImageSample.objects.all()) == {}
    with pytest.raises(AlreadyRead):
        judge(one, a, good=True)  # nobody reads twice
    assert judge(one, c, good=third).turn == 3
    assert judged(ImageSample.objects.all()) == {one.pk: truth}
    with pytest.raises(AlreadyRead):
        judge(one, d)


def test_the_indicators_count_what_was_judged_by_hospital(scene):
    a, b, c, _ = scene["readers"]
    for n, (hospital, modality, first, second, third) in enumerate(
        [
            (0, "spect", 1, 1, None),
            (0, "spect", 0, 0, None),
            (0, "pet_ct", 1, 0, 1),
            (1, "pet_ct", 0, 1, 0),
            (1, "spect", 1, None, None),
            (2, "spect", 1, 0, None),
        ]
    ):
        one = sample(scene, hospital, modality, seed=n)
        for reader, good in ((a, first), (b, second), (c, third)):
            if good is not None:
                judge(one, reader, bool(good))
    places = [one.pk for one in scene["hospitals"]]
    today = datetime.date.today()
    assert indicator_counts(today - datetime.timedelta(days=1), today + datetime.timedelta(days=1)) == {
        "NM-04": {places[0]: (1, 2)}, "NM-05": {places[0]: (1, 1), places[1]: (0, 1)},
    }  # fmt: skip
    assert indicator_counts(datetime.date(2020, 1, 1), datetime.date(2020, 12, 31)) == {"NM-04": {}, "NM-05": {}}
    found = summary(scene["campaign"])
    assert (found.samples, found.assessed, found.open) == (6, 4, 2)
    pairs = [
        ("qualified", "qualified"),
        ("not qualified", "not qualified"),
        ("qualified", "not qualified"),
        ("not qualified", "qualified"),
        ("qualified", "not qualified"),
    ]
    _words, overall = found.agreements["qualified"]
    assert (overall.pairs, overall.agreed) == (5, 0.4)
    assert overall.kappa == pytest.approx(kappa(pairs))
    assert overall.ac1 == pytest.approx(ac1(pairs))
    assert found.agreements["fusion_right"][1].pairs == 2


def bodies_for(client, one):
    """Everything a reader is answered about an image, headers included."""
    found = []
    for address in (reverse("readings"), reverse("reading", args=[one.pk]), reverse("reading_picture", args=[one.pk])):
        answer = client.get(address)
        found.append(answer.content.decode("latin-1") + answer.content.decode("utf-8", "replace") + str(answer.headers))
    answer = client.post(reverse("reading", args=[one.pk]), {"range_right": "maybe"})
    found.append(answer.content.decode() + str(answer.headers))
    given = dict.fromkeys(image_quality.criteria_of(one), "yes")
    answer = client.post(reverse("reading", args=[one.pk]), given, follow=True)
    found.append(answer.content.decode() + str(answer.headers) + str(answer.redirect_chain))
    answer = client.get(reverse("reading", args=[one.pk]))
    found.append(answer.content.decode())
    return found


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_no_answer_to_a_reader_names_a_hospital_a_device_or_another_reader(scene, language):
    samples = [sample(scene, n % 3, "pet_ct" if n % 2 else "spect", seed=n) for n in range(6)]
    judge(samples[0], scene["readers"][1], good=False)
    client = signed_in(scene["readers"][0], language)
    for one in samples:
        place, device = one.organisation, one.device
        hidden = [
            PLANTED, place.name_zh, place.name_en, place.district_zh, str(place.pk), str(device.pk), device.serial, device.model, device.manufacturer, str(scene["campaign"].pk),
            "reader1", "人员expert reader",
        ]  # fmt: skip
        long_enough = [word for word in hidden if not word.isdigit() or len(word) > 4]
        for body in bodies_for(client, one):
            assert not [word for word in long_enough if word in body]
            assert not re.search(rf"(organisation|hospitals|devices|visits)/{place.pk}\b", body)
    assert not Logged.objects.filter(act="image read").exclude(organisation=None).exists()


def test_numbers_of_images_tell_nothing_of_their_order(scene):
    found = [sample(scene, n % 3, seed=n).pk for n in range(12)]
    assert found != sorted(found)
    assert len({len(str(one)) for one in found}) == 1
    assert min(found) >= 10**11


def test_nobody_reads_the_images_of_his_own_house(scene):
    one, reader = sample(scene), scene["readers"][0]
    Interest.objects.create(person=reader, organisation=one.organisation, kind="employer")
    client = signed_in(reader)
    assert waiting_for(reader) == []
    for name in ("reading", "reading_picture"):
        assert client.get(reverse(name, args=[one.pk])).status_code == 404
    assert client.post(reverse("reading", args=[one.pk]), dict.fromkeys(GOOD, "yes")).status_code == 404
    assert len(waiting_for(scene["readers"][1])) == 1


def test_a_picture_is_taken_in_once_and_without_what_stands_beside_it(scene):
    from PIL import Image

    stream, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = f"{PLANTED} hospital"
    Image.effect_noise((64, 48), 60).convert("RGB").save(stream, "JPEG", exif=exif)
    assert PLANTED.encode() in stream.getvalue()
    client, address = signed_in(person("secretary", scene["centre"])), reverse("campaign_sample", args=[scene["campaign"].pk])
    for _ in range(2):
        given = {
            "organisation": scene["hospitals"][0].pk,
            "modality": "pet_ct",
            "looked": "on",
            "picture": SimpleUploadedFile(f"{PLANTED}.jpg", stream.getvalue()),
        }
        assert client.post(address, given).status_code == 302
    one = ImageSample.objects.get()
    assert one.device == scene["hospitals"][0].devices.first()
    shown = signed_in(scene["readers"][0]).get(reverse("reading_picture", args=[one.pk]))
    assert shown.headers["Content-Type"] == "image/jpeg"
    assert PLANTED.encode() not in shown.content
    for wrong in ({"looked": ""}, {"picture": SimpleUploadedFile("x.jpg", b"no")}, {"picture": ""}):
        given = {
            "organisation": scene["hospitals"][0].pk,
            "modality": "pet_ct",
            "looked": "on",
            "picture": SimpleUploadedFile("x.jpg", stream.getvalue()),
        } | wrong
        assert client.post(address, given).status_code == 200
    assert ImageSample.objects.count() == 1


def test_a_target_is_tested_when_an_image_of_it_was_judged_and_fails_with_one_that_is_not_qualified(scene):
    a, b, *_ = scene["readers"]
    for n, (hospital, first, second) in enumerate([(0, True, True), (0, False, False), (1, True, True), (2, True, False)]):
        one = sample(scene, hospital, seed=n)
        judge(one, a, first)
        judge(one, b, second)
    outcomes = {one.target.organisation: one.outcome for one in standings(scene["campaign"])}
    assert [outcomes[hospital] for hospital in scene["hospitals"]] == ["fail", "pass", ""]


def test_the_plan_s_page_shows_counts_and_agreement(scene):
    for n in range(3):
        one = sample(scene, n, seed=n)
        judge(one, scene["readers"][0])
        judge(one, scene["readers"][1], good=n > 0)
    body = signed_in(person("director", scene["centre"])).get(reverse("campaign", args=[scene["campaign"].pk])).content.decode()
    assert "1 / 1" in body
    assert "AC1" in body
