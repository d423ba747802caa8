"""Tables from laboratories: encodings, header names, numbers as people write them, and files that are no tables."""

import io
import zipfile

import openpyxl
import pytest

from photopeak.table import TableError, censored, column_name, number, read_table


def test_utf8_and_gb18030_read_the_same():
    text = "实验室,结果,备注\nA,1.5,好\nB,<0.5,\n"
    first, second = (read_table(text.encode(encoding), "t.csv") for encoding in ("utf-8-sig", "gb18030"))
    assert first == second
    assert first.columns == ("laboratory", "value", "备注")
    assert first.column("value") == ["1.5", "<0.5"]
    assert first.lines == (2, 3)


def test_the_first_sheet_of_a_workbook_reads_as_the_csv_does(tmp_path):
    book = openpyxl.Workbook()
    for row in (["laboratory", "value"], ["A", 1.5], [None, None], ["B", 2]):
        book.active.append(row)
    packed = io.BytesIO()
    book.save(packed)
    table = read_table(packed.getvalue(), "t.xlsx")
    assert [dict(row) for row in table.rows] == [{"laboratory": "A", "value": "1.5"}, {"laboratory": "B", "value": "2"}]
    assert table.lines == (2, 4)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1.5", 1.5), ("１．５", 1.5), ("1,234.5", 1234.5), ("−3", -3.0), ("", None), ("n.d.", None), ("1e400", None)],
)
def test_numbers_are_read_as_people_write_them(text, value):
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "expected"), [("<0.5", (0.5, "<")), ("＞100", (100.0, ">")), ("≤ 2", (2.0, "<")), ("7", (7.0, "")), ("?", None)]
)
def test_a_censored_result_keeps_its_sign(text, expected):
    assert censored(text) == expected


def test_a_header_is_known_by_its_chinese_name_and_by_its_identifier():
    assert column_name(" 实验室编号 ") == "laboratory"
    assert column_name("Background Counts") == "background_counts"


def bomb() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (80 * 2**20))
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "empty_table"),
        (b"laboratory,value\n", "empty_table"),
        (b"a,a\n1,2\n", "not_a_table"),
        (b"\x00\x01binary", "not_a_table"),
        (b"PK\x03\x04 damaged", "not_a_table"),
        (b"laboratory,value\n\xff\xff\xff", "not_a_table"),
        (bomb(), "too_large"),
    ],
)
def test_what_is_no_table_is_refused_in_both_languages(content, code):
    with pytest.raises(TableError) as refused:
        read_table(content, "results.csv")
    assert refused.value.code == code
    assert "results.csv" in refused.value.words.en
    assert "results.csv" in refused.value.words.zh
