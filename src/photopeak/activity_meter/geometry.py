"""Geometry dependence of an activity meter: the same activity in other volumes, containers or positions.

The reference is the row named by `reference`, else the first. A volume series dilutes one activity; where it is poured from one
container to another, `activity_share` tells which part of it the container holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from photopeak.cases import Case, Column, Measured, all_measurements, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line, Points
from photopeak.half_life import DATA_WORDS, decay_of
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import NuclearData
from photopeak.procedure import Result, procedure
from photopeak.words import Words

DEVIATION = Quantity(name="geometry_deviation", unit="%", en="deviation by geometry", zh="几何（体积、位置）偏差")
FACTOR = Quantity(name="geometry_factor", unit="1", en="correction factor of the geometry", zh="几何修正因子", judged=False)
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Geometry(Result):
    """`series`: for each case its title, x (volume in mL or number) and the deviations."""

    series: tuple[tuple[Words, Words, tuple[float, ...], tuple[Measurement, ...]], ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(_chart(*one) for one in self.series)


def accepts(evidence: Evidence) -> Words | None:
    return lacking(
        evidence, geometry, ("volume_ml", "readings_mbq"), ("position", "readings_mbq"), ("container", "readings_mbq")
    )


@procedure(
    en="Activity meter geometry dependence",
    zh="活度计几何依赖性",
    implements="IAEA TRS 454",
    kinds=("table",),
    quantities=(DEVIATION, FACTOR),
    accepts=accepts,
)
def geometry(
    evidence: Evidence,
    *,
    readings_mbq: Annotated[
        str | None,
        Words("readings, MBq", "示值，MBq"),
        Column(kind="numbers", aliases=("reading_mbq", "readings", "reading"), above=0),
    ] = None,
    volume_ml: Annotated[
        str | None, Words("volumes, mL", "体积，mL"), Column(kind="numbers", aliases=("volumes_ml",), above=0)
    ] = None,
    position: Annotated[
        str | None, Words("positions or containers", "位置或容器"), Column(kind="texts", aliases=("container",))
    ] = None,
    time_h: Annotated[str | None, Words("times, h", "时间，h"), Column(kind="numbers", least=0)] = None,
    activity_share: Annotated[
        str | None, Words("share of the activity in the container", "容器所含活度份额"), Column(kind="numbers", above=0)
    ] = None,
    nuclide: Annotated[str | None, Words("nuclide", "核素"), Column(kind="text")] = None,
    half_life_h: Annotated[
        float | None, Words("half-life, h (else by nuclide)", "半衰期，h（缺省按核素）"), Column(above=0)
    ] = None,
    reference: Annotated[str | None, Words("reference volume or position", "参考体积或位置"), Column(kind="text")] = None,
    reading_u_percent: Annotated[
        float | None, Words("repeatability of one reading (k = 1), %", "单次示值重复性（k = 1），%"), Column(least=0)
    ] = None,
    nuclear_data: Annotated[NuclearData, DATA_WORDS] = "icrp107",
) -> Geometry:
    """Deviation from the reference geometry in per cent, and the factor that corrects a reading for it."""

    def measure(case: Case) -> Measured:
        return _one(case, nuclear_data)

    done, remarks = measure_cases(evidence, geometry, declared(locals()), measure)
    return Geometry(measurements=all_measurements(done), remarks=remarks, series=tuple(found.detail for _, found in done))


def _one(case: Case, data: NuclearData) -> Measured:
    readings = np.array(case.numbers("readings_mbq", least=2))
    places = _places(case)
    for name in ("time_h", "activity_share"):
        if case.has(name) and len(case.numbers(name)) != len(readings):
            raise _unequal(case, len(readings), len(case.numbers(name)))
    if len(places) != len(readings):
        raise _unequal(case, len(readings), len(places))
    if case.has("time_h"):
        decay = decay_of(case, data, half_life="half_life_h")
        readings = readings * np.exp(decay.nuclide.decay_constant * HOUR_S * np.array(case.numbers("time_h")))
    if case.has("activity_share"):
        readings = readings / np.array(case.numbers("activity_share"))
    start = _reference(case, places)
    ratios = readings / readings[start]
    u = case.number("reading_u_percent") * math.sqrt(2) if case.has("reading_u_percent") else None
    key = "volume_ml" if case.has("volume_ml") else "position"
    deviations, factors = [], []
    for n, (place, ratio) in enumerate(zip(places, ratios)):
        own = 0.0 if n == start and u is not None else u
        deviations.append(DEVIATION.of(100 * (float(ratio) - 1), own, **case.where(**{key: place})))
        factors.append(FACTOR.of(1 / float(ratio), None if own is None else own / 100, **case.where(**{key: place})))
    by_volume = key == "volume_ml"
    x = tuple(float(one) for one in places) if by_volume else tuple(float(n) for n in range(1, len(places) + 1))
    title = Words("Deviation by geometry", "几何偏差")
    x_words = Words("volume, mL", "体积，mL") if by_volume else Words("position", "位置")
    return Measured(measurements=(*deviations, *factors), detail=(title, x_words, x, tuple(deviations)))


def _places(case: Case) -> tuple[str | float, ...]:
    if case.has("volume_ml"):
        return case.numbers("volume_ml")
    if case.has("position"):
        return tuple(case.get("position"))
    return case.numbers("volume_ml")  # says what is missing


def _reference(case: Case, places: tuple[str | float, ...]) -> int:
    if not case.has("reference"):
        return 0
    wanted = case.text("reference").strip()
    found = [n for n, place in enumerate(places) if str(place).removesuffix(".0") == wanted]
    if not found:
        known = ", ".join(str(place) for place in places)
        raise case.refused(
            "no_reference",
            en=f"the reference {wanted!r} is not among {known}",
            zh=f"参考“{wanted}”不在 {known} 之中。",
        )
    return found[0]


def _unequal(case: Case, one: int, other: int) -> Exception:
    return case.refused(
        "unequal_series",
        en=f"{one} readings but {other} volumes, positions, times or shares; every reading needs its own",
        zh=f"示值 {one} 个，而体积、位置、时间或份额为 {other} 个，须一一对应。",
    )


def _chart(title: Words, x_words: Words, x: tuple[float, ...], points: tuple[Measurement, ...]) -> Chart:
    return Chart(
        title=title,
        x=Axis(label=x_words),
        y=Axis(label=DEVIATION.words, unit="%"),
        marks=(Points(x=x, measurements=points), Line(x=np.array([min(x), max(x)]), y=np.zeros(2))),
        group="geometry",
    )
