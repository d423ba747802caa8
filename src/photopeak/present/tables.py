"""Rows of results as they are printed: grouped, in order, on equal decimals; and crossed tables for what no limit judges."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from photopeak.criterion import Criterion
from photopeak.measurement import Measurement
from photopeak.present.numbers import ABSENT, Written, limit, to_place, unit_label, with_unit, write
from photopeak.present.places import heading, place, value_alone
from photopeak.present.strip import strip
from photopeak.verdict import OUTCOME_WORDS, Verdict
from photopeak.words import Language, Words

if TYPE_CHECKING:
    from photopeak.check import Checked

ORDER = {"fail": 0, "undecided": 1, "pass": 2, "not_assessed": 2}
FLOOR = "_noise_floor"
Names = dict[str, Words]  #: quantity identifier to its name, for criteria that found no measurement


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One verdict, or one result without one, in printed form. `pad` is the room after the value in digits, for equal decimals."""

    procedure: str = ""
    where: str
    quantity: str
    value: str
    expanded: str
    pad: float = 0.0
    unit: str
    floor: str = ""
    limit: str = ABSENT
    strip: str = ""
    outcome: str = ""
    verdict: str = ""
    provisional: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultTable:
    """Rows with the same columns. A unit that all rows share stands once in the head."""

    rows: tuple[Row, ...]
    unit: str | None
    has_floor: bool
    has_limit: bool
    has_source: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    value: str
    expanded: str
    pad: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossTable:
    """Results that differ in one number (sphere, bar, rod): a row for each number, a column for each kind of result."""

    corner: str
    columns: tuple[tuple[str, str], ...]  #: heading and, below it, where or unit
    rows: tuple[tuple[str, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """What rows need to know beside their verdict."""

    language: Language
    sources: Sources
    names: Names
    hidden: frozenset[str] = frozenset()  #: keys of `where` that are the same in the whole result and say nothing
    floors: dict[tuple[str, str], Measurement] = field(default_factory=dict)

    def row(self, verdict: Verdict, procedure: str = "") -> Row:
        measured, criterion = verdict.measurement, verdict.criterion
        written = write(measured)
        where = measured.where if measured else criterion.place if criterion else {}
        floor = self.floors.get(_identity(measured)) if measured else None
        unit = measured.unit if measured else criterion.unit if criterion else "1"
        limited = criterion is not None and criterion.has_limit
        return Row(
            procedure=procedure,
            where=place(where, self.language, self.hidden),
            quantity=self.quantity(verdict),
            value=written.value,
            expanded=written.expanded,
            unit=unit_label(unit, self.language),
            floor=_alike(floor.value, written.value) if floor else "",
            limit=_limit_text(criterion, unit, self.language),
            strip=strip(verdict, self.language) if limited else "",
            outcome=verdict.outcome,
            verdict=OUTCOME_WORDS[verdict.outcome].say(self.language),
            provisional=criterion is not None and limited and criterion.provisional,
            source=self.sources.number(criterion) if criterion else "",
        )

    def quantity(self, verdict: Verdict) -> str:
        if verdict.measurement is not None:
            return verdict.measurement.quantity.words.say(self.language)
        return self.named(verdict.criterion.quantity) if verdict.criterion else ABSENT

    def named(self, identifier: str) -> str:
        return self.names[identifier].say(self.language) if identifier in self.names else identifier.replace("_", " ")

    def result_table(self, verdicts: Iterable[Verdict]) -> ResultTable:
        """Fails first, then undecided, then the order in which the standard lists them."""
        rows = [self.row(verdict) for verdict in in_order(verdicts)]
        units = {row.unit for row in rows}
        return ResultTable(
            rows=tuple(once(aligned(rows))),
            unit=units.pop() if len(units) == 1 else None,
            has_floor=any(row.floor for row in rows),
            has_limit=any(row.limit != ABSENT for row in rows),
            has_source=any(row.source for row in rows),
        )


def quantity_names(checked: Checked) -> Names:
    """The names of the quantities that limits speak of, from the procedures that were run and from the whole roll."""
    known = {quantity.name: quantity.words for one in checked.examined for quantity in one.procedure.quantities}
    asked = {row.quantity for row in checked.untested} | {v.criterion.quantity for v in checked.verdicts if v.criterion}
    if any(quantity not in known for quantity in asked):
        from photopeak.procedure import roll

        known = {q.name: q.words for entry in roll().values() for q in entry.quantities} | known
    return known


class Sources:
    """The limits cited in a report, numbered in the order in which they are met."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], list[Criterion]] = {}

    def number(self, row: Criterion) -> str:
        key = (row.standard, row.edition, row.clause)
        found = self._rows.setdefault(key, [])
        if row not in found:
            found.append(row)
        return f"[{list(self._rows).index(key) + 1}]"

    def cited(self) -> list[list[Criterion]]:
        """For each number in turn, the limits that were cited under it."""
        return list(self._rows.values())


def in_order(verdicts: Iterable[Verdict]) -> list[Verdict]:
    return sorted(verdicts, key=lambda verdict: ORDER[verdict.outcome])


def aligned(rows: Sequence[Row]) -> list[Row]:
    """The rows with the room that puts their decimal points below one another, where that room is small."""
    pads = _pads([row.value for row in rows])
    return [replace(row, pad=pad) for row, pad in zip(rows, pads, strict=True)]


def _pads(values: Sequence[str]) -> list[float]:
    digits = [len(value.partition(".")[2]) if "." in value else -0.5 for value in values]
    known = [n for n, value in zip(digits, values, strict=True) if value != ABSENT]
    most = max(known, default=0.0)
    if most - min(known, default=0.0) > 4:
        return [0.0] * len(values)
    return [0.0 if value == ABSENT else most - n for n, value in zip(digits, values, strict=True)]


def once(rows: Iterable[Row]) -> list[Row]:
    """A procedure and a place that repeat in the next row are printed once."""
    shown, before = [], ("", "")
    for row in rows:
        now = (row.procedure, row.where)
        same_procedure = bool(row.procedure) and now[0] == before[0]
        same_where = bool(row.where) and now == before
        shown.append(replace(row, procedure="" if same_procedure else row.procedure, where="" if same_where else row.where))
        before = now
    return shown


def _limit_text(criterion: Criterion | None, unit: str, language: Language) -> str:
    if criterion is None or not criterion.has_limit:
        return ABSENT
    text = limit(criterion.lower, criterion.upper, criterion.inclusive)
    return text if criterion.unit == unit else with_unit(text, criterion.unit, language)


# noise floors


def _identity(m: Measurement) -> tuple[str, str]:
    return m.quantity.name, repr(sorted((key, str(value)) for key, value in m.where.items()))


def _alike(value: float, example: str) -> str:
    """A number to the same decimals as the result beside it."""
    return to_place(value, -len(example.partition(".")[2]))


def noise_floors(measurements: Iterable[Measurement]) -> dict[tuple[str, str], Measurement]:
    """The floor of each measurement that has one, under the measurement's own identity."""
    found = {}
    for m in measurements:
        if m.quantity.name.endswith(FLOOR):
            found[m.quantity.name.removesuffix(FLOOR), _identity(m)[1]] = m
    return found


def shown_as_floor(m: Measurement, measurements: Iterable[Measurement]) -> bool:
    """Whether a floor already stands in the row of the result that it belongs to."""
    if not m.quantity.name.endswith(FLOOR):
        return False
    owner = (m.quantity.name.removesuffix(FLOOR), _identity(m)[1])
    return any(_identity(other) == owner for other in measurements)


def silent_keys(measurements: Sequence[Measurement]) -> frozenset[str]:
    """Keys that need not be repeated in every row: an energy window that is the only one."""
    windows = {m.where["energy_window"] for m in measurements if "energy_window" in m.where}
    return frozenset({"energy_window"} if len(windows) == 1 else ())


# crossed tables

ACROSS = 5  #: columns of results in one crossed table
MANY = 8  #: results that differ in words only are crossed from so many on


def crossed(
    measurements: Sequence[Measurement], language: Language, hidden: frozenset[str]
) -> tuple[list[CrossTable], list[Measurement]]:
    """Crossed tables of the measurements that have a number in common, and those that remain for a plain list."""
    key = _common_number(measurements)
    if key is None:
        return _by_place(measurements, language, hidden)
    inside = [m for m in measurements if key in m.where]
    remaining = [m for m in measurements if key not in m.where]
    columns: dict[tuple[str, str], dict[float, Measurement]] = {}
    for m in inside:
        rest = repr(sorted((k, str(v)) for k, v in m.where.items() if k != key))
        columns.setdefault((m.quantity.name, rest), {})[float(m.where[key])] = m
    kinds = list(columns.values())
    numbers = sorted({float(m.where[key]) for m in inside})
    tables = [
        _cross_table(key, numbers, kinds[n : n + _fair(len(kinds))], language, hidden)
        for n in range(0, len(kinds), _fair(len(kinds)))
    ]
    more, rest_of_them = crossed(remaining, language, hidden)
    return tables + more, rest_of_them


def _by_place(
    measurements: Sequence[Measurement], language: Language, hidden: frozenset[str]
) -> tuple[list[CrossTable], list[Measurement]]:
    """Many results that differ in words only (position, axis, method): a row for each place, a column for each kind and method."""
    groups: dict[tuple[str, ...], list[Measurement]] = {}
    for m in measurements:
        groups.setdefault(tuple(key for key in m.where if key not in hidden), []).append(m)
    tables, remaining = [], []
    for keys, found in groups.items():
        across = next((key for key in ("method", "statistic") if key in keys), "")
        places = list(dict.fromkeys(place(m.where, language, {across, *hidden}) for m in found))
        if len(found) < MANY or len(places) < 3:
            remaining += found
            continue
        kinds: dict[tuple[str, str], dict[str, Measurement]] = {}
        for m in found:
            kind = kinds.setdefault((m.quantity.name, str(m.where.get(across))), {})
            kind[place(m.where, language, {across, *hidden})] = m
        corner = " · ".join(heading(key, language) for key in keys if key != across)
        columns, silent = list(kinds.values()), {key for key in keys if key != across}
        for n in range(0, len(columns), _fair(len(columns))):
            tables.append(_table(corner, places, places, columns[n : n + _fair(len(columns))], language, silent | hidden))
    return tables, remaining


def _fair(columns: int) -> int:
    """Columns for each table, so that the tables are about equally wide."""
    return -(-columns // -(-columns // ACROSS))


def _common_number(measurements: Iterable[Measurement]) -> str | None:
    """The key of `where` with the most different numbers, if it has at least three."""
    found: dict[str, set[float]] = {}
    for m in measurements:
        for key, value in m.where.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                found.setdefault(key, set()).add(float(value))
    best = max(found, key=lambda key: len(found[key]), default=None)
    return best if best is not None and len(found[best]) >= 3 else None


def _cross_table(
    key: str, numbers: Sequence[float], kinds: Sequence[dict[float, Measurement]], language: Language, hidden: frozenset[str]
) -> CrossTable:
    said = [value_alone(key, number, language) for number in numbers]
    return _table(heading(key, language), numbers, said, kinds, language, {key, *hidden})


def _table(
    corner: str,
    places: Sequence[Any],
    said: Sequence[str],
    kinds: Sequence[dict[Any, Measurement]],
    language: Language,
    silent: Set[str],
) -> CrossTable:
    heads, columns = [], []
    for kind in kinds:
        some = next(iter(kind.values()))
        unit = unit_label(some.unit, language)
        name = some.quantity.words.say(language)
        heads.append((f"{name} / {unit}" if unit else name, place(some.where, language, silent)))
        columns.append(_cells([write(kind.get(at)) for at in places]))
    rows = zip(said, zip(*columns, strict=True), strict=True)
    return CrossTable(corner=corner, columns=tuple(heads), rows=tuple((label, tuple(cells)) for label, cells in rows))


def _cells(column: Sequence[Written]) -> list[Cell]:
    pads = _pads([one.value for one in column])
    return [Cell(value=one.value, expanded=one.expanded, pad=pad) for one, pad in zip(column, pads, strict=True)]


def plain_list(measurements: Sequence[Measurement], language: Language, hidden: frozenset[str]) -> list[tuple[str, str]]:
    """Label and value of measurements that stand alone; all of one quantity share a line."""
    lines: dict[tuple[str, str], list[str]] = {}
    for m in measurements:
        where = place(m.where, language, hidden)
        said = with_unit(str(write(m)), m.unit, language)
        label = m.quantity.words.say(language)
        lines.setdefault((m.quantity.name, label), []).append(
            f"{where}{': ' if language == 'en' else '：'}{said}" if where else said
        )
    between = "；" if language == "zh" else "; "
    return [(label, between.join(said)) for (_, label), said in lines.items()]
