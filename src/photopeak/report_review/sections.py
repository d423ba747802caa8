"""The parts of a report: header, clinical, technique, comparison, findings, impression, advice, limits, signature.

A heading opens a part; where there are none, each sentence goes where its words belong, and the last numbered block is the impression.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import resources

from photopeak.report_review.layout import Layout, laid_out

PARTS = ("header", "clinical", "technique", "comparison", "findings", "impression", "advice", "limits", "signature")
CONCLUDING = ("impression", "advice")
BEFORE_FINDINGS = ("header", "clinical", "technique", "comparison", "limits")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Characters `start` to `end` (exclusive) of the plain form of a report, or of its text as read where that is said."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A stretch of one kind; `heading` is where its name stands, None where the words alone decided."""

    kind: str
    start: int
    end: int
    heading: Span | None = None


@dataclass(frozen=True)
class Report:
    """A report's text as read, its plain form for the rules (`layout` tells where each of its characters was read) and its parts in order."""

    text: str

    @cached_property
    def layout(self) -> Layout:
        return laid_out(self.text)

    @property
    def plain(self) -> str:
        return self.layout.plain

    def as_read(self, start: int, end: int) -> Span:
        """Where characters `start` to `end` of the plain form stand in the text as read."""
        first, last = self.layout.places(start, end)
        return Span(start=first, end=last)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        return tuple(_parts(self.plain))

    def of(self, *kinds: str) -> tuple[Part, ...]:
        return tuple(part for part in self.parts if part.kind in kinds)

    def before_findings(self, *kinds: str) -> tuple[Part, ...]:
        """Parts of these kinds, and stretches before the findings that no heading opened: a header may not have been told from the rest."""
        found = next((part.start for part in self.parts if part.kind == "findings"), len(self.plain))
        return tuple(part for part in self.parts if part.kind in kinds or (part.heading is None and part.end <= found))

    def has(self, *kinds: str) -> bool:
        return any(self.plain[part.start : part.end].strip() for part in self.of(*kinds))

    def said(self, *kinds: str) -> str:
        """The normal text of these parts, joined by line breaks (offsets are lost)."""
        return "\n".join(self.plain[part.start : part.end] for part in self.of(*kinds))

    def kind_at(self, position: int) -> str:
        return next((part.kind for part in self.parts if part.start <= position < part.end), "signature")

    @cached_property
    def sentences(self) -> tuple[Span, ...]:
        return tuple(sentences(self.plain, 0, len(self.plain)))


SENTENCE = re.compile(r"(?:[^。;!?\n]|;(?=\s*$))+[。;!?]?")


def sentences(plain: str, start: int, end: int) -> Iterator[Span]:
    """Sentences between full stops, semicolons and line ends; decimal points do not part."""
    for found in SENTENCE.finditer(plain, start, end):
        if found.group().strip():
            yield Span(start=found.start(), end=found.end())


@cache
def _headings() -> tuple[tuple[str, re.Pattern[str]], ...]:
    book = tomllib.loads((resources.files("photopeak.report_review") / "packs" / "headings.toml").read_text("utf-8"))
    return tuple((kind, re.compile("(?:" + "|".join(row["words"]) + ")", re.I | re.A)) for kind, row in book.items())


BULLET = r"[◆◇●■▲△▶►★☆※♦◎§·•>]"
NUMBERING = rf"(?:{BULLET}[ ]*)?(?:[(]?(?:\d{{1,2}}(?:\.\d)?|[一二三四五六七八九十]{{1,2}}|[①-⑨]|[A-H](?=[.、)]))[)]?[ ]*[、.,):]?[ ]*)?"
CLOSED = re.compile(
    rf"^[ ]*{NUMBERING}(?:[\[<《#*]+|[-=~]{{2,}})\s*(?P<name>[^\[\]<>《》#*\n]{{1,18}}?)\s*(?:[\]>》#*]+|[-=~]{{2,}})[ ]*:?",
    re.M,
)
COLON = re.compile(
    rf"(?:^|(?<=[。;|\]\n◆◇●■▲▶►★※♦])|(?<=\s\s))[ ]*{NUMBERING}(?P<name>[^\s:,。;|()\[\]\n][^:,。;|\[\]\n]{{0,18}}?)\s*:", re.M
)
ALONE = re.compile(rf"^[ ]*{NUMBERING}(?P<name>[^\s:,。;|\[\]\n][^:,。;|\[\]\n]{{0,22}}?)[ ]*$", re.M)
ROW = re.compile(r"^\|[ ]*(?P<name>[^|\n:]{2,18}?)[ ]*\|(?=[^|\n]*\S[^|\n]*\|?[ ]*$)", re.M)
CELL = re.compile(r"\|[ ]*(?P<name>[^|\n:]{2,18}?)[ ]*\|(?=[^|\n]{8,})")
BARE = re.compile(rf"(?:^|(?<=[◆◇●■▲▶►★※♦]))[ ]*{NUMBERING}(?P<name>[\u4e00-\u9fff/]{{2,10}})[ ]+(?=\S)", re.M)


HALVES = re.compile(r"[/()]|(?<=[A-Za-z])[ ]+(?=[\u4e00-\u9fff])|(?<=[\u4e00-\u9fff])[ ]+(?=[A-Za-z])")  # Technique 方法


INSTITUTION = re.compile(r"医院|中心(?!静脉|型|性)|研究[所院]|诊所|卫生院|hospital|\bcent(?:er|re)\b|clinic\b|institute", re.I)


def _named(name: str) -> list[str]:
    if INSTITUTION.search(name):
        return []
    plain = name.strip().replace(" ", "") if re.search(r"[\u4e00-\u9fff]", name) else name.strip()
    kinds = [kind for kind, pattern in _headings() if pattern.fullmatch(plain)]
    if kinds or not (halves := HALVES.split(name.strip(" ()"))) or len(halves) < 2:
        return kinds
    return list(
        dict.fromkeys(kind for half in halves if half.strip() for kind in _named(half))
    )  # 结论/Impression, 检查所见(Findings)


def _found(plain: str) -> list[tuple[int, int, list[str]]]:
    """Headings as (start, end of the heading, kinds it may open), in order of the text."""
    rows: dict[int, tuple[int, list[str]]] = {}
    for pattern in (CLOSED, COLON, ALONE, BARE, CELL, ROW):
        for found in pattern.finditer(plain):
            kinds = _named(found.group("name"))
            top = pattern is BARE or (pattern is ALONE and not plain[: found.start("name")].strip())
            titled = top and re.search(r"显[像象]$|扫描$", found.group("name"))
            if kinds and not titled and found.start("name") not in rows:
                rows[found.start("name")] = (found.end(), kinds)
    return [(_opening(plain, start), end, kinds) for start, (end, kinds) in sorted(rows.items())]


def _opening(plain: str, name: int) -> int:
    """Where a heading begins: its bracket and number belong to it."""
    left = max(plain.rfind("\n", 0, name) + 1, name - 12)
    before = re.search(rf"(?:{NUMBERING}[\[<《#*|]+[ ]*|(?:^[ ]*|(?<=[。; ])){NUMBERING})$", plain[left:name])
    return left + before.start() if before else name


CONCLUDES = re.compile(
    r"(?<!临床)(?<!门诊)(?<!初步)(?<!入院)(?<!术前)(?<!送检)(?:诊断|影像|检查|核医学)?(?:结论|印象)(?!及目的)|impression|conclusion",
    re.I,
)


def _concluding_anywhere(plain: str, start: int, end: int, kinds: list[str]) -> str | None:
    """诊断结论(先行): what calls itself a conclusion is one wherever it stands."""
    return "impression" if "impression" in kinds and CONCLUDES.search(plain, start, end) else None


def _chosen(plain: str, rows: list[tuple[int, int, list[str]]]) -> Iterator[tuple[int, int, str]]:
    """Which part a heading of two meanings opens: 诊断 before the findings is clinical, after them the impression."""
    described = any("findings" in kinds for _, _, kinds in rows)
    rows = _last_result(plain, rows)
    seen = False
    for start, end, kinds in rows:
        kind = kinds[0]
        if "findings" in kinds and not seen and GIVES.search(plain, end, _line_end(plain, end)):
            kind = "technique"  # 灌注: 静脉注射..., under the method
        elif "findings" in kinds and "impression" in kinds and seen:
            kind = "impression"  # 判读 after 所见
        elif "findings" in kinds:
            kind, seen = "findings", True
        elif "impression" in kinds and (seen or not described or kinds == ["impression"]):
            kind = "impression"
        if kind == "impression" and kinds != ["impression"] and not seen and described:
            kind = "clinical"
        kind = _concluding_anywhere(plain, start, end, kinds) or kind
        bare = "clinical" in kinds or BARE_DIAGNOSIS.fullmatch(plain[start:end])  # 诊断, 诊断/目的
        if kind == "impression" and bare and not seen and any("impression" in later for at, _, later in rows if at > start):
            kind = "clinical"  # a diagnosis before a conclusion, in a report without a heading of findings
        if (
            kind == "comparison"
            and EARLIER.fullmatch(plain[start:end])
            and not IMAGED.search(plain, end, _line_end(plain, end))
        ):
            kind = "clinical"  # 既往: followed by the patient's history
        if kind == "technique" and _phase_described(plain, start, end):
            kind, seen = "findings", True
        if kind == "technique" and seen and _describes(plain, start, end):
            kind = "findings"
        if ONLY_A_NAME.match(plain, end) and (seen or not described):
            kind = "signature"
        yield start, end, kind


RESULT = re.compile(r"[\s\[<*◆◇●■|\d.、-]*(?:检查|显像|最终)?结果[\s\]>*:|]*")


def _last_result(plain: str, rows: list[tuple[int, int, list[str]]]) -> list[tuple[int, int, list[str]]]:
    """结果 after 表现, in a report that names no impression, is the impression."""
    found = [number for number, (_, _, kinds) in enumerate(rows) if "findings" in kinds]
    if len(found) < 2 or any("impression" in kinds for _, _, kinds in rows):
        return rows
    last = found[-1]
    if not RESULT.fullmatch(plain[rows[last][0] : rows[last][1]]):
        return rows
    return [*rows[:last], (rows[last][0], rows[last][1], ["impression"]), *rows[last + 1 :]]


def _phase_described(plain: str, start: int, end: int) -> bool:
    """负荷: 下壁稀疏..., the images of a phase and not how it was made."""
    line = plain[end : _line_end(plain, end)]
    seen = PHASE.fullmatch(plain[start:end]) and PERFUSED.search(line)
    return bool(seen) and not DOES.search(line) and not STRESSED.search(line)


def _describes(plain: str, start: int, end: int) -> bool:
    """A heading of the method, after what was seen, that goes on describing: 参数: GFR..., 显像: 甲状腺双叶增大..."""
    line = plain[end : _line_end(plain, end)]
    if TAKES.fullmatch(plain[start:end]):
        return bool(DESCRIBES.search(line)) and not DOES.search(line)
    return bool(MEASURES.fullmatch(plain[start:end]) and MEASURED.search(line))


GIVES = re.compile(r"(?:静脉)?(?:注射|推注|静注|给予)[^。;,\n]{0,20}(?:MBq|mCi|MIBI|FDG|MDP|DTPA|Tc)", re.I | re.A)
TAKES = re.compile(r"[\s\[(<*◆◇●■|\d.、)-]*(?:显像|采集|扫描|静态|断层)[\s\]>*:|]*")
MEASURES = re.compile(
    r"[\s\[<*◆◇●■|\d.、-]*(?:定量|肾功能|功能|肾图|分析|测量|半定量)?(?:参数|数据|指标|测定|测值|结果)[\s\]>*:|]*"
)
MEASURED = re.compile(r"GFR|ERPF|分肾|DRF|EF\b|半排|达峰|T1/2|Tmax|SUV|摄取率|SSS", re.I | re.A)
BARE_DIAGNOSIS = re.compile(r"[\s\[<*◆◇●■|\d.、]*诊断[\s\]>*:|]*")
PHASE = re.compile(
    r"[\s\[<*◆◇●■|\d.、-]*(?:(?:运动|药物)?负荷(?:图像?|显像|相)?|静息(?:图像?|显像|相)?|stress|rest)[\s\]>*:|]*", re.I
)
PERFUSED = re.compile(r"减低|稀疏|缺损|填充|充填|均匀|恢复|灌注|放射性|分布|defect|uniform|normal", re.I)
STRESSED = re.compile(r"HR|BP|bpm|心率|血压|mmHg|次/分|平板|踏车|METs?", re.I)
EARLIER = re.compile(r"[\s\[<*◆◇●■]*(?:既往|以往)[\s\]>*:|]*")
IMAGED = re.compile(r"PET|CT|MR|超声|显[像象]|扫描|片|影像|检查|图像|无|未", re.I | re.A)


def _line_end(plain: str, start: int) -> int:
    end = plain.find("\n", start)
    return len(plain) if end < 0 else end


ONLY_A_NAME = re.compile(
    r"[ |]*(?![\u4e00-\u9fff·]{0,3}(?:未见|[阴阳]性|正常|同前|如上|如下|印象|结论|诊断|意见|所见|提示|小结|描述|癌|瘤|术后|炎|转移|病|异常|缺血|待查|复发|结节))[\u4e00-\u9fff·]{2,4}[ |]*(?=$|[ ]*(?:审|复|核|签|上级|报告|日期|\d{4}))",
    re.M,
)


def _lines_of_method(plain: str, part: Part) -> Iterator[Part]:
    """A clinical part whose later lines tell how the study was made, without a heading of their own."""
    lines = list(re.finditer(r"[^\n]+", plain[part.start : part.end]))
    cut = next((line.start() for line in lines[1:] if len(set(METHOD_WORDS.findall(line.group()))) >= 2), None)
    if part.kind != "clinical" or cut is None:
        yield part
        return
    yield Part(kind="clinical", start=part.start, end=part.start + cut, heading=part.heading)
    yield Part(kind="technique", start=part.start + cut, end=part.end)


def _clinical_diagnosis(plain: str, start: int, end: int) -> bool:
    return bool(re.match(r"(?:诊断|考虑|提示|diagnosis)", plain[start:end], re.I | re.A))


def _parts(plain: str) -> Iterator[Part]:
    last = _fields_at_the_end(plain)
    if last is not None:
        yield from _parts(plain[:last])
        yield Part(kind="header", start=last, end=len(plain))
        return
    rows = [row for row in _chosen(plain, _found(plain)) if not _in_header(plain, row)]
    rows = _settled(plain, rows)
    first = rows[0][0] if rows else len(plain)
    opened = list(_unnamed(plain, 0, first, rows))
    for number, (start, end, kind) in enumerate(rows):
        stop = rows[number + 1][0] if number + 1 < len(rows) else len(plain)
        heading = Span(start=start, end=end)
        for part in _closing(plain, Part(kind=kind, start=end, end=stop, heading=heading)):
            opened += _lines_of_method(plain, part) if kind == "clinical" else (part,)
    if not any(part.kind == "findings" for part in opened):
        opened = [one for part in opened for one in _described(plain, part)]
    yield from opened if any(p.kind == "impression" for p in opened) else _concluded(plain, opened)


DESCRIBES = re.compile(
    r"SUV|摄碘|[病异]?灶|可见|见一|肿大|浓聚|摄取|代谢|稀疏|缺损|显影|放射性[^。;,\n]{0,6}(?:减低|增高|分布|均匀)|未见|结节|uptake|hypermetabol|perfusion defect",
    re.I | re.A,
)

DOES = re.compile(
    r"注射|静注|静推|MBq|mCi|GBq|毫居|kV|床位|空腹|禁食|血糖|采集|口服|injected|fasted|intravenous|fasting|bed positions",
    re.I | re.A,
)


def _described(plain: str, part: Part) -> Iterator[Part]:
    """Where no heading names the findings: the sentences that describe, after those that tell the method."""
    if part.kind not in ("technique", "comparison", "clinical", "limits"):
        yield part
        return
    for sentence in sentences(plain, part.start, part.end):
        words = plain[sentence.start : sentence.end]
        if DESCRIBES.search(words) and not DOES.search(words) and not (part.kind == "clinical" and HISTORY_WORDS.search(words)):
            if sentence.start > part.start:
                yield Part(kind=part.kind, start=part.start, end=sentence.start, heading=part.heading)
                yield Part(kind="findings", start=sentence.start, end=part.end)
                return
            break
    yield part


def _in_header(plain: str, row: tuple[int, int, str]) -> bool:
    """检查:2025-06-20, 报告:2025-06-21, 诊断医师: name a date or a person, and open no part."""
    start, end, kind = row
    rest = plain[end : end + 24].lstrip(" |")
    if kind in ("findings", "technique", "signature") and re.match(
        r"\d{2,4}\s*[-./年]\s*\d{1,2}|\d{1,2}[-/ ][A-Z][a-z]{2}", rest
    ):
        return True
    return kind == "technique" and plain[start:end].startswith("显像") and rest[:1].isdigit() and "号" in plain[start:end]


def _settled(plain: str, rows: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """A signature ends the report only after the findings; 诊断 and 提示 before any findings are clinical."""
    described = next((start for start, _, kind in rows if kind == "findings"), None)
    kept = []
    for number, (start, end, kind) in enumerate(rows):
        if kind == "signature" and not any(one[2] in ("impression", "findings") for one in rows[:number]):
            continue
        if kind == "impression" and described is not None and start < described and _clinical_diagnosis(plain, start, end):
            kind = "clinical"
        kept.append((start, end, kind))
    return kept


SIGNED = re.compile(
    r"(?:^|(?<=[。;\n])|(?<=\s\s))[ ]*[(]?(?:电子签名|(?:报告|诊断|审核|审签|初[稿诊步写]|书写|撰写|记录|复核|主治|阅片|检查|拟稿)?(?:医师|医生|人员|人|者|技师)?(?:签[名字])?|签[名字]|上级|审)\s*[: /|]\s*"
    r"[\u4e00-\u9fffA-Za-z*·.]{1,12}?\s*(?:[;,/|。)]|$|\s{1,}|\d)",
    re.M,
)
SIGNS = re.compile(
    r"^\s*R\s*[:/].{1,20}[SVC]\s*[:/]|报告|诊断医|审|签|核对|医师|医生|书写|初稿|撰写|记录|复核|主治|阅片|上级|拟稿|physician|radiologist|M\.?D|\bDr\b|consultant|(?:reported|read|verified) by",
    re.I | re.A,
)


def _closing(plain: str, part: Part) -> Iterator[Part]:
    """The last part, with the signature lines at its end as a part of their own."""
    if part.end < len(plain) or part.kind == "signature":
        yield part
        return
    body = plain[part.start : part.end].rstrip()
    cut = len(body)
    for line in reversed(list(re.finditer(r"[^\n]+", body))):
        words = re.sub(r"^[\[(]\d{1,2}[\])]", "", line.group().strip())
        if len(words) < 70 and SIGNS.search(words) and not re.search(r"建议|转移|摄取|代谢|未见|考虑|结合", words):
            cut = line.start()
        elif (
            re.fullmatch(r"[\d\s年月日:./-]{6,24}|[\u4e00-\u9fff·*]{2,4}(?:\s*[/ ]\s*[\u4e00-\u9fff·*]{2,4})?", words)
            or not words
        ):
            cut = line.start() if line.start() > 0 else cut
        else:
            break
    yield Part(kind=part.kind, start=part.start, end=part.start + cut, heading=part.heading)
    if part.start + cut < part.end:
        yield Part(kind="signature", start=part.start + cut, end=part.end)


WHOSE = re.compile(r"(?:姓名|性别|年龄|住院号|门诊号|检查号|(?<![A-Za-z])ID|name|sex|age|MRN)\s*[:|]", re.I | re.A)


def _fields_at_the_end(body: str) -> int | None:
    """Where the patient's fields begin, in a report that puts them last; None where they are not there."""
    lines = list(re.finditer(r"[^\n]+", body))
    rows = [line for line in lines[-5:] if len({one.lower() for one in WHOSE.findall(line.group())}) >= 2]
    return rows[0].start() if rows and len(lines) > 5 and not WHOSE.search(body, 0, rows[0].start()) else None


HISTORY_WORDS = re.compile(
    r"术后|治疗后|化疗|放疗|病史|复查|主诉|确诊|病理|临床|因[^。]{1,20}(?:行|来|入)|发现|疼痛|体检|随访|疗效|分期|目的|拟行|待查|入院|评估|了解|手术|癌(?!症中心)|(?<!肿)瘤|积水|结石|评价|排除|明确|就诊(?!者|卡|号|科)|鉴别|停用|生化复发|[找寻]病灶|心慌|心悸|胸闷|咳嗽|咯血|头[晕痛]|手抖|消瘦|FT[34]|彩超|history of|status post|evaluate|staging",
    re.I | re.A,
)
METHOD_WORDS = re.compile(
    r"注射|静注|静脉|MBq|mCi|GBq|kV|采集|空腹|禁食|扫描|\d\s*(?:个)?床位(?!号|:)|[/每]\s*床|床\s*[x*]|显像剂|示踪|血糖|口服\s*\d*131I|准直|毫居|静脉打|打[了]?针|显影剂|示踪|断层采|injected|intravenous|fasting|uptake time",
    re.I | re.A,
)
FINDING_WORDS = re.compile(
    r"未见|可见|[^发]见|潴留|滞留|影大|增大|缩小|变薄|肾图|减低|增高|肿块|充盈|放射性|摄取|浓聚|代谢|SUV|结节|肿大|显影|形态|正常|稀疏|缺损|LVEF|分肾|uptake|hypermetabolic|unremarkable",
    re.I | re.A,
)
HEADER_WORDS = re.compile(
    r"姓名|性别|年龄|住院号|门诊号|检查号|病历号|病案号|登记号|影像号|科室|检查日期|报告日期|检查时间|报告时间|医院|申请|No\.|Name|Patient|床号|ID|男|女"
)


HEADER_LABEL = re.compile(
    r"(?:姓名|性别|年龄|[住门病登检影流编卡]\S{0,3}号码?|科室|科别|申请\S{0,3}|送检\S{0,3}|日期|时间|床位?号?|病区|医院|项目|部位|单位)\s*[:|/]|date\s*[:|]|(?:^|\s)(?:name|sex|age|MRN|ID)\s*[:|]",
    re.I | re.A,
)
TITLE = re.compile(r"^[^,。;]{2,40}(?:报告[单书]?|检查单|诊断书|report)\s*$", re.I)
DONE = re.compile(
    r"注射|静注|推注|空腹|禁食|MBq|mCi|毫居|病史|术后|目的|所见|未见", re.I | re.A
)  # no line of names and numbers


def _unnamed(plain: str, start: int, end: int, rows: list[tuple[int, int, str]]) -> Iterator[Part]:
    """What stands before the first heading: header lines, then sentences by their words, never going back."""
    order = ("header", "clinical", "technique", "findings")
    allowed = 4 if not any(kind == "findings" for _, _, kind in rows) else 3
    at, opened = 0, start
    for sentence in sentences(plain, start, end):
        words = plain[sentence.start : sentence.end]
        step = max(at, _step(words, at, first=not plain[: sentence.start].strip()))
        step = min(step, allowed - 1)
        if step != at:
            if sentence.start > opened:
                yield Part(kind=order[at], start=opened, end=sentence.start)
            at, opened = step, sentence.start
    if end > opened:
        yield from _closing(plain, Part(kind=order[at], start=opened, end=end))


PATIENT = re.compile(
    r"(?:^|[\s,;|/])(?:男|女|[MF])性?[\s,;|/]+\d{1,3}\s*(?:岁|Y\b|y\b|[\s,;|/]|$)|\d{1,3}\s*岁[\s,;|/]*(?:男|女)|(?:患者|姓名|patient|name)\s*:",
    re.I | re.A,
)
TITLED = re.compile(
    r"^\s*[^,。;:]{0,30}(?:显[像象]|扫描|PET/?-?CT|SPECT/?-?CT|scintigraphy(?:[ &\w]+)?|scan|uptake)[^,。;:]{0,12}\s*(?:\d{2,4}[-./年].{0,12})?$|^\s*(?:检查)?(?:项目|名称)\s*[: ]",
    re.I | re.A,
)


SEEN = re.compile(r"SUV|代谢增高|未见|可见|见(?:一|多|数|片|点|团|局|条|散|大)|[灶影](?:[,,。;]|$)")


def _step(words: str, at: int, *, first: bool) -> int:
    if at == 0 and (first or len(HEADER_WORDS.findall(words)) >= 2 or len(words.strip()) < 8):
        return 0
    if at == 0 and (TITLE.search(words) or HEADER_LABEL.search(words)) and not DONE.search(words):
        return 0
    if at == 0 and not DOES.search(words) and (PATIENT.search(words) or TITLED.search(words)):
        return 0
    method, finding, history = METHOD_WORDS.search(words), FINDING_WORDS.search(words), HISTORY_WORDS.search(words)
    if method and not SEEN.search(words):
        return 2
    if history and at < 2 and not re.search(r"SUV|代谢[增高]|摄取[增高]|浓聚", words):
        return 1
    if finding:
        return 3
    return at


CONCLUDES = re.compile(
    r"(?:^[ ]*(?:考虑|提示|诊断|以上|上述)|^[ ]*[\[(]\d{1,2}[\])][ ]*(?:①|[(]?1[、.)])|(?:^|(?<=[。;]))[ ]*(?:综上|综合|总之|印象|结论|小结|总体|意见))",
    re.M,
)
NUMBERED = re.compile(r"^[ ]*[(]?(?:1|一)\s*[、.)]", re.M)


CONCLUDED = re.compile(
    r"考虑|可能|符合|支持|提示|建议|征象|[阴阳]性|(?:未见|有)[^。]{0,12}(?:转移|复发|缺血)|consistent|suggest|likely|suspicious",
    re.I | re.A,
)


def _last_words(body: str) -> list[re.Match[str]]:
    """The last line of the findings, where it concludes and more than one line describes."""
    lines = [line for line in re.finditer(r"[^\n]+", body) if line.group().strip()]
    return lines[-1:] if len(lines) >= 2 and CONCLUDED.search(lines[-1].group()) else []


def _concluded(plain: str, parts: list[Part]) -> Iterator[Part]:
    """Where no heading names the impression: from 综上/考虑/提示 at a line's start, else the last numbered block of the findings."""
    for part in parts:
        if part.kind != "findings":
            yield part
            continue
        body = plain[part.start : part.end]
        found = list(CONCLUDES.finditer(body)) or list(NUMBERED.finditer(body)) or _last_words(body)
        if not found or not body[: found[-1].start()].strip():
            yield part
            continue
        cut = part.start + found[-1].start()
        yield Part(kind="findings", start=part.start, end=cut, heading=part.heading)
        yield Part(kind="impression", start=cut, end=part.end)
