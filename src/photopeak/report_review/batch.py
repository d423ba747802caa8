"""Many reports, one after the other: a line of JSON each, with progress, resumable, in memory that does not grow.

A line holds no name and no text beyond the quoted words of its verdicts. A run that was stopped goes on where it was: what stands in the
file is known by the hash of the report's text and of the rules, and is not read again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from photopeak.dicom.study_header import StudyHeader
from photopeak.report_review.audit import ReportAudit, audited, report_as_data
from photopeak.report_review.contradictions import RULES_VERSION, Setting
from photopeak.report_review.elements import packs_fingerprint
from photopeak.report_review.mapping import columns_of, documents
from photopeak.report_review.normal import normal
from photopeak.report_review.score import completeness, score
from photopeak.table import names_a_table, read_table
from photopeak.text import TextDocument, TextError, names_a_text, read_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One report to audit: the name a person knows it by (file, and row of a table), and its text."""

    name: str
    document: TextDocument


def entries(paths: Iterable[Path], columns: dict[str, str] | None = None) -> Iterator[Entry | tuple[str, str]]:
    """Every report under `paths`, or (name, why not) for a file that cannot be read. `columns` as of a mapping file."""
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not file.name.startswith(".") and file.name != "truth.json":
                yield from _of_file(file, columns)


def _of_file(file: Path, columns: dict[str, str] | None) -> Iterator[Entry | tuple[str, str]]:
    try:
        if names_a_table(file.name):
            table = read_table(file.read_bytes(), file.name)
            for line, document in documents(table, columns_of(table, columns)):
                yield Entry(name=f"{file.name}#{line}", document=document)
        elif names_a_text(file.name):
            yield Entry(name=file.name, document=read_text(file.read_bytes(), file.name))
    except TextError as error:
        yield file.name, error.words.zh
    except Exception as error:  # a damaged file must not end a run over thousands
        yield file.name, f"{type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """How a run went: audited now, known from before, unreadable."""

    audited: int
    known: int
    unread: tuple[tuple[str, str], ...]


BATCH = 32  # reports handed to a process at once


def audit_many(
    found: Iterable[Entry | tuple[str, str]], out: Path, *, weights: dict[str, float] | None = None,
    setting: Setting | None = None, progress: Callable[[int], None] | None = None, jobs: int = 1,
) -> Done:  # fmt: skip
    """Audit each report and append its line to `out` (JSON lines), in order; `progress(count)` after each. Lines already there are kept.

    `jobs` > 1: that many processes; no more than a few batches are held at a time.
    """
    before = _known(out)
    counts = {"new": 0, "old": 0}
    unread: list[tuple[str, str]] = []

    def told() -> None:
        if progress:
            progress(counts["new"] + counts["old"])

    def waiting() -> Iterator[tuple[Entry, str]]:
        for one in found:
            if isinstance(one, tuple):
                unread.append(one)
                continue
            digest = _digest(one, weights)
            if digest not in before:
                yield one, digest
                continue
            counts["old"] += 1
            told()

    with out.open("a", encoding="utf-8") as file:
        for line in _lines_of(waiting(), weights, setting, jobs):
            file.write(line + "\n")
            file.flush()
            counts["new"] += 1
            told()
    return Done(audited=counts["new"], known=counts["old"], unread=tuple(unread))


def _lines_of(
    waiting: Iterator[tuple[Entry, str]], weights: dict[str, float] | None, setting: Setting | None, jobs: int
) -> Iterator[str]:
    """The line of each report, in order."""
    if jobs <= 1:
        yield from (_audited_line(one, digest, weights, setting) for one, digest in waiting)
        return
    running: deque[Future[list[str]]] = deque()
    with ProcessPoolExecutor(jobs) as pool:
        while True:
            batch = list(islice(waiting, BATCH))
            if batch:
                running.append(pool.submit(_audited_lines, batch, weights, setting))
            if not running:
                return
            if not batch or len(running) > 2 * jobs:
                yield from running.popleft().result()


def _audited_lines(batch: list[tuple[Entry, str]], weights: dict[str, float] | None, setting: Setting | None) -> list[str]:
    return [_audited_line(one, digest, weights, setting) for one, digest in batch]


def _audited_line(one: Entry, digest: str, weights: dict[str, float] | None, setting: Setting | None) -> str:
    return json.dumps(_line(one, audited(one.document, setting), digest, weights), ensure_ascii=False)


def _digest(one: Entry, weights: dict[str, float] | None) -> str:
    header = json.dumps([one.name, dict(one.document.header), weights, RULES_VERSION, packs_fingerprint()], ensure_ascii=False)
    return hashlib.sha256((header + one.document.text).encode("utf-8", "replace")).hexdigest()[:24]


def _known(out: Path) -> set[str]:
    """Hashes of the lines already there; a last line cut off by a stop is taken away."""
    if not out.exists():
        return set()
    found, good = set(), 0
    with out.open("rb") as file:
        for line in file:
            try:
                found.add(json.loads(line)["hash"])
            except (ValueError, KeyError):
                break
            good += len(line)
    with out.open("r+b") as file:
        file.truncate(good)
    return found


def _line(one: Entry, report: ReportAudit, digest: str, weights: dict[str, float] | None) -> dict[str, Any]:
    whole, national = completeness(report.elements), completeness(report.elements, national=True)
    points = score(report.elements, weights)
    return {
        "report": one.name, "hash": digest, "hospital": hospital_of(one.document, report), **report_as_data(report),
        "completeness": whole.percent, "national": {"count": national.count, "total": national.total}, "score": points,
    }  # fmt: skip


def hospital_of(document: TextDocument, report: ReportAudit) -> str:
    """The hospital as the carrier or the text names it; "" where neither does."""
    if document.header.get("hospital"):
        return document.header["hospital"]
    own = next((one for one in report.elements if one.element == "hospital"), None)
    named = own is not None and own.status in ("present", "partial")
    said = max((quote.text.strip() for quote in own.evidence), key=len, default="") if own and named else ""
    house = HOUSE.match(said)
    return house.group() if house else said


HOUSE = re.compile(
    r".*?(?:医院|醫院|卫生院|保健院|医学中心|Hospital|Medical Cent(?:er|re))(?:[\u4e00-\u9fff]{0,4}(?:分院|院区))?"
)  # without its department


def latest(path: Path) -> Iterator[dict[str, Any]]:
    """The last line of each report: one audited again with other weights or rules counts once."""
    last = {one["report"]: number for number, one in enumerate(lines(path))}
    yield from (one for number, one in enumerate(lines(path)) if last[one["report"]] == number)


def with_studies(found: Iterable[Entry | tuple[str, str]], studies: Sequence[StudyHeader]) -> Iterator[Entry | tuple[str, str]]:
    """Reports with what the headers of their studies state, found by accession number, else by patient number and date."""
    for one in found:
        study = _study_of(one.document, studies) if isinstance(one, Entry) else None
        if isinstance(one, Entry) and study:
            one = replace(one, document=replace(one.document, header={**study.stated, **one.document.header}))
        yield one


def _study_of(document: TextDocument, studies: Sequence[StudyHeader]) -> StudyHeader | None:
    """The one study whose number stands in the report; None where none or more than one does."""
    plain = normal(document.text + "\n" + "\n".join(document.header.values()))
    codes = set(re.findall(r"[A-Za-z0-9_./-]{3,}", plain))
    days = {
        f"{int(y):04d}-{int(m):02d}-{int(d):02d}"
        for y, m, d in re.findall(r"(20\d{2})\s*[-./年]\s*(\d{1,2})\s*[-./月]\s*(\d{1,2})", plain)
    }
    own = [one for one in studies if len(one.accession) >= 3 and one.accession in codes]
    own = own or [one for one in studies if len(one.patient_id) >= 3 and one.patient_id in codes and one.date in days]
    return own[0] if len(own) == 1 else None


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The audited reports of a file, one at a time."""
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)
