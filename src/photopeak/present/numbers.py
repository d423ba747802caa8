"""How a number is written for a person: value and expanded uncertainty to the same place, units, limits, absent values.

Figures use the true minus, a thin space between thousands from five digits, and an em dash for what is absent.
"""

from __future__ import annotations

import math
import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from photopeak.measurement import Measurement
from photopeak.words import Language, Words

ABSENT = "—"
MINUS = "−"
THIN = "\u2009"
TINY = 1e-5  #: below this numbers are written with a power of ten
COVERAGE = 2.0  #: pages print U = k u with this k and say so; it is also the interval the verdict used


class Written(NamedTuple):
    """A result as it stands in a table: `value` "6.29", `expanded` "0.29" ("" where no uncertainty is known)."""

    value: str
    expanded: str

    def __str__(self) -> str:
        return f"{self.value} ± {self.expanded}" if self.expanded else self.value


def write(measurement: Measurement | None) -> Written:
    """`value ± U`: U with two significant digits, the value to the same place; without U, four significant digits."""
    if measurement is None:
        return Written(ABSENT, "")
    return written(measurement.value, measurement.uncertainty)


def written(value: float, uncertainty: float | None) -> Written:
    """`uncertainty` is standard (k = 1); what is written is k = 2."""
    if uncertainty is None:
        return Written(significant(value), "")
    expanded = COVERAGE * uncertainty
    if expanded == 0:
        return Written(significant(value), "0")
    if 0 < max(abs(value), expanded) < TINY:
        power = Decimal(repr(max(abs(value), expanded))).adjusted()
        scaled = written(_shifted(value, power), _shifted(uncertainty, power))
        return Written(scaled.value + _times(power), scaled.expanded + _times(power) if scaled.expanded != "0" else "0")
    exponent = _last_place(expanded, 2)
    return Written(to_place(value, exponent), to_place(expanded, exponent))


def _last_place(value: float, digits: int) -> int:
    """The power of ten of the last of `digits` significant digits of `value`, after rounding to them."""
    exact = Decimal(repr(abs(float(value))))
    exponent = exact.adjusted() - digits + 1
    rounded = exact.quantize(Decimal(1).scaleb(exponent), rounding=ROUND_HALF_EVEN)
    return exponent + 1 if rounded.adjusted() > exact.adjusted() else exponent


def to_place(value: float, exponent: int) -> str:
    """`value` rounded to a multiple of 10**exponent (half to even on its shortest decimal), written out."""
    step = Decimal(1).scaleb(exponent)
    rounded = Decimal(repr(float(value))).quantize(step, rounding=ROUND_HALF_EVEN) if _fits(value, exponent) else Decimal(value)
    return _grouped(f"{rounded:f}")


def _fits(value: float, exponent: int) -> bool:
    """Whether the rounded value has few enough digits for decimal arithmetic."""
    return value == 0 or math.log10(abs(value)) - exponent < 26


def _shifted(value: float, power: int) -> float:
    return float(Decimal(repr(float(value))).scaleb(-power))


def _times(power: int) -> str:
    return f" × 10{str(power).translate(_SUPERSCRIPT)}"


def significant(value: float, digits: int = 4) -> str:
    """`value` to at most `digits` significant digits, without trailing zeros; whole numbers below 10^7 in full."""
    if value == 0:
        return "0"
    if abs(value) < TINY:
        power = Decimal(repr(abs(float(value)))).adjusted()
        return significant(_shifted(value, power), digits) + _times(power)
    if float(value).is_integer() and abs(value) < 1e7:
        return _grouped(f"{value:.0f}")
    text = to_place(value, _last_place(value, digits))
    return text.rstrip("0").rstrip(".") if "." in text else text


def _grouped(text: str) -> str:
    """True minus; thin spaces between thousands from five digits on. A rounded zero loses its sign."""
    digits = text.lstrip("-")
    sign = MINUS if text.startswith("-") and digits.strip("0.") else ""
    whole, point, fraction = digits.partition(".")
    if len(whole) >= 5:
        head = len(whole) % 3 or 3
        whole = THIN.join([whole[:head], *(whole[n : n + 3] for n in range(head, len(whole), 3))])
    return sign + whole + point + fraction


_UNITS: dict[str, Words] = {
    "1": Words("", ""),
    "%": Words("%", "%"),
    "[hnsf'U]": Words("HU", "HU"),
    "{counts}": Words("counts", "计数"),
    "{kcounts}": Words("kcounts", "千计数"),
    "us": Words("µs", "µs"),
    "deg": Words("°", "°"),
    "Cel": Words("°C", "°C"),
    "[iU]": Words("IU", "IU"),
    "m[iU]": Words("mIU", "mIU"),
    "u[iU]": Words("µIU", "µIU"),
    "[ppm]": Words("ppm", "ppm"),
    "umol": Words("µmol", "µmol"),
    "ug": Words("µg", "µg"),
    "um": Words("µm", "µm"),
    "uL": Words("µL", "µL"),
    "uCi": Words("µCi", "µCi"),
    "uSv": Words("µSv", "µSv"),
    "wk": Words("wk", "周"),
    "a": Words("a", "年"),
}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def unit_label(code: str, language: Language) -> str:
    """The printed form of a UCUM code: "{counts}/s/MBq" is "counts/s/MBq", or "计数/s/MBq"; "1" is nothing."""
    if code in _UNITS:
        return _UNITS[code].say(language)
    return "/".join("·".join(_factor(part, language) for part in term.split(".")) for term in code.split("/"))


def _factor(code: str, language: Language) -> str:
    if code in _UNITS:
        return _UNITS[code].say(language)
    stem = code.rstrip("-0123456789")
    if not stem or stem == code:
        return code.strip("{}") if code.startswith("{") else code
    head = _UNITS[stem].say(language) if stem in _UNITS else stem
    return head + code[len(stem) :].translate(_SUPERSCRIPT)


def with_unit(text: str, code: str, language: Language) -> str:
    """A number and its unit in a sentence: "6.29%" in Chinese, "6.29 %" in English; ° follows without a gap."""
    label = unit_label(code, language)
    if not label:
        return text
    glued = label == "°" or (label == "%" and language == "zh")
    return text + label if glued else f"{text} {label}"


def say_result(measurement: Measurement, language: Language) -> str:
    """ "6.29 ± 0.29%" or "6.29 ± 0.29 %": a result in a sentence, U with k = 2."""
    return with_unit(str(write(measurement)), measurement.unit, language)


def limit(lower: float | None, upper: float | None, inclusive: bool = True) -> str:
    """ "≤ 5.0", "≥ 38" ("< 5.0", "> 38" where the bound itself fails), "0.39 – 0.61", "±10", or an em dash where there is no limit."""
    if lower is None and upper is None:
        return ABSENT
    if upper is None:
        assert lower is not None
        return f"{'≥' if inclusive else '>'} {bound(lower)}"
    if lower is None:
        return f"{'≤' if inclusive else '<'} {bound(upper)}"
    if lower == -upper and upper > 0:
        return f"±{bound(upper)}"
    places = max(_decimals(lower), _decimals(upper))
    return f"{bound(lower, places)} – {bound(upper, places)}"


def bound(value: float, places: int | None = None) -> str:
    """A limit as its standard writes it, with one decimal below ten so that "5" reads "5.0" beside measured values."""
    return to_place(value, -(_decimals(value) if places is None else places))


def _decimals(value: float) -> int:
    text = f"{Decimal(repr(round(float(value), 10))).normalize():f}"
    found = len(text.partition(".")[2])
    return found if found or abs(value) >= 10 or value == 0 else 1


def tidy(said: str) -> str:
    """A sentence whose negative numbers have the true minus; hyphens inside names and dates stay."""
    return re.sub(r"(?<![\w.\-])-(?=\d)", MINUS, said)


def date(moment: object) -> str:
    """2026-05-14, or 2026-05-14 10:22 where the time of day is known; an em dash where nothing is."""
    if moment is None:
        return ABSENT
    text = str(moment)
    return text[:10] if text[11:16] in ("", "00:00") else f"{text[:10]} {text[11:16]}"
