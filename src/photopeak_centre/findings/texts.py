"""What the centre says in its own words: plain paragraphs with placeholders from a fixed list. Nothing in them is ever evaluated."""

from __future__ import annotations

import re
from collections.abc import Mapping

from photopeak.words import Words
from photopeak_centre.findings.models import TextBlock

#: the only names that stand for something; anything else in braces stays as it was typed
PLACEHOLDERS: dict[str, Words] = {
    "hospital": Words("name of the hospital", "医院名称"),
    "centre": Words("name of the centre", "中心名称"),
    "device": Words("device", "设备"),
    "serial": Words("serial number", "设备编号"),
    "procedure": Words("test item", "检测项目"),
    "source": Words("kind of inspection", "检查类别"),
    "tested": Words("day of the test", "检测日期"),
    "raised": Words("day of the finding", "提出日期"),
    "due": Words("deadline", "期限"),
    "appeal_days": Words("working days for an objection", "提出异议的工作日数"),
    "answer_days": Words("working days for its answer", "答复异议的工作日数"),
    "notice": Words("number of the notice", "通知书编号"),
    "responded": Words("day of the response", "反馈日期"),
    "reinspected": Words("day of the re-inspection", "复查日期"),
    "way": Words("on site or on paper", "现场或书面"),
    "from": Words("first day of the period", "起始日期"),
    "until": Words("last day of the period", "截止日期"),
}
BRACED = re.compile(r"\{([a-z_]+)\}")
LONGEST = 2000

OBJECTION = Words(
    "Should you object to this, tell the centre in writing within {appeal_days} working days of receipt, with your reasons; the centre "
    "answers in writing within {answer_days} working days.",
    "如对上述判定有异议，可自签收之日起{appeal_days}个工作日内向我中心书面提出并说明理由，我中心于收到后{answer_days}个工作日内书面答复。",
)
#: kind -> place -> the words that a centre starts with
DEFAULTS: dict[str, dict[str, Words]] = {
    "notice": {
        "opening": Words(
            "On {tested} the centre tested {device} (serial number {serial}) of your hospital: {procedure}. The results are given here.",
            "{tested}，我中心对你院{device}（编号{serial}）作{procedure}检测，现将结果通知如下。",
        ),
        "opening_other": Words(
            "On {raised} the centre carried out at your hospital: {source}. What was found is given here.",
            "{raised}，我中心对你院开展{source}，现将发现的问题通知如下。",
        ),
        "demand": Words(
            "Please find the cause, put it right, and answer in writing by {due}: cause, measure, person responsible, date of completion, "
            "and what shows it.",
            "请查明原因并整改，于{due}前书面反馈原因、整改措施、责任人、完成日期和佐证材料。",
        ),
        "reinspection": Words(
            "After your response the centre re-inspects by the same method against the same limit.",
            "收到反馈后，我中心以同一方法、同一限值复查。",
        ),
        "objection": OBJECTION,
    },
    "reinspection_opinion": {
        "opening": Words(
            "On {responded} your hospital answered the notice {notice}. The centre re-inspected {way} on {reinspected}; its opinion follows.",
            "{notice}通知书所列问题，你院于{responded}反馈整改情况。我中心于{reinspected}{way}复查，意见如下。",
        ),
        "accept": Words(
            "Everything that had failed has passed by the same method. The finding is closed. Please go on with your routine quality control.",
            "原不符合项经同一方法复查均已合格，同意销号。请继续做好日常质控。",
        ),
        "reject": Words(
            "Some items do not meet the requirement yet. Please look further for the cause and answer again in writing by {due}; the centre "
            "re-inspects after that.",
            "经复查，尚有项目未达到要求。请进一步查明原因，于{due}前再次书面反馈整改情况，我中心将再次复查。",
        ),
        "escalate": Words(
            "Some items do not meet the requirement yet. The centre reports this to the health authority.",
            "经复查，尚有项目未达到要求。我中心将有关情况报告卫生健康行政部门。",
        ),
        "objection": OBJECTION,
    },
    "feedback_letter": {
        "opening": Words(
            "What the centre found in the tests that your hospital handed in from {from} to {until} is given here.",
            "现将你院{from}至{until}送交检测的结果反馈如下。",
        ),
        "closing": Words("Thank you for your work on quality control.", "感谢你院对质控工作的支持。"),
    },
    "site_record": {
        "opening": Words(
            "Inspectors of the centre visited your hospital on {tested}. What they saw is recorded here.",
            "{tested}，我中心检查人员到你院现场检查，情况记录如下。",
        ),
        "closing": Words("Both sides have read this record.", "以上记录已由双方核对。"),
    },
    "certificate": {
        "opening": Words(
            "{device} (serial number {serial}) of {hospital} was tested on {tested}: {procedure}. Every item listed has passed.",
            "{hospital}{device}（编号{serial}）于{tested}作{procedure}检测，所列各项均合格。",
        ),
        "closing": Words(
            "This holds for the items listed and for the state of the device on that day.",
            "本证书仅对所列项目及检测当日的设备状态有效。",
        ),
    },
}
PLACES: dict[str, Words] = {
    "opening": Words("opening", "开头"),
    "opening_other": Words("opening, not of a test", "开头（非检测）"),
    "demand": Words("what is asked", "整改要求"),
    "reinspection": Words("re-inspection", "复查"),
    "objection": Words("how to object", "异议途径"),
    "accept": Words("where it passed", "合格时"),
    "reject": Words("where it is asked again", "再次整改时"),
    "escalate": Words("where it is reported", "上报时"),
    "closing": Words("closing", "结尾"),
}


def texts_of(kind: str) -> dict[str, dict[str, str]]:
    """The centre's own paragraphs of a kind, by place: {"zh": …, "en": …}; where it has none, those it starts with."""
    own = {block.place: block for block in TextBlock.objects.filter(kind=kind)}
    return {
        place: {"zh": own[place].zh if place in own else words.zh, "en": own[place].en if place in own else words.en}
        for place, words in DEFAULTS[kind].items()
    }


def fill(text: str, values: Mapping[str, str]) -> str:
    """`{name}` becomes its value for the names of the list; a value is put in as it is and never read again."""
    return BRACED.sub(lambda found: values.get(found[1], "") if found[1] in PLACEHOLDERS else found[0], text)


def unknown_in(text: str) -> list[str]:
    """Names in braces that stand for nothing: most likely a slip of the pen."""
    return [name for name in BRACED.findall(text) if name not in PLACEHOLDERS]
