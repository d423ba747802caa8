"""The registry goes out as a workbook and comes back the same; no text of it is ever a formula; each wrong cell is told."""

import io

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from cast import centre, make_device, person, signed_in
from photopeak_centre.devices.models import Device
from photopeak_centre.hospitals.models import Organisation

#: what spreadsheets take for a formula, a link or a command
DANGEROUS = (
    "=1+1",
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "=cmd|'/c calc'!A1",
    "\t=1+1",
    "http://x.example",
    "mailto:x@y",
)


@pytest.fixture
def hospital(database):
    centre()
    return Organisation.objects.create(kind="hospital", name_zh="岚溪医院", name_en="Lanxi Hospital")


def exported(client):
    book = openpyxl.load_workbook(io.BytesIO(client.get(reverse("devices_export")).content))
    return book.worksheets[0]


def workbook(*rows, heads=("hospital", "kind", "manufacturer", "model", "serial", "detectors", "installed", "in_use")):
    book = openpyxl.Workbook()
    for row in (heads, *rows):
        book.active.append(row)
    stream = io.BytesIO()
    book.save(stream)
    return SimpleUploadedFile("devices.xlsx", stream.getvalue())


def imported(client, file):
    return client.post(reverse("devices_import"), {"file": file})


@pytest.mark.parametrize("text", DANGEROUS)
def test_no_text_of_the_registry_is_written_as_a_formula_or_a_link(hospital, text):
    make_device(hospital, manufacturer=text, model=text, serial=text, room=text)
    sheet = exported(signed_in(person("hospital_physicist", hospital)))
    cells = [cell for row in sheet.iter_rows() for cell in row if cell.value == text]
    assert len(cells) == 4
    assert {cell.data_type for cell in cells} == {"s"}
    assert all(cell.hyperlink is None for cell in cells)


@pytest.mark.parametrize("text", DANGEROUS)
def test_a_text_that_looks_like_a_formula_comes_in_and_goes_out_as_text(hospital, text):
    client = signed_in(person("hospital_physicist", hospital))
    rows = f'hospital,kind,manufacturer,model,room\n岚溪医院,spect,Meridian,NM-640,"{text.replace(chr(34), chr(34) * 2)}"\n'
    assert imported(client, SimpleUploadedFile("devices.csv", rows.encode())).status_code == 302
    assert Device.objects.get().room == text.strip()
    cell = next(cell for row in exported(client).iter_rows() for cell in row if cell.value == text.strip())
    assert cell.data_type == "s"


def test_a_formula_cell_of_a_workbook_is_never_computed(hospital):
    client = signed_in(person("hospital_physicist", hospital))
    imported(client, workbook(("岚溪医院", "spect", "Meridian", "=1+1", "204", 2, "2017-09-01", "yes")))
    assert not Device.objects.filter(model="2").exists()
    assert not Device.objects.filter(model__startswith="=").exists()


@pytest.mark.parametrize("language", ["zh-hans", "en"])
def test_what_was_exported_is_imported_unchanged(hospital, language):
    device = make_device(
        hospital, detectors=2, ufov_rows_mm=387.0, ufov_columns_mm=533.5, room="3", station="NM1", installed="2017-09-01"
    )
    before = Device.objects.values().get()
    client = signed_in(person("hospital_physicist", hospital), language)
    content = client.get(reverse("devices_export")).content
    assert imported(client, SimpleUploadedFile("devices.xlsx", content)).status_code == 302
    assert Device.objects.values().get() == before
    assert before["id"] == device.pk


def test_every_wrong_cell_is_told_with_its_line_and_column_and_nothing_is_taken_in(hospital):
    client = signed_in(person("hospital_physicist", hospital))
    answer = imported(
        client,
        workbook(
            ("岚溪医院", "spect", "Meridian", "NM-640", "204", 2, "2017-09-01", "yes"),
            ("别家医院", "spect", "Meridian", "NM-640", "205", 2, "2017-09-01", "yes"),
            ("岚溪医院", "camera obscura", "Meridian", "NM-640", "206", "two", "2017-09-01", "perhaps"),
            ("岚溪医院", "spect", "", "NM-640", "204", 2, "last year", "no"),
        ),
    )
    assert answer.status_code == 422
    found = {(one.line, one.column) for one in answer.context["problems"]}
    assert found == {
        (3, "hospital"), (4, "kind"), (4, "detectors"), (4, "in use"), (5, "manufacturer"), (5, "installed"), (5, "serial number"),
    }  # fmt: skip
    assert answer.context["lines"] == 3
    page = answer.content.decode()
    assert "camera obscura" in page
    assert "perhaps" in page
    assert not Device.objects.exists()


def test_problems_are_told_in_chinese_under_chinese_heads(hospital):
    client = signed_in(person("hospital_physicist", hospital), "zh-hans")
    heads = ("医院", "类别", "制造商", "型号", "在用")
    answer = imported(
        client,
        workbook(("岚溪医院", "平面伽玛照相机", "Meridian", "GC", "是"), ("岚溪医院", "暗箱", "M", "N", "也许"), heads=heads),
    )
    assert [(one.line, one.column) for one in answer.context["problems"]] == [(3, "类别"), (3, "在用")]
    assert "尚未导入任何数据" in answer.content.decode()
    assert imported(client, workbook(("岚溪医院", "平面伽玛照相机", "Meridian", "GC", "是"), heads=heads)).status_code == 302
    assert Device.objects.get().kind == "gamma_camera"


def test_a_neighbours_hospital_is_as_unknown_as_one_that_does_not_exist(hospital):
    Organisation.objects.create(kind="hospital", name_zh="望湖医院")
    client = signed_in(person("hospital_physicist", hospital))
    rows = [(name, "spect", "Meridian", "NM", "1", 2, "", "yes") for name in ("望湖医院", "无此医院")]
    told = [imported(client, workbook(row)).context["problems"][0].why for row in rows]
    assert told[0] == told[1]


@pytest.mark.parametrize("content", [b"PK\x03\x04 not a zip", b"\x00\x01\x02", b"", b"a,b\n1,2\n"])
def test_what_is_no_registry_is_refused_in_words(hospital, content):
    client = signed_in(person("hospital_physicist", hospital))
    assert imported(client, SimpleUploadedFile("devices.xlsx", content)).status_code == 422
    assert not Device.objects.exists()


def test_the_empty_workbook_has_the_columns_and_no_row(hospital):
    client = signed_in(person("hospital_physicist", hospital), "zh-hans")
    sheet = openpyxl.load_workbook(io.BytesIO(client.get(reverse("devices_template")).content)).worksheets[0]
    assert sheet.max_row == 1
    assert [cell.value for cell in sheet[1]][:4] == ["医院", "类别", "制造商", "型号"]
