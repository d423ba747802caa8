"""Papers as an office sends them (GB/T 9704-2012): one content, from which the PDF and the Word file are made.

A paper is words and rows only. No seal and no signature is ever drawn; the place for them is left.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from photopeak.present.pdf import _compiler
from photopeak.words import Language

#: text area and lines, GB/T 9704-2012 clause 5.2: millimetres and points
PAGE_MM = (210.0, 297.0)
AREA_MM = (156.0, 225.0)
TOP_MM, LEFT_MM = 37.0, 28.0
BODY_PT, LINE_PT, LINES, CHARACTERS = 16.0, 28.99, 22, 28
RED = "#d7000f"

Kind = Literal["p", "l1", "l2", "to"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """`kind`: p for text, l1 and l2 for headings of the first and second level."""

    kind: Kind = "p"
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """`align`: l or r of each column; `weights`: relative widths."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    align: str
    weights: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Annex:
    """A page of its own after the text. `pictures`: name and caption; `form`: lines with places to fill in by hand ("____")."""

    label: str
    title: str
    facts: tuple[tuple[str, str], ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = ()
    pictures: tuple[tuple[str, str], ...] = ()
    form: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """`mark`: the red name of the sender, "" for a paper without (a record, a certificate). `courtesy`: that it is a translation."""

    language: Language
    kind: str
    title: str
    mark: str = ""
    number: str = ""
    courtesy: str = ""
    to: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    paragraphs: tuple[Paragraph, ...]
    annex_note: str = ""
    signer: str
    date: str
    form: tuple[str, ...] = ()
    annexes: tuple[Annex, ...] = ()
    copies: str = ""
    printer: str = ""
    printed: str = ""


def as_data(paper: Paper) -> dict[str, Any]:
    """The paper as plain data, as it is frozen."""
    data: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(paper), ensure_ascii=False))
    return data


def from_data(data: Mapping[str, Any]) -> Paper:
    """The paper that `as_data` made plain."""
    annexes = tuple(
        Annex(
            label=a["label"],
            title=a["title"],
            facts=tuple((k, v) for k, v in a["facts"]),
            tables=tuple(_table(t) for t in a["tables"]),
            notes=tuple(a["notes"]),
            pictures=tuple((name, caption) for name, caption in a["pictures"]),
            form=tuple(a["form"]),
        )
        for a in data["annexes"]
    )
    shaped = {
        "paragraphs": tuple(Paragraph(**p) for p in data["paragraphs"]),
        "facts": tuple((k, v) for k, v in data["facts"]),
        "form": tuple(data["form"]),
        "annexes": annexes,
    }
    return Paper(**{**data, **shaped})


def _table(data: Mapping[str, Any]) -> Table:
    rows = tuple(tuple(row) for row in data["rows"])
    return Table(head=tuple(data["head"]), rows=rows, align=data["align"], weights=tuple(data["weights"]))


def official_pdf(paper: Paper, pictures: Mapping[str, bytes] | None = None) -> bytes:
    """The paper on A4, set with the shipped typefaces alone. `pictures`: SVG by the names that its annexes use."""
    said = {
        **as_data(paper),
        "svg": {name: svg.decode("utf-8") for name, svg in (pictures or {}).items()},
        "red": RED,
        "line_pt": LINE_PT,
        "body_pt": BODY_PT,
        "characters": CHARACTERS,
    }
    text = json.dumps(said, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace").decode("utf-8")
    made: Any = _compiler().compile(_template(), sys_inputs={"paper": text}, format="pdf")
    return bytes(made)


def picture_png(svg: bytes, *, width_mm: float = 75.0, ppi: float = 200.0) -> bytes:
    """A drawing as PNG, for the Word file, which shows no SVG."""
    source = f"""#set page(width: {width_mm}mm, height: auto, margin: 0mm)
#image(bytes(sys.inputs.svg), format: "svg", width: 100%)"""
    made: Any = _compiler().compile(source.encode(), sys_inputs={"svg": svg.decode("utf-8")}, format="png", ppi=ppi)
    return bytes(made if isinstance(made, bytes) else made[0])


@cache
def _template() -> bytes:
    return (resources.files("photopeak.present") / "templates" / "official.typ").read_bytes()
