"""The letter to a hospital on its reports: how many were read, which elements are missing how often, what contradicts itself.

One paper, from which the PDF and the Word file are made. It speaks of proposals until a person has confirmed them, and says what the
module was validated on.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from photopeak.present.official import Annex, Paper, Paragraph, Table
from photopeak.report_review.contradictions import NAMES
from photopeak.report_review.rates import HospitalRates
from photopeak.words import Language, Words

SHOWN = 20
UNCONFIRMED = Words(
    "The absences below are proposals of rules, not yet confirmed by a person; please check them and answer.",
    "附表中“缺”的判断为规则提示，尚未经人工确认，请贵院核对后反馈。",
)
CONFIRMED = Words("The absences below have been confirmed by a person.", "附表中“缺”的判断已经人工确认。")
LIMITS = Words(
    "The rules read text alone: what images show and the report omits cannot be seen. Weights and grades are proposals. "
    "Validated on real reports: none yet.",
    "规则仅审阅文字，影像已显示而报告未写者无法发现。权重与等级为建议值。真实报告验证：尚无。",
)


def letter(
    hospital: str, own: HospitalRates, names: Mapping[str, tuple[str, str]], language: Language, *,
    confirmed: bool, day: datetime.date, signer: str = "",
) -> Paper:  # fmt: skip
    """The letter about one hospital's reports. `names`: (zh, en) of each element; `confirmed`: a person has confirmed the absences."""

    def say(en: str, zh: str) -> str:
        return zh if language == "zh" else en

    state = (CONFIRMED if confirmed else UNCONFIRMED).say(language)
    paragraphs = [
        Paragraph(
            text=say(f"{own.reports} of your reports were read. {state}", f"本次共审阅贵院核医学报告{own.reports}份。{state}")
        )
    ]
    national = own.nm_07()
    if national.percent is not None:
        paragraphs.append(Paragraph(text=say(
            f"NM-07 (PET/CT reports with all elements, provisional): {national.count} of {national.total}, {national.percent:.1f} % "
            f"(95 % interval {national.lower:.1f} to {national.upper:.1f} %).",
            f"PET/CT报告要素完整率（NM-07，暂定）为{national.percent:.1f}%（{national.count}/{national.total}，95%置信区间"
            f"{national.lower:.1f}%～{national.upper:.1f}%）。",
        )))  # fmt: skip
    paragraphs.append(Paragraph(text=LIMITS.say(language)))
    return Paper(
        language=language,
        kind="letter",
        title=say("Feedback on nuclear-medicine reports", "关于核医学报告质量的反馈"),
        to=say(f"To {hospital}:", f"{hospital}："),
        paragraphs=tuple(paragraphs),
        annex_note=say("Annex: elements and contradictions", "附件：报告要素与前后矛盾情况"),
        signer=signer,
        date=day.isoformat() if language == "en" else f"{day.year}年{day.month}月{day.day}日",
        annexes=(_annex(own, names, language),),
    )


def _annex(own: HospitalRates, names: Mapping[str, tuple[str, str]], language: Language) -> Annex:
    chinese = language == "zh"
    low = sorted(
        (value.percent, name, value) for name, value in own.rates().items() if value.percent is not None and value.percent < 100
    )
    rows = tuple(
        (
            names[name][0 if chinese else 1],
            f"{value.count}/{value.total}",
            f"{value.percent:.1f} %",
            f"{value.lower:.1f}–{value.upper:.1f} %",
        )
        for _, name, value in low[:SHOWN]
    )
    found = tuple((NAMES[code].say(language), str(number)) for code, number in own.defects.most_common() if code in NAMES)
    tables = []
    notes = []
    if rows:
        head = ("要素（由低到高）", "有/可判断", "率", "95% 区间") if chinese else ("element, least complete first", "present/assessed", "rate", "95 % interval")  # fmt: skip
        tables.append(Table(head=head, rows=rows, align="lrrr", weights=(4, 2, 1.5, 2.2)))
    else:
        notes.append("各要素均未见缺失。" if chinese else "No element is missing.")
    if found:
        tables.append(
            Table(head=("问题", "报告数") if chinese else ("what", "reports"), rows=found, align="lr", weights=(5, 1))
        )
    else:
        notes.append("未发现前后矛盾。" if chinese else "No contradiction was found.")
    if len(low) > SHOWN:
        notes.append(f"另有{len(low) - SHOWN}项要素率低于100%，见区域总表。" if chinese else f"{len(low) - SHOWN} further elements below 100 % stand in the region's table.")  # fmt: skip
    return Annex(
        label="附件" if chinese else "Annex",
        title="报告要素与前后矛盾情况" if chinese else "Elements and contradictions",
        tables=tuple(tables),
        notes=tuple(notes),
    )
