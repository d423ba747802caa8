"""Precision of a densitometer in vivo: repeated scans of people, least significant change, and how well the study knows them.

RMS-SD = sqrt(sum(df SD²) / sum(df)), df the degrees of freedom of each person: the ISCD's sqrt(sum SD² / n) where all have the same
number of scans. LSC = 2.77 RMS-SD (95 %). The upper 95 % bound sqrt(df RMS-SD² / χ²(5 %, df)) is what the study can exclude.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt

from photopeak.bone_density.reference_values import reference_values
from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.entry import Entry, asked
from photopeak.evidence import Evidence
from photopeak.figure import Axis, Chart, Dots, Figure
from photopeak.measurement import Measurement, Quantity
from photopeak.procedure import Refused, Remark, Result, procedure, remark
from photopeak.spread import relative_uncertainty
from photopeak.table import Table, number
from photopeak.words import Words

Floats = npt.NDArray[np.float64]

RMS_SD = Quantity(name="rms_sd", unit="g/cm2", en="precision error (RMS-SD)", zh="精密度误差（RMS-SD）")
RMS_CV = Quantity(name="rms_cv", unit="%", en="precision error (RMS-CV)", zh="精密度误差（RMS-CV）")
LSC = Quantity(name="least_significant_change", unit="g/cm2", en="least significant change", zh="最小有意义变化")
LSC_PERCENT = Quantity(
    name="least_significant_change_percent", unit="%", en="least significant change, per cent", zh="最小有意义变化（百分比）"
)
UPPER = Quantity(
    name="rms_sd_upper_bound",
    unit="g/cm2",
    en="upper 95 % bound of the precision error",
    zh="精密度误差 95 % 上限",
    judged=False,
)
FREEDOM = Quantity(name="degrees_of_freedom", unit="1", en="degrees of freedom", zh="自由度", judged=False)
ENOUGH = 30  # ISCD: 15 people three times or 30 people twice
BOUND = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision(Result):
    """`studies`: for each region its title, and mean and SD of each person."""

    studies: tuple[tuple[Words, Floats, Floats], ...] = ()

    def figures(self) -> tuple[Figure, ...]:
        if not self.studies:
            return charts_of(self.measurements, "least_significant_change_percent")
        return (*charts_of(self.measurements, "rms_sd"), *(_chart(*one) for one in self.studies))


def accepts(evidence: Evidence) -> Words | None:
    table = evidence.images
    if not isinstance(table, Table):
        return Words("not a table", "不是表格")
    if _scan_columns(table) or table.has("scans") or (table.has("patient", "bmd") and not table.has("referred_at")):
        return None
    return lacking(evidence, precision, ("precision_percent",))


ENTRIES = (
    Entry(
        words=Words("repeated scans", "重复扫描"),
        rows=(
            asked("region", "region", "部位", "text"),
            asked("scan1", "first scan, g/cm²", "第 1 次，g/cm²", above=0),
            asked("scan2", "second scan, g/cm²", "第 2 次，g/cm²", above=0),
            asked("scan3", "third scan, g/cm²", "第 3 次，g/cm²", above=0),
        ),
    ),
    Entry(
        words=Words("a known precision error", "已知精密度误差"),
        once=(
            asked("precision_percent", "known precision error, %", "已知精密度误差，%", above=0),
            asked("region", "region", "部位", "text"),
        ),
    ),
)


@procedure(
    en="Precision and least significant change",
    zh="精密度与最小有意义变化",
    implements="ISCD precision assessment",
    kinds=("table",),
    quantities=(RMS_SD, RMS_CV, LSC, LSC_PERCENT, UPPER, FREEDOM),
    accepts=accepts,
    entries=ENTRIES,
)
def precision(
    evidence: Evidence,
    *,
    precision_percent: Annotated[
        float | None, Words("known precision error, %", "已知精密度误差，%"), Column(aliases=("precision_pct",), above=0)
    ] = None,
    region: Annotated[str | None, Words("region", "部位"), Column(kind="text", aliases=("site", "roi"))] = None,
) -> Precision:
    """RMS-SD, RMS-CV, LSC and their bounds from scans (scan1, scan2 ...; scans; or patient and bmd); LSC alone from an error.

    Rows of different `region` are studies of their own.
    """
    table = evidence.images
    if isinstance(table, Table) and (_scan_columns(table) or table.has("scans") or table.has("patient", "bmd")):
        return _of_scans(evidence, table)
    done, remarks = measure_cases(evidence, precision, declared(locals()), _lsc_alone)
    return Precision(measurements=all_measurements(done), remarks=remarks)


def _lsc_alone(case: Case) -> Measured:
    factor = float(reference_values()["least_significant_change"]["factor"])
    value, u = case.linear(lambda precision_percent: factor * precision_percent, "precision_percent")
    return Measured(measurements=(LSC_PERCENT.of(value, u, **case.where(region=case.get("region"))),))


def _scan_columns(table: Table) -> list[str]:
    return [column for column in table.columns if column.startswith("scan") and column[4:].strip("_").isdigit()]


def _of_scans(evidence: Evidence, table: Table) -> Precision:
    measurements: list[Measurement] = []
    remarks: list[Remark] = []
    studies = []
    for region, people in _people(evidence, table).items():
        found, told, drawn = _study(evidence, region, people)
        measurements += found
        remarks += told
        studies.append(drawn)
    return Precision(measurements=tuple(measurements), remarks=tuple(remarks), studies=tuple(studies))


def _people(evidence: Evidence, table: Table) -> dict[str, list[list[float]]]:
    """The scans of each person, by region."""
    columns, place = _scan_columns(table), next((one for one in ("region", "site", "roi") if one in table.columns), "")
    by_person: dict[str, dict[str, list[float]]] = {}
    for n, (line, row) in enumerate(zip(table.lines, table.rows)):
        region = row.get(place, "") if place else ""
        if columns:
            name, cells = str(n), [row.get(column, "") for column in columns]
        elif table.has("scans"):
            name, cells = str(n), row.get("scans", "").strip("[] ").replace(",", ";").split(";")
        else:
            name, cells = row.get("patient", ""), [row.get("bmd", "")]
        own = by_person.setdefault(region, {}).setdefault(name, [])
        own += [_density(evidence, line, cell) for cell in cells if cell.strip()]
    return {region: list(people.values()) for region, people in by_person.items()}


def _density(evidence: Evidence, line: int, cell: str) -> float:
    value = number(cell)
    if value is None or value <= 0:
        raise Refused(
            "impossible_value",
            en=f"{evidence.name}, row {line}: {cell.strip()!r} is not a bone density; a positive number in g/cm² is needed",
            zh=f"{evidence.name}，第 {line} 行：“{cell.strip()}”不是骨密度，应为正数（g/cm²）。",
        )
    return value


def _study(
    evidence: Evidence, region: str, people: Sequence[Sequence[float]]
) -> tuple[list[Measurement], list[Remark], tuple[Words, Floats, Floats]]:
    from scipy.stats import chi2

    repeated = [np.array(scans) for scans in people if len(scans) > 1]
    freedom = sum(len(scans) - 1 for scans in repeated)
    if len(repeated) < 2:
        raise Refused(
            "no_repeats",
            en=f"{evidence.name}: {len(repeated)} people were scanned more than once; a precision study needs 30 people twice or 15 three "
            "times",
            zh=f"{evidence.name}：仅 {len(repeated)} 人有重复扫描；精密度研究需要 30 人×2 次或 15 人×3 次。",
        )
    means, sds = np.array([s.mean() for s in repeated]), np.array([s.std(ddof=1) for s in repeated])
    weights = np.array([len(s) - 1 for s in repeated]) / freedom
    rms_sd = math.sqrt(float((weights * sds**2).sum()))
    rms_cv = 100 * math.sqrt(float((weights * (sds / means) ** 2).sum()))
    relative = relative_uncertainty(freedom)
    bound = math.sqrt(freedom / float(chi2.ppf(BOUND, freedom)))
    factor = float(reference_values()["least_significant_change"]["factor"])
    where: dict[str, Any] = {"region": region} if region else {}
    measurements = [
        RMS_SD.of(rms_sd, rms_sd * relative, **where),
        RMS_CV.of(rms_cv, rms_cv * relative, **where),
        LSC.of(factor * rms_sd, factor * rms_sd * relative, **where),
        LSC_PERCENT.of(factor * rms_cv, factor * rms_cv * relative, **where),
        UPPER.of(rms_sd * bound, **where),
        FREEDOM.of(freedom, **where),
    ]
    remarks = _few(region, freedom) if freedom < ENOUGH else []
    name = f": {region}" if region else ""
    title = Words(f"Spread of each person's scans{name}", f"每人重复扫描的离散{name.replace(': ', '：')}")
    return measurements, remarks, (title, means, sds)


def _few(region: str, freedom: int) -> list[Remark]:
    place = f"{region}: " if region else ""
    return [
        remark(
            "few_degrees_of_freedom",
            en=f"{place}{freedom} degrees of freedom; ISCD asks for {ENOUGH} (15 people three times or 30 people twice)",
            zh=f"{place}自由度仅 {freedom}，ISCD 要求 {ENOUGH}（15 人×3 次或 30 人×2 次）",
        )
    ]


def _chart(title: Words, means: Floats, sds: Floats) -> Chart:
    return Chart(
        title=title,
        x=Axis(label=Words("mean of the person's scans", "个体均值"), unit="g/cm2"),
        y=Axis(label=Words("SD of the person's scans", "个体标准差"), unit="g/cm2", low=0.0),
        marks=(Dots(x=means, y=sds),),
        group="precision",
    )
