"""What was given against what was intended: the activity at administration, less the residual, in per cent of the prescription.

The assay is decayed to the administration and so is the residual; without times the activities are taken as they stand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.half_life import DATA_WORDS, decay_of, seconds_after, unknown_nuclide
from photopeak.measurement import Quantity
from photopeak.nuclide import NuclearData, nuclide_named, seconds_between
from photopeak.procedure import Condition, Result, procedure
from photopeak.table import Table
from photopeak.words import Words

DEVIATION = Quantity(
    name="administered_activity_deviation", unit="%", en="administered against prescribed activity", zh="给药活度与处方活度偏差"
)
ADMINISTERED = Quantity(name="administered_activity", unit="MBq", en="administered activity", zh="实际给药活度", judged=False)
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "administered_activity_deviation")


def accepts(evidence: Evidence) -> Words | None:
    if isinstance(evidence.images, Table) and {"tsh", "tsh_miu_l"} & set(evidence.images.columns):
        return Words("a table of case records; the record audit takes it", "病历记录表，由病历核查处理")
    return lacking(evidence, delivery, ("prescribed_mbq", "administered_mbq"), ("prescribed_mbq", "assayed_mbq"))


@procedure(
    en="Delivery of a therapy activity",
    zh="治疗活度给药核查",
    implements="ICRU level 1 dosimetry as in EANM 2021; 10 CFR 35.63",
    kinds=("table",),
    quantities=(DEVIATION, ADMINISTERED),
    accepts=accepts,
)
def delivery(
    evidence: Evidence,
    *,
    prescribed_mbq: Annotated[
        float | None,
        Words("prescribed activity, MBq", "处方活度，MBq"),
        Column(aliases=("prescribed_activity_mbq", "intended_mbq", "intended_activity_mbq"), above=0),
    ] = None,
    administered_mbq: Annotated[
        float | None,
        Words("administered activity as recorded, MBq", "记录的给药活度，MBq"),
        Column(aliases=("administered_activity_mbq", "given_mbq"), least=0),
    ] = None,
    assayed_mbq: Annotated[
        float | None,
        Words("activity at the assay, MBq", "测量时活度，MBq"),
        Column(aliases=("activity_mbq", "dispensed_mbq", "measured_mbq", "assay_mbq"), above=0),
    ] = None,
    assayed_at: Annotated[str | None, Words("time of the assay", "测量时间"), Column(kind="time")] = None,
    administered_at: Annotated[
        str | None, Words("time of administration", "给药时间"), Column(kind="time", aliases=("given_at",))
    ] = None,
    delay_h: Annotated[
        float | None,
        Words("hours from assay to administration (where no times are given)", "测量至给药小时数（未给出时刻时）"),
        Column(aliases=("hours", "dt_h", "t_h"), least=0),
    ] = None,
    residual_mbq: Annotated[float | None, Words("residual activity, MBq", "残留活度，MBq"), Column(least=0)] = None,
    residual_at: Annotated[str | None, Words("time of the residual's assay", "残留活度测量时间"), Column(kind="time")] = None,
    nuclide: Annotated[str | None, Words("nuclide", "核素"), Column(kind="text")] = None,
    half_life_h: Annotated[
        float | None, Words("half-life, h (else by nuclide)", "半衰期，h（缺省按核素）"), Column(above=0)
    ] = None,
    nuclear_data: Annotated[NuclearData, DATA_WORDS] = "icrp107",
) -> Delivery:
    """Administered activity and its deviation from the prescription in per cent."""

    def measure(case: Case) -> Measured:
        return _one(case, nuclear_data)

    done, remarks = measure_cases(evidence, delivery, declared(locals()), measure)
    conditions = dict.fromkeys(found.detail for _, found in done if found.detail is not None)
    return Delivery(measurements=all_measurements(done), remarks=remarks, conditions=tuple(conditions))


def _one(case: Case, data: NuclearData) -> Measured:
    if case.has("nuclide") and nuclide_named(case.text("nuclide"), data) is None:
        raise unknown_nuclide(case, case.text("nuclide"), data)
    given, names, condition = _administered(case, data)

    def deviation(prescribed_mbq: float, **inputs: float) -> float:
        return 100 * (given(**inputs) / prescribed_mbq - 1)

    where = case.where(nuclide=case.get("nuclide"))
    activity, u = case.linear(given, *names)
    if activity < 0:
        raise case.refused(
            "residual_exceeds_assay",
            en=f"the residual exceeds the assayed activity by {-activity:.4g} MBq; check the units and the times",
            zh=f"残留活度比测量活度还多 {-activity:.4g} MBq，请检查单位与时间。",
        )
    measurements = (
        DEVIATION.of(*case.linear(deviation, "prescribed_mbq", *names), **where),
        ADMINISTERED.of(activity, u, **where),
    )
    return Measured(measurements=measurements, detail=condition)


def _administered(case: Case, data: NuclearData) -> tuple[Callable[..., float], tuple[str, ...], Condition | None]:
    """The formula of the administered activity, the inputs it takes, and the half-life it used."""
    if case.has("administered_mbq"):
        return (lambda administered_mbq: float(administered_mbq)), ("administered_mbq",), None
    names = ("assayed_mbq", *(["residual_mbq"] if case.has("residual_mbq") else []))
    share, residual_share, condition = 1.0, 1.0, None
    if case.has("assayed_at", "administered_at"):
        decay = decay_of(case, data, half_life="half_life_h")
        condition = decay.condition()
        share = decay.nuclide.share_left(seconds_after(case, "assayed_at", "administered_at"))
        if case.has("residual_at"):
            apart = seconds_between(case.time("administered_at"), case.time("residual_at"))
            if apart < 0:
                seconds_after(case, "administered_at", "residual_at")
            residual_share = decay.nuclide.share_left(-apart)

    elif case.has("delay_h"):
        decay = decay_of(case, data, half_life="half_life_h")
        condition = decay.condition()
        share = decay.nuclide.share_left(case.number("delay_h") * HOUR_S)

    def given(assayed_mbq: float, residual_mbq: float = 0.0) -> float:
        return assayed_mbq * share - residual_mbq * residual_share

    return given, names, condition
