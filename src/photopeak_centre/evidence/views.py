"""Handing in by browser, studies with their facts and device, files held back, and who may send by DICOM."""

from __future__ import annotations

import datetime
import hashlib
from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render

from photopeak.facts import FACTS, NUMBER, NUMBERS, TIME
from photopeak_centre.audit.chain import record
from photopeak_centre.checks.keeping import give_device
from photopeak_centre.checks.models import Result
from photopeak_centre.checks.stages import stages
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence import intake
from photopeak_centre.evidence.entering import entered_table
from photopeak_centre.evidence.frames import NoFrames, about_frames, frame_values
from photopeak_centre.evidence.models import HandIn, Held, Item, Sender, Study
from photopeak_centre.evidence.store import read
from photopeak_centre.hospitals.choice import LongSelect
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.jobs.models import Job
from photopeak_centre.jobs.queue import enqueue
from photopeak_centre.keyset import first_of, page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import now_said, said
from photopeak_centre.tenancy import get_for

LARGEST_UPLOAD = 2 * 2**30
LARGEST_PIECE = 8 * 2**20


@getter("hand_in")
def get_hand_in_for(person: Any, id: int) -> HandIn:
    found: HandIn = get_for(HandIn, person, id, "organisation")
    return found


@getter("study")
def get_study_for(person: Any, id: int) -> Study:
    found: Study = get_for(Study, person, id, "organisation", "device")
    return found


@getter("held")
def get_held_for(person: Any, id: int) -> Held:
    found: Held = get_for(Held, person, id, "hand_in")
    return found


@getter("sender")
def get_sender_for(person: Any, id: int) -> Sender:
    if not person.may("manage_people"):
        raise Http404
    return get_object_or_404(Sender, pk=id)


class ForHospital(forms.Form):
    organisation = forms.ModelChoiceField(
        queryset=Organisation.objects.none(), label=said("hospital", "医院"), empty_label=None
    )

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owners = Organisation.objects.visible_to(person).filter(kind__in=("hospital", "laboratory"), merged_into=None)
        self.fields["organisation"].queryset = owners.order_by("name_zh")  # type: ignore[attr-defined]


@route(exempt="lists what the person may see", act="see")
def hand_ins(request: HttpRequest) -> HttpResponse:
    shown = HandIn.objects.visible_to(request.user).select_related("organisation", "by")
    return render(request, "evidence/list.html", {"rows": page_of(shown, "opened", request, descending=True)})


@route(exempt="opens a hand-in for a hospital the form allows", methods="GET POST", act="hand_in")
def hand_in_new(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    form = ForHospital(request.POST or None, person=person, initial={"organisation": person.organisation_id})
    if request.method == "POST":
        if not form.is_valid():
            raise Http404
        own = {"organisation": form.cleaned_data["organisation"], "by": person, "route": "browser"}
        opened = HandIn.objects.filter(**own, closed=None).order_by("-opened").first() or HandIn.objects.create(**own)
        return redirect("hand_in", opened.pk)
    return render(request, "evidence/new.html", {"form": form})


@route("hand_in", act="see")
def hand_in(request: HttpRequest, shown: HandIn) -> HttpResponse:
    studies = Study.objects.filter(items__hand_in=shown).distinct().select_related("device").order_by("-id")
    context = {
        "hand_in": shown,
        "studies": _with_state(list(studies[:200])),
        "unread": shown.held.filter(kind="unread").order_by("id")[:200],
        "aside": shown.held.exclude(kind="unread").order_by("id")[:200],
        "may_add": shown.closed is None and shown.route == "browser" and request.user.may("hand_in"),  # type: ignore[union-attr]
        "working": Job.objects.filter(study__items__hand_in=shown, state__in=("waiting", "running")).exists(),
    }
    fragment = request.headers.get("HX-Request") == "true"
    return render(request, "evidence/progress.html" if fragment else "evidence/hand_in.html", context)


def _with_state(studies: list[Study]) -> list[Study]:
    for study in studies:
        study.job = study.jobs.order_by("-id").first()  # type: ignore[attr-defined]
        study.found = list(study.results.filter(superseded_by=None).order_by("id"))  # type: ignore[attr-defined]
    return studies


@route("hand_in", methods="GET POST", act="hand_in")
def hand_in_file(request: HttpRequest, opened: HandIn) -> HttpResponse:
    """One piece of one file: POST at an offset; GET says how much has arrived, so that an interrupted upload goes on."""
    name, size, offset = request.GET.get("name", ""), request.GET.get("size", ""), request.GET.get("offset", "0")
    if not name or not size.isdigit() or not offset.isdigit() or int(size) > LARGEST_UPLOAD or opened.closed is not None:
        return JsonResponse({"problem": "request"}, status=400)
    key = hashlib.sha256(f"{name}\0{size}\0{request.GET.get('changed', '')}".encode()).hexdigest()
    folder = Path(settings.HOME) / "incoming" / str(opened.pk)
    part, taken = folder / key, folder / f"{key}.taken"
    have = int(size) if taken.exists() else part.stat().st_size if part.exists() else 0
    if request.method != "POST":
        return JsonResponse({"have": have, "taken": taken.exists()})
    if taken.exists() or int(offset) != have or len(request.body) > LARGEST_PIECE:
        return JsonResponse({"have": have, "taken": taken.exists()}, status=409)
    folder.mkdir(parents=True, exist_ok=True)
    with part.open("ab") as file:
        file.write(request.body)
    have += len(request.body)
    if have >= int(size):
        intake.take_file(opened, part, name)
        taken.touch()
        part.unlink()
    return JsonResponse({"have": have, "taken": taken.exists()})


@route("hand_in", methods="POST", act="hand_in")
def hand_in_close(request: HttpRequest, opened: HandIn) -> HttpResponse:
    import shutil

    intake.close(opened)
    shutil.rmtree(Path(settings.HOME) / "incoming" / str(opened.pk), ignore_errors=True)
    opened.refresh_from_db()
    with transaction.atomic():
        record(
            "handed in", f"hand-in {opened.pk}", person=request.user, organisation=opened.organisation_id, files=opened.taken
        )
    return redirect("hand_in", opened.pk)


class FactsForm(forms.Form):
    """What headers do not hold, by the names of a facts file; the stage; the device."""

    def __init__(self, *args: Any, study: Study, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        devices = Device.objects.filter(organisation=study.organisation_id)
        self.fields["device"] = forms.ModelChoiceField(
            devices, label=said("device", "设备"), required=False, initial=study.device
        )
        self.fields["stage"] = forms.ChoiceField(label=said("stage", "检测阶段"), choices=stages(), initial=study.stage)
        for name, kind in FACTS.items():
            value = study.facts.get(name)
            shown = ", ".join(map(str, value)) if isinstance(value, list) else value
            self.fields[name] = forms.CharField(label=f"{name}  ({kind})", required=False, initial=shown, max_length=200)

    def facts(self) -> dict[str, Any]:
        """The given facts by their types."""
        given = {}
        for name, kind in FACTS.items():
            text = self.cleaned_data.get(name, "").strip()
            if text:
                given[name] = _fact(kind, text)
        return given

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name, kind in FACTS.items():
            text = (cleaned.get(name) or "").strip()
            try:
                if text:
                    _fact(kind, text)
            except ValueError:
                self.add_error(name, now_said("This is not a {}.", "取值类型不对（应为 {}）。").format(kind))
        return cleaned


def _fact(kind: str, text: str) -> Any:
    if kind == NUMBER:
        return float(text)
    if kind == NUMBERS:
        return [float(part) for part in text.replace("，", ",").split(",")]
    if kind == TIME:
        return datetime.datetime.fromisoformat(text).isoformat()
    return text


@route("study", methods="GET POST", act="see")
def study(request: HttpRequest, shown: Study) -> HttpResponse:
    """The study; POST (for those who hand in) gives it facts, a stage and a device, and has it checked again."""
    person: Any = request.user
    form = FactsForm(request.POST or None, study=shown)
    if request.method == "POST" and not person.may("hand_in"):
        raise Http404
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            shown.facts, shown.stage = form.facts(), form.cleaned_data["stage"]
            shown.save(update_fields=["facts", "stage"])
            give_device(shown, form.cleaned_data["device"])
            enqueue(shown)
            record("asked again", f"study {shown.pk}", person=person, organisation=shown.organisation_id, facts=shown.facts)
        return redirect("study", shown.pk)
    results = Result.objects.filter(study=shown).order_by("superseded_by", "-made", "id")
    return render(
        request,
        "evidence/study.html",
        {
            "study": shown,
            "form": form,
            "items": shown.items.order_by("id")[:500],
            "results": results,
            "job": shown.jobs.order_by("-id").first(),
            "entered": entered_table(shown),
        },
    )


@getter("item")
def get_item_for(person: Any, id: int) -> Item:
    found: Item = get_for(Item, person, id)
    return found


@route("item", act="see")
def item_about(request: HttpRequest, shown: Item) -> HttpResponse:
    """What the viewer needs to know of a stored image's raw frames; 415 with the reason where it shows none."""
    try:
        return JsonResponse(about_frames(shown))
    except NoFrames as no:
        return JsonResponse(no.words, status=415)


@route("item", act="see")
def item_frame(request: HttpRequest, shown: Item) -> HttpResponse:
    """`?frame=N`: the values of one raw frame, float32, row by row, little-endian."""
    number = request.GET.get("frame", "0")
    try:
        values = frame_values(shown, int(number) if number.isdigit() and len(number) < 9 else -1)
    except NoFrames as no:
        return JsonResponse(no.words, status=415)
    except IndexError:
        raise Http404 from None
    return HttpResponse(values, content_type="application/octet-stream")


@route(exempt="lists what the person may see", act="hand_in")
def held(request: HttpRequest) -> HttpResponse:
    rows = Held.objects.visible_to(request.user).filter(settled="").exclude(kind="unread")
    return render(request, "evidence/held.html", {"rows": first_of(rows.select_related("organisation"), 200, "-at")})


@route("held", methods="POST", act="hand_in")
def held_settle(request: HttpRequest, one: Held) -> HttpResponse:
    """Release a file as a phantom's, or discard it."""
    if one.settled or one.kind == "unread":
        raise Http404
    act = "released" if request.POST.get("act") == "release" and one.kind == "patient" and one.blob_id else "discarded"
    with transaction.atomic():
        Held.objects.filter(pk=one.pk).update(settled=act)
        if act == "released":
            intake.take(one.hand_in, read(one.blob_id), f"held-{one.pk}.dcm", phantom=True)
        record(act, f"held {one.pk}", person=request.user, organisation=one.organisation_id, code=one.code)
    return redirect("held")


class SenderForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Sender
        fields = ("organisation", "address", "certificate_sha256", "ae_title", "active")
        labels = {
            "organisation": said("hospital", "医院"),
            "address": said("address", "IP 地址"),
            "certificate_sha256": said("sha256 of its certificate", "证书 sha256"),
            "ae_title": said("AE title, in addition", "AE 名称（附加条件）"),
            "active": said("active", "启用"),
        }
        widgets = {"organisation": LongSelect}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        fingerprint = cleaned.get("certificate_sha256", "").replace(":", "").lower()
        cleaned["certificate_sha256"] = fingerprint
        if not cleaned.get("address") and not fingerprint:
            self.add_error(
                "address",
                now_said(
                    "An address or a certificate; an AE title alone is nobody.", "须填写地址或证书，仅有 AE 名称不能识别身份。"
                ),
            )
        return cleaned


@route(exempt="peers of all hospitals, for those who manage them", methods="GET POST", act="manage_people")
def senders(request: HttpRequest) -> HttpResponse:
    form = SenderForm(request.POST or None)
    owners = Organisation.objects.filter(kind__in=("hospital", "laboratory"), merged_into=None)
    form.fields["organisation"].queryset = owners  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            record("sender added", f"sender {saved.pk}", person=request.user, organisation=saved.organisation_id)
        return redirect("senders")
    rows = page_of(Sender.objects.select_related("organisation"), "organisation_id", request)
    return render(request, "evidence/senders.html", {"rows": rows, "form": form})


@route("sender", methods="POST", act="manage_people")
def sender_remove(request: HttpRequest, one: Sender) -> HttpResponse:
    with transaction.atomic():
        record("sender removed", f"sender {one.pk}", person=request.user, organisation=one.organisation_id)
        one.delete()
    return redirect("senders")
