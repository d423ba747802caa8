"""Tables of known truth: an activity meter, a radiopharmacy's day, 131I records, a densitometer, a dosimetry case.

Each writes its tables as CSV into one folder with truth.json beside them: the numbers that a correct analysis must find.
"""

from __future__ import annotations

import csv
import datetime
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.nuclide import grown, icrp107
from photopeak.words import Words

Floats = npt.NDArray[np.float64]
Rows = Sequence[Mapping[str, Any]]
START = datetime.date(2026, 1, 5)
HOUR_S, DAY_S = 3600.0, 86400.0


def write_tables(out: Path, name: str, tables: Mapping[str, Rows], truth: Mapping[str, Any], *, seed: int) -> tuple[Path, ...]:
    """One CSV a table and truth.json; numbers are written in full."""
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for table, rows in tables.items():
        path = out / f"{table}.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(column for row in rows for column in row)))
            writer.writeheader()
            writer.writerows(rows)
        written.append(path)
    said = out / "truth.json"
    text = json.dumps({"phantom": name, "seed": seed, **truth}, indent=1, ensure_ascii=False)
    said.write_text(text + "\n", encoding="utf-8")
    return (*written, said)


def activity_meter_files(
    out: Path,
    *,
    seed: int = 0,
    error_percent: Annotated[float, Words("error of calibration, %", "刻度误差，%")] = 1.8,
    loss_percent: Annotated[float, Words("loss at 5000 MBq, %", "5000 MBq 处丢失，%")] = 3.0,
    drift_percent_per_year: Annotated[float, Words("drift, % per year", "年漂移，%")] = 1.0,
    repeatability_percent: Annotated[float, Words("repeatability of a reading (k = 1), %", "单次示值重复性（k = 1），%")] = 0.3,
) -> tuple[Path, ...]:
    """A meter with these faults: accuracy, reproducibility, linearity, constancy and geometry, one table each."""
    rng = np.random.default_rng((seed, 31))
    caesium, technetium = icrp107()["Cs-137"], icrp107()["Tc-99m"]

    def read(activity: Floats) -> Floats:
        faulty = activity * (1 + error_percent / 100) * (1 - loss_percent / 100 * activity / 5000)
        return np.asarray(faulty * (1 + rng.normal(0, repeatability_percent / 100, len(activity))))

    hours = np.array([0.0, 2, 4, 6, 8, 10, 24, 28, 32, 36, 48, 54, 60])
    decayed = 5000 * np.array([technetium.share_left(float(h) * HOUR_S) for h in hours])
    log = np.log(1 - loss_percent / 100 * decayed / 5000)
    days = np.arange(0, 360, 5)
    source = 8.0 * np.array([caesium.share_left(float(d) * DAY_S) for d in days])
    drifted = read(source * (1 + drift_percent_per_year / 100 * days / 365.25)) / (1 + error_percent / 100)
    volumes = {1: 0.0, 5: -0.6, 10: -1.2, 20: -2.5}
    baseline = {"nuclide": "Cs-137", "baseline_activity_mbq": 8.0, "baseline_at": START}
    certified = {
        "nuclide": "Cs-137",
        "certified_activity_mbq": 8.0,
        "certified_at": START,
        "measured_at": START,
        "certificate_u_percent": 0.5,
    }
    tables: dict[str, Rows] = {
        "accuracy": [{**certified, "reading_mbq": one} for one in read(np.full(10, 8.0))],
        "reproducibility": [{"reading_mbq": one} for one in read(np.full(10, 8.0))],
        "linearity": [{"nuclide": "Tc-99m", "time_h": h, "reading_mbq": a} for h, a in zip(hours, read(decayed))],
        "constancy": [
            {**baseline, "measured_at": START + datetime.timedelta(days=int(d)), "reading_mbq": a}
            for d, a in zip(days, drifted)
        ],
        "geometry": [
            {"volume_ml": v, "reading_mbq": a}
            for v, a in zip(volumes, read(np.array([200 * (1 + d / 100) for d in volumes.values()])))
        ],
    }
    truth = {
        "accuracy": 100 * ((1 + error_percent / 100) * (1 - loss_percent / 100 * 8 / 5000) - 1),
        "reproducibility": repeatability_percent,
        "linearity": float(np.abs(100 * np.expm1(log - log.mean())).max()),
        "drift": drift_percent_per_year,
        "geometry_deviation": {str(v): d for v, d in volumes.items()},
    }
    return write_tables(out, "activity_meter", tables, truth, seed=seed)


def radiopharmacy_files(
    out: Path,
    *,
    seed: int = 0,
    purity_percent: Annotated[float, Words("radiochemical purity, %", "放射化学纯度，%")] = 96.0,
    germanium_percent: Annotated[float, Words("68Ge in the eluate, %", "68Ge 漏穿率，%")] = 0.0004,
    efficiency_percent: Annotated[float, Words("elution efficiency, %", "洗脱效率，%")] = 68.0,
    reading_u_percent: Annotated[float, Words("repeatability of a reading (k = 1), %", "单次示值重复性（k = 1），%")] = 0.5,
) -> tuple[Path, ...]:
    """A day of 68Ga: elution, breakthrough two days later, identity by half-life, a chromatogram."""
    rng = np.random.default_rng((seed, 32))
    germanium, gallium = icrp107()["Ge-68"], icrp107()["Ga-68"]
    eluted = efficiency_percent / 100 * grown(germanium, gallium, 4 * HOUR_S, parent_activity=1850.0)
    minutes = np.array([0.0, 15, 30, 45, 60])
    decayed = eluted * np.array([gallium.share_left(float(m) * 60) for m in minutes])
    decayed *= 1 + rng.normal(0, reading_u_percent / 100, len(minutes))
    ge68_bq = germanium_percent / 100 * eluted * 1e6 * germanium.share_left(48 * HOUR_S)
    shares = {"product": purity_percent, "free": 0.6 * (100 - purity_percent), "colloid": 0.4 * (100 - purity_percent)}
    tables: dict[str, Rows] = {
        "generator": [
            {"ge68_mbq": 1850, "since_elution_h": 4, "eluted_mbq": eluted, "eluted_mbq_u": eluted * reading_u_percent / 100}
        ],
        "breakthrough": [
            {"eluate_mbq": eluted, "ge68_reading_bq": ge68_bq, "ge68_reading_bq_u": 0.03 * ge68_bq, "delay_h": 48}
        ],
        "identity": [
            {"identity_of": "Ga-68", "time_min": m, "reading_mbq": a, "reading_u_percent": reading_u_percent}
            for m, a in zip(minutes, decayed)
        ],
        "chromatogram": [
            {"tracer": "68Ga-PSMA-11", "component": name, "counts": int(rng.poisson(500 * share))}
            for name, share in shares.items()
        ],
    }
    truth = {
        "radiochemical_purity": purity_percent,
        "ge68_breakthrough": germanium_percent,
        "elution_efficiency": efficiency_percent,
        "half_life": gallium.half_life_s / 60,
    }
    return write_tables(out, "radiopharmacy", tables, truth, seed=seed)


REQUIRED = (
    "tsh_miu_l",
    "tsh_at",
    "diagnostic_scan_at",
    "low_iodine_from",
    "pregnancy_test",
    "post_therapy_scan_at",
    "written_advice",
)


def thyroid_records_files(
    out: Path,
    *,
    seed: int = 0,
    records: Annotated[int, Words("records", "病历数")] = 20,
    absent_share: Annotated[float, Words("share of entries left out", "缺项比例")] = 0.08,
    low_tsh_share: Annotated[float, Words("share with TSH of at most 30", "TSH 不高于 30 的比例")] = 0.15,
) -> tuple[Path, ...]:
    """Invented 131I records of women prepared by withdrawal; what is absent, and which TSH is low, is the truth."""
    rng = np.random.default_rng((seed, 33))
    rows, completeness, attained = [], {}, 0
    for n in range(1, records + 1):
        row, high = _record(n, rng, low_tsh_share)
        absent = [name for name in REQUIRED if rng.random() < absent_share]
        attained += high and "tsh_miu_l" not in absent
        completeness[row["case"]] = 100 * (16 - len(absent)) / 16  # elements that apply to such a record
        rows.append({key: "" if key in absent else value for key, value in row.items()})
    truth = {"tsh_attainment": 100 * attained / records, "record_completeness": completeness}
    return write_tables(out, "thyroid_records", {"thyroid_records": rows}, truth, seed=seed)


def _record(n: int, rng: np.random.Generator, low_tsh_share: float) -> tuple[dict[str, Any], bool]:
    """A complete record, and whether its TSH is above 30."""
    day = START + datetime.timedelta(days=int(rng.integers(0, 150)))
    high = bool(rng.random() >= low_tsh_share)
    intended = float(rng.choice([1110, 3700, 5550]))
    given = round(intended * (1 + rng.normal(0, 0.03)))

    def before(days: int) -> datetime.date:
        return day - datetime.timedelta(days=days)

    row = {
        "case": f"R{n:03d}",
        "sex": "女",
        "age": int(rng.integers(22, 54)),
        "stimulation": "停药",
        "withdrawal_from": before(28),
        "tsh_miu_l": round(float(rng.uniform(35, 120) if high else rng.uniform(5, 29)), 1),
        "tsh_at": before(1),
        "diagnostic_scan_at": before(2),
        "low_iodine_from": before(14),
        "pregnancy_test": "阴性",
        "intended_mbq": intended,
        "administered_mbq": given,
        "administered_at": day,
        "course": 1,
        "cumulative_mbq": given,
        "post_therapy_scan_at": before(-5),
        "discharge_at": before(-3),
        "discharge_activity_mbq": round(float(rng.uniform(120, 380))),
        "written_advice": "有",
    }
    return row, high


def bone_density_files(
    out: Path,
    *,
    seed: int = 0,
    step_percent: Annotated[float, Words("step of the phantom, %", "模体阶跃，%")] = 1.0,
    step_at: Annotated[int, Words("scan at which it begins", "阶跃开始的扫描序号")] = 26,
    precision_g_per_cm2: Annotated[float, Words("true precision error, g/cm²", "真实精密度误差，g/cm²")] = 0.010,
    difference_percent: Annotated[float, Words("difference of the second scanner, %", "第二台设备差异，%")] = 0.7,
) -> tuple[Path, ...]:
    """A densitometer: daily phantom with a step, a precision study of 30 people, phantom scans on a second scanner."""
    rng = np.random.default_rng((seed, 34))
    daily = 1.177 * np.where(np.arange(1, 46) < step_at, 1.0, 1 + step_percent / 100) + rng.normal(0, 0.004, 45)
    people = rng.normal(0.92, 0.13, (30, 1)) + rng.normal(0, precision_g_per_cm2, (30, 2))
    second = 1 + difference_percent / 100
    tables: dict[str, Rows] = {
        "phantom": [{"phantom_bmd": round(float(one), 4), "target": 1.177, "sd": 0.004} for one in daily],
        "precision": [{"scan1": round(float(a), 4), "scan2": round(float(b), 4)} for a, b in people],
        "cross_calibration": [
            {"scanner": name, "bmd": round(float(one), 5)}
            for name, size in (("A", 1.0), ("B", second))
            for one in size * (1.0 + rng.normal(0, 0.003, 10))
        ],
    }
    truth = {
        "phantom_step": step_percent,
        "step_begins_at_scan": step_at,
        "rms_sd": precision_g_per_cm2,
        "cross_calibration_difference": difference_percent,
    }
    return write_tables(out, "bone_density", tables, truth, seed=seed)


def dosimetry_case_files(
    out: Path,
    *,
    seed: int = 0,
    effective_half_life_h: Annotated[float, Words("effective half-life, h", "有效半衰期，h")] = 50.0,
    activity_mbq: Annotated[float, Words("activity at the start, MBq", "初始活度，MBq")] = 100.0,
    noise_percent: Annotated[float, Words("noise of a sample (k = 1), %", "单个采样噪声（k = 1），%")] = 5.0,
) -> tuple[Path, ...]:
    """177Lu in one organ at 4, 24, 72 and 168 h; the truth is the time-integrated activity."""
    rng = np.random.default_rng((seed, 35))
    hours = np.array([4.0, 24.0, 72.0, 168.0])
    clean = activity_mbq * 2 ** (-hours / effective_half_life_h)
    noisy = clean * (1 + rng.normal(0, noise_percent / 100, len(hours)))
    rows = [
        {"nuclide": "Lu-177", "time_h": h, "activity_mbq": a, "standard_uncertainty_mbq": noise_percent / 100 * c}
        for h, a, c in zip(hours, noisy, clean)
    ]
    truth = {
        "time_integrated_activity": activity_mbq * effective_half_life_h / math.log(2),
        "effective_half_life": effective_half_life_h,
    }
    return write_tables(out, "dosimetry_case", {"dosimetry_case": rows}, truth, seed=seed)
