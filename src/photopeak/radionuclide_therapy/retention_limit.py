"""The 48 h retention rule of Benua and Leeper: the activity that leaves no more than a given one in the body after 48 h.

A_max = 4.44 GBq / R(48 h), 2.96 GBq / R(48 h) with diffuse lung metastases. A retention at another time is carried to 48 h with the
effective half-life, or with the mono-exponential through it. The two activities are provisional; nothing here prescribes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Quantity
from photopeak.procedure import Condition, Result, procedure
from photopeak.radionuclide_therapy.reference_values import reference_values
from photopeak.records import yes_or_no
from photopeak.words import Words

CAP = Quantity(
    name="activity_by_retention_rule",
    unit="GBq",
    en="activity by the 48 h retention rule",
    zh="48 h 滞留规则对应活度",
    judged=False,
)
RETAINED = Quantity(name="retained_activity_at_48_h", unit="GBq", en="activity retained at 48 h", zh="48 h 体内滞留活度")
RULE_H = 48.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionLimit(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "activity_by_retention_rule", "retained_activity_at_48_h")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(
        evidence, retention_limit, ("retention_48h_fraction",), ("retention_fraction", "retention_at_h", "diffuse_lung")
    )


@procedure(
    en="48 h retention rule",
    zh="48 h 滞留规则",
    implements="Benua and Leeper",
    kinds=("table",),
    quantities=(CAP, RETAINED),
    accepts=accepts,
)
def retention_limit(
    evidence: Evidence,
    *,
    retention_48h_fraction: Annotated[
        float | None,
        Words("whole-body retention at 48 h (0 to 1)", "48 h 全身滞留率（0～1）"),
        Column(aliases=("r48", "r48h", "r_48h", "retention_48h"), above=0, most=1),
    ] = None,
    retention_fraction: Annotated[
        float | None,
        Words("whole-body retention (0 to 1)", "全身滞留率（0～1）"),
        Column(aliases=("retention",), above=0, most=1),
    ] = None,
    retention_at_h: Annotated[
        float | None, Words("time of that retention, h", "滞留率测量时间，h"), Column(aliases=("t_h",), above=0)
    ] = None,
    effective_half_life_h: Annotated[
        float | None,
        Words("effective half-life in the whole body, h", "全身有效半衰期，h"),
        Column(aliases=("teff_h",), above=0),
    ] = None,
    diffuse_lung: Annotated[
        str | None,
        Words("diffuse lung metastases (yes or no)", "弥漫性肺转移（是/否）"),
        Column(kind="text", aliases=("lung_mets",)),
    ] = None,
    retained_limit_gbq: Annotated[
        float | None,
        Words("activity allowed at 48 h, GBq (else by the rule)", "48 h 允许滞留活度，GBq（缺省按规则）"),
        Column(above=0),
    ] = None,
    activity_gbq: Annotated[
        float | None,
        Words("activity given or planned, GBq", "给药或计划活度，GBq"),
        Column(aliases=("administered_gbq",), above=0),
    ] = None,
) -> RetentionLimit:
    """The activity by the rule, without and with diffuse lung metastases unless the record says which, and what was retained."""
    done, remarks = measure_cases(evidence, retention_limit, declared(locals()), _one)
    used = reference_values("retention")
    text = f"{used['gbq_at_48_h']:g} / {used['gbq_at_48_h_diffuse_lung']:g} GBq"
    condition = Condition(
        label=Words("activities of the rule", "规则所用活度"),
        value=Words(f"{text}, {used['source']}, provisional", f"{text}，{used['source']}，待核"),
    )
    return RetentionLimit(measurements=all_measurements(done), remarks=remarks, conditions=(condition,))


def _one(case: Case) -> Measured:
    formula, names = _retention(case)
    caps = []
    for lung, allowed in _allowed(case):
        value, u = case.linear(_divided(allowed, formula), *names)
        caps.append(CAP.of(value, u, **case.where(diffuse_lung=lung)))
    if not case.has("activity_gbq"):
        return Measured(measurements=tuple(caps))

    def retained(activity_gbq: float, **inputs: float) -> float:
        return activity_gbq * formula(**inputs)

    left = case.linear(retained, "activity_gbq", *names)
    return Measured(measurements=(*caps, RETAINED.of(*left, **case.where())))


def _divided(allowed: float, formula: Callable[..., float]) -> Callable[..., float]:
    def cap(**inputs: float) -> float:
        return allowed / formula(**inputs)

    return cap


def _allowed(case: Case) -> tuple[tuple[str, float], ...]:
    """The activities allowed at 48 h that concern this case, each with the answer to "diffuse lung metastases?"."""
    used, lung = reference_values("retention"), yes_or_no(case.get("diffuse_lung"))
    if case.has("retained_limit_gbq"):
        return (({True: "yes", False: "no", None: ""}[lung], case.number("retained_limit_gbq")),)
    rows = (("no", float(used["gbq_at_48_h"])), ("yes", float(used["gbq_at_48_h_diffuse_lung"])))
    return rows if lung is None else (rows[1 if lung else 0],)


def _retention(case: Case) -> tuple[Callable[..., float], tuple[str, ...]]:
    """Retention at 48 h: given, or carried there from another time."""
    if case.has("retention_48h_fraction"):
        return (lambda retention_48h_fraction: float(retention_48h_fraction)), ("retention_48h_fraction",)
    if not case.has("retention_fraction"):
        case.number("retention_48h_fraction")  # says what is missing
    at = case.number("retention_at_h")
    if case.has("effective_half_life_h"):

        def carried(retention_fraction: float, effective_half_life_h: float) -> float:
            return float(retention_fraction * 2 ** ((at - RULE_H) / effective_half_life_h))

        return carried, ("retention_fraction", "effective_half_life_h")

    def through(retention_fraction: float) -> float:
        return float(retention_fraction ** (RULE_H / at))

    return through, ("retention_fraction",)
