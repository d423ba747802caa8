"""The registry as a workbook: export, and import of new devices and changes to known ones. All rows are taken in, or none."""

from __future__ import annotations

import io
import unicodedata
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import xlsxwriter
from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from photopeak.table import TableError, read_table
from photopeak.words import Words
from photopeak_centre.audit.chain import record
from photopeak_centre.devices.models import KINDS, Device
from photopeak_centre.devices.views import DeviceForm
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.routes import route
from photopeak_centre.said import in_words, language, now_said, said

#: the columns by their identifiers, with the words that stand over them
COLUMNS = {
    "hospital": Words("hospital", "医院"),
    "kind": Words("kind", "类别"),
    "manufacturer": Words("manufacturer", "制造商"),
    "model": Words("model", "型号"),
    "serial": Words("serial number", "序列号"),
    "station": Words("station name", "站名"),
    "room": Words("room", "机房"),
    "detectors": Words("detectors", "探头数"),
    "ufov_rows_mm": Words("UFOV rows, mm", "UFOV 行方向，mm"),
    "ufov_columns_mm": Words("UFOV columns, mm", "UFOV 列方向，mm"),
    "installed": Words("installed", "安装日期"),
    "in_use": Words("in use", "在用"),
}
NEEDED = ("hospital", "kind", "manufacturer", "model")
YES, NO = ("1", "yes", "true", "是", "在用"), ("0", "no", "false", "否", "停用")
LARGEST_BYTES = 8 * 2**20
MOST_ROWS = 20_000
MOST_TOLD = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is wrong with one cell: the line a person sees in the workbook, the column, what stood there, why not."""

    line: int
    column: str
    text: str
    why: str


@route(exempt="exports what the person may see", act="see")
def devices_export(request: HttpRequest) -> HttpResponse:
    """All devices the person may see, one a row. Texts are written as texts, so no cell is ever a formula."""
    rows = Device.objects.visible_to(request.user).select_related("organisation")
    return _workbook(_row_of(one) for one in rows.order_by("organisation__name_zh", "model", "id").iterator(2000))


@route(exempt="an empty workbook with the columns of the import", act="register")
def devices_template(request: HttpRequest) -> HttpResponse:
    return _workbook(())


def _row_of(device: Device) -> list[Any]:
    plain: dict[str, Any] = {name: getattr(device, name) for name in COLUMNS if name != "hospital"}
    plain["hospital"] = device.organisation.name_zh
    plain["kind"] = str(dict(KINDS)[device.kind])
    plain["in_use"] = now_said("yes", "是") if device.in_use else now_said("no", "否")
    return [plain[name] for name in COLUMNS]


def _workbook(rows: Any) -> HttpResponse:
    stream = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(stream, options)
    sheet, bold = book.add_worksheet(now_said("devices", "设备")), book.add_format({"bold": True, "bottom": 1})
    for column, words in enumerate(COLUMNS.values()):
        sheet.write_string(0, column, in_words(words), bold)
    for line, row in enumerate(rows, 1):
        for column, value in enumerate(row):
            if value is None or value == "":
                continue
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                sheet.write_number(line, column, value)
            else:
                sheet.write_string(line, column, str(value))
    kinds = [str(dict(KINDS)[key]) for key, _ in KINDS]
    sheet.data_validation(1, 1, MOST_ROWS, 1, {"validate": "list", "source": kinds, "ignore_blank": True})
    sheet.freeze_panes(1, 0)
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
    """All rows are taken in, or none: every problem is listed with its line, its column and what stood there."""
    form, problems = ImportForm(request.POST or None, request.FILES or None), []
    if request.method == "POST" and form.is_valid():
        wrong, problems = _import(form.cleaned_data["file"], request.user)
        if not wrong and not problems:
            return redirect("devices")
        if wrong:
            form.add_error("file", wrong)
    context = {
        "form": form,
        "problems": problems[:MOST_TOLD],
        "more": max(len(problems) - MOST_TOLD, 0),
        "lines": len({one.line for one in problems}),
    }
    return render(request, "devices/import.html", context, status=422 if form.errors or problems else 200)


def _import(file: Any, person: Any) -> tuple[str, list[Problem]]:
    """What is wrong with the file as a whole, or with its cells; nothing where all of it was taken in."""
    if file.size > LARGEST_BYTES:
        return now_said("The file is larger than 8 MiB.", "文件超过 8 MiB。"), []
    try:
        table = read_table(file.read(), file.name)
    except TableError as error:
        return now_said(error.words.en, error.words.zh), []
    except (zipfile.BadZipFile, KeyError, ValueError):
        return now_said("This is not a workbook.", "该文件不是工作簿。"), []
    names = {column: known for column in table.columns if (known := _column(column))}
    missing = [in_words(COLUMNS[name]) for name in NEEDED if name not in names.values()]
    if missing:
        return now_said("Missing columns: {}.", "缺少列：{}。").format(
            "、".join(missing) if language() == "zh" else ", ".join(missing)
        ), []
    if len(table.rows) > MOST_ROWS:
        return now_said("More than {} rows; split the workbook.", "超过 {} 行，请拆分工作簿。").format(MOST_ROWS), []
    owners = {o.name_zh: o for o in Organisation.objects.visible_to(person).filter(kind__in=("hospital", "laboratory"))}
    owners |= {o.name_en: o for o in owners.values() if o.name_en}
    forms_made, problems, seen = [], [], {}
    for line, row in zip(table.lines, table.rows):
        texts = {names[column]: text.strip() for column, text in row.items() if column in names}
        if not any(texts.values()):
            continue
        made, found = _read(line, texts, owners, person)
        key = (texts["hospital"], texts["model"], texts.get("serial", ""))
        if key[2] and key in seen:
            why = now_said("This device stands in line {} already.", "该设备已在第 {} 行出现。").format(seen[key])
            found.append(Problem(line=line, column=in_words(COLUMNS["serial"]), text=key[2], why=why))
        seen.setdefault(key, line)
        problems += found
        if made is not None:
            forms_made.append(made)
    if problems or not forms_made:
        return ("" if problems else now_said("The workbook has no rows.", "工作簿中没有数据行。")), problems
    with transaction.atomic():
        saved = [one.save() for one in forms_made]
        record("devices imported", "devices", person=person, devices=[one.pk for one in saved])
    return "", []


def _column(head: str) -> str | None:
    """The identifier of a column by what stands over it, in either language; marks and spaces between its words do not matter."""
    plain = _letters(head)
    return next((name for name, words in COLUMNS.items() if plain in map(_letters, (name, words.en, words.zh))), None)


def _letters(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


def _read(
    line: int, texts: dict[str, str], owners: Mapping[str, Organisation], person: Any
) -> tuple[DeviceForm | None, list[Problem]]:
    """A row as the form of a new device, or of the hospital's device with that model and serial number; or what is wrong with it."""
    problems = []

    def wrong(name: str, why: str) -> None:
        problems.append(Problem(line=line, column=in_words(COLUMNS[name]), text=texts.get(name, "")[:80], why=why))

    organisation = owners.get(texts["hospital"])
    if organisation is None:
        wrong("hospital", now_said("No hospital of this name is yours to register for.", "没有您可登记的同名医院。"))
    kind = _kind(texts["kind"])
    if kind is None:
        wrong(
            "kind",
            now_said("No such kind; choose one of the list in the workbook.", "没有该类别，请从工作簿的下拉列表中选择。"),
        )
    in_use = texts.get("in_use", "").lower()
    if in_use not in (*YES, *NO, ""):
        wrong("in_use", now_said("Write yes or no.", "请填“是”或“否”。"))
    if organisation is None:
        return None, problems
    known = None
    if texts.get("serial"):
        known = Device.objects.filter(organisation=organisation, model=texts["model"], serial=texts["serial"]).first()
    fields: dict[str, Any] = {**texts, "organisation": organisation.pk, "kind": kind or "spect", "in_use": in_use not in NO}
    fields["installed"] = texts.get("installed", "")[:10]
    made = DeviceForm(fields, instance=known, person=person)
    if not made.is_valid():
        for name, told in made.errors.items():
            wrong(name if name in COLUMNS else "hospital", str(told[0]))
    return (made if not problems else None), problems


def _kind(text: str) -> str | None:
    """The kind of a device by its identifier or its word in either language."""
    from django.utils.translation import override

    plain = text.strip().lower()
    for key, words in KINDS:
        said_so = [key]
        for code in ("en", "zh-hans"):
            with override(code):
                said_so.append(str(words).lower())
        if plain in said_so:
            return key
    return None
