"""Scoring a round with the library and keeping it: the round without a laboratory's name, each laboratory's scores as its own rows."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from photopeak.evidence import EvidenceFile
from photopeak.immunoassay.performance_score import PerformanceScores, performance_score
from photopeak.immunoassay.scheme import Scheme, parse_scheme
from photopeak.immunoassay.scored_results import PT_SCORE, Scored
from photopeak.present.numbers import written
from photopeak.table import table_evidence
from photopeak.verdict import judge
from photopeak.words import Words
from photopeak_centre.audit.chain import record
from photopeak_centre.eqa_rounds.models import Round, Score
from photopeak_centre.hospitals.models import Organisation


class UnknownLaboratory(Exception):
    """Codes of the table that the key does not name."""

    def __init__(self, codes: Sequence[str]) -> None:
        shown = ", ".join(codes[:8])
        self.words = Words(
            f"The key names no hospital for {shown}; add a line for each code", f"对照表中没有 {shown} 对应的医院，请逐一补充"
        )
        super().__init__(self.words.en)


def keep_round(
    scheme_text: str,
    table: bytes,
    laboratories: Mapping[str, Organisation],
    *,
    closed_on: datetime.date,
    campaign: Any = None,
    by: Any = None,
) -> Round:
    """Score a closed round and store it. `laboratories`: whose code is whose.

    Raises SchemeError, Refused, TableError (of the library) and UnknownLaboratory.
    """
    scheme = parse_scheme(scheme_text)
    file = EvidenceFile(path="results.csv", sha256=hashlib.sha256(table).hexdigest())
    scores = performance_score(table_evidence(table, file), scheme=scheme_text, frozen=scheme.sha256)
    assert isinstance(scores, PerformanceScores)
    if unknown := sorted({one.reported.laboratory for one in scores.scored} - set(laboratories)):
        raise UnknownLaboratory(unknown)
    with transaction.atomic():
        kept = Round.objects.create(
            campaign=campaign, scheme_en=scheme.name.en, scheme_zh=scheme.name.zh, name=scheme.round, closed_on=closed_on,
            protocol_sha256=scheme.sha256, document=_document(scores, file.sha256),
        )  # fmt: skip
        Score.objects.bulk_create(_scores(kept, scheme, scores, laboratories))
        record("eqa round scored", f"eqa_round {kept.pk}", person=by, protocol=scheme.sha256, results=file.sha256)
    return kept


def _document(scores: PerformanceScores, sha256: str) -> dict[str, Any]:
    """Assigned values by analyte, sample and method group; no laboratory is named."""
    targets = []
    for sample in scores.samples:
        for group in sample.groups:
            main = group.main
            value = None if main is None else written(main.location, main.u)
            targets.append(
                {
                    "analyte": group.analyte,
                    "sample": group.sample,
                    "group": group.group,
                    "unit": group.unit,
                    "n": len(group.values),
                    "value": None if main is None else main.location,
                    "uncertainty": None if main is None else main.u,
                    "sd": None if main is None else main.spread,
                    "shown": "" if value is None else str(value),
                }
            )
    return {"targets": targets, "results_sha256": sha256}


def _scores(kept: Round, scheme: Scheme, scores: PerformanceScores, laboratories: Mapping[str, Organisation]) -> list[Score]:
    outcomes = {
        (v.measurement.where.get("laboratory"), v.measurement.where.get("analyte")): v.outcome
        for v in judge(scores.measurements, scores.declared_limits())
        if v.measurement is not None and v.measurement.quantity.name == PT_SCORE.name and v.criterion is not None
    }
    by: dict[tuple[str, str], list[Scored]] = {}
    for one in scores.scored:
        by.setdefault((one.reported.laboratory, one.reported.analyte), []).append(one)
    found = []
    for (code, analyte), own in by.items():
        returned = any(one.reported.state != "not_returned" for one in own)
        judged = [one.good for one in own if one.good is not None] if returned else []
        named = scheme.analyte(analyte)
        outcome = outcomes.get((code, analyte), "not_assessed")
        found.append(
            Score(
                round=kept, laboratory=laboratories[code], analyte=analyte[:40], analyte_en=analyte[:120],
                analyte_zh=(named.names[0] if named and named.names else analyte)[:120], results=len(judged), acceptable=sum(judged),
                score_percent=100 * sum(judged) / len(judged) if judged else None, outcome=outcome,
                document={"samples": [_sample(one) for one in own]},
            )
        )  # fmt: skip
    return found


def _sample(one: Scored) -> dict[str, Any]:
    deviation = next((m.value for m in one.measurements if m.quantity.name == "deviation_percent"), None)
    return {
        "sample": one.reported.sample,
        "value": None if one.reported.value is None else float(one.reported.value),
        "unit": one.reported.unit,
        "assigned": None if one.target is None else float(one.target.value),
        "deviation_percent": deviation,
        "state": one.reported.state,
        "outcome": {True: "pass", False: "fail", None: "not_assessed"}[one.good],
    }
