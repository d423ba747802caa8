"""The report in one language as plain text, numbers and drawings: what the web page, the PDF and the Word file are all set from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from photopeak.present.numbers import significant, to_place, with_unit, written
from photopeak.verdict import OUTCOME_WORDS
from photopeak.words import Language, Words
from photopeak_centre.half_year.drawings import draw
from photopeak_centre.half_year.numbers import Number

PLACE = re.compile(r"\{([^{}:|?]+)(?::(\w+))?(?:([|?])([^|{}]*)\|([^|{}]*))?\}")
FORMS = ("n", "of", "share", "percent", "interval", "value")
DIGITS = re.compile(r"\d[\d.,]*")
ABSENT = "—"
NO_BREAK = "\N{NO-BREAK SPACE}"
SAY = {
    "title": Words("Half-year quality control report", "半年质量控制工作报告"),
    "draft": Words("Draft: not released", "草稿，未发布"),
    "data_to": Words("Data gathered", "数据汇总于"),
    "period": Words("Period", "统计期"),
    "centre": Words("Centre", "质控中心"),
    "summary": Words("Summary", "概要"),
    "how": Words("How to read", "怎样读"),
    "how_text": Words(
        "Rates are counts with their Wilson 95 % interval. ± U is the expanded uncertainty (k = 2). A verdict straddling its limit is "
        "undecided and no fail. What was not tested is named and counts as nothing else.",
        "率均附计数与 Wilson 95% 区间；± U 为扩展不确定度（k = 2）；结果跨越限值者为“未定”，不作不合格；未检测者逐一列明，不作其他判定。",
    ),
    "traceable": Words(
        "Every number stands in the report's JSON with a link to what it counts.",
        "每个数字均在报告 JSON 中附有指向其依据的链接。",
    ),
    "not_available": Words("Not available", "无数据"),
    "names_left_out": Words("Tables that name hospitals are left out of this version.", "本版不含列出医院名称的表格。"),
    "page_of": Words("page {n} of {all}", "第 {n} 页，共 {all} 页"),
    "version": Words("version", "版本"),
    "released": Words("Released", "发布"),
    "chain": Words("Audit chain, entry {}: {}", "审计链第 {} 条：{}"),
    "content": Words("Content sha256: {}", "内容 sha256：{}"),
    "untested": Words("not tested", "未检测"),
    "signed": Words("Director", "中心主任"),
    "prepared": Words("Prepared by", "编制"),
    "date": Words("Date", "日期"),
}


class WrongPlace(ValueError):
    """An edited text names a number that its section does not have."""

    def __init__(self, name: str, known: list[str]) -> None:
        shown = "、".join(known[:12])
        self.words = Words(
            f"There is no number {{{name}}} in this section; it has {', '.join(known[:12])}",
            f"本节没有数字 {{{name}}}；可用：{shown}",
        )
        super().__init__(self.words.en)


def formed(number: Number, form: str, language: Language) -> str:
    """A number as it is printed: n, of, share (n / N), percent, interval, value."""
    if form == "value":
        text = with_unit(str(written(number["value"], number.get("uncertainty"))), number["unit"], language)
        return text.replace(" ", NO_BREAK)
    if form == "n":
        return significant(float(number["n"]), 15)
    if form == "of":
        return significant(float(number["of"]), 15)
    if form == "share":
        return f"{formed(number, 'n', language)} / {formed(number, 'of', language)}"
    if number.get("percent") is None:
        return ABSENT
    unit = "%" if language == "zh" else f"{NO_BREAK}%"
    if form == "percent":
        return to_place(number["percent"], -1) + unit
    if form == "interval":
        return f"{to_place(number['lower'], -1)} – {to_place(number['upper'], -1)}{unit}"
    raise ValueError(form)


Run = dict[str, str]


def runs(template: str, numbers: Mapping[str, Number], language: Language) -> list[Run]:
    """A sentence with its numbers filled in, each with its link. Raises WrongPlace for a number that is not there."""
    found: list[Run] = []
    end = 0
    if left := re.search(r"[{}]\S{0,20}", PLACE.sub("", template)):
        raise WrongPlace(left.group().strip("{}"), sorted(numbers))
    for match in PLACE.finditer(template):
        name, form, sign, one, many = match.groups()
        if name not in numbers or (form or "n") not in FORMS:
            raise WrongPlace(name, sorted(numbers))
        number = numbers[name]
        if match.start() > end:
            found.append({"text": template[end : match.start()], "href": ""})
        text = formed(number, form or ("value" if "value" in number else "n"), language)
        word = one if number.get("of" if form == "of" else "n") == 1 else many
        if sign == "?":
            found.append({"text": word, "href": ""})
        else:
            found.append({"text": text, "href": number["link"]})
            if sign == "|":
                found.append({"text": f" {word}", "href": ""})
        end = match.end()
    if end < len(template):
        found.append({"text": template[end:], "href": ""})
    return found


def typed_numbers(template: str) -> list[str]:
    """Digits that somebody typed into a text: they have no evidence."""
    return DIGITS.findall(PLACE.sub("", template))


def default_text(section: Mapping[str, Any], language: Language) -> str:
    """The generated words of a section, with the places of their numbers."""
    gap = "" if language == "zh" else " "
    if not section["available"]:
        return str(section["missing"][language])
    parts: list[list[str]] = []
    for sentence in section["sentences"]:
        if sentence.get("anew") or not parts:
            parts.append([])
        parts[-1].append(sentence[language])
    return "\n".join(gap.join(part) for part in parts)


def text_of(section: Mapping[str, Any], texts: Mapping[str, Any], language: Language) -> str:
    own = (texts.get(section["key"]) or {}).get(language, "")
    return own or default_text(section, language)


def compose(
    document: Mapping[str, Any],
    texts: Mapping[str, Any],
    language: Language,
    *,
    names: bool = True,
    seal: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The whole paper. `names` False: without the tables that name hospitals. `seal`: of a release, its date, hashes and people."""
    parts = [_section(section, texts, language, names) for section in document["sections"]]
    summary, rest = parts[0], parts[1:]
    for n, part in enumerate(rest, 1):
        part["number"] = n
    period = document["period"]
    return {
        "language": language,
        "say": {key: words.say(language) for key, words in SAY.items()},
        "title": SAY["title"].say(language),
        "period_words": _period_words(period, language),
        "period": period,
        "centre": document["centre"][language],
        "gathered": document["gathered"][:16].replace("T", " "),
        "span": f"{document['begins']} – {document['ends']}",
        "summary": summary,
        "tally": _tally(document["sections"][0], language),
        "sections": rest,
        "names": names,
        "seal": dict(seal or {}),
        "software": f"Photopeak {document['photopeak']}",
    }


def _period_words(name: str, language: Language) -> str:
    from photopeak_centre.half_year.periods import period

    return period(name).words.say(language)


def _section(section: Mapping[str, Any], texts: Mapping[str, Any], language: Language, names: bool) -> dict[str, Any]:
    numbers = section["numbers"]
    text = text_of(section, texts, language)
    tables = [_table(one, numbers, language) for one in section["tables"] if names or not one["names"]]
    return {
        "key": section["key"],
        "number": 0,
        "title": section["title"][language],
        "available": section["available"],
        "provisional": section["provisional"][language] if section.get("provisional") else "",
        "paragraphs": [runs(part, numbers, language) for part in text.split("\n") if part.strip()],
        "tables": tables,
        "figures": [
            {"svg": draw(one, numbers, language), "caption": one["caption"][language]}
            for one in section["figures"]
            if one["rows"]
        ],
        "left_out": sum(1 for one in section["tables"] if one["names"]) if not names else 0,
    }


def _table(table: Mapping[str, Any], numbers: Mapping[str, Number], language: Language) -> dict[str, Any]:
    return {
        "caption": table["caption"][language],
        "heads": [_capital(head[language]) for head in table["heads"]],
        "align": table["align"],
        "widths": table["widths"],
        "rows": [[_cell(cell, numbers, language) for cell in row] for row in table["rows"]],
    }


def _capital(head: str) -> str:
    return head if head.startswith("n / N") else head[:1].upper() + head[1:]


def _cell(cell: Mapping[str, Any], numbers: Mapping[str, Number], language: Language) -> dict[str, str]:
    if "number" in cell:
        number = numbers[cell["number"]]
        return {"text": formed(number, cell["as"], language), "href": number["link"], "outcome": ""}
    if "numbers" in cell:
        parts = [numbers[name] for name in cell["numbers"]]
        return {
            "text": cell["between"].join(formed(one, "n", language) for one in parts),
            "href": parts[0]["link"],
            "outcome": "",
        }
    if "outcome" in cell:
        return {"text": OUTCOME_WORDS[cell["outcome"]].say(language), "href": "", "outcome": cell["outcome"]}
    return {"text": cell[language], "href": "", "outcome": ""}


def _tally(summary: Mapping[str, Any], language: Language) -> list[dict[str, str]]:
    """Counts of the four outcomes over all tested devices, and of the untested."""
    found = []
    for outcome in ("pass", "fail", "undecided", "not_assessed", "untested"):
        number = summary["numbers"].get(f"tally.{outcome}")
        if number is not None:
            word = SAY["untested"] if outcome == "untested" else OUTCOME_WORDS[outcome]  # type: ignore[index]
            found.append(
                {"outcome": outcome, "word": word.say(language), "text": formed(number, "n", language), "href": number["link"]}
            )
    return found
