"""The last pages: evidence that was not analysed, files that could not be used, limits that were not tested, and the sources."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from photopeak.criterion import Criterion
from photopeak.present.numbers import limit, unit_label
from photopeak.present.phrases import BASES, how_read, programme_name, say
from photopeak.present.places import place
from photopeak.present.tables import Names, Row, Sources, Writer
from photopeak.words import Language, Words

if TYPE_CHECKING:
    from photopeak.check import Checked

LISTED = 60  #: untested limits that are listed one by one


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A cited limit: its number, its page, and who compared it with the printed one."""

    number: str
    standard: str
    clause: str
    read: str
    provisional: bool
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LastPages:
    refusals: tuple[tuple[str, str, str], ...]
    unread: tuple[tuple[str, str], ...]
    untested: tuple[Row, ...]
    untested_more: str
    sources: tuple[Source, ...]


def last_pages(checked: Checked, language: Language, sources: Sources, names: Names) -> LastPages:
    writer = Writer(language=language, sources=sources, names=names)
    shown = checked.untested[:LISTED]
    refusals = tuple(
        (one.procedure.words.say(language), one.evidence.name, one.refusal.words.say(language))
        for one in checked.examined
        if one.refusal is not None
    )
    untested = tuple(_untested(row, writer) for row in shown)
    hidden = len(checked.untested) - len(shown)
    return LastPages(
        refusals=refusals,
        unread=tuple((one.path.replace("\\", "/").rpartition("/")[2], one.words.say(language)) for one in checked.unread),
        untested=untested,
        untested_more=say("more_listed", language, hidden) if hidden else "",
        sources=tuple(_source(n, rows, language) for n, rows in enumerate(sources.cited(), 1)),
    )


def _untested(row: Criterion, writer: Writer) -> Row:
    return Row(
        where=place(row.place, writer.language),
        quantity=writer.named(row.quantity),
        value="",
        expanded="",
        unit=unit_label(row.unit, writer.language),
        limit=limit(row.lower, row.upper, row.inclusive),
        provisional=row.provisional and row.has_limit,
        source=writer.sources.number(row),
    )


def _source(number: int, rows: Sequence[Criterion], language: Language) -> Source:
    first = rows[0]
    programmes = dict.fromkeys(programme_name(row.programme) for row in rows if row.programme)
    conditions = dict.fromkeys(row.condition.say(language) for row in rows if row.condition)
    basis = BASES.get(first.basis, Words("", "")).say(language)
    readers = dict.fromkeys(how_read(reader, language) for row in rows for reader in row.read_by)
    provisional = any(row.provisional for row in rows if row.has_limit)
    read = [say("no_number", language)] if not any(row.has_limit for row in rows) else []
    read += [say("is_provisional", language)] if provisional else []
    read += [say("read_by", language, say("comma", language).join(readers))] if readers and not provisional else []
    standard = first.standard + (f", {first.edition}" if first.edition and first.edition not in first.standard else "")
    return Source(
        number=f"[{number}]",
        standard=standard,
        clause=" · ".join([*filter(None, [first.clause, basis]), *programmes, *conditions]),
        read=say("semicolon", language).join(read),
        provisional=provisional,
        url=next((row.source_url for row in rows if row.source_url), ""),
    )
