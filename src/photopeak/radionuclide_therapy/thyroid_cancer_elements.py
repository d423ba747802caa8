"""What a record of 131I therapy of differentiated thyroid cancer must hold, and where one entry contradicts another.

Elements: TSH stimulation (withdrawal or rhTSH) with dates and value, diagnostic scan, low-iodine diet, pregnancy test, intended and
administered activity, course and cumulative activity, post-therapy scan, discharge, written advice. Refractory disease: only whether
the evidence for the statement is there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from photopeak.cases import Case
from photopeak.nuclide import seconds_between
from photopeak.procedure import Remark, remark
from photopeak.records import Element, yes_or_no
from photopeak.words import Words

Stimulation = Literal["withdrawal", "rhtsh"]

DAY_S = 86400.0
FEMALE = {"f", "female", "女", "女性", "w"}
FERTILE_AGES = (12.0, 55.0)  # asked of a woman in between; the record may answer "not applicable" with its reason
WITHDRAWAL = {"withdrawal", "endogenous", "thw", "停药", "内源性", "停用左甲状腺素"}
RECOMBINANT = {"rhtsh", "exogenous", "thyrotropin alfa", "外源性", "重组人tsh", "重组人促甲状腺素"}
ALWAYS = (
    "tsh_miu_l",
    "tsh_at",
    "stimulation",
    "diagnostic_scan_at",
    "low_iodine_from",
    "intended_mbq",
    "administered_mbq",
    "administered_at",
    "course",
    "cumulative_mbq",
    "post_therapy_scan_at",
    "discharge_at",
    "written_advice",
)
OF_STIMULATION: dict[Stimulation, tuple[str, ...]] = {
    "withdrawal": ("withdrawal_from",),
    "rhtsh": ("rhtsh_first_at", "rhtsh_second_at"),
}
OF_REFRACTORY = ("rair_iodine_uptake", "rair_progression", "rair_imaging_at", "rair_tsh_adequate", "thyroglobulin_ng_ml")


def stimulation_of(case: Case) -> Stimulation | None:
    """How TSH was raised, as the record says or as its dates show."""
    plain = str(case.get("stimulation") or "").strip().lower()
    if plain in WITHDRAWAL:
        return "withdrawal"
    if plain in RECOMBINANT:
        return "rhtsh"
    if plain:
        raise case.refused(
            "unknown_stimulation",
            en=f"the stimulation {plain!r} is neither withdrawal nor rhTSH; write one of them",
            zh=f"TSH 刺激方式“{plain}”无法识别，请填写“停药”或“rhTSH”。",
        )
    if case.has("rhtsh_first_at"):
        return "rhtsh"
    return "withdrawal" if case.has("withdrawal_from") else None


def elements_of(case: Case) -> tuple[Element, ...]:
    """Every element with its status; what this record need not hold is not applicable."""
    kind = stimulation_of(case)
    found = [_element(case, name) for name in ALWAYS]
    for stimulation, names in OF_STIMULATION.items():
        found += [_element(case, name, applicable=kind in (stimulation, None)) for name in names]
    found.append(_element(case, "pregnancy_test", applicable=_may_be_pregnant(case)))
    discharged = [one for one in ("discharge_activity_mbq", "discharge_dose_rate_usv_h") if case.has(one)]
    words = Words("body activity or dose rate at discharge", "出院时体内活度或剂量率")
    found.append(Element(name="discharge_measured", words=words, status="present" if discharged else "absent"))
    return tuple(found)


def refractory_elements(case: Case) -> tuple[Element, ...]:
    """The evidence behind a statement "radioiodine-refractory"; nothing where the record does not state it."""
    if yes_or_no(case.get("rair_stated")) is not True:
        return ()
    return tuple(_element(case, name) for name in OF_REFRACTORY)


def _element(case: Case, name: str, *, applicable: bool = True) -> Element:
    status: Literal["present", "absent", "not_applicable"] = "present" if case.has(name) else "absent"
    return Element(name=name, words=case.inputs[name].words, status=status if applicable else "not_applicable")


def _may_be_pregnant(case: Case) -> bool:
    """A woman of fertile age; an unknown sex or age is asked as well."""
    sex = str(case.get("sex") or "").strip().lower()
    if sex and sex not in FEMALE:
        return False
    return not case.has("age_y") or FERTILE_AGES[0] <= case.number("age_y") <= FERTILE_AGES[1]


# Contradictions --------------------------------------------------------------------------------------------------------------


def days_between(case: Case, earlier: str, later: str) -> float | None:
    """Days from one date of the record to another (negative: the other way round); None where one of them is absent."""
    if not case.has(earlier, later):
        return None
    return seconds_between(case.time(earlier), case.time(later)) / DAY_S


ORDER = (
    ("withdrawal_from", "administered_at"),
    ("rhtsh_first_at", "rhtsh_second_at"),
    ("rhtsh_second_at", "administered_at"),
    ("tsh_at", "administered_at"),
    ("low_iodine_from", "administered_at"),
    ("diagnostic_scan_at", "administered_at"),
    ("administered_at", "post_therapy_scan_at"),
    ("administered_at", "discharge_at"),
)


def contradictions(case: Case, label: str | None) -> tuple[Remark, ...]:
    """Entries that cannot both be true, each in one sentence."""
    place = Words(f"record {label}: ", f"记录 {label}：") if label else Words("", "")
    found = []
    for earlier, later in ORDER:
        days = days_between(case, earlier, later)
        if days is not None and days < 0:
            first, second = case.inputs[earlier].words, case.inputs[later].words
            found.append(
                remark(
                    "dates_contradict",
                    en=f"{place.en}{second.en} lies before {first.en}",
                    zh=f"{place.zh}“{second.zh}”早于“{first.zh}”",
                )
            )
    checks: tuple[Callable[[Case, Words], Remark | None], ...] = (_pregnant, _cumulative)
    found += [one for check in checks if (one := check(case, place)) is not None]
    return tuple(found)


def _pregnant(case: Case, place: Words) -> Remark | None:
    answer = str(case.get("pregnancy_test") or "").strip().lower()
    if answer not in {"positive", "阳性", "pos", "+"}:
        return None
    return remark(
        "pregnancy_positive",
        en=f"{place.en}the pregnancy test is recorded as positive and an activity was given",
        zh=f"{place.zh}妊娠试验记录为阳性，但仍记录了给药",
    )


def _cumulative(case: Case, place: Words) -> Remark | None:
    if not case.has("cumulative_mbq", "administered_mbq") or case.number("cumulative_mbq") >= case.number("administered_mbq"):
        return None
    return remark(
        "cumulative_below_course",
        en=f"{place.en}the cumulative activity ({case.number('cumulative_mbq'):g} MBq) is below that of this course alone "
        f"({case.number('administered_mbq'):g} MBq)",
        zh=f"{place.zh}累积活度（{case.number('cumulative_mbq'):g} MBq）小于本次给药活度（{case.number('administered_mbq'):g} MBq）",
    )
