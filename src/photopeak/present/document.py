"""The JSON document of one check: the product's promise to other programs. Numbers are never NaN; what was not measured is left out."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import photopeak
from photopeak.criterion import Criterion
from photopeak.evidence import Evidence, Subject
from photopeak.measurement import Measurement
from photopeak.verdict import REASONS, Verdict
from photopeak.words import Words

if TYPE_CHECKING:
    from photopeak.check import Checked, Examined

SCHEMA = 1


def document(checked: Checked) -> dict[str, Any]:
    """The document, schema 1, as plain data. Two runs on the same evidence differ in `seconds` alone."""
    whole: dict[str, Any] = _writable(_document(checked))
    return whole


def _writable(value: Any) -> Any:
    """File names may hold bytes that are no text; they are written as escapes, so that the document is always UTF-8."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _writable(one) for key, one in value.items()}
    return [_writable(one) for one in value] if isinstance(value, list) else value


def _document(checked: Checked) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "photopeak": photopeak.__version__,
        "stage": checked.stage,
        "programme": checked.programme,
        "results": [_result(one) for one in checked.examined],
        "unread": [{"path": one.path, "code": one.code, **_words(one.words)} for one in checked.unread],
        "not_assessed": [
            {"outcome": "not_assessed", "reason": _reason("not_measured"), **_limit(row)} for row in checked.untested
        ],
    }


def text(checked: Checked) -> str:
    """The document as it is written to a file or to standard output: UTF-8, keys in the document's order."""
    return json.dumps(document(checked), ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def fingerprint(checked: Checked) -> str:
    """The sha256 of the document without its run times: the same evidence judged by the same limits has the same one."""
    whole = document(checked)
    for result in whole["results"]:
        del result["seconds"]
    canonical = json.dumps(whole, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _result(one: Examined) -> dict[str, Any]:
    refusal = None if one.refusal is None else {"code": one.refusal.code, **_words(one.refusal.words)}
    remarks = [(r.code, r.words) for r in one.result.remarks] if one.result else list(one.evidence.remarks)
    return {
        "procedure": one.procedure.name,
        "evidence": _evidence(one.evidence),
        "subject": _subject(one.evidence.about),
        "acquired": None if one.evidence.acquired is None else one.evidence.acquired.isoformat(),
        "outcome": "refused" if one.result is None else "measured",
        "refusal": refusal,
        "measurements": [_measurement(m) for m in one.result.measurements] if one.result else [],
        "verdicts": [_verdict(v) for v in one.verdicts],
        "conditions": [_condition(c.label, c.value) for c in one.result.conditions] if one.result else [],
        "remarks": [{"code": code, **_words(words)} for code, words in remarks],
        **(one.result.document_extras() if one.result is not None else {}),
        "finding": None if one.finding is None else {"state": one.finding.state, **_words(one.finding.words)},
        "seconds": round(float(one.seconds), 6),
    }


def _evidence(evidence: Evidence) -> list[dict[str, Any]]:
    return [{"path": file.path, "sha256": file.sha256, "series_uid": evidence.series_uid} for file in evidence.files]


def _subject(about: Subject) -> dict[str, str | None]:
    return {
        "manufacturer": about.manufacturer,
        "model": about.model,
        "station": about.station,
        "serial": about.serial,
        "software": about.software,
    }


def _measurement(m: Measurement) -> dict[str, Any]:
    said: dict[str, Any] = {"quantity": m.quantity.name, "value": m.value, "unit": m.unit}
    if m.uncertainty is not None:
        said["uncertainty"] = m.uncertainty
    said["where"] = _place(m.where)
    if m.noise_corrected is not None:
        said["noise_corrected"] = m.noise_corrected.value
    return said


def _verdict(verdict: Verdict) -> dict[str, Any]:
    m, row = verdict.measurement, verdict.criterion
    limit: dict[str, Any] = _limit(row) if row else dict.fromkeys(_LIMIT_KEYS) | {"provisional": False}
    if m is not None:
        limit |= {"quantity": m.quantity.name, "where": _place(m.where), "unit": m.unit if row is None else row.unit}
    reason = _reason(verdict.reason) if verdict.reason else None
    return {"quantity": limit["quantity"], "where": limit["where"], "outcome": verdict.outcome, "reason": reason, **limit}


_LIMIT_KEYS = (
    "quantity", "where", "standard", "edition", "clause", "stage", "basis", "lower", "upper", "unit", "provisional",
    "programme", "authority", "condition", "read_by", "source_url",
)  # fmt: skip


def _limit(row: Criterion) -> dict[str, Any]:
    return {
        "quantity": row.quantity,
        "where": _place(row.place),
        "standard": row.standard,
        "edition": row.edition,
        "clause": row.clause,
        "stage": row.stage,
        "basis": row.basis,
        "lower": row.lower,
        "upper": row.upper,
        "unit": row.unit,
        "provisional": row.provisional,
        "programme": row.programme,
        "authority": row.authority,
        "condition": None if row.condition is None else _words(row.condition),
        "read_by": list(row.read_by),
        "source_url": row.source_url or None,
    }


def _condition(label: Words, value: Words) -> dict[str, Any]:
    return {"label": _words(label), "value": _words(value)}


def _reason(code: str) -> dict[str, str]:
    return {"code": code, **_words(REASONS.get(code, Words(code, code)))}


def _words(words: Words) -> dict[str, str]:
    return {"en": words.en, "zh": words.zh}


def _place(where: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _plain(value) for key, value in where.items()}


def _plain(value: Any) -> Any:
    """A value of `where` as JSON knows it: a numpy number becomes a plain one, a number that is none its name."""
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
