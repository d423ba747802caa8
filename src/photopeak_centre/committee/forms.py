"""Forms of the committee."""

from __future__ import annotations

from typing import Any

from django import forms

from photopeak_centre.accounts.models import Person
from photopeak_centre.campaigns.models import KINDS
from photopeak_centre.committee.models import Body, Expert, Meeting, Term
from photopeak_centre.said import now_said, said

LARGEST_PAPER = 20 * 2**20


def _days(*names: str) -> dict[str, forms.Widget]:
    return {name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d") for name in names}


class BodyForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Body
        fields = ("name_zh", "name_en", "branch_of", "founded")
        labels = {
            "name_zh": said("name in Chinese", "中文名称"),
            "name_en": said("name in English", "英文名称"),
            "branch_of": said("branch of", "上级委员会"),
            "founded": said("founded on", "成立日期"),
        }
        widgets = _days("founded")


class ExpertForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Expert
        fields = ("name_zh", "name_en", "employer", "specialty", "account")
        labels = {
            "name_zh": said("name in Chinese", "姓名"),
            "name_en": said("name in Latin letters", "姓名拼音"),
            "employer": said("employer", "工作单位"),
            "specialty": said("specialty", "专业"),
            "account": said("signs in as", "登录账号"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        staff = Person.objects.filter(is_active=True, role__in=("director", "secretary", "expert", "committee_member"))
        self.fields["account"].queryset = staff  # type: ignore[attr-defined]


class TermForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Term
        fields = ("expert", "office", "begins", "ends")
        labels = {
            "expert": said("expert", "专家"),
            "office": said("office", "职务"),
            "begins": said("from", "任期开始"),
            "ends": said("until", "任期结束"),
        }
        widgets = _days("begins", "ends")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        begins, ends = cleaned.get("begins"), cleaned.get("ends")
        if begins and ends:
            if ends < begins:
                self.add_error("ends", now_said("The term ends before it begins.", "任期结束早于开始。"))
            others = Term.objects.filter(
                body=self.instance.body, expert=cleaned.get("expert"), begins__lte=ends, ends__gte=begins
            )
            if others.exclude(pk=self.instance.pk).exists():
                self.add_error("begins", now_said("This expert already has a term in these days.", "该专家在此期间已有任期。"))
        return cleaned


class MeetingForm(forms.ModelForm):  # type: ignore[type-arg]
    agenda = forms.CharField(
        label=said("agenda: a line for each point, the speaker after a bar |", "议程：每行一项，报告人写在竖线 | 之后"),
        widget=forms.Textarea(attrs={"rows": 6}),
        required=False,
        max_length=8000,
    )

    class Meta:
        model = Meeting
        fields = ("body", "name_zh", "name_en", "held", "place")
        labels = {
            "body": said("of", "委员会"),
            "name_zh": said("name in Chinese", "会议名称"),
            "name_en": said("name in English", "英文名称"),
            "held": said("day and time", "时间"),
            "place": said("place", "地点"),
        }
        widgets = {"held": forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")}


class PaperForm(forms.Form):
    name = forms.CharField(label=said("name of the paper", "材料名称"), max_length=160)
    file = forms.FileField(label=said("file", "文件"))

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > LARGEST_PAPER:
            raise forms.ValidationError(now_said("The file is larger than 20 MB.", "文件超过 20 MB。"))
        return file


class PlanForm(forms.Form):
    name_zh = forms.CharField(label=said("name in Chinese", "计划名称"), max_length=120)
    name_en = forms.CharField(label=said("name in English", "英文名称"), max_length=160, required=False)
    kind = forms.ChoiceField(label=said("kind", "类别"), choices=KINDS)
    begins = forms.DateField(label=said("from", "开始"), widget=forms.DateInput(attrs={"type": "date"}))
    ends = forms.DateField(label=said("until", "结束"), widget=forms.DateInput(attrs={"type": "date"}))
