"""What the laboratories sent back, file by file, against the scheme: one table of all rows, and a sentence for every row at fault.

No row is lost: each is in the merged table, or named in the list of problems, or both.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from photopeak.immunoassay.results_table import STATES, laboratory_column
from photopeak.immunoassay.scheme import Scheme
from photopeak.table import Table, TableError, censored, number, read_table
from photopeak.words import Words

COLUMNS = ("laboratory", "analyte", "sample", "value", "unit", "method", "instrument", "kit", "lot", "uncertainty", "status")
NAMED = 8  #: laboratories named in one sentence
TRACED = (*COLUMNS, "file", "row")
LISTS = {
    "method": Words("method", "方法"),
    "instrument": Words("instrument", "仪器"),
    "kit": Words("kit", "试剂"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One fault of one row (0: of the whole file)."""

    file: str
    row: int
    code: str
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """Every row by its columns, with `file` and `row`; `problems` in the order of files and rows; who returned nothing."""

    rows: tuple[Mapping[str, str], ...]
    problems: tuple[Problem, ...]
    silent: tuple[str, ...]

    def as_csv(self) -> str:
        return _csv([TRACED, *([safe(row.get(name, "")) for name in TRACED] for row in self.rows)])

    def problems_as_csv(self) -> str:
        lines = ([one.file, str(one.row or ""), one.code, one.words.zh, one.words.en] for one in self.problems)
        return _csv([("file", "row", "code", "zh", "en"), *([safe(cell) for cell in line] for line in lines)])


def safe(cell: str) -> str:
    """A cell that a spreadsheet does not take for a formula."""
    return "'" + cell if cell[:1] in "=+-@\t\r" and cell and number(cell) is None else cell


def _csv(lines: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(lines)
    return text.getvalue()


def gather_returns(files: Iterable[tuple[str, bytes]], scheme: Scheme) -> Returns:
    """Read every file (name, content); one that is no table is one problem, the others go on."""
    rows: list[Mapping[str, str]] = []
    problems: list[Problem] = []
    unread: list[str] = []
    for name, content in files:
        try:
            table = read_table(content, name)
        except TableError as error:
            problems.append(Problem(file=name, row=0, code=error.code, words=error.words))
            unread.append(name)
            continue
        rows += _of_file(table, name, scheme, problems)
        if problems and (problems[-1].file, problems[-1].code) == (name, "missing_columns"):
            unread.append(name)
    problems += _repeated(rows)
    heard = {row["laboratory"] for row in rows}
    rows += _missing(rows, scheme, problems)
    silent = tuple(one for one in scheme.laboratories if one not in heard)
    for one in silent:
        words = Words(f"{one} returned nothing; counts as not acceptable", f"{one} 未回报任何结果，按不合格计")
        if unread:
            words = Words(
                f"nothing of {one} could be read and it counts as not acceptable, unless it is in a file that failed: {', '.join(unread)}",
                f"未读到 {one} 的任何结果，按不合格计；请先确认其是否在未能读取的文件中：{'、'.join(unread)}",
            )
        problems.append(Problem(file="", row=0, code="not_returned", words=words))
    return Returns(rows=tuple(rows), problems=tuple(problems), silent=silent)


def _of_file(table: Table, name: str, scheme: Scheme, problems: list[Problem]) -> list[Mapping[str, str]]:
    column = laboratory_column(table)
    lacking = [
        one for one in ("laboratory", "analyte", "value") if one not in table.columns and not (one == "laboratory" and column)
    ]
    if lacking:
        words = Words(
            f"{name}: {'the column' if len(lacking) == 1 else 'the columns'} {', '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} missing; it has {', '.join(table.columns)}. Use the template",
            f"{name}：缺少列 {'、'.join(lacking)}；现有列：{'、'.join(table.columns)}。请使用模板。",
        )
        problems.append(Problem(file=name, row=0, code="missing_columns", words=words))
        return []
    found: list[Mapping[str, str]] = []
    for row, line in zip(table.rows, table.lines):
        kept = {one: row.get(one, "") for one in COLUMNS} | {"laboratory": row.get(column or "", "")}
        if not any(kept[one] for one in ("laboratory", "value", "lot", "status")):
            continue
        kept = _named(kept, scheme) | {"file": name, "row": str(line)}
        problems += [Problem(file=name, row=line, code=code, words=_at(line, words)) for code, words in _faults(kept, scheme)]
        found.append(kept)
    laboratories = sorted({row["laboratory"] for row in found if row["laboratory"]})
    if len(laboratories) > 1:
        more = len(laboratories) - NAMED
        shown = ", ".join(laboratories[:NAMED]) + (f" (+{more})" if more > 0 else "")
        words = Words(f"{name}: rows of several laboratories ({shown})", f"{name}：含多个实验室的行（{shown}）")
        problems.append(Problem(file=name, row=0, code="several_laboratories", words=words))
    return found


def _repeated(rows: Iterable[Mapping[str, str]]) -> list[Problem]:
    """Results of one laboratory, analyser and sample that stand in several rows or files."""
    first: dict[tuple[str, ...], Mapping[str, str]] = {}
    found = []
    for row in rows:
        key = tuple(row[name] for name in ("laboratory", "instrument", "analyte", "sample"))
        before = first.setdefault(key, row)
        if before is row or not row["value"]:
            continue
        what, place = " ".join(part for part in key if part), f"{before['file']} {before['row']}"
        if (row["value"], row["unit"]) == (before["value"], before["unit"]):
            words = Words(f"repeats {place} ({what}); counted once", f"与 {place} 行重复（{what}），只计一次")
        else:
            words = Words(
                f"another result for {what} than {place}; neither is used, ask the laboratory which one holds",
                f"与 {place} 行（{what}）结果不同，两行均不使用，请向实验室核实",
            )
        found.append(Problem(file=row["file"], row=int(row["row"]), code="row_duplicate", words=_at(int(row["row"]), words)))
    return found


def _at(line: int, words: Words) -> Words:
    return Words(f"row {line}: {words.en}", f"第 {line} 行：{words.zh}")


def _named(row: dict[str, str], scheme: Scheme) -> dict[str, str]:
    found = scheme.analyte(row["analyte"])
    return row if found is None else row | {"analyte": found.name}


def _faults(row: Mapping[str, str], scheme: Scheme) -> list[tuple[str, Words]]:
    """Everything that is wrong with one row, not only the first thing."""
    faults: list[tuple[str, Words]] = []
    if not row["laboratory"]:
        faults.append(("row_without_laboratory", Words("no laboratory is named", "未填写实验室")))
    elif scheme.laboratories and row["laboratory"] not in scheme.laboratories:
        faults.append(
            (
                "unknown_laboratory",
                Words(f"{row['laboratory']} does not take part in this round", f"{row['laboratory']} 未参加本轮"),
            )
        )
    analyte = scheme.analyte(row["analyte"])
    if analyte is None:
        known = ", ".join(one.name for one in scheme.analytes)
        faults.append(
            (
                "unknown_analyte",
                Words(f"{row['analyte']!r} is not in this round: {known}", f"“{row['analyte']}”不在本轮项目中：{known}"),
            )
        )
    elif row["sample"] and scheme.samples and row["sample"] not in scheme.samples:
        known = ", ".join(scheme.samples)
        faults.append(
            ("unknown_sample", Words(f"there is no sample {row['sample']!r}: {known}", f"没有样品“{row['sample']}”：{known}"))
        )
    return [*faults, *_value_faults(row), *_unit_faults(row, scheme), *_list_faults(row, scheme)]


def _value_faults(row: Mapping[str, str]) -> list[tuple[str, Words]]:
    text, faults = row["value"], []
    if (text and text[:1] in "=@") or text[:2] == "+=":
        faults.append(
            ("row_formula", Words("the cell holds a formula; type the result itself", "单元格内是公式，请直接填写结果"))
        )
    elif text and censored(text) is None:
        shown = text[:30]
        faults.append(
            (
                "row_not_a_number",
                Words(f"{shown!r} is not a number; write 5.2, <0.5 or >100", f"“{shown}”不是数字，请写成 5.2、<0.5 或 >100"),
            )
        )
    if STATES.get(row["status"].strip().lower()) is None:
        faults.append(("row_status", Words(f"the status {row['status']!r} is not known", f"状态“{row['status']}”无法识别")))
    if row["uncertainty"] and number(row["uncertainty"]) is None:
        faults.append(("row_uncertainty", Words("the uncertainty is not a number", "不确定度不是数字")))
    return faults


def _unit_faults(row: Mapping[str, str], scheme: Scheme) -> list[tuple[str, Words]]:
    analyte = scheme.analyte(row["analyte"])
    if analyte is None or not analyte.unit or not row["value"]:
        return []
    if not row["unit"]:
        words = Words(f"no unit; it is taken as {analyte.unit}", f"未填单位，按 {analyte.unit} 处理")
        return [("row_without_unit", words)]
    if scheme.catalogue.factor(analyte.name, row["unit"], analyte.unit) is None:
        words = Words(
            f"{row['unit']} cannot be converted to {analyte.unit}; the round states no factor and none is guessed",
            f"{row['unit']} 无法换算为 {analyte.unit}：本轮未声明换算系数，系统不作猜测",
        )
        return [("row_unit", words)]
    return []


def _list_faults(row: Mapping[str, str], scheme: Scheme) -> list[tuple[str, Words]]:
    lists = {"method": scheme.methods, "instrument": scheme.instruments, "kit": scheme.kits}
    return [
        (
            f"unlisted_{name}",
            Words(
                f"the {words.en} {row[name]!r} is not in the list; it is kept as written",
                f"{words.zh}“{row[name]}”不在列表中，按原样保留",
            ),
        )
        for name, words in LISTS.items()
        if row[name] and lists[name] and row[name] not in lists[name]
    ]


def _missing(rows: Iterable[Mapping[str, str]], scheme: Scheme, problems: list[Problem]) -> list[Mapping[str, str]]:
    """A row without a value for everything that a laboratory of the round did not send at all."""
    sent = {(row["laboratory"], row["analyte"], row["sample"]) for row in rows}
    added: list[Mapping[str, str]] = []
    for laboratory in scheme.laboratories:
        for analyte in scheme.analytes:
            for sample in scheme.samples_of(analyte.name):
                if (laboratory, analyte.name, sample) not in sent:
                    named = {"laboratory": laboratory, "analyte": analyte.name, "sample": sample, "status": "not_returned"}
                    added.append({name: named.get(name, "") for name in TRACED})
    heard = {row["laboratory"] for row in rows}
    for row in added:
        if row["laboratory"] in heard:
            what = f"{row['laboratory']} {row['analyte']} {row['sample']}".strip()
            words = Words(f"{what} was not returned; counts as not acceptable", f"{what} 未回报，按不合格计")
            problems.append(Problem(file="", row=0, code="not_returned", words=words))
    return added
