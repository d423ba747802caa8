"""The report as plain data, in one language: the first page, a section for each test, the last pages. Both media draw from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import photopeak
from photopeak.evidence import EvidenceFile
from photopeak.figure import Chart, Figure, Picture
from photopeak.present import side_by_side
from photopeak.present.document import fingerprint
from photopeak.present.drawing import FULL, draw, width_of
from photopeak.present.drawing import side_by_side as rows_of
from photopeak.present.last_pages import LastPages, last_pages
from photopeak.present.numbers import date, limit, say_result, tidy, with_unit
from photopeak.present.phrases import programme_name, say, stage_name
from photopeak.present.places import place
from photopeak.present.summary import Summary, capital, device_label, summarise, what_of
from photopeak.present.tables import (
    CrossTable,
    Names,
    ResultTable,
    Sources,
    Writer,
    crossed,
    noise_floors,
    plain_list,
    quantity_names,
    shown_as_floor,
    silent_keys,
)
from photopeak.verdict import REASONS, Verdict
from photopeak.words import Language

if TYPE_CHECKING:
    from photopeak.check import Checked, Examined

MISSING_ROWS = 4  #: limits without a measurement that stand as rows; more are listed
PLAIN_ROWS = 14  #: so many unjudged results at most stand as rows; more are crossed or listed
NAME_SHOWN, FILES_SHOWN, NOTICE_LINES = 32, 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """A figure with its caption and its text equivalent; `share` is its part of the text width."""

    svg: str
    alt: str
    caption: str
    share: float
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the reader must see first: an outcome, a heading and a few lines."""

    outcome: str
    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """Crossed tables under one heading; `outcome` is empty for results that nothing was to judge."""

    heading: str
    outcome: str
    tables: tuple[CrossTable, ...]
    rows: ResultTable | None
    plain: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One test on one piece of evidence."""

    number: int
    name: str
    title: str
    address: str
    subtitle: str
    notices: tuple[Notice, ...]
    figures: tuple[tuple[Drawn, ...], ...]
    lead: bool  #: the first row is one picture: notices and conditions stand beside it
    table: ResultTable | None
    unjudged: tuple[Crossed, ...]
    conditions: tuple[tuple[str, str], ...]
    evidence: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that is printed, as text, numbers and SVG."""

    language: Language
    title: str
    number: str
    made: str
    stage: str
    software: str
    summary: Summary
    sections: tuple[Section, ...]
    last: LastPages


def compose(checked: Checked, language: Language) -> Report:
    """The report of one check in one language."""
    sources, names = Sources(), quantity_names(checked)
    print_ = fingerprint(checked)
    measured = [one for one in checked.examined if one.result is not None]
    sections = tuple(_section(one, n, language, sources, names) for n, one in enumerate(measured, 2))
    sections += _side_by_side(checked.examined, len(sections) + 2, language)
    summary = summarise(checked, measured, language, sources, names)
    last = last_pages(checked, language, sources, names)
    mark = say("fingerprint", language, f"{print_[:4]} {print_[4:8]}")
    return Report(
        language=language,
        title=say("title", language),
        number=say("report_number", language, f"{checked.made:%Y%m%d}-{print_[:8]}"),
        made=date(checked.made),
        stage=_stage(checked, language),
        software=f"Photopeak {photopeak.__version__} · {mark}",
        summary=summary,
        sections=sections,
        last=last,
    )


def _stage(checked: Checked, language: Language) -> str:
    name = stage_name(checked.stage, language)
    return f"{name} · {programme_name(checked.programme)}" if checked.programme else name


SIDE_BY_SIDE = 2  #: charts of the region's scanners in a row


def _side_by_side(examined: Sequence[Examined], number: int, language: Language) -> tuple[Section, ...]:
    """A section that compares the scanners whose phantom was measured; none for a single one."""
    compared = side_by_side.scanners(examined)
    if len(compared) < side_by_side.FEWEST:
        return ()
    drawn = []
    charts = side_by_side.overlaid(compared, language)
    verdicts = [verdict for one in compared for verdict in one.verdicts]
    for count, chart in enumerate(charts, 1):
        width = width_of(charts[:SIDE_BY_SIDE], None)
        svg = draw(chart, language, width=width, verdicts=verdicts)
        title = chart.title.say(language)
        file = f"{number - 1:02d}-side-by-side-{count:02d}.svg"
        drawn.append(Drawn(svg=svg, alt=title, caption=title, share=width / FULL, file=file))
    section = Section(
        number=number,
        name=f"section-{number}",
        title=side_by_side.TITLE.say(language),
        address="pet.image_quality",
        subtitle=side_by_side.SUBTITLE.say(language).format(n=len(compared)),
        notices=(),
        figures=tuple(tuple(drawn[n : n + SIDE_BY_SIDE]) for n in range(0, len(drawn), SIDE_BY_SIDE)),
        lead=False,
        table=None,
        unjudged=(
            Crossed(
                heading=side_by_side.EACH.say(language),
                outcome="",
                rows=None,
                tables=(),
                plain=side_by_side.said_of(compared, examined, language),
            ),
        ),
        conditions=(),
        evidence=tuple((one.evidence.name, _short(one.evidence.sha256)) for one in compared),
        remarks=(),
        notes=(),
    )
    return (section,)


# one section


def _section(one: Examined, number: int, language: Language, sources: Sources, names: Names) -> Section:
    assert one.result is not None
    measurements = one.result.measurements
    hidden = silent_keys(measurements)
    writer = Writer(language=language, sources=sources, names=names, hidden=hidden, floors=noise_floors(measurements))
    judged = [v for v in one.verdicts if v.criterion is not None and v.criterion.has_limit]
    missing = [v for v in one.verdicts if v.measurement is None]
    if len(missing) > MISSING_ROWS:
        judged = [v for v in judged if v.measurement is not None]
    table = writer.result_table(judged) if judged else None
    unjudged = (*_unjudged(one, writer), *_missing([v for v in missing if v not in judged], writer))
    floors = (table is not None and table.has_floor) or any(part.rows and part.rows.has_floor for part in unjudged)
    figures = _figures(one, number, language)
    return Section(
        number=number,
        name=f"section-{number}",
        title=one.procedure.words.say(language),
        address=one.procedure.name,
        subtitle=_subtitle(one, language),
        notices=tuple(_notices(one, writer)),
        figures=figures,
        lead=bool(figures) and len(figures[0]) == 1 and figures[0][0].share < 0.6,
        table=table,
        unjudged=unjudged,
        conditions=_conditions(one, language),
        evidence=_evidence(one, language),
        remarks=tuple(capital(tidy(remark.words.say(language))) for remark in one.result.remarks),
        notes=(say("expanded", language), *((say("noise_floor_is", language),) if floors else ())),
    )


def _subtitle(one: Examined, language: Language) -> str:
    acquired = date(one.evidence.acquired) if one.evidence.acquired else ""
    return " · ".join(
        filter(
            None, [device_label(one.evidence.about, language, one.evidence.about.station), acquired, one.procedure.implements]
        )
    )


def _notices(one: Examined, writer: Writer) -> list[Notice]:
    notices = []
    for outcome, key in (("fail", "fails"), ("undecided", "undecided")):
        rows = [v for v in one.verdicts if v.outcome == outcome]
        if not rows:
            continue
        lines = [_line(verdict, writer) for verdict in rows[:NOTICE_LINES]]
        if len(rows) > NOTICE_LINES:
            lines.append(say("say_more", writer.language, len(rows) - NOTICE_LINES))
        reasons = dict.fromkeys(v.reason for v in rows if v.reason)
        heading = say(key, writer.language)
        if outcome == "undecided":
            said = say("semicolon", writer.language).join(REASONS[r].say(writer.language) for r in reasons if r in REASONS)
            heading += say("colon", writer.language) + said if said else ""
        notices.append(Notice(outcome=outcome, heading=heading, lines=tuple(lines)))
    return notices


def _line(verdict: Verdict, writer: Writer) -> str:
    row, m = verdict.criterion, verdict.measurement
    assert row is not None
    assert m is not None
    what = capital(what_of(verdict, writer))
    bounds = with_unit(limit(row.lower, row.upper, row.inclusive), row.unit, writer.language)
    return say("say_row", writer.language, what=what, result=say_result(m, writer.language), limit=bounds)


def _unjudged(one: Examined, writer: Writer) -> tuple[Crossed, ...]:
    """Results that no limit speaks of, by the reason they were not assessed, and those that were never to be judged."""
    assert one.result is not None
    by_reason: dict[str, list[Verdict]] = {}
    for verdict in one.verdicts:
        limited = verdict.criterion is not None and verdict.criterion.has_limit
        if not limited and verdict.measurement is not None:
            by_reason.setdefault(verdict.reason, []).append(verdict)
    parts = [_open(reason, rows, writer) for reason, rows in by_reason.items()]
    spoken_of = {id(v.measurement) for v in one.verdicts}
    measurements = one.result.measurements
    silent = [m for m in measurements if id(m) not in spoken_of and not shown_as_floor(m, measurements)]
    if silent:
        tables, remaining = crossed(silent, writer.language, writer.hidden)
        plain = tuple(plain_list(remaining, writer.language, writer.hidden))
        parts.append(Crossed(heading=say("also", writer.language), outcome="", tables=tuple(tables), rows=None, plain=plain))
    return tuple(parts)


def _missing(verdicts: Sequence[Verdict], writer: Writer) -> list[Crossed]:
    """Limits that found no measurement, a line for each quantity and source."""
    lines: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        row = verdict.criterion
        if row is not None:
            bounds = with_unit(limit(row.lower, row.upper, row.inclusive), row.unit, writer.language)
            said = " ".join(filter(None, [place(row.place, writer.language, writer.hidden), bounds]))
            lines.setdefault((writer.named(row.quantity), writer.sources.number(row)), []).append(said)
    between = say("semicolon", writer.language)
    plain = tuple((f"{name} {source}", between.join(said)) for (name, source), said in lines.items())
    heading = say("not_measured", writer.language)
    return [Crossed(heading=heading, outcome="not_assessed", tables=(), rows=None, plain=plain)] if plain else []


def _open(reason: str, verdicts: Sequence[Verdict], writer: Writer) -> Crossed:
    said = REASONS[reason].say(writer.language) if reason in REASONS else reason
    tables, remaining = crossed([v.measurement for v in verdicts if v.measurement], writer.language, writer.hidden)
    rest = [v for v in verdicts if any(v.measurement is m for m in remaining)]
    rows = writer.result_table(rest) if 0 < len(rest) <= PLAIN_ROWS else None
    plain = () if rows else tuple(plain_list(remaining, writer.language, writer.hidden))
    in_rows = [v.criterion for v in (rest if rows else ())]
    cited = dict.fromkeys(writer.sources.number(v.criterion) for v in verdicts if v.criterion and v.criterion not in in_rows)
    heading = " ".join([say("not_judged", writer.language, said), *cited])
    return Crossed(heading=heading, outcome="not_assessed", tables=tuple(tables), rows=rows, plain=plain)


def _figures(one: Examined, number: int, language: Language) -> tuple[tuple[Drawn, ...], ...]:
    assert one.result is not None
    rows: list[tuple[Drawn, ...]] = []
    count = 0
    for row in rows_of(one.result.figures()):
        drawn = []
        for figure in row:
            count += 1
            width = width_of(row, _across(row, rows))
            svg = draw(figure, language, width=width, verdicts=one.verdicts)
            file = f"{number - 1:02d}-{one.procedure.name.replace('.', '-')}-{count:02d}.svg"
            drawn.append(
                Drawn(
                    svg=svg, alt=figure.title.say(language), caption=_caption(figure, language), share=width / FULL, file=file
                )
            )
        rows.append(tuple(drawn))
    return tuple(rows)


def _caption(figure: Figure, language: Language) -> str:
    """The title, unless the axis of a chart says the same above it."""
    title = tidy(figure.title.say(language))
    return "" if isinstance(figure, Chart) and title == figure.y.label.say(language) else title


def _across(row: Sequence[Figure], before: Sequence[tuple[Drawn, ...]]) -> int | None:
    """The last row of a group of pictures keeps the width of the rows above it."""
    if before and len(row) < len(before[-1]) and isinstance(row[0], Picture) and row[0].group:
        return len(before[-1])
    return None


def _conditions(one: Examined, language: Language) -> tuple[tuple[str, str], ...]:
    assert one.result is not None
    return tuple((capital(c.label.say(language)), tidy(c.value.say(language))) for c in one.result.conditions)


def _evidence(one: Examined, language: Language) -> tuple[tuple[str, str], ...]:
    files = one.evidence.files
    if len(files) <= FILES_SHOWN:
        return tuple((_file_name(file), _short(file.sha256)) for file in files)
    span = f"{_file_name(files[0])} – {_file_name(files[-1])}"
    return (
        (say("evidence_files", language), say("series", language, n=len(files))),
        (say("file", language), span),
        ("sha256", _short(one.evidence.sha256).removeprefix("sha256 ")),
    )


def _file_name(file: EvidenceFile) -> str:
    """The name alone, a very long one without its middle."""
    name = file.path.replace("\\", "/").rstrip("/").rpartition("/")[2] or file.path
    return name if len(name) <= NAME_SHOWN else f"{name[: NAME_SHOWN - 13]}…{name[-12:]}"


def _short(sha256: str) -> str:
    return f"sha256 {sha256[:4]} {sha256[4:8]} … {sha256[-4:]}"
