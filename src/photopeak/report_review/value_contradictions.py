"""Numbers, units, times and dates that do not agree with each other, or with the header of the study."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from photopeak.report_review import context
from photopeak.report_review.contradictions import Defect, Setting, check, defect
from photopeak.report_review.elements import Element, Material
from photopeak.report_review.exam import ligand_in, nuclide_in
from photopeak.report_review.lesions import SIZE, SUV, Frame
from photopeak.report_review.readers import INJECTED_AT, SCANNED_AT, clock_minutes, exam_date, report_date, rule_book
from photopeak.report_review.sections import CONCLUDING, Span

Elements = dict[str, Element]
MBQ = {"mbq": 1.0, "mci": 37.0, "gbq": 1000.0, "kbq": 1e-3, "uci": 0.037, "μci": 0.037}
ACTIVITY = re.compile(
    r"(?:(?<=PSMA-1007)|(?<![\d.])(?!(?<=PSMA-)1007\d))(\d+(?:\.\d+)?)\s*(MBq|mCi|GBq|kBq|[uμ]Ci)(?!\s*[/·]\s*(?:kg|ml|h|周期|次|疗程|cycle))",
    re.I,
)
PAIR = re.compile(
    r"(?<![\d.])(\d+(?:\.\d+)?)\s*(MBq|mCi|GBq)\s*[(/=,]?\s*(?:约|即|合|相当于|or)?\s*(\d+(?:\.\d+)?)\s*(MBq|mCi|GBq)\)?", re.I
)
ROUNDING = 0.06  # of a conversion: both numbers are rounded


def _mbq(value: str, unit: str) -> float:
    return float(value) * MBQ[unit.lower()]


@check
def unit_conversion(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """An activity given in two units that differ by more than rounding (1 mCi = 37 MBq)."""
    for found in PAIR.finditer(material.report.plain):
        if found.group(2).lower() == found.group(4).lower():
            continue
        first, second = _mbq(found.group(1), found.group(2)), _mbq(found.group(3), found.group(4))
        if abs(first - second) > ROUNDING * max(first, second) + 1.0:
            yield defect(
                material,
                "UNIT_CONVERSION",
                Span(start=found.start(), end=found.end()),
                en=f"{first:.0f} MBq and {second:.0f} MBq",
                zh=f"分别合 {first:.0f} MBq 与 {second:.0f} MBq",
            )


@check
def activity(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """An administered activity far outside what this examination is made with: most often a unit or a decimal point."""
    low, high = rule_book()["activity_mbq"].get(material.exam.type, rule_book()["activity_mbq"]["OTHER"])
    if (
        material.exam.type == "OTHER"
        and material.exam.tracers
        and all(one.nuclide in ("", "99mTc", "18F", "68Ga") for one in material.exam.tracers)
    ):
        high = rule_book()["activity_mbq"]["OTHER_DIAGNOSTIC"]
    kinds = (
        ("technique", "header")
        if material.report.has("technique") and material.exam.type != "I131_WBS"
        else ("technique", "header", "clinical")
    )
    for part in material.report.of(*kinds):
        for found in ACTIVITY.finditer(material.report.plain, part.heading.start if part.heading else part.start, part.end):
            left, right = context.clause_around(material.report.plain, found.start(), found.end())
            clause = material.report.plain[left:right]
            value = _mbq(found.group(1), found.group(2))
            first, last = context.sentence_around(material.report.plain, found.start(), found.end())
            if re.search(r"177Lu|镥|223Ra|90Y", material.report.plain[first:last]) and material.exam.type != "I131_WBS":
                continue
            if re.search(r"摄(?:碘|取|131I|锝)率|吸碘", material.report.plain[first:last]):
                continue  # the measurement of uptake takes a thousandth of what an image takes
            if re.search(r"177Lu|223Ra|90Y|累积|累计|总|残余|透射|校准|质控|residual|cumulative", clause):
                continue
            if not low <= value <= high:
                yield defect(
                    material,
                    "ACTIVITY_IMPLAUSIBLE",
                    Span(start=found.start(), end=found.end()),
                    en=f"{value:.4g} MBq; check unit and decimal point",
                    zh=f"合 {value:.4g} MBq，请核对单位与小数点",
                )


LIVER = re.compile(
    r"(?:肝(?:脏)?(?:右叶)?(?:本底|血池|实质|参考)?|liver)\s*(?:SUV\s*(?:max|mean)?|SUL)\s*(?:约|为|:|=|of)?\s*(\d+(?:\.\d+)?)",
    re.I,
)
POOL = re.compile(
    r"(?:(?:纵隔|主动脉弓?|心脏?)?血池|blood pool)\s*(?:SUV\s*(?:max|mean)?|SUL)\s*(?:约|为|:|=|of)?\s*(\d+(?:\.\d+)?)", re.I
)


@check
def suv(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """An SUV beyond any, or a liver or blood-pool reference that no patient has."""
    book = rule_book()["suv"]
    most = book.get(material.exam.type, book["OTHER"])
    plain = material.report.plain
    for part in material.report.of("findings", "impression"):
        for found in SUV.finditer(material.report.plain, part.start, part.end):
            dated = re.match(r"\s*[-./年]\s*\d", plain[found.end(1) :]) if len(found.group(1)) == 4 else None
            if float(found.group(1)) > most and not dated:
                yield defect(
                    material,
                    "SUV_IMPLAUSIBLE",
                    Span(start=found.start(), end=found.end()),
                    en="check the decimal point",
                    zh="请核对小数点",
                )
        if material.exam.type != "FDG_PETCT":
            continue
        for pattern, (low, high) in ((LIVER, book["liver"]), (POOL, book["blood_pool"])):
            for found in pattern.finditer(material.report.plain, part.start, part.end):
                if not low <= float(found.group(1)) <= high:
                    yield defect(
                        material,
                        "SUV_IMPLAUSIBLE",
                        Span(start=found.start(), end=found.end()),
                        en="no reference region is so",
                        zh="参考区数值不合理",
                    )


NAMED_VALUES = {
    "LVEF": re.compile(
        r"(?:LV)?EF\s*(?:值)?\s*(?:约|为|:|=|≈)?\s*(\d{1,2}(?:\.\d+)?)\s*%?|射血分数\s*(?:\(?(?:LV)?EF\)?)?\s*(?:约|为|:|=)?\s*(\d{1,2}(?:\.\d+)?)",
        re.I,
    ),
    "left DRF": re.compile(r"左肾[^。;,右]{0,12}?(?:DRF|分肾功能|相对功能)[^。;,\d]{0,6}(\d{1,2}(?:\.\d+)?)\s*%", re.I),
    "right DRF": re.compile(r"右肾[^。;,左]{0,12}?(?:DRF|分肾功能|相对功能)[^。;,\d]{0,6}(\d{1,2}(?:\.\d+)?)\s*%", re.I),
}


@check
def ejection_fraction(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """LVEF stated twice differently for one condition, or against EDV and ESV."""
    if material.exam.type != "MPI":
        return
    plain = material.report.plain
    values = [
        (float(f.group(1) or f.group(2)), Span(start=f.start(), end=f.end()), _condition(plain, f.start()))
        for f in NAMED_VALUES["LVEF"].finditer(plain)
        if not _earlier(plain, f.start(), f.end())
    ]
    for number, (value, span, condition) in enumerate(values):
        for other, place, its in values[number + 1 :]:
            if (
                condition == its
                and abs(value - other) > 2
                and material.report.kind_at(span.start) != material.report.kind_at(place.start)
            ):
                yield defect(
                    material,
                    "VALUE_MISMATCH",
                    span,
                    place,
                    en=f"LVEF {value:g} % and {other:g} %",
                    zh=f"LVEF {value:g}% 与 {other:g}%",
                )
                return
    for found in re.finditer(
        r"EDV\s*(?:约|为|:|=)?\s*(\d+(?:\.\d+)?)\s*(?:mL|毫升)?[^。\n]{0,12}?ESV\s*(?:约|为|:|=)?\s*(\d+(?:\.\d+)?)",
        plain,
        re.I,
    ):
        near = [
            (value, span)
            for value, span, _ in values
            if abs(span.start - found.start()) < 80
            and plain.count("EF", min(span.start, found.start()), max(span.end, found.end())) <= 1
        ]
        volume = float(found.group(1))
        if near and volume > 0:
            expected = 100 * (volume - float(found.group(2))) / volume
            if abs(expected - near[0][0]) > 5:
                yield defect(
                    material,
                    "VALUE_MISMATCH",
                    near[0][1],
                    Span(start=found.start(), end=found.end()),
                    en=f"the volumes give {expected:.0f} %",
                    zh=f"按容积推算为 {expected:.0f}%",
                )


NUMBER = r"\s*(?:值|约|为|:|=|≈|分别为)*\s*(\d+(?:\.\d+)?)(?!\s*[-~～]\s*\d)"
SCORES = re.compile(r"\bSSS\b\D{0,6}(\d{1,2})\D{1,8}?\bSRS\b\D{0,6}(\d{1,2})\D{1,8}?\bSDS\b\D{0,6}(\d{1,2})(?!\d)", re.I)
ROUNDED = 1  # a program that leaves negative differences out gives an SDS a little higher


@check
def summed_scores(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """The summed difference score is stress less rest."""
    for found in SCORES.finditer(material.report.plain):
        stress, rest, difference = (int(one) for one in found.groups())
        if abs(stress - rest - difference) > ROUNDED and stress >= rest:
            yield defect(
                material, "SUM_MISMATCH", Span(start=found.start(), end=found.end()),
                en=f"{stress} - {rest} is not {difference}", zh=f"{stress} - {rest} 不为 {difference}",
            )  # fmt: skip


COUNTED = re.compile(
    r"共(?:见|有|计|检出)?\s*(\d{1,2})\s*(?:个|处|枚)[^。;\n]{0,24}?([左右])(?:侧|肺|叶)?[^。;\n\d左右]{0,4}(\d{1,2})\s*(?:个|处|枚)[^。;\n]{0,30}?([左右])(?:侧|肺|叶)?[^。;\n\d左右]{0,4}(\d{1,2})\s*(?:个|处|枚)"
)


@check
def counts(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """Lesions counted together and by side, in one sentence that counts nothing else."""
    plain = material.report.plain
    for part in material.report.of("findings", "impression"):
        for found in COUNTED.finditer(plain, part.start, part.end):
            left, right = context.sentence_around(plain, found.start(), found.end())
            others = len(re.findall(r"\d\s*(?:个|处|枚)", plain[left:right]))
            whole, one, other = (int(found.group(number)) for number in (1, 3, 5))
            if others == 3 and found.group(2) != found.group(4) and one + other != whole:
                yield defect(
                    material, "SUM_MISMATCH", Span(start=found.start(), end=found.end()),
                    en=f"{one} + {other} are not {whole}", zh=f"{one} + {other} 不为 {whole}",
                )  # fmt: skip


REPEATED = {
    "GFR L": re.compile(
        rf"左肾?\s*(?:的)?\s*GFR\s*\(?[^。;,\d右(]{{0,6}}{NUMBER}|left(?: kidney)? GFR[^.;,\d]{{0,6}}{NUMBER}", re.I
    ),
    "GFR R": re.compile(
        rf"右肾?\s*(?:的)?\s*GFR\s*\(?[^。;,\d左(]{{0,6}}{NUMBER}|right(?: kidney)? GFR[^.;,\d]{{0,6}}{NUMBER}", re.I
    ),
    "GFR": re.compile(rf"(?:总|双肾总?)\s*GFR[^。;,\d左右]{{0,6}}{NUMBER}|total GFR[^.;,\d]{{0,6}}{NUMBER}", re.I),
    **{name: re.compile(rf"\b{name}\b{NUMBER}") for name in ("SSS", "SRS", "SDS", "EDV", "ESV", "SUVR", "Centiloid")},
    "GFR of a kidney": re.compile(rf"(?<!总)(?<!总肾)GFR\s*\(?{NUMBER}\s*mL", re.I),
    "LVEF": re.compile(rf"(?:LV)?EF{NUMBER}\s*%"),
    "uptake": re.compile(rf"摄(?:锝|碘|取)率{NUMBER}\s*%"),
}
STATES = {name: re.compile("GFR") if name.startswith("GFR") else words for name, words in REPEATED.items()}


@check
def repeated_values(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A named number of the impression that no number before it equals, though the findings state it by the same name."""
    plain = material.report.plain
    concluded = material.report.of("impression")
    if not concluded or not material.report.has("findings"):
        return
    before, numbers = _before_impression(material)
    rates = _beside("GFR", before)
    rates += [one + other for number, one in enumerate(rates) for other in rates[number + 1 :]]  # a total that was not stated
    near = {"GFR": rates, "LVE": _beside("EF|射血", before)}
    for name, words in REPEATED.items():
        if not STATES[name].search(material.report.said("findings")):
            continue
        for part in concluded:
            for found in words.finditer(plain, part.start, part.end):
                value = next(float(one) for one in found.groups() if one)
                pool, least = (near[name[:3]], EXACT) if name[:3] in near else (numbers, WHOLE)
                if _earlier(plain, found.start(), found.end()) or any(abs(value - one) <= least for one in numbers):
                    continue
                if any(abs(value - one) <= (2 * WHOLE if name == "LVEF" else WHOLE) for one in pool):
                    continue
                yield _nowhere_before(material, found, value)
                return


def _nowhere_before(material: Material, found: re.Match[str], value: float) -> Defect:
    return defect(
        material, "VALUE_MISMATCH", Span(start=found.start(), end=found.end()),
        en=f"{value:g} stands nowhere before the impression", zh=f"{value:g} 未见于结论之前",
    )  # fmt: skip


def _before_impression(material: Material) -> tuple[str, list[float]]:
    """The text before the impression, and the numbers in it."""
    before = material.report.plain[: min(part.start for part in material.report.of("impression"))]
    return before, [float(one) for one in re.findall(r"(?<![\d.])\d+(?:\.\d+)?", before)]


WHOLE, EXACT = 0.51, 0.051  # rounding to the unit, and to the first decimal


def _beside(words: str, before: str) -> list[float]:
    """The numbers of the sentences that hold one of these words."""
    said = re.findall(rf"[^。\n]*(?:{words})[^。\n]*", before)
    return [float(one) for sentence in said for one in re.findall(r"\d+\.\d+|\d{2,}", sentence)]


TOLD_SUV = re.compile(r"SUV\s*(?:max|mean|peak)?\s*(?:约|为|:|=|≈)?\s*(\d+(?:\.\d+)?)(?!\s*[-~～]\s*\d|\d|[\d.]*\s*%)", re.I)


@check
def repeated_measures(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A size in two lengths or an SUV of the impression, of which a number stands nowhere before it."""
    plain = material.report.plain
    concluded = material.report.of("impression")
    if not concluded or not material.report.has("findings"):
        return
    _, numbers = _before_impression(material)
    said = material.report.said("findings")

    def known(value: float, least: float) -> bool:
        return any(abs(value - one) <= max(least, 0.06 * value) for one in numbers)

    for part in concluded:
        for found in SIZE.finditer(plain, part.start, part.end):
            lengths = [float(one) for one in (found.group(1), found.group(3), found.group(5)) if one]
            told = [one for one in lengths if not (known(one, 0.051) or known(10 * one, 0.51) or known(one / 10, 0.051))]
            if (
                len(lengths) >= 2
                and told
                and re.search(r"\d\s*x\s*\d|[cm]mx", said)
                and not _earlier(plain, found.start(), found.end())
            ):
                yield _nowhere_before(material, found, told[0])
                return
        for found in TOLD_SUV.finditer(plain, part.start, part.end):
            value = float(found.group(1))
            if TOLD_SUV.search(said) and not known(value, 0.051) and not _earlier(plain, found.start(), found.end()):
                yield _nowhere_before(material, found, value)
                return


def _condition(plain: str, position: int) -> str:
    left = max(plain.rfind(sign, 0, position) for sign in "。\n;") + 1
    said = plain[left:position]
    return max(("负荷", "静息", "stress", "rest"), key=said.rfind) if re.search(r"负荷|静息|stress|rest", said) else ""


def _earlier(plain: str, start: int, end: int) -> bool:
    """Whether a value is the earlier examination's: 原, 前次, 由…降至, a date beside it."""
    left, right = context.clause_around(plain, start, end)
    return bool(
        re.search(
            r"原|前次|上次|既往|[术疗入]前|由|从|→|基线|正常(?:值|参考)|参考(?:值|范围)|prior|previous|20\d\d[-./年]",
            plain[left:right],
        )
    )


SPLIT = re.compile(
    r"(?<![A-Za-z])L\s*[:=]?\s*(\d{1,3}(?:\.\d+)?)\s*%\s*[、,/;]?\s*R\s*[:=]?\s*(\d{1,3}(?:\.\d+)?)\s*%|left(?: kidney)?[^。;\n%]{0,12}?(\d{1,3}(?:\.\d+)?)\s*%[^。;\n%]{0,14}?right(?: kidney)?[^。;\n%]{0,12}?(\d{1,3}(?:\.\d+)?)\s*%|左(?:肾|侧)?[^。;\n右%]{0,12}?(\d{1,3}(?:\.\d+)?)\s*%[^。;\n%]{0,14}?右(?:肾|侧)?[^。;\n%]{0,12}?(\d{1,3}(?:\.\d+)?)\s*%|右(?:肾|侧)?[^。;\n左%]{0,12}?(\d{1,3}(?:\.\d+)?)\s*%[^。;\n%]{0,14}?左(?:肾|侧)?[^。;\n%]{0,12}?(\d{1,3}(?:\.\d+)?)\s*%",
    re.I,
)
GFR_PARTS = re.compile(
    r"GFR[^。\n]{0,20}?left(?: kidney)?[^。;\n\d]{0,8}(\d+(?:\.\d+)?)[^。;\n]{0,24}?right(?: kidney)?[^。;\n\d]{0,8}(\d+(?:\.\d+)?)[^。;\n]{0,24}?total[^。;\n\d]{0,8}(\d+(?:\.\d+)?)|GFR[^。\n]{0,20}?左(?:肾|侧)?[^。;\n\d右]{0,8}(\d+(?:\.\d+)?)[^。;\n]{0,16}?右(?:肾|侧)?[^。;\n\d]{0,8}(\d+(?:\.\d+)?)[^。;\n]{0,20}?(?:总|双肾|合计|total)[^。;\n\d]{0,8}(\d+(?:\.\d+)?)|(?:总GFR|GFR总|双肾(?:总)?GFR|总肾?(?:GFR|小球滤过率))[^。;\n\d]{0,8}(\d+(?:\.\d+)?)[^。\n]{0,24}?左(?:肾|侧)?[^。;\n\d]{0,8}(\d+(?:\.\d+)?)(?![\d.]*\s*%)[^。;\n]{0,16}?右(?:肾|侧)?[^。;\n\d]{0,8}(\d+(?:\.\d+)?)(?![\d.]*\s*%)|左(?:肾|侧)?\s*GFR[^。;\n\d]{0,6}(\d+(?:\.\d+)?)[^。;\n]{0,16}?右(?:肾|侧)?\s*GFR[^。;\n\d]{0,6}(\d+(?:\.\d+)?)[^。;\n]{0,16}?(?:总|双肾|合计)[^。;\n\d]{0,8}(\d+(?:\.\d+)?)",
    re.I,
)


@check
def renal_sums(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """Split functions make 100, single-kidney GFRs make the total, and both tell the same share."""
    if material.exam.titled == "OTHER" and re.search(r"肺[^\n]{0,8}(?:灌注|通气)", material.report.plain):
        yield from _lung_sums(material)
    if material.exam.type != "RENAL":
        return
    plain = material.report.plain
    shares: list[tuple[float, float, Span]] = []
    for found in SPLIT.finditer(plain):
        if _earlier(plain, found.start(), found.end()):
            continue
        numbers = [float(value) for value in found.groups() if value]
        left, right = reversed(numbers) if found.group().startswith("右") else numbers
        span = Span(start=found.start(), end=found.end())
        if abs(left + right - 100) > 1.05:
            yield defect(
                material,
                "SUM_MISMATCH",
                span,
                en=f"{left:g} % + {right:g} % = {left + right:g} %",
                zh=f"{left:g}% + {right:g}% = {left + right:g}%",
            )
        shares.append((left, right, span))
    for found in GFR_PARTS.finditer(plain):
        numbers = [float(value) for value in found.groups() if value]
        parts, total = (numbers[1:], numbers[0]) if found.group(7) else (numbers[:2], numbers[2])
        if abs(sum(parts) - total) > max(1.05, 0.02 * total):
            yield defect(
                material,
                "SUM_MISMATCH",
                Span(start=found.start(), end=found.end()),
                en=f"the parts make {sum(parts):g}, not {total:g}",
                zh=f"分项之和为 {sum(parts):g}，所示合计为 {total:g}",
            )
    for number, (left, _, span) in enumerate(shares):
        for other, _, place in shares[number + 1 :]:
            if abs(left - other) > 2:
                yield defect(
                    material,
                    "VALUE_MISMATCH",
                    span,
                    place,
                    en=f"left {left:g} % and {other:g} %",
                    zh=f"左肾 {left:g}% 与 {other:g}%",
                )
    yield from _single_share(material, shares)


LUNGS = re.compile(
    r"左(?:侧)?肺\s*(?:占|为|:)?\s*(\d{1,3}(?:\.\d+)?)\s*%[^。;\n%]{0,8}右(?:侧)?肺\s*(?:占|为|:)?\s*(\d{1,3}(?:\.\d+)?)\s*%"
)


def _lung_sums(material: Material) -> Iterator[Defect]:
    """The shares of both lungs make 100."""
    for found in LUNGS.finditer(material.report.plain):
        left, right = (float(value) for value in found.groups())
        if abs(left + right - 100) > 1.05:
            yield defect(
                material, "SUM_MISMATCH", Span(start=found.start(), end=found.end()),
                en=f"{left:g} % + {right:g} % = {left + right:g} %", zh=f"{left:g}% + {right:g}% = {left + right:g}%",
            )  # fmt: skip


def _single_share(material: Material, shares: list[tuple[float, float, Span]]) -> Iterator[Defect]:
    """The share of one kidney in the impression against the pair in the findings."""
    if not shares:
        return
    for side, own in (("left DRF", 0), ("right DRF", 1)):
        for found in NAMED_VALUES[side].finditer(material.report.plain):
            value, pair = float(found.group(1)), shares[0][:2]
            inside = any(span.start <= found.start() < span.end for _, _, span in shares)
            if not inside and abs(value - pair[own]) > 2 and material.report.kind_at(found.start()) in CONCLUDING:
                yield defect(
                    material,
                    "VALUE_MISMATCH",
                    shares[0][2],
                    Span(start=found.start(), end=found.end()),
                    en=f"{shares[0][own]:g} % and {value:g} %",
                    zh=f"{shares[0][own]:g}% 与 {value:g}%",
                )


@check
def lesion_values(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """The size or SUV the impression repeats of an organ, which the findings give otherwise."""
    findings = [f for f in material.frames if f.part == "findings"]
    for one in material.frames:
        if one.part != "impression" or one.compared or one.advised or not (one.sizes or one.suvs):
            continue
        same = [
            f
            for f in findings
            if f.organ.id == one.organ.id
            and (not f.side or not one.side or f.side == one.side)
            and (not f.levels or not one.levels or set(f.levels) & set(one.levels))
        ]
        for kind in ("sizes", "suvs"):
            stated = [value for f in same for value in getattr(f, kind)]
            told = _numbers_of(material, same, kind)
            wrong = [
                value
                for value in getattr(one, kind)
                if told and not any(abs(value - other) <= max(0.051, 0.06 * other) for other in told)
            ]
            if stated and wrong and len(same) <= 3:
                yield defect(
                    material,
                    "VALUE_MISMATCH",
                    same[0].words,
                    one.words,
                    en=f"{wrong[0]:g} in the impression",
                    zh=f"结论为 {wrong[0]:g}，与所见不一",
                )
                break


def _numbers_of(material: Material, same: list[Frame], kind: str) -> list[float]:
    """Every length in mm, or every number, in the sentences of these frames: what the impression may be repeating."""
    found: list[float] = []
    for f in same:
        left, right = context.sentence_around(material.report.plain, f.words.start, f.words.end)
        said = material.report.plain[left:right]
        if kind == "sizes":
            for one in SIZE.finditer(said):
                factor = 1.0 if (one.group(6) or "").lower() in ("mm", "毫米") else 10.0
                found += [float(value) * factor for value in (one.group(1), one.group(3), one.group(5)) if value]
                found += [float(value) * 1.0 for value in (one.group(1), one.group(3)) if value]
        else:
            found += [float(value) for value in re.findall(r"\d+(?:\.\d+)?", said)]
    return found


MINUTES = re.compile(
    r"(?:后|间隔|等待|休息|uptake(?: time)?|after)\s*(?:约|≈)?\s*(\d+(?:\.\d+)?)\s*(min|分钟?|h\b|小时)|(\d+(?:\.\d+)?)\s*(min|分钟?|h\b|小时)\s*后",
    re.I | re.A,
)


@check
def clock(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """The stated uptake time against the clock times of injection and scan."""
    injected, scanned = clock_minutes(material, INJECTED_AT), clock_minutes(material, SCANNED_AT)
    if injected is None or scanned is None:
        return
    passed = scanned[0] - injected[0]
    if passed < 0:
        yield defect(
            material, "TIME_ARITHMETIC", injected[1], scanned[1], en="the scan begins before the injection", zh="采集早于注射"
        )
        return
    for stated, span in _waits(material):
        if abs(stated - passed) > max(5.0, 0.1 * passed):
            yield defect(
                material, "TIME_ARITHMETIC", span, injected[1], scanned[1],
                en=f"the clock gives {passed} min", zh=f"按时刻推算为 {passed} min",
            )  # fmt: skip
            return


def _waits(material: Material) -> Iterator[tuple[float, Span]]:
    """Stated waits between injection and scan, in minutes."""
    for part in material.report.of("technique", "header", "clinical"):
        for found in MINUTES.finditer(material.report.plain, part.start, part.end):
            left, right = context.clause_around(material.report.plain, found.start(), found.end())
            if re.search(r"空腹|禁食|饮水|呋塞米|速尿|延迟|排尿", material.report.plain[left:right]):
                continue
            value, unit = (found.group(1), found.group(2)) if found.group(1) else (found.group(3), found.group(4))
            stated = float(value) * (60 if unit.lower() in ("h", "小时") else 1)
            if 10 <= stated <= 600:
                yield stated, Span(start=found.start(), end=found.end())


DATED = re.compile(r"(?<![\d.-])(20\d{2}|19\d{2})\s*[-./年]\s*(1[0-2]|0?[1-9])\s*[-./月]\s*(3[01]|[12]\d|0?[1-9])(?!\d)\s*日?")


REPUBLIC = re.compile(r"(?<![\d/.-])(1[01]\d)\s*[/.年-]\s*(\d{1,2})\s*[/.月-]\s*(\d{1,2})(?!\d)")  # 114/02/26 of Taiwan


def date_in(plain: str, span: Span) -> datetime.date | None:
    """The full date within a stretch of text, or None."""
    found = DATED.search(plain, span.start, span.end)
    compact = re.search(r"(20\d{2})(0[1-9]|1[0-2])([0-2]\d|3[01])", plain[span.start : span.end])
    digits = found.groups() if found else compact.groups() if compact else None
    since_1911 = REPUBLIC.search(plain, span.start, span.end) if digits is None else None
    try:
        if since_1911:
            year, month, day = (int(one) for one in since_1911.groups())
            return datetime.date(year + 1911, month, day)
        return datetime.date(*(int(one) for one in digits)) if digits else None
    except ValueError:
        return None


@check
def dates(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """Report before examination; an earlier study or treatment dated after this one; a report later than the centre allows."""
    plain = material.report.plain
    examined, reported = exam_date(material), report_date(material)
    done = date_in(plain, examined) if examined else None
    written = date_in(plain, reported) if reported else None
    if examined and reported and done and written:
        # 登记与审签:6月12日检查;6月13日审签
        named_behind = re.match(r"(?:检查|显像|扫描)(?=[;,。\n])", plain[reported.end :]) or re.match(
            r"(?:审签|签发|报告|出具|审核)(?=[;,。\n])", plain[examined.end :]
        )
        if written < done and not named_behind:
            yield defect(
                material, "DATE_ORDER", examined, reported, en="reported before it was examined", zh="报告日期早于检查日期"
            )
        elif setting.report_within_days is not None and (written - done).days > setting.report_within_days:
            yield defect(
                material, "TAT_LONG", examined, reported, en=f"{(written - done).days} days", zh=f"{(written - done).days} 天"
            )
    if examined is None or done is None:
        return
    for part in material.report.of("clinical", "comparison", "technique", "findings"):
        for found in DATED.finditer(plain, part.start, part.end):
            span = Span(start=found.start(), end=found.end())
            day = date_in(plain, span)
            left, right = context.clause_around(plain, span.start, span.end)
            if day and day > done and not re.search(r"拟|计划|预约|建议|下次|将于|报告|审核", plain[left:right]):
                yield defect(
                    material,
                    "DATE_ORDER",
                    span,
                    examined,
                    en="an earlier event dated after this examination",
                    zh="既往事件晚于本次检查",
                )


GLUCOSE = re.compile(r"(?:血糖|FBG|GLU|FPG|glucose|blood sugar)[^。;,\n\d]{0,14}(\d+(?:\.\d+)?)\s*(mmol|mg)?", re.I)


@check
def glucose(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """A high blood glucose of which neither effect nor measure is mentioned."""
    if material.exam.type != "FDG_PETCT":
        return
    book = rule_book()["uncommented_glucose"]
    for part in material.report.of("technique", "header", "clinical"):
        for found in GLUCOSE.finditer(material.report.plain, part.heading.start if part.heading else part.start, part.end):
            value = float(found.group(1)) / (18.0 if found.group(2) == "mg" else 1.0)
            if value > book["above_mmol_l"] and value < 60 and not re.search(book["comment"], material.report.plain, re.I):
                yield defect(
                    material,
                    "GLUCOSE_HIGH_UNCOMMENTED",
                    Span(start=found.start(), end=found.end()),
                    citation=book["citation"],
                    en=f"{value:.1f} mmol/L",
                    zh=f"{value:.1f} mmol/L",
                )


STATED = {
    "activity_mbq": ACTIVITY,
    "weight_kg": re.compile(r"(?:体重\s*[:|]?\s*|(?<![\d.]))(\d{1,3}(?:\.\d+)?)\s*(kg|公斤|千克)(?!\s*[/·])", re.I),
    "height_cm": re.compile(r"(?:身高\s*[:|]?\s*)(\d{2,3}(?:\.\d+)?)\s*(cm|厘米)", re.I),
    "glucose_mmol_l": GLUCOSE,
}
AGREES = {
    "activity_mbq": 0.15,
    "weight_kg": 0.05,
    "height_cm": 0.03,
    "glucose_mmol_l": 0.10,
}  # rounding, decay between assay and injection


@check
def study_header(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """Activity, weight, height and glucose of the report against those of the study's DICOM header, where they were given."""
    for name, pattern in STATED.items():
        if name not in material.header:
            continue
        wanted = float(material.header[name])
        found = [
            one
            for part in material.report.of("technique", "header", "clinical")
            for one in pattern.finditer(material.report.plain, part.start, part.end)
        ]
        values = [_mbq(one.group(1), one.group(2)) if name == "activity_mbq" else float(one.group(1)) for one in found]
        if values and all(abs(value - wanted) > AGREES[name] * wanted for value in values):
            yield _against_header(
                material, "VALUE_MISMATCH", Span(start=found[0].start(), end=found[0].end()), f"{wanted:g}", f"{wanted:g}"
            )


def _against_header(material: Material, code: str, span: Span, en: str, zh: str) -> Defect:
    return defect(
        material, code, span, en=f"the study's header has {en}", zh=f"影像文件头为 {zh}", citation="DICOM header of the study"
    )


CLOCK_AGREES_MIN, WAIT_AGREES_MIN, WAIT_AGREES = 10, 10, 0.15  # clocks of two rooms; a scan's series begins with its first bed


@check
def study_clock(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """Times of injection and scan, and the wait between them, against the study's DICOM header."""
    header = {name: _minutes(material.header.get(name, "")) for name in ("injected_at", "scanned_at")}
    for name, pattern in (("injected_at", INJECTED_AT), ("scanned_at", SCANNED_AT)):
        wanted, told = header[name], clock_minutes(material, pattern)
        if wanted is not None and told and abs(told[0] - wanted) > CLOCK_AGREES_MIN:
            shown = material.header[name]
            yield _against_header(material, "TIME_ARITHMETIC", told[1], shown, shown)
    injected, scanned = header["injected_at"], header["scanned_at"]
    if injected is None or scanned is None or scanned <= injected:
        return
    passed = scanned - injected
    for minutes, span in _waits(material):
        if abs(minutes - passed) > max(WAIT_AGREES_MIN, WAIT_AGREES * passed):
            yield _against_header(material, "TIME_ARITHMETIC", span, f"{passed} min", f"{passed} min")
        return


def _minutes(clock: str) -> int | None:
    found = re.fullmatch(r"(\d{2}):(\d{2})", clock)
    return int(found.group(1)) * 60 + int(found.group(2)) if found else None


@check
def study_tracer(material: Material, elements: Elements, setting: Setting) -> Iterator[Defect]:
    """The tracer of the method against the radiopharmaceutical and the nuclide of the study's DICOM header."""
    told = [one for one in material.exam.tracers if one.part in ("technique", "header")]
    ligand = ligand_in(material.header.get("study_tracer", ""))
    if told and ligand and all(one.ligand != ligand for one in told):
        shown = material.header["study_tracer"]
        yield _against_header(material, "TRACER_EXAM_MISMATCH", told[0].span, shown, shown)
        return
    nuclide = nuclide_in(material.header.get("study_nuclide", ""))
    named = [one for one in told if one.nuclide]
    if nuclide and named and all(one.nuclide != nuclide for one in named):
        shown = material.header["study_nuclide"]
        yield _against_header(material, "TRACER_EXAM_MISMATCH", named[0].span, shown, shown)
