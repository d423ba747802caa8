"""The summary of a check for the terminal: marks beside their words, results with U (k = 2), limits and where they stand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from photopeak.present.numbers import limit, unit_label, write
from photopeak.present.phrases import programme_name, say, stage_name
from photopeak.present.places import place
from photopeak.present.summary import OUTCOMES, device_name
from photopeak.present.tables import Names, in_order, quantity_names, silent_keys
from photopeak.verdict import OUTCOME_WORDS, REASONS, Verdict
from photopeak.words import Language

if TYPE_CHECKING:
    from photopeak.check import Checked, Examined

SIGNS = {"pass": "✓", "fail": "✗", "undecided": "◆", "not_assessed": "○"}
STYLES = {"pass": "green", "fail": "bold red", "undecided": "bold yellow", "not_assessed": "dim"}
ROWS, FILES = 40, 12  #: per test and of unread files; the report has them all


def show(checked: Checked, language: Language, console: Console) -> None:
    """Print the summary on `console`."""
    names = quantity_names(checked)
    for one in checked.examined:
        _examined(one, names, language, console)
    for unread in checked.unread[:FILES]:
        name = unread.path.replace("\\", "/").rpartition("/")[2]
        console.print(Text.assemble(("○ ", "dim"), f"{name}{say('colon', language)}", unread.words.say(language)))
    if len(checked.unread) > FILES:
        console.print(Text(say("some_unread", language, len(checked.unread)), "dim"))
    console.print(_tally(checked, language))


def _examined(one: Examined, names: Names, language: Language, console: Console) -> None:
    head = f"{one.procedure.words.say(language)} · {device_name(one.evidence.about, language)} · {one.evidence.name}"
    console.print(Text(head, "bold"))
    if one.refusal is not None:
        said = f"{say('refused', language)}{say('colon', language)}{one.refusal.words.say(language)}"
        console.print(Padding(Text(f"○ {said}"), (0, 0, 1, 2)))
        return
    judged = [v for v in in_order(one.verdicts) if v.criterion is not None and v.measurement is not None]
    others = [v for v in one.verdicts if v.criterion is None or v.measurement is None]
    if len(judged) + len(others) <= ROWS:
        judged, others = judged + others, []
    if judged:
        hidden = silent_keys(one.result.measurements) if one.result else frozenset()
        console.print(Padding(_table(judged[:ROWS], names, hidden, language), (0, 0, 0, 2)))
    for reason, count in Counter(v.reason for v in others).items():
        said = REASONS[reason].say(language) if reason in REASONS else reason
        console.print(Padding(Text(f"○ {count} {OUTCOME_WORDS['not_assessed'].say(language)}（{said}）" if language == "zh"
                                   else f"○ {count} not assessed ({said})", "dim"), (0, 0, 0, 2)))  # fmt: skip
    for remark in one.result.remarks if one.result else ():
        console.print(Padding(Text(f"· {remark.words.say(language)}", "dim"), (0, 0, 0, 2)))
    console.print()


def _table(verdicts: Iterable[Verdict], names: Names, hidden: frozenset[str], language: Language) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim", show_edge=False)
    table.add_column(say("verdict", language), no_wrap=True)
    table.add_column(say("where", language))
    table.add_column(say("quantity", language))
    table.add_column(f"{say('result', language)} ± U (k = 2)", justify="right", no_wrap=True)
    table.add_column(say("unit", language), no_wrap=True)
    table.add_column(say("limit", language), justify="right", no_wrap=True)
    table.add_column(say("source", language), style="dim")
    for verdict in verdicts:
        table.add_row(*_cells(verdict, names, hidden, language))
    return table


def _cells(verdict: Verdict, names: Names, hidden: frozenset[str], language: Language) -> list[Text]:
    m, row = verdict.measurement, verdict.criterion
    style = STYLES[verdict.outcome]
    where = m.where if m else row.place if row else {}
    identifier = row.quantity if row else ""
    name = m.quantity.words.say(language) if m else names[identifier].say(language) if identifier in names else identifier
    unit = m.unit if m else row.unit if row else "1"
    bounds = limit(row.lower, row.upper, row.inclusive) if row else limit(None, None)
    source = " · ".join(filter(None, [row.standard, row.clause])) if row else REASONS[verdict.reason].say(language)
    if row is not None and row.has_limit and row.provisional:
        source = f"{say('provisional', language)} · {source}"
    values = [place(where, language, hidden), name, str(write(m)), unit_label(unit, language), bounds, source]
    return [Text(f"{SIGNS[verdict.outcome]} {OUTCOME_WORDS[verdict.outcome].say(language)}", style), *(Text(v) for v in values)]


def _tally(checked: Checked, language: Language) -> Text:
    counts = Counter(verdict.outcome for verdict in checked.verdicts)
    stage = stage_name(checked.stage, language) + (f" · {programme_name(checked.programme)}" if checked.programme else "")
    line = Text(f"{stage}{say('colon', language)}", "bold")
    for outcome in OUTCOMES:
        line.append(f"{SIGNS[outcome]} {counts[outcome]} {OUTCOME_WORDS[outcome].say(language)}   ", STYLES[outcome])
    return line
