"""What SUV needs beside the image: administered activity, half-life, weight; each with what had to be repaired."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from photopeak.nuclide import SEEN_BY_PET, Nuclide, nuclide_coded, nuclide_named
from photopeak.procedure import Refused, Remark, remark

LEAST_BQ = 1e5  # a smaller "Bq" is an activity in MBq
LIKELY_BQ = 1e6  # a smaller activity is remarked
MOST_KG = 1000.0  # a larger "kg" is a weight in g
HALF_LIFE_TOLERANCE = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Dose:
    """Administered activity in Bq at `given` (None: at the injection time of the header)."""

    activity_bq: float
    given: datetime.datetime | None
    remarks: tuple[Remark, ...]


def positive(value: object) -> float | None:
    """A number above zero, or None."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0 else None


def dose_of(header: Mapping[str, Any], facts: Mapping[str, Any], decay_constant: float) -> Dose:
    """From the facts (activity_mbq, less residual_mbq) or from Radionuclide Total Dose. Refused: neither."""
    told = positive(facts.get("activity_mbq"))
    if told is not None:
        given, residual = facts.get("assayed_at"), positive(facts.get("residual_mbq")) or 0.0
        given = given.replace(tzinfo=None) if isinstance(given, datetime.datetime) else None
        later = facts.get("residual_at")
        if residual and given is not None and isinstance(later, datetime.datetime):
            seconds = (later.replace(tzinfo=None) - given).total_seconds()
            residual *= math.exp(decay_constant * seconds)
        return Dose(activity_bq=1e6 * (told - residual), given=given, remarks=())
    written = positive(header.get("total_dose_bq"))
    if written is None:
        raise Refused(
            "no_injected_activity",
            en="The header has no administered activity (Radionuclide Total Dose), so SUV cannot be computed. State it in the "
            "facts: activity_mbq and assayed_at.",
            zh="文件头没有注射活度（Radionuclide Total Dose），无法计算 SUV。请在补充信息中给出 activity_mbq 和 assayed_at。",
        )
    if written >= LIKELY_BQ:
        return Dose(activity_bq=written, given=None, remarks=())
    if written >= LEAST_BQ:
        faint = remark(
            "dose_very_low",
            en=f"The administered activity is written as {written / 1e6:.3g} MBq, which nobody is given; was it entered in kBq? It "
            "was taken as written.",
            zh=f"文件头注射活度为 {written / 1e6:.3g} MBq，低于任何实际用量，是否以 kBq 填写？已按原值计算。",
        )
        return Dose(activity_bq=written, given=None, remarks=(faint,))
    note = remark(
        "dose_in_mbq",
        en=f"The administered activity is written as {written:g} Bq, which only makes sense in MBq; it was taken as {written:g} "
        "MBq. Correct the entry at the scanner.",
        zh=f"文件头注射活度为 {written:g} Bq，只可能以 MBq 为单位，已按 {written:g} MBq 处理。请在设备上更正该项。",
    )
    return Dose(activity_bq=1e6 * written, given=None, remarks=(note,))


def weight_of(header: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[float, tuple[Remark, ...]]:
    """kg, from the facts or the header. Refused: neither."""
    told = positive(facts.get("weight_kg"))
    written = told or positive(header.get("weight_kg"))
    if written is None:
        raise Refused(
            "no_weight",
            en="The header has no patient weight, so SUV cannot be computed. State weight_kg in the facts.",
            zh="文件头没有患者体重，无法计算 SUV。请在补充信息中给出 weight_kg。",
        )
    if written <= MOST_KG or told is not None:
        return written, ()
    note = remark(
        "weight_in_g",
        en=f"The weight is written as {written:g} kg, which only makes sense in g; it was taken as {written / 1000:g} kg. "
        "Correct the entry at the scanner.",
        zh=f"文件头体重为 {written:g} kg，只可能以 g 为单位，已按 {written / 1000:g} kg 处理。请在设备上更正该项。",
    )
    return written / 1000, (note,)


def nuclide_of(header: Mapping[str, Any], facts: Mapping[str, Any]) -> Nuclide | None:
    """The nuclide by the facts, the code or the name in the header; None where none is known."""
    names = (facts.get("nuclide"), header.get("nuclide"), header.get("radiopharmaceutical"))
    found = _named(names[0]) or nuclide_coded(header.get("nuclide_code"))
    return found or _named(names[1]) or _named(names[2])


def _named(text: object) -> Nuclide | None:
    return nuclide_named(text) or nuclide_named(text, "icrp107")


def half_life_of(header: Mapping[str, Any], facts: Mapping[str, Any]) -> tuple[float, tuple[Remark, ...]]:
    """Seconds, from the header or else from the nuclide. Refused: neither is there."""
    written, nuclide = positive(header.get("half_life_s")), nuclide_of(header, facts)
    if written is None and nuclide is None:
        raise Refused(
            "no_half_life",
            en="The header has neither a half-life nor a known radionuclide, so decay cannot be computed. State nuclide in the "
            'facts, for example nuclide = "F-18".',
            zh='文件头既无半衰期也无可识别的核素，无法计算衰变。请在补充信息中给出核素，例如 nuclide = "F-18"。',
        )
    if nuclide is None:
        return written or 0.0, ()
    if written is None:
        note = remark(
            "half_life_from_nuclide",
            en=f"The header has no half-life; that of {nuclide.name}, {nuclide.half_life_s:g} s, was taken.",
            zh=f"文件头没有半衰期，采用 {nuclide.name} 的 {nuclide.half_life_s:g} s。",
        )
        return nuclide.half_life_s, (note, *_not_of_pet(nuclide))
    ratio = nuclide.half_life_s / written
    if abs(ratio - 1) <= HALF_LIFE_TOLERANCE:
        return written, _not_of_pet(nuclide)
    minutes = abs(ratio / 60 - 1) <= HALF_LIFE_TOLERANCE
    taken = 60 * written if minutes else written
    note = remark(
        "half_life_disagrees",
        en=f"The half-life is written as {written:g} s, but {nuclide.name} has {nuclide.half_life_s:g} s; {taken:g} s was taken"
        f"{' (the entry is in minutes)' if minutes else ''}. Correct the entry at the scanner.",
        zh=f"文件头半衰期为 {written:g} s，而 {nuclide.name} 为 {nuclide.half_life_s:g} s；已按 {taken:g} s 计算"
        f"{'（该项以分钟填写）' if minutes else ''}。请在设备上更正该项。",
    )
    return taken, (note, *_not_of_pet(nuclide))


def _not_of_pet(nuclide: Nuclide) -> tuple[Remark, ...]:
    if nuclide.name in SEEN_BY_PET:
        return ()
    note = remark(
        "spect_stored_as_pet",
        en=f"{nuclide.name} is no positron emitter: these are SPECT images stored as PET. SUV holds if they are in Bq/mL.",
        zh=f"{nuclide.name} 不发射正电子：这是以 PET 格式存储的 SPECT 图像。若其单位确为 Bq/mL，SUV 仍成立。",
    )
    return (note,)
