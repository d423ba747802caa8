"""Rows of results as the report prints them, made from the database: one object, one drawing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db.models import Prefetch

from photopeak.measurement import Measurement as Measured
from photopeak.measurement import Quantity
from photopeak.present.phrases import BASES, how_read, say
from photopeak.present.tables import Row, Sources, Writer, aligned, in_order
from photopeak.procedure import roll
from photopeak.verdict import Verdict
from photopeak_centre.checks.models import Judgement, Latest, Measurement, Result
from photopeak_centre.devices.models import Device
from photopeak_centre.jobs.analyse import criterion_from
from photopeak_centre.said import language

JUDGED = Prefetch("judgements", to_attr="judged")


@cache
def quantities() -> dict[tuple[str, str], Quantity]:
    """Every quantity of the roll by its procedure and its identifier: an identifier alone may be two procedures'."""
    return {(entry.name, quantity.name): quantity for entry in roll().values() for quantity in entry.quantities}


def quantity_named(name: str) -> Quantity | None:
    """A quantity of this identifier, for a text that does not say whose it is."""
    return next((quantity for (_, known), quantity in quantities().items() if known == name), None)


def measured(row: Measurement, procedure: str = "") -> Measured:
    """A stored measurement as the library's own. `procedure`: that of its result, where it is known already."""
    procedure = procedure or row.result.procedure
    quantity = quantities().get((procedure, row.quantity)) or _unknown(row.quantity, row.unit)
    return Measured(quantity=quantity, value=row.value, unit=row.unit, uncertainty=row.uncertainty, where=row.where)


def _unknown(name: str, unit: str) -> Quantity:
    plain = name.replace("_", " ")
    return Quantity(name=name, unit=unit, en=plain, zh=plain)


def verdict_of(row: Judgement, measurement: Measurement | None, procedure: str = "") -> Verdict:
    return Verdict(
        outcome=row.outcome,  # type: ignore[arg-type]
        measurement=None if measurement is None else measured(measurement, procedure),
        criterion=None if row.criterion is None else criterion_from(row.criterion),
        reason=row.reason,
    )


def _writer(procedure: str = "") -> tuple[Writer, Sources]:
    """`procedure`: whose quantities a criterion without a measurement is named by."""
    sources = Sources()
    names = {name: quantity.words for (entry, name), quantity in quantities().items() if entry == procedure}
    return Writer(language=language(), sources=sources, names=names), sources


@dataclass(frozen=True, slots=True, kw_only=True)
class LatestRow:
    """One printed row of a device's page, with the result it came from."""

    row: Row
    outcome: str
    result: Result


def latest_rows(device: Device) -> list[LatestRow]:
    """The last result of every judged quantity, fails first; quantities without any limit follow."""
    latest = Latest.objects.filter(device=device).select_related("measurement__result")
    latest = latest.prefetch_related(Prefetch("measurement__judgements", to_attr="judged"))
    made: list[tuple[Verdict, Result]] = []
    for one in latest.order_by("quantity", "place"):
        for judgement in one.measurement.judged:  # type: ignore[attr-defined]
            made.append((verdict_of(judgement, one.measurement, one.procedure), one.measurement.result))
    order = {id(v): n for n, v in enumerate(in_order([verdict for verdict, _ in made]))}
    made.sort(key=lambda pair: order[id(pair[0])])
    writer, _ = _writer()
    rows = aligned([writer.row(v, r.name.say(language())) for v, r in made])
    return [LatestRow(row=row, outcome=row.outcome, result=result) for row, (_, result) in zip(rows, made)]


def result_rows(result: Result) -> tuple[list[Row], list[dict[str, Any]]]:
    """Every verdict of a result in printed order, and the sources that its limits cite."""
    judgements = result.judgements.select_related("measurement").order_by("id")
    found = [verdict_of(row, row.measurement, result.procedure) for row in judgements]
    writer, sources = _writer(result.procedure)
    rows = aligned([writer.row(verdict) for verdict in in_order(found)])
    cited = [
        {
            "number": f"[{n}]",
            "standard": r[0].standard,
            "edition": r[0].edition,
            "clause": r[0].clause,
            "basis": BASES[r[0].basis].say(language()),
            "read_by": say("comma", language()).join(how_read(reader, language()) for reader in r[0].read_by),
        }
        for n, r in enumerate(sources.cited(), 1)
    ]
    return list(rows), cited


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """One analysis of an evidence: the result, its judged rows by quantity and place, and whether it stands."""

    result: Result
    rows: tuple[tuple[str, str, str, str, str], ...]  #: quantity, where, value, U, outcome
    stands: bool


def other_analyses(result: Result) -> list[Analysis]:
    """All analyses of the same evidence by the same procedure, the newest first; empty where there is only this one."""
    same = Result.objects.filter(
        study=result.study_id, procedure=result.procedure, evidence_sha256=result.evidence_sha256
    ).order_by("-made", "-id")[:10]
    found = list(same)
    if len(found) < 2:
        return []
    return [
        Analysis(
            result=one,
            rows=tuple((r.quantity, r.where, r.value, r.expanded, r.outcome) for r in result_rows(one)[0]),
            stands=one.superseded_by_id is None,
        )
        for one in found
    ]


def unjudged(result: Result) -> list[Row]:
    """What was measured without any limit speaking of it."""
    rows: Iterable[Measurement] = result.measurements.filter(judgements=None).order_by("id")
    writer, _ = _writer(result.procedure)
    found = [measured(row, result.procedure) for row in rows]
    plain = [writer.row(Verdict(outcome="not_assessed", measurement=one, criterion=None)) for one in found]
    return list(aligned(plain))
