"""A table a laboratory or a ward sends: CSV (UTF-8 or GB18030) or the first sheet of an XLSX, header first, cells as text."""

from __future__ import annotations

import csv
import datetime
import io
import tomllib
import unicodedata
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import PurePath
from typing import Any

from photopeak.evidence import Evidence, EvidenceFile
from photopeak.words import Words

LARGEST_SHEET_BYTES = 64 * 2**20  # unpacked; a results table is a few hundred kB
LARGEST_TABLE_ROWS = 200_000
WIDEST_TABLE = 200  # columns beyond are not looked at


class TableError(Exception):
    """The file is not a table that can be read; `code` as in the unread list."""

    def __init__(self, code: str, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.code = code
        self.words = Words(en, zh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text by column name, in file order. `lines` are the row numbers a person sees in the file (header = 1)."""

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, str], ...]
    lines: tuple[int, ...]

    def has(self, *columns: str) -> bool:
        return all(column in self.columns for column in columns)

    def column(self, name: str) -> list[str]:
        """The cells of a column; empty text where the column or the cell is missing."""
        return [row.get(name, "") for row in self.rows]


def number(text: str) -> float | None:
    """The number in a cell, or None: full-width digits, thousands separators and a Unicode minus are understood."""
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2009", "").replace(" ", "")
    if (
        plain.count(",")
        and "." not in plain.split(",")[0]
        and all(len(part.split(".")[0]) == 3 for part in plain.split(",")[1:])
    ):
        plain = plain.replace(",", "")
    try:
        value = float(plain)
    except ValueError:
        return None
    return value if abs(value) < float("inf") else None


def censored(text: str) -> tuple[float, str] | None:
    """A result cell as (number, sign): sign "<" or ">" for a censored value, "" for a plain one; None where it is no number."""
    plain = unicodedata.normalize("NFKC", text).strip()
    sign = plain[:1] if plain[:1] in "<>≤≥" and plain else ""
    value = number(plain[len(sign) :].lstrip("="))
    return None if value is None else (value, {"≤": "<", "≥": ">"}.get(sign, sign))


def read_table(content: bytes, name: str) -> Table:
    """Read a CSV or XLSX from its bytes; `name` is for the messages only. Chinese header names become their identifiers."""
    if content[:4] == b"PK\x03\x04":
        return _table(_xlsx_cells(content, name), name)
    return _table(_csv_cells(content, name), name)


def names_a_table(name: str) -> bool:
    """Whether a file is called as tables are: .csv, .tsv, .xlsx."""
    return name.lower().endswith((".csv", ".tsv", ".xlsx"))


def table_evidence(content: bytes, file: EvidenceFile) -> Evidence:
    """The table in a file as evidence of its own."""
    table = read_table(content, PurePath(file.path).name)
    return Evidence(kind="table", files=(file,), sha256=file.sha256, images=table)


def _csv_cells(content: bytes, name: str) -> list[list[str]]:
    if b"\x00" in content[:4096]:
        raise TableError(
            "not_a_table", en=f"{name}: binary data, not a CSV table", zh=f"{name}：内容为二进制数据，不是 CSV 表格。"
        )
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise TableError(
            "not_a_table",
            en=f"{name}: neither UTF-8 nor GB18030; save it again as CSV UTF-8",
            zh=f"{name}：编码既不是 UTF-8 也不是 GB18030，请另存为 CSV UTF-8。",
        )
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)]
    except csv.Error as error:
        raise TableError(
            "not_a_table", en=f"{name}: not a CSV table ({error})", zh=f"{name}：不是 CSV 表格（{error}）。"
        ) from error


def _xlsx_cells(content: bytes, name: str) -> list[list[str]]:
    import openpyxl

    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        if unpacked > LARGEST_SHEET_BYTES:
            raise TableError(
                "too_large",
                en=f"{name}: unpacks to {unpacked / 2**20:.0f} MB; a results table is far smaller",
                zh=f"{name}：解压后达 {unpacked / 2**20:.0f} MB，超出结果表的合理大小。",
            )
        book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # a sheet may declare a size that is not its own
        cells = []
        for row in sheet.iter_rows(values_only=True, max_col=WIDEST_TABLE, max_row=LARGEST_TABLE_ROWS + 1):
            filled = len(row) - next((n for n, value in enumerate(reversed(row)) if value is not None), len(row))
            cells.append([_cell(value) for value in row[:filled]])
        while cells and not cells[-1]:
            cells.pop()
        return cells
    except TableError:
        raise
    except Exception as error:  # openpyxl raises whatever its parts raise on a damaged workbook
        raise TableError(
            "not_a_table",
            en=f"{name}: the workbook cannot be read ({type(error).__name__}); open it in Excel and save it again",
            zh=f"{name}：无法读取工作簿（{type(error).__name__}），请用 Excel 打开后重新保存。",
        ) from error


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        return value.date().isoformat()
    if isinstance(value, (datetime.datetime, datetime.date)):
        return value.isoformat()
    return str(value)


def _table(cells: list[list[str]], name: str) -> Table:
    if len(cells) > LARGEST_TABLE_ROWS:
        raise TableError(
            "too_large", en=f"{name}: {len(cells)} rows are too many", zh=f"{name}：共 {len(cells)} 行，行数过多。"
        )
    filled = [(line, row) for line, row in enumerate(cells, 1) if any(cell.strip() for cell in row)]
    if len(filled) < 2:
        raise TableError(
            "empty_table",
            en=f"{name}: no rows under a header; the first row must name the columns",
            zh=f"{name}：表头下没有数据；第一行须为列名。",
        )
    header = [column_name(cell) for cell in filled[0][1]]
    doubled = sorted({one for one in header if one and header.count(one) > 1})
    if doubled:
        raise TableError(
            "not_a_table",
            en=f"{name}: the column {doubled[0]} stands twice; keep one",
            zh=f"{name}：列“{doubled[0]}”出现两次，请保留一列。",
        )
    rows = tuple({key: cell.strip() for key, cell in zip(header, row) if key} for _, row in filled[1:])
    return Table(columns=tuple(one for one in header if one), rows=rows, lines=tuple(line for line, _ in filled[1:]))


def column_name(header: str) -> str:
    """The identifier of a header cell: Chinese names by columns.toml, else lower case with underscores."""
    plain = unicodedata.normalize("NFKC", header).strip()
    return _chinese_columns().get(plain, plain.lower().replace(" ", "_"))


@cache
def _chinese_columns() -> dict[str, str]:
    names = tomllib.loads((resources.files("photopeak") / "columns.toml").read_text("utf-8"))
    return {unicodedata.normalize("NFKC", zh): identifier for identifier, all_ in names.items() for zh in all_}
