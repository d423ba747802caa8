"""What laboratories report in one table: every row read or answered with a sentence, none lost (columns of docs/tables.md)."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from photopeak.evidence import Evidence
from photopeak.immunoassay.units import factor, spelled
from photopeak.procedure import Refused, Remark
from photopeak.table import Table, censored, number
from photopeak.words import Words

LABORATORY_COLUMNS = ("laboratory", "lab", "participant")
SAMPLE_COLUMNS = ("analyte", "sample")
SHOWN_PER_CODE = 20
USUAL_COVERAGE = 2.0
EXCUSED = {"excused": "excused", "免责": "excused", "说明": "excused"}
STATES = {"": "", "ok": "", "valid": "", "正常": "", "有效": "", "late": "late", "迟报": "late", "逾期": "late"}
STATES |= {"withdrawn": "withdrawn", "退出": "withdrawn", "technical": "technical", "technical problem": "technical"}
STATES |= {"技术问题": "technical", "仪器故障": "technical", "not returned": "not_returned", "not_returned": "not_returned"}
STATES |= {"未回报": "not_returned", "未上报": "not_returned", **EXCUSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """One result as a laboratory reported it. `sign` is "<" or ">" for a censored value; `state` "" counts in the statistics."""

    line: int
    laboratory: str
    analyte: str = ""
    sample: str = ""
    value: Decimal | None = None
    sign: str = ""
    unit: str = ""
    method: str = ""
    instrument: str = ""
    kit: str = ""
    lot: str = ""
    replicate: str = ""
    repeats: tuple[Decimal, ...] = ()  #: the results whose mean `value` is, where a laboratory gave several
    uncertainty: float | None = None  #: standard
    expanded: float | None = None
    state: str = ""

    @property
    def counts(self) -> bool:
        return self.state == "" and self.value is not None

    @property
    def place(self) -> tuple[str, str]:
        return self.analyte, self.sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a table states about one sample beside the results: a sealed target and the range accepted for it."""

    target: Decimal | None = None
    uncertainty: float | None = None
    lower: Decimal | None = None
    upper: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What a scheme says of the names and units of its analytes; the organiser owns them, not the laboratory.

    `names`: the scheme's name of an analyte by any name a laboratory may use; `units` by that name; `factors` by (analyte, have,
    want) for what no molar mass settles.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    factors: Mapping[tuple[str, str, str], Decimal] = field(default_factory=dict)

    def factor(self, analyte: str, have: str, want: str) -> Decimal | None:
        stated = {(a, b): by for (name, a, b), by in self.factors.items() if name in ("", analyte)}
        return factor(analyte, have, want, stated)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProblem:
    """One row that could not be used as it stands; `line` as a person sees it in the file."""

    line: int
    code: str
    words: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedTable:
    results: tuple[Reported, ...]
    problems: tuple[RowProblem, ...] = ()
    units: dict[tuple[str, str], str] = field(default_factory=dict)  #: unit of each (analyte, sample)
    declared: dict[tuple[str, str], Declared] = field(default_factory=dict)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        return problem_remarks(self.problems)


def table_of(evidence: Evidence) -> Table:
    """The table of an evidence; anything else is refused."""
    if not isinstance(evidence.images, Table):
        raise Refused(
            "not_a_table",
            en=f"{evidence.name} is not a table; a CSV or XLSX file with a header row is needed",
            zh=f"{evidence.name} 不是表格，需要带表头的 CSV 或 XLSX 文件。",
        )
    return evidence.images


def laboratory_column(table: Table) -> str | None:
    return next((name for name in LABORATORY_COLUMNS if name in table.columns), None)


def missing_words(names: Sequence[str]) -> Words:
    en = f"the column {names[0]} is missing" if len(names) == 1 else f"the columns {', '.join(names)} are missing"
    return Words(en, f"缺少列 {'、'.join(names)}")


def accepts_results(evidence: Evidence) -> Words | None:
    """Yes to a table with a laboratory and a value in each row."""
    table = evidence.images
    if not isinstance(table, Table):
        return Words("not a table", "不是表格")
    if table.has("quantity", "place"):
        return Words("an answer sheet of an exercise", "演练答卷")
    lacking = [] if laboratory_column(table) else ["laboratory"]
    lacking += [] if table.has("value") else ["value"]
    if lacking:
        return missing_words(lacking)
    return None


def read_results(evidence: Evidence, *, replicates: bool = False, catalogue: Catalogue | None = None) -> ReportedTable:
    """Every row of the table; `replicates`: repeated rows of one laboratory are replicates, not duplicates.

    Under a `catalogue` analytes get its names and results its units.

    Refuses a table without the columns or without any number.
    """
    table = table_of(evidence)
    if (no := accepts_results(evidence)) is not None:
        raise Refused(
            "missing_columns",
            en=f"{evidence.name}: {no.en}; it has {', '.join(table.columns)}. Name the columns laboratory and value",
            zh=f"{evidence.name}：{no.zh}；现有列：{'、'.join(table.columns)}。请把列命名为 laboratory（实验室）和 value（结果）。",
        )
    column = laboratory_column(table) or ""
    problems: list[RowProblem] = []
    results = [_reported(row, line, column, problems) for row, line in zip(table.rows, table.lines)]
    catalogue = catalogue or Catalogue()
    named = catalogue.names
    known = [replace(one, analyte=named.get(one.analyte, one.analyte)) for one in results if one is not None]
    known = _without_duplicates(known, problems, replicates=replicates or table.has("replicate"))
    known, units = _in_one_unit(known, problems, catalogue)
    if not any(one.value is not None for one in known):
        raise Refused(
            "no_results",
            en=f"{evidence.name}: none of {len(table.rows)} rows holds a number in the column value; see the rows listed: "
            + "; ".join(one.words.en for one in problems[:3]),
            zh=f"{evidence.name}：{len(table.rows)} 行中没有一行的结果列是数字。例如："
            + "；".join(one.words.zh for one in problems[:3])
            + "。",
        )
    return ReportedTable(
        results=tuple(known),
        problems=tuple(sorted(problems, key=_line)),
        units=units,
        declared=_declared(table, problems, named),
    )


def _line(problem: RowProblem) -> int:
    return problem.line


def _reported(row: dict[str, str] | object, line: int, column: str, problems: list[RowProblem]) -> Reported | None:
    cells = row if isinstance(row, dict) else {}
    laboratory = cells.get(column, "")
    if not laboratory:
        problems.append(
            _problem(line, "row_without_laboratory", "no laboratory is named; the row is not used", "未填写实验室，该行未使用")
        )
        return None
    text = cells.get("value", "")
    state = _state(cells.get("status", ""), line, problems)
    value, sign = None, ""
    if text:
        found = censored(text)
        if found is None:
            problems.append(_not_a_number(line, laboratory, text))
            state = state or "unreadable"
        else:
            value, sign = _exact(text, found[0]), found[1]
    else:
        state = state or "not_returned"
    uncertainty, expanded = _uncertainties(cells, line, problems)
    return Reported(
        line=line,
        laboratory=laboratory,
        value=value,
        sign=sign,
        uncertainty=uncertainty,
        expanded=expanded,
        state=state,
        analyte=cells.get("analyte", ""),
        sample=cells.get("sample", ""),
        unit=cells.get("unit", ""),
        method=cells.get("method", ""),
        instrument=cells.get("instrument", ""),
        kit=cells.get("kit", ""),
        lot=cells.get("lot", ""),
        replicate=cells.get("replicate", ""),
    )


def _uncertainties(cells: Mapping[str, str], line: int, problems: list[RowProblem]) -> tuple[float | None, float | None]:
    """Standard and expanded uncertainty of a row: columns uncertainty (k = 1), expanded_uncertainty and k (2 where it is not said)."""
    given = [number(cells.get(name, "")) for name in ("uncertainty", "expanded_uncertainty", "k")]
    if any(one is not None and one < 0 for one in given):
        problems.append(
            _problem(line, "row_uncertainty", "a negative uncertainty is not used", "不确定度为负，未使用该不确定度")
        )
        return None, None
    uncertainty, expanded, k = given
    k = k or USUAL_COVERAGE
    if uncertainty is None and expanded is not None:
        uncertainty = expanded / k
    if expanded is None and uncertainty is not None:
        expanded = uncertainty * k
    return uncertainty, expanded


def _exact(text: str, value: float) -> Decimal:
    """The number as it was typed, so that a limit is met or missed in decimal arithmetic."""
    plain = unicodedata.normalize("NFKC", text).lstrip("<>≤≥= ").replace(",", "").replace(" ", "").replace("\u2212", "-")
    try:
        exact = Decimal(plain)
    except ArithmeticError:
        exact = Decimal(repr(value))
    return exact if float(exact) == value else Decimal(repr(value))


def _state(text: str, line: int, problems: list[RowProblem]) -> str:
    known = STATES.get(text.strip().lower())
    if known is None:
        problems.append(
            _problem(
                line,
                "row_status",
                f"the status {text!r} is not known; the result is shown but not used",
                f"状态“{text}”无法识别，该结果列出但不参与统计",
            )
        )
        return "unknown"
    return known


def _not_a_number(line: int, laboratory: str, text: str) -> RowProblem:
    text = text.removeprefix("'")  # as a collected table writes a formula, so that no spreadsheet runs it
    if text[:1] in "=+@" or text[:2] == "-=":
        return _problem(
            line,
            "row_formula",
            f"laboratory {laboratory}: the cell holds a formula, not a number; type the result itself",
            f"实验室 {laboratory}：单元格内是公式而不是数字，请直接填写结果",
        )
    shown = text[:30]
    return _problem(
        line,
        "row_not_a_number",
        f"laboratory {laboratory}: {shown!r} is not a number; write 5.2, <0.5 or >100",
        f"实验室 {laboratory}：“{shown}”不是数字，请写成 5.2、<0.5 或 >100",
    )


def _problem(line: int, code: str, en: str, zh: str) -> RowProblem:
    return RowProblem(line=line, code=code, words=Words(f"row {line}: {en}", f"第 {line} 行：{zh}"))


def _without_duplicates(results: Sequence[Reported], problems: list[RowProblem], *, replicates: bool) -> list[Reported]:
    """One result a laboratory, analyser and sample: the same twice counts once, two different ones count neither time."""
    if replicates:
        return list(results)
    seen: dict[tuple[str, ...], list[Reported]] = defaultdict(list)
    for one in results:
        seen[(one.laboratory, one.instrument, one.analyte, one.sample)].append(one)
    kept = []
    for group in seen.values():
        kept.append(group[0])
        if len(group) == 1:
            continue
        same = len({(one.value, one.sign, one.unit, one.state) for one in group}) == 1
        for other in group[1:]:
            problems.append(_duplicate(other, group[0], same=same))
        if not same:
            kept[-1] = replace(group[0], state="duplicate")
            kept += [replace(one, state="duplicate") for one in group[1:]]
    return kept


def _duplicate(other: Reported, first: Reported, *, same: bool) -> RowProblem:
    what = " ".join(part for part in (other.laboratory, other.analyte, other.sample) if part)
    if same:
        en, zh = f"repeats row {first.line} ({what}); counted once", f"与第 {first.line} 行重复（{what}），只计一次"
    else:
        en = f"another result for {what} than row {first.line}; neither is used, ask the laboratory which one holds"
        zh = f"与第 {first.line} 行（{what}）结果不同，两行均未使用，请向实验室核实"
    return _problem(other.line, "row_duplicate", en, zh)


def _in_one_unit(
    results: Sequence[Reported], problems: list[RowProblem], catalogue: Catalogue
) -> tuple[list[Reported], dict[tuple[str, str], str]]:
    """All results of one analyte in the scheme's unit, else in the one most of its rows use; what nothing connects is not used."""
    votes: dict[str, Counter[str]] = defaultdict(Counter)
    for one in results:
        if one.value is not None and one.unit:
            votes[one.analyte][spelled(one.unit)] += 1
    common = {analyte: counted.most_common(1)[0][0] for analyte, counted in votes.items()}
    common |= {analyte: unit for analyte, unit in catalogue.units.items() if unit}
    converted = [_converted(one, common.get(one.analyte, ""), problems, catalogue) for one in results]
    return converted, {one.place: common.get(one.analyte, "") for one in results}


def _converted(one: Reported, wanted: str, problems: list[RowProblem], catalogue: Catalogue) -> Reported:
    if one.value is None or not one.unit or spelled(one.unit) == wanted:
        return replace(one, unit=wanted)
    by = catalogue.factor(one.analyte, one.unit, wanted)
    if by is None:
        problems.append(
            _problem(
                one.line,
                "row_unit",
                f"laboratory {one.laboratory}: {one.unit} cannot be converted to {wanted} without a stated factor; not used",
                f"实验室 {one.laboratory}：单位 {one.unit} 没有已声明的系数可换算为 {wanted}，未使用",
            )
        )
        return replace(one, state="unit")
    problems.append(
        _problem(
            one.line,
            "row_converted",
            f"laboratory {one.laboratory}: {one.value} {one.unit} is taken as {float(one.value * by):.6g} {wanted}",
            f"实验室 {one.laboratory}：{one.value} {one.unit} 换算为 {float(one.value * by):.6g} {wanted}",
        )
    )
    scaled, expanded = (None if u is None else u * float(by) for u in (one.uncertainty, one.expanded))
    return replace(one, value=one.value * by, unit=wanted, uncertainty=scaled, expanded=expanded)


def _declared(table: Table, problems: list[RowProblem], names: Mapping[str, str]) -> dict[tuple[str, str], Declared]:
    """Sealed targets that stand in the table itself (nominal or target, lower, upper); they must agree within a sample."""
    target = next((name for name in ("nominal", "target") if name in table.columns), None)
    if target is None:
        return {}
    found: dict[tuple[str, str], Declared] = {}
    for row, line in zip(table.rows, table.lines):
        value = number(row.get(target, ""))
        if value is None:
            continue
        place = (names.get(row.get("analyte", ""), row.get("analyte", "")), row.get("sample", ""))
        one = Declared(
            target=_exact(row[target], value),
            uncertainty=number(row.get("nominal_uncertainty", row.get("target_uncertainty", ""))),
            lower=_bound(row.get("lower", "")),
            upper=_bound(row.get("upper", "")),
        )
        if found.setdefault(place, one) != one:
            problems.append(
                _problem(
                    line,
                    "row_target",
                    "another target than the rows above; the first is used",
                    "靶值与前面的行不同，采用第一个",
                )
            )
    return found


def _bound(text: str) -> Decimal | None:
    value = number(text)
    return None if value is None else _exact(text, value)


def problem_remarks(problems: Iterable[RowProblem]) -> tuple[Remark, ...]:
    """One remark a row, the first of each kind; what is left out is counted in a last one of that kind."""
    kinds: dict[str, list[RowProblem]] = defaultdict(list)
    for one in problems:
        kinds[one.code].append(one)
    remarks = []
    for code, group in kinds.items():
        remarks += [Remark(code=code, words=one.words) for one in group[:SHOWN_PER_CODE]]
        if len(group) > SHOWN_PER_CODE:
            rest = group[SHOWN_PER_CODE:]
            lines = ", ".join(str(one.line) for one in rest[:50]) + (" ..." if len(rest) > 50 else "")
            words = Words(f"{len(rest)} more rows of the same kind: {lines}", f"另有 {len(rest)} 行属于同类问题：第 {lines} 行")
            remarks.append(Remark(code=code, words=words))
    return tuple(remarks)
