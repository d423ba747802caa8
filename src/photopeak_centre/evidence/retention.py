"""What has been kept long enough is deleted: files of studies by each organisation's years, files held back, old words of the audit log.

Results, their verdicts and drawings stay, and so does the audit chain: only its details, of which it holds the hash, can be erased.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from photopeak_centre.audit.chain import record
from photopeak_centre.audit.models import Detail, Entry
from photopeak_centre.evidence.models import Blob, Held, Item, Study
from photopeak_centre.evidence.store import place_of
from photopeak_centre.hospitals.models import Organisation

#: a file that may name a patient and that nobody settles is discarded after so long
UNSETTLED_DAYS = 90
#: a file to which nothing refers is no longer about to be referred to
UNUSED_AFTER = datetime.timedelta(days=1)
PIECE = 200


@dataclass(slots=True)
class Deleted:
    studies: int = 0
    held: int = 0
    files: int = 0
    size: int = 0  #: bytes
    words: int = 0  #: details of audit entries


def years_before(moment: datetime.datetime, years: int) -> datetime.datetime:
    """The same day so many years earlier; 29 February becomes the 28th."""
    try:
        return moment.replace(year=moment.year - years)
    except ValueError:
        return moment.replace(year=moment.year - years, day=28)


def delete_what_was_kept_long_enough(now: datetime.datetime | None = None) -> Deleted:
    """Delete, organisation by organisation, each piece with its audit entry in one transaction; says how much."""
    now, whole = now or timezone.now(), Deleted()
    for organisation in Organisation.objects.order_by("pk"):
        before = years_before(now, max(1, organisation.keep_evidence_years))
        _studies(organisation, before, whole)
        _held(organisation, now, whole)
        _words(organisation, before, whole)
    _unused(now, whole)
    return whole


def _studies(organisation: Organisation, before: datetime.datetime, whole: Deleted) -> None:
    old = Study.objects.filter(organisation=organisation, first_received__lt=before, evidence_deleted=None, items__isnull=False)
    old = old.exclude(items__at__gte=before).exclude(jobs__state__in=("waiting", "running")).distinct()
    while studies := list(old.order_by("pk").values_list("pk", flat=True)[:PIECE]):
        with transaction.atomic():
            items = Item.objects.filter(study__in=studies)
            blobs = set(items.values_list("blob", flat=True))
            items.delete()
            Study.objects.filter(pk__in=studies).update(evidence_deleted=timezone.now())
            files, size = _unreferenced(blobs)
            record(
                "evidence deleted after its years",
                f"hospital {organisation.pk}",
                organisation=organisation.pk,
                studies=studies,
                files=files,
                before=before.isoformat(),
                years=organisation.keep_evidence_years,
            )
            _unlink(size)
        whole.studies += len(studies)
        whole.files += files
        whole.size += sum(size.values())


def _held(organisation: Organisation, now: datetime.datetime, whole: Deleted) -> None:
    """Files held back: those settled at once, those that may name a patient when nobody has settled them for too long."""
    late = Q(kind="patient", settled="", at__lt=now - datetime.timedelta(days=UNSETTLED_DAYS))
    rows = Held.objects.filter(~Q(settled="") | late, organisation=organisation).exclude(blob=None)
    while held := list(rows.order_by("pk").values_list("pk", "blob")[:PIECE]):
        with transaction.atomic():
            of = Held.objects.filter(pk__in=[pk for pk, _ in held])
            of.filter(settled="").update(settled="discarded")
            of.update(blob=None, name="")
            files, size = _unreferenced({blob for _, blob in held})
            record(
                "files held back deleted",
                f"hospital {organisation.pk}",
                organisation=organisation.pk,
                held=[pk for pk, _ in held],
                files=files,
            )
            _unlink(size)
        whole.held += len(held)
        whole.files += files
        whole.size += sum(size.values())


def _unused(now: datetime.datetime, whole: Deleted) -> None:
    """Files that nothing ever came to refer to: the slower of two roads that brought one image at the same moment left one."""
    unused = Blob.objects.filter(at__lt=now - UNUSED_AFTER)
    for model, column in _references():
        unused = unused.filter(~Exists(model._base_manager.filter(**{column: OuterRef("pk")})))
    while blobs := set(unused.order_by("pk").values_list("pk", flat=True)[:PIECE]):
        with transaction.atomic():
            files, size = _unreferenced(blobs)
            record("files without evidence deleted", "store", files=files)
            _unlink(size)
        whole.files += files
        whole.size += sum(size.values())


def _words(organisation: Organisation, before: datetime.datetime, whole: Deleted) -> None:
    """Details of audit entries: the organisation's own; the centre's also cover entries about no organisation."""
    mine = Q(entry__organisation=organisation.pk)
    if organisation.kind == "centre":
        mine |= Q(entry__organisation=None)
    text = before.astimezone(datetime.UTC).isoformat(timespec="milliseconds")
    last = Entry.objects.order_by("-number").values_list("number", flat=True).first() or 0  # what is added now is not old
    old = Detail.objects.filter(mine, entry__at__lt=text, pk__lte=last)
    while numbers := list(old.order_by("pk").values_list("pk", flat=True)[:PIECE]):
        with transaction.atomic():
            erase_details(numbers, f"hospital {organisation.pk}", organisation.pk)
        whole.words += len(numbers)


def erase_details(numbers: Iterable[int], about: str, organisation: int | None, person: object = None) -> None:
    """Erase the words of these audit entries, and say in the chain which they were. Within the caller's transaction."""
    found = sorted(numbers)
    Detail.objects.filter(pk__in=found).delete()
    record("words erased", about, person=person, organisation=organisation, entries=found)


def _unreferenced(blobs: set[str]) -> tuple[int, dict[str, int]]:
    """Delete the ledger's rows that nothing refers to any more; their number, and their sizes by hash."""
    free = set(blobs)
    for model, column in _references():
        free -= set(model._base_manager.filter(**{f"{column}__in": free}).values_list(column, flat=True))
    sizes = dict(Blob.objects.filter(pk__in=free).values_list("pk", "size"))
    Blob.objects.filter(pk__in=free).delete()
    return len(sizes), sizes


def _references() -> Iterator[tuple[Any, str]]:
    """Every model that refers to files, with the field by which it does."""
    for field in Blob._meta.get_fields(include_hidden=True):
        if field.auto_created and (field.one_to_many or field.one_to_one):
            yield field.related_model, field.field.name  # type: ignore[union-attr]


def _unlink(sizes: dict[str, int]) -> None:
    """The files themselves, last in the transaction: whoever stores the same bytes now waits for its end and then writes them anew."""
    for sha256 in sizes:
        place_of(sha256).unlink(missing_ok=True)


def erasable_of_person(person: int) -> list[int]:
    """The numbers of audit entries whose words are about this person."""
    about = Entry.objects.filter(about=f"person {person}", detail__isnull=False)
    return list(about.values_list("number", flat=True))
