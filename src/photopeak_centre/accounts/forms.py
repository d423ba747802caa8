"""Forms of set-up, signing in and people."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.password_validation import validate_password

from photopeak_centre.accounts.models import Person
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.said import said

PASSWORD = said("password (10 characters or more)", "密码（至少 10 个字符）")


class SignIn(forms.Form):
    username = forms.CharField(label=said("user name", "用户名"), max_length=60)
    password = forms.CharField(label=said("password", "密码"), widget=forms.PasswordInput, max_length=200)


class SetUp(forms.Form):
    """The first run: the centre's name and its administrator."""

    centre_zh = forms.CharField(label=said("name of the centre, in Chinese", "质控中心名称"), max_length=120)
    centre_en = forms.CharField(
        label=said("name of the centre, in English", "质控中心英文名称"), max_length=160, required=False
    )
    username = forms.CharField(label=said("administrator's user name", "管理员用户名"), max_length=60)
    name_zh = forms.CharField(label=said("administrator's name", "管理员姓名"), max_length=60)
    password = forms.CharField(label=PASSWORD, widget=forms.PasswordInput)

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        validate_password(password)
        return password


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    password = forms.CharField(label=PASSWORD, widget=forms.PasswordInput, required=False)

    class Meta:
        model = Person
        fields = ("username", "name_zh", "name_en", "organisation", "role", "is_active")
        labels = {
            "name_zh": said("name", "姓名"),
            "name_en": said("name in Latin letters", "姓名（拉丁字母）"),
            "organisation": said("organisation", "所属单位"),
            "role": said("role", "角色"),
            "is_active": said("may sign in", "允许登录"),
        }

    def __init__(self, *args: Any, person: Person, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["organisation"].queryset = Organisation.objects.visible_to(person).filter(merged_into=None)  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.instance.pk and not cleaned.get("password"):
            self.add_error("password", str(said("A new person needs a password.", "新人员须设置密码。")))
        if cleaned.get("password"):
            try:
                validate_password(cleaned["password"])
            except forms.ValidationError as error:
                self.add_error("password", error)
        return cleaned

    def save(self, commit: bool = True) -> Person:
        person: Person = super().save(commit=False)
        if self.cleaned_data.get("password"):
            person.set_password(self.cleaned_data["password"])
        person.save()
        return person
