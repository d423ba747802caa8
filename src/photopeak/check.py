"""The road from a folder to judged results. `map` is its only seam for scale: the builtin, a process pool's or an engine's."""

from __future__ import annotations

import builtins
import datetime
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from photopeak.criterion import Criterion, choose, shipped_criteria
from photopeak.dicom.gather import Unread, gather
from photopeak.dicom.study_header import EMITTING, stated_by
from photopeak.evidence import Evidence
from photopeak.facts import Facts
from photopeak.finding import Finding, raise_finding
from photopeak.procedure import DISCIPLINES, Procedure, Refused, Remark, Result, procedures_for, procedures_of
from photopeak.table import Table
from photopeak.verdict import Verdict, judge
from photopeak.words import Words

Progress = Callable[[str, int, int], None]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One procedure to run on one evidence; picklable, so any engine can carry it."""

    procedure: Procedure
    evidence: Evidence
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What one procedure found on one evidence: a result with its verdicts, or a refusal."""

    procedure: Procedure
    evidence: Evidence
    result: Result | None = None
    refusal: Refused | None = None
    verdicts: tuple[Verdict, ...] = ()
    finding: Finding | None = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One check of a set of paths. `untested`: limits of this stage whose procedure found no evidence."""

    examined: tuple[Examined, ...]
    unread: tuple[Unread, ...]
    stage: str
    programme: str | None
    untested: tuple[Criterion, ...]
    made: datetime.datetime

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(verdict for one in self.examined for verdict in one.verdicts)


def check(
    paths: Iterable[Path],
    *,
    stage: str = "status",
    programme: str | None = None,
    facts: Facts | None = None,
    criteria: Sequence[Criterion] = (),
    options: Mapping[str, Any] | None = None,
    only: Procedure | None = None,
    map: Callable[[Callable[[Task], Examined], Iterable[Task]], Iterable[Examined]] = builtins.map,
    progress: Progress | None = None,
) -> Checked:
    """Gather, run every suitable procedure (or `only` that one), and judge by the shipped limits and `criteria`.

    `options` go to every procedure whose signature knows them. `progress(step, done, all)`: steps "read" and "measure".
    """
    gathered = gather(paths, progress=progress and (lambda done, of: progress("read", done, of)))
    known = [(facts or Facts()).added_to(one) for one in gathered.evidence]
    evidence = with_truths(with_studies(with_companions(with_backgrounds(known))))
    tasks, idle = pair(evidence, [only] if only else _suitable(evidence), options or {}, forced=only is not None)
    unread = gathered.unread + idle
    del gathered, evidence
    examined = _useful(tuple(_counted(map(examine, tasks), len(tasks), progress)))
    limits = (*shipped_criteria(), *criteria)
    judged = tuple(_judged(one, limits, stage, programme) for one in examined)
    return Checked(
        examined=judged,
        unread=unread,
        stage=stage,
        programme=programme,
        untested=_untested(judged, limits, stage, programme),
        made=datetime.datetime.now().replace(microsecond=0),
    )


def _suitable(evidence: Sequence[Evidence]) -> list[Procedure]:
    return list(procedures_for({one.kind for one in evidence}).values())


def with_backgrounds(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Where a fact says `background_of = "file"`, that file's evidence carries it as the fact `background`."""
    backgrounds = {one.facts["background_of"]: one for one in evidence if "background_of" in one.facts}
    completed = []
    for one in evidence:
        own = next((backgrounds[name] for f in one.files if (name := Path(f.path).name) in backgrounds), None)
        completed.append(one if own is None else replace(one, facts={**one.facts, "background": own}))
    return completed


def with_companions(evidence: Sequence[Evidence]) -> list[Evidence]:
    """What belongs to an emission volume travels with it: as the fact `companion` the CT of its study in the same frame of
    reference, as the fact `lesions` the segmentations and structure sets in that frame (a tuple, by file). Where the study has a
    CT in another frame only, the fact `ct_in_another_frame` says so; as the fact `later_frames` the later time positions.
    """
    computed = [one for one in evidence if one.kind == "ct_volume" and one.header.get("frame_of_reference_uid")]
    drawn = [one for one in evidence if one.kind == "lesions"]
    completed = []
    for one in evidence:
        facts: dict[str, Any] = {}
        if one.kind in ("nm_volume", "pt_volume"):
            keys = ("study_uid", "frame_of_reference_uid")
            own = next((ct for ct in computed if all(ct.header.get(key) == one.header.get(key) for key in keys)), None)
            frame = one.header.get("frame_of_reference_uid")
            lesions = tuple(other for other in drawn if frame and other.header.get("frame_of_reference_uid") == frame)
            facts = {} if own is None else {"companion": own}
            if own is None and any(ct.header.get("study_uid") == one.header.get("study_uid") for ct in computed):
                facts["ct_in_another_frame"] = True
            facts |= {"lesions": lesions} if lesions else {}
            facts |= _later_frames(one, evidence)
        completed.append(replace(one, facts={**one.facts, **facts}) if facts else one)
    return completed


def with_studies(evidence: Sequence[Evidence]) -> list[Evidence]:
    """The one report text handed in with the images of one study carries what their headers state of tracer, activity, times and body."""
    emitting = [one for one in evidence if one.header.get("modality") in EMITTING and stated_by(one.header)]
    if len({one.header.get("study_uid") for one in emitting}) != 1 or sum(one.kind == "text" for one in evidence) != 1:
        return list(evidence)
    stated: dict[str, Any] = {}
    for one in sorted(emitting, key=lambda one: stated_by(one.header).get("scanned_at", "~"), reverse=True):
        stated |= stated_by(one.header)
    return [replace(one, facts={**stated, **one.facts}) if one.kind == "text" else one for one in evidence]


def with_truths(evidence: Sequence[Evidence]) -> list[Evidence]:
    """Answers of an exercise carry, as the fact `sealed`, the one table of truths handed in with them, which is no evidence itself."""
    tables = [(one, one.images) for one in evidence if isinstance(one.images, Table)]
    answers = [one for one, table in tables if table.has("laboratory", "quantity", "value")]
    sealed = [one for one, table in tables if table.has("quantity", "truth") and not table.has("laboratory")]
    if not answers or len(sealed) != 1:
        return list(evidence)
    return [
        replace(one, facts={**one.facts, "sealed": sealed[0]}) if any(one is answer for answer in answers) else one
        for one in evidence
        if one is not sealed[0]
    ]


def _later_frames(one: Evidence, evidence: Sequence[Evidence]) -> dict[str, Any]:
    """The other time positions of a dynamic series, in order, for its first one."""
    if one.kind != "pt_volume" or one.header.get("time_position") != 1 or one.series_uid is None:
        return {}
    later = [other for other in evidence if other.series_uid == one.series_uid and other.header.get("time_position", 1) > 1]
    return {"later_frames": tuple(sorted(later, key=lambda other: int(other.header["time_position"])))} if later else {}


def pair(
    evidence: Iterable[Evidence], procedures: Sequence[Procedure], options: Mapping[str, Any], *, forced: bool
) -> tuple[list[Task], tuple[Unread, ...]]:
    """Which procedure is run on which evidence, and the evidence that none of them suits, with the reasons.

    `forced`: the person named the procedure, so it is run and may refuse in its own words.
    """
    tasks, idle = [], []
    evidence = list(evidence)
    backgrounds = {id(found) for one in evidence if (found := one.facts.get("background")) is not None}
    for one in evidence:
        suitable, reasons = [], []
        for candidate in procedures:
            no = None if one.kind in candidate.kinds else Words(f"not for {one.kind}", f"不适用于 {one.kind}")
            no = no or (None if forced else candidate.accepts(one))
            if no is None:
                known = {name: value for name, value in options.items() if name in candidate.options}
                suitable.append(Task(procedure=candidate, evidence=one, options=known))
            elif one.kind in candidate.kinds or forced:
                reasons.append((candidate, no))
        tasks += suitable
        if not suitable and id(one) not in backgrounds:
            idle.append(_idle(one, reasons))
    taken = {
        frame.sha256 for task in tasks if task.procedure.takes_frames for frame in task.evidence.facts.get("later_frames", ())
    }
    return [task for task in tasks if forced or task.evidence.sha256 not in taken], tuple(idle)


MOST_REASONS = 3


def _idle(evidence: Evidence, reasons: Sequence[tuple[Procedure, Words]]) -> Unread:
    """Read, but of no use: the nearest procedures with what each lacks (of a table, those that lack the fewest columns)."""
    if evidence.kind == "table":
        reasons = sorted(reasons, key=lambda reason: len(reason[1].en))
    en = "; ".join(f"{one.en}: {words.en}" for one, words in reasons[:MOST_REASONS])
    zh = "；".join(f"{one.zh}：{words.zh}" for one, words in reasons[:MOST_REASONS])
    if len(reasons) > MOST_REASONS:
        more = len(reasons) - MOST_REASONS
        en, zh = f"{en}; and {more} more", f"{zh}；等 {len(reasons)} 项"
    return Unread(
        path=evidence.files[0].path,
        code="no_suitable_procedure",
        words=Words(
            f"Read, but no procedure suits it ({en or f'nothing is built for {evidence.kind} yet'}).",
            f"已读取，但没有适用的检测项目（{zh or f'尚无适用于 {evidence.kind} 的检测项目'}）。",
        ),
    )


def examine(task: Task) -> Examined:
    """Run one task. A refusal is a result; a fault of the procedure itself is told as one and hides nothing else."""
    begun = time.perf_counter()
    result, refusal = None, None
    try:
        result = task.procedure.run(task.evidence, **task.options)
    except Refused as refused:
        refusal = refused.with_traceback(None)
    except Exception as fault:
        logger.exception("%s failed", task.procedure.name)
        refusal = Refused(
            "procedure_failed",
            en=f"the procedure stopped on a fault of its own ({type(fault).__name__}); the other results are not affected, "
            "please send this file to the developers",
            zh=f"该检测项目自身出错（{type(fault).__name__}），其他结果不受影响；请将该文件发给开发者。",
        )
    seconds = time.perf_counter() - begun
    if result is not None and task.evidence.remarks:
        noticed = tuple(Remark(code=code, words=words) for code, words in task.evidence.remarks)
        result = replace(result, remarks=result.remarks + noticed)
    plain_facts = {name: value for name, value in task.evidence.facts.items() if not _holds_evidence(value)}
    return Examined(
        procedure=task.procedure,
        evidence=replace(task.evidence, images=None, facts=plain_facts),
        result=result,
        refusal=refusal,
        seconds=round(seconds, 6),
    )


def _holds_evidence(fact: Any) -> bool:
    return isinstance(fact, Evidence) or (isinstance(fact, tuple) and any(isinstance(one, Evidence) for one in fact))


def _counted(results: Iterable[Examined], of: int, progress: Progress | None) -> Iterator[Examined]:
    for done, result in enumerate(results, 1):
        if progress:
            progress("measure", done, of)
        yield result


def _useful(examined: tuple[Examined, ...]) -> tuple[Examined, ...]:
    """Without the refusals of procedures on evidence that another procedure measured; a fault of ours is never left out.

    A procedure that only describes (no quantity of it is judged) measures nothing in this sense: it suits every image of its kind.
    """
    measured = {
        one.evidence.sha256 for one in examined if one.result and any(quantity.judged for quantity in one.procedure.quantities)
    }
    return tuple(
        one
        for one in examined
        if one.refusal is None or one.refusal.code == "procedure_failed" or one.evidence.sha256 not in measured
    )


def _judged(one: Examined, limits: Sequence[Criterion], stage: str, programme: str | None) -> Examined:
    if one.result is None:
        return one
    programme = programme or (f"earl{one.evidence.facts['earl']:g}" if "earl" in one.evidence.facts else None)
    subject, names = one.evidence.about, {quantity.name for quantity in one.procedure.quantities}
    of_procedure = [
        row for row in limits if row.quantity in names and row.procedure in ("", one.procedure.name) and row.applies_to(subject)
    ]
    chosen = (*choose(of_procedure, stage=stage, programme=programme), *one.result.declared_limits())
    verdicts = judge(one.result.measurements, chosen)
    if not programme:
        verdicts = tuple(_ask_for_programme(verdict, of_procedure, stage) for verdict in verdicts)
    finding = raise_finding(subject, one.procedure.name, one.procedure.words, verdicts)
    return replace(one, verdicts=verdicts, finding=finding)


def _ask_for_programme(verdict: Verdict, limits: Iterable[Criterion], stage: str) -> Verdict:
    """A measurement that only a programme judges is not assessed because nobody said which programme."""
    measurement = verdict.measurement
    if verdict.criterion is None and measurement is not None:
        asked = any(row.programme and row.stage == stage and row.concerns(measurement) for row in limits)
        return replace(verdict, reason="programme_not_chosen") if asked else verdict
    return verdict


def _untested(
    judged: Sequence[Examined], limits: Iterable[Criterion], stage: str, programme: str | None
) -> tuple[Criterion, ...]:
    """Limits of the disciplines seen whose procedure found no evidence: a skipped test never passes silently."""
    seen = {one.procedure.discipline for one in judged}
    entries = {
        entry.name: entry
        for entry in procedures_of(tuple(name for name in DISCIPLINES if name in seen)).values()
        if entry.discipline in seen
    }
    run = {one.procedure.name for one in judged}
    tested = {quantity.name for one in judged for quantity in one.procedure.quantities}
    names = {quantity.name for entry in entries.values() for quantity in entry.quantities} - tested
    chosen = choose(limits, stage=stage, programme=programme)
    return tuple(
        row
        for row in chosen
        if not row.about and (row.procedure in entries.keys() - run if row.procedure else row.quantity in names)
    )
