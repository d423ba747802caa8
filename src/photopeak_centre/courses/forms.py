"""Forms of courses: the centre's, and the participants'."""

from __future__ import annotations

from typing import Any

from django import forms

from photopeak_centre.courses.models import Course, Question, Registration, Session
from photopeak_centre.said import now_said, said


def _moment() -> forms.Widget:
    return forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M")


class CourseForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Course
        fields = (
            "name_zh", "name_en", "project", "begins", "ends", "place", "words", "credits", "capacity", "attendance_percent", "pass_percent",
        )  # fmt: skip
        labels = {
            "name_zh": said("name in Chinese", "课程名称"),
            "name_en": said("name in English", "英文名称"),
            "project": said("number of the continuing-education project", "继续教育项目编号"),
            "begins": said("from", "开始日期"),
            "ends": said("until", "结束日期"),
            "place": said("place", "地点"),
            "words": said("about the course", "课程说明"),
            "credits": said("credits", "学分"),
            "capacity": said("places", "名额"),
            "attendance_percent": said("sessions to be attended, %", "出勤要求，%"),
            "pass_percent": said("examination passed from, %", "考试合格线，%"),
        }
        widgets = {name: forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d") for name in ("begins", "ends")}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("begins") and cleaned.get("ends") and cleaned["ends"] < cleaned["begins"]:
            self.add_error("ends", now_said("The course ends before it begins.", "结束日期早于开始日期。"))
        for name in ("attendance_percent", "pass_percent"):
            if (cleaned.get(name) or 0) > 100:
                self.add_error(name, now_said("At most 100.", "不超过 100。"))
        return cleaned


class SessionForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Session
        fields = ("begins", "ends", "words", "lecturer", "lecturer_from")
        labels = {
            "begins": said("begins", "开始"),
            "ends": said("ends", "结束"),
            "words": said("subject", "内容"),
            "lecturer": said("lecturer", "授课人"),
            "lecturer_from": said("lecturer's employer", "授课人单位"),
        }
        widgets = {"begins": _moment(), "ends": _moment()}

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("begins") and cleaned.get("ends") and cleaned["ends"] <= cleaned["begins"]:
            self.add_error("ends", now_said("The session ends before it begins.", "结束时间早于开始时间。"))
        return cleaned


class QuestionForm(forms.Form):
    words = forms.CharField(label=said("question", "题目"), max_length=2000, widget=forms.Textarea(attrs={"rows": 2}))
    choices = forms.CharField(
        label=said("answers, one a line, a * before each right one", "选项：每行一项，正确项前加 *"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5}),
    )

    def clean_choices(self) -> list[tuple[str, bool]]:
        lines = [line.strip() for line in self.cleaned_data["choices"].splitlines() if line.strip()]
        found = [(line.lstrip("*").strip(), line.startswith("*")) for line in lines]
        if not 2 <= len(found) <= 8 or not any(right for _, right in found) or not all(text for text, _ in found):
            raise forms.ValidationError(
                now_said("Two to eight answers, at least one of them right.", "须有 2 至 8 个选项，且至少一项正确。")
            )
        return found

    def question(self, course: Course) -> Question:
        choices = self.cleaned_data["choices"]
        right = [n for n, (_, is_right) in enumerate(choices) if is_right]
        return Question(course=course, words=self.cleaned_data["words"], choices=[text for text, _ in choices], right=right)


class JoinForm(forms.ModelForm):  # type: ignore[type-arg]
    """What a participant gives; nothing more than the certificate needs."""

    class Meta:
        model = Registration
        fields = ("name", "employer", "level", "title")
        labels = {
            "name": said("name", "姓名"),
            "employer": said("employer", "工作单位"),
            "level": said("kind of institution", "机构类别"),
            "title": said("professional title", "职称"),
        }
