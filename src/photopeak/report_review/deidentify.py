"""Names, numbers and places taken out of a report by its fields and the centre's register of staff; what is left for a person's last look.

General name recognition is not used: it takes 叶尖段 for a person. A name read in its field is replaced everywhere, with its given name
and its polite forms; identity cards are known by their check digit. Pseudonyms are keyed (HMAC), dates move by one shift per patient.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from photopeak.report_review.normal import normal
from photopeak.report_review.readers import ANY_DATE, patient_name
from photopeak.report_review.sections import Report

MOST_DAYS = 180  # a date moves by at most this, never by nought


@dataclass(frozen=True, slots=True, kw_only=True)
class Replaced:
    """One replacement: its kind, the place in the original, and what stands there now. The original words are not kept."""

    kind: str
    start: int
    end: int
    now: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Deidentified:
    """The text without names, what was replaced, and places of the NEW text (start, end) that a person should look at last."""

    text: str
    replaced: tuple[Replaced, ...]
    look: tuple[tuple[int, int, str], ...]


PHONE = re.compile(r"(?<![\d.])(?:1[3-9]\d[- ]?\d{4}[- ]?\d{4}|0\d{2,3}[- ]\d{7,8}|\(0\d{2,3}\)\s?\d{7,8})(?![\d.])")
CARD = re.compile(r"(?<!\d)[1-9]\d{16}[\dXx](?!\d)")
NUMBER = re.compile(
    r"(?:住院|门诊|病历|病案|登记|就诊|检查|影像|流水|卡|片|骨扫|显像|身份证|医保|[A-Z]{2,5})\s*(?:编?号码?|ID|No\.?)\s*[\]:|#. ]*(?P<value>(?=[A-Za-z_-]*\d)[A-Za-z0-9_/-]{3,})"
    r"|(?:\bID|MRN|accession|hospital (?:no|number|id))\s*[:|#. ]*(?P<value2>(?=[A-Za-z_-]*\d)[A-Za-z0-9_/-]{3,})",
    re.I | re.A,
)
BED = re.compile(r"(?<!\d)\d{1,3}\s*床(?!位|\s*[x*])|床号\s*[\]:| ]*\S{1,6}")
PLACE = re.compile(r"(?:住址|地址|家庭住址|现住|address)\s*[\]:| ]+(?P<value>[^\n|;。]{4,40})", re.I)
HOSPITAL = re.compile(
    r"(?<![\u4e00-\u9fff])(?!外院)[\u4e00-\u9fff]{2,20}?(?:医院|卫生院|医学中心|保健院)(?:[东西南北]院区|分院)?"
)
STAFF = re.compile(
    r"(?:医师|医生|签名|报告者?|审核者?|复核者?|书写|核对者?|申请|主任|by)\s*[\]:/|]\s*(?P<value>[\u4e00-\u9fff·]{2,4}(?![\u4e00-\u9fff])|[A-Z][a-z]+ [A-Z][a-z]+)"
)
SIR = re.compile(r"(?<![\u4e00-\u9fff])[\u4e00-\u9fff]{1,2}(?:医[师生]|主任|护士|教授|先生|女士)")


def deidentified(text: str, *, key: bytes, patient: str = "", staff: Iterable[str] = ()) -> Deidentified:
    """`text` with pseudonyms made with `key`; `patient` names whom the date shift belongs to (default: what the text tells).

    The same person gets the same pseudonym under one key, and cannot be told back without it. Raises ValueError for an empty key.
    """
    if not key:
        raise ValueError("a key is needed, else everybody could make the same pseudonyms")
    report = Report(text)
    plain, name = report.plain, _name(report)
    shift = _shift(key, patient or name or plain[:80])
    rows = list(_places(plain, name, tuple(staff)))
    kept: list[Replaced] = []
    for start, end, kind in sorted(rows, key=lambda row: (row[0], -row[1])):
        read = report.as_read(start, end)
        if kept and any(read.start < one.end and one.start < read.end for one in kept):
            continue
        kept.append(Replaced(kind=kind, start=read.start, end=read.end, now=_instead(kind, plain[start:end], key, shift)))
    kept.sort(key=lambda one: one.start)
    made, looked = _made(text, kept)
    return Deidentified(text=made, replaced=tuple(kept), look=tuple(looked))


def _name(report: Report) -> str:
    found = patient_name(report.plain, tuple((part.start, part.end) for part in report.before_findings("header", "clinical")))
    return found.group("name").strip() if found else ""


def _places(plain: str, name: str, staff: tuple[str, ...]) -> Iterator[tuple[int, int, str]]:
    if name:
        given = name[1:] if re.fullmatch(r"[\u4e00-\u9fff]{3,4}", name) else ""
        words = [
            name,
            *(
                [f"{name[0]}某{'某' if len(name) > 2 else ''}", f"{name[0]}先生", f"{name[0]}女士"]
                if name[0] > "\u4e00"
                else []
            ),
        ]
        words += [given] if len(given) == 2 else []
        for word in words:
            for found in re.finditer(re.escape(word), plain):
                yield found.start(), found.end(), "patient"
    for word in sorted({one for one in staff if len(one) >= 2}, key=len, reverse=True):
        for found in re.finditer(re.escape(word), plain):
            yield found.start(), found.end(), "staff"
    for pattern, kind in ((STAFF, "staff"), (NUMBER, "number"), (PLACE, "address"), (PHONE, "phone"), (BED, "bed"), (HOSPITAL, "hospital"), (SIR, "staff"), (ANY_DATE, "date")):  # fmt: skip
        for found in pattern.finditer(plain):
            group = next((one for one in ("value", "value2") if found.groupdict().get(one)), None)
            start, end = found.span(group) if group else found.span()
            yield start, end, kind
    for found in CARD.finditer(plain):
        if card_is_valid(found.group()):
            yield found.start(), found.end(), "identity_card"


def card_is_valid(digits: str) -> bool:
    """Whether 18 characters are an identity number: ISO 7064 MOD 11-2 over the first 17."""
    weights = [2 ** (17 - place) % 11 for place in range(17)]
    rest = sum(int(digit) * weight for digit, weight in zip(digits, weights)) % 11
    return "10X98765432"[rest] == digits[17].upper()


def _shift(key: bytes, patient: str) -> int:
    digest = int.from_bytes(hmac.new(key, b"shift" + patient.encode(), hashlib.sha256).digest()[:4], "big")
    days = digest % (2 * MOST_DAYS) - MOST_DAYS
    return days if days < 0 else days + 1


NAMES_OF: Mapping[str, str] = {
    "patient": "患者", "staff": "医师", "number": "N", "address": "地址", "phone": "电话", "bed": "床", "hospital": "医院", "identity_card": "证件",
}  # fmt: skip


def _instead(kind: str, words: str, key: bytes, shift: int) -> str:
    if kind == "date":
        return _moved(words, shift)
    if kind in ("phone", "bed", "address", "identity_card"):
        return f"[{NAMES_OF[kind]}]"
    tag = hmac.new(key, f"{kind}:{words}".encode(), hashlib.sha256).hexdigest()[:6].upper()
    return f"{NAMES_OF[kind]}{tag}"


def _moved(words: str, shift: int) -> str:
    digits = re.findall(r"\d+", words)
    if len(digits) == 1 and len(digits[0]) == 8:
        digits = [digits[0][:4], digits[0][4:6], digits[0][6:]]
    try:
        day = datetime.date(*(int(one) for one in digits[:3])) + datetime.timedelta(days=shift)
    except (TypeError, ValueError, OverflowError):
        return "[日期]"
    return day.isoformat()


LOOK = re.compile(
    r"(?<![\u4e00-\u9fff])[赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛奚范彭郎鲁韦昌马苗凤花方俞任袁柳鲍史唐费廉岑薛雷贺倪汤][\u4e00-\u9fff]{1,2}(?![\u4e00-\u9fff])|(?<![\d.])\d{7,}(?![\d.])|[\w.]+@[\w.]+|\d{1,2}\s*月\s*\d{1,2}\s*日"
)


def _made(text: str, rows: list[Replaced]) -> tuple[str, list[tuple[int, int, str]]]:
    """The new text, and what still looks like a name, a long number or a date without its year."""
    out, at = [], 0
    for row in rows:
        out += [text[at : row.start], row.now]
        at = row.end
    made = "".join([*out, text[at:]])
    plain = normal(made)
    return made, [(found.start(), found.end(), made[found.start() : found.end()]) for found in LOOK.finditer(plain)]
