"""Tables of known truth for the count-rate tests of a PET scanner: line in sleeves, decaying scatter phantom."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np

from photopeak.words import Words

F18_MIN = 109.77


def sleeve_rates(
    sensitivity: float, activity_mbq: float, attenuation_percent: float, minutes: np.ndarray, sleeves: np.ndarray
) -> np.ndarray:
    """Expected rates, cps: the line behind n sleeves, decayed over `minutes`."""
    through = np.exp(np.log1p(-attenuation_percent / 100) * sleeves)
    return np.asarray(sensitivity * 1000 * activity_mbq * through * 2.0 ** (-minutes / F18_MIN))


def sensitivity_files(
    out: Path,
    *,
    seed: int = 0,
    sensitivity: Annotated[float, Words("sensitivity, cps/kBq", "灵敏度，cps/kBq")] = 10.0,
    activity_mbq: Annotated[float, Words("activity, MBq", "活度，MBq")] = 5.0,
    attenuation_percent: Annotated[float, Words("attenuation by a sleeve, %", "每层套管衰减，%")] = 2.4,
    duration_s: Annotated[float, Words("counting time, s", "计数时间，s")] = 120.0,
) -> tuple[Path, ...]:
    """sensitivity.csv with a row for each of five sleeves at two positions, Poisson counts, and truth.json."""
    rng = np.random.default_rng(seed)
    rows = []
    sleeves, minutes = np.arange(1.0, 6.0), np.arange(5) * 3.0
    for position, share in (("0 cm", 1.0), ("10 cm", 0.98)):
        expected = sleeve_rates(share * sensitivity, activity_mbq, attenuation_percent, minutes, sleeves)
        rates = rng.poisson(expected * duration_s) / duration_s
        rows += [
            [position, n, f"{t:g}", f"{rate:.3f}", f"{duration_s:g}", f"{activity_mbq:g}"]
            for n, t, rate in zip(range(1, 6), minutes, rates)
        ]
    header = ["case", "sleeves", "elapsed_min", "rate_cps", "duration_s", "activity_mbq"]
    truth = {"phantom": "pet_sensitivity", "sensitivity": {"0 cm": sensitivity, "10 cm": 0.98 * sensitivity}, "seed": seed}
    return _written(out, "sensitivity.csv", header, rows, truth)


def rates_at(concentration: np.ndarray, *, trues: float, randoms: float, dead: float) -> tuple[np.ndarray, np.ndarray]:
    """Prompts less randoms and randoms, cps: linear and quadratic in activity, both lost by exp(−dead · a)."""
    live = np.exp(-dead * concentration)
    return trues * concentration * live, randoms * concentration**2 * live


def count_rate_peak(*, trues: float, randoms: float, dead: float, scatter: float) -> tuple[float, float]:
    """Concentration and height of the true NECR peak, by a fine search."""
    at = np.linspace(0.1, 80, 200_000)
    together, chance = rates_at(at, trues=trues, randoms=randoms, dead=dead)
    necr = ((1 - scatter) * together) ** 2 / (together + chance)
    top = int(np.argmax(necr))
    return float(at[top]), float(necr[top])


def pet_count_rate_files(
    out: Path,
    *,
    seed: int = 0,
    scatter_percent: Annotated[float, Words("scatter fraction, %", "散射分数，%")] = 36.0,
    levels: Annotated[int, Words("activity levels", "活度级数")] = 36,
    duration_s: Annotated[float, Words("duration of a level, s", "每级时间，s")] = 60.0,
) -> tuple[Path, ...]:
    """count_rate.csv of a decaying phantom, Poisson counts, and truth.json with the true peak."""
    model = {"trues": 30_000.0, "randoms": 1_000.0, "dead": 0.02}
    rng = np.random.default_rng(seed)
    concentration = 50.0 * 2.0 ** (-np.arange(levels) / 3)
    together, chance = rates_at(concentration, **model)
    prompts = rng.poisson((together + chance) * duration_s) / duration_s
    randoms = rng.poisson(chance * duration_s) / duration_s
    rows = [
        [f"{c:.6g}", f"{p:.3f}", f"{r:.3f}", f"{scatter_percent:g}", f"{duration_s:g}"]
        for c, p, r in zip(concentration, prompts, randoms)
    ]
    at, height = count_rate_peak(**model, scatter=scatter_percent / 100)
    truth = {
        "phantom": "pet_count_rate",
        "necr_peak": height,
        "necr_peak_concentration": at,
        "scatter_fraction_percent": scatter_percent,
        "seed": seed,
    }
    header = ["concentration_kbq_ml", "prompts_cps", "randoms_cps", "scatter_percent", "duration_s"]
    return _written(out, "count_rate.csv", header, rows, truth)


def _written(
    out: Path, name: str, header: list[str], rows: Sequence[Sequence[object]], truth: dict[str, object]
) -> tuple[Path, ...]:
    out.mkdir(parents=True, exist_ok=True)
    with (out / name).open("w", newline="", encoding="utf-8") as handle:
        csv.writer(handle).writerows([header, *rows])
    (out / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    return out / name, out / "truth.json"
