"""The report of one laboratory of an EQA round as plain text, numbers and SVG, in one language: a page for each group of analytes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import photopeak
from photopeak.immunoassay.blunder_screen import Suspect
from photopeak.immunoassay.method_groups import ALL
from photopeak.immunoassay.performance_score import PerformanceScores
from photopeak.immunoassay.round_words import STATE_WORDS, slip_words
from photopeak.immunoassay.scheme import Scheme
from photopeak.immunoassay.scored_results import Scored
from photopeak.present.colours import BAND, INK_3, LINE, PAPER, SERIES, TONES
from photopeak.present.numbers import ABSENT, significant, to_place, written
from photopeak.present.svg import element, number, path
from photopeak.verdict import OUTCOME_WORDS
from photopeak.words import Language, Words

WIDTH, HEIGHT = 200.0, 18.0
REACH = 1.6  #: of the allowable error, that a plot shows to either side
PLAIN_REACH = 40.0  #: per cent, where no allowable error is known
Place = tuple[str, str, str]

SAY = {
    "title": Words("Immunoassay EQA result", "体外免疫分析室间质评结果"),
    "summary": Words("EQA round summary", "室间质评轮次总结"),
    "certificate": Words("EQA certificate", "室间质评证书"),
    "score": Words("overall score", "总分"),
    "unsatisfactory": Words("unsatisfactory", "不满意项目"),
    "not_assessed": Words("not assessed", "未评定"),
    "none": Words("none", "无"),
    "sample": Words("sample", "样品"),
    "result": Words("reported", "回报值"),
    "target": Words("assigned value", "指定值"),
    "deviation": Words("deviation / %", "偏差 / %"),
    "allowed": Words("allowed / %", "允许 / %"),
    "group": Words("against the method group", "与同方法组比较"),
    "verdict": Words("verdict", "判定"),
    "share": Words("acceptable", "合格率"),
    "laboratory": Words("laboratory", "实验室"),
    "analyte": Words("analyte", "项目"),
    "method": Words("method group", "方法组"),
    "spread": Words("robust SD", "稳健标准差"),
    "unit": Words("unit", "单位"),
    "targets": Words("Assigned values", "指定值"),
    "laboratories": Words("Laboratories", "各实验室结果"),
    "remarks": Words("What was noticed", "审核提示"),
    "widened": Words(
        "Where the assigned value is uncertain, the allowable error is widened to √(δE² + U²).",
        "指定值的不确定度不可忽略时，允许误差扩大为 √(δE² + U²)。",
    ),
    "legend": Words(
        "blue: this laboratory, grey: its method group, band: assigned value ± U (k = 2), dashed: allowable error",
        "蓝点：本实验室；灰线：同方法组；色带：指定值 ± U（k = 2）；虚线：允许误差",
    ),
    "included": Words(
        "A consensus includes the laboratory itself. A result without a return counts as not acceptable.",
        "公议值的计算包含本实验室；未回报按不合格计。",
    ),
    "page": Words("page", "页"),
    "all": Words("all methods", "全部方法"),
    "certificate_hash": Words("sha256 of this certificate", "本证书 sha256"),
    "protocol_hash": Words("sha256 of the protocol", "方案 sha256"),
    "signed": Words("for the organiser", "组织者（签章）"),
    "dated": Words("date", "日期"),
}


def accepted(results: Sequence[Scored]) -> tuple[int, int]:
    """How many are acceptable, of how many that are judged."""
    judged = [one.good for one in results if one.good is not None]
    return sum(judged), len(judged)


def by_laboratory(scores: PerformanceScores) -> dict[str, list[Scored]]:
    found: dict[str, list[Scored]] = {}
    for one in scores.scored:
        found.setdefault(one.reported.laboratory, []).append(one)
    return found


def deviations(scores: PerformanceScores) -> dict[Place, dict[int, float]]:
    """The deviation in per cent of every measured result by its group, and within it by the row of the table."""
    found: dict[Place, dict[int, float]] = {}
    for one in scores.scored:
        if one.measurements and one.limit_percent is None:
            found.setdefault(_place(one), {})[one.reported.line] = one.measurements[0].value
    return found


def _place(one: Scored) -> Place:
    return one.group.analyte, one.group.sample, one.group.group


def limits_by_place(scores: PerformanceScores) -> dict[Place, tuple[float, float]]:
    return {
        (str(row.where.get("analyte", "")), str(row.where.get("sample", "")), str(row.where["method_group"])): (
            row.lower or 0.0,
            row.upper or 0.0,
        )
        for row in scores.limits
        if row.quantity == "deviation_percent"
    }


def laboratory_pages(
    laboratory: str,
    own: Sequence[Scored],
    peers: Mapping[Place, Mapping[int, float]],
    limits: Mapping[Place, tuple[float, float]],
    scheme: Scheme,
    language: Language,
    grounds: dict[Place, str],
    suspects: Sequence[Suspect] = (),
) -> dict[str, Any]:
    """Everything that is printed for one laboratory; `sha256` is that of all the rest. `grounds` is kept from one to the next.

    `suspects`: what looks like a slip, of any laboratory.
    """
    pages: dict[str, list[dict[str, Any]]] = {}
    for analyte in dict.fromkeys(one.group.analyte for one in own):
        some = [one for one in own if one.group.analyte == analyte]
        known = scheme.analyte(analyte)
        one = _analyte(some, peers, limits, language, grounds)
        slips = [it for it in suspects if (it.laboratory, it.analyte) == (laboratory, analyte)]
        one["sentence"] = " ".join(
            [*([one["sentence"]] if one["sentence"] else []), *(slip_words(it).say(language) for it in slips)]
        )
        pages.setdefault(known.group if known is not None else "", []).append(one)
    good, judged = accepted(own)
    document = {
        "kind": "report",
        "title": SAY["title"].say(language),
        "laboratory": laboratory,
        "facts": facts(scheme, language),
        "kpi": [
            [SAY["score"].say(language), _share(good, judged), f"{good} / {judged}"],
            [SAY["unsatisfactory"].say(language), _failed(own, language), ""],
            [SAY["not_assessed"].say(language), str(len(own) - judged), ""],
        ],
        "pages": [{"name": name, "analytes": analytes} for name, analytes in pages.items()],
        "notes": [SAY[name].say(language) for name in ("legend", "widened", "included")],
    }
    return sealed(document, scheme, language)


def sealed(document: dict[str, Any], scheme: Scheme, language: Language) -> dict[str, Any]:
    """The document with the words of its frame, the protocol's hash and its own, which anybody can compute again."""
    heads = {key: words.say(language) for key, words in SAY.items()}
    full = {
        **document,
        "language": language,
        "say": heads,
        "protocol": scheme.sha256,
        "software": f"Photopeak {photopeak.__version__}",
    }
    return {**full, "sha256": digest(full)}


def digest(document: Mapping[str, Any]) -> str:
    """sha256 of the canonical JSON of a document without its own `sha256`."""
    rest = {key: value for key, value in document.items() if key != "sha256"}
    text = json.dumps(rest, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def facts(scheme: Scheme, language: Language) -> str:
    parts = [scheme.name.say(language), scheme.round, scheme.organiser]
    return " · ".join(part for part in parts if part)


def _share(good: int, judged: int) -> str:
    return ABSENT if not judged else f"{100 * good / judged:.0f} %"


def _failed(own: Sequence[Scored], language: Language) -> str:
    names = dict.fromkeys(one.group.analyte for one in own if one.good is False)
    return ", ".join(name or ABSENT for name in names) or SAY["none"].say(language)


def _analyte(
    some: Sequence[Scored],
    peers: Mapping[Place, Mapping[int, float]],
    limits: Mapping[Place, tuple[float, float]],
    language: Language,
    grounds: dict[Place, str],
) -> dict[str, Any]:
    good, judged = accepted(some)
    group, groups = some[0].group, {one.group.group for one in some}
    counts = sorted({len(peers.get(_place(one), {})) for one in some})
    count = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]}–{counts[-1]}"
    # samples that are scored in different groups say so each
    named = "" if groups == {ALL} else f"{_group_words(group.group, language)} · "
    return {
        "name": group.analyte,
        "unit": group.unit,
        "method": f"{named}{count}" if len(groups) == 1 else "",
        "share": _share(good, judged),
        "fails": judged > good,
        "sentence": _sentence(some, language),
        "rows": [
            _row(one, peers.get(_place(one), {}), limits.get(_place(one)), language, grounds, told=len(groups) > 1)
            for one in some
        ],
    }


def _group_words(group: str, language: Language) -> str:
    return SAY["all"].say(language) if group == ALL else group


def _sentence(some: Sequence[Scored], language: Language) -> str:
    """What the failed samples of one analyte have in common."""
    if all(one.good is not False for one in some):
        return ""
    values = [one.measurements[0].value for one in some if one.measurements and one.limit_percent is None]
    if len(values) < 2 or min(values) * max(values) <= 0:
        return ""
    low, high = sorted(round(abs(value)) for value in (min(values), max(values)))
    en, zh = ("high", "偏高") if values[0] > 0 else ("low", "偏低")
    words = Words(
        f"all {len(values)} samples read {en}, by {low} to {high} %: rather a bias (calibrator, lot) than chance",
        f"{len(values)} 个样品均{zh}，{low} % 至 {high} %：提示系统偏差（校准品或批号），而非偶然误差",
    )
    return words.say(language)


def _row(
    one: Scored,
    peers: Mapping[int, float],
    limit: tuple[float, float] | None,
    language: Language,
    grounds: dict[Place, str],
    *,
    told: bool,
) -> dict[str, Any]:
    """`told`: with the group that the sample is scored in."""
    reported, target = one.reported, one.target
    aim = written(float(target.value), target.u or None) if target is not None else None
    percent = one.limit_percent if one.limit_percent is not None else peers.get(reported.line)
    z = next((m for m in one.measurements if m.quantity.name in ("z_score", "z_prime")), None)
    outcome = {True: "pass", False: "fail", None: "not_assessed"}[one.good]
    said = STATE_WORDS[reported.state].say(language) if reported.state else OUTCOME_WORDS[outcome].say(language)
    where = " ".join(part for part in (reported.sample, one.analyser) if part)
    if _place(one) not in grounds:
        band = 200 * target.u / abs(float(target.value)) if target is not None else 0.0
        grounds[_place(one)] = ground(peers.values(), limit, band)
    return {
        "sample": where,
        "group": f"{_group_words(one.group.group, language)}, n = {len(peers)}" if told else "",
        "result": ABSENT if reported.value is None else reported.sign + significant(float(reported.value)),
        "target": ABSENT if aim is None else aim.value,
        "expanded": "" if aim is None else aim.expanded,
        "deviation": ABSENT if percent is None else ("+" if percent > 0 else "") + to_place(percent, -1),
        "allowed": ABSENT if limit is None else _allowed(limit),
        "z": "" if z is None else ("z′ " if z.quantity.name == "z_prime" else "z ") + to_place(z.value, -1),
        "outcome": outcome,
        "verdict": said,
        "plot": plot(None if one.limit_percent is not None else percent, limit, grounds[_place(one)], outcome),
    }


def _allowed(limit: tuple[float, float]) -> str:
    low, high = limit
    return f"±{to_place(high, -1)}" if abs(low + high) < 1e-9 else f"{to_place(low, -1)} – +{to_place(high, -1)}"


def plot(own: float | None, limit: tuple[float, float] | None, behind: str, outcome: str) -> str:
    """Where a result stands in its group: 200 × 18 units, zero in the middle; what lies beyond the ends stands at them."""
    body, x = behind, 0.0 if own is None else _at(own, limit)
    if own is not None and outcome == "fail":
        body += element("rect", x=x - 4, y=5, width=8, height=8, fill=TONES["fail"].mark, stroke=PAPER)
    elif own is not None:
        body += element("circle", cx=x, cy=9, r=4, fill=SERIES[0].colour, stroke=PAPER)
    return element("svg", body, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}")


def ground(peers: Iterable[float], limit: tuple[float, float] | None, band: float) -> str:
    """What all plots of one group have in common: the target's band, zero, the allowable error, the results of the group."""
    left, right = _at(-band, limit), _at(band, limit)
    body = element("rect", x=left, y=3, width=right - left, height=12, fill=BAND)
    body += path(f"M0 9H{number(WIDTH)}", LINE, 0.8) + path(f"M{number(WIDTH / 2)} 2V16", INK_3, 0.8)
    for edge in limit or ():
        body += path(f"M{number(_at(edge, limit))} 1V17", TONES["provisional"].mark, 1, dash="3 2")
    # a stroke each, not a dot: thousands of round shapes would be most of the work of setting a round's papers
    strokes = "".join(f"M{number(x)} 5.5V12.5" for x in sorted({2 * round(_at(value, limit) / 2) for value in peers}))
    return body + (path(strokes, "#9fadb9", 1.1) if strokes else "")


def _at(percent: float, limit: tuple[float, float] | None) -> float:
    reach = REACH * max(-limit[0], limit[1]) if limit is not None else PLAIN_REACH
    return WIDTH / 2 + (WIDTH / 2 - 6) * max(-1.0, min(1.0, percent / reach))


CHECK = Words(
    "The code holds the sha256 of what this certificate says. Check it with photopeak eqa verify manifest.json --code CODE, against "
    "the organiser's list, or with the certificate's own JSON document. It shows a change; it is not a signature.",
    "二维码内为本证书内容的 sha256。可用 photopeak eqa verify manifest.json --code 二维码内容 与组织者的清单核对，"
    "也可核对证书的 JSON 文件。哈希值可发现改动，但不代替签章。",
)


def _certified(scheme: Scheme, language: Language) -> str:
    """What a certificate certifies, in one sentence."""
    words = Words(
        f"took part in round {scheme.round} of {scheme.name.en}{f', organised by {scheme.organiser}' if scheme.organiser else ''}.",
        f"参加了{scheme.organiser + '组织的' if scheme.organiser else ''}{scheme.name.zh} {scheme.round} 轮次室间质量评价，结果如下。",
    )
    return words.say(language)


def summary_pages(scores: PerformanceScores, scheme: Scheme, language: Language) -> dict[str, Any]:
    """The round for its organiser: targets by group, laboratories by score, what was noticed."""
    targets = []
    for sample in scores.samples:
        for group in sample.groups:
            main, declared = group.main, group.declared
            sealed_target = declared is not None and declared.target is not None
            value = written(main.location, main.u) if main is not None else None
            known = significant(float(declared.target)) if sealed_target and declared is not None and declared.target else ""
            targets.append(
                [
                    " ".join(part for part in (group.analyte, group.sample) if part),
                    _group_words(group.group, language),
                    str(len(group.counting)),
                    known or (str(value) if value is not None else ABSENT),
                    group.unit,
                    significant(main.spread, 3) if main is not None else ABSENT,
                    f"{100 * main.spread / main.location:.1f}" if main is not None and main.location > 0 else ABSENT,
                ]
            )
    laboratories = []
    for name, own in sorted(by_laboratory(scores).items()):
        good, judged = accepted(own)
        laboratories.append([name, _share(good, judged), f"{good} / {judged}", str(len(own) - judged), _failed(own, language)])
    document = {
        "kind": "summary",
        "title": SAY["summary"].say(language),
        "laboratory": "",
        "facts": facts(scheme, language),
        "targets": targets,
        "laboratories": laboratories,
        "remarks": [one.words.say(language) for one in scores.remarks],
    }
    return sealed(document, scheme, language)


def certificate_pages(laboratory: str, own: Sequence[Scored], scheme: Scheme, language: Language) -> dict[str, Any]:
    """What a laboratory achieved in this round, analyte by analyte."""
    rows = []
    for analyte in dict.fromkeys(one.group.analyte for one in own):
        good, judged = accepted([one for one in own if one.group.analyte == analyte])
        rows.append([analyte, _share(good, judged), f"{good} / {judged}"])
    good, judged = accepted(own)
    document = {
        "kind": "certificate",
        "title": SAY["certificate"].say(language),
        "laboratory": laboratory,
        "facts": facts(scheme, language),
        "sentence": _certified(scheme, language),
        "check": CHECK.say(language),
        "rows": rows,
        "total": [SAY["score"].say(language), _share(good, judged), f"{good} / {judged}"],
    }
    return sealed(document, scheme, language)
