"""An optional second reader behind an OpenAI-compatible endpoint: candidates for a person, never a verdict.

Off unless a centre names an address. It is handed a text already without names, and may answer only codes with exact quotes; a quote that
is not a substring of that text, or a code that is not on the roll, is dropped. Nothing here can reach a score: `Candidate` is no `Defect`.
"""

from __future__ import annotations

import hashlib
import json
import urllib.request
from dataclasses import dataclass
from typing import Any

from photopeak.report_review.contradictions import NAMES, RULES_VERSION

PROMPT = (
    "You check a nuclear-medicine report for contradictions. Answer only JSON: "
    '{"candidates": [{"code": CODE, "quotes": [exact substrings of the report]}]}. CODE is one of: '
    + ", ".join(sorted(NAMES))
    + ". Quote verbatim. Answer an empty list when nothing contradicts."
)
LARGEST_ANSWER = 2**20


class SecondReaderError(Exception):
    """The endpoint did not give a usable answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What a person may look at: a code, and places `(start, end)` of the text whose words were quoted exactly."""

    code: str
    spans: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondReading:
    """Candidates with what made them: model, hash of the prompt, version of the codes; `dropped` counts unverifiable ones."""

    candidates: tuple[Candidate, ...]
    dropped: int
    model: str
    prompt_sha256: str
    rules: str = RULES_VERSION


def second_reading(text: str, *, address: str, model: str, key: str = "", timeout: float = 60.0) -> SecondReading:
    """Ask the endpoint at `address` (…/v1) about a de-identified text. Raises SecondReaderError; never retries, never follows links."""
    if not address.startswith(("http://", "https://")):
        raise SecondReaderError(f"{address}: not an HTTP address")
    body = {
        "model": model,
        "temperature": 0,
        "messages": [{"role": "system", "content": PROMPT}, {"role": "user", "content": text}],
    }
    request = urllib.request.Request(
        address.rstrip("/") + "/chat/completions", data=json.dumps(body).encode(), headers={"Content-Type": "application/json"}
    )
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            content = json.loads(answer.read(LARGEST_ANSWER))["choices"][0]["message"]["content"]
        said = json.loads(content)["candidates"]
    except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
        raise SecondReaderError(f"no usable answer from the second reader ({type(error).__name__})") from error
    kept = [one for one in map(lambda item: _verified(text, item), said if isinstance(said, list) else []) if one]
    return SecondReading(
        candidates=tuple(kept), dropped=(len(said) if isinstance(said, list) else 1) - len(kept), model=model,
        prompt_sha256=hashlib.sha256(PROMPT.encode()).hexdigest(),
    )  # fmt: skip


def _verified(text: str, item: Any) -> Candidate | None:
    """The candidate with the places of its quotes; None unless its code is known and every quote stands in the text."""
    if not isinstance(item, dict) or item.get("code") not in NAMES or not isinstance(item.get("quotes"), list):
        return None
    quotes = item["quotes"]
    if not quotes or not all(isinstance(quote, str) and quote.strip() and quote in text for quote in quotes):
        return None
    return Candidate(code=item["code"], spans=tuple((text.index(quote), text.index(quote) + len(quote)) for quote in quotes))
