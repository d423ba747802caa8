"""The registry as a workbook: export, and import of new devices and changes to known ones."""

from __future__ import annotations

import io
import zipfile
from typing import Any

import xlsxwriter
from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from photopeak.table import TableError, read_table
from photopeak_centre.audit.chain import record
from photopeak_centre.devices.models import Device
from photopeak_centre.devices.views import DeviceForm
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.routes import route
from photopeak_centre.said import now_said, said

COLUMNS = (
    "hospital", "kind", "manufacturer", "model", "serial", "station", "room", "detectors", "ufov_rows_mm", "ufov_columns_mm",
    "installed", "in_use",
)  # fmt: skip
LARGEST_BYTES = 8 * 2**20
MOST_ROWS = 20_000


@route(exempt="exports what the person may see", act="see")
def devices_export(request: HttpRequest) -> HttpResponse:
    """All devices the person may see, one a row. Texts are written as texts, so no cell is ever a formula."""
    stream = io.BytesIO()
    book = xlsxwriter.Workbook(stream, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    sheet, bold = book.add_worksheet("devices"), book.add_format({"bold": True})
    sheet.write_row(0, 0, COLUMNS, bold)
    rows = (
        Device.objects.visible_to(request.user).select_related("organisation").order_by("organisation__name_zh", "model", "id")
    )
    for line, device in enumerate(rows.iterator(2000), 1):
        for column, name in enumerate(COLUMNS):
            value = device.organisation.name_zh if name == "hospital" else getattr(device, name)
            if value is None:
                continue
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                sheet.write_number(line, column, value)
            else:
                sheet.write_string(line, column, str(value))
    sheet.autofit()
    book.close()
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    response = HttpResponse(stream.getvalue(), content_type=kind)
    response["Content-Disposition"] = 'attachment; filename="devices.xlsx"'
    return response


class ImportForm(forms.Form):
    file = forms.FileField(label=said("workbook with the columns of the export", "与导出表列名相同的工作簿"))


@route(exempt="adds to hospitals the person may see", methods="GET POST", act="register")
def devices_import(request: HttpRequest) -> HttpResponse:
    """All rows are taken in, or none: every problem is listed with its line."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        problems = _import(form.cleaned_data["file"], request.user)
        if not problems:
            return redirect("devices")
        for problem in problems[:20]:
            form.add_error("file", problem)
    title = now_said("Import devices from Excel", "从 Excel 导入设备")
    return render(request, "upload_form.html", {"form": form, "title": title, "back": "devices"})


def _import(file: Any, person: Any) -> list[str]:
    if file.size > LARGEST_BYTES:
        return [now_said("The file is larger than 8 MiB.", "文件超过 8 MiB。")]
    try:
        table = read_table(file.read(), file.name)
    except TableError as error:
        return [now_said(error.words.en, error.words.zh)]
    except (zipfile.BadZipFile, KeyError, ValueError):
        return [now_said("This is not a workbook.", "该文件不是工作簿。")]
    missing = [name for name in COLUMNS[:4] if name not in table.columns]
    if missing or len(table.rows) > MOST_ROWS:
        return [now_said("Missing columns: {}.", "缺少列：{}。").format(", ".join(missing))]
    owners = {o.name_zh: o for o in Organisation.objects.visible_to(person).filter(kind__in=("hospital", "laboratory"))}
    forms_made, problems = [], []
    for line, row in zip(table.lines, table.rows):
        made = _row_form({key.strip(): value.strip() for key, value in row.items()}, owners, person)
        if made is None or not made.is_valid():
            what = "; ".join(f"{name}: {texts[0]}" for name, texts in made.errors.items()) if made else row.get("hospital", "")
            problems.append(now_said("Line {}: {}", "第 {} 行：{}").format(line, what or "?"))
        else:
            forms_made.append(made)
    if problems:
        return problems
    with transaction.atomic():
        saved = [one.save() for one in forms_made]
        record("devices imported", "devices", person=person, devices=[one.pk for one in saved])
    return []


def _row_form(row: dict[str, str], owners: dict[str, Organisation], person: Any) -> DeviceForm | None:
    """A row as the form of a new device, or of the hospital's device with that model and serial number."""
    organisation = owners.get(row.get("hospital", ""))
    if organisation is None:
        return None
    known = None
    if row.get("serial"):
        known = Device.objects.filter(organisation=organisation, model=row.get("model", ""), serial=row["serial"]).first()
    in_use = row.get("in_use", "").lower() not in ("0", "no", "false", "否")
    data = {**row, "organisation": organisation.pk, "in_use": in_use, "installed": row.get("installed", "")[:10]}
    return DeviceForm(data, instance=known, person=person)
