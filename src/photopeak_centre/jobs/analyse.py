"""The check of one study's files in a limited child process: `photopeak.check` and nothing else, no database."""

from __future__ import annotations

import dataclasses
import datetime
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from photopeak.check import Checked, Examined, check
from photopeak.criterion import Criterion
from photopeak.facts import Facts
from photopeak.figure import Circle, Figure, Outline, Picture
from photopeak.procedure import roll
from photopeak.verdict import Verdict
from photopeak.words import Words

MEMORY_BYTES = 6 * 2**30
SECONDS = 900
BEAT_EVERY_S = 3.0
WORST = ("fail", "undecided", "pass", "not_assessed")


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What to check: files by (place on disk, name as handed in), with facts and the device's own limits."""

    files: tuple[tuple[Path, str], ...]
    facts: Mapping[str, Any]
    criteria: tuple[Criterion, ...]
    stage: str
    procedure: str = ""  #: the only one to run; empty: whatever fits
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure in both languages; of a picture also float32 pixels and what the viewer needs to show them."""

    title: Words
    en: bytes
    zh: bytes
    pixels: bytes | None
    about: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One verdict as plain data; `measurement` counts in the result's measurements."""

    outcome: str
    reason: str
    measurement: int | None
    criterion: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One procedure's result as plain data."""

    procedure: str
    name: Words
    evidence_sha256: str
    acquired: datetime.datetime | None
    outcome: str
    document: dict[str, Any]
    measurements: tuple[dict[str, Any], ...]
    judged: tuple[Judged, ...]
    drawings: tuple[Drawn, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysed:
    found: tuple[Found, ...]
    unread: tuple[tuple[str, str, str, str], ...]  #: name, code, en, zh


class Failed(Exception):
    """The child ended without an answer; `code` says how."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def analyse(work: Work, progress: Callable[[int, int], None] = lambda done, of: None) -> Analysed:
    """Check the files and put the findings into plain data."""
    with tempfile.TemporaryDirectory(prefix="photopeak-") as folder:
        names = _lay_out(Path(folder), work.files)
        checked = check(
            [Path(folder)],
            stage=work.stage,
            facts=Facts(everywhere=work.facts),
            criteria=work.criteria,
            only=roll().get(work.procedure) if work.procedure else None,
            options=work.options,
            progress=lambda step, done, of: progress(done, of),
        )
        return _plain(checked, names)


def _lay_out(folder: Path, files: tuple[tuple[Path, str], ...]) -> dict[str, str]:
    """Stored files under readable names of their own; returns place -> name as handed in."""
    names = {}
    for number, (place, name) in enumerate(files):
        base = "".join(c if c.isalnum() or c in "._- " else "_" for c in name.replace("\\", "/").rsplit("/", 1)[-1])[-100:]
        target = folder / (base.lstrip(".") or f"file{number}")
        if target.exists() or target.name.lower() in ("truth.json", "results.json", "dicomdir") or target.suffix == ".toml":
            target = folder / f"{number:05d}_{target.name}.dat"
        try:
            os.link(place, target)
        except OSError:
            shutil.copyfile(place, target)
        names[str(target)] = name
    return names


def _plain(checked: Checked, names: dict[str, str]) -> Analysed:
    from photopeak.present.document import document

    whole = document(checked)
    for result in whole["results"]:
        for file in result["evidence"]:
            file["path"] = names.get(file["path"], Path(file["path"]).name)
    found = tuple(_found(one, doc) for one, doc in zip(checked.examined, whole["results"]))
    unread = tuple((names.get(u.path, Path(u.path).name), u.code, u.words.en, u.words.zh) for u in checked.unread)
    return Analysed(found=found, unread=unread)


def worst(outcomes: list[str]) -> str:
    """The outcome that stands for many."""
    return next((outcome for outcome in WORST if outcome in outcomes), "not_assessed")


def _found(one: Examined, document: dict[str, Any]) -> Found:
    measurements = one.result.measurements if one.result else ()
    index = {id(m): n for n, m in enumerate(measurements)}
    judged = tuple(
        Judged(
            outcome=v.outcome,
            reason=v.reason,
            measurement=index.get(id(v.measurement)) if v.measurement is not None else None,
            criterion=None if v.criterion is None else criterion_as_data(v.criterion),
        )
        for v in one.verdicts
    )
    return Found(
        procedure=one.procedure.name,
        name=one.procedure.words,
        evidence_sha256=one.evidence.sha256,
        acquired=one.evidence.acquired,
        outcome=worst([v.outcome for v in one.verdicts]) if one.result else "refused",
        document=document,
        measurements=tuple(document["measurements"]),
        judged=judged,
        drawings=tuple(_drawn(figure, one.verdicts) for figure in one.result.figures()) if one.result else (),
    )


def criterion_as_data(row: Criterion) -> dict[str, Any]:
    """A criterion as JSON, from which `criterion_from` makes the same one again."""
    data = {field.name: getattr(row, field.name) for field in dataclasses.fields(row)}
    data["where"], data["device"], data["read_by"] = dict(row.where), dict(row.device), list(row.read_by)
    data["condition"] = None if row.condition is None else {"en": row.condition.en, "zh": row.condition.zh}
    return data


def criterion_from(data: Mapping[str, Any]) -> Criterion:
    condition = Words(**data["condition"]) if data["condition"] else None
    known = {field.name for field in dataclasses.fields(Criterion)}
    rest = {key: value for key, value in data.items() if key in known}
    return Criterion(**{**rest, "read_by": tuple(data["read_by"]), "condition": condition})


def _drawn(figure: Figure, verdicts: tuple[Verdict, ...]) -> Drawn:
    from photopeak.present.drawing import draw

    en, zh = (draw(figure, language, verdicts=verdicts).encode() for language in ("en", "zh"))
    pixels, about = _picture(figure) if isinstance(figure, Picture) else (None, None)
    return Drawn(title=figure.title, en=en, zh=zh, pixels=pixels, about=about)


def _picture(picture: Picture) -> tuple[bytes, dict[str, Any]]:
    import numpy as np

    values = np.asarray(picture.values, "<f4")
    low, high = picture.window
    about = {
        "rows": values.shape[0],
        "columns": values.shape[1],
        "pixel_mm": [float(mm) for mm in picture.pixel_mm],
        "left_mm": float(picture.left_mm),
        "top_mm": float(picture.top_mm),
        "window": [float(low), float(high)],
        "unit": {"en": picture.unit.en, "zh": picture.unit.zh},
        "palette": picture.palette,
        "scale_bar_mm": float(picture.scale_bar_mm),
        "where": dict(picture.where),
        "overlays": [_overlay(one, picture) for one in picture.overlays],
    }
    return values.tobytes(), about


def _overlay(one: Any, picture: Picture) -> dict[str, Any]:
    """An overlay in pixel coordinates: loops of corners, a circle, or a sign at a point."""
    rows_mm, columns_mm = picture.pixel_mm
    if isinstance(one, Outline):
        from photopeak.present.outline import trace

        loops = [[[c, r] for r, c in loop] for loop in trace(one.mask)]
        return {"kind": "outline", "style": one.style, "label": one.label, "loops": loops}
    x, y = (one.x_mm - picture.left_mm) / columns_mm, (one.y_mm - picture.top_mm) / rows_mm
    if isinstance(one, Circle):
        radius = one.radius_mm / columns_mm
        return {"kind": "circle", "style": one.style, "label": one.label, "x": float(x), "y": float(y), "radius": float(radius)}
    return {"kind": "spot", "sign": one.sign, "x": float(x), "y": float(y)}


def analyse_in_child(work: Work, beat: Callable[[int, int], bool], ending: threading.Event | None = None) -> Analysed | None:
    """`analyse` in a process of its own with bounded memory and time. `beat(done, of)` every few seconds; False ends it.

    `ending`: once set, the child is ended and nothing returned.
    """
    context: Any = multiprocessing.get_context("spawn" if os.name == "nt" else "fork")
    ours, theirs = context.Pipe(duplex=False)
    child = context.Process(target=_child, args=(work, theirs), daemon=True)
    child.start()
    theirs.close()
    done, of, next_beat, deadline = 0, 0, 0.0, datetime.datetime.now() + datetime.timedelta(seconds=SECONDS)
    try:
        while True:
            if ending is not None and ending.is_set():
                return None
            if ours.poll(1.0):
                kind, content = ours.recv()
                if kind == "analysed":
                    analysed: Analysed = content
                    return analysed
                if kind == "failed":
                    raise Failed(content)
                done, of = content
            if time.monotonic() < next_beat:
                continue
            next_beat = time.monotonic() + BEAT_EVERY_S
            if not beat(done, of):
                return None
            if datetime.datetime.now() > deadline:
                raise Failed("too_long")
    except EOFError:
        raise Failed("child_died") from None
    finally:
        child.kill()
        child.join()
        ours.close()


def _child(work: Work, answer: Connection) -> None:
    if os.name != "nt":
        import resource
        import signal

        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer.send(("analysed", analyse(work, lambda done, of: answer.send(("progress", (done, of))))))
    except MemoryError:
        answer.send(("failed", "out_of_memory"))
    except Exception as fault:
        answer.send(("failed", type(fault).__name__[:40]))
