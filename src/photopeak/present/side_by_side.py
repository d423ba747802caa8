"""A region's scanners side by side: the recovery curves of one phantom overlaid, who is outside, and which filter would help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from photopeak.figure import Axis, Chart, Points
from photopeak.measurement import Measurement
from photopeak.present.numbers import tidy
from photopeak.present.summary import device_label
from photopeak.verdict import Verdict
from photopeak.words import Language, Words

if TYPE_CHECKING:
    from photopeak.check import Examined

TITLE = Words("Scanners side by side", "多台设备对比")
SUBTITLE = Words("recovery of the same phantom on {n} scanners", "同一模体在 {n} 台设备上的恢复系数")
EACH = Words(
    "Each scanner: what lies outside, and the smallest filter that brings all in", "各台设备：超限项目及可使全部达标的最小滤波"
)
DIAMETER = Axis(
    label=Words("sphere diameter", "球内径"),
    unit="mm",
    log=True,
    ticks=(10.0, 13.0, 17.0, 22.0, 28.0, 37.0),
    low=8.5,
    high=43.0,
)
STATISTICS = {"a50": Words("A50", "A50"), "max": Words("maximum", "最大值"), "peak": Words("peak", "峰值")}
INSIDE = Words("inside all limits that judged it", "在所判限值之内")
UNJUDGED = Words("recovery not judged (name the programme)", "恢复系数未判定（请指定项目）")
OUTSIDE = Words("outside: {places}", "超出：{places}")
UNDECIDED = Words("undecided: {places}", "未定：{places}")
FILTER = Words("{name}: {mm} mm filter", "{name}：{mm} mm 滤波")
NO_FILTER = Words("{name}: no filter helps", "{name}：滤波无法达到")
NO_NEED = Words("{name}: inside without a filter", "{name}：无需滤波")
NAMES = {"earl1": "EARL 1", "earl2": "EARL 2"}
FEWEST = 2


def scanners(examined: Sequence[Examined]) -> list[Examined]:
    """The results of the image-quality phantom that know the true activity."""
    return [
        one
        for one in examined
        if one.procedure.name == "pet.image_quality"
        and one.result is not None
        and any(m.quantity.name == "recovery" for m in one.result.measurements)
    ]


def overlaid(compared: Sequence[Examined], language: Language) -> list[Chart]:
    """One chart a statistic, one curve a scanner, named by its number; the limits that judged them and each point's sign."""
    charts = []
    for statistic, name in STATISTICS.items():
        marks = tuple(
            Points(
                x=tuple(float(m.where["sphere_mm"]) for m in found),
                # whiskers of all scanners would cover each other: they stand in each one's own figures
                measurements=tuple(replace(m, uncertainty=None) for m in found),
                label=Words(f"{n}", f"{n}"),
            )
            for n, one in enumerate(compared, 1)
            if (found := _recoveries(one, statistic))
        )
        if marks:
            charts.append(
                Chart(
                    title=Words(f"Recovery, {name.en}", f"恢复系数（{name.zh}）"),
                    x=DIAMETER,
                    y=Axis(label=Words("recovery coefficient", "恢复系数"), low=0.0),
                    marks=marks,
                    group="scanners",
                )
            )
    return charts


def said_of(compared: Sequence[Examined], examined: Sequence[Examined], language: Language) -> tuple[tuple[str, str], ...]:
    """By scanner: what is outside, and the smallest filter of each programme that brings it in."""
    lines = []
    for n, (label, one) in enumerate(zip(_labels(compared, language), compared), 1):
        harmonised = next(
            (
                other
                for other in examined
                if other.procedure.name == "pet.harmonisation"
                and other.result is not None
                and other.evidence.sha256 == one.evidence.sha256
            ),
            None,
        )
        parts = [_judged(one, language), *(_filters(harmonised, language) if harmonised is not None else ())]
        between = "；" if language == "zh" else "; "
        lines.append((f"{n} · {label}", tidy(between.join(parts))))
    return tuple(lines)


def _recoveries(one: Examined, statistic: str) -> list[Measurement]:
    assert one.result is not None
    found = [m for m in one.result.measurements if m.quantity.name == "recovery" and m.where.get("statistic") == statistic]
    return sorted(found, key=lambda m: float(m.where["sphere_mm"]))


def _labels(compared: Sequence[Examined], language: Language) -> list[str]:
    """Station, or model, made different by the folder where two are alike."""
    names = [device_label(one.evidence.about, language, one.evidence.about.station) or one.evidence.name for one in compared]
    return [
        f"{name} ({one.evidence.name})" if names.count(name) > 1 else name for name, one in zip(names, compared, strict=True)
    ]


def _judged(one: Examined, language: Language) -> str:
    verdicts = [v for v in one.verdicts if v.measurement is not None and v.measurement.quantity.name == "recovery"]
    judged = [v for v in verdicts if v.outcome != "not_assessed"]
    if not judged:
        return UNJUDGED.say(language)
    said = [
        words.say(language).format(places=places)
        for outcome, words in (("fail", OUTSIDE), ("undecided", UNDECIDED))
        if (places := _places(judged, outcome, language))
    ]
    return ("；" if language == "zh" else "; ").join(said) if said else INSIDE.say(language)


def _places(judged: Sequence[Verdict], outcome: str, language: Language) -> str:
    """The spheres with that outcome, each with its statistics: "10 mm (A50, peak), 13 mm (A50)"."""
    found: dict[str, list[str]] = {}
    for v in judged:
        if v.outcome == outcome and v.measurement is not None:
            where = v.measurement.where
            statistics = found.setdefault(f"{where['sphere_mm']:g} mm", [])
            if (name := STATISTICS[str(where["statistic"])].say(language)) not in statistics:
                statistics.append(name)
    comma, left, right, between = ("、", "（", "）", "，") if language == "zh" else (", ", " (", ")", ", ")
    return between.join(f"{at}{left}{comma.join(of)}{right}" for at, of in found.items())


def _filters(harmonised: Examined, language: Language) -> list[str]:
    assert harmonised.result is not None
    found = {
        str(m.where["programme"]): m.value for m in harmonised.result.measurements if m.quantity.name == "harmonising_filter"
    }
    said = []
    for programme, name in NAMES.items():
        width = found.get(programme)
        words = NO_FILTER if width is None else NO_NEED if width == 0 else FILTER
        said.append(words.say(language).format(name=name, mm="" if width is None else f"{width:.1f}"))
    return said
