"""The energy peak of each well of a gamma counter, from its spectrum: where the window should stand, and how wide the peak is.

A Gaussian through the channels above half of the maximum: a parabola in ln counts, weighted by the counts (Poisson).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Refused, Remark, remark
from photopeak.table import Table, number

Floats = npt.NDArray[np.float64]
COLUMNS = ("well", "energy_kev", "counts")
FEWEST_CHANNELS = 5
SHARE = 0.5
PER_SIGMA = 2.0 * math.sqrt(2.0 * math.log(2.0))

PEAK = Quantity(name="peak_energy", unit="keV", en="energy of the peak", zh="能峰位置")
PEAK_DIFFERENCE = Quantity(name="peak_difference", unit="keV", en="peak from the nominal energy", zh="能峰与标称能量之差")
RESOLUTION = Quantity(name="energy_resolution", unit="%", en="energy resolution", zh="能量分辨力")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    energy_kev: float
    u_energy: float
    resolution_percent: float
    u_resolution: float


def holds_spectra(table: Table) -> bool:
    return table.has(*COLUMNS)


def peaks(table: Table, nominal_kev: float | None) -> tuple[list[Measurement], list[Remark], dict[str, tuple[Floats, Floats]]]:
    """Peak and resolution of every well's spectrum; a well without a peak is told."""
    spectra = _spectra(table)
    found: list[Measurement] = []
    remarks: list[Remark] = []
    for well, (energy, counts) in spectra.items():
        peak = fitted_peak(energy, counts)
        if peak is None:
            remarks.append(
                remark(
                    "no_peak",
                    en=f"well {well}: no peak stands out in its spectrum; count longer, or check the source and the well",
                    zh=f"{well} 号井：能谱中无明显能峰；请延长计数，或检查源与该井",
                )
            )
            continue
        where: Mapping[str, str] = {"well": well}
        found.append(_of(PEAK, peak.energy_kev, peak.u_energy, where))
        found.append(_of(RESOLUTION, peak.resolution_percent, peak.u_resolution, where))
        if nominal_kev is not None:
            found.append(_of(PEAK_DIFFERENCE, peak.energy_kev - nominal_kev, peak.u_energy, where))
    if not found:
        raise Refused(
            "no_peak",
            en="no spectrum of the table has a peak; each well needs its channels (energy_kev) with counts in rows",
            zh="表中没有任何能谱呈现能峰；每个井应逐行给出能量（energy_kev）和计数。",
        )
    return found, remarks, spectra


def _of(quantity: Quantity, value: float, u: float, where: Mapping[str, str]) -> Measurement:
    return Measurement(quantity=quantity, value=value, unit=quantity.unit, uncertainty=u, where=where)


def _spectra(table: Table) -> dict[str, tuple[Floats, Floats]]:
    rows: dict[str, list[tuple[float, float]]] = {}
    for row in table.rows:
        energy, counts = number(row.get("energy_kev", "")), number(row.get("counts", ""))
        if energy is not None and counts is not None and counts >= 0 and row.get("well"):
            rows.setdefault(row["well"], []).append((energy, counts))
    ordered = {well: np.array(sorted(pairs)) for well, pairs in rows.items()}
    return {well: (pairs[:, 0], pairs[:, 1]) for well, pairs in ordered.items()}


def fitted_peak(energy: Floats, counts: Floats) -> Peak | None:
    """The highest peak of counts[channel] at energy[channel] (keV); None where nothing stands out of the noise."""
    if len(counts) < FEWEST_CHANNELS:
        return None
    top = int(np.argmax(counts))
    first, last = top, top
    while first > 0 and counts[first - 1] > SHARE * counts[top]:
        first -= 1
    while last < len(counts) - 1 and counts[last + 1] > SHARE * counts[top]:
        last += 1
    own, x = counts[first : last + 1], energy[first : last + 1]
    if len(own) < FEWEST_CHANNELS or first == 0 or last == len(counts) - 1 or own.sum() < 100:
        return None
    centre, half = float(x.mean()), float(np.ptp(x)) / 2
    s = (x - centre) / half
    design = np.column_stack([np.ones_like(s), s, s * s])
    covariance: Floats = np.asarray(np.linalg.inv(design.T @ (own[:, None] * design)), dtype=np.float64)
    c = covariance @ (design.T @ (own * np.log(own)))
    if c[2] >= 0:
        return None
    at = -c[1] / (2 * c[2])
    u_at = math.sqrt(_quadratic(np.array([0, -1 / (2 * c[2]), c[1] / (2 * c[2] ** 2)]), covariance))
    width = PER_SIGMA * math.sqrt(-1 / (2 * c[2])) * half
    u_width = width / (2 * abs(c[2])) * math.sqrt(covariance[2, 2])
    place = centre + half * at
    return Peak(
        energy_kev=float(place),
        u_energy=float(half * u_at),
        resolution_percent=float(100 * width / place),
        u_resolution=float(100 * u_width / place),
    )


def _quadratic(gradient: Floats, covariance: Floats) -> float:
    return float(gradient @ covariance @ gradient)
