"""A test without images, entered in the browser: the same road, errors at their fields, once however often it is sent."""

import re

import pytest
from django.urls import reverse

from cast import centre, make_device, person, signed_in
from photopeak.entry import entries_of
from photopeak.procedure import roll
from photopeak_centre.audit.models import Entry as AuditEntry
from photopeak_centre.checks.models import Measurement, Result
from photopeak_centre.evidence.models import Study
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs.models import Job
from photopeak_centre.jobs.worker import work

BY_HAND = [name for name, entry in roll().items() if entries_of(entry)]
TOKEN = "0f8fad5b-d9cb-469f-a165-70867728950e"
READINGS = (100.2, 99.8, 100.1, 99.9, 100.4, 99.6, 100.0, 100.3, 99.7, 100.0)


@pytest.fixture
def hospital(database):
    centre()
    return Organisation.objects.create(kind="hospital", name_zh="岚溪医院", name_en="Lanxi Hospital")


def sent(hospital, device=None, **fields):
    return {
        "organisation": hospital.pk, "device": device.pk if device else "", "measured": "2026-05-14 10:22", "stage": "constancy", "token": TOKEN,
        **fields,
    }  # fmt: skip


def readings(name="readings_mbq", values=READINGS):
    return {f"row.{line}.{name}": str(value) for line, value in enumerate(values)}


def address(procedure, way=0):
    return f"{reverse('enter')}?procedure={procedure}&way={way}"


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_every_test_without_images_has_its_form_in_both_languages(hospital, language):
    client = signed_in(person("hospital_physicist", hospital), language)
    body = client.get(reverse("enter")).content.decode()
    for name in BY_HAND:
        assert f"procedure={name}" in body
        for way, entry in enumerate(entries_of(roll()[name])):
            answer = client.get(address(name, way))
            page = answer.content.decode()
            assert answer.status_code == 200
            for one in entry.once:
                assert f'name="once.{one.name}"' in page
            for one in entry.rows:
                assert f'name="row.0.{one.name}"' in page


def test_readings_of_an_activity_meter_become_evidence_and_are_measured(committed):
    centre()
    hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
    meter = make_device(hospital, kind="activity_meter", serial="C-1")
    client = signed_in(person("hospital_physicist", hospital))
    answer = client.post(address("activity_meter.reproducibility"), sent(hospital, meter, **readings()))
    study = Study.objects.get()
    assert answer["Location"] == reverse("study", args=[study.pk])
    assert (study.device, study.stage, study.procedure) == (meter, "constancy", "activity_meter.reproducibility")
    assert work(until_idle=True) == 1
    result = Result.objects.get()
    assert (result.procedure, result.device, result.stage) == ("activity_meter.reproducibility", meter, "constancy")
    assert result.acquired.isoformat().startswith("2026-05-14T02:22")  # 10:22 in Shanghai
    expected = roll()["activity_meter.reproducibility"].run(_table(READINGS)).measurements
    stored = Measurement.objects.order_by("id")
    assert [(m.quantity, m.value) for m in stored] == [(m.quantity.name, m.value) for m in expected]
    assert AuditEntry.objects.filter(act="entered").exists()
    page = client.get(reverse("result", args=[result.pk])).content.decode()
    assert "100.4" in page  # the table stands on the page of its result


def _table(values):
    from photopeak.evidence import EvidenceFile
    from photopeak.table import table_evidence

    content = "readings_mbq\n" + "\n".join(map(str, values))
    return table_evidence(content.encode(), EvidenceFile(path="t.csv", sha256="0"))


def test_a_form_sent_twice_is_one_study(hospital):
    client = signed_in(person("hospital_physicist", hospital))
    data = sent(hospital, **readings())
    first, second = (client.post(address("activity_meter.reproducibility"), data) for _ in range(2))
    assert first["Location"] == second["Location"]
    assert (Study.objects.count(), Job.objects.count()) == (1, 1)


def test_the_same_numbers_on_another_day_are_another_study(hospital):
    client = signed_in(person("hospital_physicist", hospital))
    client.post(address("activity_meter.reproducibility"), sent(hospital, **readings()))
    again = sent(hospital, **readings()) | {"token": TOKEN.replace("0f8f", "1f8f")}
    client.post(address("activity_meter.reproducibility"), again)
    assert Study.objects.count() == 2


@pytest.mark.parametrize(("language", "words"), [("en", "without its unit"), ("zh-hans", "不带单位")])
def test_what_is_no_number_is_told_at_its_cell_and_nothing_is_kept(hospital, language, words):
    client = signed_in(person("hospital_physicist", hospital), language)
    data = sent(hospital, **readings()) | {"row.3.readings_mbq": "99.9 MBq"}
    answer = client.post(address("activity_meter.reproducibility"), data)
    page = answer.content.decode()
    assert answer.status_code == 422
    cell = re.search(r'<input name="row\.3\.readings_mbq"[^>]*>', page)[0]
    assert 'aria-invalid="true"' in cell
    assert 'value="99.9 MBq"' in cell
    assert words in page
    assert page.count('aria-invalid="true"') == 1
    assert not Study.objects.exists()


@pytest.mark.parametrize(("language", "words"), [("en", "Not taken in yet"), ("zh-hans", "尚未保存")])
def test_what_the_procedure_refuses_is_told_before_anything_is_kept(hospital, language, words):
    client = signed_in(person("hospital_physicist", hospital), language)
    answer = client.post(address("activity_meter.reproducibility"), sent(hospital, **readings(values=(100.0,))))
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not Study.objects.exists()


def test_a_missing_input_is_told_at_its_field(hospital):
    client = signed_in(person("hospital_physicist", hospital))
    data = sent(hospital, **{"once.administered_mbq": "3700"})
    page = client.post(address("radionuclide_therapy.delivery"), data).content.decode()
    field = re.search(r'<input name="once\.prescribed_mbq"[^>]*>', page)[0]
    assert 'aria-invalid="true"' in field


def test_an_option_goes_with_the_study_and_a_wrong_one_is_told(hospital):
    client = signed_in(person("hospital_physicist", hospital))
    linear = {f"row.{n}.time_h": str(2 * n) for n in range(8)} | {
        f"row.{n}.readings_mbq": str(5000 * 0.5 ** (2 * n / 6.0067)) for n in range(8)
    }
    data = sent(hospital, **linear, **{"once.nuclide": "Tc-99m", "option.nuclear_data": "ddep"})
    assert client.post(address("activity_meter.linearity"), data).status_code == 302
    assert Study.objects.get().options == {"nuclear_data": "ddep"}
    assert client.post(address("activity_meter.linearity"), data | {"option.nuclear_data": "mine"}).status_code == 422


def test_a_device_of_the_neighbour_cannot_be_named(hospital):
    neighbour = Organisation.objects.create(kind="hospital", name_zh="望湖医院")
    theirs = make_device(neighbour, "Zz", kind="activity_meter")
    client = signed_in(person("hospital_physicist", hospital))
    page = client.get(address("activity_meter.reproducibility") + f"&device={theirs.pk}").content.decode()
    assert "望湖" not in page
    assert "MeridianZz" not in page
    answer = client.post(address("activity_meter.reproducibility"), sent(hospital, theirs, **readings()))
    assert answer.status_code == 422
    answer = client.post(address("activity_meter.reproducibility"), sent(neighbour, theirs, **readings()))
    assert answer.status_code == 422
    assert not Study.objects.exists()


@pytest.mark.parametrize(
    "query",
    [
        "procedure=nothing.there",
        "procedure=pet.image_quality",
        "procedure=pet.sensitivity&way=9",
        "procedure=pet.sensitivity&way=x",
    ],
)
def test_a_test_that_cannot_be_entered_is_404(hospital, query):
    client = signed_in(person("hospital_physicist", hospital))
    assert client.get(f"{reverse('enter')}?{query}").status_code == 404
