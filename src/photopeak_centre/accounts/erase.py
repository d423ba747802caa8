"""Erasing a person: the name and the words about them go, the number under which the audit chain knows them stays."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from photopeak_centre.accounts.models import Person
from photopeak_centre.evidence.retention import erasable_of_person, erase_details


def erase(person: Person, by: Any = None) -> int:
    """Make the person nameless and unable to sign in; returns how many audit entries lost their words."""
    with transaction.atomic():
        person.username, person.name_zh, person.name_en = f"erased-{person.pk}", "（已删除）", "(erased)"
        person.is_active = False
        person.set_unusable_password()
        person.save()
        numbers = erasable_of_person(person.pk)
        erase_details(numbers, f"person {person.pk}", person.organisation_id, by)
    return len(numbers)
