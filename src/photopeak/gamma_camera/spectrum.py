"""Energy spectra from tables: which columns they are in, and where their photopeak is and how wide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter1d

from photopeak.evidence import Evidence
from photopeak.gamma_camera.readings import readings
from photopeak.nuclide import nuclide_named
from photopeak.procedure import Refused
from photopeak.profile import ProfileError, gaussian_fit, nema_spread, nema_width
from photopeak.table import Table, number

Floats = npt.NDArray[np.float64]

#: of the single photopeak that a camera is calibrated on; 99mTc and 57Co as NEMA NU 1-2007 rounds them, others DDEP
PHOTOPEAK_KEV = {"Tc-99m": 140.5, "Co-57": 122.1, "I-123": 159.0, "I-131": 364.5}
FEWEST_CHANNELS = 20
NEAR_NOMINAL = 0.15  # of the nominal energy: where the photopeak of a scale in keV is looked for
PROMINENT = 0.3  # of the highest point: a lower hill is no photopeak
WINDOW = 1.5  # of the width: what is looked at on each side of the peak
FULL = (255, 4095, 16383, 32767, 65535)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """One spectrum: counts[channel] at `at`, in keV by the camera's own scale where `in_kev`, else channel numbers."""

    detector: int
    nuclide: str | None
    at: Floats
    counts: Floats
    in_kev: bool

    @property
    def nominal_kev(self) -> float | None:
        return PHOTOPEAK_KEV.get(self.nuclide or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peak:
    """A photopeak by the standard's rule: place (midpoint of the half heights), width, height; in the spectrum's own scale."""

    place: float
    place_u: float
    width: float
    width_u: float
    counts: float
    step: float
    crossings: tuple[float, float]


def spectrum_columns(table: Table) -> tuple[str, bool, dict[int, str]] | None:
    """(abscissa column, whether in keV, counts column by detector), or None where the table is no spectrum."""
    energy = next((one for one in table.columns if "kev" in one or one.startswith("energy")), None)
    channel = next((one for one in table.columns if one.startswith(("channel", "bin")) or one == "ch"), None)
    at = energy or channel
    if at is None:
        return None
    counts = [one for one in table.columns if one.startswith("counts") and one != at]
    if not counts or len(table.rows) < FEWEST_CHANNELS:
        return None
    if len(counts) == 1:
        return at, energy is not None, {1: counts[0]}
    return at, energy is not None, {_detector_in(name, index): name for index, name in enumerate(counts, 1)}


def _detector_in(name: str, index: int) -> int:
    digits = "".join(character for character in name if character.isdigit())
    return int(digits) if digits else index


def spectra_in(evidence: Evidence, nuclide: str | None) -> tuple[Spectrum, ...]:
    """Every spectrum of the table: by the columns detector and nuclide where it has them, and by its counts columns."""
    table = readings(evidence)
    columns = spectrum_columns(table) if table is not None else None
    if table is None or columns is None:
        return ()
    at, in_kev, by_detector = columns
    said = nuclide or evidence.facts.get("nuclide")
    rows: dict[tuple[int, str | None], list[tuple[float, float]]] = {}
    for line, row in zip(table.lines, table.rows):
        for detector, column in by_detector.items():
            place, counts = number(row.get(at, "")), number(row.get(column, ""))
            if place is None or counts is None:
                continue
            if counts < 0:
                raise _unusable(evidence, line)
            key = (_own_detector(row, detector), _named(row.get("nuclide") or said))
            rows.setdefault(key, []).append((place, counts))
    return tuple(_spectrum(evidence, key, found, in_kev) for key, found in rows.items())


def _own_detector(row: Mapping[str, str], otherwise: int) -> int:
    own = number(row.get("detector", ""))
    return otherwise if own is None else int(own)


def _named(text: object) -> str | None:
    known = nuclide_named(text)
    return known.name if known is not None else (text if isinstance(text, str) and text else None)


def _unusable(evidence: Evidence, line: int) -> Refused:
    return Refused(
        "table_unusable",
        en=f"{evidence.name}, row {line}: negative counts; a spectrum has counts of zero or more in each channel",
        zh=f"{evidence.name} 第 {line} 行：计数为负值，能谱各道计数应不小于零。",
    )


def _spectrum(evidence: Evidence, key: tuple[int, str | None], rows: list[tuple[float, float]], in_kev: bool) -> Spectrum:
    array = np.array(sorted(rows))
    steps = np.diff(array[:, 0])
    if len(array) < FEWEST_CHANNELS or steps.min() <= 0 or steps.max() > 1.5 * np.median(steps):
        raise Refused(
            "table_unusable",
            en=f"{evidence.name}: the spectrum of detector {key[0]} has {len(array)} channels, not each once and evenly spaced; "
            "export the whole spectrum, and name detector and nuclide in columns where the table holds several",
            zh=f"{evidence.name}：探头 {key[0]} 的能谱共 {len(array)} 道，存在重复或间隔不均。"
            "请导出完整能谱；一个表中有多条能谱时，请用 detector 和 nuclide 列区分。",
        )
    return Spectrum(detector=key[0], nuclide=key[1], at=array[:, 0], counts=array[:, 1], in_kev=in_kev)


def peak_of(spectrum: Spectrum) -> Peak:
    """The photopeak; ProfileError where there is none, or where it is cut off."""
    middle, width = _where(spectrum)
    inside = np.abs(spectrum.at - middle) <= WINDOW * width
    at, counts = spectrum.at[inside], spectrum.counts[inside]
    if int((counts == counts.max()).sum()) >= 3 and float(counts.max()) in FULL:
        raise ProfileError(
            "saturated",
            en=f"several channels stopped counting at {counts.max():.0f}; repeat with fewer counts",
            zh=f"多个道的计数停在 {counts.max():.0f}，请减少计数重新采集。",
        )
    found = nema_width(at, counts)
    spread = nema_spread(at, gaussian_fit(at, counts).expected(at))
    return Peak(
        place=found.middle_mm,
        place_u=spread.middle_sd_mm,
        width=found.width_mm,
        width_u=spread.uncertainty_mm,
        counts=found.peak_counts,
        step=float(np.median(np.diff(at))),
        crossings=(found.left_mm, found.right_mm),
    )


def _where(spectrum: Spectrum) -> tuple[float, float]:
    """Rough place and width: the highest point near the nominal energy, or the last prominent hill of the spectrum."""
    import scipy

    smooth = gaussian_filter1d(spectrum.counts, max(1.0, 0.004 * len(spectrum.at)))
    nominal = spectrum.nominal_kev if spectrum.in_kev else None
    if nominal is not None:
        near = np.flatnonzero(np.abs(spectrum.at - nominal) <= NEAR_NOMINAL * nominal)
        top = int(near[np.argmax(smooth[near])]) if len(near) else -1
    else:
        hills, _ = scipy.signal.find_peaks(smooth, prominence=PROMINENT * float(smooth.max()))
        top = int(hills[-1]) if len(hills) else -1
    if top < 0 or smooth[top] <= 0:
        raise ProfileError(
            "no_photopeak",
            en="no photopeak is seen where it should be; is the nuclide right, and is this a spectrum?",
            zh="应有光电峰处未见光电峰。请核对核素，并确认所给为能谱。",
        )
    half = 0.5 * smooth[top]
    left = top
    while left > 0 and smooth[left] > half:
        left -= 1
    right = top
    while right < len(smooth) - 1 and smooth[right] > half:
        right += 1
    return float(spectrum.at[top]), float(spectrum.at[right] - spectrum.at[left])
