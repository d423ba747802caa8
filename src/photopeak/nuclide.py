"""Radionuclides by the names that headers and people give them, and how they decay.

Two sources of half-lives, never mixed without saying so: DDEP evaluations (Monographie BIPM-5) with their standard uncertainties,
and ICRP Publication 107, which pharmacy and dosimetry software share and which states no uncertainties.
"""

from __future__ import annotations

import datetime
import math
import re
import tomllib
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

HOUR, DAY = 3600.0, 86400.0
NuclearData = Literal["ddep", "icrp107"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Nuclide:
    """One radionuclide: its name (Tc-99m), half-life and the half-life's standard uncertainty, in s, and where they were read.

    `daughter` grows from it in a share `branch` of its decays, where that matters to a generator.
    """

    name: str
    half_life_s: float
    half_life_u_s: float
    source: str = "DDEP"
    daughter: str | None = None
    branch: float = 1.0

    @property
    def decay_constant(self) -> float:
        """Per second."""
        return math.log(2) / self.half_life_s

    def share_left(self, seconds: float) -> float:
        """What is left of an activity after `seconds` (negative: what it was before, relative to now)."""
        return math.exp(-self.decay_constant * seconds)

    def mean_over(self, seconds: float) -> float:
        """Mean activity over `seconds`, relative to the activity at their start."""
        exponent = self.decay_constant * seconds
        return -math.expm1(-exponent) / exponent if exponent > 1e-12 else 1.0


NUCLIDES = {
    row.name: row
    for row in (
        Nuclide(name="Tc-99m", half_life_s=6.0067 * HOUR, half_life_u_s=0.0010 * HOUR),
        Nuclide(name="I-123", half_life_s=13.2234 * HOUR, half_life_u_s=0.0037 * HOUR),
        Nuclide(name="I-131", half_life_s=8.0233 * DAY, half_life_u_s=0.0019 * DAY),
        Nuclide(name="Ga-67", half_life_s=3.2613 * DAY, half_life_u_s=0.0005 * DAY),
        Nuclide(name="In-111", half_life_s=2.8049 * DAY, half_life_u_s=0.0004 * DAY),
        Nuclide(name="Tl-201", half_life_s=3.0422 * DAY, half_life_u_s=0.0017 * DAY),
        Nuclide(name="Co-57", half_life_s=271.81 * DAY, half_life_u_s=0.04 * DAY),
        Nuclide(name="Lu-177", half_life_s=6.6463 * DAY, half_life_u_s=0.0015 * DAY),
        Nuclide(name="Xe-133", half_life_s=5.2474 * DAY, half_life_u_s=0.0005 * DAY),
        Nuclide(name="Cr-51", half_life_s=27.704 * DAY, half_life_u_s=0.004 * DAY),
        Nuclide(name="F-18", half_life_s=1.8289 * HOUR, half_life_u_s=0.00023 * HOUR),
    )
}

ELEMENTS = {
    "Tc": ("tc", "technetium", "tecnecio", "technetiu", "锝"),
    "I": ("i", "iodine", "yodo", "iodo", "jod", "iode", "jodium", "碘"),
    "Ga": ("ga", "gallium", "galio", "镓"),
    "In": ("in", "indium", "indio", "铟"),
    "Tl": ("tl", "thallium", "talio", "铊"),
    "Co": ("co", "cobalt", "cobalto", "kobalt", "钴"),
    "Lu": ("lu", "lutetium", "lutecio", "镥"),
    "Xe": ("xe", "xenon", "氙"),
    "Cr": ("cr", "chromium", "cromo", "铬"),
    "F": ("f", "fluorine", "fluor", "氟"),
    "Ge": ("ge", "germanium", "锗"),
    "Mo": ("mo", "molybdenum", "钼"),
    "Sr": ("sr", "strontium", "锶"),
    "Rb": ("rb", "rubidium", "铷"),
    "Cs": ("cs", "caesium", "cesium", "铯"),
    "Ba": ("ba", "barium", "钡"),
    "Y": ("y", "yttrium", "钇"),
    "Cu": ("cu", "copper", "铜"),
    "Zr": ("zr", "zirconium", "锆"),
    "Sm": ("sm", "samarium", "钐"),
    "W": ("w", "tungsten", "钨"),
    "Re": ("re", "rhenium", "铼"),
    "Ra": ("ra", "radium", "镭"),
    "Ac": ("ac", "actinium", "锕"),
    "C": ("c", "carbon", "碳"),
    "N": ("n", "nitrogen", "氮"),
    "O": ("o", "oxygen", "氧"),
    "Ho": ("ho", "holmium", "钬"),
    "Tb": ("tb", "terbium", "铽"),
    "Pb": ("pb", "lead", "铅"),
    "At": ("at", "astatine", "砹"),
    "P": ("p", "phosphorus", "磷"),
}
#: code values of DICOM context group 4020 (SRT and SNOMED CT)
CODES = {
    "C-111A1": "F-18",
    "77004003": "F-18",
    "C-105A1": "C-11",
    "40565003": "C-11",
    "C-107A1": "N-13",
    "21576001": "N-13",
    "C-B1038": "O-15",
    "129504001": "O-15",
    "C-127A2": "Cu-64",
    "3932008": "Cu-64",
    "C-131A3": "Ga-68",
    "35337001": "Ga-68",
    "C-128A2": "Ge-68",
    "53315004": "Ge-68",
    "C-168A4": "Zr-89",
    "63360001": "Zr-89",
    "C-162A7": "Y-90",
    "14691008": "Y-90",
    "C-114A5": "I-124",
    "40937006": "I-124",
}
#: those whose emission a PET scanner detects (Y-90 by its rare pairs, Ge-68 by its daughter)
SEEN_BY_PET = ("F-18", "C-11", "N-13", "O-15", "Cu-64", "Ga-68", "Ge-68", "Zr-89", "Y-90", "I-124")
_OF_WORD = {word: symbol for symbol, words in ELEMENTS.items() for word in words}


_SECONDS = {"s": 1.0, "min": 60.0, "h": HOUR, "d": DAY}


@cache
def icrp107() -> Mapping[str, Nuclide]:
    """The nuclides of ICRP 107 that the field uses, by name; the half-lives' uncertainties are not published (0)."""
    document = tomllib.loads((resources.files("photopeak") / "nuclides_icrp107.toml").read_text("utf-8"))
    seconds = {**_SECONDS, "y": document["year_d"] * DAY}
    return {
        name: Nuclide(
            name=name,
            half_life_s=row["half_life"] * seconds[row["unit"]],
            half_life_u_s=0.0,
            source=document["source"],
            daughter=row.get("daughter"),
            branch=row.get("branch", 1.0),
        )
        for name, row in document["nuclide"].items()
    }


def nuclide_named(text: object, data: NuclearData = "ddep") -> Nuclide | None:
    """The nuclide that "^99m^Technetium", "Tc-99m", "131 Iodine", "Yodo 131" or "碘131" names, or None.

    `data`: which table of half-lives is asked.
    """
    if not isinstance(text, str):
        return None
    known = NUCLIDES if data == "ddep" else icrp107()
    plain = unicodedata.normalize("NFKC", text).lower()
    masses = re.findall(r"\d{1,3}m?", plain)
    elements = [
        _OF_WORD[word] for word in re.findall(r"[a-z]+|[\u4e00-\u9fff]", re.sub(r"\d+m?", " ", plain)) if word in _OF_WORD
    ]
    for element in elements:
        for mass in masses:
            found = known.get(f"{element}-{mass}")
            if found is not None:
                return found
    return None


def grown(
    parent: Nuclide, daughter: Nuclide, seconds: float, *, parent_activity: float, daughter_activity: float = 0.0
) -> float:
    """The daughter's activity after `seconds` beside a parent that decays into it (Bateman 1910), in the unit of the activities."""
    first, second = parent.decay_constant, daughter.decay_constant
    share = parent.branch if parent.daughter == daughter.name else 0.0
    if abs(first - second) < 1e-12 * second:
        growth = second * seconds * math.exp(-second * seconds)
    else:
        growth = second / (second - first) * (math.exp(-first * seconds) - math.exp(-second * seconds))
    return daughter_activity * daughter.share_left(seconds) + parent_activity * share * growth


def time_of_most(parent: Nuclide, daughter: Nuclide) -> float:
    """Seconds after a complete elution at which the daughter's activity is greatest."""
    first, second = parent.decay_constant, daughter.decay_constant
    return math.log(second / first) / (second - first)


def nuclide_coded(code: object) -> Nuclide | None:
    """The nuclide of a DICOM code value (context group 4020), or None."""
    name = CODES.get(str(code), "")
    return NUCLIDES.get(name) or icrp107().get(name)


def seconds_between(earlier: datetime.datetime, later: datetime.datetime) -> float:
    """Seconds from one local moment to another; a time zone on one of them only is dropped, cameras write local time."""
    if (earlier.tzinfo is None) != (later.tzinfo is None):
        earlier, later = earlier.replace(tzinfo=None), later.replace(tzinfo=None)
    return (later - earlier).total_seconds()
