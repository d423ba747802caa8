"""Accuracy of an activity meter with a certified source: the mean reading against the certified activity decayed to the day.

IAEA TRS 454; ANSI N42.13. The uncertainty joins the spread of the readings, the certificate's (when given) and the half-life's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from photopeak.cases import Case, Column, Measured, all_measurements, charts_of, declared, lacking, measure_cases
from photopeak.evidence import Evidence
from photopeak.figure import Figure
from photopeak.half_life import DATA_WORDS, decay_of, seconds_after
from photopeak.measurement import Quantity
from photopeak.nuclide import NuclearData
from photopeak.procedure import Result, procedure, remark
from photopeak.words import Words

ACCURACY = Quantity(name="accuracy", unit="%", en="accuracy", zh="准确度（基本误差）")
EXPECTED = Quantity(name="expected_activity", unit="MBq", en="expected activity", zh="期望活度", judged=False)
MEAN = Quantity(name="mean_reading", unit="MBq", en="mean reading", zh="示值均值", judged=False)
CERTIFICATE = Quantity(
    name="reference_source_uncertainty",
    unit="%",
    en="expanded uncertainty of the source's certificate (k = 2)",
    zh="证书扩展不确定度（k = 2）",
    judged=False,
)
MICROCURIE_100_MBQ = 3.7  # ANSI N42.13 names its limits for sources above 100 microcurie


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy(Result):
    def figures(self) -> tuple[Figure, ...]:
        return charts_of(self.measurements, "accuracy")


def accepts(evidence: Evidence) -> Words | None:
    return lacking(evidence, accuracy, ("certified_activity_mbq", "certified_at", "measured_at", "readings_mbq"))


@procedure(
    en="Activity meter accuracy",
    zh="活度计准确度",
    implements="IAEA TRS 454; ANSI N42.13-2004",
    kinds=("table",),
    quantities=(ACCURACY, EXPECTED, MEAN, CERTIFICATE),
    accepts=accepts,
)
def accuracy(
    evidence: Evidence,
    *,
    nuclide: Annotated[str | None, Words("nuclide", "核素"), Column(kind="text")] = None,
    certified_activity_mbq: Annotated[
        float | None, Words("certified activity, MBq", "证书活度，MBq"), Column(aliases=("a0_mbq",), above=0)
    ] = None,
    certified_at: Annotated[
        str | None,
        Words("reference date of the certificate", "证书参考日期"),
        Column(kind="time", aliases=("ref", "reference_at")),
    ] = None,
    measured_at: Annotated[str | None, Words("date of measurement", "测量日期"), Column(kind="time", aliases=("meas",))] = None,
    readings_mbq: Annotated[
        str | None, Words("readings, MBq", "示值，MBq"), Column(kind="numbers", aliases=("reading_mbq",), above=0)
    ] = None,
    background_mbq: Annotated[float | None, Words("background reading, MBq", "本底示值，MBq"), Column()] = None,
    half_life_d: Annotated[
        float | None, Words("half-life, d (else by nuclide)", "半衰期，d（缺省按核素）"), Column(above=0)
    ] = None,
    certificate_u_percent: Annotated[
        float | None,
        Words("standard uncertainty (k = 1) of the certificate, %", "证书标准不确定度（k = 1），%"),
        Column(least=0),
    ] = None,
    purpose: Annotated[str | None, Words("what the meter is used for", "用途"), Column(kind="text")] = None,
    nuclear_data: Annotated[NuclearData, DATA_WORDS] = "icrp107",
) -> Accuracy:
    """Percentage difference of the mean reading (background subtracted) from the decayed certified activity."""

    def measure(case: Case) -> Measured:
        return _one(case, nuclear_data)

    done, remarks = measure_cases(evidence, accuracy, declared(locals()), measure)
    conditions = dict.fromkeys(found.detail for _, found in done)
    return Accuracy(measurements=all_measurements(done), remarks=remarks, conditions=tuple(conditions))


def _one(case: Case, data: NuclearData) -> Measured:
    decay = decay_of(case, data)
    readings = np.array(case.numbers("readings_mbq")) - float(case.get("background_mbq") or 0.0)
    seconds = seconds_after(case, "certified_at", "measured_at")
    certified = case.number("certified_activity_mbq")
    expected, mean = certified * decay.nuclide.share_left(seconds), float(readings.mean())
    relative = [decay.nuclide.decay_constant * seconds * decay.nuclide.half_life_u_s / decay.nuclide.half_life_s]
    remarks = []
    if case.has("certificate_u_percent"):
        relative.append(case.number("certificate_u_percent") / 100)
    elif "certified_activity_mbq" in case.uncertainties:
        relative.append(case.uncertainties["certified_activity_mbq"] / certified)
    else:
        remarks.append(
            remark(
                "certificate_uncertainty_missing",
                en="the uncertainty of the certificate is not given and not contained in the stated uncertainty",
                zh="未给出证书不确定度，所给不确定度不包含该项",
            )
        )
    u_expected = math.hypot(*relative)
    u_mean = float(readings.std(ddof=1)) / math.sqrt(len(readings)) if len(readings) > 1 else None
    ratio = mean / expected
    known = u_mean is not None or len(relative) > 1
    u = 100 * ratio * math.hypot((u_mean or 0.0) / mean, u_expected) if known else None
    size = "> 3.7 MBq" if mean > MICROCURIE_100_MBQ else "<= 3.7 MBq"
    where = case.where(nuclide=decay.name, activity=size, purpose=case.get("purpose"))
    certificate = (CERTIFICATE.of(200 * relative[1], **case.where()),) if len(relative) > 1 else ()
    return Measured(
        measurements=(
            ACCURACY.of(100 * (ratio - 1), u, **where),
            EXPECTED.of(expected, expected * u_expected, **case.where()),
            MEAN.of(mean, u_mean, **case.where()),
            *certificate,
        ),
        remarks=tuple(remarks),
        detail=decay.condition(),
    )
