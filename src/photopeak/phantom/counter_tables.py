"""Tables of known truth for the tests that have no image: energy spectra, count rates, leakage."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from scipy.special import erfc, ndtr

from photopeak.words import Words

Floats = npt.NDArray[np.float64]
PER_SIGMA = 2 * math.sqrt(2 * math.log(2))


@dataclass(frozen=True, slots=True, kw_only=True)
class Spectrum:
    """A Gaussian photopeak at `energy_kev`, integrated over channels of `kev_per_channel` whose centres are k x that + `offset_kev`.

    `peak` counts in a channel on top of the peak; `scatter` is the height, in shares of the peak, of the step that scattered
    photons leave below it.
    """

    energy_kev: float = 140.5
    resolution_percent: float = 9.5
    nominal_kev: float = 140.5
    kev_per_channel: float = 0.5
    offset_kev: float = 0.0
    channels: int = 400
    peak: float = 20_000.0
    scatter: float = 0.0

    @property
    def sigma_kev(self) -> float:
        return self.resolution_percent / 100 * self.nominal_kev / PER_SIGMA

    @property
    def energies_kev(self) -> Floats:
        """Centres of the channels."""
        return np.asarray(np.arange(self.channels) * self.kev_per_channel + self.offset_kev, dtype=np.float64)

    def density(self, energy_kev: Floats) -> Floats:
        """Counts a channel would have if it were infinitely narrow, scaled to its width."""
        z = (energy_kev - self.energy_kev) / self.sigma_kev
        found: Floats = self.peak * (np.exp(-0.5 * z**2) + self.scatter * 0.5 * erfc(z / math.sqrt(2)))
        return found

    def expected(self) -> Floats:
        """Expected counts[channel]."""
        half = self.kev_per_channel / 2
        z = [(self.energies_kev + side - self.energy_kev) / self.sigma_kev for side in (-half, half)]
        area = self.peak * self.sigma_kev * math.sqrt(2 * math.pi) / self.kev_per_channel
        step = self.peak * self.scatter * 0.5 * erfc((z[0] + z[1]) / 2 / math.sqrt(2))
        return np.asarray(area * (ndtr(z[1]) - ndtr(z[0])) + step)

    def by_definition(self) -> tuple[float, float]:
        """(resolution in % of the nominal energy, midpoint in keV) of the curve itself, background and all."""
        fine = np.arange(self.energy_kev - 4 * self.sigma_kev, self.energy_kev + 4 * self.sigma_kev, 1e-3)
        curve = self.density(fine)
        above = np.flatnonzero(curve >= curve.max() / 2)
        left, right = float(fine[above[0]]), float(fine[above[-1]])
        return 100 * (right - left) / self.nominal_kev, (left + right) / 2


def paralysed(true_cps: Floats, dead_time_s: float) -> Floats:
    """What a paralysable counter observes of these true rates."""
    return np.asarray(true_cps * np.exp(-true_cps * dead_time_s))


def spectrum_files(
    out: Path,
    *,
    seed: int = 0,
    resolution_percent: Annotated[float, Words("energy resolution, %", "能量分辨力，%")] = 9.5,
    energy_kev: Annotated[float, Words("place of the photopeak, keV", "光电峰位置，keV")] = 140.5,
    difference_kev: Annotated[float, Words("second detector, keV higher", "第二探头偏高，keV")] = 0.8,
    kev_per_channel: Annotated[float, Words("keV per channel", "每道能量，keV")] = 0.5,
    peak: Annotated[float, Words("counts in the peak channel", "峰值道计数")] = 20_000.0,
    scatter: Annotated[float, Words("scatter below the peak, share of its height", "峰下散射，占峰高比例")] = 0.01,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """99mTc spectra of two detectors as one table, with truth.json beside it."""
    made = [
        Spectrum(
            energy_kev=energy_kev + extra,
            resolution_percent=resolution_percent,
            kev_per_channel=kev_per_channel,
            channels=int(200 / kev_per_channel),
            peak=peak,
            scatter=scatter,
        )
        for extra in (0.0, difference_kev)
    ]
    generator = np.random.default_rng((seed, 1))
    rows = []
    for detector, one in enumerate(made, 1):
        counts = generator.poisson(one.expected()) if noise else one.expected()
        rows += [(detector, "Tc-99m", f"{e:g}", f"{c:g}") for e, c in zip(one.energies_kev, counts)]
    truth = {
        "detectors": {
            str(n): {"energy_resolution": one.by_definition()[0], "photopeak_energy": one.by_definition()[1], **asdict(one)}
            for n, one in enumerate(made, 1)
        },
        "photopeak_energy_difference": difference_kev,
    }
    return _written(out, "spectrum", ("detector", "nuclide", "energy_kev", "counts"), rows, truth, seed)


def count_rate_files(
    out: Path,
    *,
    seed: int = 0,
    method: Annotated[str, Words("two_sources or decay", "two_sources（双源）或 decay（衰变）")] = "two_sources",
    dead_time_us: Annotated[float, Words("dead time, us", "死时间，us")] = 2.0,
    ratio: Annotated[float, Words("first source against the second", "两源强度比")] = 1.5,
    background_cps: Annotated[float, Words("background, counts/s", "本底，计数/s")] = 100.0,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """A count-rate table of a paralysable counter, with truth.json beside it."""
    tau = dead_time_us * 1e-6
    generator = np.random.default_rng((seed, 1))
    truth: dict[str, Any] = {
        "method": method,
        "dead_time": dead_time_us,
        "count_rate_at_20pct_loss": 0.8 * -math.log(0.8) / tau,
        "max_count_rate": 1 / (math.e * tau),
        "background_cps": background_cps,
    }
    if method == "two_sources":
        total, seconds = 0.2 / tau, 100.0
        true = {"1": total * ratio / (1 + ratio), "2": total / (1 + ratio), "12": total, "background": 0.0}
        counts = paralysed(np.array([one + background_cps for one in true.values()]), tau) * seconds
        drawn = generator.poisson(counts) if noise else counts
        rows = [(name, f"{c:g}" if noise else repr(float(c)), seconds) for name, c in zip(true, drawn)]
        return _written(out, "two_sources", ("source", "counts", "seconds"), rows, {**truth, "ratio": ratio}, seed)
    if method != "decay":
        raise ValueError(f"method {method!r}: two_sources or decay")
    half_life_s, seconds = 21_624.1, 60.0
    times = np.linspace(0.0, 60 * 3600.0, 61)
    inner = (np.arange(200) + 0.5) / 200 * seconds
    activity = np.exp(-math.log(2) / half_life_s * (times[:, np.newaxis] + inner))
    counts = paralysed(1.5 / tau * activity + background_cps, tau).mean(axis=1) * seconds
    drawn = generator.poisson(counts) if noise else counts
    series = [(f"{t:g}", repr(float(c)), seconds, "Tc-99m") for t, c in zip(times, drawn)]
    return _written(out, "decay", ("time_s", "counts", "seconds", "nuclide"), series, truth, seed)


EDGES = ("front", "back", "left", "right")


def leakage_files(
    out: Path,
    *,
    seed: int = 0,
    largest_percent: Annotated[float, Words("largest leakage, %", "最大泄漏，%")] = 0.5,
    reference_cps: Annotated[float, Words("rate in the field of view, counts/s", "视野内计数率，计数/s")] = 10_000.0,
    background_cps: Annotated[float, Words("background, counts/s", "本底，计数/s")] = 20.0,
    noise: Annotated[bool, Words("counting noise", "计数噪声")] = True,
) -> tuple[Path, ...]:
    """Counts at the fourteen positions of NEMA NU 1-2007 round one detector, with truth.json beside them."""
    places = [f"{edge} {cm} cm" for edge in EDGES for cm in (10, 20, 30)] + ["2 m front", "2 m side"]
    true = {place: largest_percent * (0.2 + 0.8 * ((7 * k) % 14) / 13) for k, place in enumerate(places)}
    rates = {
        "reference": reference_cps + background_cps,
        "background": background_cps,
        **{place: background_cps + reference_cps * share / 100 for place, share in true.items()},
    }
    generator = np.random.default_rng((seed, 1))
    rows = []
    for place, rate in rates.items():
        seconds = 300.0 if place == "background" else 100.0
        counts = generator.poisson(rate * seconds) if noise else rate * seconds
        rows.append((place, f"{counts:.10g}", seconds))
    return _written(
        out, "leakage", ("position", "counts", "seconds"), rows, {"leakage": true, "largest": max(true.values())}, seed
    )


def _written(
    out: Path,
    name: str,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    truth: Mapping[str, Any],
    seed: int,
) -> tuple[Path, ...]:
    out.mkdir(parents=True, exist_ok=True)
    table, said = out / f"{name}.csv", out / "truth.json"
    lines = [",".join(header), *(",".join(str(cell) for cell in row) for row in rows)]
    table.write_text("\n".join(lines) + "\n", encoding="utf-8")
    document = {"phantom": name, "seed": seed, **truth}
    said.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return table, said
