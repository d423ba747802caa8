"""T-score and Z-score recomputed from bone density and a cited reference, and the densities at the boundaries of the WHO classes.

T = (BMD - mean of young adults) / SD; Z = (BMD - mean of the age) / SD. The reference is given with the case, or named: its source
stands with the result. A reported T-score is compared with the recomputed one: a difference tells another reference was used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.bone_density.reference_values import population, reference_values
from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Condition, Remark, Result, procedure, remark
from photopeak.words import Words

T = Quantity(name="t_score", unit="1", en="T-score", zh="T 值", judged=False)
Z = Quantity(name="z_score", unit="1", en="Z-score", zh="Z 值", judged=False)
AT = Quantity(name="bmd_at_t", unit="g/cm2", en="bone density at a T-score", zh="该 T 值对应骨密度", judged=False)
DIFFERENCE = Quantity(name="t_score_difference", unit="1", en="reported less recomputed T-score", zh="报告 T 值与复算值之差")
CLASSES = {
    "normal": Words("normal", "骨量正常"),
    "low bone mass": Words("low bone mass", "低骨量"),
    "osteoporosis": Words("osteoporosis", "骨质疏松"),
}
OF_AGE = ("bmd_g_per_cm2", "age_mean_g_per_cm2", "age_sd_g_per_cm2")
POPULATION = Words("reference population", "参考人群")
GIVEN = Condition(label=POPULATION, value=Words("given with the case", "随数据给出"))
LAST_DIGIT = 0.1  # a T-score is reported to one decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TScore(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "t_score", "z_score", "t_score_difference", "bmd_at_t")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(
        evidence, t_score, ("reference_mean_g_per_cm2", "reference_sd_g_per_cm2"), ("bmd_g_per_cm2", "reference"), OF_AGE
    )


@procedure(
    en="T-score and Z-score",
    zh="T 值与 Z 值复算",
    implements="WHO 1994; ISCD official positions",
    kinds=("table",),
    quantities=(T, Z, AT, DIFFERENCE),
    accepts=accepts,
)
def t_score(
    evidence: Evidence,
    *,
    bmd_g_per_cm2: Annotated[
        float | None, Words("bone density, g/cm²", "骨密度，g/cm²"), Column(aliases=("bmd",), above=0)
    ] = None,
    reference_mean_g_per_cm2: Annotated[
        float | None,
        Words("mean of young adults, g/cm²", "年轻成人均值，g/cm²"),
        Column(aliases=("ref_mean", "reference_mean"), above=0),
    ] = None,
    reference_sd_g_per_cm2: Annotated[
        float | None,
        Words("SD of young adults, g/cm²", "年轻成人标准差，g/cm²"),
        Column(aliases=("ref_sd", "reference_sd"), above=0),
    ] = None,
    age_mean_g_per_cm2: Annotated[
        float | None,
        Words("mean of the same age, g/cm²", "同龄均值，g/cm²"),
        Column(aliases=("age_mean", "z_mean", "ref_mean_age"), above=0),
    ] = None,
    age_sd_g_per_cm2: Annotated[
        float | None,
        Words("SD of the same age, g/cm²", "同龄标准差，g/cm²"),
        Column(aliases=("age_sd", "z_sd", "ref_sd_age"), above=0),
    ] = None,
    reference: Annotated[
        str | None,
        Words("name of a shipped reference (zhang2007-spine …)", "内置参考人群名称（zhang2007-spine 等）"),
        Column(kind="text"),
    ] = None,
    reported_t: Annotated[float | None, Words("T-score of the report", "报告 T 值"), Column(aliases=("t_reported",))] = None,
    sex: Annotated[str | None, Words("sex", "性别"), Column(kind="text")] = None,
    region: Annotated[str | None, Words("region", "部位"), Column(kind="text", aliases=("roi", "site"))] = None,
) -> TScore:
    """T, Z, the WHO class in `where`, the reported T-score's difference, and the densities at T = -1 and T = -2.5."""
    done, remarks = measure_cases(evidence, t_score, declared(locals()), _one)
    conditions = dict.fromkeys(found.detail for _, found in done)
    return TScore(measurements=all_measurements(done), remarks=remarks, conditions=tuple(conditions))


def _one(case: Case) -> Measured:
    if not case.has("reference") and not case.has("reference_mean_g_per_cm2") and case.has(*OF_AGE):
        z = _z(case, case.where(sex=case.get("sex"), region=case.get("region")))
        return Measured(measurements=tuple(z), detail=GIVEN)
    mean, sd, source, remarks = _reference(case)
    who = reference_values()["who"]
    where = case.where(sex=case.get("sex"), region=case.get("region"))
    measurements: list[Measurement] = []
    if case.has("bmd_g_per_cm2"):
        value, u = _score(case, mean, sd, ("reference_mean_g_per_cm2", "reference_sd_g_per_cm2"))
        name = _class(value)
        measurements.append(T.of(value, u, **where, who_class=name))
        remarks += _uncertain_class(case, value, u, name)
        if case.has("reported_t"):
            rounding = LAST_DIGIT / math.sqrt(12)
            measurements.append(DIFFERENCE.of(case.number("reported_t") - value, math.hypot(u or 0.0, rounding), **where))
    if case.has(*OF_AGE):
        measurements += _z(case, where)
    measurements += [AT.of(mean + t * sd, **where, t=t) for t in (who["osteoporosis_to"], who["normal_from"])]
    return Measured(measurements=tuple(measurements), remarks=tuple(remarks), detail=source)


def _z(case: Case, where: dict[str, Any]) -> list[Measurement]:
    names = ("age_mean_g_per_cm2", "age_sd_g_per_cm2")
    z, u = _score(case, case.number(names[0]), case.number(names[1]), names)
    below = "yes" if round(z, 9) <= reference_values()["who"]["z_below_expected_to"] else "no"
    return [Z.of(z, u, **where, below_expected_for_age=below)]


def _score(case: Case, mean: float, sd: float, names: tuple[str, str]) -> tuple[float, float | None]:
    """(BMD - mean) / SD with the uncertainties that the case states for any of the three."""
    value = (case.number("bmd_g_per_cm2") - mean) / sd
    parts = [case.uncertainties.get(name) for name in ("bmd_g_per_cm2", *names)]
    if all(part is None for part in parts):
        return value, None
    bmd, centre, spread = (part or 0.0 for part in parts)
    return value, math.hypot(bmd / sd, centre / sd, value * spread / sd)


def _reference(case: Case) -> tuple[float, float, Condition, list[Remark]]:
    """Mean and SD of young adults, their source, and what a reader must know of it."""
    if not case.has("reference"):
        mean, sd = case.number("reference_mean_g_per_cm2"), case.number("reference_sd_g_per_cm2")
        return mean, sd, GIVEN, []
    row = population(case.text("reference"))
    if row is None:
        known = ", ".join(one["id"] for one in reference_values()["reference"])
        raise case.refused(
            "unknown_reference",
            en=f"no reference {case.text('reference')!r}; there are {known}; or give reference_mean and reference_sd",
            zh=f"没有参考人群“{case.text('reference')}”；可用：{known}。也可直接给出 reference_mean 与 reference_sd。",
        )
    sex = str(case.get("sex") or "").strip().upper()[:1].replace("男", "M").replace("女", "F")
    if sex and sex != row["sex"]:
        raise case.refused(
            "wrong_reference",
            en=f"the reference {row['id']} is of sex {row['sex']}, the case of {case.get('sex')}",
            zh=f"参考人群 {row['id']} 的性别为 {row['sex']}，与案例（{case.get('sex')}）不符。",
        )
    told = remark(
        "reference_provisional",
        en=f"reference {row['population']}: from {row['source']}; the device is not stated and the number not compared with the page",
        zh=f"参考人群 {row['population']}，来源 {row['source']}；未注明设备，数值待核",
    )
    value = Words(
        f"{row['population']}, {row['region']}; {row['source']}", f"{row['population']}，{row['region']}；{row['source']}"
    )
    return float(row["mean"]), float(row["sd"]), Condition(label=POPULATION, value=value), [told]


def _class(t: float) -> str:
    who = reference_values()["who"]
    if round(t, 9) <= who["osteoporosis_to"]:
        return "osteoporosis"
    return "normal" if round(t, 9) >= who["normal_from"] else "low bone mass"


def _uncertain_class(case: Case, t: float, u: float | None, name: str) -> list[Remark]:
    """Where the interval reaches another class, that is said: a class is no more certain than its T-score."""
    others = {_class(t - 2 * u), _class(t + 2 * u)} - {name} if u is not None else set()
    if not others:
        return []
    other = sorted(others)[0]
    place = f"{case.label}: " if case.label else ""
    return [
        remark(
            "class_uncertain",
            en=f"{place}T = {t:.2f} ± {2 * (u or 0):.2f} reaches from {CLASSES[name].en} into {CLASSES[other].en}",
            zh=f"{place}T = {t:.2f} ± {2 * (u or 0):.2f}，区间跨越“{CLASSES[name].zh}”与“{CLASSES[other].zh}”",
        )
    ]
