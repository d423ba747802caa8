"""Reproducibility of an activity meter: repeated readings of one source, each after taking it out and putting it back.

Two figures: the largest deviation of a reading from the mean (what ANSI N42.13 speaks of) and the relative standard deviation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated

import numpy as np

from photopeak.cases import Case, Column, Measured, all_measurements, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line, Points
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Result, procedure
from photopeak.spread import half_of_quantile, relative_uncertainty
from photopeak.table import Table
from photopeak.words import Words

REPRODUCIBILITY = Quantity(name="reproducibility", unit="%", en="reproducibility", zh="重复性")
READING = Quantity(name="reading_deviation", unit="%", en="deviation of a reading", zh="单次示值偏差", judged=False)
LEAST_READINGS = 3
MICROCURIE_100_MBQ = 3.7  # ANSI N42.13 names its limits for sources above 100 microcurie
DRAWS = 4000
OTHERS = (
    "time",
    "_at",
    "date",
    "t_h",
    "t_min",
    "ref",
    "volume",
    "position",
    "container",
    "baseline",
    "identity",
    "factor",
    "certif",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproducibility(Result):
    """`deviations`: of every reading of each case, in per cent of the mean."""

    deviations: tuple[tuple[Words, tuple[Measurement, ...]], ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(_chart(title, points) for title, points in self.deviations)


def accepts(evidence: Evidence) -> Words | None:
    table = evidence.images
    if isinstance(table, Table) and any(part in column for column in table.columns for part in OTHERS):
        return Words("its columns belong to another test of the meter", "所含列属于活度计的其他检测")
    return lacking(evidence, reproducibility, ("readings_mbq",))


@procedure(
    en="Activity meter reproducibility",
    zh="活度计重复性",
    implements="ANSI N42.13-2004; IAEA TRS 454",
    kinds=("table",),
    quantities=(REPRODUCIBILITY, READING),
    accepts=accepts,
)
def reproducibility(
    evidence: Evidence,
    *,
    readings_mbq: Annotated[
        str | None,
        Words("readings, MBq", "示值，MBq"),
        Column(kind="numbers", aliases=("reading_mbq", "readings", "reading"), above=0),
    ] = None,
) -> Reproducibility:
    """Largest deviation from the mean and relative standard deviation of at least 3 readings (10 are usual)."""
    done, remarks = measure_cases(evidence, reproducibility, declared(locals()), _one)
    titles = tuple((_title(case), found.detail) for case, found in done)
    return Reproducibility(measurements=all_measurements(done), remarks=remarks, deviations=titles)


def _one(case: Case) -> Measured:
    readings = np.array(case.numbers("readings_mbq", least=LEAST_READINGS))
    count, mean, sd = len(readings), float(readings.mean()), float(readings.std(ddof=1))
    deviations = 100 * (readings / mean - 1)
    largest = float(np.abs(deviations).max())
    size = "> 3.7 MBq" if mean > MICROCURIE_100_MBQ else "<= 3.7 MBq"
    relative = 100 * sd / mean
    return Measured(
        measurements=(
            REPRODUCIBILITY.of(
                largest, largest * _spread_of_largest(count), **case.where(method="largest_deviation", activity=size)
            ),
            REPRODUCIBILITY.of(
                relative, relative * relative_uncertainty(count - 1), **case.where(method="standard_deviation", activity=size)
            ),
        ),
        detail=tuple(READING.of(float(one), relative, **case.where(reading=n)) for n, one in enumerate(deviations, 1)),
    )


@cache
def _spread_of_largest(count: int) -> float:
    """Standard uncertainty of the largest deviation from the mean of `count` normal readings, as a share of it."""
    draws = np.random.default_rng(count).normal(size=(DRAWS, count))
    largest = np.abs(draws - draws.mean(axis=1, keepdims=True)).max(axis=1)
    return half_of_quantile(np.abs(1 - largest.mean() / largest).tolist())


def _title(case: Case) -> Words:
    own_en, own_zh = (f": {case.label}", f"：{case.label}") if case.label else ("", "")
    return Words(f"Deviation of each reading from the mean{own_en}", f"各次示值与均值之差{own_zh}")


def _chart(title: Words, points: tuple[Measurement, ...]) -> Chart:
    at = tuple(float(n) for n in range(1, len(points) + 1))
    return Chart(
        title=title,
        x=Axis(label=Words("reading", "读数序号"), low=0.5, high=len(points) + 0.5),
        y=Axis(label=READING.words, unit="%"),
        marks=(Points(x=at, measurements=points), Line(x=np.array([0.5, len(points) + 0.5]), y=np.zeros(2))),
        group="readings",
    )
