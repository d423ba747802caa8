"""A radionuclide generator: what has grown since the last elution, what came out of it, and when there is most.

The activity that is there follows from the parent's by the decay chain (Bateman 1910); elution efficiency = eluted / available.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import numpy.typing as npt

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.half_life import DATA_WORDS, Decay, seconds_after, unknown_nuclide
from photopeak.measurement import Quantity
from photopeak.nuclide import NuclearData, Nuclide, grown, icrp107, nuclide_named, time_of_most
from photopeak.procedure import Result, procedure
from photopeak.table import Table
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

AVAILABLE = Quantity(name="available_activity", unit="MBq", en="activity available", zh="可洗脱活度", judged=False)
EFFICIENCY = Quantity(name="elution_efficiency", unit="%", en="elution efficiency", zh="洗脱效率")
MOST = Quantity(name="time_of_most", unit="h", en="time of the greatest activity", zh="最大活度时间", judged=False)
PARENT = Quantity(name="parent_activity", unit="MBq", en="activity of the parent at elution", zh="洗脱时母体活度", judged=False)
HOUR_S = 3600.0
PARENTS = {"mo99_mbq": "Mo-99", "ge68_mbq": "Ge-68", "sr82_mbq": "Sr-82"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Generator(Result):
    """`courses`: title, hours after the last elution, activity of the daughter."""

    courses: tuple[tuple[Words, Floats, Floats], ...]

    def figures(self) -> tuple[Figure, ...]:
        return (*charts_of(self.measurements, "elution_efficiency"), *(_chart(*one) for one in self.courses))


def accepts(evidence: Evidence) -> Words | None:
    if isinstance(evidence.images, Table) and {"tc99m_mbq", "hours"} <= set(evidence.images.columns):
        return Words("an eluate's 99Mo and 99mTc, not a generator's", "为洗脱液的 99Mo 与 99mTc，不是发生器数据")
    own = [(name, "since_elution_h") for name in ("parent_activity_mbq", *PARENTS)]
    dated = [(name, "previous_elution_at", "eluted_at") for name in ("parent_activity_mbq", *PARENTS)]
    return lacking(evidence, generator, *own, *dated)


@procedure(
    en="Generator yield and in-growth",
    zh="发生器洗脱效率与生长",
    implements="decay chain (Bateman 1910); IAEA TRS 454",
    kinds=("table",),
    quantities=(AVAILABLE, EFFICIENCY, MOST, PARENT),
    accepts=accepts,
)
def generator(
    evidence: Evidence,
    *,
    parent: Annotated[
        str | None, Words("parent (Mo-99, Ge-68, Sr-82, W-188)", "母体核素（Mo-99、Ge-68、Sr-82、W-188）"), Column(kind="text")
    ] = None,
    parent_activity_mbq: Annotated[
        float | None,
        Words("activity of the parent, MBq", "母体活度，MBq"),
        Column(aliases=("generator_mbq", "a_parent_mbq"), above=0),
    ] = None,
    mo99_mbq: Annotated[float | None, Words("99Mo on the column, MBq", "柱上 99Mo 活度，MBq"), Column(above=0)] = None,
    ge68_mbq: Annotated[float | None, Words("68Ge on the column, MBq", "柱上 68Ge 活度，MBq"), Column(above=0)] = None,
    sr82_mbq: Annotated[float | None, Words("82Sr on the column, MBq", "柱上 82Sr 活度，MBq"), Column(above=0)] = None,
    parent_at: Annotated[
        str | None, Words("reference time of the parent", "母体活度参考时间"), Column(kind="time", aliases=("calibrated_at",))
    ] = None,
    previous_elution_at: Annotated[str | None, Words("previous elution", "上次洗脱时间"), Column(kind="time")] = None,
    eluted_at: Annotated[str | None, Words("this elution", "本次洗脱时间"), Column(kind="time")] = None,
    since_elution_h: Annotated[
        float | None,
        Words("hours since the previous elution", "距上次洗脱小时数"),
        Column(aliases=("hours", "t_h", "elapsed_h", "hours_since_elution"), least=0),
    ] = None,
    previous_efficiency_percent: Annotated[
        float | None, Words("efficiency of the previous elution, %", "上次洗脱效率，%"), Column(above=0, most=100)
    ] = None,
    eluted_mbq: Annotated[
        float | None,
        Words("activity eluted, MBq", "洗脱活度，MBq"),
        Column(aliases=("eluate_mbq", "tc99m_mbq", "ga68_mbq", "rb82_mbq"), least=0),
    ] = None,
    nuclear_data: Annotated[NuclearData, DATA_WORDS] = "icrp107",
) -> Generator:
    """Activity available, elution efficiency in per cent, and the time after an elution at which there is most.

    The parent's activity is that at the previous elution, unless `parent_at` says when it was.
    """

    def measure(case: Case) -> Measured:
        return _one(case, nuclear_data)

    done, remarks = measure_cases(evidence, generator, declared(locals()), measure)
    return Generator(
        measurements=all_measurements(done),
        remarks=remarks,
        conditions=tuple(dict.fromkeys(one for _, found in done for one in found.detail[0])),
        courses=tuple(found.detail[1] for _, found in done if found.detail[1] is not None),
    )


def _one(case: Case, data: NuclearData) -> Measured:
    column, mother, daughter = _chain(case, data)
    conditions = tuple(Decay(nuclide=one).condition() for one in (mother, daughter))
    most = MOST.of(time_of_most(mother, daughter) / HOUR_S, **case.where(nuclide=daughter.name))
    if not case.has(column) and not case.has("eluted_mbq"):
        return Measured(measurements=(most,), detail=(conditions, None))
    elapsed = seconds_after(case, "previous_elution_at", "eluted_at") if case.has("eluted_at") else None
    elapsed = case.number("since_elution_h") * HOUR_S if elapsed is None else elapsed
    before = 0.0
    if case.has("parent_at"):
        start = "previous_elution_at" if case.has("previous_elution_at") else "eluted_at"
        before = seconds_after(case, "parent_at", start) - (0.0 if start == "previous_elution_at" else elapsed)
    left = 1 - float(case.get("previous_efficiency_percent") or 100.0) / 100

    def at_previous(activity: float) -> float:
        return activity * mother.share_left(before)

    def available(activity: float, seconds: float) -> float:
        first = at_previous(activity)
        remained = left * first * _equilibrium(mother, daughter)
        return grown(mother, daughter, seconds, parent_activity=first, daughter_activity=remained)

    def available_of(**inputs: float) -> float:
        return available(inputs[column], elapsed)

    def efficiency_of(**inputs: float) -> float:
        return 100 * inputs["eluted_mbq"] / available(inputs[column], elapsed)

    measurements = [
        AVAILABLE.of(*case.linear(available_of, column), **case.where(nuclide=daughter.name)),
        PARENT.of(at_previous(case.number(column)) * mother.share_left(elapsed), **case.where(nuclide=mother.name)),
        most,
    ]
    if case.has("eluted_mbq"):
        if elapsed <= 0:
            raise case.refused(
                "no_growth",
                en="no time has passed since the previous elution: nothing has grown that could be eluted",
                zh="距上次洗脱时间为零，没有可洗脱的子体。",
            )
        measurements.append(EFFICIENCY.of(*case.linear(efficiency_of, column, "eluted_mbq"), **case.where()))
    hours = np.linspace(0.0, max(1.2 * elapsed, 1.5 * time_of_most(mother, daughter)) / HOUR_S, 100)
    title = Words(f"Growth of {daughter.name}", f"{daughter.name} 生长曲线")
    if case.label:
        title = Words(f"{title.en}: {case.label}", f"{title.zh}：{case.label}")
    course = np.array([available(case.number(column), float(one) * HOUR_S) for one in hours])
    return Measured(measurements=tuple(measurements), detail=(conditions, (title, hours, course)))


def _chain(case: Case, data: NuclearData) -> tuple[str, Nuclide, Nuclide]:
    """The column with the parent's activity, the parent and its daughter."""
    column = next((name for name in PARENTS if case.has(name)), "parent_activity_mbq")
    named = PARENTS.get(column) or case.text("parent")
    mother = nuclide_named(named, "icrp107")
    if mother is None or mother.daughter is None:
        if mother is None:
            raise unknown_nuclide(case, named, "icrp107")
        raise case.refused(
            "no_generator",
            en=f"{mother.name} is no parent of a generator; known are Mo-99, Ge-68, Sr-82, W-188, Sr-90",
            zh=f"{mother.name} 不是发生器母体；可用：Mo-99、Ge-68、Sr-82、W-188、Sr-90。",
        )
    return column, mother, nuclide_named(mother.daughter, data) or icrp107()[mother.daughter]


def _equilibrium(mother: Nuclide, daughter: Nuclide) -> float:
    """Activity of the daughter per activity of the parent in transient equilibrium: what the previous elution found."""
    return mother.branch * daughter.decay_constant / (daughter.decay_constant - mother.decay_constant)


def _chart(title: Words, hours: Floats, activity: Floats) -> Chart:
    return Chart(
        title=title,
        x=Axis(label=Words("time after the previous elution", "距上次洗脱时间"), unit="h", low=0.0),
        y=Axis(label=AVAILABLE.words, unit="MBq", low=0.0),
        marks=(Line(x=hours, y=activity),),
        group="growth",
    )
