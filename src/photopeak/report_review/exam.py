"""Which examination a report is about: by its title, else by its tracer; whether a CT belongs to it; which tracers it names."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from photopeak.report_review.sections import Report, Span

TYPES = ("FDG_PETCT", "PSMA_PETCT", "BONE_SPECTCT", "BONE_SCAN", "I131_WBS", "MPI", "RENAL", "THYROID", "PETCT", "OTHER")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTracer:
    """A ligand as named in the text, with the nuclide written before it ("" where none stands there)."""

    ligand: str
    nuclide: str
    span: Span
    part: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Exam:
    """`type` one of TYPES; `titled` the type the title alone tells ("" where it does not); `hybrid`: with its own CT."""

    type: str
    titled: str
    hybrid: bool
    tracers: tuple[NamedTracer, ...]


@cache
def _book() -> Mapping[str, Any]:
    return tomllib.loads((resources.files("photopeak.report_review") / "packs" / "exams.toml").read_text("utf-8"))


@cache
def _rows() -> tuple[tuple[str, re.Pattern[str], re.Pattern[str]], ...]:
    return tuple(
        (row["type"], re.compile(row["title"], re.I | re.A), re.compile(row["tracers"], re.I | re.A)) for row in _book()["exam"]
    )


@cache
def _tracer() -> re.Pattern[str]:
    """A nuclide, optional, and a ligand; one pattern with a named group for each."""
    ligands = "|".join(f"(?P<{name}>{row['words']})" for name, row in _book()["tracer"].items())
    nuclides = "|".join(f"(?P<n{name}>{words})" for name, words in _book()["nuclide"].items())
    return re.compile(
        rf"(?=[\[(0-9A-Za-z\u4e00-\u9fff])(?:(?:{nuclides})\]?[-\s]?\s?|(?<![A-Za-z]))(?:{ligands})(?![a-z])", re.I | re.A
    )


def nuclides_of(ligand: str) -> list[str]:
    return list(_book()["tracer"][ligand]["nuclides"])


def ligand_in(words: str) -> str:
    """The ligand that a header's radiopharmaceutical names ("FDG -- fluorodeoxyglucose"), "" where it is none of ours."""
    plain = re.sub(r"fluorodeoxyglucose", "FDG", words.replace("^", ""), flags=re.I)
    return next(
        (
            name
            for name, row in _book()["tracer"].items()
            if re.search(rf"(?<![A-Za-z])(?:{row['words']})(?![a-z])", plain, re.I | re.A)
        ),
        "",
    )


ELEMENTS = {
    "fluorine": "F",
    "gallium": "Ga",
    "technetium": "Tc",
    "iodine": "I",
    "lutetium": "Lu",
    "copper": "Cu",
    "thallium": "Tl",
}


def nuclide_in(words: str) -> str:
    """The nuclide that a header names ("^18^Fluorine", "F-18", "Technetium 99m"), as ours are written; "" where it is none of ours."""
    plain = words.replace("^", "").lower()
    for name, sign in ELEMENTS.items():
        plain = plain.replace(name, sign.lower())
    digits, letters = re.search(r"\d{2,3}m?", plain), re.search(r"[a-z]{1,2}(?![a-z])", re.sub(r"\d+m?", " ", plain))
    return next(
        (one for one in _book()["nuclide"] if digits and letters and one.lower() == digits.group() + letters.group()), ""
    )


def tracers_of(kind: str) -> re.Pattern[str] | None:
    """The tracers with which an examination of this kind is made."""
    return next(
        (tracers for name, _, tracers in _rows() if name == kind or (kind == "BONE_SCAN" and name == "BONE_SPECTCT")), None
    )


def recognise(report: Report) -> Exam:
    """The examination, from the header and its heading lines, else from the tracer of the technique part."""
    title = _title(report)
    named = tuple(_named(report))
    titled = next(
        (kind for said in (_head(report), title) for kind, words, _ in _rows() if words.search(said)), ""
    )  # a field of the method may name the tracer of another
    hybrid = bool(
        re.search(
            (r"" if titled in ("BONE_SPECTCT", "THYROID", "RENAL", "I131_WBS", "MPI") else r"PET\s*[-/]?\s*CT|")
            + r"SPECT\s*[-/]?\s*CT|断层融合|CT衰减校正|CTAC|同机CT|SPECT[^\n]{0,6}CT",
            _own(report),
            re.I | re.A,
        )
    )
    if titled == "BONE_SPECTCT" and re.search(r"PET\s*[-/]?\s*CT", title, re.I):
        hybrid = True  # fluoride
    kind = _type(report, titled, title, named, hybrid)
    if (
        kind in ("FDG_PETCT", "PSMA_PETCT", "PETCT") and not hybrid
    ):  # a PET of today has its CT, unless it is with MR or says no
        hybrid = not re.search(r"PET\s*[-/]?\s*MR|单独?PET|PET only", report.plain, re.I | re.A) and bool(
            re.search(r"CT|体层|断层成像", report.plain)
        )
    return Exam(type=kind, titled=titled, hybrid=hybrid, tracers=named)


def _title(report: Report) -> str:
    """What the header and an examination label say; a ward's or room's name is no title."""
    named = re.findall(r"(?:检查(?:项目|名称|部位|方法)|项目(?:名称)?)\s*[:|]\s*([^\n|]{2,40})", report.plain)
    return _head(report) + "\n" + re.sub(DEPARTMENT, "", "\n".join(named))


DEPARTMENT = r"PET/?-?CT(?:中心|室)|ECT室"


def _head(report: Report) -> str:
    return re.sub(DEPARTMENT, "", unspaced(report.said("header")))


def unspaced(words: str) -> str:
    """Titles set wide (骨 显 像 报 告) as words; other spaces stay."""
    return re.sub(r"(?:(?<=^[\u4e00-\u9fff])|(?<=\s[\u4e00-\u9fff]))[ ]+(?=[\u4e00-\u9fff](?:\s|$))", "", words, flags=re.M)


def _own(report: Report) -> str:
    """Where the examination itself is told: earlier examinations and advice left out."""
    said = (
        report.said("header", "technique")
        + "\n"
        + "\n".join(part for part in (report.said("findings"), report.said("clinical")) if part)
    )
    return re.sub(r"(?:外院|既往|前次|对比|比较|建议|曾|发现)[^。;\n]{0,40}", "", said)


def _named(report: Report) -> list[NamedTracer]:
    found = []
    for one in _tracer().finditer(report.plain):
        groups = [name for name, value in one.groupdict().items() if value]
        ligand = next(name for name in groups if not name.startswith("n") or name in _book()["tracer"])
        nuclide = next((name[1:] for name in groups if name.startswith("n") and name not in _book()["tracer"]), "")
        found.append(
            NamedTracer(
                ligand=ligand, nuclide=nuclide, span=Span(start=one.start(), end=one.end()), part=report.kind_at(one.start())
            )
        )
    return found


def _type(report: Report, titled: str, title: str, named: tuple[NamedTracer, ...], hybrid: bool) -> str:
    kind = titled or ("PETCT" if OTHER_PET.search(title) else "") or _by_tracer(report, named)
    if not kind and re.search(r"PET", title + report.said("technique"), re.I | re.A):
        kind = "FDG_PETCT" if any(one.ligand == "FDG" for one in named) or not named else "PETCT"
    if kind == "BONE_SPECTCT" and not hybrid:
        return "BONE_SCAN"
    return kind or "OTHER"


OTHER_PET = re.compile(
    r"DOTA-?(?:TATE|TOC|NOC)|FAPI|生长抑素|成纤维细胞活化", re.I | re.A
)  # a PET with a ligand of no pack's own


def _by_tracer(report: Report, named: tuple[NamedTracer, ...]) -> str:
    """The kind whose tracer the technique (or, without one, the text) names."""
    used = [one for one in named if one.part in ("technique", "clinical", "header")] or list(named)
    ligands = {one.ligand for one in used}
    for ligand, kind in (("PSMA", "PSMA_PETCT"), ("FDG", "FDG_PETCT"), ("MDP", "BONE_SPECTCT"), ("TCO4", "THYROID")):
        if ligand in ligands and (ligand != "TCO4" or re.search(r"甲状腺|甲亢|thyroid", report.plain, re.I | re.A)):
            return kind
    if ligands & {"DTPA", "MAG3", "EC", "DMSA"}:
        return "RENAL"
    if re.search(
        r"TcO4|高锝酸|过锝酸|pertechnetate", report.said("technique", "header", "clinical"), re.I | re.A
    ) and re.search(r"甲状腺|甲亢|thyroid", report.plain, re.I):
        return "THYROID"
    body = report.said("findings", "impression", "technique")
    if ligands & {"MIBI", "TETROFOSMIN"} and re.search(r"心肌|左室|灌注", body):
        return "MPI"
    if re.search(r"131I|碘-?131|I-?131|放射性碘", report.said("technique", "clinical")) and re.search(
        r"全身|甲状腺床|摄碘|残", body
    ):
        return "I131_WBS"
    return next(
        (kind for kind, words, _ in _rows() if words.search(report.said("clinical", "technique", "findings")[:400])), ""
    )
