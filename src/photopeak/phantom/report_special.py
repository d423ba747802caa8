"""Fictitious reports of the heart, of radioiodine and of the thyroid: what they say that the others do not, from report_phrases/special.toml."""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

SPECIAL = ("MPI", "IODINE", "THYROID")
ROWS = {"stress_type": "负荷方式", "stress_response": "负荷反应", "gating": "门控", "drug_interference": "用药"}  # of a form
SAID_BY_OTHERS = {  #: never left out: other phrases of such a report say it as well
    "IODINE": ("treatment_history", "therapy_date_or_course", "neck_uptake", "range", "diagnosis"),
    "THYROID": ("treatment_history", "drug_interference", "preparation", "diagnosis"),
    "MPI": ("gating", "segments", "reversibility", "stress_type", "diagnosis", "mode"),
}


@dataclass(slots=True, kw_only=True)
class Study:
    """What was found, and what the impression tells of it: equal, until a contradiction is planted.

    Sides "L", "R", or "" for none; `ef` and `told_ef` in %, volumes in mL, lengths in cm.
    """

    kind: str
    language: str
    abnormal: bool
    fixed: bool
    wall: str
    part: str
    edv: int
    esv: int
    told_ef: int
    bed: bool
    side: str
    told_side: str
    pole: str
    hot: bool
    a: float
    b: float
    uptake: float
    denied: bool = False
    extra: str = ""

    @property
    def ef(self) -> int:
        return round(100 * (self.edv - self.esv) / self.edv)


@cache
def words(language: str, kind: str) -> Mapping[str, Any]:
    text = (resources.files("photopeak.phantom") / "report_phrases" / "special.toml").read_text("utf-8")
    book: Mapping[str, Any] = tomllib.loads(text)[language][kind]
    return book


def elements(language: str, kind: str) -> list[str]:
    """The elements that this kind has beside those of every report."""
    own = words(language, kind)
    named = [*own.get("clinical", {}), *own.get("technique", {})]
    return (
        named + {"MPI": ["lvef", "segments", "reversibility"], "IODINE": ["neck_uptake"], "THYROID": ["uptake_percent"]}[kind]
    )


def study(chance: random.Random, language: str, kind: str) -> Study:
    """A case of this kind; the side of a nodule or a node is always told, that of the heart plays no part."""
    own = words(language, kind)
    walls, nodule = own.get("walls", {}), own.get("nodule", {})
    edv = chance.randint(62, 148)
    a, side = round(chance.uniform(1.1, 3.6), 1), chance.choice("LR")
    made = Study(
        kind=kind, language=language, abnormal=kind != "MPI" or chance.random() < 0.7, fixed=chance.random() < 0.3,
        wall=chance.choice(walls.get("names", [""])), part=chance.choice(walls.get("parts", [""])), edv=edv,
        esv=round(edv * chance.uniform(0.28, 0.55)), told_ef=0, bed=chance.random() < 0.7, side=side, told_side=side,
        pole=chance.choice(nodule.get("poles", [""])), hot=chance.random() < 0.4, a=a, b=round(a * chance.uniform(0.6, 0.9), 1),
        uptake=round(chance.uniform(0.9, 9.5), 1),
    )  # fmt: skip
    made.told_ef = made.ef
    return made


def _filled(template: str, one: Study, sides: Mapping[str, str], *, told: bool = False) -> str:
    side = one.told_side if told else one.side
    other = {"L": "R", "R": "L"}[one.side]
    values = {
        "wall": one.wall, "part": one.part, "ef": one.ef, "edv": one.edv, "esv": one.esv, "told": one.told_ef, "S": sides[side],
        "O": sides[other], "pole": one.pole, "a": one.a, "b": one.b, "up": one.uptake,
    }  # fmt: skip
    return re.sub(r"<(\w+)>", lambda found: str(values.get(found.group(1), found.group())), template)


def findings(chance: random.Random, one: Study, sides: Mapping[str, str], missing: set[str]) -> str:
    """The findings of the study; `missing` may hold lvef and uptake_percent."""
    own = words(one.language, one.kind)
    if one.kind == "MPI":
        walls = own["walls"]
        seen = one.abnormal and not one.denied
        said = [chance.choice(walls["defect"]), chance.choice(walls["fixed" if one.fixed else "reversible"])] if seen else [chance.choice(walls["even"])]  # fmt: skip
        said += [chance.choice(walls["function"])] if "lvef" not in missing else []
    elif one.kind == "IODINE":
        sites = own["sites"]
        said = [chance.choice(sites["bed" if one.bed else "bed_plain"])]
        said += [chance.choice(sites["node_plain" if one.denied else "node"]), chance.choice(sites["rest"])]
    else:
        nodule = own["nodule"]
        said = [chance.choice(nodule["even"])] if one.denied else [chance.choice(nodule["hot" if one.hot else "cold"]), chance.choice(nodule["other"])]  # fmt: skip
        said += [chance.choice(nodule["uptake"])] if "uptake_percent" not in missing else []
    return "".join(_filled(template, one, sides) for template in said)


def impression(chance: random.Random, one: Study, sides: Mapping[str, str], missing: set[str]) -> str:
    """What the impression tells of the study, and `extra`, which no finding holds."""
    own = words(one.language, one.kind)
    if one.kind == "MPI":
        walls = own["walls"]
        said = [chance.choice(walls[("scar" if one.fixed else "ischaemia") if one.abnormal else "normal"])]
        said += [chance.choice(walls["told"])] if "lvef" not in missing else []
    elif one.kind == "IODINE":
        said = [chance.choice(own["sites"]["bed_told"])] if one.bed else []
        said += [chance.choice(own["sites"]["node_told"])]
    else:
        said = [chance.choice(own["nodule"]["hot_told" if one.hot else "cold_told"])]
    return "".join(_filled(template, one, sides, told=True) for template in [*said, one.extra])


def phrases(chance: random.Random, style: Mapping[str, Any], one: Study, missing: set[str]) -> dict[str, str]:
    """The slots of a style as this kind fills them: its own phrases instead, and its own elements where PSA and glucose stand."""
    own = words(one.language, one.kind)
    english = one.language == "en"
    made: dict[str, str] = {}
    for name, options in own["instead"].items():
        said = chance.choice(options)
        made[name] = "" if name in missing else said if english else _as_style(style["element"][name][0], said)
    clinical = [chance.choice(options) for name, options in own.get("clinical", {}).items() if name not in missing]
    technique = [(name, chance.choice(options)) for name, options in own.get("technique", {}).items() if name not in missing]
    before = style["element"]["psa"][0].startswith("，")
    made["psa"] = "".join(clinical) if english else "".join(f"，{said}" if before else f"{said}，" for said in clinical)
    if style["element"]["glucose"][0].startswith("|"):
        made["glucose"] = "\n".join(f"| {ROWS[name]} | {said} |" for name, said in technique)
    else:
        made["glucose"] = "".join(said if english else said + style["element"]["glucose"][0][-1] for _, said in technique)
    made["height_weight"] = ""
    return made


def _as_style(phrase: str, said: str) -> str:
    """`said` in a row of a form where the style writes one, else with the sign that ends the style's own phrase."""
    row = re.match(r"\|[^|]*\|", phrase)
    if row:
        return f"{row.group()} {said} |"
    return said + (phrase[-1] if phrase[-1] in "，；。; " else "")
