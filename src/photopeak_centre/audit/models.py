"""One entry per act, each with the hash of the one before; what may have to be erased is kept apart, its hash in the chain."""

from __future__ import annotations

from typing import Any

from django.db import models

from photopeak_centre.said import now_said


class ChainHead(models.Model):
    """The single row that says where the chain ends; it is locked by whoever appends."""

    number = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)


class Entry(models.Model):
    """An act. Append-only: neither saving again nor deleting is offered."""

    number = models.BigIntegerField(primary_key=True)
    at = models.CharField(max_length=32)  # the text that was hashed, UTC
    person = models.BigIntegerField(null=True)
    act = models.CharField(max_length=64)
    about = models.CharField(max_length=64)
    organisation = models.BigIntegerField(null=True, db_index=True)
    detail_hash = models.CharField(max_length=64)
    previous = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("an audit entry is never changed")
        super().save(*args, **kwargs, force_insert=True)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("an audit entry is never deleted")


class Detail(models.Model):
    """The words of an entry, with a salt. Erasing this row leaves the chain whole."""

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, primary_key=True)
    salt = models.CharField(max_length=32)
    content = models.JSONField()


class Upkeep(models.Model):
    """What the day's upkeep did: begun, backed up, deleted what was kept long enough, verified. `number` and `hash`: the chain then."""

    act = models.CharField(max_length=16)  # begun, backup, retention, verified
    at = models.DateTimeField(auto_now_add=True)
    well = models.BooleanField(default=True)
    words = models.CharField(max_length=400, blank=True)
    number = models.BigIntegerField(null=True)
    hash = models.CharField(max_length=64, blank=True)
    erased = models.BigIntegerField(default=0)

    class Meta:
        indexes = (models.Index(fields=["act", "-at"]),)

    @property
    def said(self) -> str:
        """The words in the language of the page; they are written as English / Chinese."""
        english, _, chinese = self.words.partition(" / ")
        return now_said(english, chinese or english)
