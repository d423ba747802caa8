"""Reading images without knowing whose they are: no page, picture or answer for a reader names a hospital, a device or a visit."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from photopeak_centre.audit.chain import record
from photopeak_centre.campaigns.image_quality import AlreadyRead, criteria_of, may_read, next_turn, read_image, waiting_for
from photopeak_centre.campaigns.models import Campaign, ImageSample
from photopeak_centre.campaigns.pictures import LARGEST, NotAPicture, clean_picture, grey_png
from photopeak_centre.campaigns.visit_pages import picture_response
from photopeak_centre.checks.models import Drawing
from photopeak_centre.devices.models import Device
from photopeak_centre.evidence.store import keep, read
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.routes import getter, route
from photopeak_centre.said import in_words, now_said, said


@getter("image_sample")
def get_image_sample_for(person: Any, id: int) -> ImageSample:
    """For readers, and never of the reader's own house."""
    if not person.may("read_images"):
        raise Http404
    found: ImageSample = get_object_or_404(ImageSample.objects.visible_to(person), pk=id)
    if not may_read(found, person):
        raise Http404
    return found


class ReadingForm(forms.Form):
    """Yes or no to each criterion that applies."""

    def __init__(self, *args: Any, sample: ImageSample, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        answers = (("yes", now_said("yes", "是")), ("no", now_said("no", "否")))
        for key, words in criteria_of(sample).items():
            self.fields[key] = forms.ChoiceField(label=in_words(words), choices=answers, widget=forms.RadioSelect)
        self.fields["words"] = forms.CharField(
            label=now_said("remark", "备注"), required=False, max_length=400, widget=forms.Textarea(attrs={"rows": 2})
        )


@route(exempt="images that wait for this reader, by code", act="read_images")
def readings(request: HttpRequest) -> HttpResponse:
    person: Any = request.user
    waiting = waiting_for(person)
    done = person.readings.count()
    return render(request, "campaigns/readings.html", {"waiting": waiting[:200], "left": len(waiting), "done": done})


@route("image_sample", methods="GET POST", act="read_images")
def reading(request: HttpRequest, shown: ImageSample) -> HttpResponse:
    """One image and its question; the other readers' answers are not shown."""
    person: Any = request.user
    form = ReadingForm(request.POST or None, sample=shown)
    own = shown.readings.filter(reader=person).first()
    over = own is not None or next_turn(shown) is None
    if request.method == "POST" and form.is_valid() and not over:
        given = {key: form.cleaned_data[key] == "yes" for key in criteria_of(shown)}
        try:
            read_image(shown, person, given, form.cleaned_data["words"])
        except AlreadyRead:
            return redirect("readings")
        following = waiting_for(person)
        return redirect("reading", following[0].pk) if following else redirect("readings")
    left = len(waiting_for(person))
    return render(request, "campaigns/reading.html", {"sample": shown, "form": form, "own": own, "over": over, "left": left})


@route("image_sample", act="read_images")
def reading_picture(request: HttpRequest, shown: ImageSample) -> HttpResponse:
    return picture_response(shown.blob_id, shown.media)


class SampleForm(forms.Form):
    """Images of one hospital, as pictures whose margins were looked at, or from a result's picture."""

    organisation = forms.ModelChoiceField(Organisation.objects.none(), label=said("hospital", "医院"))
    modality = forms.ChoiceField(label=said("modality", "类别"), choices=(("spect", "SPECT"), ("pet_ct", "PET/CT")))
    picture = forms.FileField(label=said("picture (JPEG, PNG)", "图片（JPEG、PNG）"), required=False)
    drawing = forms.ModelChoiceField(
        Drawing.objects.none(), label=said("or the picture of a result", "或检测结果中的图像"), required=False
    )
    looked = forms.BooleanField(
        label=said("I have looked: no name of a patient or a hospital stands in the image", "已核对：图像中没有患者或医院名称")
    )

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        owners = campaign.targets.values("organisation")
        self.fields["organisation"].queryset = Organisation.objects.filter(pk__in=owners).order_by("name_zh")  # type: ignore[attr-defined]
        drawings = Drawing.objects.filter(result__organisation__in=owners, result__superseded_by=None).exclude(pixels=None)
        recent = drawings.filter(result__acquired__date__range=(campaign.begins, campaign.ends)).order_by("-pk")[:200]
        self.fields["drawing"].queryset = Drawing.objects.filter(pk__in=[one.pk for one in recent]).select_related(
            "result__organisation"
        )  # type: ignore[attr-defined]
        self.fields["drawing"].label_from_instance = lambda one: f"{one.result.organisation} · {in_words(one.title)} · {one.pk}"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        picture, drawing = cleaned.get("picture"), cleaned.get("drawing")
        if (picture is None) == (drawing is None):
            self.add_error(
                "picture", now_said("Give a picture, or choose one of a result.", "请上传图片或选择检测结果中的图像。")
            )
        elif drawing is not None:
            if drawing.result.organisation != cleaned.get("organisation"):
                self.add_error("drawing", now_said("This picture is of another hospital.", "该图像属于其他医院。"))
            cleaned["cleaned"] = picture_of(drawing), "image/png"
        elif picture is not None:
            try:
                cleaned["cleaned"] = clean_picture(picture.read(LARGEST + 1))
            except NotAPicture:
                self.add_error(
                    "picture",
                    now_said("Not a whole JPEG or PNG picture up to 6 MB.", "不是 6 MB 以内的完整 JPEG 或 PNG 图片。"),
                )
        return cleaned


def picture_of(drawing: Drawing) -> bytes:
    """A result's picture as a PNG: the pixels in their window, nothing beside them."""
    import numpy as np

    about = drawing.about
    values = np.frombuffer(read(drawing.pixels_id), "<f4").reshape(about["rows"], about["columns"])
    return grey_png(values, *about["window"], inverse=about.get("palette") == "inverse")


@route("campaign", methods="GET POST", act="plan")
def campaign_sample(request: HttpRequest, shown: Campaign) -> HttpResponse:
    """Take an image into the blinded reading."""
    form = SampleForm(request.POST or None, request.FILES or None, campaign=shown)
    if request.method == "POST" and form.is_valid() and shown.state != "closed":
        given = form.cleaned_data
        data, media = given["cleaned"]
        device = given["drawing"].result.device if given["drawing"] else _only_device(given["organisation"], given["modality"])
        with transaction.atomic():
            _, made = ImageSample.objects.get_or_create(
                campaign=shown, organisation=given["organisation"], blob=keep(data),
                defaults={"modality": given["modality"], "media": media, "by": request.user, "device": device},
            )  # fmt: skip
            if made:
                record("image sampled", f"campaign {shown.pk}", person=request.user, organisation=given["organisation"].pk)
        return redirect("campaign_sample", shown.pk)
    counts = shown.samples.count()
    return render(request, "campaigns/sample.html", {"campaign": shown, "form": form, "number": counts})


def _only_device(organisation: Organisation, modality: str) -> Device | None:
    kinds = ("pet_ct", "pet_mr") if modality == "pet_ct" else ("spect", "spect_ct", "gamma_camera")
    found = list(Device.objects.filter(organisation=organisation, kind__in=kinds, in_use=True)[:2])
    return found[0] if len(found) == 1 else None
