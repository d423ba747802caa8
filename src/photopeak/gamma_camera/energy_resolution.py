"""Energy resolution and place of the photopeak, from exported spectra or from values entered by hand (NEMA NU 1-2007, 2.3).

A spectrum table has the columns energy_kev (the camera's own scale) or channel, and counts (or counts_1, counts_2 ... by
detector); detector and nuclide may be columns too. The peak lies midway between its half heights, which are interpolated linearly;
the resolution is its width there, in per cent of the nominal energy. Channels become keV by the distance of the peaks of 57Co and
99mTc (18.4 keV) where the table holds both, or by kev_per_channel; else channel 0 is taken as 0 keV. Only a scale that was not
made from the peak itself can say where the peak lies.

By hand: columns photopeak_kev, fwhm_kev, background_cps, reference_background_cps, seconds, detector, nuclide, any of them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from photopeak.entry import Entry, asked
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Figure, Line
from photopeak.gamma_camera.readings import readings
from photopeak.gamma_camera.spectrum import PHOTOPEAK_KEV, Peak, Spectrum, peak_of, spectra_in, spectrum_columns
from photopeak.measurement import Measurement, Quantity
from photopeak.nuclide import nuclide_named
from photopeak.procedure import Condition, Refused, Remark, Result, procedure, remark
from photopeak.profile import ProfileError
from photopeak.table import Table, number
from photopeak.words import Words

RESOLUTION = Quantity(name="energy_resolution", unit="%", en="energy resolution", zh="能量分辨力")
ENERGY = Quantity(name="photopeak_energy", unit="keV", en="photopeak energy", zh="光电峰能量")
DIFFERENCE = Quantity(name="photopeak_energy_difference", unit="keV", en="photopeak energy difference", zh="光电峰能量差")
BACKGROUND = Quantity(name="background_ratio", unit="1", en="background against its reference value", zh="本底与参考值之比")

COARSEST_CHANNEL, FEWEST_PEAK_COUNTS = 0.05, 10_000  # of the FWHM; acquisition conditions of NEMA NU 1-2007, 2.3
BY_HAND = ("photopeak_kev", "fwhm_kev")
RATES = ("background_cps", "reference_background_cps")
NEAREST_NUCLIDE = 0.06  # of the nominal energy


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """keV per channel and its relative standard uncertainty; `own` where the camera's scale did not come from these peaks."""

    kev: float
    u: float
    own: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One spectrum with its photopeak and its scale; no scale where channel 0 has to be taken as 0 keV."""

    spectrum: Spectrum
    peak: Peak
    scale: Scale | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyResolution(Result):
    spectra: tuple[Measured, ...]

    def figures(self) -> tuple[Figure, ...]:
        return tuple(_chart(one) for one in self.spectra)


def accepts(evidence: Evidence) -> Words | None:
    table = readings(evidence)
    if table is not None and (spectrum_columns(table) is not None or _by_hand(table)):
        return None
    return Words(
        "the table has neither channel or energy_kev with counts (a spectrum) nor photopeak_kev, fwhm_kev or background_cps with "
        "reference_background_cps (values entered by hand)",
        "表中既没有 channel 或 energy_kev 与 counts 列（能谱），也没有 photopeak_kev、fwhm_kev 或 background_cps 与 "
        "reference_background_cps 列（手工录入值）",
    )


def _by_hand(table: Table) -> bool:
    return any(table.has(one) for one in BY_HAND) or table.has(*RATES)


ENTRIES = (
    Entry(
        words=Words("values read at the console", "控制台读取值"),
        rows=(
            asked("detector", "detector", "探头", above=0),
            asked("nuclide", "nuclide", "核素", "text"),
            asked("photopeak_kev", "photopeak, keV", "光电峰能量，keV", above=0),
            asked("fwhm_kev", "full width at half maximum, keV", "半高宽，keV", above=0),
            asked("background_cps", "background, counts/s", "本底计数率，计数/s", above=0),
            asked("reference_background_cps", "its reference, counts/s", "本底参考值，计数/s", above=0),
            asked("seconds", "counting time, s", "计数时间，s", above=0),
        ),
    ),
)


@procedure(
    en="Energy resolution",
    zh="能量分辨力",
    implements="NEMA NU 1-2007, 2.3",
    kinds=("table",),
    quantities=(RESOLUTION, ENERGY, DIFFERENCE, BACKGROUND),
    accepts=accepts,
    entries=ENTRIES,
)
def energy_resolution(
    evidence: Evidence,
    *,
    nuclide: Annotated[str | None, Words("nuclide of the spectrum", "能谱的核素")] = None,
    kev_per_channel: Annotated[float | None, Words("keV per channel", "每道能量，keV")] = None,
) -> EnergyResolution:
    """Energy resolution, photopeak energy and background ratio of each detector."""
    table = readings(evidence)
    if table is not None and spectrum_columns(table) is not None:
        return _of_spectra(evidence, nuclide, kev_per_channel)
    if table is not None and _by_hand(table):
        return _of_values(evidence, table, nuclide)
    raise Refused(
        "no_spectrum",
        en=f"{evidence.name}: no spectrum; export it as a table with the columns channel or energy_kev, and counts, or enter "
        "photopeak_kev and fwhm_kev by hand",
        zh=f"{evidence.name}：不是能谱。请导出含 channel 或 energy_kev 列及 counts 列的表，或手工录入 photopeak_kev 和 fwhm_kev。",
    )


# Spectra ---------------------------------------------------------------------------------------------------------------------


def _of_spectra(evidence: Evidence, nuclide: str | None, kev_per_channel: float | None) -> EnergyResolution:
    peaks: list[tuple[Spectrum, Peak]] = []
    lost: list[tuple[Spectrum, ProfileError]] = []
    for spectrum in spectra_in(evidence, nuclide):
        try:
            peaks.append((spectrum, peak_of(spectrum)))
        except ProfileError as error:
            lost.append((spectrum, error))
    if not peaks:
        words = lost[0][1].words if lost else Words("no row holds two numbers", "没有一行包含两个数字")
        code = lost[0][1].code if lost else "table_unusable"
        raise Refused(code, en=f"{evidence.name}: {words.en}", zh=f"{evidence.name}：{words.zh}")
    measured = [Measured(spectrum=_with_nuclide(s, p), peak=p, scale=_scale(s, peaks, kev_per_channel)) for s, p in peaks]
    measurements: list[Measurement] = []
    for one in measured:
        measurements += _of_peak(one)
    return EnergyResolution(
        measurements=(*measurements, *_differences(measurements)),
        remarks=(*(_not_measured(s, e.words) for s, e in lost), *_conditions_not_met(measured), *_scales(measured)),
        conditions=tuple(condition for one in measured for condition in _seen(one)),
        spectra=tuple(measured),
    )


def _with_nuclide(spectrum: Spectrum, peak: Peak) -> Spectrum:
    """The spectrum with the nuclide whose photopeak lies nearest, where none was named and the scale is in keV."""
    if spectrum.nuclide is not None or not spectrum.in_kev:
        return spectrum
    name, energy = min(PHOTOPEAK_KEV.items(), key=lambda row: abs(row[1] - peak.place))
    if abs(energy - peak.place) > NEAREST_NUCLIDE * energy:
        return spectrum
    return Spectrum(detector=spectrum.detector, nuclide=name, at=spectrum.at, counts=spectrum.counts, in_kev=spectrum.in_kev)


def _scale(spectrum: Spectrum, peaks: Sequence[tuple[Spectrum, Peak]], kev_per_channel: float | None) -> Scale | None:
    """keV per channel of the spectrum's detector, from the peaks of two nuclides where both were measured."""
    own = {s.nuclide: p for s, p in peaks if s.detector == spectrum.detector and s.nominal_kev is not None}
    if "Tc-99m" in own and "Co-57" in own:
        apart = own["Tc-99m"].place - own["Co-57"].place
        known = PHOTOPEAK_KEV["Tc-99m"] - PHOTOPEAK_KEV["Co-57"]
        if apart > 0:
            u = math.hypot(own["Tc-99m"].place_u, own["Co-57"].place_u) / apart
            return Scale(kev=known / apart, u=u, own=spectrum.in_kev)
    if spectrum.in_kev:
        return Scale(kev=1.0, u=0.0, own=True)
    return None if kev_per_channel is None else Scale(kev=kev_per_channel, u=0.0, own=True)


def _of_peak(one: Measured) -> list[Measurement]:
    spectrum, peak, scale = one.spectrum, one.peak, one.scale
    where: dict[str, Any] = {"detector": spectrum.detector}
    if spectrum.nuclide is not None:
        where["nuclide"] = spectrum.nuclide
    nominal = spectrum.nominal_kev
    if scale is not None:
        energy = nominal if nominal is not None else peak.place * scale.kev
        value = 100 * peak.width * scale.kev / energy
        u = value * math.hypot(peak.width_u / peak.width, scale.u)
    else:
        value = 100 * peak.width / peak.place
        u = value * math.hypot(peak.width_u / peak.width, peak.place_u / peak.place)
    found = [RESOLUTION.of(value, u, **where)]
    if scale is not None and scale.own:
        # the camera's own scale says where it puts the peak, whatever the distance of two peaks says of its slope
        factor = 1.0 if spectrum.in_kev else scale.kev
        found.append(ENERGY.of(peak.place * factor, peak.place_u * factor, **where))
    return found


def _differences(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Each photopeak less its nominal energy, and the largest difference between detectors of one nuclide."""
    found: list[Measurement] = []
    energies = [one for one in measurements if one.quantity is ENERGY]
    for one in energies:
        nominal = PHOTOPEAK_KEV.get(str(one.where.get("nuclide")))
        if nominal is not None:
            where: dict[str, Any] = {**one.where, "between": "nominal"}
            found.append(DIFFERENCE.of(one.value - nominal, one.uncertainty, **where))
    for name in sorted({str(one.where.get("nuclide", "")) for one in energies}):
        mine = sorted((m for m in energies if str(m.where.get("nuclide", "")) == name), key=lambda m: m.value)
        if len({m.where["detector"] for m in mine}) > 1:
            u = [m.uncertainty for m in (mine[0], mine[-1])]
            total = None if u[0] is None or u[1] is None else math.hypot(u[0], u[1])
            of_nuclide: dict[str, Any] = {"nuclide": name} if name else {}
            found.append(DIFFERENCE.of(mine[-1].value - mine[0].value, total, **of_nuclide, between="detectors"))
    return found


def _not_measured(spectrum: Spectrum, words: Words) -> Remark:
    return remark(
        "detector_not_measured",
        en=f"detector {spectrum.detector} was not measured: {words.en}",
        zh=f"探头 {spectrum.detector} 未测量：{words.zh}",
    )


def _conditions_not_met(measured: Sequence[Measured]) -> list[Remark]:
    found = []
    fewest = min(one.peak.counts for one in measured)
    if fewest < FEWEST_PEAK_COUNTS:
        found.append(
            remark(
                "few_counts",
                en=f"{fewest:.0f} counts in the peak channel; the standard asks for {FEWEST_PEAK_COUNTS}. The highest channel of a noisy "
                "peak stands above the true one, so the width comes out small; the stated uncertainty carries this",
                zh=f"峰值道计数为 {fewest:.0f}，标准要求不少于 {FEWEST_PEAK_COUNTS}。噪声使最高道偏高、峰宽偏小，"
                "给出的不确定度已计入此影响。",
            )
        )
    coarsest = max(one.peak.step / one.peak.width for one in measured)
    if coarsest > COARSEST_CHANNEL * 1.001:
        found.append(
            remark(
                "channels_too_wide",
                en=f"a channel is {coarsest:.2f} of the width; the standard allows {COARSEST_CHANNEL}. Linear interpolation between "
                "wide channels makes the width too large",
                zh=f"道宽为半高宽的 {coarsest:.2f} 倍，标准允许 {COARSEST_CHANNEL} 倍；道宽过大时线性内插使半高宽偏大。",
            )
        )
    return found


def _scales(measured: Sequence[Measured]) -> list[Remark]:
    if all(one.scale is not None for one in measured):
        return []
    return [
        remark(
            "channel_zero_is_zero",
            en="no calibration was given, so channel 0 was taken as 0 keV; give kev_per_channel, or spectra of 99mTc and 57Co in one "
            "table, as the standard asks",
            zh="未给出能量刻度，按 0 道对应 0 keV 处理；请给出 kev_per_channel，或按标准在同一表中给出 99mTc 和 57Co 的能谱。",
        )
    ]


def _seen(one: Measured) -> tuple[Condition, ...]:
    unit = "keV" if one.spectrum.in_kev else "channel"
    unit_zh = "keV" if one.spectrum.in_kev else "道"
    text = f"{one.peak.place:.4g} {unit}, {one.peak.counts:.0f}"
    nuclide = one.spectrum.nuclide or ""
    found = [
        Condition(
            label=Words(
                f"peak and its counts, detector {one.spectrum.detector} {nuclide}".strip(),
                f"峰位与峰值计数，探头 {one.spectrum.detector} {nuclide}".strip(),
            ),
            value=Words(text, f"{one.peak.place:.4g} {unit_zh}，{one.peak.counts:.0f}"),
        )
    ]
    if one.scale is not None and one.scale.kev != 1.0:
        kev = f"{one.scale.kev:.4g} keV"
        found.append(Condition(label=Words("keV per channel", "每道能量"), value=Words(kev, kev)))
    return tuple(found)


def _chart(one: Measured) -> Chart:
    left, right = one.peak.crossings
    half = one.peak.counts / 2
    nuclide = one.spectrum.nuclide or ""
    return Chart(
        title=Words(
            f"Spectrum of detector {one.spectrum.detector} {nuclide}".strip(),
            f"探头 {one.spectrum.detector} 能谱 {nuclide}".strip(),
        ),
        x=Axis(
            label=Words("energy", "能量") if one.spectrum.in_kev else Words("channel", "道址"),
            unit="keV" if one.spectrum.in_kev else "",
        ),
        y=Axis(label=Words("counts", "计数"), low=0.0),
        marks=(
            Line(x=one.spectrum.at, y=one.spectrum.counts, label=Words("counts", "计数")),
            Line(x=np.array([left, right]), y=np.array([half, half]), label=Words("width at half height", "半高宽")),
        ),
        group="spectra",
    )


# Values entered by hand ------------------------------------------------------------------------------------------------------


def _of_values(evidence: Evidence, table: Table, nuclide: str | None) -> EnergyResolution:
    measurements: list[Measurement] = []
    for line, row in zip(table.lines, table.rows):
        given = {name: _value(evidence, line, row, name) for name in (*BY_HAND, *RATES, "seconds", "detector")}
        said = nuclide_named(nuclide or row.get("nuclide") or evidence.facts.get("nuclide"))
        where: dict[str, Any] = {"detector": int(given["detector"] or 1)}
        measurements += _background(given, where)
        if said is not None:
            where["nuclide"] = said.name
        place, width = given["photopeak_kev"], given["fwhm_kev"]
        energy = PHOTOPEAK_KEV.get(said.name) if said is not None else None
        if width is not None and (energy or place):
            measurements.append(RESOLUTION.of(100 * width / (energy or place or 1.0), **where))
        if place is not None:
            measurements.append(ENERGY.of(place, **where))
    if not measurements:
        raise Refused(
            "table_unusable",
            en=f"{evidence.name}: no row holds photopeak_kev, fwhm_kev with its nuclide, or background_cps with "
            "reference_background_cps; fill in one of them",
            zh=f"{evidence.name}：没有一行给出 photopeak_kev、fwhm_kev（及核素）或 background_cps 与 reference_background_cps，请补全。",
        )
    return EnergyResolution(measurements=(*measurements, *_differences(measurements)), spectra=())


def _value(evidence: Evidence, line: int, row: Mapping[str, str], name: str) -> float | None:
    """The positive number in a cell, None where it is empty."""
    text = row.get(name, "").strip()
    if not text:
        return None
    value = number(text)
    if value is None or value <= 0:
        raise Refused(
            "table_unusable",
            en=f"{evidence.name}, row {line}: {name} is {text!r}, which is no positive number; correct the cell",
            zh=f"{evidence.name} 第 {line} 行：{name} 的值为 {text!r}，不是正数，请更正。",
        )
    return value


def _background(given: Mapping[str, float | None], where: Mapping[str, Any]) -> list[Measurement]:
    rate, reference, seconds = given["background_cps"], given["reference_background_cps"], given["seconds"]
    if rate is None or reference is None:
        return []
    u = None if seconds is None else math.sqrt(rate / seconds) / reference
    return [BACKGROUND.of(rate / reference, u, **where)]
