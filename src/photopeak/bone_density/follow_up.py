"""The register of people referred for bone density: who waits, who is overdue, whose bone changed by more than the LSC, who is closed.

One person a row. Nothing is judged medically: the register says what is due and what has not been closed. A FRAX value may be recorded
with its version; it is never computed here.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from photopeak.bone_density.reference_values import reference_values
from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases, moment
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import seconds_between
from photopeak.procedure import Refused, Remark, Result, procedure, remark
from photopeak.words import Words

WAIT = Quantity(name="referral_wait", unit="d", en="days from referral to examination", zh="转诊至检查天数", judged=False)
OVERDUE = Quantity(name="overdue_time", unit="d", en="days overdue", zh="逾期天数", judged=False)
CHANGE = Quantity(name="bmd_change", unit="g/cm2", en="change of bone density", zh="骨密度变化", judged=False)
TO_LSC = Quantity(
    name="change_to_lsc", unit="1", en="change against the least significant change", zh="变化与 LSC 之比", judged=False
)
SHARE_OVERDUE = Quantity(name="overdue_share", unit="%", en="share overdue", zh="逾期比例")
SHARE_CLOSED = Quantity(name="closed_share", unit="%", en="share closed", zh="已结案比例")
SHARE_CHANGED = Quantity(
    name="lsc_exceeded_share", unit="%", en="share that changed by the LSC or more", zh="变化达到 LSC 的比例", judged=False
)
DAY_S, MONTH_D = 86400.0, 365.25 / 12
NAMED = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "overdue_time", "change_to_lsc", "referral_wait", "closed_share")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(
        evidence, follow_up, ("patient", "referred_at"), ("bmd_g_per_cm2", "previous_bmd_g_per_cm2", "lsc_g_per_cm2")
    )


@procedure(
    en="Follow-up register of bone density",
    zh="骨密度随访登记",
    implements="health management: referral, interval, LSC, closure",
    kinds=("table",),
    quantities=(WAIT, OVERDUE, CHANGE, TO_LSC, SHARE_OVERDUE, SHARE_CLOSED, SHARE_CHANGED),
    accepts=accepts,
)
def follow_up(
    evidence: Evidence,
    *,
    patient: Annotated[str | None, Words("pseudonym", "代号"), Column(kind="text")] = None,
    referred_at: Annotated[str | None, Words("date of referral", "转诊日期"), Column(kind="time")] = None,
    examined_at: Annotated[str | None, Words("date of the examination", "检查日期"), Column(kind="time")] = None,
    interval_months: Annotated[
        float | None, Words("interval until the next examination, months", "复查间隔，月"), Column(above=0)
    ] = None,
    due_at: Annotated[
        str | None,
        Words("date due (else examination plus interval)", "应复查日期（缺省为检查日期加间隔）"),
        Column(kind="time"),
    ] = None,
    followed_at: Annotated[str | None, Words("date of the follow-up examination", "复查日期"), Column(kind="time")] = None,
    closed_at: Annotated[str | None, Words("date of closure", "结案日期"), Column(kind="time")] = None,
    bmd_g_per_cm2: Annotated[
        float | None, Words("density, g/cm²", "骨密度，g/cm²"), Column(aliases=("bmd", "bmd2", "bmd_2"), above=0)
    ] = None,
    previous_bmd_g_per_cm2: Annotated[
        float | None,
        Words("previous density, g/cm²", "既往骨密度，g/cm²"),
        Column(aliases=("previous_bmd", "bmd1", "bmd_1", "baseline_bmd"), above=0),
    ] = None,
    lsc_g_per_cm2: Annotated[
        float | None,
        Words("least significant change of the scanner, g/cm²", "设备最小有意义变化，g/cm²"),
        Column(aliases=("lsc",), above=0),
    ] = None,
    frax_percent: Annotated[float | None, Words("FRAX as recorded, %", "记录的 FRAX，%"), Column(least=0, most=100)] = None,
    frax_version: Annotated[
        str | None, Words("version and country of that FRAX", "FRAX 版本与国家"), Column(kind="text")
    ] = None,
    as_of: Annotated[
        str | None, Words("day the register is read (else the latest date in it)", "统计日期（缺省为登记中最晚日期）")
    ] = None,
) -> FollowUp:
    """Waits, overdue days and changes of each person; shares overdue, closed and changed over the register."""
    day = moment(as_of) if as_of else None
    if as_of and day is None:
        raise Refused(
            "not_a_time",
            en=f"as_of {as_of!r} is not a date; write 2026-06-30",
            zh=f"统计日期“{as_of}”不是日期，请写成 2026-06-30。",
        )
    done, remarks = measure_cases(evidence, follow_up, declared(locals()), _own)
    cases = [case for case, _ in done]
    today = day or max((date for case in cases for date in _dates(case)), default=datetime.datetime.min)
    late = [(case, days) for case in cases if (days := _days_overdue(case, today)) is not None and days > 0]
    overdue = tuple(OVERDUE.of(days, **_where(case)) for case, days in late)
    return FollowUp(
        measurements=(*all_measurements(done), *overdue, *_shares(cases, len(late), [found for _, found in done])),
        remarks=(*remarks, *_overdue_told(late, today)),
    )


def _own(case: Case) -> Measured:
    if not case.has("bmd_g_per_cm2", "previous_bmd_g_per_cm2"):
        case.text("patient")
        case.time("referred_at")
    measurements: list[Measurement] = []
    if case.has("referred_at", "examined_at"):
        wait = seconds_between(case.time("referred_at"), case.time("examined_at")) / DAY_S
        if wait < 0:
            raise _backwards(case, "referred_at", "examined_at")
        measurements.append(WAIT.of(wait, **_where(case)))
    for earlier, later in (("examined_at", "followed_at"), ("referred_at", "closed_at")):
        if case.has(earlier, later) and seconds_between(case.time(earlier), case.time(later)) < 0:
            raise _backwards(case, earlier, later)
    if case.has("bmd_g_per_cm2", "previous_bmd_g_per_cm2"):
        measurements += _change(case)
    return Measured(measurements=tuple(measurements), remarks=_frax(case))


def _name(case: Case) -> str:
    return str(case.get("patient") or case.label or "-")


def _where(case: Case) -> dict[str, Any]:
    return {"patient": case.text("patient")} if case.has("patient") else case.where()


def _change(case: Case) -> list[Measurement]:
    """The change and its share of the LSC; the LSC also gives the uncertainty: LSC / 2.77 is the precision of one scan."""
    change = case.number("bmd_g_per_cm2") - case.number("previous_bmd_g_per_cm2")
    if not case.has("lsc_g_per_cm2"):
        return [CHANGE.of(change, None, **_where(case))]
    lsc = case.number("lsc_g_per_cm2")
    u = math.sqrt(2) * lsc / float(reference_values()["least_significant_change"]["factor"])
    return [
        CHANGE.of(change, u, **_where(case)),
        TO_LSC.of(abs(change) / lsc, u / lsc, **_where(case), significant="yes" if round(abs(change) / lsc, 9) >= 1 else "no"),
    ]


def _frax(case: Case) -> tuple[Remark, ...]:
    if not case.has("frax_percent") or case.has("frax_version"):
        return ()
    name = _name(case)
    return (
        remark(
            "frax_without_version",
            en=f"{name}: a FRAX value is recorded without its version and country; it cannot be compared",
            zh=f"{name}：记录了 FRAX 值但未注明版本与国家，无法比较",
        ),
    )


def _dates(case: Case) -> list[datetime.datetime]:
    return [case.time(name) for name in ("referred_at", "examined_at", "followed_at", "closed_at") if case.has(name)]


def _days_overdue(case: Case, today: datetime.datetime) -> float | None:
    """Days since the follow-up was due (negative: still to come); None where it is closed, done or nothing is due."""
    if case.has("closed_at") or case.has("followed_at"):
        return None
    if case.has("due_at"):
        due = case.time("due_at")
    elif case.has("examined_at", "interval_months"):
        due = case.time("examined_at") + datetime.timedelta(days=case.number("interval_months") * MONTH_D)
    else:
        return None
    return seconds_between(due, today) / DAY_S


def _shares(cases: Sequence[Case], late: int, found: Sequence[Measured]) -> tuple[Measurement, ...]:
    count = len(cases)
    changes = [one.value for each in found for one in each.measurements if one.quantity is TO_LSC]
    shares = [
        SHARE_OVERDUE.of(100 * late / count, people=count),
        SHARE_CLOSED.of(100 * sum(case.has("closed_at") for case in cases) / count, people=count),
    ]
    if changes:
        exceeded = sum(round(one, 9) >= 1 for one in changes)  # ISCD: the change must equal or exceed the LSC
        shares.append(SHARE_CHANGED.of(100 * exceeded / len(changes), people=len(changes)))
    return tuple(shares)


def _overdue_told(late: Sequence[tuple[Case, float]], today: datetime.datetime) -> tuple[Remark, ...]:
    if not late:
        return ()
    ordered = sorted(late, key=lambda one: -one[1])
    names = ", ".join(f"{_name(case)} ({days:.0f} d)" for case, days in ordered[:NAMED])
    more = len(ordered) - NAMED
    rest = Words(f" and {more} more", f" 等共 {len(ordered)} 人") if more > 0 else Words("", "")
    return (
        remark(
            "overdue",
            en=f"overdue on {today:%Y-%m-%d}: {names}{rest.en}",
            zh=f"截至 {today:%Y-%m-%d} 逾期未复查：{names}{rest.zh}",
        ),
    )


def _backwards(case: Case, earlier: str, later: str) -> Refused:
    first, second = case.inputs[earlier].words, case.inputs[later].words
    return case.refused(
        "dates_contradict",
        en=f"{second.en} lies before {first.en}; correct the dates",
        zh=f"“{second.zh}”早于“{first.zh}”，请更正日期。",
    )
