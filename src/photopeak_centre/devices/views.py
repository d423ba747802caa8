"""Devices: list, page with everything latest, trend, limits of their own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render

from photopeak.present.numbers import ABSENT, unit_label
from photopeak.present.numbers import limit as bounds
from photopeak.present.phrases import stage_name
from photopeak.present.places import place
from photopeak.procedure import roll
from photopeak.table import number
from photopeak_centre.audit.chain import record
from photopeak_centre.checks.models import Latest, Result
from photopeak_centre.checks.rows import LatestRow, latest_rows, quantities, quantity_named
from photopeak_centre.checks.side_by_side import last_test
from photopeak_centre.checks.stages import stages
from photopeak_centre.checks.trend import distribution, trend_of
from photopeak_centre.checks.viewing import viewer_of, viewer_words
from photopeak_centre.devices.models import KINDS, Device, DeviceLimit
from photopeak_centre.hospitals.models import Department, Organisation
from photopeak_centre.keyset import page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import in_words, language, now_said, said
from photopeak_centre.tenancy import get_for


@getter("device")
def get_device_for(person: Any, id: int) -> Device:
    found: Device = get_for(Device, person, id, "organisation", "department")
    return found


@getter("limit")
def get_limit_for(person: Any, id: int) -> DeviceLimit:
    found: DeviceLimit = get_for(DeviceLimit, person, id, "device")
    return found


class DeviceForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Device
        fields = (
            "organisation", "department", "kind", "manufacturer", "model", "serial", "station", "room", "detectors",
            "ufov_rows_mm", "ufov_columns_mm", "installed", "in_use",
        )  # fmt: skip
        labels = {
            "organisation": said("hospital", "医院"),
            "department": said("department", "科室"),
            "kind": said("kind", "类别"),
            "manufacturer": said("manufacturer", "制造商"),
            "model": said("model", "型号"),
            "serial": said("serial number", "序列号"),
            "station": said("station name in the images", "图像中的站名"),
            "room": said("room", "机房"),
            "detectors": said("detectors", "探头数"),
            "ufov_rows_mm": said("UFOV along rows, mm", "UFOV 行方向，mm"),
            "ufov_columns_mm": said("UFOV along columns, mm", "UFOV 列方向，mm"),
            "installed": said("installed on", "安装日期"),
            "in_use": said("in use", "在用"),
        }
        widgets = {"installed": forms.DateInput(attrs={"type": "date"})}

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owners = Organisation.objects.visible_to(person).filter(kind__in=("hospital", "laboratory"), merged_into=None)
        self.fields["organisation"].queryset = owners  # type: ignore[attr-defined]
        self.fields["organisation"].initial = person.organisation_id  # shown where it is one of the choices
        self.fields["department"].queryset = Department.objects.visible_to(person)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        department = cleaned.get("department")
        if department is not None and department.organisation != cleaned.get("organisation"):
            self.add_error("department", now_said("This department is not of that hospital.", "该科室不属于所选医院。"))
        return cleaned


class LimitForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = DeviceLimit
        fields = ("basis", "stage", "lower", "upper", "source", "read_by")
        labels = {
            "basis": said("basis", "依据"),
            "stage": said("stage", "检测阶段"),
            "lower": said("lower limit", "下限"),
            "upper": said("upper limit", "上限"),
            "source": said("source (document, page)", "出处（文件、页码）"),
            "read_by": said("compared with the page by", "核对人"),
        }

    field_order = ("basis", "stage", "measured", "place", "lower", "upper", "source", "read_by")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["measured"] = forms.ChoiceField(label=said("quantity", "检测量"), choices=_measured())
        self.fields["place"] = forms.CharField(
            label=said(
                "where, for example fov=UFOV, detector=1; empty: everywhere", "位置，例如 fov=UFOV, detector=1；空白表示全部"
            ),
            max_length=200,
            required=False,
        )
        self.fields["basis"] = forms.ChoiceField(
            label=self.fields["basis"].label, choices=DeviceLimit._meta.get_field("basis").choices
        )
        self.fields["stage"] = forms.ChoiceField(label=self.fields["stage"].label, choices=stages(), initial="status")
        self.order_fields(self.field_order)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("lower") is None and cleaned.get("upper") is None:
            self.add_error("upper", now_said("A limit has a lower or an upper bound.", "限值须有下限或上限。"))
        try:
            self.instance.where = _place(cleaned.get("place", ""))
        except ValueError:
            self.add_error("place", now_said("Write name=value, separated by commas.", "请写成“名称=取值”，以逗号分隔。"))
        if cleaned.get("measured"):
            self.instance.procedure, self.instance.quantity = cleaned["measured"].split("|")
            self.instance.unit = quantities()[self.instance.procedure, self.instance.quantity].unit
        return cleaned


def _measured() -> list[tuple[str, list[tuple[str, str]]]]:
    """The judged quantities of every procedure, under the procedure's name."""
    groups = []
    for name, entry in roll().items():
        of = [(f"{name}|{q.name}", f"{in_words(q.words)} / {q.unit}") for q in entry.quantities if q.judged]
        if of:
            groups.append((in_words(entry.words), of))
    return groups


def _place(text: str) -> dict[str, Any]:
    """`fov=UFOV, detector=1` as {"fov": "UFOV", "detector": 1}. ValueError where a part is no pair."""
    found: dict[str, Any] = {}
    for part in text.replace("，", ",").split(","):
        if not part.strip():
            continue
        key, sign, value = (piece.strip() for piece in part.partition("="))
        if not (sign and key.isidentifier() and value):
            raise ValueError(part)
        plain = number(value)
        found[key] = value if plain is None else int(plain) if plain.is_integer() else plain
    return found


@route(exempt="lists what the person may see", act="see")
def devices(request: HttpRequest) -> HttpResponse:
    shown = Device.objects.visible_to(request.user).select_related("organisation")
    wanted, kind, outcome = (request.GET.get(name, "").strip() for name in ("q", "kind", "outcome"))
    if wanted:
        named = Q(model__icontains=wanted) | Q(serial__icontains=wanted) | Q(organisation__name_zh__icontains=wanted)
        shown = shown.filter(named | Q(organisation__name_en__icontains=wanted))
    if kind in dict(KINDS):
        shown = shown.filter(kind=kind)
    if outcome in ("fail", "undecided", "pass"):
        shown = shown.filter(outcome=outcome)
    rows = page_of(shown, "model", request)
    return render(request, "devices/list.html", {"rows": rows, "q": wanted, "kind": kind, "outcome": outcome, "kinds": KINDS})


@route(exempt="makes a new device of a hospital the form allows", methods="GET POST", act="register")
def device_new(request: HttpRequest) -> HttpResponse:
    return _form(request, None)


@route("device", methods="GET POST", act="register")
def device_edit(request: HttpRequest, edited: Device) -> HttpResponse:
    return _form(request, edited)


def _form(request: HttpRequest, edited: Device | None) -> HttpResponse:
    person: Any = request.user
    initial = {
        key: request.GET[key] for key in ("organisation", "manufacturer", "model", "serial", "station") if key in request.GET
    }
    form = DeviceForm(request.POST or None, instance=edited, person=person, initial=initial)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved: Device = form.save()
            act = "changed" if edited else "added"
            record(act, f"device {saved.pk}", person=person, organisation=saved.organisation_id, fields=form.changed_data)
        return redirect("device", saved.pk)
    title = str(edited) if edited else now_said("New device", "登记设备")
    return render(request, "form.html", {"form": form, "title": title, "back": "devices"})


@route("device", act="see")
def device(request: HttpRequest, shown: Device) -> HttpResponse:
    standing = Result.objects.filter(device=shown, superseded_by=None)
    rows = latest_rows(shown)
    pictured = standing.exclude(review="rejected").filter(drawings__pixels__isnull=False).order_by("-acquired", "-id").first()
    return render(
        request,
        "devices/page.html",
        {
            "device": shown,
            "rows": [row for row in rows if _speaks(row)],
            "without_limit": [row for row in rows if not _speaks(row)],
            "worst": next((row for row in rows if row.outcome in ("fail", "undecided")), None),
            "viewer": viewer_of(pictured, last_test(pictured)) if pictured else None,
            "viewer_words": viewer_words(),
            "pictured": pictured,
            "results": standing.order_by("-acquired", "-id")[:30],
            "limits": [_said(limit) for limit in shown.limits.order_by("procedure", "quantity", "id")],
            "series": _series(shown),
        },
    )


def _speaks(row: LatestRow) -> bool:
    """Whether a limit has judged the row."""
    return row.outcome != "not_assessed" or row.row.limit != ABSENT


def _said(limit: DeviceLimit) -> DeviceLimit:
    """The limit with what it is of in words."""
    known = quantities().get((limit.procedure, limit.quantity)) or quantity_named(limit.quantity)
    limit.words = in_words(known.words) if known else limit.quantity  # type: ignore[attr-defined]
    limit.place = place(limit.where, language())  # type: ignore[attr-defined]
    limit.bounds = bounds(limit.lower, limit.upper)  # type: ignore[attr-defined]
    limit.unit_said = unit_label(limit.unit, language())  # type: ignore[attr-defined]
    limit.stage_said = stage_name(limit.stage, language())  # type: ignore[attr-defined]
    return limit


def _series(shown: Device) -> list[dict[str, Any]]:
    """The quantities that a trend can be drawn of, judged ones first."""
    known, tests, found = quantities(), roll(), {}
    for row in Latest.objects.filter(device=shown).order_by("procedure", "quantity"):
        rank = {"fail": 0, "undecided": 1, "pass": 2}.get(row.outcome, 3)
        key = (row.procedure, row.quantity)
        name = in_words(known[key].words) if key in known else row.quantity
        test = in_words(tests[row.procedure].words) if row.procedure in tests else row.procedure
        one = {"procedure": row.procedure, "quantity": row.quantity, "words": name, "test": test}
        found[key] = {**one, "rank": min(rank, found.get(key, {"rank": 9})["rank"])}
    ordered = sorted(found.values(), key=lambda one: (one["rank"], one["words"]))[:24]
    return [{**one, "first": n < 5 and (one["rank"] < 3 or n == 0)} for n, one in enumerate(ordered)]


@route("device", act="see")
def device_trend(request: HttpRequest, shown: Device) -> HttpResponse:
    """The measurements of one quantity over time, with the limits that judged them and the region's distribution."""
    procedure, quantity = request.GET.get("procedure", ""), request.GET.get("quantity", "")
    return JsonResponse({**trend_of(shown, procedure, quantity), "region": distribution(shown, procedure, quantity)})


@route("device", methods="GET POST", act="register")
def device_criteria(request: HttpRequest, shown: Device) -> HttpResponse:
    person: Any = request.user
    form = LimitForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            limit = form.save(commit=False)
            limit.device = shown
            limit.save()
            record(
                "limit added", f"device {shown.pk}", person=person, organisation=shown.organisation_id, quantity=limit.quantity
            )
        return redirect("device", shown.pk)
    title = now_said("A limit of this device", "本设备的限值")
    return render(request, "form.html", {"form": form, "title": title, "back": "devices"})


@route("limit", methods="POST", act="register")
def limit_remove(request: HttpRequest, limit: DeviceLimit) -> HttpResponse:
    device = limit.device
    with transaction.atomic():
        record("limit removed", f"device {device.pk}", person=request.user, organisation=device.organisation_id, limit=limit.pk)
        limit.delete()
    return redirect("device", device.pk)
