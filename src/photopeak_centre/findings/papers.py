"""The papers of the centre, composed from what the system knows: the same content in both languages, for PDF and Word."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone

from photopeak.finding import cites
from photopeak.present.numbers import ABSENT
from photopeak.present.official import Annex, Paper, Paragraph, Table
from photopeak.present.tables import Row, Sources, Writer, in_order
from photopeak.verdict import Verdict
from photopeak.words import Language, Words
from photopeak_centre.campaigns.models import Visit
from photopeak_centre.checks.models import Drawing, Result
from photopeak_centre.checks.rows import verdict_of
from photopeak_centre.findings.life import names_of, verdict_from, words_of
from photopeak_centre.findings.models import Act, Document, Finding, Practice
from photopeak_centre.findings.texts import fill
from photopeak_centre.findings.working_days import working_days_after
from photopeak_centre.hospitals.models import Organisation

TITLES: dict[str, Words] = {
    "site_record": Words("Record of site inspection", "现场检查记录"),
    "notice": Words("Rectification notice", "质控整改通知书"),
    "reinspection_opinion": Words("Opinion on re-inspection", "整改复查意见书"),
    "feedback_letter": Words("Letter on quality control", "质控反馈函"),
    "certificate": Words("Certificate", "质控检测合格证书"),
}
#: what is added to the centre's prefix, so that each kind is numbered for itself
SERIES = {"notice": "", "reinspection_opinion": "复", "feedback_letter": "函", "site_record": "检", "certificate": "证"}
#: what a device's own limit names in place of an edition
BASES = (Words("manufacturer's specification", "厂家指标"), Words("acceptance baseline", "验收基线"))
COURTESY = Words("Courtesy translation. The Chinese paper is the authoritative one.", "")
LANGUAGES: tuple[Language, Language] = ("zh", "en")
IN_THE_TEXT = 4  # so many verdicts are written out; the annex has all
PICTURES = 2


def edition_in(edition: str, language: Language) -> str:
    """The edition of a standard, or what stands in its place for a device's own limit, in that language."""
    return next((said.say(language) for said in BASES if edition in (said.en, said.zh)), edition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """A paper in both languages, and the drawings its annexes show: by name, the sha256 of the SVG in each language."""

    zh: Paper
    en: Paper
    pictures: dict[str, dict[str, str]] = field(default_factory=dict)

    def of(self, language: str) -> Paper:
        return self.en if language == "en" else self.zh


def compose(document: Document, *, number: str = "", day: datetime.date | None = None) -> Composed:
    """The paper that a draft amounts to today, or under its number on its day."""
    day = day or timezone.localdate()
    made = {language: _Composer(document, language, number, day).paper() for language in LANGUAGES}
    drawings = _drawings(document)
    pictures = {f"drawing-{one.pk}": {"zh": one.zh_id, "en": one.en_id} for one in drawings}
    return Composed(zh=made["zh"], en=made["en"], pictures=pictures)


def findings_of(document: Document) -> list[Finding]:
    """What a notice or an opinion is about: its finding, and those of the same visit that were drafted with it."""
    if document.finding is None:
        return []
    others = Finding.objects.filter(pk__in=document.content.get("with") or (), organisation=document.organisation_id)
    return [document.finding, *others.order_by("id")]


def due_of(document: Document, day: datetime.date) -> datetime.date:
    """The deadline that a notice (or the call for another round) gives: the one chosen, else by the practice."""
    chosen = document.content.get("due")
    return datetime.date.fromisoformat(chosen) if chosen else working_days_after(day, Practice.of_the_centre().days_to_respond)


def _drawings(document: Document) -> list[Drawing]:
    result = _result(document)
    if result is None or document.kind not in ("notice", "reinspection_opinion"):
        return []
    return pictures_of(result)


def pictures_of(result: Result) -> list[Drawing]:
    """The pictures that people are shown of a result: maps of deviation where there are any, else what was measured on."""
    pictures = list(result.drawings.exclude(pixels=None).order_by("number"))
    maps = [one for one in pictures if (one.about or {}).get("palette") == "deviation"]
    return (maps or pictures)[:PICTURES]


def _result(document: Document) -> Result | None:
    """The result that a paper is about: of a re-inspection the new one, else the finding's."""
    if document.kind == "certificate":
        return Result.objects.filter(pk=document.content.get("result"), organisation=document.organisation_id).first()
    if document.finding is None:
        return None
    if document.kind == "reinspection_opinion":
        last = _last(document.finding, "reinspect")
        return last.result if last else None
    return document.finding.result


def _last(finding: Finding, name: str) -> Act | None:
    found: Act | None = finding.acts.filter(act=name).order_by("-at", "-id").first()
    return found


class _Composer:
    def __init__(self, document: Document, language: Language, number: str, day: datetime.date) -> None:
        self.document, self.language, self.day = document, language, day
        self.zh = language == "zh"
        self.number = number or ("〔　　〕　号" if self.zh else "(no number yet)")
        self.practice = Practice.of_the_centre()
        self.centre = Organisation.objects.filter(kind="centre").first()
        self.hospital: Organisation = document.organisation  # type: ignore[assignment]
        self.writer = Writer(language=language, sources=Sources(), names=names_of(self._by()))

    def _by(self) -> str:
        return self.document.finding.procedure if self.document.finding else ""

    def said(self, en: str, zh: str) -> str:
        return zh if self.zh else en

    def paper(self) -> Paper:
        kind = self.document.kind
        parts: dict[str, Any] = {
            "notice": self._notice,
            "reinspection_opinion": self._opinion,
            "feedback_letter": self._letter,
            "site_record": self._record,
            "certificate": self._certificate,
        }[kind]()
        official = kind in ("notice", "reinspection_opinion", "feedback_letter")
        centre, hospital = self._name(self.centre), self._name(self.hospital)
        copies = [one for one in (self.practice.copies_zh if self.zh else self.practice.copies_en,) if one]
        copies.append(self.said(f"medical affairs of {hospital}", f"{hospital}医务处"))
        return Paper(
            language=self.language,
            kind=kind,
            title=TITLES[kind].say(self.language),
            mark=(f"{centre}文件" if self.zh else centre) if official else "",
            number=self.number,
            courtesy=COURTESY.say(self.language),
            to=self.said(f"{hospital}:", f"{hospital}：") if kind != "certificate" else "",
            signer=centre,
            date=self.date(self.day),
            copies=self.said(f"Copies: {'; '.join(copies)}.", f"抄送：{'，'.join(copies)}。") if official else "",
            printer=centre if official else "",
            printed=self.said(f"printed {self.date(self.day)}", f"{self.date(self.day)}印发") if official else "",
            **parts,
        )

    # the kinds

    def _notice(self) -> dict[str, Any]:
        finding: Finding = self.document.finding  # type: ignore[assignment]
        known = [v for one in findings_of(self.document) for v in one.verdicts]
        failed = [verdict_from(v) for v in known if v["outcome"] == "fail"]
        undecided = self._undecided(finding.result)
        opening = "opening" if finding.device_id and finding.source == "test" else "opening_other"
        paragraphs = [
            self.text(opening),
            self.heading(1, "What does not meet the requirement", "不符合项"),
            *self._in_words(failed, known),
            self.heading(2, "What is asked", "整改要求"),
            self.text("demand"),
            self.heading(3, "Re-inspection", "复查"),
            self.text("reinspection"),
            self.heading(4, "Objections", "异议"),
            self.text("objection"),
        ]
        notes = [self.said("U: expanded uncertainty, k = 2.", "U为扩展不确定度，k=2。")]
        if undecided:
            first, last = len(failed) + 1, len(failed) + len(undecided)
            which = str(first) if first == last else f"{first}–{last}"
            notes.append(
                self.said(
                    f"No. {which} straddles its limit and is no failure; please measure it again together with the re-inspection.",
                    f"第{which}项跨越限值，不作为不合格，请与复查一并重复测量。",
                )
            )
        notes += self._provisional(failed)
        annex = self._annex([*failed, *undecided], known, notes, self.said("Nonconformities", "不符合项清单"))
        receipt = (
            self.said(f"Receipt of {self.number}", f"签收回执　　通知书编号：{self.number}"),
            self.said("Received by (stamp): ____  name: ____", "签收单位（盖章）：____　签收人：____"),
            self.said("date: ____", "签收日期：____"),
        )
        annex = _with(annex, form=receipt)
        return {"paragraphs": tuple(paragraphs), "annexes": (annex,), "annex_note": self._annex_note(annex)}

    def _opinion(self) -> dict[str, Any]:
        found = [act.detail["verdicts"] for act in (_last(one, "reinspect") for one in findings_of(self.document)) if act]
        after = [v for verdicts in found for v in verdicts]
        verdicts = [verdict_from(v) for v in after]
        decision = self.document.content.get("decision", "accept")
        paragraphs = [
            self.text("opening"),
            self.heading(1, "Result of the re-inspection", "复查结果"),
            *self._in_words(verdicts, after),
            self.heading(2, "Opinion", "复查意见"),
            self.text(decision),
        ]
        if decision != "accept":
            paragraphs += [self.heading(3, "Objections", "异议"), self.text("objection")]
        notes = [self.said("U: expanded uncertainty, k = 2.", "U为扩展不确定度，k=2。"), *self._provisional(verdicts)]
        raised = [v for one in findings_of(self.document) for v in one.verdicts if v["outcome"] == "fail"]
        before = [verdict_from(v) for v in raised]
        title = self.said("Results before and after", "整改前后结果")
        tables = (
            self._table(before, raised, self.said("before", "整改前")),
            self._table(verdicts, after, self.said("re-inspection", "复查")),
        )
        annex = Annex(
            label=self.said("Annex", "附件"), title=title, tables=tables, notes=tuple(notes), pictures=self._pictures()
        )
        return {"paragraphs": tuple(paragraphs), "annexes": (annex,), "annex_note": self._annex_note(annex)}

    def _letter(self) -> dict[str, Any]:
        first, last = (datetime.date.fromisoformat(self.document.content[key]) for key in ("from", "until"))
        results = Result.objects.filter(
            organisation=self.hospital, superseded_by=None, acquired__date__gte=first, acquired__date__lte=last
        )
        results = results.exclude(review="rejected").exclude(outcome="refused").select_related("device")
        rows = [
            (
                str(n),
                str(one.device) if one.device else ABSENT,
                one.name.say(self.language),
                timezone.localtime(one.acquired).strftime("%Y-%m-%d"),
                self._outcome(one.outcome),
            )
            for n, one in enumerate(results.order_by("acquired", "id"), 1)
        ]
        counts = {name: sum(one.outcome == name for one in results) for name in ("pass", "fail", "undecided", "not_assessed")}
        findings = Finding.objects.filter(organisation=self.hospital, raised__date__gte=first, raised__date__lte=last)
        findings = findings.exclude(state__in=("raised", "withdrawn"))
        sentence = self.said(
            f"Tests: {len(rows)}; passed {counts['pass']}, failed {counts['fail']}, undecided {counts['undecided']}, not assessed "
            f"{counts['not_assessed']}.",
            f"共检测{len(rows)}项次：合格{counts['pass']}，不合格{counts['fail']}，未定{counts['undecided']}，未评定{counts['not_assessed']}。",
        )
        paragraphs = [
            self.text("opening"),
            self.heading(1, "Results", "检测结果"),
            Paragraph(text=sentence),
        ]
        if findings:
            paragraphs.append(self.heading(2, "Findings", "问题与整改"))
            states = {state: words for state, words in _states().items()}
            for one in findings.order_by("raised"):
                state = states[one.state].say(self.language)
                text = one.words.say(self.language).rstrip("。.")
                paragraphs.append(Paragraph(text=self.said(f"{text}: {state}.", f"{text}：{state}。")))
        paragraphs.append(self.text("closing"))
        table = Table(
            head=tuple(self.said("no.|device|test|day|verdict", "序号|设备|检测项目|日期|判定").split("|")),
            rows=tuple(rows),
            align="lllll",
            weights=(0.6, 2.2, 2.2, 1.3, 1.2),
        )
        annex = Annex(label=self.said("Annex", "附件"), title=self.said("Tests", "检测清单"), tables=(table,))
        shown = (annex,) if rows else ()
        return {"paragraphs": tuple(paragraphs), "annexes": shown, "annex_note": self._annex_note(annex) if rows else ""}

    def _record(self) -> dict[str, Any]:
        visit = Visit.objects.filter(pk=self.document.content.get("visit"), organisation=self.hospital).first()
        findings = Finding.objects.filter(visit=visit).order_by("id") if visit else Finding.objects.none()
        inspectors = "、".join(one.name_zh for one in visit.inspectors.all()) if visit and self.zh else ""
        if visit and not self.zh:
            inspectors = ", ".join(one.name_en or one.name_zh for one in visit.inspectors.all())
        facts = [
            (self.said("hospital", "受检单位"), self._name(self.hospital)),
            (self.said("day", "检查日期"), self.date(visit.day) if visit else ABSENT),
            (self.said("inspectors", "检查人员"), inspectors or ABSENT),
            (self.said("device", "受检设备"), self._device(visit.device if visit else None)),
            (self.said("score", "得分"), ABSENT if visit is None or visit.score is None else f"{visit.score:g}"),
        ]
        paragraphs = [self.text("opening"), self.heading(1, "What was found", "检查发现")]
        verdicts = [(finding, [verdict_from(v) for v in finding.verdicts if v["outcome"] == "fail"]) for finding in findings]
        for finding, failed in verdicts:
            paragraphs.append(Paragraph(text=finding.words.say(self.language).rstrip("。.") + self.said(".", "。")))
            paragraphs += self._in_words(failed, finding.verdicts)
        if not verdicts:
            paragraphs.append(Paragraph(text=self.said("Nothing that has to be put right.", "未发现需整改的问题。")))
        paragraphs.append(self.text("closing"))
        form = (
            self.said("For the hospital (signature): ____  date: ____", "受检单位代表（签字）：____　日期：____"),
            self.said("Inspectors (signature): ____ , ____  date: ____", "检查人员（签字）：____、____　日期：____"),
        )
        return {"facts": tuple(facts), "paragraphs": tuple(paragraphs), "form": form}

    def _certificate(self) -> dict[str, Any]:
        result = _result(self.document)
        rows = result.judgements.select_related("measurement").order_by("id") if result else ()
        verdicts = [v for v in (verdict_of(row, row.measurement) for row in rows) if v.outcome == "pass"]
        notes = [self.said("U: expanded uncertainty, k = 2.", "U为扩展不确定度，k=2。"), *self._provisional(verdicts)]
        annex = Annex(
            label=self.said("Annex", "附件"),
            title=self.said("Items that were tested", "检测项目清单"),
            tables=(self._table(verdicts, ()),),
            notes=tuple(notes),
        )
        return {"paragraphs": (self.text("opening"), self.text("closing")), "annexes": (annex,)}

    # their parts

    def text(self, place: str) -> Paragraph:
        """The centre's paragraph at that place, filled."""
        text = self.document.content.get("texts", {}).get(place, {}).get(self.language, "")
        return Paragraph(text=fill(text, self.values()))

    def values(self) -> dict[str, str]:
        finding, practice = self.document.finding, self.practice
        result = _result(self.document)
        device = finding.device if finding else result.device if result else None
        response, again = (_last(finding, name) if finding else None for name in ("respond", "reinspect"))
        notice = finding.acts.filter(document__kind="notice").order_by("-at").first() if finding else None
        about = finding.result if finding and finding.result else result
        way = (again.detail.get("on") if again else "") or "site"
        visit = (
            Visit.objects.filter(pk=self.document.content.get("visit")).first() if self.document.kind == "site_record" else None
        )
        tested = timezone.localdate(about.acquired) if about else visit.day if visit else None
        period = {key: self.document.content.get(key) for key in ("from", "until")}
        return {
            "hospital": self._name(self.hospital),
            "centre": self._name(self.centre),
            "device": self._device(device),
            "serial": (device.serial if device else "") or ABSENT,
            "procedure": self._procedure(finding, about),
            "source": finding.get_source_display() if finding else "",
            "tested": self.date(tested),
            "raised": self.date(timezone.localdate(finding.raised)) if finding else "",
            "due": self.date(due_of(self.document, self.day)),
            "appeal_days": str(practice.days_to_appeal),
            "answer_days": str(practice.days_to_answer_appeal),
            "notice": notice.document.number if notice else self.said("sent earlier", "原"),
            "responded": self.date(timezone.localdate(response.at)) if response else "",
            "reinspected": self.date(timezone.localdate(again.result.acquired if again.result else again.at)) if again else "",
            "way": self.said("on paper", "书面") if way == "paper" else self.said("on site", "现场"),
            **{key: self.date(datetime.date.fromisoformat(day)) if day else "" for key, day in period.items()},
        }

    def heading(self, number: int, en: str, zh: str) -> Paragraph:
        return Paragraph(kind="l1", text=self.said(f"{number}. {en}", f"{'一二三四五'[number - 1]}、{zh}"))

    def _in_words(self, verdicts: list[Verdict], known: list[dict[str, Any]]) -> list[Paragraph]:
        """Each verdict as a sentence with its value, limit and source; those that are too many stand in the annex."""
        found = []
        for n, verdict in enumerate(in_order(verdicts)[:IN_THE_TEXT], 1):
            row = self._row(verdict, known)
            place = f"，{row.where}" if self.zh and row.where else f", {row.where}" if row.where else ""
            value = self._value(row)
            if verdict.measurement is None:
                sentence = self.said(f"{row.quantity}{place}: {row.verdict}", f"{row.quantity}{place}：{row.verdict}")
            elif row.limit == ABSENT:
                sentence = self.said(f"{row.quantity}{place}: {value}", f"{row.quantity}{place}：{value}")
            else:
                limit = self._with_unit(row.limit, row.unit)
                sentence = self.said(
                    f"{row.quantity}{place}: {value}, limit {limit}, {row.verdict}",
                    f"{row.quantity}{place}：{value}，限值{limit}，{row.verdict}",
                )
            source = self._source(verdict)
            tail = self.said(f" ({source})." if source else ".", f"（{source}）。" if source else "。")
            found.append(Paragraph(text=self.said(f"({n}) ", f"{n}．") + sentence + tail))
        if len(verdicts) > IN_THE_TEXT:
            rest = len(verdicts) - IN_THE_TEXT
            found.append(Paragraph(text=self.said(f"{rest} more stand in the annex.", f"其余{rest}项见附件。")))
        return found

    def _row(self, verdict: Verdict, known: Iterable[Mapping[str, Any]]) -> Row:
        row = self.writer.row(verdict)
        if verdict.measurement is None:
            row = replace(row, quantity=words_of(verdict, known).say(self.language))
        where = row.where.replace(" · ", "，" if self.zh else ", ")
        return replace(row, where=where.replace(" ", "") if self.zh else where)

    def _value(self, row: Row) -> str:
        if row.value == ABSENT:
            return ABSENT
        value = f"{row.value}±{row.expanded}" if self.zh else f"{row.value} ± {row.expanded}"
        return self._with_unit(value if row.expanded else row.value, row.unit)

    def _with_unit(self, text: str, unit: str) -> str:
        if self.zh:
            text = text.replace(" ", "")
        if not unit or text == ABSENT:
            return text
        return f"{text}{unit}" if self.zh and unit == "%" else f"{text} {unit}"

    def _source(self, verdict: Verdict) -> str:
        c = verdict.criterion
        if c is None or not cites(verdict):
            return ""
        clause = c.clause
        if clause:
            clause = self.said(f", {clause}", f"，{clause}" if not clause[0].isdigit() else f"，第{clause}条")
        zh, _, en = c.standard.partition(" / ")  # a checklist is named in both languages
        return f"{zh if self.zh or not en else en} {edition_in(c.edition, self.language)}".strip() + clause

    def _provisional(self, verdicts: Iterable[Verdict]) -> list[str]:
        if not any(v.criterion is not None and v.criterion.has_limit and v.criterion.provisional for v in verdicts):
            return []
        return [
            self.said(
                "A limit marked * is provisional: nobody has yet compared it with the printed page.",
                "注*的限值待核：尚无人与标准印刷页核对。",
            )
        ]

    def _annex(self, verdicts: list[Verdict], known: list[dict[str, Any]], notes: list[str], title: str) -> Annex:
        table = self._table(verdicts, known)
        return Annex(
            label=self.said("Annex", "附件"), title=title, tables=(table,), notes=tuple(notes), pictures=self._pictures()
        )

    def _table(self, verdicts: list[Verdict], known: Iterable[Mapping[str, Any]], caption: str = "") -> Table:
        known = list(known)
        rows = []
        for n, verdict in enumerate(verdicts, 1):
            row = self._row(verdict, known)
            name = row.quantity + (self.said(", ", "，") + row.where if row.where else "")
            provisional = "*" if row.provisional else ""
            limit = self._with_unit(row.limit, row.unit) + provisional
            rows.append((str(n), name, self._value(row), limit, self._source(verdict) or ABSENT, row.verdict))
        first = caption or self.said("quantity and place", "量与位置")
        head = (self.said("no.", "序号"), first, self.said("result ± U", "结果±U"), self.said("limit", "限值"), self.said("by", "依据"), self.said("verdict", "判定"))  # fmt: skip
        return Table(head=head, rows=tuple(rows), align="llrrll", weights=(0.6, 2.4, 1.5, 1.1, 2.1, 1.3))

    def _pictures(self) -> tuple[tuple[str, str], ...]:
        return tuple((f"drawing-{one.pk}", one.title.say(self.language)) for one in _drawings(self.document))

    def _undecided(self, result: Result | None) -> list[Verdict]:
        if result is None:
            return []
        rows = result.judgements.filter(outcome="undecided").select_related("measurement").order_by("id")
        return [verdict_of(row, row.measurement) for row in rows]

    def _annex_note(self, annex: Annex) -> str:
        return self.said(f"Annex: {annex.title}", f"附件：{annex.title}")

    def _outcome(self, outcome: str) -> str:
        from photopeak.verdict import OUTCOME_WORDS

        return OUTCOME_WORDS.get(outcome, OUTCOME_WORDS["not_assessed"]).say(self.language)

    def _procedure(self, finding: Finding | None, result: Result | None) -> str:
        if result is not None:
            return result.name.say(self.language)
        return finding.words.say(self.language) if finding else ""

    def _name(self, organisation: Organisation | None) -> str:
        if organisation is None:
            return ""
        return organisation.name_zh if self.zh else organisation.name_en or organisation.name_zh

    def _device(self, device: Any) -> str:
        return ABSENT if device is None else f"{device.manufacturer} {device.model}"

    def date(self, day: datetime.date | None) -> str:
        if day is None:
            return ""
        return f"{day.year}年{day.month}月{day.day}日" if self.zh else f"{day.day} {day:%B} {day.year}"


def _states() -> dict[str, Words]:
    from photopeak.finding import STATES

    return STATES


def _with(annex: Annex, **changed: Any) -> Annex:
    return replace(annex, **changed)
