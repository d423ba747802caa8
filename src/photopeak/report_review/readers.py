"""Elements that a pattern alone does not decide: names, dates, clock times, comparison, lesions, the impression, critical findings."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any

from photopeak.report_review import context
from photopeak.report_review.elements import (
    APPLIES,
    READERS,
    ElementRule,
    Found,
    Material,
    Reader,
    by_patterns,
    filled,
    hits,
    parts_to_read,
    rules,
)
from photopeak.report_review.exam import unspaced
from photopeak.report_review.sections import BEFORE_FINDINGS, Span


@cache
def rule_book() -> Mapping[str, Any]:
    """packs/rules.toml: words and windows of the checks."""
    return tomllib.loads((resources.files("photopeak.report_review") / "packs" / "rules.toml").read_text("utf-8"))


def _reader(run: Reader) -> Reader:
    READERS[run.__name__] = run
    return run


def _applies(run: Callable[[Material], bool]) -> Callable[[Material], bool]:
    APPLIES[run.__name__] = run
    return run


PERSON = r"[\u4e00-\u9fff](?:[\u4e00-\u9fff·]{0,4}[\u4e00-\u9fff])?[*xX某○]{0,3}|[*xX某○]{2,3}|[A-Z][A-Za-z.'-]+(?:[ ,]+[A-Z][A-Za-z.'-]*){0,3}"
NO_NAME = r"(?!(?:患者|病人|病患|受检|客户|姓名|性别|年龄|编号|科室|检查|报告|信息|资料|基本|ID|门诊|住院|女|男|及|与|于|为|因|病史|自|近|来|行|有|无|既往|取|仰|空腹|静|禁))"
NO_LABEL = r"(?!(?:姓名|性别|年龄|编号|科室|检查|报告|信息|资料|基本|ID|门诊|住院|女\b|男\b))"  # after a label of a name, any surname may stand
NAMED = re.compile(
    rf"(?P<label>(?:患者|病人|病患|病员|患儿|客户|被检者|受检[者人])?(?:姓\s*名|名字)|基本(?:信息|资料|情况)?(?=\s*:)|(?:患者|病人|病患|病员|患儿|客户|体检者|就诊者|被检者|受检[者人])(?:信息|资料|情况)?|(?:patient(?:'s)?\s*|P(?:AT)?_?)?name|patient|(?<![A-Za-z])PT(?=\s*:))\s*(?:(?<=名)[\]:|/ ]+\s*{NO_LABEL}|[\]:|/ ]+\s*{NO_NAME})(?P<name>{PERSON})(?=[\s,;|/(。]|$)",
    re.I | re.M | re.A,
)
WITH_SEX = re.compile(
    rf"(?P<label>姓\s*名|\bRe:\s*M[rs]s?\.?|\bM[rs]s?\.?|患者|病人|患儿|受检[者人]|被检者|病员|客户|(?:patient(?:'s)?\s*)?name|patient|(?<![A-Za-z])PT)\s*[\]:|]*\s*{NO_LABEL}(?P<name>{PERSON})[\s,;|/(]+(?:性别|男|女|[MF]\b|sex|gender|(?:fe)?male|\d{{1,3}}\s*岁)",
    re.I | re.M | re.A,
)
UNLABELLED = re.compile(
    rf"(?:^|[|/\]:》]|\s)(?:门诊|住院|急诊|体检)?\s*(?:(?:患者|病人|病患|受检者)\s*)?{NO_NAME}(?P<name>[\u4e00-\u9fff](?:[\u4e00-\u9fff·]{{0,3}}[\u4e00-\u9fff])?[*xX某○]{{0,3}}|[A-Z][a-z]+(?:,? [A-Z][a-z]*\.?){{1,3}})\]?[\s,/|(、\[]+(?:男|女|[MF]\b|(?:fe)?male|\d{{1,3}}\s*(?:岁|Y\b|years?))",
    re.M | re.A,
)


def patient_name(report_text: str, places: tuple[tuple[int, int], ...]) -> re.Match[str] | None:
    """The patient's name, by its label or by the sex and age that follow it (group `name`, and `label` where there is one)."""
    for pattern in (NAMED, WITH_SEX, UNLABELLED):
        for start, end in places:
            for found in pattern.finditer(report_text, start, end):
                if not re.search(r"医院|科$|报告|显像|检查|中心|男$|(?<!之)女$", found.group("name")):
                    return found
    return None


@_reader
def _patient_name(material: Material, rule: ElementRule) -> Found:
    """The evidence is the label or the first character: the name itself stays out of every result."""
    places = tuple((part.start, part.end) for part in material.report.before_findings("header", "clinical"))
    found = patient_name(material.report.plain, places)
    if found is None:
        return "absent", ()
    if found.groupdict().get("label"):
        return "present", (Span(start=found.start("label"), end=found.end("label")),)
    return "present", (Span(start=found.start("name"), end=found.start("name") + 1),)


READERS["patient_name"] = READERS.pop("_patient_name")

CODED = re.compile(
    filled(
        r"(?<![A-Za-z\u4e00-\u9fff])(?!\S{0,6}(?:电话|手机|邮编|许可|证书|批号|批次|房间|床|系列|型号|设备号|机号))"
        r"[\u4e00-\u9fffA-Za-z/]{0,8}(?:号码?|编号|流水|ID|No\.?|#)\s*[\]:|#. ]*\s*(?P<code>{code})"
    ),
    re.I | re.A,
)
BOTH_NUMBERS = ("patient_id", "exam_no")


@_reader
def number(material: Material, rule: ElementRule) -> Found:
    """The patient's or the examination's number: by its label, else a labelled number that the other of the two has not claimed."""
    status, spans = by_patterns(material, rule)
    if status != "absent":
        return status, spans
    places = tuple((part.start, part.end) for part in material.report.before_findings("header", "clinical", "signature"))
    codes = [found for start, end in places for found in CODED.finditer(material.report.plain, start, end)]
    other = next(one for one in rules(material.exam.type) if one.id in BOTH_NUMBERS and one.id != rule.id)
    claimed = [one for start, end in places for one in hits(material, other, other.present, ((start, end),))]
    free = [one for one in codes if not any(span.start < one.end("code") <= span.end for span in claimed)]
    if free and (rule.id == "exam_no" or claimed or len(free) > 1):  # one number without a name: the examination's
        return "present", (Span(start=free[0].start(), end=free[0].end()),)
    if len({one.group("code") for one in codes}) >= 2:  # two numbers: one of the patient, one of the examination
        own = codes[-1] if rule.id == "exam_no" else codes[0]
        return "present", (Span(start=own.start(), end=own.end()),)
    return "absent", ()


DATE = filled("{date}")
FULL_DATE = r"(?:(?<![\d/.-])1[01]\d[/.-](?:0[1-9]|1[0-2])[/.-](?:0[1-9]|[12]\d|3[01])|(?:民国\s*)?(?<!\d)1[01]\d\s*年\s*(?:1[0-2]|0?[1-9])\s*月\s*(?:3[01]|[0-2]?\d)\s*日|(?<![\d/])(?:0?[1-9]|[12]\d|3[01])/(?:0?[1-9]|[12]\d|3[01])/(?:19|20)\d{2}|(?:0?[1-9]|[12]\d|3[01])(?:st|nd|rd|th)?[ -]{month}\.?[ ,-]+(?:19|20)\d{2}|{month}\.?[ -]+\d{1,2}(?:st|nd|rd|th)?[ ,-]+(?:19|20)\d{2}|二[〇零○Oo0][〇零○一二三四五六七八九]{2}\s*年\s*[一二三四五六七八九十]{1,2}\s*月\s*[一二三四五六七八九十]{1,3}\s*日|(?:19|20)\d{2}\s*[-./年]\s*(?:1[0-2]|0?[1-9])\s*[-./月]\s*(?:3[01]|[0-2]?\d)\s*日?|20\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01]))(?!\d)"
FULL_DATE = filled(FULL_DATE)
ANY_DATE = re.compile(rf"(?<![\d.A-Za-z-]){FULL_DATE}", re.A)
EXAM_LABEL = r"(?:上机|检查|显像|扫描|采集|成像|检测|就诊|注射|exam(?:ination)?|study|scan|acquisition|imaging|service|procedure|performed|STUDY_?DATE|EXAM_?DATE|DOS|DOE|date of (?:exam(?:ination)?|study|scan|service))"
REPORT_LABEL = r"(?:报告|审核|签发|成文|成稿|出报告|出具|发布|发报|发放|诊断书|出单|判读|审签|复核|出片|打印|report(?:ed)?|signed|verified|issued|approved|sign-?off|rpt|final(?=\s*:)|released|finali[sz]ed|RPT_?DATE|DOR|date of report)"
WHEN = r"\s*(?:日期|时间|日|date|time|on|于)?(?:\s*\(?[A-Za-z ]*\)?)?\s*[\]:| ]*\s*"
NO_TITLE = "".join(
    f"(?<!{word})" for word in ("CT", "MR", "诊断", "检查", "显像", "扫描", "影像", "随访", "ECT", "描述")
)  # …PET/CT报告 2025-11-18: a title
SHORT_DATE = r"\d{2}[-./年]\d{1,2}[-./月]\d{1,2}(?!\d)日?"  # 24/11/06, after a label only
BOTH_DATES = rf"检查[及和与、/]\s*报告(?:日期|时间)?\s*[:]?\s*(?:均|同)?为?\s*[:]?\s*{DATE}"
EXAM_DATE = re.compile(rf"{BOTH_DATES}|(?<!申请)(?<!既往){EXAM_LABEL}{WHEN}(?P<date>{DATE}|{SHORT_DATE})", re.I | re.A)
REPORT_DATE = re.compile(
    rf"{BOTH_DATES}|(?:(?:{NO_TITLE}{REPORT_LABEL}|报告(?=[日时]|\s*[:|])){WHEN}|诊断(?:日期|时间)\s*[\]:| ]*\s*)(?P<date>{DATE}|{SHORT_DATE})|(?P<before>{DATE})\s*(?:\d{{1,2}}:\d{{2}}\s*)?\(?(?:出?报告?|签发|发出|出具)(?![\u4e00-\u9fff:])|[当同]日(?:出具|发出|完成|签发)?报告|报告(?:完成|签发|出具|发出)?于\s*{DATE}|(?:^|[|\s])报\s*{DATE}",
    re.I | re.A,
)
MONTH_DAY = r"(?:[一二三四五六七八九十]{1,2}\s*月\s*[一二三四五六七八九十]{1,3}\s*日|\d{1,2}\s*月\s*\d{1,2}\s*日?|(?<![\d.])(?:0?[1-9]|1[0-2])[-/.](?:[0-2]?\d|3[01])(?![\d.-]))"
EXAM_PARTIAL = re.compile(rf"{EXAM_LABEL}{WHEN}{MONTH_DAY}|{EXAM_LABEL}(?:日期|时间)\s*[:|]\s*{MONTH_DAY}", re.I | re.A)
REPORT_PARTIAL = re.compile(rf"{MONTH_DAY}\s*(?:出具|发出|签发|完成)?报告|{REPORT_LABEL}{WHEN}{MONTH_DAY}", re.I | re.A)
OTHER_DATE = re.compile(
    rf"(?:出生|生日|DOB|born|birth|申请|登记|送检|打印|{NO_TITLE}报告|报告[日时:|]|审核|签发|术|确诊|末次|report|signed|verified|request)[^\n,;。\d]{{0,8}}{DATE}",
    re.I | re.A,
)

YEAR_MONTH = re.compile(r"(?<![\d.])20\d{2}\s*(?:年\s*(?:1[0-2]|0?[1-9])\s*月|[-./](?:1[0-2]|0?[1-9]))(?!\s*[-./\d])", re.A)
SHORT = re.compile(
    r"(?<![\d.])\d{2}年\d{1,2}月\d{1,2}日|(?<![\d./A-Za-z-])2\d[-./](?:1[0-2]|0?[1-9])[-./](?:3[01]|[12]\d|0?[1-9])(?![\d./-])",
    re.A,
)
ARRIVED = re.compile(
    rf"(?:登记|就诊|受检|到检|预约|签到|注药|申请|送检)[^\n,;。\d]{{0,6}}{DATE}", re.A
)  # where nothing else dates the examination


def _dates(material: Material, pattern: re.Pattern[str], *kinds: str) -> Iterator[Span]:
    for part in material.report.of(*kinds):
        for found in pattern.finditer(material.report.plain, part.start, part.end):
            yield Span(start=found.start(), end=found.end())


def exam_date(material: Material) -> Span | None:
    """Where the date of the examination stands: labelled, else the first date of the header that no other label claims."""
    for span in _dates(material, EXAM_DATE, "header", "technique", "limits", "signature"):
        return span
    claimed = [(s.start, s.end) for s in _dates(material, OTHER_DATE, "header")]
    for span in _dates(material, ANY_DATE, "header"):
        if not any(start <= span.start < end for start, end in claimed) and not _birth(material, span):
            return span
    return next(_dates(material, ARRIVED, "header"), None) or next(
        _dates(material, SHORT, "header", "clinical", "technique"), None
    )


def _birth(material: Material, span: Span) -> bool:
    """A date between the sex and the age is a birthday: F / 1986-04-12 (38y)."""
    plain = material.report.plain
    return bool(
        re.search(r"(?:[男女]|\b[MF])\s*[/,|(]?\s*$", plain[max(0, span.start - 8) : span.start])
        and re.match(r"\s*[(,/]?\s*\d{1,3}\s*(?:岁|y)", plain[span.end : span.end + 8])
    )


def report_date(material: Material) -> Span | None:
    """Where the date of the report stands: labelled, else a date beside the signature, else the second bare date of the header."""
    for span in _dates(material, REPORT_DATE, "header", "signature", "limits", "advice", "impression"):
        return span
    for pattern in (ANY_DATE, SHORT):
        for span in _dates(material, pattern, "signature"):
            return span
    return next(_dates(material, REPORT_DATE, "clinical", "technique", "comparison"), None)


@_reader
def _exam_date(material: Material, rule: ElementRule) -> Found:
    found = exam_date(material) or next(_dates(material, EXAM_DATE, "clinical"), None)
    if found:
        return "present", (found,)
    vague = next(_dates(material, EXAM_PARTIAL, "header", "technique"), None) or next(
        _dates(material, YEAR_MONTH, "header"), None
    )
    return ("partial", (vague,)) if vague else ("absent", ())


@_reader
def _report_date(material: Material, rule: ElementRule) -> Found:
    found = report_date(material)
    if found:
        return "present", (found,)
    vague = next(_dates(material, REPORT_PARTIAL, "header", "signature"), None)
    if vague is None:
        vague = next(_dates(material, re.compile(MONTH_DAY), "signature"), None)
    return ("partial", (vague,)) if vague else ("absent", ())


READERS["exam_date"] = READERS.pop("_exam_date")
READERS["report_date"] = READERS.pop("_report_date")

CLOCK = r"(?<!\d)([01]?\d|2[0-3])[:时](?:\s*)([0-5]\d)"
INJECTED_AT = re.compile(
    rf"(?:注射|注药|给药|静注|推注|注入|injected|injection|administered|\bIV)(?:时间|时刻|于|at|time)?[^。;\n\d]{{0,8}}{CLOCK}|{CLOCK}\s*(?:静脉)?(?:注射|注药|给药|静注|推注|注入)",
    re.I | re.A,
)
SCANNED_AT = re.compile(
    rf"(?:采集|扫描|显像|开始|成像|检查|scan(?:ned|ning)?|acqui\w+|imag(?:ed|ing))(?:开始|时间|时刻|于|at|started|time)*[^。;\n\d]{{0,8}}{CLOCK}|{CLOCK}\s*(?:开始)?(?:采集|扫描|显像|成像)",
    re.I | re.A,
)


def clock_minutes(material: Material, pattern: re.Pattern[str]) -> tuple[int, Span] | None:
    """A stated time of day in minutes, and where it stands, in the technique or header."""
    for part in material.report.of("technique", "header", "clinical"):
        for found in pattern.finditer(material.report.plain, part.start, part.end):
            hour, minute = (int(value) for value in found.groups() if value is not None)
            if not ANY_DATE.search(material.report.plain, max(part.start, found.start() - 2), found.end()):
                return hour * 60 + minute, Span(start=found.start(), end=found.end())
    return None


@_reader
def uptake_time(material: Material, rule: ElementRule) -> Found:
    status, spans = by_patterns(material, rule)
    if status == "present":
        return status, spans
    if material.exam.type == "I131_WBS":  # the dose is told with the history
        everywhere = [(part.start, part.end) for part in material.report.of("clinical", "findings")]
        later = next(hits(material, rule, rule.present, everywhere), None)
        if later:
            return "present", (later,)
    injected, scanned = clock_minutes(material, INJECTED_AT), clock_minutes(material, SCANNED_AT)
    if injected and scanned:
        return "present", (injected[1], scanned[1])
    spans = next(_waits(material), ())
    if spans:
        return "present", spans
    clocks = _clocks(material)
    if len({minutes for minutes, _ in clocks}) >= 2 and re.search(
        r"注|给药|静推|inject|administ|\bIV\b|mCi|MBq", _technique(material), re.I | re.A
    ):
        return "present", tuple(span for _, span in clocks[:2])
    return status, spans


DURATION = re.compile(
    filled(
        r"(?<![\d.:/-])(?:\d{1,3}(?:\.\d+)?|[一二两三四五六七八九十半]{1,3})\s*(?:个)?(?:半)?\s*(?:{minutes}|天|日(?!期))(?!\s*(?:[/每xX*]|前|以上未|未进|大小))"
    ),
    re.I | re.A,
)
NO_WAIT = re.compile(
    r"(?:空腹|禁食|禁饮|未进?食|停[用药服]?|停止|忌|低碘[^。;,]{0,4}|前|[每/]|床|采集(?:时间|时长)?|连续|持续|共|时长|各|层|术后|化疗后|放疗后|治疗后|病程|近|约?术|疼痛|发现|[咳痛]|fast(?:ed|ing)?|for|off|per|every|over|呋塞米|速尿|饮水|泵注|运动)[^。;,\n]{0,8}$|[x*X/]\s*$",
    re.I | re.A,
)


def _waits(material: Material) -> Iterator[tuple[Span, ...]]:
    """A length of time told with the method that is no fast, no bed time, no frame and no drug: the wait between injection and scan."""
    plain = material.report.plain
    for part in material.report.of("technique"):
        for found in DURATION.finditer(plain, part.start, part.end):
            left, right = context.clause_around(plain, found.start(), found.end())
            if not NO_WAIT.search(plain[max(left, found.start() - 14) : found.start()]) and not re.match(
                r"\s*(?:[/每xX*]|床|帧|bed|一?床|采集|内|以上)", plain[found.end() : right]
            ):
                yield (Span(start=found.start(), end=found.end()),)


def _technique(material: Material) -> str:
    return material.report.said("technique")


def _clocks(material: Material) -> list[tuple[int, Span]]:
    """Times of day told with the method, in order of the text; a date's own time of day is none of them."""
    found = []
    for part in material.report.of("technique"):
        for one in re.finditer(CLOCK, material.report.plain[part.start : part.end]):
            span = Span(start=part.start + one.start(), end=part.start + one.end())
            if not ANY_DATE.search(material.report.plain, max(part.start, span.start - 14), span.end):
                found.append((int(one.group(1)) * 60 + int(one.group(2)), span))
    return found


CONTRAST = re.compile(r"对比剂|造影剂|增强|平扫|contrast|unenhanced", re.I | re.A)


@_reader
def ct_technique(material: Material, rule: ElementRule) -> Found:
    status, spans = by_patterns(material, rule)
    said = any(CONTRAST.search(material.report.plain, start, end) for start, end in parts_to_read(material, rule))
    return ("partial", spans) if status == "present" and not said else (status, spans)


COMPARABLE = re.compile(
    r"PET|CT|MR|超声|B超|显[像象]|扫描|片|影像|检查|图像|骨|无|未|首次|缺|\d{4}|none|no\b|not|first|scan|study|exam|nil|N/?A",
    re.I | re.A,
)


@_reader
def comparison(material: Material, rule: ElementRule) -> Found:
    own = [
        part
        for part in material.report.of("comparison")
        if part.heading and COMPARABLE.search(material.report.plain, part.start, part.end)
    ]
    if own:
        return "present", (Span(start=own[0].start, end=own[0].end),)
    return by_patterns(material, rule)


HEIGHT = re.compile(
    r"(?:身高|\bheight|\bHt\b)\s*[:(]?\s*(?:cm\)?)?\s*[:|]?\s*\d|(?<![\d.])1[0-9]\d(?:\.\d)?\s*(?:cm|厘米|公分)(?=[\s,、;/()]*(?:体重)?[\s:]*\d{2,3}(?:\.\d+)?\s*(?:kg|公斤|千克))|(?<![\d.])1\.\d{1,2}\s*(?:m|米)(?![a-z])|(?:kg|公斤|千克)\s*[/,、;和 ]\s*(?:身高)?1[0-9]\d(?:\.\d)?\s*(?:cm|厘米|公分)",
    re.I | re.A,
)
WEIGHT = re.compile(
    r"(?:体重|\bweight|\bWt\b|\bBW\b)\s*[:(]?\s*(?:kg\)?)?\s*[:|]?\s*(?:约|为)?\s*\d|(?<![\d./])\d{1,3}(?:\.\d+)?\s*(?:kg|公斤|千克)(?!\s*[/·])",
    re.I | re.A,
)


@_reader
def height_weight(material: Material, rule: ElementRule) -> Found:
    places = parts_to_read(material, rule)
    found = [
        next((one for start, end in places for one in pattern.finditer(material.report.plain, start, end)), None)
        for pattern in (HEIGHT, WEIGHT)
    ]
    spans = tuple(Span(start=one.start(), end=one.end()) for one in found if one)
    if len(spans) == 2:
        return "present", spans
    return ("partial", spans) if spans else ("absent", ())


@_reader
def exam_name(material: Material, rule: ElementRule) -> Found:
    """By its patterns, else a title set wide: 骨 显 像 报 告."""
    status, spans = by_patterns(material, rule)
    if status == "present" or rule.present is None:
        return status, spans
    for part in material.report.of("header"):
        for line in re.finditer(r"[^\n]+", material.report.plain[part.start : part.end]):
            if (together := unspaced(line.group())) != line.group() and rule.present.search(together):
                return "present", (Span(start=part.start + line.start(), end=part.start + line.end()),)
    return status, spans


@_reader
def recommendation(material: Material, rule: ElementRule) -> Found:
    """By its patterns, else whatever stands under a heading of advice, unless it only asks to mind the clinic."""
    status, spans = by_patterns(material, rule)
    if status == "present":
        return status, spans
    for part in material.report.of("advice"):
        said = material.report.plain[part.start : part.end].strip(" \n.。:_-|")
        if len(said) >= 2 and not re.fullmatch(r"(?:无|建议|请|密切|结合临床|及|其他|相关|检查|随诊?|[,。\s])+", said):
            return "present", (Span(start=part.start, end=part.end),)
    return status, spans


@_reader
def lesion_location(material: Material, rule: ElementRule) -> Found:
    spans = tuple(one.span for one in material.lesions)
    if spans:
        return "present", spans[:3]
    for part in material.report.of("findings"):
        for found in UNEVEN.finditer(material.report.plain, part.start, part.end):
            left, right = context.clause_around(material.report.plain, found.start(), found.end())
            if not context.denied(material.report.plain[left:right], found.start() - left):
                return "partial", (Span(start=left, end=right),)
    return "absent", ()


UNEVEN = re.compile(r"[轻中重]度[^。;,\n]{0,4}(?:减低|增高|降低|稀疏|浓聚)|稀疏|缺损|浓聚灶|局灶性?浓聚|受损|变薄")
LAST_NAME = re.compile(
    r"(?:^|\n)[ ]*(?![\u4e00-\u9fff·]{0,3}(?:未见|正常|[阴阳]性|癌|瘤|炎|转移|病|异常|复发|结节|报告|医院|同前))(?P<name>[\u4e00-\u9fff·]{2,4})[ ]*(?:\n?[ ]*[\d年月日:./ -]{6,24})?\s*$"
)


ROLE = re.compile(
    r"电子签[名字]|签[名字]|署名|报告(?:医[师生]|者|人)?|诊断(?:医[师生]|者)|审核(?:医[师生]|者|人)?|复核|复审|审签|核准|起草|书写|记录|指导|初审"
    r"|主治(?:医[师生])?|(?:副?主任|住院)(?:医[师生]|医)?|医[师生]|上级|[报审核写](?=\s*[:])|Finali[sz]ed|Dictated|Sig(?:ned)?|\bDr\b\.?|\bMD\b|\b[RASV]\b",
    re.I | re.A,
)
AT_THE_END = re.compile(r"[\d年月日:./ -]{6,24}|[\s/|;,、。〇○‖()\[\]:·.-]")


def signed(material: Material) -> tuple[Span, ...]:
    """Names that stand alone on one of the last lines, with nothing beside them but roles, dates and signs: at most two."""
    plain = material.report.plain.rstrip()
    for line in list(re.finditer(r"[^\n]+", plain))[-1:-3:-1]:
        words = ROLE.sub(lambda found: " " * len(found.group()), line.group())
        names = list(re.finditer(r"(?<![\u4e00-\u9fff])[\u4e00-\u9fff]{2,4}(?![\u4e00-\u9fff])", words))
        rest = AT_THE_END.sub("", re.sub(r"[\u4e00-\u9fff]{2,4}", "", words))
        if 1 <= len(names) <= 2 and not rest and not NO_SIGNER.search(words):
            return tuple(Span(start=line.start() + one.start(), end=line.start() + one.end()) for one in names)
    return ()


NO_SIGNER = re.compile(
    r"未见|正常|[阴阳]性|癌|瘤|炎|转移|异常|复[发查]|结节|报告|医院|同前|随[访诊]|结合|临床|建议|日期|时间|科(?=\s|$)"
)


CHECKED = re.compile(r"(?:审|核|复|上级|verif\w*|review\w*|approv\w*|check\w*)[^\n]{0,6}$", re.I)


@_reader
def reviewer(material: Material, rule: ElementRule) -> Found:
    """By its patterns, else the second of two names alone on the last line."""
    status, spans = by_patterns(material, rule)
    names = signed(material) if status == "absent" else ()
    return ("present", names[1:]) if len(names) == 2 else (status, spans)


@_reader
def author(material: Material, rule: ElementRule) -> Found:
    """By its patterns, else a name alone on the last line of the report."""
    status, spans = by_patterns(material, rule)
    last = LAST_NAME.search(material.report.plain) if status == "absent" else None
    if last:
        return "present", (Span(start=last.start("name"), end=last.end("name")),)
    names = signed(material) if status == "absent" else ()
    if names and not CHECKED.search(material.report.plain, max(0, names[0].start - 8), names[0].start):
        return "present", names[:1]
    return status, spans


@_reader
def impression(material: Material, rule: ElementRule) -> Found:
    for part in material.report.of("impression"):
        if material.report.plain[part.start : part.end].strip(" \n.。:_-|"):
            return (
                ("present", (part.heading,))
                if part.heading
                else ("partial", (Span(start=part.start, end=min(part.start + 20, part.end)),))
            )
    return "absent", ()


@_reader
def answers_question(material: Material, rule: ElementRule) -> Found:
    """By its patterns; whether an impression that says something else answers the question is for a person to say."""
    status, spans = by_patterns(material, rule)
    if status == "absent":
        for part in material.report.of("impression"):
            if len(material.report.plain[part.start : part.end].strip()) >= 4:
                return "partial", (Span(start=part.start, end=min(part.end, part.start + 40)),)
    return status, spans


@cache
def _critical() -> tuple[re.Pattern[str], re.Pattern[str]]:
    book = rule_book()["critical"]
    return re.compile(book["words"], re.I | re.A), re.compile(book["excluded"], re.I | re.A)


def critical_findings(material: Material) -> tuple[Span, ...]:
    """Affirmed findings of this examination that ask for a call."""
    words, excluded = _critical()
    found = []
    for part in material.report.of("findings", "impression"):
        for one in words.finditer(material.report.plain, part.start, part.end):
            left, right = context.clause_around(material.report.plain, one.start(), one.end())
            clause = material.report.plain[left:right]
            within = context.NEGATED.search(one.group())  # 硬膜囊无受压
            if not within and not context.denied(clause, one.start() - left) and not excluded.search(clause):
                found.append(Span(start=one.start(), end=one.end()))
    return tuple(found)


@_applies
def hybrid(material: Material) -> bool:
    return material.exam.hybrid


@_applies
def lesion(material: Material) -> bool:
    return bool(material.lesions)


@_applies
def hybrid_lesion(material: Material) -> bool:
    return material.exam.hybrid and bool(material.lesions)


APPLIES["uptake_time"] = lambda material: material.exam.type not in ("RENAL", "OTHER")
APPLIES["range"] = lambda material: material.exam.type not in ("MPI", "RENAL", "THYROID", "OTHER")
APPLIES["critical"] = lambda material: bool(critical_findings(material))
APPLIES["diuresis"] = lambda material: True
APPLIES["indication"] = lambda material: True
APPLIES["gated"] = lambda material: (
    not re.search(r"(?:非|未(?:行|做|采用)?)门控|non-?gated|ungated", material.report.plain, re.I | re.A)
)
LYMPHOMA = re.compile(r"淋巴瘤|霍奇金|DLBCL|lymphoma|Hodgkin", re.I | re.A)


@_applies
def lymphoma(material: Material) -> bool:
    return bool(LYMPHOMA.search(material.report.said(*BEFORE_FINDINGS))) and bool(material.lesions)


@_applies
def response(material: Material) -> bool:
    return bool(re.search(r"疗效|评效|response", material.report.said("clinical"), re.I | re.A))
