"""Signing in fails quickly after too many failures, by name and by address."""

from __future__ import annotations

import datetime
import hashlib

from django.utils import timezone

from photopeak_centre.accounts.models import Attempt

WINDOW = datetime.timedelta(minutes=15)
MOST_BY_NAME, MOST_BY_ADDRESS = 8, 60


def _keys(username: str, address: str) -> tuple[str, str]:
    return tuple(hashlib.sha256(t.encode()).hexdigest() for t in (f"name:{username.lower()}", f"address:{address}"))  # type: ignore[return-value]


def refused(username: str, address: str) -> bool:
    since = timezone.now() - WINDOW
    name, place = _keys(username, address)
    recent = Attempt.objects.filter(at__gte=since)
    return recent.filter(key=name).count() >= MOST_BY_NAME or recent.filter(key=place).count() >= MOST_BY_ADDRESS


def failed(username: str, address: str) -> None:
    Attempt.objects.filter(at__lt=timezone.now() - WINDOW).delete()
    Attempt.objects.bulk_create(Attempt(key=key) for key in _keys(username, address))


def succeeded(username: str, address: str) -> None:
    Attempt.objects.filter(key=_keys(username, address)[0]).delete()
