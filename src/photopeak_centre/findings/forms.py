"""Forms of findings and documents."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils import timezone

from photopeak_centre.evidence.models import HandIn
from photopeak_centre.findings.issue import DECISIONS
from photopeak_centre.findings.models import CalendarYear, Document, Finding, Practice
from photopeak_centre.findings.texts import LONGEST, PLACES, unknown_in
from photopeak_centre.said import in_words, now_said, said

LARGEST_FILE = 20 * 2**20
MOST_FILES = 10
OFFICE = {"word/": "DOCX", "xl/": "XLSX"}


class Day(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class Several(forms.ClearableFileInput):
    allow_multiple_selected = True


class Files(forms.FileField):
    """Any number of files; each is told by its own bytes, never by its name."""

    widget = Several

    def clean(self, data: Any, initial: Any = None) -> list[tuple[str, str, bytes]]:
        given = data if isinstance(data, (list, tuple)) else [data] if data else []
        if len(given) > MOST_FILES:
            raise forms.ValidationError(now_said(f"At most {MOST_FILES} files.", f"最多 {MOST_FILES} 个文件。"))
        return [self._read(super(Files, self).clean(one, initial)) for one in given]

    def _read(self, file: Any) -> tuple[str, str, bytes]:
        name = file.name.replace("\0", "")[-160:]
        if file.size > LARGEST_FILE:
            raise forms.ValidationError(now_said(f"{name}: larger than 20 MB.", f"{name}：超过 20 MB。"))
        content = file.read()
        kind = kind_of(content)
        if kind is None:
            raise forms.ValidationError(
                now_said(
                    f"{name}: not a PDF, JPG, PNG, DOCX or XLSX file. Images of phantoms are handed in as evidence.",
                    f"{name}：不是 PDF、JPG、PNG、DOCX 或 XLSX 文件。模体图像请按“上传证据”提交。",
                )
            )
        return name, kind, content


def kind_of(content: bytes) -> str | None:
    """What a file is by its first bytes; None for what is not taken."""
    for magic, kind in ((b"%PDF-", "PDF"), (b"\xff\xd8\xff", "JPG"), (b"\x89PNG\r\n\x1a\n", "PNG")):
        if content.startswith(magic):
            return kind
    if content.startswith(b"PK\x03\x04"):
        try:
            names = zipfile.ZipFile(io.BytesIO(content)).namelist()
        except zipfile.BadZipFile:
            return None
        if "[Content_Types].xml" in names and not any("vbaProject" in name for name in names):
            return next((kind for folder, kind in OFFICE.items() if any(name.startswith(folder) for name in names)), None)
    return None


class ResponseForm(forms.Form):
    """The hospital's answer."""

    cause = forms.CharField(label=said("cause", "原因"), max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 3}))
    measure = forms.CharField(label=said("measure", "整改措施"), max_length=LONGEST, widget=forms.Textarea(attrs={"rows": 3}))
    person = forms.CharField(label=said("person responsible", "责任人"), max_length=80)
    date = forms.DateField(label=said("date of completion", "完成日期"), widget=Day())
    files = Files(
        label=said(
            "evidence: PDF, JPG, PNG, DOCX, XLSX, up to 20 MB each", "佐证材料：PDF、JPG、PNG、DOCX、XLSX，每个不超过 20 MB"
        ),
        required=False,
    )
    hand_ins = forms.ModelMultipleChoiceField(
        HandIn.objects.none(),
        label=said("images handed in for it", "为此上传的图像"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )

    def __init__(self, *args: Any, finding: Finding, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = HandIn.objects.visible_to(person).filter(organisation=finding.organisation_id, opened__gte=finding.raised)
        field: Any = self.fields["hand_ins"]
        field.queryset = rows.order_by("-opened")
        field.label_from_instance = lambda one: f"{timezone.localtime(one.opened):%Y-%m-%d %H:%M} · {one.taken}"
        if not rows.exists():
            del self.fields["hand_ins"]

    def detail(self) -> dict[str, Any]:
        given = self.cleaned_data
        found = {key: given[key] for key in ("cause", "measure", "person")}
        chosen = given.get("hand_ins") or ()
        return {**found, "date": given["date"].isoformat(), "hand_ins": [one.pk for one in chosen]}


class DraftForm(forms.Form):
    """The centre's own paragraphs of a draft, its deadline, and of an opinion what it decides."""

    def __init__(self, *args: Any, document: Document, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.places = self._shown(document)
        if document.kind == "reinspection_opinion":
            choices = [("accept", said("accept and close", "合格，销号")), ("reject", said("ask for rectification again", "再次整改")), ("escalate", said("report to the health authority", "上报卫生行政部门"))]  # fmt: skip
            self.fields["decision"] = forms.ChoiceField(
                label=said("opinion", "复查意见"), choices=choices, initial=document.content.get("decision")
            )
        if document.kind in ("notice", "reinspection_opinion"):
            self.fields["due"] = forms.DateField(
                label=said("deadline (empty: by the practice)", "期限（留空则按中心规定）"),
                required=False,
                widget=Day(),
                initial=document.content.get("due"),
            )
        for place in self.places:
            for language in ("zh", "en"):
                text = document.content["texts"][place][language]
                name = f"{place}_{language}"
                label = f"{in_words(PLACES[place])} · {'中文' if language == 'zh' else 'English'}"
                self.fields[name] = forms.CharField(
                    label=label,
                    initial=text,
                    max_length=LONGEST,
                    required=False,
                    widget=forms.Textarea(attrs={"rows": 3, "lang": language}),
                )

    @staticmethod
    def _shown(document: Document) -> list[str]:
        texts = document.content.get("texts", {})
        if document.kind == "notice" and document.finding is not None:
            test = document.finding.device_id and document.finding.source == "test"
            return [place for place in texts if place != ("opening_other" if test else "opening")]
        return list(texts)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, text in list(cleaned.items()):
            unknown = unknown_in(text) if isinstance(text, str) else []
            if unknown:
                self.add_error(name, _unknown(unknown))
        due = cleaned.get("due")
        if due is not None and due <= timezone.localdate():
            self.add_error("due", now_said("This is not after today.", "期限须晚于今日。"))
        return cleaned

    def keep_in(self, content: dict[str, Any]) -> dict[str, Any]:
        """The draft's content with what was entered."""
        given = self.cleaned_data
        texts = {**content["texts"]}
        for place in self.places:
            texts[place] = {language: given[f"{place}_{language}"] for language in ("zh", "en")}
        kept = {**content, "texts": texts}
        if "decision" in given:
            kept["decision"] = given["decision"] if given["decision"] in DECISIONS else kept["decision"]
        if "due" in self.fields:
            kept["due"] = given["due"].isoformat() if given["due"] else None
        return kept


def _unknown(names: list[str]) -> str:
    shown = ", ".join("{" + name + "}" for name in names)
    return now_said(f"{shown} stands for nothing; see the list.", f"{shown} 不在占位符表中。")


class TextsForm(forms.Form):
    """The paragraphs that new documents of a kind start with."""

    def __init__(self, *args: Any, texts: Mapping[str, Mapping[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for place, words in texts.items():
            for language in ("zh", "en"):
                label = f"{in_words(PLACES[place])} · {'中文' if language == 'zh' else 'English'}"
                self.fields[f"{place}_{language}"] = forms.CharField(
                    label=label,
                    initial=words[language],
                    max_length=LONGEST,
                    required=False,
                    widget=forms.Textarea(attrs={"rows": 3, "lang": language}),
                )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, text in list(cleaned.items()):
            if unknown := unknown_in(text):
                self.add_error(name, _unknown(unknown))
        return cleaned


class PracticeForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Practice
        fields = ("days_to_respond", "days_to_appeal", "days_to_answer_appeal", "days_to_reinspect", "number_prefix", "copies_zh", "copies_en")  # fmt: skip
        labels = {
            "days_to_respond": said("working days for the response", "整改反馈期限（工作日）"),
            "days_to_appeal": said("working days for an objection, from receipt", "提出异议期限（签收后工作日）"),
            "days_to_answer_appeal": said("working days for the answer to it", "答复异议期限（工作日）"),
            "days_to_reinspect": said("working days for the re-inspection, from the response", "复查期限（反馈后工作日）"),
            "number_prefix": said("prefix of document numbers", "发文字号前缀"),
            "copies_zh": said("copies go to (Chinese)", "抄送（中文）"),
            "copies_en": said("copies go to (English)", "抄送（英文）"),
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("days_to_respond", "days_to_appeal", "days_to_answer_appeal", "days_to_reinspect"):
            if cleaned.get(name) is not None and not 1 <= cleaned[name] <= 250:
                self.add_error(name, now_said("Between 1 and 250.", "请填 1 至 250。"))
        return cleaned


class PeriodForm(forms.Form):
    """What a letter speaks of."""

    first = forms.DateField(label=said("from", "自"), widget=Day())
    last = forms.DateField(label=said("until", "至"), widget=Day())


OFF_LINE = re.compile(r"^(\d{4}-\d{2}-\d{2})(?:\s*[-–—~至]\s*(\d{4}-\d{2}-\d{2}))?\s+(.{1,40})$")


class CalendarForm(forms.Form):
    """One year: a line for each holiday ("2026-02-15 – 2026-02-23 春节"), a line for each day that is worked."""

    year = forms.IntegerField(label=said("year", "年份"), min_value=2000, max_value=2100)
    source = forms.CharField(label=said("the notice it was read from", "依据（通知名称与文号）"), max_length=400)
    off = forms.CharField(
        label=said("days off, a line each: 2026-02-15 – 2026-02-23 name", "放假，每行一项：2026-02-15 – 2026-02-23 春节"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 9}),
    )
    work = forms.CharField(
        label=said("worked weekend days, a line each", "调休上班日，每行一天"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 7}),
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        year = cleaned.get("year")
        off: dict[str, str] = {}
        for line in filter(None, map(str.strip, cleaned.get("off", "").splitlines())):
            days = _days_off(line)
            if not days or any(day.year != year for day in days):
                self.add_error("off", now_said(f"Cannot read: {line}", f"无法识别：{line}"))
                continue
            off |= {day.isoformat(): OFF_LINE.match(line)[3] for day in days}  # type: ignore[index]
        work = []
        for line in filter(None, map(str.strip, cleaned.get("work", "").splitlines())):
            day = _day(line)
            if day is None or day.year != year or day.isoformat() in off:
                self.add_error("work", now_said(f"Cannot read, or also a day off: {line}", f"无法识别，或与放假重复：{line}"))
            else:
                work.append(day.isoformat())
        return {**cleaned, "off_days": off, "work_days": sorted(set(work))}

    def save(self) -> CalendarYear:
        given = self.cleaned_data
        values = {"source": given["source"], "off": given["off_days"], "work": given["work_days"]}
        row, _ = CalendarYear.objects.update_or_create(year=given["year"], defaults=values)
        return row


def _day(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        return None


def _days_off(line: str) -> list[datetime.date]:
    found = OFF_LINE.match(line)
    first = _day(found[1]) if found else None
    last = _day(found[2]) if found and found[2] else first
    if first is None or last is None or not 0 <= (last - first).days < 60:
        return []
    return [first + datetime.timedelta(days=n) for n in range((last - first).days + 1)]
