"""The papers of an EQA round as PDF files: one for each laboratory, the summary, the certificates, and the list of their hashes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from photopeak.immunoassay.performance_score import PerformanceScores
from photopeak.immunoassay.scheme import Scheme
from photopeak.present.eqa_pages import (
    by_laboratory,
    certificate_pages,
    deviations,
    digest,
    laboratory_pages,
    limits_by_place,
    summary_pages,
)
from photopeak.present.marks import MARKS, mark
from photopeak.present.pdf import _compiler
from photopeak.present.quick_response import quick_response
from photopeak.words import Language

Told = Callable[[int, int], None]
BAD_IN_NAMES = '<>:"/\\|?*'


def eqa_pdf(document: Mapping[str, Any]) -> bytes:
    """One paper, typeset."""
    said = {**document, "marks": {name: mark(name) for name in MARKS}}
    if document["kind"] == "certificate":
        said["qr"] = quick_response(certificate_code(document["sha256"]))
    text = json.dumps(said, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace").decode("utf-8")
    made: Any = _compiler().compile(_template(), sys_inputs={"document": text}, format="pdf")
    return bytes(made)


def certificate_code(sha256: str) -> str:
    """What the QR code of a certificate says."""
    return f"photopeak-eqa:{sha256}"


def hash_in(code: str) -> str | None:
    """The sha256 that a scanned code, or a typed one, holds."""
    found = re.search(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])", code.strip().lower())
    return None if found is None else found[0]


@cache
def _template() -> bytes:
    return (resources.files("photopeak.present") / "templates" / "eqa.typ").read_bytes()


def write_paper(task: tuple[str, dict[str, Any]]) -> tuple[str, str, str]:
    """Write a PDF, and beside a certificate the document that its hash is of; path, hash of the PDF, hash of the document."""
    place, document = task
    path = Path(place)
    content = eqa_pdf(document)
    path.write_bytes(content)
    if document["kind"] == "certificate":
        path.with_suffix(".json").write_text(json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True), "utf-8")
    return place, hashlib.sha256(content).hexdigest(), document["sha256"]


def papers(
    scores: PerformanceScores, scheme: Scheme, language: Language, out: Path, *, certificates: bool = True
) -> Iterable[tuple[str, dict[str, Any]]]:
    """Path and document of every paper of a round; reading one composes it."""
    own, peers, limits = by_laboratory(scores), deviations(scores), limits_by_place(scores)
    grounds: dict[tuple[str, str, str], str] = {}
    for laboratory, results in own.items():
        name = file_name(laboratory)
        paper = laboratory_pages(laboratory, results, peers, limits, scheme, language, grounds, scores.suspects)
        yield str(out / f"{name}.pdf"), paper
        if certificates:
            yield str(out / f"{name}.certificate.pdf"), certificate_pages(laboratory, results, scheme, language)
    yield str(out / "summary.pdf"), summary_pages(scores, scheme, language)


def number_of_papers(scores: PerformanceScores, *, certificates: bool = True) -> int:
    """How many papers a round has."""
    return len(by_laboratory(scores)) * (2 if certificates else 1) + 1


def file_name(laboratory: str) -> str:
    """The code of a laboratory as the name of a file; the same for the same code, different for different ones."""
    plain = "".join("_" if one in BAD_IN_NAMES or ord(one) < 32 else one for one in laboratory).strip(". ")[:60]
    return plain if plain == laboratory else f"{plain}-{hashlib.sha256(laboratory.encode('utf-8')).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """sha256 of each PDF by its path; sha256 of what each certificate says by the path of its PDF."""

    files: Mapping[str, str]
    certificates: Mapping[str, str]


def write_papers(
    tasks: Iterable[tuple[str, dict[str, Any]]], map_: Any = map, told: Told | None = None, *, of: int | None = None
) -> Written:
    """Write all papers by `map_` (a pool's, for several processes); `told` hears how many of `of` are written.

    The first are typeset while the next are composed: none waits for all.
    """
    kinds: dict[str, str] = {}

    def noted() -> Iterator[tuple[str, dict[str, Any]]]:
        for place, document in tasks:
            kinds[place] = document["kind"]
            yield place, document

    files, certificates = {}, {}
    for n, (place, sha256, content) in enumerate(map_(write_paper, noted()), 1):
        files[place] = sha256
        if kinds[place] == "certificate":
            certificates[place] = content
        if told is not None:
            told(n, of or len(kinds))
    return Written(files=files, certificates=certificates)


def certificate_holds(document: Mapping[str, Any]) -> bool:
    """Whether the document of a certificate still has the hash that stands in it."""
    return document.get("sha256") == digest(document)
