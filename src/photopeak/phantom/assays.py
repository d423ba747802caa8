"""Tables of known truth for the immunoassay laboratory: tubes of an assay, runs of a control, wells of a gamma counter."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np

from photopeak.words import Words

Row = list[Any]
TUBE_COLUMNS = ("role", "label", "dose", "response", "dilution", "nominal")
DOSES = (0.0, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssayTruth:
    """y = d + (a - d) / (1 + (x/c)^b) net of `nsb`; var(y) = 30^2 + y + (pipetting y)^2 of the gross counts."""

    a: float = 12000.0
    d: float = 100.0
    b: float = 1.05
    c: float = 8.0
    nsb: float = 400.0
    total: float = 30000.0
    pipetting: float = 0.015

    def net(self, dose: float) -> float:
        return float(self.d + (self.a - self.d) / (1 + (dose / self.c) ** self.b))

    def tube(self, dose: float, rng: np.random.Generator | None = None) -> float:
        """Gross counts of one tube; without `rng` exactly on the curve."""
        gross = self.nsb + self.net(dose)
        if rng is None:
            return gross
        return gross + rng.normal() * math.sqrt(900 + gross + (self.pipetting * gross) ** 2)


FALLING = AssayTruth()
RISING = AssayTruth(a=200.0, d=60000.0, b=1.1, c=40.0)


def tubes(
    truth: AssayTruth = FALLING,
    *,
    samples: Sequence[tuple[str, float, float]] = (),
    doses: Sequence[float] = DOSES,
    replicates: int = 2,
    rng: np.random.Generator | None = None,
) -> list[Row]:
    """Rows for TUBE_COLUMNS: T, NSB, standards, and each sample (label, dose, dilution) in duplicate."""

    def noise(scale: float) -> float:
        return 0.0 if rng is None else float(rng.normal() * scale)

    rows: list[Row] = [["T", "", "", truth.total + noise(0.01 * truth.total), "", ""] for _ in range(3)]
    rows += [["NSB", "", "", truth.nsb + noise(36.0), "", ""] for _ in range(3)]
    rows += [["S", "", dose, truth.tube(dose, rng), "", ""] for dose in doses for _ in range(replicates)]
    for label, dose, dilution in samples:
        rows += [["U", label, "", truth.tube(dose / dilution, rng), dilution, dose] for _ in range(2)]
    return rows


def assay_files(
    folder: Path,
    *,
    seed: int = 0,
    rising: Annotated[bool, Words("rising curve (IRMA, sandwich) instead of falling", "上升曲线（IRMA、夹心法）")] = False,
    noiseless: Annotated[bool, Words("tubes exactly on the curve", "各管严格落在曲线上")] = False,
) -> tuple[Path, ...]:
    """A standard curve with three unknowns as assay.csv, and its truth."""
    truth = RISING if rising else FALLING
    samples = [(f"U{n}", share * truth.c, 1.0) for n, share in enumerate((0.4, 1.0, 4.0), 1)]
    rows = tubes(truth, samples=samples, rng=None if noiseless else np.random.default_rng(seed))
    known = {
        "ed20": truth.c * 0.25 ** (1 / truth.b),
        "ed50": truth.c,
        "ed80": truth.c * 4 ** (1 / truth.b),
        "dose": {label: dose for label, dose, _ in samples},
    }
    return _written(folder, "assay", TUBE_COLUMNS, rows, {**asdict(truth), **known})


def control_runs(
    runs: int, *, mean: float, sd: float, rng: np.random.Generator, shift_at: int | None = None, shift: float = 0.0
) -> list[Row]:
    """Rows (run, value) of a control in statistical order; from run `shift_at` on it lies `shift` sd higher."""
    return [
        [n, mean + sd * (rng.normal() + (shift if shift_at is not None and n >= shift_at else 0.0))] for n in range(1, runs + 1)
    ]


def control_files(
    folder: Path,
    *,
    seed: int = 0,
    runs: Annotated[int, Words("number of runs", "批次数")] = 60,
    shift_at: Annotated[int, Words("first run of the shift", "发生偏移的批次")] = 41,
    shift: Annotated[float, Words("shift in standard deviations", "偏移量（标准差倍数）")] = 1.5,
) -> tuple[Path, ...]:
    """A control of mean 5, sd 0.4 that shifts, with the declared mean and sd in the table."""
    rows = control_runs(runs, mean=5.0, sd=0.4, rng=np.random.default_rng(seed), shift_at=shift_at, shift=shift)
    truth = {"mean": 5.0, "sd": 0.4, "shift_at": shift_at, "shift": shift}
    return _written(folder, "control", ("run", "value", "mean", "sd"), [[*row, 5.0, 0.4] for row in rows], truth)


def well_counts(
    efficiencies: Sequence[float],
    *,
    source_per_s: float,
    background_per_s: float,
    seconds: float,
    rng: np.random.Generator | None,
) -> list[Row]:
    """Rows (well, source_counts, background_counts, seconds): Poisson counts of one source moved from well to well."""
    rows: list[Row] = []
    for n, efficiency in enumerate(efficiencies, 1):
        means = (source_per_s * efficiency + background_per_s) * seconds, background_per_s * seconds
        counts = [float(mean) if rng is None else int(rng.poisson(mean)) for mean in means]
        rows.append([n, *counts, seconds])
    return rows


def wells_files(
    folder: Path,
    *,
    seed: int = 0,
    wells: Annotated[int, Words("number of wells", "井数")] = 16,
    weak_well: Annotated[int, Words("the well that counts less", "计数偏低的井")] = 12,
    loss_percent: Annotated[float, Words("how much less it counts, %", "偏低的百分数")] = 25.0,
) -> tuple[Path, ...]:
    """A gamma counter of equal wells but one, a source of 1000 Bq counted with 70 % efficiency."""
    efficiency = np.full(wells, 0.7)
    efficiency[weak_well - 1] *= 1 - loss_percent / 100
    rows = well_counts(
        efficiency.tolist(),
        source_per_s=1000.0,
        background_per_s=0.4,
        seconds=60.0,
        rng=np.random.default_rng(seed),
    )
    truth = {
        "efficiency_percent": (100 * efficiency).tolist(),
        "well_factor": (efficiency.mean() / efficiency).tolist(),
        "background_per_s": 0.4,
        "source_bq": 1000.0,
    }
    return _written(folder, "wells", ("well", "source_counts", "background_counts", "seconds"), rows, truth)


def _written(folder: Path, name: str, columns: Sequence[str], rows: Sequence[Row], truth: dict[str, Any]) -> tuple[Path, ...]:
    folder.mkdir(parents=True, exist_ok=True)
    table, known = folder / f"{name}.csv", folder / "truth.json"
    with table.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([columns, *rows])
    known.write_text(json.dumps(truth, indent=1), "utf-8")
    return table, known
