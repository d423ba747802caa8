"""External quality assessment by analyte."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from photopeak_centre.eqa_rounds.models import Round, Score
from photopeak_centre.half_year.numbers import Numbers
from photopeak_centre.half_year.periods import Period
from photopeak_centre.half_year.section import Section, said, shown


def rounds(period: Period, numbers: Numbers) -> Section:
    section = Section("eqa", said("External quality assessment of in-vitro immunoassay", "体外免疫分析室间质量评价"))
    held = list(Round.objects.filter(closed_on__range=(period.begins, period.ends)).order_by("closed_on", "id"))
    scores = list(
        Score.objects.filter(round__in=held)
        .order_by("analyte", "id")
        .values("id", "laboratory", "analyte", "analyte_en", "analyte_zh", "results", "acceptable", "outcome",
                "laboratory__name_zh", "laboratory__name_en")
    )  # fmt: skip
    if not scores:
        return section.not_available(
            "No round of external quality assessment closed in this period.", "本期无截止的室间质评轮次。"
        )
    section.number("rounds", numbers.count("eqa.rounds", "round", [one.pk for one in held]))
    entered = {row["laboratory"] for row in scores}
    returned = {row["laboratory"] for row in scores if row["results"]}
    section.number("laboratories", numbers.share("eqa.laboratories", "hospital", returned, entered))
    section.number(
        "results", numbers.summed("eqa.results", [("score", r["id"], r["acceptable"], r["results"]) for r in scores])
    )
    below = {row["laboratory"] for row in scores if row["outcome"] == "fail"}
    section.number("unsatisfactory", numbers.count("eqa.unsatisfactory", "hospital", below))
    section.say(
        "{laboratories|laboratory|laboratories} returned results in {rounds|round|rounds}. Of {results:of|result|results}, "
        "{results} met the allowable error ({results:percent}, 95 % interval {results:interval}).",
        "{laboratories} 个实验室参加 {rounds} 轮室间质评并回报结果。{results:of} 个结果中 {results} 个符合允许总误差"
        "（{results:percent}，95% 区间 {results:interval}）。",
    )
    if below:
        section.say(
            "{unsatisfactory|laboratory was|laboratories were} unsatisfactory for at least one analyte.",
            "至少一个项目不满意的实验室 {unsatisfactory} 个。",
        )
    else:
        section.say("No laboratory was unsatisfactory for any analyte.", "无实验室出现不满意项目。")
    _by_analyte(section, numbers, scores)
    _unsatisfactory(section, numbers, scores)
    return section


def _by_analyte(section: Section, numbers: Numbers, scores: list[dict[str, Any]]) -> None:
    by: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in scores:
        by[row["analyte"]].append(row)
    rows, dots = [], []
    for analyte, own in by.items():
        label = said(own[0]["analyte_en"], own[0]["analyte_zh"])
        good, met = f"analyte.{analyte}.satisfactory", f"analyte.{analyte}.results"
        judged = [row["id"] for row in own if row["outcome"] in ("pass", "fail")]
        passed = [row["id"] for row in own if row["outcome"] == "pass"]
        section.number(good, numbers.share(f"eqa.{good}", "score", passed, judged))
        section.number(met, numbers.summed(f"eqa.{met}", [("score", r["id"], r["acceptable"], r["results"]) for r in own]))
        rows.append([label, shown(good, "share"), shown(met, "share"), shown(met, "percent"), shown(met, "interval")])
        dots.append({"label": label, "number": met})
    heads = [
        said("analyte", "检测项目"), said("satisfactory laboratories", "满意实验室"), said("acceptable results", "合格结果"),
        said("rate", "合格率"), said("95 % interval", "95% 区间"),
    ]  # fmt: skip
    section.table(said("By analyte", "各项目成绩"), heads, rows, align="lrrrr", widths=(0.32, 0.2, 0.18, 0.12, 0.18))
    caption = said("Acceptable results by analyte: rate with its Wilson 95 % interval.", "各项目结果合格率及 Wilson 95% 区间。")
    section.figure("dots", caption, dots)


def _unsatisfactory(section: Section, numbers: Numbers, scores: list[dict[str, Any]]) -> None:
    rows = []
    for row in scores:
        if row["outcome"] != "fail":
            continue
        name = f"score.{row['id']}"
        section.number(name, numbers.summed(f"eqa.{name}", [("score", row["id"], row["acceptable"], row["results"])]))
        zh = row["laboratory__name_zh"]
        rows.append(
            [
                said(row["laboratory__name_en"] or zh, zh),
                said(row["analyte_en"], row["analyte_zh"]),
                shown(name, "share"),
                {"outcome": "fail"},
            ]
        )
    if rows:
        heads = [
            said("laboratory", "实验室"),
            said("analyte", "检测项目"),
            said("acceptable", "合格结果"),
            said("score", "成绩"),
        ]
        section.table(
            said("Unsatisfactory scores", "不满意成绩"), heads, rows, align="llrl", names=True, widths=(0.38, 0.3, 0.16, 0.16)
        )
