"""The layout a report lost or gained on its way: characters set wide by OCR, lines cut at a fixed width, a row of labels over a row of values.

The text is put back into running words for the rules; every character keeps the place in the text as read from which it came.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from photopeak.report_review.normal import normal

Characters = list[tuple[str, int]]  # a character of the normal text, and where it stands in the text as read
HAN = r"[\u4e00-\u9fff]"


@dataclass(frozen=True, slots=True)
class Layout:
    """`plain`: the text for the rules; `origin`: for each of its characters the place in the text as read (None: the same place)."""

    plain: str
    origin: Sequence[int] | None = None

    def places(self, start: int, end: int) -> tuple[int, int]:
        """Where characters `start` to `end` of the plain text stand in the text as read; of words brought together, the last run."""
        if self.origin is None:
            return start, end
        if start >= end:
            at = self.origin[min(start, len(self.origin) - 1)] if self.origin else 0
            return at, at
        places = self.origin[start:end]
        first = len(places) - 1
        while first > 0 and 0 <= places[first] - places[first - 1] <= FARTHEST:
            first -= 1
        return places[first], places[-1] + 1

    def plain_place(self, place: int) -> int:
        """Where the character at `place` of the text as read stands in the plain text."""
        if self.origin is None:
            return place
        origin = self.origin
        return min(range(len(origin)), key=lambda number: abs(origin[number] - place), default=0)


FARTHEST = 12  # characters left out between two that still belong to one quotation


def laid_out(text: str) -> Layout:
    """`text` in normal spelling, with its layout put right. Identity of places where nothing had to be done."""
    plain = normal(text)
    characters: Characters = list(zip(plain, range(len(plain)), strict=True))
    made = _labelled(_table_rows(text, _dealt(_unwrapped(_closed_up(_untagged(characters))))))
    words = _words(made)
    if len(made) == len(plain) and all(place == number for number, (_, place) in enumerate(made)):
        return Layout(words)
    return Layout(words, tuple(place for _, place in made))


ANGLED = re.compile(
    r"(?<![<\u4e00-\u9fff])(?P<label>[\u4e00-\u9fff]{2,6})(?P<open><)[^<>\n]{1,60}(?P<close>>)"
)  # 姓名<张三> 性别<男>
COMMA = re.compile(r"^[ ]*[\u4e00-\u9fff]{1,5}(?:ID|CT)?(?P<sign>,)(?=[^\s,])", re.M)  # 姓名,张三 of a spreadsheet
STROKE = re.compile("丨")
STARRED = re.compile(r"\*\*(?P<name>[\u4e00-\u9fffA-Za-z][\u4e00-\u9fffA-Za-z /]{0,11})\*\*(?=[ ]*:?[ ]*\S)")
TAG = re.compile(r"<(?P<name>[\u4e00-\u9fffA-Za-z][^<>=\n]{0,15})>(?=[^<>]{0,4000}</(?P=name)>)|</[^<>\n]{1,16}>")


def _untagged(characters: Characters) -> Characters:
    """<姓名>张三</姓名> and **姓名** 张三 as 姓名:张三; a closing tag parts two fields of one line."""
    plain = _words(characters)
    change: dict[int, str] = {}
    starred = list(STARRED.finditer(plain))
    for found in starred if len(starred) >= 3 else ():
        change |= dict.fromkeys((found.start(), found.end() - 2), "")
        change[found.start() + 1] = "" if plain[found.start() - 1 : found.start()] in ("", "\n") else "  "
        change[found.end() - 1] = ":" if plain[found.end() : found.end() + 1] != ":" else ""
    for found in TAG.finditer(plain):
        if found.group("name"):
            change[found.start()] = "" if plain[found.start() - 1 : found.start()] in ("", "\n", ">") else "  "
            change[found.end() - 1] = ":"
        else:
            change |= dict.fromkeys(range(found.start(), found.end() - 1), "")
            change[found.end() - 1] = "  "
    angled = list(ANGLED.finditer(plain))
    for found in angled if len(angled) >= 3 else ():
        change[found.start("open")], change[found.start("close")] = ":", "  "
    comma = list(COMMA.finditer(plain))
    change |= {found.start("sign"): ":" for found in comma} if len(comma) >= 6 else {}
    change |= {number: "|" for number, one in enumerate(plain) if one == "∥"}
    stroke = list(STROKE.finditer(plain))
    change |= {found.start(): ":" for found in stroke} if len(stroke) >= 3 else {}
    if not change:
        return characters
    return [(sign, place) for number, (one, place) in enumerate(characters) for sign in change.get(number, one)]


def _words(characters: Characters) -> str:
    return "".join(one for one, _ in characters)


SET_WIDE = 0.4  # share of the characters that a single space follows, above which a text was set wide


def _closed_up(characters: Characters) -> Characters:
    """Without the spaces of a text, a line or a label that was set wide (姓 名 :, 骨 显 像 报 告)."""
    plain = _words(characters)
    if "  " not in plain and not re.search(rf"{HAN} {HAN}", plain):
        return characters
    han = len(re.findall(HAN, plain))
    wide = 2 * han >= len(re.findall(r"[A-Za-z]", plain)) and len(re.findall(rf"{HAN} (?=\S)", plain)) >= SET_WIDE * max(1, han)
    drop: set[int] = set()
    if wide:
        for found in re.finditer(r"(?<=\S) (?=\S)", plain):
            words = (
                re.search(r"[A-Za-z]*$", plain[max(0, found.start() - 20) : found.start()]),
                re.match(r"[A-Za-z]*", plain[found.end() : found.end() + 20]),
            )
            lengths = [len(one.group()) if one else 0 for one in words]
            if min(lengths) == 0 or max(lengths) == 1:  # a space between two words of letters stays
                drop.add(found.start())
    else:
        for line in WIDE_LINE.finditer(plain):
            drop.update(at for at in range(line.start(), line.end()) if plain[at] == " ")
        for label in _wide_labels().finditer(plain):
            drop.update(at for at in range(label.start(), label.end()) if plain[at] == " ")
    for code in WIDE_CODE.finditer(plain):
        drop.update(at for at in range(code.start(), code.end()) if plain[at] == " ")
    return [one for number, one in enumerate(characters) if number not in drop] if drop else characters


WIDE_CODE = re.compile(r"(?<![A-Za-z0-9.])(?:[A-Za-z0-9] ){4,}[A-Za-z0-9](?![A-Za-z0-9.])")  # F Y 0 9 3 3 1
WIDE_LINE = re.compile(rf"^(?:{HAN}|\[|(?<=\d) )(?: {{1,3}}(?:{HAN}|[A-Za-z0-9/+-]+|[()\[\]])){{3,}}(?=[ ]*$)", re.M)
LABELS = [
    "姓名",
    "性别",
    "年龄",
    "科室",
    "科别",
    "病区",
    "病房",
    "床号",
    "床位",
    "住院号",
    "门诊号",
    "病历号",
    "病案号",
    "登记号",
    "检查号",
    "影像号",
    "编号",
    "日期",
    "单位",
    "电话",
    "地址",
    "民族",
    "职业",
    "病史",
    "诊断",
    "印象",
    "结论",
    "所见",
    "意见",
    "方法",
    "目的",
    "建议",
    "报告",
    "审核",
    "签名",
    "医师",
    "医生",
    "备注",
    "部位",
    "项目",
    "患者",
    "检查日期",
    "报告日期",
    "检查时间",
    "报告时间",
    "检查所见",
    "检查方法",
    "诊断意见",
    "临床诊断",
    "检查部位",
    "检查项目",
    "申请科室",
    "申请医师",
    "报告医师",
    "审核医师",
    "影像所见",
    "影像诊断",
    "检查目的",
    "药物",
    "剂量",
    "体重",
    "身高",
    "血糖",
    "设备",
    "仪器",
]


@cache
def _wide_labels() -> re.Pattern[str]:
    words = sorted(LABELS, key=len, reverse=True)
    return re.compile(rf"(?<!{HAN})(?:{'|'.join('[ ]{0,8}'.join(word) for word in words)})(?=[ ]*(?:[:|\])]|$|[ ]{HAN}))", re.M)


def _width(line: str) -> int:
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in line)


NARROWEST, WIDEST = 30, 140  # columns a program cuts lines at
ENDS = re.compile(r"[。;:!?|]\s*$")
BEGINS = re.compile(
    r"\s*(?:[(]?(?:\d{1,2}|[一二三四五六七八九十]{1,2}|[①-⑨]|[A-H])[)]?\s*[、.,):](?!\d)|[\[<《#*◆◇●■▲△▶►★☆※♦|>-]|[^\s:]{1,12}[:]|\s*$|  )"
)


def _unwrapped(characters: Characters) -> Characters:
    """Lines that a program cut at a fixed width, joined again; a line that ends a sentence or a label that opens one stays."""
    plain = _words(characters)
    lines = [(found.start(), found.end()) for found in re.finditer(r"[^\n]+", plain)]
    widths = [_width(plain[start:end].rstrip()) for start, end in lines]
    widest = max(widths, default=0)
    full = [number for number, width in enumerate(widths) if width >= widest - 3]
    if not NARROWEST <= widest <= WIDEST or len(full) < 3 or len(full) < 0.2 * len(lines):
        return characters
    drop: set[int] = set()
    for number in full:
        if number + 1 >= len(lines):
            continue
        (start, end), (following, stop) = lines[number], lines[number + 1]
        words, after = plain[start:end], plain[following:stop]
        if plain[end:following] != "\n" or ENDS.search(words) or BEGINS.match(after):
            continue
        english = words[-1:].isascii() and words[-1:].isalpha() and after[:1].isascii() and after[:1].isalpha()
        if english and widths[number] < widest:
            continue
        drop.update(range(end, following))
    return [one for number, one in enumerate(characters) if number not in drop] if drop else characters


SLASHED = re.compile(
    r"(?:^|(?<=[|;])|(?<=  ))[ ]*(?P<labels>[\u4e00-\u9fffA-Za-z]{1,8}(?:[ ]*/[ ]*[\u4e00-\u9fffA-Za-z]{1,8}){1,3})[ ]*[:|=][ ]*(?P<values>[^|:;\n]*?)[ ]*(?=[|;\n]|  |$)",
    re.M,
)
A_SHORT_LABEL = re.compile(r"(?:检查|报告|扫描|显像|审核)日?|初审|复审|复核|签发|医师|报告者|审核者")


def _dealt(characters: Characters) -> Characters:
    """检查日/报告日: A / B as 检查日:A | 报告日:B, where there are as many values as labels."""
    plain = _words(characters)
    made: Characters = []
    at = 0
    for found in SLASHED.finditer(plain):
        labels = list(re.finditer(r"[^/]+", found.group("labels")))
        known = sum(bool(A_LABEL.fullmatch(w := one.group().strip()) or A_SHORT_LABEL.fullmatch(w)) for one in labels)
        values = next(
            (
                rows
                for sign in (r"(?:(?! / ).)+", r"[^/]+")
                if len(rows := list(re.finditer(sign, found.group("values")))) == len(labels)
            ),
            [],
        )
        if not values or known < len(labels) or not all(one.group().strip(" /") for one in values):
            continue
        made += characters[at : found.start("labels")]
        for label, value in zip(labels, values, strict=True):
            first, low = found.start("labels"), found.start("values")
            words = [one for one in characters[first + label.start() : first + label.end()] if one[0] != " "]
            told = characters[low + value.start() : low + value.end()]
            while told[0][0] in " /":
                told = told[1:]
            while told[-1][0] in " /":
                told = told[:-1]
            made += [*words, (":", told[0][1]), *told, *((sign, told[-1][1]) for sign in " | ")]
        at = found.end("values")
    return [*made, *characters[at:]] if at else characters


A_LABEL = re.compile(
    r"(?:患者|病人)?(?:姓\s*名|性\s*别|年\s*龄|出生日期)|[\u4e00-\u9fff]{0,4}(?:科室|科别|病区|床号|床位|号码?|编号|ID|日期|时间|医[师生]|项目|部位|药物|药品|剂量|活度|途径|方式|身高|体重|血糖|仪器|设备|诊断|目的|单位|医院)"
    r"|(?:patient )?name|sex|gender|age|ID|MRN|accession|date|(?:exam|study|report) date|ward|dept\.?|weight|height|dose|tracer|glucose|referr\w+",
    re.I | re.A,
)
CELLS = re.compile(r"[^|\t\n]+")


def _cells(raw: str) -> list[tuple[int, int]]:
    """The cells of a line: parted by bars or tabs, else by two spaces and more."""
    pattern = CELLS if re.search(r"[|\t]", raw) else re.compile(r"\S+(?: \S+)*")
    return [
        (f.start() + len(f.group()) - len(f.group().lstrip()), f.start() + len(f.group().rstrip()))
        for f in pattern.finditer(raw)
    ]


def _table_rows(text: str, characters: Characters) -> Characters:
    """A row of labels over a row of values becomes label and value in turn."""
    plain = _words(characters)
    if not re.search(r"[|\t]|\S  ", plain) and "\t" not in text:
        return characters
    shown = "".join("\t" if text[place] == "\t" else one for one, place in characters)
    lines = [(found.start(), found.group()) for found in re.finditer(r"[^\n]+", shown)]
    made: Characters = []
    at, number = 0, 0
    while number + 1 < len(lines):
        (start, labels), (under, values) = lines[number], lines[number + 1]
        pairs = list(_paired(labels, values))
        if pairs:
            made += characters[at:start]
            for (first, last), (low, high) in pairs:
                made += characters[start + first : start + last]
                value = characters[under + low : under + high]
                made += [(":", value[0][1]), *value, *((sign, value[-1][1]) for sign in " | ")]
            at = under + len(values)
            number += 2
        else:
            number += 1
    return [*made, *characters[at:]] if at else characters


def _paired(labels: str, values: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    first, second = _cells(labels), _cells(values)
    if len(first) < 3 or len(first) != len(second) or ":" in labels:
        return
    named = [bool(A_LABEL.fullmatch(labels[a:b].strip())) for a, b in first]
    told = [bool(A_LABEL.fullmatch(values[a:b].strip())) for a, b in second]
    if sum(named) < max(3, 0.7 * len(first)) or any(told):
        return
    yield from ((one, two) for one, two in zip(first, second, strict=True) if one[1] > one[0] and two[1] > two[0])


FIELDS = [
    "患者姓名",
    "病人姓名",
    "姓名",
    "性别",
    "年龄",
    "出生日期",
    "科室",
    "科别",
    "申请科室",
    "送检科室",
    "开单科室",
    "就诊科室",
    "申请医师",
    "申请医生",
    "病区",
    "病房",
    "床号",
    "住院号",
    "门诊号",
    "病历号",
    "病案号",
    "登记号",
    "检查号",
    "影像号",
    "影像编号",
    "检查编号",
    "检查序号",
    "卡号",
    "来源",
    "编号",
    "日期",
    "检查日期",
    "检查时间",
    "报告日期",
    "报告时间",
    "审核日期",
    "登记时间",
    "检查项目",
    "检查名称",
    "检查部位",
    "检查方法",
    "检查目的",
    "检查要求",
    "临床诊断",
    "诊断",
    "病史",
    "临床病史",
    "目的",
    "药物",
    "药品",
    "药品名称",
    "显像剂",
    "示踪剂",
    "剂量",
    "注射剂量",
    "活度",
    "途径",
    "给药途径",
    "注射时间",
    "注药时间",
    "扫描时间",
    "采集时间",
    "显像时间",
    "间隔",
    "注射部位",
    "身高",
    "体重",
    "身高体重",
    "血糖",
    "空腹血糖",
    "空腹",
    "准备",
    "设备",
    "仪器",
    "机型",
    "范围",
    "扫描范围",
    "显像范围",
    "采集条件",
    "扫描条件",
    "参数",
    "图像",
    "图像质量",
    "对照",
    "比较",
    "对比",
    "既往检查",
    "所见",
    "检查所见",
    "影像所见",
    "描述",
    "发现",
    "结果",
    "印象",
    "结论",
    "意见",
    "诊断意见",
    "检查意见",
    "建议",
    "报告医师",
    "报告医生",
    "审核医师",
    "审核医生",
    "报告者",
    "审核者",
    "报告人",
    "审核人",
]


@cache
def _fields() -> re.Pattern[str]:
    """A field's name with its English one beside it (姓名/Name:), its value in brackets (姓名[...]) or after a space alone."""
    words = "|".join(sorted(FIELDS, key=len, reverse=True))
    return re.compile(
        rf"(?<!{HAN})(?P<label>{words})(?:(?P<other>[ ]*[/(][ ]*[A-Za-z][A-Za-z. ]{{0,24}}\)?)(?=[ ]*:)|(?P<open>\[)(?=[^\[\]\n]{{1,40}}(?P<close>\]))|(?P<space>[ ]{{1,10}})(?=[^\s:|/(\[]))",
        re.A,
    )


@cache
def _bracketed_fields() -> re.Pattern[str]:
    """[姓名]张三[性别]男: a field's name in brackets, several in one line."""
    return re.compile(rf"\[(?:{'|'.join(sorted((*FIELDS, *LABELS), key=len, reverse=True))})\]")


RUN_ON = re.compile(  # 姓名:张三性别:男年龄:57岁
    r"(?<=[\u4e00-\u9fff\d])(?<!患者)(?<!病人)(?<!申请)(?<!送检)(?<!开单)(?<!就诊)(?<!受检者)(?<!患儿)(?<!检查)(?<!报告)"
    r"(?=(?:性别|年龄|科室|科别|住院号|门诊号|病历号|病案号|检查号|影像号|床号|检查日期|报告日期|申请科室|申请医[师生]|报告医[师生]|审核医[师生])[ ]*:)"
)
BRACKETED = re.compile(r"(?<=:)[ ]*(?P<open>\[)[^\[\]\n]{1,40}(?P<close>\])")


EQUALS = re.compile(
    r"(?:^|(?<=[;|,\]。]))[ ]*(?:[\u4e00-\u9fff/]{2,8}|[A-Z][A-Za-z_]{1,11})[ ]*=(?=[ ]*\S)", re.M
)  # 姓名=张三 ; 性别=女, PNAME=张三|SEX=男


def _labelled(characters: Characters) -> Characters:
    """One way of writing a field: its name, a colon, its value."""
    plain = _words(characters)
    change: dict[int, str] = {}
    for found in _fields().finditer(plain):
        if found.group("other"):
            change |= dict.fromkeys(range(found.start("other"), found.end("other")), "")
        elif found.group("open"):
            change[found.start("open")], change[found.start("close")] = ":", "  "
        elif (
            found.start() == 0
            or plain[found.start() - 1] in "\n|"
            or plain[max(0, found.start() - 2) : found.start()] in ("  ", "| ")
        ):
            change[found.start("space")] = ":"
    for line in re.finditer(r"[^\n]+", plain):
        rows = list(_bracketed_fields().finditer(plain, line.start(), line.end()))
        for found in rows if len(rows) >= 2 else ():
            change[found.start()], change[found.end() - 1] = "  ", ":"
    equal = list(EQUALS.finditer(plain))
    change |= {found.end() - 1: ":" for found in equal} if len(equal) >= 3 else {}
    joined = {found.start() for found in RUN_ON.finditer(plain)}
    for found in BRACKETED.finditer(plain):
        change[found.start("open")], change[found.start("close")] = "", "  "
    if not change and not joined:
        return characters
    made: Characters = []
    for number, (one, place) in enumerate(characters):
        made += ((" ", place), (" ", place)) if number in joined else ()
        made += ((sign, place) for sign in change.get(number, one))
    return made
