"""The tubes of one assay: every row of the table read, or answered with a sentence."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.evidence import Evidence
from photopeak.immunoassay.replicates import accepts_columns, require_columns
from photopeak.immunoassay.results_table import RowProblem
from photopeak.procedure import Refused
from photopeak.table import number
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
NEEDED = ("role", "response")
NUMBERED = re.compile(r"(?P<role>[^\W\d_]+)[ _#-]?\d+")
ROLES = {
    "T": ("t", "total", "total counts", "总", "总计数", "总放射性"),
    "NSB": ("nsb", "n", "non-specific", "blank", "bl", "非特异", "非特异结合", "空白"),
    "B0": ("b0", "zero", "max", "零标准", "最大结合"),
    "S": ("s", "std", "standard", "cal", "calibrator", "标准", "标准品", "校准品"),
    "U": ("u", "unk", "unknown", "sample", "未知", "样品", "样本", "待测"),
    "C": ("c", "qc", "control", "质控", "质控品"),
}
SPELLED = {word: role for role, words in ROLES.items() for word in words}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tube:
    """One tube: `response` as counted, `dose` for standards, `dilution` as a factor (10 for 1:10), `nominal` the known dose of an
    unknown or control (its column, or else its dose)."""

    line: int
    role: str
    label: str
    response: float
    dose: float | None = None
    dilution: float = 1.0
    nominal: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assay:
    tubes: tuple[Tube, ...]
    problems: tuple[RowProblem, ...]
    unit: str

    def of(self, *roles: str) -> tuple[Tube, ...]:
        return tuple(tube for tube in self.tubes if tube.role in roles)

    def responses(self, *roles: str) -> Floats:
        return np.array([tube.response for tube in self.of(*roles)])

    def groups(self, roles: Sequence[str] | None = None) -> list[Floats]:
        """Responses of tubes that hold the same thing, of these roles or of all: what replicate scatter is read from."""
        found: dict[tuple[object, ...], list[float]] = {}
        for tube in self.tubes if roles is None else self.of(*roles):
            found.setdefault((tube.role, tube.label, tube.dose, tube.dilution), []).append(tube.response)
        return [np.array(values) for values in found.values()]


def accepts_assay(evidence: Evidence) -> Words | None:
    return accepts_columns(evidence, NEEDED)


def read_assay(evidence: Evidence) -> Assay:
    """Every tube with a known role and a number; refuses a table without standards."""
    table = require_columns(evidence, NEEDED)
    problems: list[RowProblem] = []
    tubes = []
    for row, line in zip(table.rows, table.lines):
        tube = _tube(dict(row), line, problems)
        if tube is not None:
            tubes.append(tube)
    units = list(dict.fromkeys(row.get("unit", "") for row in table.rows if row.get("unit")))
    assay = Assay(tubes=tuple(tubes), problems=tuple(problems), unit=units[0] if len(units) == 1 else "1")
    if not assay.of("S", "B0"):
        said = "; ".join(one.words.en for one in problems[:3]), "；".join(one.words.zh for one in problems[:3])
        raise Refused(
            "no_standards",
            en=f"{evidence.name}: none of {len(table.rows)} rows is a usable standard (role S with dose and response). {said[0]}",
            zh=f"{evidence.name}：{len(table.rows)} 行中没有可用的标准品（类型 S，且有剂量和响应）。{said[1]}",
        )
    return assay


def _tube(row: dict[str, str], line: int, problems: list[RowProblem]) -> Tube | None:
    written = row.get("role", "")
    role, own = _role(written)
    if role is None:
        return _lost(
            problems,
            line,
            "row_role",
            f"{written[:30]!r} is no role; write T, NSB, B0, S, U or C",
            f"“{written[:30]}”不是管类型，请写 T、NSB、B0、S、U 或 C",
        )
    response = _read(row, "response", line, problems)
    if response is None:
        return None
    dose = 0.0 if role == "B0" else _read(row, "dose", line, problems, needed=role == "S")
    if role == "S" and dose is None:
        return None
    dilution = _read(row, "dilution", line, problems, needed=False)
    if dilution is not None and dilution <= 0:
        return _lost(
            problems,
            line,
            "row_dilution",
            f"a dilution of {dilution:g} is not possible; write 10 for 1:10",
            f"稀释倍数 {dilution:g} 无效；1:10 请写 10",
        )
    nominal = _read(row, "nominal", line, problems, needed=False)
    return Tube(
        line=line,
        role=role,
        label=row.get("label", "") or (own or f"row {line}" if role in "UC" else ""),
        response=response,
        dose=dose,
        dilution=1.0 if dilution is None else dilution,
        nominal=dose if nominal is None and role in "UC" else nominal,
    )


def _role(written: str) -> tuple[str | None, str]:
    """The role, and a label where the two are written as one: U1, QC 2, STD3."""
    plain = unicodedata.normalize("NFKC", written).strip()
    known = SPELLED.get(plain.lower())
    if known is not None:
        return known, ""
    numbered = NUMBERED.fullmatch(plain)
    return (SPELLED.get(numbered["role"].lower()), plain) if numbered else (None, "")


def _read(row: dict[str, str], column: str, line: int, problems: list[RowProblem], *, needed: bool = True) -> float | None:
    text = row.get(column, "")
    found = number(text)
    if found is not None and found == found:
        return found
    if text[:1] in ("=", "@"):
        _lost(
            problems,
            line,
            "row_formula",
            f"{column} holds a formula, not a number; the tube is not used",
            f"{column} 列是公式而非数字，该管未使用",
        )
    elif needed and not text:
        _lost(
            problems,
            line,
            "row_empty",
            f"{column} is empty (a formula that was never calculated reads so too); the tube is not used",
            f"{column} 列为空（未计算的公式也会读成空），该管未使用",
        )
    elif text:
        _lost(
            problems,
            line,
            "row_not_a_number",
            f"{column} {text[:30]!r} is not a number" + ("; the tube is not used" if needed else ""),
            f"{column} 列“{text[:30]}”不是数字" + ("，该管未使用" if needed else ""),
        )
    return None


def _lost(problems: list[RowProblem], line: int, code: str, en: str, zh: str) -> Tube | None:
    """Note the row; there is no tube."""
    problems.append(RowProblem(line=line, code=code, words=Words(f"row {line}: {en}", f"第 {line} 行：{zh}")))
    return None


def by_sample(tubes: Iterable[Tube]) -> dict[str, dict[float, list[Tube]]]:
    """Tubes of unknowns and controls by sample and dilution, in the order of the table."""
    found: dict[str, dict[float, list[Tube]]] = {}
    for tube in tubes:
        found.setdefault(tube.label, {}).setdefault(tube.dilution, []).append(tube)
    return found
