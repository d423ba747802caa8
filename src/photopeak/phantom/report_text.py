"""Fictitious reports of known truth: what stands in them, what was left out, and which one contradiction was planted.

The words come from report_phrases/*.toml, one bank a style, written from the table of elements apart from the rules that read reports.
A bank lays out a report in lines; `{element}` is replaced by one of its phrases, or by nothing where the element is left out, and `<value>`
by what the case holds. Every planted contradiction has a known effect; `OPERATORS` change the writing and must change no verdict.
"""

from __future__ import annotations

import datetime
import random
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import Any

from photopeak.phantom import report_special
from photopeak.phantom.report_special import SPECIAL, Study

STYLES = ("tertiary", "county", "form", "paragraph", "english", "terse", "numbered", "narrative", "taiwan")
KINDS = ("FDG", "BONE", "PSMA", "RENAL", *SPECIAL)
TYPES = {
    "FDG": "FDG_PETCT", "BONE": "BONE_SCAN", "PSMA": "PSMA_PETCT", "RENAL": "RENAL", "MPI": "MPI", "IODINE": "I131_WBS", "THYROID": "THYROID",
}  # fmt: skip
TRACERS = {
    "FDG": "18F-FDG", "BONE": "99mTc-MDP", "PSMA": "68Ga-PSMA-11", "RENAL": "99mTc-DTPA", "MPI": "99mTc-MIBI", "IODINE": "131I", "THYROID": "99mTcO4-",
}  # fmt: skip
TITLES = {
    "zh": {"FDG": "18F-FDG PET/CT", "BONE": "全身骨显像", "PSMA": "68Ga-PSMA-11 PET/CT", "RENAL": "肾动态显像"},
    "tw": {"FDG": "18F-FDG PET/CT", "BONE": "全身骨骼掃描", "PSMA": "68Ga-PSMA-11 PET/CT", "RENAL": "腎動態造影"},
    "en": {"FDG": "18F-FDG PET/CT", "BONE": "Bone scan", "PSMA": "68Ga-PSMA-11 PET/CT", "RENAL": "Dynamic renal scintigraphy"},
}
ONLY = {"glucose": ("FDG",), "height_weight": ("FDG", "PSMA"), "psa": ("PSMA",), "ct_technique": ("FDG", "PSMA")}
NOT_OF = {"uptake_time": ("RENAL",), "range": ("RENAL", "MPI", "THYROID")}
KEPT = ("route", "psa")  #: never left out: other phrases speak of them (an injection, a biochemical recurrence)
MBQ = {
    "FDG": (185, 370), "BONE": (740, 925), "PSMA": (110, 185), "RENAL": (150, 220), "MPI": (740, 925), "IODINE": (1110, 5550), "THYROID": (111, 185),
}  # fmt: skip
MINUTES = {"BONE": (150, 240), "MPI": (45, 75), "THYROID": (20, 30)}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTruth:
    """What is known of a written report: its kind, style, the status of each element, and the planted contradiction."""

    kind: str
    style: str
    report_type: str
    elements: Mapping[str, str]
    defects: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Lesion:
    """A lesion as the bank writes it: site id, side ("" where there is none), level, two lengths in cm, SUVmax."""

    site: str
    side: str
    level: int
    a: float
    b: float
    suv: float
    name: int = 0


@dataclass(slots=True, kw_only=True)
class Case:
    """Everything one report is written from; planting a contradiction changes it."""

    kind: str
    language: str
    values: dict[str, str]
    found: list[Lesion]
    concluded: list[Lesion]
    denied: set[str] = field(default_factory=set)  #: sites the findings call normal although the impression names them
    normals: list[str] = field(default_factory=list)
    repeated: bool = False
    critical: bool = False
    called: bool = True
    pasted: bool = False
    tracer: str = ""
    activity: str = ""
    renal: tuple[float, float, float] = (0.0, 0.0, 0.0)
    study: Study | None = None  #: of the heart, radioiodine and the thyroid


@cache
def bank(style: str) -> Mapping[str, Any]:
    """The phrases of a style."""
    return _read(f"{style}.toml")


@cache
def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads((resources.files("photopeak.phantom") / "report_phrases" / name).read_text("utf-8"))


def report_text(
    *, seed: int, style: str, kind: str = "FDG", left_out: float = 0.0, defect: str = "", operator: str = ""
) -> tuple[str, ReportTruth]:
    """One report in `style`: each element left out with probability `left_out`, `defect` planted, written through `operator`.

    Raises KeyError for an unknown style, defect or operator, and ValueError where the defect does not suit the kind.
    """
    chance = random.Random(f"{seed}/{style}/{kind}/{defect}")
    phrases = bank(style)
    case = _case(chance, phrases["language"], kind, phrases["date"])
    if defect:
        PLANTED[defect](case, chance)
    missing = {
        name
        for name in _elements(phrases, kind)
        if name not in (*KEPT, *report_special.SAID_BY_OTHERS.get(kind, ()))
        and chance.random() < left_out
        and not (defect and name in ("sex", "age", "lvef"))
    }
    text = _written(chance, phrases, case, missing)
    elements = {name: "absent" if name in missing else "present" for name in _elements(phrases, kind)}
    if kind == "RENAL":
        elements["uptake_time"] = "not_applicable"
    truth = ReportTruth(kind=kind, style=style, report_type=TYPES[kind], elements=elements, defects=(defect,) if defect else ())
    return (OPERATORS[operator](text) if operator else text), truth


def _elements(phrases: Mapping[str, Any], kind: str) -> list[str]:
    named = [name for name in phrases["element"] if kind in ONLY.get(name, KINDS) and kind not in NOT_OF.get(name, ())]
    return named + (report_special.elements(phrases["language"], kind) if kind in SPECIAL else [])


def _case(chance: random.Random, language: str, kind: str, dated: str) -> Case:
    words = _read("content.toml")[language]
    own = report_special.words(language, kind) if kind in SPECIAL else words[kind]
    male = kind == "PSMA" or (kind != "FDG" and chance.random() < 0.5) or chance.random() < 0.5
    day = datetime.date(2025, 1, 6) + datetime.timedelta(days=chance.randrange(300))
    mbq = chance.randint(*MBQ[kind])
    age = chance.randint(35, 82)
    signed = chance.sample(words["doctors"], 2)
    values = {
        "hospital": chance.choice(words["hospitals"]), "name": chance.choice(words["names"]), "department": chance.choice(words["departments"]),
        "sex": _sex(language, male), "other_sex": _sex(language, not male), "age": str(age), "other_age": str(age - 20 if age > 58 else age + 17),
        "pid": str(chance.randint(100000, 9999999)), "eno": f"{chance.choice('PNKX')}{chance.randint(10000, 99999)}",
        "d0": (day - datetime.timedelta(days=chance.randint(60, 300))).strftime(dated), "d1": day.strftime(dated),
        "d2": (day + datetime.timedelta(days=chance.randint(0, 2))).strftime(dated), "dpsa": (day - datetime.timedelta(days=5)).strftime(dated),
        "disease": chance.choice([one for one in own["diseases"] if male or not re.search("前列腺|攝護腺|prostate", one)]), "treatment": chance.choice(own["treatments"]), "purpose": chance.choice(own["purposes"]),
        "mbq": str(mbq), "mci": f"{mbq / 37:.1f}", "minutes": str(chance.randint(*MINUTES.get(kind, (55, 75)))),
        "glucose": f"{chance.uniform(4.4, 7.2):.1f}", "height": str(chance.randint(152, 182)), "weight": str(chance.randint(46, 84)),
        "psa": f"{chance.uniform(0.4, 20):.2f}", "rate": str(chance.randint(96, 148)), "tsh": f"{chance.uniform(30, 120):.1f}", "tg": f"{chance.uniform(0.4, 60):.1f}", "author": signed[0], "reviewer": signed[1], "title": own["title"] if kind in SPECIAL else TITLES[language][kind], "male": "1" if male else "",
    }  # fmt: skip
    case = Case(kind=kind, language=language, values=values, found=[], concluded=[], tracer=TRACERS[kind])
    if kind == "RENAL":
        left, right = round(chance.uniform(22, 58), 1), round(chance.uniform(22, 58), 1)
        case.renal = (left, right, round(left + right, 1))
        return case
    if kind in SPECIAL:
        case.study = report_special.study(chance, language, kind)
        return case
    _lesions(case, chance)
    return case


def _sex(language: str, male: bool) -> str:
    return ("male" if male else "female") if language == "en" else ("男" if male else "女")


def _lesions(case: Case, chance: random.Random) -> None:
    """One to three lesions at different sites, the same in findings and impression, and the organs described as normal."""
    content = _read("content.toml")[case.language]
    sites = {name: site for name, site in content["sites"].items() if case.kind in site["kinds"]}
    paired = [name for name, site in sites.items() if site.get("paired")]
    first = chance.choice(paired)
    more = [name for name in sites if name.split("_")[0] != first.split("_")[0]]
    chosen = [first, *chance.sample(more, min(len(more), chance.randint(0, 2)))]
    if {"lung_upper", "lung_lower"} <= set(chosen):
        chosen.remove("lung_lower")
    for name in chosen:
        a = round(chance.uniform(1.2, 4.8), 1)
        lesion = Lesion(
            site=name, side=chance.choice("LR") if sites[name].get("paired") else "", level=chance.randint(3, 10), a=a,
            b=round(max(0.6, a * chance.uniform(0.6, 0.9)), 1), suv=round(chance.uniform(3.1, 18.9), 1), name=chance.randrange(3),
        )  # fmt: skip
        case.found.append(lesion)
        case.concluded.append(lesion)
    case.normals = chance.sample(sorted(content[case.kind]["normals"]), chance.randint(1, 2))


def _written(chance: random.Random, phrases: Mapping[str, Any], case: Case, missing: set[str]) -> str:
    values = dict(case.values)
    values |= {
        "tracer": case.tracer + " " * case.tracer[-1].isdigit(),
        "findings": _findings(chance, phrases, case, missing),
        "impression": _impression(chance, phrases, case, missing),
    }
    values["call"] = phrases["called"] if case.critical and case.called else ""
    if "hospital" in missing:
        values["hospital"] = ""
    kept = {
        name: chance.choice(options) if name not in missing and case.kind in ONLY.get(name, KINDS) and case.kind not in NOT_OF.get(name, ()) else ""
        for name, options in phrases["element"].items()
    }  # fmt: skip
    if case.study is not None:
        kept |= report_special.phrases(chance, phrases, case.study, missing)
    if case.activity:
        kept["activity"] = case.activity
    if case.pasted:
        kept["preparation"] = phrases["pasted"] + kept["preparation"]
    lines = []
    for line in phrases["layout"]:
        made = re.sub(r"\{(\w+)\}", lambda found: kept[found.group(1)], line)
        made = re.sub(r"<(\w+)>", lambda found: values.get(found.group(1), found.group()), made)
        lines.append(_tidy(re.sub(r"<(\w+)>", lambda found: values.get(found.group(1), found.group()), made)))
    return _joined(phrases, lines)


def _tidy(line: str) -> str:
    """Signs that an element left out would leave standing."""
    line = re.sub(r"([，；、,;])(?:[ 　]*[，；、,;])+", r"\1", line)
    return re.sub(r"[，；](?=。)|^[，；]+", "", line)


def _joined(phrases: Mapping[str, Any], lines: list[str]) -> str:
    kept: list[str] = []
    for number, line in enumerate(lines):
        following = lines[number + 1].strip() if number + 1 < len(lines) else ""
        empty = line in phrases.get("drop_empty", ()) or (line in phrases.get("drop_heading", ()) and not following)
        if not empty and line.strip():
            kept.append(line)
    return ("" if phrases.get("joined") else "\n").join(kept) + "\n"


def _findings(chance: random.Random, phrases: Mapping[str, Any], case: Case, missing: set[str]) -> str:
    content = _read("content.toml")[case.language]
    if case.study is not None:
        said = [report_special.findings(chance, case.study, content["sides"], missing)]
        said += [name + phrases["normal_end"] for name in case.normals]
        return "".join(said)
    if case.kind == "RENAL":
        left, right, total = case.renal
        share = 100 * left / (left + right)
        return _renal(case.language).format(left=left, right=right, total=total, a=share, b=100 - share)
    said = []
    for lesion in case.found:
        site = content["sites"][lesion.site]
        if lesion.site in case.denied:
            said.append(str(site["plain"]).replace("<S>", content["sides"].get(lesion.side, "")) + phrases["normal_end"])
        else:
            said.append(_lesion(chance.choice(_of_kind(phrases, "finding", case.kind)), lesion, content))
    normals = content[case.kind]["normals"]
    said += [chance.choice(normals[name]) + phrases["normal_end"] for name in case.normals if name in normals]
    said += [name + phrases["normal_end"] for name in case.normals if name not in normals]
    if case.critical:
        said.append(phrases["critical"].replace("<N>", "11"))
    return "".join(said) + str(chance.choice(phrases["rest"]))


def _of_kind(phrases: Mapping[str, Any], what: str, kind: str) -> list[str]:
    return list(phrases[f"{what}_bone"] if kind == "BONE" else phrases[what])


def _renal(language: str) -> str:
    said: dict[str, str] = {
        "en": "GFR (Gates): left kidney {left} mL/min, right kidney {right} mL/min, total {total} mL/min. Split function: left {a:.1f} %, right {b:.1f} %. Tmax and T1/2 are normal.",
        "tw": "GFR（Gates法）：左腎 {left} mL/min，右腎 {right} mL/min，總GFR {total} mL/min。分腎功能：左腎 {a:.1f}%，右腎 {b:.1f}%。曲線達峰及下降正常。",
        "zh": "GFR（Gates法）：左肾 {left} mL/min，右肾 {right} mL/min，总GFR {total} mL/min。分肾功能：左肾 {a:.1f}%，右肾 {b:.1f}%。肾图曲线达峰及下降正常。",
    }  # fmt: skip
    return said[language]


def _lesion(template: str, lesion: Lesion, content: Mapping[str, Any]) -> str:
    site = content["sites"][lesion.site]
    name = (
        site["names"][lesion.name % len(site["names"])]
        .replace("<S>", content["sides"].get(lesion.side, ""))
        .replace("<N>", str(lesion.level))
    )
    filled = {"site": name, "noun": site["noun"], "a": lesion.a, "b": lesion.b, "suv": lesion.suv}
    return re.sub(r"<(\w+)>", lambda found: str(filled.get(found.group(1), found.group())), template)


def _impression(chance: random.Random, phrases: Mapping[str, Any], case: Case, missing: set[str]) -> str:
    content = _read("content.toml")[case.language]
    if case.study is not None:
        return report_special.impression(chance, case.study, content["sides"], missing)
    if case.kind == "RENAL":
        return {"en": "Mildly reduced renal function. ", "tw": "腎功能輕度減低。"}.get(case.language, "肾功能轻度减低。")
    templates = _of_kind(phrases, "concluded", case.kind)
    said = []
    for lesion in case.concluded:
        template = phrases["repeated"] if case.repeated and case.kind != "BONE" else chance.choice(templates)
        if chance.random() < 0.5:  # another name of the same place, which must not matter
            lesion = Lesion(
                **{**{key: getattr(lesion, key) for key in ("site", "side", "level", "a", "b", "suv")}, "name": lesion.name + 1}
            )
        said.append(_lesion(template, lesion, content))
    if not said:
        return str(chance.choice(phrases["clean"]))
    if case.critical:
        said.append(phrases["critical"].replace("<N>", "11"))
    return "".join(said)


def _changed(lesion: Lesion, **new: Any) -> Lesion:
    return Lesion(**{**{key: getattr(lesion, key) for key in Lesion.__slots__}, **new})


PLANTED: dict[str, Callable[[Case, random.Random], None]] = {}


def _plants(code: str, *kinds: str) -> Callable[[Callable[[Case, random.Random], None]], Callable[[Case, random.Random], None]]:
    def enter(run: Callable[[Case, random.Random], None]) -> Callable[[Case, random.Random], None]:
        def planted(case: Case, chance: random.Random) -> None:
            if case.kind not in kinds:
                raise ValueError(f"{code} is not planted in {case.kind}")
            run(case, chance)

        PLANTED[code] = planted
        SUITS[code] = kinds
        return run

    return enter


SUITS: dict[str, tuple[str, ...]] = {}
IMAGED = ("FDG", "BONE", "PSMA")


@_plants("LATERALITY_MISMATCH", *IMAGED, "IODINE", "THYROID")
def _other_side(case: Case, chance: random.Random) -> None:
    if case.study is not None:
        case.study.told_side = {"L": "R", "R": "L"}[case.study.side]
        return
    case.concluded[0] = _changed(case.concluded[0], side={"L": "R", "R": "L"}[case.concluded[0].side])


@_plants("NEGATION_CONTRADICTION", *IMAGED, *SPECIAL)
def _called_normal(case: Case, chance: random.Random) -> None:
    if case.study is not None:
        case.study.abnormal = case.study.denied = True
        return
    case.denied.add(case.found[0].site)


@_plants("IMPRESSION_NOT_IN_FINDINGS", "FDG", "IODINE")
def _only_concluded(case: Case, chance: random.Random) -> None:
    if case.study is not None:
        case.study.extra = chance.choice(report_special.words(case.language, "IODINE")["sites"]["extra"])
        return
    sites = _read("content.toml")[case.language]["sites"]
    free = [
        name
        for name in ("pancreas", "adrenal", "liver", "axilla")
        if name in sites and name not in {one.site for one in case.found}
    ]
    name = chance.choice(free)
    case.concluded = [*case.concluded, _changed(case.found[0], site=name, side="R" if sites[name].get("paired") else "")]


@_plants("SEX_ORGAN", "FDG", "BONE")
def _organ_of_the_other(case: Case, chance: random.Random) -> None:
    organ = {"en": ("uterus", "prostate"), "tw": ("子宮", "攝護腺")}.get(case.language, ("子宫", "前列腺"))[
        0 if case.values["male"] else 1
    ]
    case.normals.append({"en": f"The {organ} is unremarkable", "tw": f"{organ}無異常"}.get(case.language, f"{organ}未见异常"))
    if case.kind == "BONE":  # the disease must not give it away
        case.values["disease"] = {"en": "lung cancer", "tw": "肺癌"}.get(case.language, "肺癌")


@_plants("TRACER_EXAM_MISMATCH", *IMAGED, *SPECIAL)
def _other_tracer(case: Case, chance: random.Random) -> None:
    case.tracer = chance.choice(
        [tracer for kind, tracer in TRACERS.items() if kind not in (case.kind, "RENAL") and (case.kind, kind) not in FITTING]
    )


FITTING = {("MPI", "FDG"), ("THYROID", "IODINE")}  # tracers that the examination may be made with as well


@_plants("UNIT_CONVERSION", *IMAGED, *SPECIAL)
def _two_units(case: Case, chance: random.Random) -> None:
    wrong = int(float(case.values["mbq"]) * chance.choice((0.1, 10, 0.74, 1.35)))
    case.activity = f" {case.values['mci']} mCi ({wrong} MBq)" + (" of " if case.language == "en" else "")


@_plants("ACTIVITY_IMPLAUSIBLE", *IMAGED, *SPECIAL)
def _slipped_unit(case: Case, chance: random.Random) -> None:
    wrong = (
        f"{case.values['mbq']} mCi"
        if case.kind in ("IODINE", "THYROID")
        else chance.choice((f"{case.values['mci']} MBq", f"{case.values['mbq']}0 MBq", f"{case.values['mbq']} mCi"))
    )
    case.activity = f" {wrong}" + (" of " if case.language == "en" else "")


@_plants("SUV_IMPLAUSIBLE", "FDG")
def _slipped_point(case: Case, chance: random.Random) -> None:
    lesion = _changed(case.found[0], suv=chance.randint(65, 189))
    case.found[0] = lesion
    case.concluded[0] = lesion


@_plants("VALUE_MISMATCH", "FDG", "PSMA", "MPI")
def _other_size(case: Case, chance: random.Random) -> None:
    if case.study is not None:
        case.study.told_ef += chance.choice((-14, -9, 11, 16))
        return
    case.repeated = True
    lesion = case.concluded[0]
    case.concluded[0] = _changed(lesion, a=round(lesion.a + chance.choice((1.6, 2.3, 3.1)), 1))


@_plants("SUM_MISMATCH", "RENAL")
def _other_total(case: Case, chance: random.Random) -> None:
    left, right, total = case.renal
    case.renal = (left, right, round(total + chance.choice((-9.0, 8.0, 10.0)), 1))


@_plants("CRITICAL_NOT_COMMUNICATED", *IMAGED)
def _nobody_called(case: Case, chance: random.Random) -> None:
    case.critical, case.called = True, False


@_plants("COPY_PASTE", *IMAGED, *SPECIAL)
def _another_patient(case: Case, chance: random.Random) -> None:
    if case.language == "en":
        case.normals.append(f"The patient is a {case.values['other_age']}-year-old {case.values['other_sex']}")
    else:
        case.pasted = True


def _wide(text: str) -> str:
    """ASCII letters, digits and signs in full width."""
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


def _narrow(text: str) -> str:
    """Chinese signs in half width."""
    return text.translate(str.maketrans("，；：（）　", ",;:() "))


def _sides_in_both(text: str) -> str:
    """Left and right exchanged throughout: another patient, no contradiction."""
    text = text.translate(str.maketrans("左右", "右左"))
    return re.sub(r"\b(left|right)\b", lambda found: {"left": "right", "right": "left"}[found.group()], text)


def _renamed(text: str) -> str:
    """Other names of the same headings."""
    for old, new in (("检查所见", "影像表现"), ("影像所见", "检查表现"), ("诊断意见", "影像学诊断"), ("诊断结论", "检查印象"), ("檢查所見", "影像表現"), ("FINDINGS", "Description"), ("IMPRESSION", "Conclusion")):  # fmt: skip
        text = text.replace(old, new)
    return text


OPERATORS: dict[str, Callable[[str], str]] = {
    "full_width": _wide,
    "half_width": _narrow,
    "sides_in_both": _sides_in_both,
    "headings_renamed": _renamed,
    "windows_lines": lambda text: text.replace("\n", "\r\n"),
    "blank_lines": lambda text: text.replace("\n", "\n\n"),
    "tracer_written_otherwise": lambda text: text.replace("18F-FDG", "FDG（18F）").replace("99mTc-MDP", "99Tcm-MDP"),
    "plain_times": lambda text: text.replace("×", "*"),
}
