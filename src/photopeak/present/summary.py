"""The first page: what was tested, one sentence with the verdict, the counts, the rows that decide, and what follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from photopeak.criterion import Criterion
from photopeak.evidence import Subject
from photopeak.measurement import Quantity
from photopeak.present.numbers import bound, date, say_result, with_unit
from photopeak.present.phrases import programme_name, say, stage_name
from photopeak.present.places import part, place
from photopeak.present.strip import strip
from photopeak.present.tables import Names, Row, Sources, Writer, aligned, in_order, once, silent_keys
from photopeak.verdict import OUTCOME_WORDS, Outcome, Verdict, decide
from photopeak.words import Language

if TYPE_CHECKING:
    from photopeak.check import Checked, Examined

OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "undecided", "not_assessed")
ROOM = 12  #: rows of results on the first page, less two for each further device
MANY_DEVICES, MANY_TESTS, DECIDING = 3, 6, 8
STEPS = 6
SENTENCES = {"fail": 2, "undecided": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    outcome: str
    word: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceTable:
    """The rows of one device; `paper` and `screen` say, before and after a page or section, where the rest stands."""

    heading: str
    rows: tuple[Row, ...]
    has_limit: bool
    section: str
    paper: tuple[str, str]
    screen: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OverviewRow:
    """One test on one piece of evidence, in counts. `section` is empty where it was not analysed."""

    device: str
    procedure: str
    evidence: str
    counts: tuple[int, ...]
    outcome: str
    section: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One example of the legend."""

    strip: str
    outcome: str
    word: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    facts: tuple[tuple[str, str], ...]
    outcome: str
    headline: str
    sentences: tuple[str, ...]
    tally: tuple[Tally, ...]
    provisional: int
    devices: tuple[DeviceTable, ...]
    overview: tuple[OverviewRow, ...]
    next_steps: tuple[str, ...]
    legend: tuple[Reading, ...]


def device_name(about: Subject, language: Language) -> str:
    """Maker and model, without saying the maker twice."""
    maker, model = about.manufacturer or "", about.model or ""
    if maker and model.lower().startswith(maker.lower()):
        maker = ""
    return " ".join(part for part in (maker, model) if part) or say("unnamed_device", language)


def device_label(about: Subject, language: Language, station: str | None = None) -> str:
    """The device with its serial number, and its station's name where given."""
    serial = say("serial", language, about.serial) if about.serial else None
    return " · ".join(part for part in (device_name(about, language), station, serial) if part)


def summarise(checked: Checked, measured: Sequence[Examined], language: Language, sources: Sources, names: Names) -> Summary:
    """`measured` are the examined with a result, in the order of their sections (the first is section 2)."""
    verdicts = [verdict for one in measured for verdict in one.verdicts]
    counts = Counter(verdict.outcome for verdict in verdicts)
    by_device = _by_device(measured)
    many = len(by_device) > MANY_DEVICES or len(checked.examined) > MANY_TESTS
    writer = Writer(language=language, sources=sources, names=names)
    return Summary(
        facts=tuple(_facts(checked, by_device, language)),
        outcome=_worst(counts),
        headline=_headline(checked, measured, counts, language),
        sentences=tuple(_sentences(checked, measured, counts, writer)),
        tally=tuple(Tally(outcome=o, word=OUTCOME_WORDS[o].say(language), count=counts[o]) for o in OUTCOMES),
        provisional=sum(v.criterion is not None and v.criterion.has_limit and v.criterion.provisional for v in verdicts),
        devices=tuple(_deciding(measured, writer) if many else _device_tables(by_device, measured, writer)),
        overview=tuple(_overview(checked, measured, language)) if many else (),
        next_steps=tuple(_next_steps(checked, measured, language)),
        legend=_legend(language),
    )


def _worst(counts: Counter[Outcome]) -> str:
    """The sign of a whole check: a pass only where every verdict is one, because what was not assessed is not a pass."""
    return next((o for o in ("fail", "undecided", "not_assessed") if counts[o]), "pass" if counts["pass"] else "not_assessed")


def _by_device(measured: Iterable[Examined]) -> dict[Subject, list[Examined]]:
    devices: dict[Subject, list[Examined]] = {}
    for one in measured:
        devices.setdefault(replace(one.evidence.about, software=None), []).append(one)
    return devices


def _facts(checked: Checked, by_device: dict[Subject, list[Examined]], language: Language) -> list[tuple[str, str]]:
    facts = []
    if len(by_device) > MANY_DEVICES:
        facts.append((say("devices", language), say("devices_count", language, len(by_device))))
    for n, about in enumerate(by_device if len(by_device) <= MANY_DEVICES else (), 1):
        label = say("device_n", language, n) if len(by_device) > 1 else say("device", language)
        facts.append((label, device_label(about, language, about.station)))
    dates = sorted({str(one.evidence.acquired)[:10] for one in checked.examined if one.evidence.acquired})
    facts.append((say("acquired", language), " – ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else date(None)))
    facts.append((say("stage", language), stage_name(checked.stage, language)))
    if checked.programme:
        facts.append((say("programme", language), programme_name(checked.programme)))
    return [*facts, (say("made", language), date(checked.made))]


# the sentence


def _headline(checked: Checked, measured: Sequence[Examined], counts: Counter[Outcome], language: Language) -> str:
    every, fail, passed, open_ = sum(counts.values()), counts["fail"], counts["pass"], counts["not_assessed"]
    if not every:
        if any(one.result is not None and one.result.measurements for one in measured):
            return say("head_measured", language)
        refused = any(one.refusal is not None for one in checked.examined)
        return say("head_refused" if refused else "head_nothing", language)
    if fail:
        key = "head_fail_only" if every == 1 else "head_fail_one" if fail == 1 else "head_fail"
        return say(key, language, all=every, fail=fail) + _common_place(measured, language)
    if counts["undecided"]:
        return say("head_undecided", language, all=every, undecided=counts["undecided"])
    if not passed:
        return say("head_open", language, open=open_)
    if open_:
        return say("head_partly", language, passed=passed, open=open_)
    return say("head_pass_only" if every == 1 else "head_pass", language, all=every)


def _common_place(measured: Sequence[Examined], language: Language) -> str:
    """ ", both on Meridian NM-640, detector 2": what all fails have in common."""
    failing = [(one, v) for one in measured for v in one.verdicts if v.outcome == "fail"]
    if len({replace(one.evidence.about, software=None) for one, _ in failing}) != 1:
        return ""
    about = failing[0][0].evidence.about
    detectors = {v.measurement.where.get("detector") for _, v in failing if v.measurement}
    where = [device_name(about, language)] if about.manufacturer or about.model else []
    if len(detectors) == 1 and None not in detectors:
        where.append(part("detector", detectors.pop(), language))
    key = "head_one_at" if len(failing) == 1 else "head_both_at" if len(failing) == 2 else "head_all_at"
    return say(key, language, (" " if language == "zh" else ", ").join(where)) if where else ""


def _sentences(checked: Checked, measured: Sequence[Examined], counts: Counter[Outcome], writer: Writer) -> Iterable[str]:
    language = writer.language
    rows = [(one, verdict) for one in measured for verdict in one.verdicts]
    several = len(_by_device(measured)) > 1
    for outcome, more in (("fail", "more_fails"), ("undecided", "more_undecided")):
        of_it = [(one, verdict) for one, verdict in rows if verdict.outcome == outcome]
        for one, verdict in of_it[: SENTENCES[outcome]]:
            device = device_label(one.evidence.about, language) if several else ""
            yield _sentence(verdict, _hiding(one, writer), device)
        further = len(of_it) - SENTENCES[outcome]
        if further > 0:
            yield say(more if further > 1 else f"{more}_one", language, further)
    if not counts["fail"] and not counts["undecided"] and rows:
        yield say("all_within" if not counts["not_assessed"] else "partly" if counts["pass"] else "no_limits", language)
    refused = sum(one.refusal is not None for one in checked.examined)
    if refused and rows:
        yield say("some_refused" if refused > 1 else "one_refused", language, refused)
    if checked.unread:
        yield say("some_unread" if len(checked.unread) > 1 else "one_unread", language, len(checked.unread))


def _hiding(one: Examined, writer: Writer) -> Writer:
    return replace(writer, hidden=silent_keys(one.result.measurements)) if one.result else writer


def _sentence(verdict: Verdict, writer: Writer, device: str) -> str:
    """What was found against which limit; `device` is named where the report has several."""
    m, row, language = verdict.measurement, verdict.criterion, writer.language
    assert m is not None
    assert row is not None
    what = what_of(verdict, writer)
    what = say("of_device", language, device=device, what=what) if device else capital(what)
    above = row.upper is not None and (row.lower is None or m.value > (row.lower + row.upper) / 2)
    crossed = row.upper if above else row.lower
    assert crossed is not None
    key = "over" if above else "under"
    if verdict.outcome == "undecided":
        key = "noisy" if verdict.reason == "noise_limited" else "straddles"
    return say(key, language, what=what, result=say_result(m, language), limit=with_unit(bound(crossed), row.unit, language))


def what_of(verdict: Verdict, writer: Writer) -> str:
    """ "探头 2 · UFOV 积分均匀性": a place and a quantity in a sentence."""
    m = verdict.measurement
    where = place(m.where if m else {}, writer.language, writer.hidden)
    return joined(where, writer.quantity(verdict))


def joined(where: str, quantity: str) -> str:
    """A place and a quantity, with no gap between two Chinese words."""
    chinese = where[-1:] > "\u2e80" and quantity[:1] > "\u2e80"
    return f"{where}{'' if chinese else ' '}{quantity}" if where else quantity


def capital(sentence: str) -> str:
    """With a capital at its start; Chinese, and the name of a file, are unchanged."""
    first = sentence.split(" ", 1)[0]
    return sentence if "." in first.rstrip(".,:") else sentence[:1].upper() + sentence[1:]


# the rows that decide


def _device_tables(
    by_device: dict[Subject, list[Examined]], measured: Sequence[Examined], writer: Writer
) -> Iterable[DeviceTable]:
    room = max(4, (ROOM - 2 * (len(by_device) - 1)) // max(1, len(by_device)))
    spare = 0
    for n, (about, ones) in enumerate(by_device.items(), 1):
        rows = [(one, verdict) for one in ones for verdict in one.verdicts]
        rows.sort(key=lambda pair: _rank(pair[1]))
        shown = rows[: room + spare]
        spare = max(0, room + spare - len(rows))
        first = next(k for k, one in enumerate(measured, 2) if one is ones[0])
        number = f"{n}  " if len(by_device) > 1 else ""
        tests = dict.fromkeys(one.procedure.words.say(writer.language) for one in ones)
        heading = number + device_name(about, writer.language)
        printed = tuple(_printed(shown, writer, several=len(tests) > 1))
        yield DeviceTable(
            heading=f"{heading} · {next(iter(tests))}" if len(tests) == 1 else heading,
            rows=printed,
            has_limit=any(row.strip for row in printed),
            section=f"section-{first}",
            paper=_pointer(len(shown), len(rows), "on_page", writer.language),
            screen=_pointer(len(shown), len(rows), "in_section", writer.language),
        )


def _rank(verdict: Verdict) -> int:
    if verdict.outcome in ("fail", "undecided"):
        return 0 if verdict.outcome == "fail" else 1
    if verdict.criterion is None or not verdict.criterion.has_limit:
        return 4
    return 2 if verdict.measurement is not None else 3


def _printed(shown: Sequence[tuple[Examined, Verdict]], writer: Writer, *, several: bool) -> list[Row]:
    """The rows, with the name of the test in its own column where the table has several."""
    names = [one.procedure.words.say(writer.language) if several else "" for one, _ in shown]
    rows = [_hiding(one, writer).row(v, name) for (one, v), name in zip(shown, names, strict=True)]
    return once(aligned(rows))


def _pointer(shown: int, every: int, where: str, language: Language) -> tuple[str, str]:
    key = "of_shown" if shown < every else "one_shown" if every == 1 else "all_shown"
    return say(key, language, shown=shown, all=every) + say(where, language), say(where + "_end", language)


def _deciding(measured: Sequence[Examined], writer: Writer) -> Iterable[DeviceTable]:
    """With many devices, what fails or is undecided, worst first: a small table for each test of a device."""
    rows = [(one, v) for one in measured for v in one.verdicts if v.outcome in ("fail", "undecided")]
    rows.sort(key=lambda pair: _rank(pair[1]))
    shown: dict[int, list[tuple[Examined, Verdict]]] = {}
    for one, verdict in rows[:DECIDING]:
        shown.setdefault(id(one), []).append((one, verdict))
    for own in shown.values():
        one = own[0][0]
        number = next(n for n, other in enumerate(measured, 2) if other is one)
        printed = _printed(own, writer, several=False)
        heading = f"{device_label(one.evidence.about, writer.language)} · {one.procedure.words.say(writer.language)}"
        yield DeviceTable(
            heading=heading,
            rows=tuple(printed),
            has_limit=True,
            section=f"section-{number}",
            paper=_pointer(len(own), len(one.verdicts), "on_page", writer.language),
            screen=_pointer(len(own), len(one.verdicts), "in_section", writer.language),
        )


def _overview(checked: Checked, measured: Sequence[Examined], language: Language) -> Iterable[OverviewRow]:
    section = {id(one): f"section-{n}" for n, one in enumerate(measured, 2)}
    device = None
    for one in checked.examined:
        counts = Counter(v.outcome for v in one.verdicts)
        name = device_label(one.evidence.about, language)
        yield OverviewRow(
            device=name if name != device else "",
            procedure=one.procedure.words.say(language),
            evidence=one.evidence.name,
            counts=tuple(counts[o] for o in OUTCOMES),
            outcome=_worst(counts) if one.result is not None else "refused",
            section=section.get(id(one), ""),
        )
        device = name


# what follows


def _next_steps(checked: Checked, measured: Sequence[Examined], language: Language) -> list[str]:
    steps = [_after_a_fail(one, language) for one in measured if any(v.outcome == "fail" for v in one.verdicts)][:3]
    reasons = Counter(v.reason for one in measured for v in in_order(one.verdicts) if v.reason)
    open_first = (
        "straddles",
        "noise_limited",
        "dead_area",
        "no_uncertainty",
        "unit",
        "programme_not_chosen",
        "no_verified_limit",
    )
    steps += [say(f"next_{reason}", language, n=reasons[reason]) for reason in open_first if reasons[reason]]
    refused = [one for one in checked.examined if one.refusal is not None]
    if refused and refused[0].refusal is not None:
        steps.append(
            say("next_refused", language, file=refused[0].evidence.name, reason=refused[0].refusal.words.say(language))
        )
    if len(refused) > 1:
        steps.append(say("next_more_refused", language, n=len(refused) - 1))
    if checked.unread:
        steps.append(say("next_unread" if len(checked.unread) > 1 else "next_unread_one", language, n=len(checked.unread)))
    missing = len(checked.untested) + reasons["not_measured"]
    if missing:
        steps.append(say("next_untested", language, n=missing))
    return steps[:STEPS] or [say("next_nothing", language)]


def _after_a_fail(one: Examined, language: Language) -> str:
    failing = [v.measurement for v in one.verdicts if v.outcome == "fail" and v.measurement is not None]
    quantities = dict.fromkeys(m.quantity.words.say(language) for m in failing)
    detectors = dict.fromkeys(m.where["detector"] for m in failing if "detector" in m.where)
    comma = say("comma", language)
    where = [device_name(one.evidence.about, language), *(part("detector", d, language) for d in detectors)]
    said = (" " if language == "zh" else ", ").join(where) + say("colon", language)
    return say("next_fail", language, where=said, what=comma.join(quantities))


# how to read


def _legend(language: Language) -> tuple[Reading, ...]:
    quantity = Quantity(name="example", unit="%", en="example", zh="示例")
    row = Criterion(standard="", edition="", clause="", quantity="example", unit="%", upper=5.0, stage="status")
    values = {"pass": (2.6, 0.3), "undecided": (5.0, 0.4), "fail": (6.1, 0.3)}
    examples = [
        Reading(strip=strip(decide(quantity.of(value, u), row), language), outcome=o, word=OUTCOME_WORDS[o].say(language))
        for o, (value, u) in values.items()
    ]
    nothing = strip(decide(None, row), language)
    dashed = strip(decide(quantity.of(2.6, 0.3), replace(row, provisional=True)), language)
    return (
        *examples,
        Reading(strip=nothing, outcome="not_assessed", word=OUTCOME_WORDS["not_assessed"].say(language)),
        Reading(strip=dashed, outcome="provisional", word=say("provisional", language)),
    )
