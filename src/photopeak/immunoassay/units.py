"""Units of laboratory results: one spelling for each, and conversion by powers of ten or by a stated molar mass."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import NamedTuple

PREFIXES = {"k": 3, "": 0, "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15}
BASES = {"g": "mass", "mol": "amount", "IU": "activity", "U": "activity", "[IU]": "activity"}
_UNIT = re.compile(r"(?P<prefix>[kmunpf]?)(?P<base>\[IU\]|IU|U|mol|g)/(?P<volume>[dcmu]?)L")


class Unit(NamedTuple):
    """A concentration: `kind` mass, amount or activity, and the power of ten of its unit per litre."""

    kind: str
    power: int


@cache
def spelled(text: str) -> str:
    """One spelling: µ and μ as u, international units as [IU], litres as L; an unknown unit as it was written."""
    plain = unicodedata.normalize("NFKC", text).replace("\u03bc", "u").replace(" ", "").strip()
    plain = re.sub(r"(?<=/)([dcmu]?)l$", r"\1L", plain)
    plain = re.sub(r"^([kmunpf]?)iu/", r"\1IU/", plain, flags=re.IGNORECASE) if "iu/" in plain.lower() else plain
    found = _UNIT.fullmatch(plain)
    if found and found["base"] in ("IU", "U"):
        return f"{found['prefix']}[IU]/{found['volume']}L"
    return plain


@cache
def parsed(text: str) -> Unit | None:
    found = _UNIT.fullmatch(spelled(text))
    if found is None:
        return None
    return Unit(BASES[found["base"]], PREFIXES[found["prefix"]] - PREFIXES[found["volume"]])


def per_litre(text: str) -> str:
    """The unit per litre that is the same number (ng/mL is ug/L); as spelled where there is none."""
    unit, spelling = parsed(text), spelled(text)
    if unit is None:
        return spelling
    prefix = next((sign for sign, power in PREFIXES.items() if power == unit.power and sign not in ("d", "c")), None)
    base = {"mass": "g", "amount": "mol", "activity": "[IU]"}[unit.kind]
    return spelling if prefix is None else f"{prefix}{base}/L"


def factor(analyte: str, have: str, want: str, stated: Mapping[tuple[str, str], Decimal] | None = None) -> Decimal | None:
    """What a number in `have` is multiplied by to be in `want`; None where nothing known connects them.

    `stated`: the round's own factors by (have, want), for what no molar mass settles (international units).
    """
    if spelled(have) == spelled(want):
        return Decimal(1)
    if stated and (own := stated.get((spelled(have), spelled(want)))) is not None:
        return own
    one, other = parsed(have), parsed(want)
    if one is None or other is None:
        return None
    shift = Decimal(10) ** (one.power - other.power)
    if one.kind == other.kind:
        return shift
    mass = molar_mass(analyte)
    if mass is None or "activity" in (one.kind, other.kind):
        return None
    return shift / mass if one.kind == "mass" else shift * mass


def molar_mass(analyte: str) -> Decimal | None:
    """g/mol of an analyte by any of its names."""
    return _molar_masses().get(unicodedata.normalize("NFKC", analyte).strip())


@cache
def _molar_masses() -> dict[str, Decimal]:
    folder = resources.files("photopeak.immunoassay")
    document = tomllib.loads((folder / "units.toml").read_text("utf-8"), parse_float=Decimal)
    masses = document["molar_mass_g_per_mol"]
    return {name: mass for key, mass in masses.items() for name in (key, *document["names"].get(key, ()))}
