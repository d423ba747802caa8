"""A region's scanners side by side: the recovery curves of one phantom overlaid, who is outside, and which filter would help."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from photopeak.figure import Axis, Chart, Line
from photopeak.present.numbers import tidy
from photopeak.present.places import place
from photopeak.present.summary import device_label
from photopeak.words import Language, Words

if TYPE_CHECKING:
    from photopeak.check import Examined

TITLE = Words("Scanners side by side", "多台设备对比")
SUBTITLE = Words("recovery of the same phantom on {n} scanners", "同一模体在 {n} 台设备上的恢复系数")
STATISTICS = {"a50": Words("A50", "A50"), "max": Words("maximum", "最大值"), "peak": Words("peak", "峰值")}
INSIDE = Words("inside all limits that judged it", "在所判限值之内")
UNJUDGED = Words("recovery not judged (name the programme)", "恢复系数未判定（请指定项目）")
OUTSIDE = Words("outside: {places}", "超出：{places}")
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
    """One chart a statistic, one curve a scanner."""
    charts = []
    for statistic, name in STATISTICS.items():
        curves = [(label, _curve(one, statistic)) for label, one in zip(_labels(compared, language), compared)]
        marks = tuple(Line(x=x, y=y, label=Words(label, label)) for label, (x, y) in curves if x.size)
        if marks:
            charts.append(
                Chart(
                    title=Words(f"Recovery, {name.en}", f"恢复系数（{name.zh}）"),
                    x=Axis(label=Words("sphere diameter", "球内径"), unit="mm"),
                    y=Axis(label=Words("recovery coefficient", "恢复系数"), low=0.0),
                    marks=marks,
                    group="scanners",
                )
            )
    return charts


def said_of(compared: Sequence[Examined], examined: Sequence[Examined], language: Language) -> tuple[tuple[str, str], ...]:
    """By scanner: what is outside, and the smallest filter of each programme that brings it in."""
    lines = []
    for label, one in zip(_labels(compared, language), compared):
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
        lines.append((label, tidy(between.join(parts))))
    return tuple(lines)


def _curve(one: Examined, statistic: str) -> tuple[np.ndarray, np.ndarray]:
    assert one.result is not None
    found = sorted(
        (float(m.where["sphere_mm"]), m.value)
        for m in one.result.measurements
        if m.quantity.name == "recovery" and m.where.get("statistic") == statistic
    )
    return np.array([x for x, _ in found]), np.array([y for _, y in found])


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
    failed = [place(v.measurement.where, language) for v in judged if v.outcome == "fail" and v.measurement is not None]
    between = "、" if language == "zh" else ", "
    return OUTSIDE.say(language).format(places=between.join(dict.fromkeys(failed))) if failed else INSIDE.say(language)


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
