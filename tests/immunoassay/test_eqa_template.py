"""The workbook a laboratory fills in, and what comes back: locked cells, lists, every faulty row named, none lost."""

import io
import zipfile

import openpyxl
import pytest

from photopeak.immunoassay.eqa_returns import gather_returns, safe
from photopeak.immunoassay.eqa_template import template, units_of
from photopeak.immunoassay.scheme import parse_scheme
from photopeak.table import read_table

SCHEME = """
method = ["CLIA", "RIA"]
kit = ["K1"]

[scheme]
name = "Thyroid"
name_zh = "甲状腺激素"
round = "2026-1"
due = "2026-04-10"

[allowable]
kind = "percent"
percent = 25

[[analyte]]
name = "FT4"
names = ["游离甲状腺素"]
unit = "pmol/L"

[[analyte]]
name = "insulin"
unit = "pmol/L"

[[sample]]
name = "S1"

[[sample]]
name = "S2"
analyte = "FT4"

[[laboratory]]
code = "L01"
analysers = ["X1", "Y2"]

[[laboratory]]
code = "L02"
"""


@pytest.fixture
def scheme():
    return parse_scheme(SCHEME)


def opened(content):
    return openpyxl.load_workbook(io.BytesIO(content))


def filled(content, cells):
    """The workbook with cells typed in by (row, column name as shown)."""
    book = opened(content)
    sheet = book.worksheets[0]
    columns = {cell.value: cell.column for cell in sheet[1]}
    for (row, name), value in cells.items():
        sheet.cell(row, columns[name]).value = value
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def test_a_row_stands_for_every_analyte_sample_and_analyser(scheme):
    table = read_table(template(scheme, "L01", "zh"), "L01.xlsx")
    rows = [(row["analyte"], row["sample"], row["instrument"]) for row in table.rows]
    own = [("FT4", "S1"), ("FT4", "S2"), ("insulin", "S1")]
    assert rows == [(*one, analyser) for analyser in ("X1", "Y2") for one in own]
    assert {row["laboratory"] for row in table.rows} == {"L01"}


@pytest.mark.parametrize(
    ("language", "headers"), [("zh", ["实验室", "项目", "样品", "结果"]), ("en", ["laboratory", "analyte"])]
)
def test_what_identifies_a_result_is_locked_and_what_is_typed_is_not(scheme, language, headers):
    sheet = opened(template(scheme, "L01", language)).worksheets[0]
    assert [cell.value for cell in sheet[1]][: len(headers)] == headers
    assert sheet.protection.sheet
    assert [cell.protection.locked for cell in sheet[2]] == [True] * 3 + [False] * 8


def test_units_methods_kits_and_states_are_offered_in_lists(scheme):
    book = opened(template(scheme, "L02", "en"))
    rules = [rule.formula1 for rule in book.worksheets[0].data_validations.dataValidation]
    assert sum("lists!" in rule for rule in rules) == 3
    assert book["lists"].sheet_state == "hidden"
    assert [cell.value for cell in book["lists"]["A"]][:2] == ["CLIA", "RIA"]
    assert "ng/dL" in units_of(scheme, "FT4")
    assert "m[IU]/L" not in units_of(scheme, "insulin")


def test_a_filled_template_comes_back_row_by_row(scheme):
    one = filled(
        template(scheme, "L01", "zh"), {(2, "结果"): "12.1", (3, "结果"): 15.5, (4, "结果"): "<20", (2, "方法"): "CLIA"}
    )
    two = filled(template(scheme, "L02", "en"), {(2, "value"): "0.95", (2, "unit"): "ng/dL"})
    found = gather_returns([("L01.xlsx", one), ("L02.xlsx", two)], scheme)
    values = {(row["laboratory"], row["analyte"], row["sample"], row["instrument"]): row["value"] for row in found.rows}
    assert values[("L01", "FT4", "S2", "X1")] == "15.5"
    assert values[("L01", "insulin", "S1", "X1")] == "<20"
    assert values[("L02", "FT4", "S1", "")] == "0.95"
    assert found.problems == ()
    assert len(found.rows) == 6 + 3
    assert read_table(found.as_csv().encode("utf-8"), "all.csv").lines[-1] == 10


def csv_of(*lines):
    return "\r\n".join(["laboratory,analyte,sample,value,unit,status", *lines]).encode("utf-8")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("L01,FT4,S1,abc,pmol/L,", "row_not_a_number"),
        ("L01,FT4,S1,=1+1,pmol/L,", "row_formula"),
        ("L01,FT4,S1,12,mIU/L,", "row_unit"),
        ("L01,insulin,S1,10,mIU/L,", "row_unit"),
        ("L01,FT4,S1,12,,", "row_without_unit"),
        ("L01,FT9,S1,12,pmol/L,", "unknown_analyte"),
        ("L01,FT4,S9,12,pmol/L,", "unknown_sample"),
        ("L99,FT4,S1,12,pmol/L,", "unknown_laboratory"),
        (",FT4,S1,12,pmol/L,", "row_without_laboratory"),
        ("L01,FT4,S1,12,pmol/L,perhaps", "row_status"),
    ],
)
def test_every_fault_of_a_row_is_named_with_file_and_row_in_both_languages_and_the_row_is_kept(scheme, line, code):
    found = gather_returns([("back.csv", csv_of(line))], scheme)
    problem = next(one for one in found.problems if one.code == code)
    assert (problem.file, problem.row) == ("back.csv", 2)
    assert problem.words.en.startswith("row 2: ")
    assert problem.words.zh.startswith("第 2 行：")
    assert found.rows[0]["row"] == "2"


def test_several_faults_of_one_row_are_all_named(scheme):
    found = gather_returns([("back.csv", csv_of("L99,FT9,S1,abc,pmol/L,perhaps"))], scheme)
    assert {one.code for one in found.problems if one.row} == {
        "unknown_laboratory",
        "unknown_analyte",
        "row_not_a_number",
        "row_status",
    }


def test_what_was_not_sent_is_a_row_of_its_own_and_a_silent_laboratory_is_named(scheme):
    found = gather_returns([("back.csv", csv_of("L01,FT4,S1,12,pmol/L,"))], scheme)
    assert found.silent == ("L02",)
    assert sum(row["status"] == "not_returned" for row in found.rows) == 2 + 3
    assert sum(one.code == "not_returned" for one in found.problems) == 2 + 1


def test_files_that_are_no_tables_are_named_and_hide_nothing(scheme):
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (80 * 2**20))
    lacking = b"laboratory,result\nL01,5\n"
    gb = "实验室,项目,样品,结果,单位\nL02,游离甲状腺素,S1,13.5,pmol/L\n".encode("gb18030")
    files = [("bomb.xlsx", bomb.getvalue()), ("noise.csv", b"\x00\x01"), ("lacking.csv", lacking), ("gb.csv", gb)]
    found = gather_returns(files, scheme)
    assert {one.file: one.code for one in found.problems if one.file} == {
        "bomb.xlsx": "too_large",
        "noise.csv": "not_a_table",
        "lacking.csv": "missing_columns",
    }
    row = next(row for row in found.rows if row["file"] == "gb.csv")
    assert (row["analyte"], row["value"]) == ("FT4", "13.5")


def test_a_sheet_that_declares_a_million_rows_is_read_as_what_it_is(scheme):
    content = io.BytesIO(filled(template(scheme, "L02", "en"), {(2, "value"): "12"}))
    out = io.BytesIO()
    with zipfile.ZipFile(content) as source, zipfile.ZipFile(out, "w") as target:
        for entry in source.namelist():
            data = source.read(entry)
            if entry == "xl/worksheets/sheet1.xml":
                data = data.replace(b'<dimension ref="A1:K44" />', b'<dimension ref="A1:XFD1048576"/>')
                data = data.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
            target.writestr(entry, data)
    found = gather_returns([("L02.xlsx", out.getvalue())], scheme)
    assert [row["value"] for row in found.rows if row["file"]][:1] == ["12"]


def test_a_cell_that_would_be_a_formula_in_the_merged_table_is_not_one(scheme):
    assert [safe(text) for text in ("=1+1", "-5.2", "@x", "CLIA")] == ["'=1+1", "-5.2", "'@x", "CLIA"]
    found = gather_returns([("back.csv", csv_of('L01,FT4,S1,"=HYPERLINK(""x"")",pmol/L,'))], scheme)
    assert ",'=" in found.as_csv() or ",\"'=" in found.as_csv()
    assert "formula" in found.problems_as_csv()


def test_results_that_stand_twice_are_told_across_files_and_both_are_kept(scheme):
    first, second = (
        csv_of("L01,FT4,S1,12,pmol/L,", "L01,FT4,S2,30,pmol/L,"),
        csv_of("L01,FT4,S1,12,pmol/L,", "L01,FT4,S2,31,pmol/L,"),
    )
    found = gather_returns([("a.csv", first), ("b.csv", second)], scheme)
    said = [one.words for one in found.problems if one.code == "row_duplicate"]
    assert [words.en.split(" (")[0] for words in said] == [
        "row 2: repeats a.csv 2",
        "row 3: another result for L01 FT4 S2 than a.csv 3; neither is used, ask the laboratory which one holds",
    ]
    assert all(words.zh.startswith("第 ") for words in said)
    assert sum(bool(row["value"]) for row in found.rows) == 4


def test_a_silent_laboratory_may_be_in_a_file_that_could_not_be_read(scheme):
    found = gather_returns([("L02.csv", b"laboratory,result\nL02,5\n")], scheme)
    words = next(one.words for one in found.problems if one.code == "not_returned" and "L02" in one.words.en)
    assert "L02.csv" in words.en
    assert "L02.csv" in words.zh
