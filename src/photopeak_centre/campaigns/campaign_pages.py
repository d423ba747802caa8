"""Campaigns: the list, the plan, its targets, who goes where, the region's map of how far it is, and its end; declared interests."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from photopeak.criterion import STAGES
from photopeak.present.phrases import STAGES as STAGE_WORDS
from photopeak.procedure import roll
from photopeak.verdict import OUTCOME_WORDS
from photopeak_centre.accounts.models import Person
from photopeak_centre.audit.chain import record
from photopeak_centre.campaigns import planning
from photopeak_centre.campaigns.image_quality import summary
from photopeak_centre.campaigns.models import Campaign, ConflictOfInterest, Interest, Target, Visit
from photopeak_centre.campaigns.planning import PlanError, Standing
from photopeak_centre.campaigns.scoring import checklist_names, shipped
from photopeak_centre.campaigns.visit_pages import VISITORS, inspectors_for
from photopeak_centre.devices.models import KINDS as DEVICE_KINDS
from photopeak_centre.devices.models import Device
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.keyset import page_of
from photopeak_centre.routes import getter, route
from photopeak_centre.said import in_words, now_said, said
from photopeak_centre.tenancy import get_for

#: the order of signs on a tile: what asks for work first
ORDER = ("fail", "undecided", "not_assessed", "pass")


@getter("campaign")
def get_campaign_for(person: Any, id: int) -> Campaign:
    found: Campaign = get_for(Campaign, person, id)
    return found


@getter("target")
def get_target_for(person: Any, id: int) -> Target:
    found: Target = get_for(Target, person, id, "campaign", "organisation", "device")
    return found


@getter("interest")
def get_interest_for(person: Any, id: int) -> Interest:
    found: Interest = get_for(Interest, person, id, "person", "organisation")
    return found


class CampaignForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Campaign
        fields = ("name_zh", "name_en", "kind", "begins", "ends", "stage", "procedures", "checklist", "words")
        labels = {
            "name_zh": said("name, Chinese", "名称（中文）"),
            "name_en": said("name, English", "名称（英文）"),
            "kind": said("kind", "类别"),
            "begins": said("begins", "开始"),
            "ends": said("ends", "结束"),
            "words": said("remarks", "说明"),
        }
        widgets = {
            "begins": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "ends": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "words": forms.Textarea(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        procedures = sorted((name, f"{in_words(entry.words)} · {name}") for name, entry in roll().items())
        lists = [("", now_said("none", "无")), *((name, in_words(shipped(name).words)) for name in checklist_names())]
        self.fields["stage"] = forms.ChoiceField(
            label=now_said("stage of the criteria", "判定标准阶段"),
            choices=[(key, in_words(STAGE_WORDS[key])) for key in STAGES],
        )
        self.fields["procedures"] = forms.MultipleChoiceField(
            label=now_said("procedures that count as tested; none chosen: all", "计入的检测项目；不选为全部"), choices=procedures, required=False,
            widget=forms.SelectMultiple(attrs={"size": 8}),
        )  # fmt: skip
        self.fields["checklist"] = forms.ChoiceField(
            label=now_said("checklist of the visits", "现场检查表"), choices=lists, required=False
        )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        begins, ends = cleaned.get("begins"), cleaned.get("ends")
        if begins and ends and ends < begins:
            self.add_error("ends", now_said("A campaign ends after it begins.", "结束日期须不早于开始日期。"))
        return cleaned


class TargetFilter(forms.Form):
    """What is taken into the plan."""

    kinds = forms.MultipleChoiceField(
        label=said("kinds of device", "设备类别"), choices=DEVICE_KINDS, required=False, widget=forms.CheckboxSelectMultiple
    )
    district = forms.ChoiceField(label=said("district", "区"), required=False)
    model = forms.CharField(label=said("model contains", "型号包含"), required=False, max_length=80)
    untested_since = forms.DateField(
        label=said("not tested since", "此日期后未检测"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        named = (
            Organisation.objects.exclude(district_zh="")
            .order_by("district_zh")
            .values_list("district_zh", "district_en")
            .distinct()
        )
        districts = {zh: now_said(en or zh, zh) for zh, en in named}
        self.fields["district"].choices = [("", now_said("every district", "全部")), *districts.items()]  # type: ignore[attr-defined]


class ArrangeForm(forms.Form):
    target = forms.ModelChoiceField(Target.objects.none(), label=said("where", "检查对象"))
    day = forms.DateField(label=said("day", "日期"), widget=forms.DateInput(attrs={"type": "date"}))
    inspectors = forms.ModelMultipleChoiceField(
        Person.objects.none(), label=said("inspectors", "检查员"), widget=forms.CheckboxSelectMultiple
    )
    whole = forms.BooleanField(label=said("the whole hospital, not this device alone", "检查全院而非仅此设备"), required=False)

    def __init__(self, *args: Any, campaign: Campaign, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        targets = campaign.targets.select_related("organisation", "device").order_by("organisation__name_zh", "pk")
        self.fields["target"].queryset = targets  # type: ignore[attr-defined]
        self.fields["target"].label_from_instance = target_name  # type: ignore[attr-defined]
        self.fields["inspectors"].queryset = Person.objects.filter(role__in=VISITORS, is_active=True).order_by("pk")  # type: ignore[attr-defined]


def target_name(target: Target) -> str:
    return f"{target.organisation} · {target.device}" if target.device_id else str(target.organisation)


@route(exempt="the centre's campaigns, for those who plan them", act="plan")
def campaigns(request: HttpRequest) -> HttpResponse:
    rows = page_of(Campaign.objects.visible_to(request.user), "begins", request, descending=True)
    for one in rows:
        one.number = one.targets.count()
        one.arranged = one.visits.exclude(state="cancelled").count()
    return render(request, "campaigns/list.html", {"rows": rows})


@route(exempt="makes a new campaign", methods="GET POST", act="plan")
def campaign_new(request: HttpRequest) -> HttpResponse:
    return _form(request, None)


@route("campaign", methods="GET POST", act="plan")
def campaign_edit(request: HttpRequest, edited: Campaign) -> HttpResponse:
    if edited.state == "closed":
        return redirect("campaign", edited.pk)
    return _form(request, edited)


def _form(request: HttpRequest, edited: Campaign | None) -> HttpResponse:
    form = CampaignForm(request.POST or None, instance=edited)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            record(
                "campaign changed" if edited else "campaign added",
                f"campaign {saved.pk}",
                person=request.user,
                fields=form.changed_data,
            )
        return redirect("campaign", saved.pk)
    title = str(edited) if edited else now_said("New campaign", "新建检查计划")
    return render(request, "form.html", {"form": form, "title": title, "back": "campaigns"})


@route("campaign", act="plan")
def campaign(request: HttpRequest, shown: Campaign) -> HttpResponse:
    """The plan: how far it is on the region's map and as a list, the schedule with its clashes, what remains to be said."""
    return render(request, "campaigns/page.html", _page(shown))


def _page(shown: Campaign, **more: Any) -> dict[str, Any]:
    standings = planning.standings(shown)
    visits = list(shown.visits.select_related("organisation", "device").prefetch_related("inspectors").order_by("day", "pk"))
    live = [one for one in visits if one.state not in ("signed", "cancelled")]
    days = {one.day for one in live}
    same_days = Visit.objects.filter(day__in=days).select_related("organisation").prefetch_related("inspectors")
    return {
        "campaign": shown,
        "stage": STAGE_WORDS.get(shown.stage),
        "checklist": shipped(shown.checklist).words if shown.checklist in checklist_names() else None,
        "procedures": [entry.words for name, entry in roll().items() if name in shown.procedures],
        "tiles": _tiles(standings),
        "standings": standings,
        "counts": [(outcome, sum(one.sign == outcome for one in standings)) for outcome in ORDER],
        "tested": sum(one.tested for one in standings),
        "silent": [one.target for one in standings if not one.tested and not one.target.untested.strip()],
        "visits": visits,
        "rows": visits,
        "clashes": [in_words(words) for words in planning.clashes(same_days)],
        "filter": TargetFilter(),
        "arrange": ArrangeForm(campaign=shown),
        "quality": summary(shown) if shown.kind == "images" else None,
        "today": timezone.localdate(),
        **more,
    }


def _tiles(standings: list[Standing]) -> list[dict[str, Any]]:
    """Districts as tiles of equal size, every target one sign, what asks for work first."""
    found: dict[str, list[Standing]] = {}
    for one in standings:
        found.setdefault(one.target.organisation.district_zh, []).append(one)
    return [
        {
            "name": rows[0].target.organisation.district or now_said("no district", "未填区"),
            "tested": sum(one.tested for one in rows),
            "signs": [_sign(one) for one in sorted(rows, key=lambda one: ORDER.index(one.sign))],
        }
        for rows in found.values()
    ]


def _sign(one: Standing) -> dict[str, str]:
    word = in_words(OUTCOME_WORDS[one.sign]) if one.tested else now_said("not tested", "未检测")
    return {
        "sign": "na" if one.sign == "not_assessed" else one.sign,
        "title": now_said("{}: {}", "{}：{}").format(target_name(one.target), word),
    }


def _refused(request: HttpRequest, shown: Campaign, said_: str, **more: Any) -> HttpResponse:
    return render(request, "campaigns/page.html", _page(shown, problem=said_, **more), status=409)


@route("campaign", methods="GET POST", act="plan")
def campaign_targets(request: HttpRequest, shown: Campaign) -> HttpResponse:
    """GET shows what the filters choose, POST takes the marked ones into the plan."""
    form = TargetFilter(request.GET or None)
    filters = form.cleaned_data if form.is_bound and form.is_valid() else {}
    chosen = list(planning.candidates(shown, filters)[:2000])
    of_devices = shown.kind in planning.OF_DEVICES
    if request.method == "POST":
        marked = {int(one) for one in request.POST.getlist("chosen") if one.isdigit() and len(one) < 19}
        model: Any = Device if of_devices else Organisation
        wanted = model.objects.filter(pk__in=marked & {one.pk for one in planning.candidates(shown, {})})
        try:
            planning.add_targets(shown, list(wanted), request.user)
        except PlanError as error:
            return _refused(request, shown, in_words(error.words))
        return redirect("campaign", shown.pk)
    if of_devices:
        chosen = list(
            Device.objects.filter(pk__in=[one.pk for one in chosen])
            .select_related("organisation")
            .order_by("organisation__name_zh", "pk")
        )
    return render(
        request, "campaigns/targets.html", {"campaign": shown, "form": form, "chosen": chosen, "of_devices": of_devices}
    )


@route("campaign", methods="POST", act="plan")
def campaign_arrange(request: HttpRequest, shown: Campaign) -> HttpResponse:
    """Arrange a visit; refused with its reason where an inspector has a conflict of interest."""
    form = ArrangeForm(request.POST, campaign=shown)
    if not form.is_valid():
        return _refused(
            request, shown, now_said("Choose where, the day and inspectors.", "请选择检查对象、日期和检查员。"), arrange=form
        )
    given = form.cleaned_data
    target, device = given["target"], None if given["whole"] else given["target"].device
    try:
        planning.arrange(shown, target.organisation, given["day"], list(given["inspectors"]), request.user, device)
    except (PlanError, ConflictOfInterest) as error:
        return _refused(request, shown, in_words(error.words), arrange=form)
    return redirect("campaign", shown.pk)


@route("target", act="plan")
def target(request: HttpRequest, shown: Target) -> HttpResponse:
    """Who may be sent to this target, and who may not and why."""
    people = inspectors_for(shown.organisation, timezone.localdate())
    return render(request, "campaigns/target.html", {"target": shown, "name": target_name(shown), "people": people})


@route("target", methods="POST", act="plan")
def target_reason(request: HttpRequest, shown: Target) -> HttpResponse:
    """Say why a target was not tested; or take it out of a plan that has not begun."""
    campaign = shown.campaign
    if campaign.state == "closed":
        return HttpResponse(status=409)
    with transaction.atomic():
        if request.POST.get("remove") == "1" and campaign.state == "planned":
            record(
                "target removed",
                f"campaign {campaign.pk}",
                person=request.user,
                organisation=shown.organisation_id,
                target=shown.pk,
            )
            shown.delete()
        else:
            shown.untested = request.POST.get("reason", "").strip()[:200]
            shown.save(update_fields=["untested"])
            record(
                "reason given",
                f"campaign {campaign.pk}",
                person=request.user,
                organisation=shown.organisation_id,
                target=shown.pk,
            )
    return redirect("campaign", campaign.pk)


@route("campaign", methods="POST", act="plan")
def campaign_move(request: HttpRequest, shown: Campaign) -> HttpResponse:
    """Begin, or end: refused while a target was neither tested nor has a reason."""
    move = planning.close if request.POST.get("to") == "closed" else planning.start
    try:
        move(shown, request.user)
    except PlanError as error:
        return _refused(request, shown, in_words(error.words))
    return redirect("campaign", shown.pk)


class InterestForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Interest
        fields = ("person", "organisation", "kind", "words", "ends")
        labels = {
            "person": said("person", "人员"),
            "organisation": said("organisation", "单位"),
            "kind": said("kind", "类别"),
            "words": said("in words", "说明"),
            "ends": said("ended on", "终止日期"),
        }
        widgets = {"ends": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")}

    def __init__(self, *args: Any, person: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].queryset = Organisation.objects.filter(
            kind__in=("hospital", "laboratory"), merged_into=None
        ).order_by("name_zh")  # type: ignore[attr-defined]
        if person.may("plan"):
            self.fields["person"].queryset = Person.objects.filter(role__in=VISITORS, is_active=True).order_by("pk")  # type: ignore[attr-defined]
        else:
            del self.fields["person"]
            self.instance.person = person


@route(exempt="interests of all who visit, for those who plan", methods="GET POST", act="plan")
def interests(request: HttpRequest) -> HttpResponse:
    return _interests(request, Interest.objects.all())


@route(exempt="the person's own interests", methods="GET POST", act="visit")
def own_interests(request: HttpRequest) -> HttpResponse:
    return _interests(request, Interest.objects.filter(person=request.user))  # type: ignore[misc]


def _interests(request: HttpRequest, rows: Any) -> HttpResponse:
    person: Any = request.user
    form = InterestForm(request.POST or None, person=person)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            saved = form.save()
            record(
                "interest declared",
                f"person {saved.person_id}",
                person=person,
                organisation=saved.organisation_id,
                kind=saved.kind,
            )
        return redirect(request.path)
    rows = rows.select_related("person", "organisation").order_by("person", "organisation__name_zh")
    return render(request, "campaigns/interests.html", {"rows": rows, "form": form})


@route("interest", methods="POST", act="plan")
def interest_end(request: HttpRequest, shown: Interest) -> HttpResponse:
    """An interest ends today; it is kept."""
    with transaction.atomic():
        Interest.objects.filter(pk=shown.pk).update(ends=timezone.localdate())
        record(
            "interest ended",
            f"person {shown.person_id}",
            person=request.user,
            organisation=shown.organisation_id,
            kind=shown.kind,
        )
    return redirect("interests")
