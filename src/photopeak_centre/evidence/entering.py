"""Entering a test by hand: a form made from the procedure's declaration; what is entered becomes a table and takes the road of all."""

from __future__ import annotations

import datetime
import uuid
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from photopeak.case import Input
from photopeak.case_values import moment
from photopeak.entry import MOST_ROWS, Entry, choices_of, entries_of, option_value, options_asked, problem, table_of
from photopeak.evidence import EvidenceFile
from photopeak.procedure import DISCIPLINES, Option, Procedure, Refused, roll
from photopeak.table import TableError, table_evidence
from photopeak_centre.audit.chain import record
from photopeak_centre.checks.keeping import give_device
from photopeak_centre.checks.stages import stages
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence import intake
from photopeak_centre.evidence.models import HandIn, Item, Study
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.routes import route
from photopeak_centre.said import in_words, language, now_said, said

FIRST_ROWS = 8
MOST_LISTED = 300
#: disciplines by the kind of device whose tests they are
KINDS_OF = {
    "activity_meter": ("activity_meter",),
    "bone_density": ("bone_densitometer",),
    "gamma_camera": ("gamma_camera", "spect", "spect_ct"),
    "spect": ("spect", "spect_ct"),
    "pet": ("pet_ct", "pet_mr"),
    "immunoassay": ("gamma_counter", "analyser"),
}
DISCIPLINE_NAMES = {
    "gamma_camera": ("Gamma camera", "伽玛照相机"),
    "spect": ("SPECT", "SPECT"),
    "pet": ("PET", "PET"),
    "activity_meter": ("Activity meter", "活度计"),
    "bone_density": ("Bone density", "骨密度"),
    "immunoassay": ("Immunoassay", "免疫分析"),
    "radionuclide_therapy": ("Radionuclide therapy", "核素治疗"),
    "radiopharmacy": ("Radiopharmacy", "放射性药物"),
    "treatment_response": ("Treatment response", "疗效评价"),
    "radiotherapy_export": ("Radiotherapy", "放疗"),
}


class About(forms.Form):
    """Whose test it is, of which device, when and at which stage."""

    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=said("hospital", "医院"), empty_label=None)
    device = forms.ModelChoiceField(
        Device.objects.none(), label=said("device", "设备"), required=False, empty_label=said("none", "不关联")
    )
    measured = forms.CharField(label=said("measured on", "检测时间"), max_length=40)
    stage = forms.ChoiceField(label=said("stage", "检测阶段"))
    token = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owners = Organisation.objects.visible_to(person).filter(kind__in=("hospital", "laboratory"), merged_into=None)
        self.fields["organisation"].queryset = owners.order_by("name_zh")  # type: ignore[attr-defined]
        devices = Device.objects.visible_to(person).filter(in_use=True).select_related("organisation")
        self.fields["device"].queryset = devices.order_by("organisation__name_zh", "model", "id")  # type: ignore[attr-defined]
        self.fields["device"].label_from_instance = _device_label  # type: ignore[attr-defined]
        if devices.count() > MOST_LISTED:  # of a whole region only the hospital's own are listed; any may still be given
            own = devices.filter(organisation=self["organisation"].value() or 0).order_by("model", "id")[:MOST_LISTED]
            self.fields["device"].widget.choices = [("", "—"), *((one.pk, _device_label(one)) for one in own)]  # type: ignore[attr-defined]
        self.fields["stage"].choices = stages()  # type: ignore[attr-defined]
        self.fields["measured"].widget.attrs["placeholder"] = "2026-05-14 10:22"

    def clean_measured(self) -> datetime.datetime:
        found = moment(self.cleaned_data["measured"])
        if found is None:
            raise forms.ValidationError(
                now_said("Write 2026-05-14 or 2026-05-14 10:22.", "请写成 2026-05-14 或 2026-05-14 10:22。")
            )
        return intake.aware(found) or timezone.now()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        device = cleaned.get("device")
        if device is not None and device.organisation != cleaned.get("organisation"):
            self.add_error("device", now_said("This device is not of that hospital.", "该设备不属于所选医院。"))
        return cleaned


def _device_label(device: Device) -> str:
    serial = f" · SN {device.serial}" if device.serial else ""
    return f"{device.organisation} · {device}{serial}"


@dataclass(slots=True, kw_only=True)
class Cell:
    """One field of the form: its name in the request, its text, what is wrong with it."""

    name: str
    label: str
    text: str
    choices: list[tuple[str, str]]
    wrong: str = ""
    numeric: bool = False
    checked: bool | None = None


@route(exempt="lists tests, and takes one in for a hospital the form allows", methods="GET POST", act="hand_in")
def enter(request: HttpRequest) -> HttpResponse:
    """`?procedure=…&way=N`: the form of a test; without them, the tests that can be entered by hand."""
    name = request.GET.get("procedure", "")
    if not name:
        return _choose(request)
    procedure = roll().get(name)
    ways = entries_of(procedure) if procedure else ()
    way = request.GET.get("way", "0")
    if procedure is None or not ways or not way.isdigit() or len(way) > 2 or int(way) >= len(ways):
        raise Http404
    entry = ways[int(way)]
    if request.method == "POST":
        return _post(request, procedure, ways, int(way))
    return _form(
        request,
        procedure,
        ways,
        int(way),
        _about(request),
        _cells(entry, {}),
        _rows(entry, {}, FIRST_ROWS),
        _options(procedure, {}),
    )


def _choose(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    wanted = request.GET.get("device", "")
    device = Device.objects.visible_to(person).filter(pk=int(wanted)).first() if wanted.isdigit() and len(wanted) < 19 else None
    groups = []
    for discipline in DISCIPLINES:
        if device is not None and device.kind not in KINDS_OF.get(discipline, ()):
            continue
        tests = [
            {"name": name, "words": in_words(p.words), "implements": p.implements, "ways": [in_words(e.words) for e in ways]}
            for name, p in roll().items()
            if p.discipline == discipline and (ways := entries_of(p))
        ]
        if tests:
            groups.append({"title": now_said(*DISCIPLINE_NAMES.get(discipline, (discipline, discipline))), "tests": tests})
    return render(request, "evidence/enter_choose.html", {"groups": groups, "device": device})


def _about(request: HttpRequest) -> About:
    person: Any = request.user
    wanted = request.GET.get("device", "")
    device = Device.objects.visible_to(person).filter(pk=int(wanted)).first() if wanted.isdigit() and len(wanted) < 19 else None
    initial = {
        "organisation": device.organisation_id if device else person.organisation_id,
        "device": device,
        "measured": timezone.localtime().strftime("%Y-%m-%d %H:%M"),
        "stage": "status",
        "token": uuid.uuid4(),
    }
    return About(person=person, initial=initial)


def _form(
    request: HttpRequest, procedure: Procedure, ways: tuple[Entry, ...], way: int, about: About, once: list[Cell], rows: list[list[Cell]],
    options: list[Cell], wrong: str = "",
) -> HttpResponse:  # fmt: skip
    context = {
        "procedure": procedure,
        "title": in_words(procedure.words),
        "way": way,
        "ways": [in_words(one.words) for one in ways],
        "form": about,
        "once": once,
        "heads": [in_words(one.words) for one in ways[way].rows],
        "rows": rows,
        "options": options,
        "changed": any(one.text or one.wrong for one in options),
        "wrong": wrong,
        "most_rows": MOST_ROWS,
    }
    return render(
        request, "evidence/enter.html", context, status=422 if wrong or about.errors or _any_wrong(once, rows, options) else 200
    )


def _any_wrong(once: list[Cell], rows: list[list[Cell]], options: list[Cell]) -> bool:
    return any(one.wrong for one in [*once, *options, *(cell for row in rows for cell in row)])


def _cell(one: Input, name: str, text: str) -> Cell:
    wrong = problem(one, text)
    choices = [(key, in_words(words)) for key, words in one.column.choices]
    numeric = one.column.kind in ("number", "numbers")
    return Cell(
        name=name,
        label=in_words(one.words),
        text=text,
        choices=choices,
        wrong=in_words(wrong) if wrong else "",
        numeric=numeric,
    )


def _cells(entry: Entry, given: Any) -> list[Cell]:
    return [_cell(one, f"once.{one.name}", given.get(f"once.{one.name}", "")[:1000]) for one in entry.once]


def _rows(entry: Entry, given: Any, count: int) -> list[list[Cell]]:
    names = [[f"row.{line}.{one.name}" for one in entry.rows] for line in range(count)]
    return [[_cell(one, name, given.get(name, "")[:1000]) for one, name in zip(entry.rows, line)] for line in names if line]


def _options(procedure: Procedure, given: Any) -> list[Cell]:
    found = []
    for option in options_asked(procedure):
        name = f"option.{option.name}"
        text = given.get(name, "")[:200].strip()
        choices = [(one, one) for one in choices_of(option)]
        cell = Cell(name=name, label=in_words(option.words), text=text, choices=choices)
        if option.type is bool:
            cell.checked = text == "on" if given else bool(option.default)
        try:
            _option(option, text, bool(given))
        except ValueError:
            cell.wrong = now_said("This value cannot be read.", "无法识别该值。")
        found.append(cell)
    return found


def _option(option: Option, text: str, posted: bool) -> Any:
    """The value of an option that differs from its default; None where it is left as it is."""
    if option.type is bool:
        chosen = text == "on"
        return chosen if posted and chosen != option.default else None
    return option_value(option, text) if text else None


def _post(request: HttpRequest, procedure: Procedure, ways: tuple[Entry, ...], way: int) -> HttpResponse:
    entry, person, given = ways[way], request.user, request.POST
    about = About(given, person=person)
    count = _count(given)
    once, rows, options = _cells(entry, given), _rows(entry, given, count), _options(procedure, given)
    if not about.is_valid() or _any_wrong(once, rows, options):
        return _form(request, procedure, ways, way, about, once, rows, options)
    texts = {one.name: cell.text for one, cell in zip(entry.once, once)}
    lines = [{one.name: cell.text for one, cell in zip(entry.rows, row)} for row in rows]
    if not any(text.strip() for line in [texts, *lines] for text in line.values()):
        return _form(
            request,
            procedure,
            ways,
            way,
            about,
            once,
            rows,
            options,
            now_said("Nothing has been entered yet.", "尚未填写任何内容。"),
        )
    chosen = {
        o.name: value
        for o in options_asked(procedure)
        if (value := _option(o, given.get(f"option.{o.name}", "").strip(), True)) is not None
    }
    content = table_of(entry, texts, lines, {"entry": str(about.cleaned_data["token"])})
    if refusal := _refusal(procedure, content, chosen):
        wrong = _to_its_field(refusal, entry, once)
        return _form(request, procedure, ways, way, about, once, rows, options, wrong)
    return redirect("study", _take(person, procedure, content, about.cleaned_data, chosen).pk)


def _count(given: Any) -> int:
    """How many lines the form had: as many as it shows, never more than are taken."""
    lines = [
        int(parts[1]) for name in given if (parts := name.split("."))[0] == "row" and len(parts) == 3 and parts[1].isdigit()
    ]
    return min(max([FIRST_ROWS, *(line + 1 for line in lines if line < MOST_ROWS)]), MOST_ROWS)


def _refusal(procedure: Procedure, content: bytes, options: dict[str, Any]) -> Refused | None:
    """Why the procedure would not take the table, told before anything is stored; its verdict is left to the worker."""
    name = f"{procedure.name}.csv"
    try:
        procedure.run(table_evidence(content, EvidenceFile(path=name, sha256="")), **options)
    except Refused as no:
        return no
    except TableError as no:
        return Refused("table", en=no.words.en, zh=no.words.zh)
    except Exception:  # a fault of ours is told by the worker, as for every file
        return None
    return None


def _to_its_field(no: Refused, entry: Entry, once: list[Cell]) -> str:
    """The refusal at the field it speaks of; returned for the head of the form where it speaks of none."""
    said_en, plain = no.words.en, in_words(no.words)
    for ending in (f"{chr(44)} ", "，"):
        plain = plain.split(".csv" + ending, 1)[-1]
    for one, cell in zip(entry.once, once):
        if no.code in ("input_missing", "impossible_value", "not_a_number", "not_a_time") and one.words.en in said_en:
            cell.wrong = plain
            return now_said("One field needs another look.", "有一项需要更正。")
    return plain


@transaction.atomic
def _take(person: Any, procedure: Procedure, content: bytes, about: dict[str, Any], options: dict[str, Any]) -> Study:
    """Keep the table as the hospital's evidence and have it checked; entering the same form twice is one study."""
    organisation = about["organisation"]
    hand_in = HandIn.objects.create(organisation=organisation, by=person, route="form", closed=timezone.now())
    intake.take(hand_in, content, f"{procedure.name}.csv")
    study: Study = (
        Item.objects.select_related("study").get(hand_in=hand_in).study
        if hand_in.items.exists()
        else _same(organisation, content)
    )
    study.procedure, study.options = procedure.name, options
    study.stage, study.acquired = about["stage"], about["measured"]
    study.save(update_fields=["procedure", "options", "stage", "acquired"])
    give_device(study, about["device"])
    record(
        "entered", f"study {study.pk}", person=person, organisation=organisation.pk, procedure=procedure.name, options=options
    )
    return study


def _same(organisation: Organisation, content: bytes) -> Study:
    import hashlib

    return Study.objects.get(organisation=organisation, uid=f"sha256:{hashlib.sha256(content).hexdigest()}")


def entered_table(study: Study) -> dict[str, Any] | None:
    """What was entered by hand or handed in as a short table, to be read beside its result."""
    from photopeak.table import read_table
    from photopeak_centre.evidence.store import read

    items = list(study.items.select_related("blob").order_by("id")[:2])
    if len(items) != 1 or not items[0].name.lower().endswith(".csv") or items[0].blob.size > 64 * 1024:
        return None
    try:
        table = read_table(read(items[0].blob_id), items[0].name)
    except (TableError, OSError):
        return None
    columns = [column for column in table.columns if column != "entry"][:14]
    procedure = roll().get(study.procedure)
    words = {
        one.name: in_words(one.words) for way in (entries_of(procedure) if procedure else ()) for one in (*way.once, *way.rows)
    }
    rows = [[row.get(column, "") for column in columns] for row in table.rows[:60]]
    return {
        "heads": [words.get(column, column) for column in columns],
        "rows": rows,
        "more": max(len(table.rows) - 60, 0),
        "language": language(),
    }
