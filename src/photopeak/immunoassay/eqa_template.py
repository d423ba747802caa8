"""The workbook a laboratory fills in: its rows are fixed and locked, what it types is offered in lists, the second sheet explains."""

from __future__ import annotations

import io
import tomllib
from importlib import resources
from typing import Any

from photopeak.immunoassay.blunder_screen import COMMON_UNITS
from photopeak.immunoassay.scheme import Scheme
from photopeak.words import Language, Words

LOCKED = ("laboratory", "analyte", "sample")
FILLED = ("value", "unit", "method", "instrument", "kit", "lot", "uncertainty", "status")
STATUS = Words("ok, technical, withdrawn", "正常, 技术问题, 退出")
WIDTHS = {"laboratory": 12, "analyte": 14, "sample": 10, "method": 18, "instrument": 22, "kit": 22, "lot": 14}
SPARE = 40  #: further rows a laboratory may fill for an analyser that is not registered


def template(scheme: Scheme, laboratory: str, language: Language) -> bytes:
    """The workbook of one laboratory: a row for each analyte, sample and analyser."""
    import xlsxwriter  # type: ignore[import-untyped]

    content = io.BytesIO()
    safe = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(content, safe)
    sheet = book.add_worksheet(Words("results", "结果").say(language))
    about = book.add_worksheet(Words("how to fill in", "填写说明").say(language))
    lists = book.add_worksheet("lists")
    rows = _rows(scheme, laboratory)
    _results(book, sheet, rows, language)
    _lists(sheet, lists, scheme, rows, language)
    _about(book, about, scheme, laboratory, language)
    lists.hide()
    book.set_properties({"title": scheme.name.say(language), "comments": scheme.sha256})
    book.close()
    return content.getvalue()


def _rows(scheme: Scheme, laboratory: str) -> list[dict[str, str]]:
    analysers = scheme.analysers.get(laboratory, ("",))
    return [
        {"laboratory": laboratory, "analyte": one.name, "sample": sample, "unit": one.unit, "instrument": analyser}
        for analyser in analysers
        for one in scheme.analytes
        for sample in scheme.samples_of(one.name)
    ]


def _headers(language: Language) -> list[str]:
    if language == "en":
        return [*LOCKED, *FILLED]
    names = tomllib.loads((resources.files("photopeak") / "columns.toml").read_text("utf-8"))
    return [names[one][0] for one in (*LOCKED, *FILLED)]


def _results(book: Any, sheet: Any, rows: list[dict[str, str]], language: Language) -> None:
    head = book.add_format({"bold": True, "bottom": 1, "bg_color": "#eef1f4"})
    fixed = book.add_format({"font_color": "#5f6c78"})
    free = book.add_format({"locked": False, "bg_color": "#fffdf3", "num_format": "@", "bottom": 4})
    columns = (*LOCKED, *FILLED)
    for n, (name, header) in enumerate(zip(columns, _headers(language))):
        sheet.write_string(0, n, header, head)
        sheet.set_column(n, n, WIDTHS.get(name, 10))
    for line, row in enumerate(rows, 1):
        for n, name in enumerate(columns):
            text = row.get(name, "")
            sheet.write_string(line, n, text, fixed if name in LOCKED else free)
    for line in range(len(rows) + 1, len(rows) + 1 + SPARE):
        for n in range(len(columns)):
            sheet.write_blank(line, n, None, free)
    sheet.freeze_panes(1, len(LOCKED))
    sheet.protect("", {"format_columns": True, "select_locked_cells": True})


def _lists(sheet: Any, lists: Any, scheme: Scheme, rows: list[dict[str, str]], language: Language) -> None:
    """The choices of each column on the hidden sheet, and the rule that offers them; text that is not in a list only warns."""
    choices = {
        "method": scheme.methods,
        "instrument": scheme.instruments,
        "kit": scheme.kits,
        "status": tuple(STATUS.say(language).split(", ")),
    }
    last = len(rows) + SPARE
    place = 0
    for name, some in choices.items():
        place = _choice(sheet, lists, place, some, (1, last), name)
    units = {one.name: units_of(scheme, one.name) for one in scheme.analytes}
    for line, row in enumerate(rows, 1):
        sheet.data_validation(
            line,
            3 + FILLED.index("unit"),
            line,
            3 + FILLED.index("unit"),
            {"validate": "list", "source": list(units[row["analyte"]])},
        )


def _choice(sheet: Any, lists: Any, place: int, some: tuple[str, ...], lines: tuple[int, int], name: str) -> int:
    if not some:
        return place
    for n, text in enumerate(some):
        lists.write_string(n, place, text)
    letter = chr(ord("A") + place)
    column = len(LOCKED) + FILLED.index(name)
    rule = {"validate": "list", "source": f"=lists!${letter}$1:${letter}${len(some)}", "error_type": "warning"}
    sheet.data_validation(lines[0], column, lines[1], column, rule)
    return place + 1


def units_of(scheme: Scheme, analyte: str) -> tuple[str, ...]:
    """The scheme's unit of an analyte and every common one that a molar mass or a stated factor connects to it."""
    found = scheme.analyte(analyte)
    own = "" if found is None else found.unit
    if not own:
        return ("",)
    stated = [have for name, have, want in scheme.factors if name in ("", analyte) and want == own]
    others = [one for one in (*COMMON_UNITS, *stated) if scheme.catalogue.factor(analyte, one, own) is not None]
    return tuple(dict.fromkeys((own, *others)))[:12]


def _about(book: Any, about: Any, scheme: Scheme, laboratory: str, language: Language) -> None:
    bold = book.add_format({"bold": True})
    lines = [
        Words(f"{scheme.name.en}, round {scheme.round}", f"{scheme.name.zh}，{scheme.round} 轮"),
        Words(f"laboratory {laboratory}", f"实验室 {laboratory}"),
        Words(f"return by {scheme.due}", f"回报截止：{scheme.due}") if scheme.due else Words("", ""),
        Words(f"organiser: {scheme.organiser}", f"组织者：{scheme.organiser}") if scheme.organiser else Words("", ""),
        Words("Fill in the coloured cells. The grey ones are fixed.", "请填写浅黄色单元格；灰色单元格不可改。"),
        Words("A result below or above the range: <0.5 or >100.", "超出测量范围的结果写成 <0.5 或 >100。"),
        Words("Choose the unit that your analyser reports; it is converted.", "请选择仪器实际报告的单位，系统会换算。"),
        Words(
            "Leave no result empty without a status; an empty one counts as not returned.",
            "没有结果时请填状态；空白按未回报计。",
        ),
        Words("A second analyser: use the free rows below, with its name.", "第二台仪器请用下方空行填写，并写明仪器。"),
        Words(f"protocol {scheme.sha256[:16]}", f"方案哈希 {scheme.sha256[:16]}"),
    ]
    for n, words in enumerate(lines):
        about.write_string(n, 0, words.say(language), bold if n == 0 else None)
    about.set_column(0, 0, 80)
    about.protect()
