"""What laboratories send: every faulty row is answered by its number, in both languages, and none is lost."""

import io
import zipfile

import pytest

from photopeak.immunoassay.results_table import problem_remarks, read_results
from photopeak.immunoassay.units import factor, per_litre, spelled
from photopeak.table import TableError, read_table


def read(table, header, rows):
    return read_results(table(header, rows))


@pytest.mark.parametrize(
    ("row", "code"),
    [
        (["A", "five", ""], "row_not_a_number"),
        (["A", "=HYPERLINK(1)", ""], "row_formula"),
        (["A", "+cmd|' /C calc'!A0", ""], "row_formula"),
        (["", "5", ""], "row_without_laboratory"),
        (["A", "5", "maybe"], "row_status"),
    ],
)
def test_a_faulty_row_is_named_by_its_line(table, row, code):
    found = read(table, "laboratory,value,status", [["Z", "4", ""], row])
    assert [(one.line, one.code) for one in found.problems] == [(3, code)]
    assert found.problems[0].words.en.startswith("row 3")
    assert found.problems[0].words.zh.startswith("第 3 行")


@pytest.mark.parametrize("text", ["<0.5", "＜0.5", "≤0.5", "< 0.5"])
def test_a_result_below_a_limit_is_read_as_one(table, text):
    one = read(table, "laboratory,value", [["A", text]]).results[0]
    assert (str(one.value), one.sign) == ("0.5", "<")


def test_full_width_digits_and_thousands_separators_are_numbers(table):
    values = [one.value for one in read(table, "laboratory,value", [["A", "１２．５"], ["B", "1,234.5"]]).results]
    assert [float(value) for value in values] == [12.5, 1234.5]


def test_the_same_row_twice_counts_once_and_two_different_ones_count_neither_time(table):
    found = read(table, "laboratory,value", [["A", 5], ["A", 5], ["B", 5], ["B", 6], ["C", 7]])
    assert [one.laboratory for one in found.results if one.counts] == ["A", "C"]
    assert [one.code for one in found.problems] == ["row_duplicate", "row_duplicate"]
    assert len(found.results) == 4


def test_one_laboratory_with_two_analysers_is_no_duplicate(table):
    found = read(table, "laboratory,instrument,value", [["A", "X", 5], ["A", "Y", 6]])
    assert found.problems == ()


def test_units_are_brought_to_the_commonest_and_an_unconnected_one_is_not_used(table):
    rows = [["A", "FT4", 12, "pmol/L"], ["B", "FT4", 13, "pmol/L"], ["C", "FT4", 1, "ng/dL"], ["D", "FT4", 9, "IU/L"]]
    found = read(table, "laboratory,analyte,value,unit", rows)
    assert float(found.results[2].value) == pytest.approx(12.872, rel=1e-4)
    assert found.results[3].state == "unit"
    assert [one.code for one in found.problems] == ["row_converted", "row_unit"]


@pytest.mark.parametrize(
    ("have", "want", "expected"),
    [
        ("ng/mL", "ug/L", 1),
        ("ng/mL", "μg/L", 1),
        ("ng/dL", "ng/mL", 0.01),
        ("mIU/mL", "IU/L", 1),
        ("uIU/mL", "mU/L", 1),
        ("ng/mL", "nmol/L", 1000 / 288.431),
        ("nmol/L", "ng/dL", 28.8431),
    ],
)
def test_units_are_converted_by_powers_of_ten_or_the_molar_mass(have, want, expected):
    assert float(factor("testosterone", have, want)) == pytest.approx(expected, rel=1e-9)


def test_insulin_in_international_units_is_not_guessed():
    assert factor("insulin", "mIU/L", "pmol/L") is None
    assert factor("insulin", "mIU/L", "pmol/L", {("m[IU]/L", "pmol/L"): 6}) == 6
    assert (spelled("μIU/ml"), per_litre("ng/mL")) == ("u[IU]/mL", "ug/L")


def test_chinese_headers_and_gb18030_are_read():
    text = "实验室编号,结果,项目,单位\n一院,５.2,促甲状腺激素,mIU/L\n".encode("gb18030")
    table = read_table(text, "回报.csv")
    assert table.columns == ("laboratory", "value", "analyte", "unit")


def test_a_hundred_thousand_rows_are_read_and_every_faulty_one_is_counted(table):
    rows = [[f"L{n}", "x" if n % 1000 == 0 else n % 97 + 1] for n in range(100_000)]
    found = read(table, "laboratory,value", rows)
    assert len(found.results) == 100_000
    assert len(found.problems) == 100
    remarks = problem_remarks(found.problems)
    assert len(remarks) == 21
    assert "80 more rows" in remarks[-1].words.en


def test_a_workbook_that_unpacks_to_far_more_than_it_weighs_is_refused():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 80 * 2**20)
    with pytest.raises(TableError) as error:
        read_table(packed.getvalue(), "bomb.xlsx")
    assert error.value.code == "too_large"
