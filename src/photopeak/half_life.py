"""The half-life that a case decays with: the number it gives, or its nuclide's in the chosen nuclear data, always with the source."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from photopeak.cases import Case
from photopeak.nuclide import NUCLIDES, NuclearData, Nuclide, icrp107, nuclide_named, seconds_between
from photopeak.procedure import Condition
from photopeak.words import Words

DATA_WORDS = Words("nuclear data: icrp107 or ddep", "核数据：icrp107 或 ddep")


@dataclass(frozen=True, slots=True, kw_only=True)
class Decay:
    """A nuclide with the half-life used, and its standard uncertainty (0 where its source states none)."""

    nuclide: Nuclide

    @property
    def name(self) -> str:
        return self.nuclide.name

    def condition(self) -> Condition:
        """What a reader must know: which half-life, from where."""
        shown = _spoken(self.nuclide.half_life_s)
        return Condition(
            label=Words(f"half-life of {self.name}", f"{self.name} 半衰期"),
            value=Words(f"{shown} ({self.nuclide.source})", f"{shown}（{_source_zh(self.nuclide.source)}）"),
        )


def decay_of(case: Case, data: NuclearData, *, half_life: str = "half_life_d", nuclide: str = "nuclide") -> Decay:
    """The decay of a case: its own half-life (input `half_life`, converted to the unit of the name) before its nuclide's."""
    named = case.get(nuclide)
    found = nuclide_named(named, data) if named is not None else None
    if named is not None and found is None:
        raise unknown_nuclide(case, str(named), data)
    if case.has(half_life):
        unit = case.inputs[half_life].unit
        seconds = case.number(half_life) * {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}[unit]
        u = case.uncertainties.get(half_life, 0.0) * seconds / case.number(half_life)
        own = found or Nuclide(name="", half_life_s=seconds, half_life_u_s=u)
        return Decay(nuclide=replace(own, half_life_s=seconds, half_life_u_s=u, source="given with the case"))
    if found is None:
        raise case.refused(
            "nuclide_missing",
            en="neither a nuclide nor a half-life is given; add a column nuclide (for example Tc-99m)",
            zh="既未给出核素也未给出半衰期，请增加 nuclide 列（例如 Tc-99m）。",
        )
    return Decay(nuclide=found)


def unknown_nuclide(case: Case, named: str, data: NuclearData) -> Exception:
    known = ", ".join(NUCLIDES if data == "ddep" else icrp107())
    return case.refused(
        "unknown_nuclide",
        en=f"no nuclide {named!r} in the nuclear data ({data}); known are {known}; or give the half-life",
        zh=f"核数据（{data}）中没有核素“{named}”；已有：{known}。也可直接给出半衰期。",
    )


def seconds_after(case: Case, earlier: str, later: str) -> float:
    """Seconds between two moments of a case; the later one before the earlier is refused."""
    first, second = case.time(earlier), case.time(later)
    seconds = seconds_between(first, second)
    if seconds < 0:
        raise case.refused(
            "before_assay",
            en=f"{case.inputs[later].words.en} ({_shown(second)}) lies before {case.inputs[earlier].words.en} ({_shown(first)}); "
            "correct the dates",
            zh=f"“{case.inputs[later].words.zh}”（{_shown(second)}）早于“{case.inputs[earlier].words.zh}”（{_shown(first)}），请更正日期。",
        )
    return seconds


def _shown(moment: datetime.datetime) -> str:
    return moment.isoformat(sep=" ", timespec="minutes")


def _spoken(seconds: float) -> str:
    for size, unit in ((365.25 * 86400.0, "y"), (86400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.5g} {unit}"
    return f"{seconds:.5g} s"


def _source_zh(source: str) -> str:
    return "随数据给出" if source == "given with the case" else source
