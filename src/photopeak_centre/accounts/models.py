"""People who sign in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils.functional import cached_property

from photopeak_centre.accounts.roles import ROLES
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.said import in_words, language, said


class People(BaseUserManager["Person"]):
    def make(self, username: str, password: str, **fields: Any) -> Person:
        person = self.model(username=username, **fields)
        person.set_password(password)
        person.save()
        return person


class Person(AbstractBaseUser):
    """One person, one organisation, one role."""

    username = models.CharField(said("user name", "用户名"), max_length=60, unique=True)
    name_zh = models.CharField(max_length=60)
    name_en = models.CharField(max_length=80, blank=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="people")
    role = models.CharField(max_length=24, choices=[(key, said(r.words.en, r.words.zh)) for key, r in ROLES.items()])
    is_active = models.BooleanField(default=True)
    objects = People()

    USERNAME_FIELD = "username"
    REQUIRED_FIELDS = ()

    def __str__(self) -> str:
        return (self.name_en if language() == "en" else "") or self.name_zh

    @property
    def role_name(self) -> str:
        return in_words(ROLES[self.role].words)

    @property
    def reach(self) -> str:
        return ROLES[self.role].reach

    @property
    def acts(self) -> frozenset[str]:
        return ROLES[self.role].acts

    def may(self, act: str) -> bool:
        return act in ROLES[self.role].acts

    @cached_property
    def own_keys(self) -> list[int]:
        """The keys of the person's own organisations, asked for once a request: a list lets the database use its index."""
        return list(self.own_organisations().values_list("pk", flat=True))

    def own_organisations(self) -> models.QuerySet[Organisation]:
        """The person's organisation, the laboratories that are part of it, and hospitals merged into it."""
        mine = self.organisation_id
        return Organisation.objects.filter(Q(pk=mine) | Q(part_of=mine) | Q(merged_into=mine))


class Attempt(models.Model):
    """A failed sign-in, counted by name and by address; no password and no name that was mistyped is kept, only a hash."""

    key = models.CharField(max_length=64, db_index=True)
    at = models.DateTimeField(auto_now_add=True, db_index=True)
