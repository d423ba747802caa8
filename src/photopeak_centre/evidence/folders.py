"""Watched folders: which folder of the server is taken in for which hospital, for those who manage senders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django import forms
from django.conf import settings
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from photopeak_centre.audit.chain import record
from photopeak_centre.evidence.models import WatchedFolder
from photopeak_centre.hospitals.choice import LongSelect
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.keyset import page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import now_said, said


@getter("folder")
def get_folder_for(person: Any, id: int) -> WatchedFolder:
    if not person.may("manage_people"):
        raise Http404
    return get_object_or_404(WatchedFolder, pk=id)


class FolderForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = WatchedFolder
        fields = ("organisation", "path", "active")
        labels = {
            "organisation": said("hospital", "医院"),
            "path": said("folder on the server", "服务器上的文件夹"),
            "active": said("active", "启用"),
        }
        widgets = {"organisation": LongSelect}

    def clean_path(self) -> str:
        """An existing folder below one that the operator allowed; the web page opens no other part of the server."""
        given = Path(self.cleaned_data["path"].strip())
        allowed = [Path(root).resolve() for root in settings.FOLDERS]
        if not given.is_absolute() and allowed:
            given = allowed[0] / given
        place = given.resolve()
        if not any(place != root and place.is_relative_to(root) for root in allowed) or not place.is_dir():
            roots = ", ".join(map(str, allowed))
            raise forms.ValidationError(now_said("An existing folder below {}.", "须为 {} 之下已有的文件夹。").format(roots))
        if WatchedFolder.objects.filter(path=str(place)).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(now_said("This folder is watched already.", "该文件夹已在监视中。"))
        return str(place)


@route(exempt="watched folders of all hospitals, for those who manage them", methods="GET POST", act="manage_people")
def folders(request: HttpRequest) -> HttpResponse:
    form = FolderForm(request.POST or None)
    owners = Organisation.objects.filter(kind__in=("hospital", "laboratory"), merged_into=None)
    form.fields["organisation"].queryset = owners  # type: ignore[attr-defined]
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            record("folder added", f"folder {saved.pk}", person=request.user, organisation=saved.organisation_id)
        return redirect("folders")
    rows = page_of(WatchedFolder.objects.select_related("organisation"), "organisation_id", request)
    return render(request, "evidence/folders.html", {"rows": rows, "form": form, "roots": settings.FOLDERS})


@route("folder", methods="POST", act="manage_people")
def folder_remove(request: HttpRequest, one: WatchedFolder) -> HttpResponse:
    """No longer watched; what was taken in stays."""
    with transaction.atomic():
        record("folder removed", f"folder {one.pk}", person=request.user, organisation=one.organisation_id)
        one.delete()
    return redirect("folders")
