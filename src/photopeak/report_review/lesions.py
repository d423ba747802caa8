"""Lesion frames: what a clause says of an organ, its side, sub-site and level, with size and uptake, affirmed or denied.

A frame belongs to one mention of an organ. Its words are the clause of the mention and the clauses after it up to the next mention, so that
"L2 椎体右侧见浓聚,范围1.5cm,SUVmax 7" is one frame; organs listed in one clause share their words.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Any

from photopeak.report_review import context
from photopeak.report_review.sections import Part, Report, Span

LEFT, RIGHT, BOTH = "L", "R", "B"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organ:
    """An entry of the anatomy."""

    id: str
    family: str
    paired: bool = False
    node: bool = False
    sex: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One organ in one stretch of text. `side` L, R, B or empty; `levels` such as T6, C3, rib 8, station 4; sizes in mm."""

    organ: Organ
    span: Span  #: the organ with its side and level
    words: Span  #: everything said of it
    part: str
    side: str = ""
    site: str = ""
    levels: tuple[str, ...] = ()
    abnormal: bool = False
    normal: bool = False  #: explicitly described as without abnormality
    rest: bool = False  #: "余…", "其余…": what was not named before
    uncertain: bool = False
    past: bool = False
    family_history: bool = False
    advised: bool = False
    compared: bool = False
    benign: bool = False
    uptake: bool = False
    sizes: tuple[float, ...] = ()
    suvs: tuple[float, ...] = ()


@cache
def _book() -> Mapping[str, Any]:
    return tomllib.loads((resources.files("photopeak.report_review") / "packs" / "anatomy.toml").read_text("utf-8"))


@cache
def organs() -> dict[str, Organ]:
    """Every organ by the words that name it (English ones in lower case)."""
    found: dict[str, Organ] = {}
    for row in _book()["organ"]:
        one = Organ(**{key: row[key] for key in ("id", "family", "paired", "node", "sex") if key in row})
        found |= {
            word: one for word in (*row["words"], *(word.lower() for word in (*row["words"], *row["en"]) if word.isascii()))
        }
    return found


@cache
def covers() -> Mapping[str, list[str]]:
    return dict(_book()["covers"])


LEVEL = r"(?<![A-Za-z0-9])[CTLS][1-9]\d?(?:\s*[-~/、,]\s*[CTLS]?(?:1[0-2]|[1-9])(?![\d.]|\s*[cm]m|[xX]))*(?![\d.]|\s*[cm]m|[A-Za-z])|第?\s*\d{1,2}(?:\s*[-~、/,]\s*\d{1,2})*\s*(?:[颈胸腰骶]椎)|[颈胸腰骶]\s*椎?\s*\d{1,2}(?:\s*[-~、/]\s*\d{1,2})*(?!\s*(?:cm|mm|个|mCi|分|次|周|月))(?:椎体?)?"
RIB = r"第?\s*\d{1,2}(?:\s*[-~、/,]\s*(?:第\s*)?\d{1,2})*\s*(?:[前后侧腋]?肋骨?(?![-~]))"


@cache
def _mention() -> re.Pattern[str]:
    excluded = sorted(_book()["not_an_organ"]["words"], key=len, reverse=True)
    chinese = sorted((w for w in organs() if not w.isascii()), key=len, reverse=True)
    english = sorted((w for w in organs() if w.isascii()), key=len, reverse=True)
    stations = [w for w in english if w[0].isdigit()]
    words = [w for w in english if not w[0].isdigit()]
    firsts = "".join(
        sorted({word[0] for word in (*excluded, *chinese) if not word.isascii()})
    )  # where anything may begin at all
    return re.compile(
        rf"(?=[A-Za-z0-9第左右双两峡颈胸腰骶{firsts}])(?:(?P<no>{'|'.join(map(re.escape, excluded))})|(?P<rib>{RIB})|(?P<level>{LEVEL})|(?P<organ>{'|'.join(map(re.escape, chinese))})"
        rf"|(?<![肺肝腺侧部体脏])(?P<lobe>[左右双两][侧]?叶|峡部|\b(?:left|right) lobe\b(?! of))"
        rf"|(?<![A-Za-z0-9.])(?P<station>{'|'.join(stations)})(?![A-Za-z0-9])|\b(?P<english>{'|'.join(map(re.escape, words))})(?:s|es)?\b)",
        re.I | re.A,
    )


AT_LEVEL = re.compile(
    r"平(?:对)?(?:第)?\s*\d*[CTLS颈胸腰骶]|相当于|(?:水平|平面)", re.A
)  # a vertebra that only tells the height of something else


PERFUSION = re.compile(r"灌注|心肌(?:显像|断层|代谢)|MIBI|室壁|myocardial|perfusion|左室", re.I)


@dataclass(frozen=True, slots=True)
class _Mention:
    organ: Organ
    start: int
    end: int
    levels: tuple[str, ...] = ()


OF_A_VERTEBRA = re.compile(r"(?:椎|骶骨|[TLC]\d{1,2})(?:体)?(?:及其?|与|、)?[左右双两]?侧?[^,。;]{0,4}$")
NEAR = re.compile(r"(?:邻近|靠近|近|紧贴|毗邻|贴近|紧邻)$")
MEASURE = re.compile(
    r"(?:[高低等介]于|超过|接近|不及|[强弱]于|类似于?|相当于|above|below|than|equal to)(?:正常|本底|纵隔|同层)?[^,。;、\n]{0,2}$",
    re.I,
)


def _mentions(plain: str, start: int, end: int) -> list[_Mention]:
    found = []
    for one in _mention().finditer(plain, start, end):
        kind, words = one.lastgroup or "no", one.group()
        if kind == "no":
            continue
        if kind == "lobe":
            before = plain[: one.start()].lower()
            if max(map(before.rfind, ("甲状腺", "thyroid"))) > max(
                map(before.rfind, ("肺", "肝", "前列腺", "胸腺", "lung", "liver", "prostate"))
            ):
                found.append(_Mention(organs()["甲状腺"], one.start(), one.end()))
        elif kind == "rib":
            found.append(_Mention(organs()["肋骨"], one.start(), one.end(), _numbers(words, "rib")))
        elif kind == "level":
            levels = () if AT_LEVEL.search(plain[max(0, one.start() - 4) : one.end() + 3]) else _levels(words)
            if levels:
                found.append(
                    _Mention(organs()["骶骨" if levels[0].startswith("S") else "椎体"], one.start(), one.end(), levels)
                )
        elif kind != "station" and (
            NEAR.search(plain, max(start, one.start() - 3), one.start())
            or MEASURE.search(plain, max(start, one.start() - 10), one.start())
        ):
            continue  # 高于肝, 近肺门: what it is held against, and where it lies
        else:
            organ = organs()[one.group(kind).lower() if kind in ("english", "station") else words]
            if organ.id == "myocardial_wall" and not PERFUSION.search(plain):
                continue  # 胃体后壁, 膀胱侧壁
            if words.startswith("附件") and OF_A_VERTEBRA.search(plain, max(start, one.start() - 14), one.start()):
                continue  # 第3腰椎右侧附件区
            levels = (words.upper(),) if kind == "station" else ()
            found.append(_Mention(organ, one.start(), one.end(), levels))
    named = _joined(plain, found)
    specific = any(one.organ.id != "bone" and one.organ.family in covers()["bone"] for one in named)
    return [one for one in named if not (specific and plain[one.start : one.end] in GENERAL_BONE)]


GENERAL_BONE = ("骨", "骨质", "骨转移")


def _joined(plain: str, mentions: list[_Mention]) -> list[_Mention]:
    """Words for one thing become one mention: 腋窝 + 淋巴结, L4 + 椎体, 肝 + 右叶; the more specific organ stays."""
    kept: list[_Mention] = []
    for one in mentions:
        last = kept[-1] if kept else None
        if (
            last
            and one.organ.id == "node"
            and last.organ.node
            and re.fullmatch(r"(?:[^,。;、]|、(?=[ⅠⅡⅢⅣⅤⅥIV])){0,18}", plain[last.end : one.start])
        ):
            kept[-1] = _Mention(last.organ, last.start, one.end, last.levels)
            continue
        if (
            last
            and last.organ.id == "node"
            and one.organ.node
            and re.fullmatch(r" (?:in|of|at) (?:the )?(?:left |right |bilateral )?", plain[last.end : one.start], re.I)
        ):
            kept[-1] = one
            continue
        if last and len(between := plain[last.end : one.start]) <= 4 and not re.search(r"[,。;、及和与\n见伴近邻旁]", between):
            if one.levels and last.organ.id in ("liver", "lung") and one.levels[0].startswith("S"):
                kept[-1] = _Mention(last.organ, last.start, one.end, ())  # segment of the liver or lung, no sacral vertebra
                continue
            if (one.organ.family == last.organ.family and one.organ.id != last.organ.id) or one.organ.id == last.organ.id:
                specific = one if one.organ.paired and not last.levels else last
                kept[-1] = _Mention(specific.organ, last.start, one.end, last.levels or one.levels)
                continue
        kept.append(one)
    return kept


def _numbers(words: str, prefix: str) -> tuple[str, ...]:
    found: list[int] = []
    for part in re.finditer(r"(\d{1,2})(?:\s*[-~]\s*(?:第\s*)?(\d{1,2}))?", words):
        first, last = int(part.group(1)), int(part.group(2) or part.group(1))
        found += range(first, min(last, first + 12) + 1)
    return tuple(f"{prefix} {n}" for n in found)


REGION = {"颈": "C", "胸": "T", "腰": "L", "骶": "S"}
MOST = {"C": 7, "T": 12, "L": 6, "S": 5}


def _levels(words: str) -> tuple[str, ...]:
    """T8-10, L1、3, 第6胸椎, 腰4 as single levels; nothing where no such vertebra exists."""
    chinese = re.search(r"[颈胸腰骶]", words)
    letter = REGION[chinese.group()] if chinese else words.strip()[0].upper()
    found: list[str] = []
    last: tuple[str, int] | None = None
    for sign, own, digits in re.findall(r"([-~]?)\s*([CTLS]?)(\d{1,2})", words.upper()):
        letter, number = own or letter, int(digits)
        if sign and last and last[0] == letter and number > last[1]:
            found += [f"{letter}{n}" for n in range(last[1] + 1, number)]
        elif sign and last and last[0] != letter:
            found += [f"{last[0]}{n}" for n in range(last[1] + 1, MOST[last[0]] + 1)] + [
                f"{letter}{n}" for n in range(1, number)
            ]
        if not 1 <= number <= MOST[letter]:
            return ()
        found.append(f"{letter}{number}")
        last = (letter, number)
    return tuple(dict.fromkeys(found))


SIDE_BEFORE = re.compile(
    r"(左|右|双|两)(?:侧)?[^,。;、:()和及与左右双两\n]{0,5}$|\b(left|right|bilateral)\b[^,.;\n]{0,24}$", re.I | re.A
)
SIDE_AFTER = re.compile(
    r"[^,。;、:()和及与左右双两见\n]{0,3}?(左|右|双|两)(?:侧|叶|份|部|半|缘|翼|支|顶|额|颞|枕|后|前|外|内|上|下|乳|肺)",
    re.I | re.A,
)
ENGLISH_AFTER = re.compile(r"[^,.;\n]{0,12}\b(left|right)\b(?: lobe| side)", re.I | re.A)


def _side(plain: str, one: _Mention, left: int, right: int) -> tuple[str, int, int]:
    """The side said of a mention between the ends of its neighbours, and the stretch that shows it."""
    before = SIDE_BEFORE.search(plain, max(left, one.start - 30), one.start)
    if plain[one.start] in "左右" and one.organ.paired:
        return (LEFT if plain[one.start] == "左" else RIGHT), one.start, one.end
    if before and ((before.group(1) and before.end() - before.start() <= 8) or before.group(2)):
        return _letter(before.group(1) or before.group(2)), before.start(), one.end
    inside = re.search(r"(左|右|双|两)(?:侧|叶|乳|肺)|\b(left|right)\b", plain[one.start : one.end], re.I | re.A)
    if inside:
        return _letter(inside.group(1) or inside.group(2)), one.start, one.end
    after = SIDE_AFTER.match(plain, one.end, right) or ENGLISH_AFTER.match(plain, one.end, right)
    if after:
        return _letter(after.group(1)), one.start, after.end()
    if one.levels and re.fullmatch(r"\d+[RL]", one.levels[0]):
        return one.levels[0][-1], one.start, one.end
    return "", one.start, one.end


def _letter(word: str) -> str:
    return {"左": LEFT, "右": RIGHT, "left": LEFT, "right": RIGHT}.get(word.lower(), BOTH)


def _site(plain: str, one: _Mention) -> str:
    """The lobe of a lung; other organs have no sub-site that is compared."""
    if one.organ.id != "lung":
        return ""
    after = re.match(r"脏?\s*(上|中|下|舌)(?:叶|野|段)", plain[one.end : one.end + 4]) or re.match(
        r".*肺\s*(上|中|下|舌)(?:叶|野)", plain[one.start : one.end]
    )
    before = re.search(r"(上|中|下)$", plain[max(0, one.start - 1) : one.start])
    english = re.search(r"(upper|middle|lower) lobe", plain[max(0, one.start - 20) : one.end + 20], re.I | re.A)
    found = after or before or english
    return {"upper": "上", "middle": "中", "lower": "下"}.get(found.group(1).lower(), found.group(1)) if found else ""


ABNORMAL = re.compile(
    r"(?:摄取|代谢|活[性度]|吸收|浓聚|显影|放射性(?:分布)?|FDG|PSMA|示踪剂|显像剂)[^,。;]{0,8}?(?:增高|升高|增加|增强|活跃|异常|浓聚|缺损|稀疏|减低|降低|低于(?:对侧|健侧|正常)|滞留|潴留)|较(?:对侧|健侧|左侧?|右侧?)(?:明显|略|稍|显著)?(?:减?低|稀疏)|高(?:摄取|代谢|表达|功能)|(?:^|[^无])浓聚|农聚|摄取灶|代谢高|浓集|结节|肿块|占位|转移|癌|瘤|破坏|缺损|稀疏|增大|肿大|增厚|软组织影|密度(?:影|灶|增高|减低)|低密度|高密度|病灶|灶|残留|受累|侵犯|浸润|积液|受压"
    r"|磨玻璃|强化|阳性|梗阻|积水|变薄|萎缩|狭窄|复发|异常|摄碘|见[^,。;]{0,6}摄取|(?:轻|中|重|局灶|局限|弥漫|明显|[点片团条结环]{1,2}状)[^,。;]{0,4}摄取|未显影|(?:显影|皮质)[^,。;]{0,4}(?:淡|差|薄|延迟)|(?:偏|略|稍|明显|体积)(?:缩?小)|(?:功能|清除|排泄|下降|引流)[^,。;]{0,6}(?:减退|减低|受损|延缓|缓慢|不良|不畅|障碍)|肺不张|受损|血栓|脓肿|血肿|空洞|坏死|疑"
    r"|hypermetabol|avid|increased uptake|intense uptake|(?<!uniform )(?<!physiological )(?<!physiologic )(?<!normal )(?<!symmetric )(?<!homogeneous )(?<!background )uptake|lesion|mass|nodule|metasta|carcinoma|tumou?r|enlarged|thickening|focus|foci|defect|lymphadenopathy|sclerotic|lytic|effusion|abnormal|retention|dilat|delayed|obstruct|reduced|reduction|decreased|hydroneph|pelvic stasis|slightly large",
    re.I | re.A,
)
NORMAL = re.compile(
    r"(?:分布|显影|代谢|摄取|密度)[^,。;]{0,6}(?:均匀|对称|自然)|未见(?:明显|明确|确切|显著)?(?:的)?(?:异常|病变|占位|肿大|转移|代谢|放射性|摄取|FDG|浓聚|结节|肿块|破坏|增高)|无(?:明显|明确)?(?:异常|特殊|肿大)|没问题|正常|良好|未见[^,。;]{0,14}(?:增高|异常|浓聚|病灶|灶|转移|结节|肿大|破坏|缺损)|unremarkable|no (?:abnormal|enlarged|avid|focal|suspicious|significant)|within normal|normal|uniform|homogeneous uptake|without focal",
    re.I | re.A,
)
UPTAKE = re.compile(
    r"(?:摄取|代谢|活[性度]|吸收|浓聚|放射性)[^,。;]{0,6}(?:增高|升高|增加|增强|活跃|明显)|高(?:摄取|代谢|表达)|代谢高|浓聚|SUV|摄取灶|hypermetabol|avid|uptake",
    re.I | re.A,
)
FAINT = re.compile(
    r"(?:未见|无|没有|不)[^,。;]{0,10}(?:摄取|代谢|浓聚|增高)|低于|摄取(?:不高|减低)|not (?:FDG )?avid|no (?:FDG )?uptake|without uptake",
    re.I | re.A,
)
SIZE = re.compile(
    r"(\d+(?:\.\d+)?)\s*(?:(cm|mm|厘米|毫米|公分)\s*)?(?:[xX*]\s*(\d+(?:\.\d+)?)\s*(?:(cm|mm|厘米|毫米|公分)\s*)?)?(?:[xX*]\s*(\d+(?:\.\d+)?)\s*)?(cm|mm|厘米|毫米|公分)(?![/A-Za-z])",
    re.I | re.A,
)
SUV = re.compile(
    r"SUV\s*(?:-?\s*(?:max|mean|peak|bw|lbm|最大值|平均值?|值)*)?\s*(?:值|最大值?)?\s*(?:约|为|:|=|≈|of|is|~|,)*\s*(\d+(?:\.\d+)?)(?![\d.]*\s*%)(?:\s*[-~、]\s*(\d+(?:\.\d+)?))?",
    re.I | re.A,
)
REFERENCE = re.compile(
    r"血池|肝(?:脏)?(?:右叶)?(?:本底|血池|参考|实质|SUV)|本底|对照|参考|liver SUV|blood pool|background", re.I | re.A
)


def frames(report: Report) -> tuple[Frame, ...]:
    """Every frame of clinical part, findings, impression and advice, in order of the text."""
    found: list[Frame] = []
    for part in report.of("clinical", "findings", "impression", "advice", "comparison"):
        for sentence in _sentences(report.plain, part):
            found += _of_sentence(report.plain, part.kind, sentence)
    return tuple(found)


def _sentences(plain: str, part: Part) -> Iterator[Span]:
    for one in re.finditer(r"[^。;\n]+", plain[part.start : part.end]):
        yield Span(start=part.start + one.start(), end=part.start + one.end())


def _of_sentence(plain: str, kind: str, sentence: Span) -> Iterator[Frame]:
    clauses = [
        Span(start=sentence.start + c.start(), end=sentence.start + c.end())
        for c in re.finditer(r"[^,]+", plain[sentence.start : sentence.end])
    ]
    groups: list[tuple[Span, list[_Mention]]] = []
    bony = False
    for clause in clauses:
        mentions = _mentions(plain, clause.start, clause.end)
        general = mentions and all(plain[one.start : one.end] in GENERAL_BONE for one in mentions)
        if bony and general and not context.REST.search(plain, clause.start, clause.end):
            mentions = []  # CT 示骨质破坏, after 右侧髋臼见浓聚: the same bone
        bony = bony or any(one.organ.id != "bone" and one.organ.family in covers()["bone"] for one in mentions)
        if mentions or not groups:
            groups.append((clause, mentions))
        else:
            groups[-1] = (Span(start=groups[-1][0].start, end=clause.end), groups[-1][1])
    urinary = ""  # 左肾增大,肾盂扩张: the side of a kidney holds for its parts
    for words, mentions in groups:
        for number, one in enumerate(mentions):
            left = mentions[number - 1].end if number else words.start
            right = mentions[number + 1].start if number + 1 < len(mentions) else words.end
            made = _frame(plain, kind, words, one, (left, right), alone=len(mentions) == 1)
            if made.organ.family == "kidney":
                if not made.side and urinary and not re.search(r"[双两各对]", plain[words.start : one.start]):
                    made = replace(made, side=urinary)
                urinary = made.side
            yield made


def _frame(plain: str, kind: str, words: Span, one: _Mention, room: tuple[int, int], *, alone: bool) -> Frame:
    side, start, end = _side(plain, one, *room)
    said = plain[words.start : words.end]
    abnormal = _affirmed(said)
    first = said.split(",")[0]
    if one.organ.node and not abnormal and not NORMAL.search(first) and not context.NEGATED.search(first):
        abnormal = bool(SUV.search(said) or SIZE.search(said))
    return Frame(
        organ=one.organ,
        span=Span(start=start, end=end),
        words=words,
        part=kind,
        side=side,
        site=_site(plain, one),
        levels=one.levels,
        abnormal=abnormal,
        normal=not abnormal and bool(NORMAL.search(said if alone else first)) and not OLD.search(first),
        rest=bool(context.REST.search(plain, max(words.start, start - 10), start)),
        uncertain=bool(context.UNCERTAIN.search(said)),
        past=bool(context.PAST.search(said)),
        family_history=bool(context.FAMILY.search(said)),
        advised=bool(context.ADVISED.search(plain, words.start, start)),
        compared=bool(context.COMPARED.search(said)),
        benign=bool(context.BENIGN.search(said)),
        uptake=any(not context.denied(said, found.start()) for found in UPTAKE.finditer(said)) and not FAINT.search(said),
        sizes=tuple(sizes(said)) if alone else (),
        suvs=tuple(suvs(said)) if alone and not REFERENCE.search(said) else (),
    )


OLD = re.compile(
    r"陈旧|纤维|索条|条索|囊肿|钙化|腔隙|软化灶|增生|退变|缺如|术后"
)  # something stands there, though it takes nothing up


def _affirmed(said: str) -> bool:
    """Whether any clause of these words affirms an abnormality."""
    return any(not context.denied(clause, found.start()) for clause in said.split(",") for found in ABNORMAL.finditer(clause))


def sizes(said: str) -> Iterator[float]:
    """Lengths in mm; what stands in brackets after 原/前 is the earlier examination's and left out."""
    for found in SIZE.finditer(
        re.sub(r"\([^)]*(?:原|前|基线|既往|上次|prior|previously)[^)]*\)", lambda m: " " * len(m.group()), said)
    ):
        unit = (found.group(6) or "").lower()
        factor = 1.0 if unit in ("mm", "毫米") else 10.0
        for value, own in ((found.group(1), found.group(2)), (found.group(3), found.group(4)), (found.group(5), None)):
            if value:
                yield round(float(value) * (factor if not own else 1.0 if own.lower() in ("mm", "毫米") else 10.0), 3)


def suvs(said: str) -> Iterator[float]:
    """SUVs said of the lesion itself, without those of the earlier examination."""
    plain = re.sub(r"\([^)]*(?:原|前|基线|既往|上次|肝|血池|prior|previously)[^)]*\)", lambda m: " " * len(m.group()), said)
    for found in SUV.finditer(plain):
        yield from (float(value) for value in found.groups() if value)
