"""Hospitals: list, page, editing, merging."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from photopeak_centre.audit.chain import record
from photopeak_centre.campaigns.models import Visit
from photopeak_centre.checks.models import WorstOutcome
from photopeak_centre.devices.models import Device
from photopeak_centre.half_year.dashboards import hospital_for
from photopeak_centre.hospitals.models import Department, Organisation
from photopeak_centre.keyset import page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import now_said, said
from photopeak_centre.tenancy import get_for


@getter("hospital")
def get_hospital_for(person: Any, id: int) -> Organisation:
    found: Organisation = get_for(Organisation, person, id)
    if found.kind not in ("hospital", "laboratory"):
        raise Http404
    return found


class HospitalForm(forms.ModelForm):  # type: ignore[type-arg]
    departments = forms.CharField(
        label=said("departments, one a line", "科室，每行一个"), widget=forms.Textarea(attrs={"rows": 3}), required=False
    )

    class Meta:
        model = Organisation
        fields = ("kind", "name_zh", "name_en", "district_zh", "district_en", "part_of", "keep_evidence_years")
        labels = {
            "kind": said("kind", "类别"),
            "name_zh": said("name", "名称"),
            "name_en": said("name in English", "英文名称"),
            "district_zh": said("district", "所在区"),
            "district_en": said("district in English", "所在区（英文）"),
            "part_of": said("part of", "隶属"),
            "keep_evidence_years": said("keep evidence for, years", "证据保存年限"),
        }

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["kind"].choices = [c for c in self.fields["kind"].choices if c[0] in ("hospital", "laboratory")]  # type: ignore[attr-defined]
        self.fields["part_of"].queryset = Organisation.objects.visible_to(person).filter(kind="hospital", merged_into=None)  # type: ignore[attr-defined]
        if self.instance.pk:
            self.fields["departments"].initial = "\n".join(d.name_zh for d in self.instance.departments.all())

    def save(self, commit: bool = True) -> Organisation:
        organisation: Organisation = super().save()
        names = {line.strip() for line in self.cleaned_data["departments"].splitlines() if line.strip()}
        known = set(organisation.departments.values_list("name_zh", flat=True))
        Department.objects.bulk_create(Department(organisation=organisation, name_zh=name[:80]) for name in names - known)
        return organisation


@route(exempt="lists what the person may see", act="see")
def hospitals(request: HttpRequest) -> HttpResponse:
    from django.db.models import Count, Q

    shown = Organisation.objects.visible_to(request.user).filter(kind__in=("hospital", "laboratory"), merged_into=None)
    if wanted := request.GET.get("q", "").strip():
        shown = shown.filter(Q(name_zh__icontains=wanted) | Q(name_en__icontains=wanted))
    rows = page_of(shown, "name_zh", request)
    counts = Device.objects.filter(organisation__in=[r.pk for r in rows], in_use=True).values_list("organisation", "outcome")
    by: dict[int, dict[str, int]] = {}
    for organisation, outcome, n in counts.annotate(n=Count("id")).values_list("organisation", "outcome", "n"):
        by.setdefault(organisation, {})[outcome or "not_assessed"] = n
    for row in rows:
        row.outcomes = by.get(row.pk, {})
    return render(request, "hospitals/list.html", {"rows": rows, "q": wanted})


@route(exempt="makes a new hospital", methods="GET POST", act="merge")
def hospital_new(request: HttpRequest) -> HttpResponse:
    return _form(request, None)


@route("hospital", act="see")
def hospital(request: HttpRequest, shown: Organisation) -> HttpResponse:
    devices = Device.objects.visible_to(request.user).filter(organisation=shown).order_by("kind", "model", "id")
    visits = Visit.objects.visible_to(request.user).filter(organisation=shown).exclude(state="cancelled")
    context = {
        "hospital": shown,
        "devices": devices,
        "departments": shown.departments.all(),
        "visits": visits.select_related("campaign").order_by("-day", "-id")[:20],
        "more": hospital_for(request.user, shown),
    }
    return render(request, "hospitals/page.html", context)


@route("hospital", methods="GET POST", act="merge")
def hospital_edit(request: HttpRequest, edited: Organisation) -> HttpResponse:
    return _form(request, edited)


def _form(request: HttpRequest, edited: Organisation | None) -> HttpResponse:
    person: Any = request.user
    form = HospitalForm(request.POST or None, instance=edited, person=person)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            act = "changed" if edited else "added"
            record(act, f"hospital {saved.pk}", person=person, organisation=saved.pk, name=saved.name_zh)
        return redirect("hospital", saved.pk)
    title = str(edited) if edited else now_said("New hospital", "新增医院")
    return render(request, "form.html", {"form": form, "title": title, "back": "hospitals"})


class MergeForm(forms.Form):
    into = forms.ModelChoiceField(queryset=Organisation.objects.none(), label=said("becomes part of", "并入"))


@route("hospital", methods="GET POST", act="merge")
def hospital_merge(request: HttpRequest, merged: Organisation) -> HttpResponse:
    """Two hospitals become one: devices and people move, evidence and results stay as they were recorded and become visible to both."""
    person: Any = request.user
    form = MergeForm(request.POST or None)
    others = Organisation.objects.visible_to(person).filter(kind="hospital", merged_into=None).exclude(pk=merged.pk)
    form.fields["into"].queryset = others  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        into: Organisation = form.cleaned_data["into"]
        with transaction.atomic():
            Device.objects.filter(organisation=merged).update(organisation=into)
            WorstOutcome.objects.filter(organisation=merged).update(organisation=into)
            merged.departments.update(organisation=into)
            merged.people.update(organisation=into)
            merged.parts.update(part_of=into)
            merged.predecessors.update(merged_into=into)
            merged.senders.update(organisation=into)
            merged.watched_folders.update(organisation=into)
            merged.merged_into = into
            merged.save(update_fields=["merged_into"])
            record("merged", f"hospital {merged.pk}", person=person, organisation=into.pk, into=into.pk)
        return redirect("hospital", into.pk)
    title = now_said("Merge {} into another hospital", "将{}并入另一家医院").format(merged)
    return render(request, "form.html", {"form": form, "title": title, "back": "hospitals"})
