"""The life of a report: gathered once, worded, released with its hash in the audit chain; a correction is a new version."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from photopeak.words import Language, Words
from photopeak_centre.audit.chain import record
from photopeak_centre.audit.models import Detail, Entry
from photopeak_centre.evidence.store import keep, read
from photopeak_centre.half_year.gather import Told, gather
from photopeak_centre.half_year.models import HalfYear, Immutable
from photopeak_centre.half_year.paper import SAY, compose, runs, text_of
from photopeak_centre.half_year.periods import Period
from photopeak_centre.half_year.typeset import pdf
from photopeak_centre.half_year.word import docx

LANGUAGES: tuple[Language, ...] = ("zh", "en")


def _quiet(step: str, done: int, of: int) -> None:
    pass


def newest(period: Period) -> HalfYear | None:
    found: HalfYear | None = HalfYear.objects.filter(period_name=str(period)).order_by("-version").first()
    return found


def draft(period: Period, person: Any = None, told: Told = _quiet) -> HalfYear:
    """The newest version of the period's report; a first draft, gathered now, where there is none."""
    return newest(period) or _new(period, 1, person, told)


def amend(released: HalfYear, person: Any, told: Told = _quiet) -> HalfYear:
    """A new draft after a released version, gathered anew; the released one stays as it is."""
    newest_version = HalfYear.objects.filter(period_name=released.period_name).aggregate(v=Max("version"))["v"]
    last = newest(released.period)
    return last if last is not None and not last.is_released else _new(released.period, newest_version + 1, person, told)


def _new(period: Period, version: int, person: Any, told: Told) -> HalfYear:
    with transaction.atomic():
        made = HalfYear.objects.create(
            period_name=str(period), version=version, gathered=timezone.now(), gathered_by=person if person else None
        )
        gather_again(made, person, told)
    return made


def gather_again(half_year: HalfYear, person: Any = None, told: Told = _quiet) -> None:
    """Replace the numbers of a draft by those of now; its edited texts stay. Raises Immutable for a released one."""
    if half_year.is_released:
        raise Immutable("a released report is never changed")
    address = reverse("half_year_evidence", args=[half_year.pk])
    numbers, evidence = gather(half_year.period, lambda name: f"{address}?{urlencode({'of': name})}", told)
    with transaction.atomic():
        half_year.numbers, half_year.evidence = json.loads(json.dumps(numbers)), json.loads(json.dumps(evidence))
        half_year.gathered, half_year.gathered_by = timezone.now(), person if person else None
        half_year.save()
        record("gathered", f"half_year {half_year.pk}", person=person, period=half_year.period_name, version=half_year.version)


def edit(half_year: HalfYear, section: str, texts: dict[str, str], person: Any) -> None:
    """Words of one section, in place of the generated ones where they are not empty. Raises WrongPlace, Immutable, KeyError."""
    if half_year.is_released:
        raise Immutable("a released report is never changed")
    known = {one["key"]: one for one in half_year.numbers["sections"]}
    for language in LANGUAGES:
        runs(texts.get(language, ""), known[section]["numbers"], language)
    kept = {language: texts[language].strip() for language in LANGUAGES if texts.get(language, "").strip()}
    with transaction.atomic():
        half_year.texts = {**half_year.texts, section: kept}
        half_year.save()
        record("worded", f"half_year {half_year.pk}", person=person, section=section, texts=kept)


def content(half_year: HalfYear) -> dict[str, Any]:
    """What is released: the numbers, what they count, and every section's words in both languages."""
    return {
        "numbers": half_year.numbers,
        "evidence": half_year.evidence,
        "texts": {
            one["key"]: {language: text_of(one, half_year.texts, language) for language in LANGUAGES}
            for one in half_year.numbers["sections"]
        },
        "version": half_year.version,
    }


def digest(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def seal_of(half_year: HalfYear, language: Language) -> dict[str, Any]:
    """What a released paper prints of its release; nothing for a draft."""
    if not half_year.sha256:
        return {}
    by = half_year.released_by
    return {
        "released": timezone.localtime(half_year.released).strftime("%Y-%m-%d %H:%M") if half_year.released else "",
        "released_by": "" if by is None else (by.name_en if language == "en" else "") or by.name_zh,
        "version": half_year.version,
        "sha256": half_year.sha256,
        "chain_number": half_year.chain_number,
        "chain_hash": half_year.chain_hash,
        "chain": SAY["chain"].say(language).format(half_year.chain_number, half_year.chain_hash),
    }


def paper_of(half_year: HalfYear, language: Language, *, names: bool = True) -> dict[str, Any]:
    return compose(half_year.numbers, half_year.texts, language, names=names, seal=seal_of(half_year, language))


def as_json(half_year: HalfYear) -> bytes:
    """The report for a machine: the content, and of a released one its hash and its place in the audit chain."""
    seal = {} if not half_year.sha256 else {
        "sha256": half_year.sha256, "chain_number": half_year.chain_number, "chain_hash": half_year.chain_hash,
    }  # fmt: skip
    whole = {"state": half_year.state, **content(half_year), **seal}
    return json.dumps(whole, ensure_ascii=False, indent=1, allow_nan=False).encode()


def files(half_year: HalfYear, told: Told = _quiet) -> dict[str, bytes]:
    """Every file of a report by its name; of a released one, as they were released."""
    stem = f"{half_year.period_name}" + (f".{half_year.version}" if half_year.version > 1 else "")
    names = {
        "pdf_zh": f"half_year_{stem}.zh.pdf", "pdf_en": f"half_year_{stem}.en.pdf", "docx_zh": f"half_year_{stem}.zh.docx",
        "docx_en": f"half_year_{stem}.en.docx", "document": f"half_year_{stem}.json",
    }  # fmt: skip
    if half_year.is_released:
        return {name: read(getattr(half_year, f"{field}_id")) for field, name in names.items()}
    made = _rendered(half_year, told)
    return {name: made[field] for field, name in names.items()}


def file(half_year: HalfYear, field: str) -> bytes:
    """One file of a report: pdf_zh, pdf_en, docx_zh, docx_en or document."""
    if half_year.is_released:
        return read(getattr(half_year, f"{field}_id"))
    return _steps(half_year)[field]()


def _steps(half_year: HalfYear) -> dict[str, Callable[[], bytes]]:
    address = settings.ADDRESS
    steps: dict[str, Callable[[], bytes]] = {}
    for language in LANGUAGES:
        paper = cache(partial(paper_of, half_year, language))
        steps[f"pdf_{language}"] = lambda paper=paper: pdf(paper(), address)  # type: ignore[misc]
        steps[f"docx_{language}"] = lambda paper=paper: docx(paper())  # type: ignore[misc]
    steps["document"] = lambda: as_json(half_year)
    return steps


def _rendered(half_year: HalfYear, told: Told) -> dict[str, bytes]:
    steps, made = _steps(half_year), {}
    for n, (name, step) in enumerate(steps.items(), 1):
        made[name] = step()
        told("typeset", n, len(steps))
    return made


class Changed(Exception):
    """The draft was changed while it was being released."""

    words = Words(
        "The draft was changed meanwhile; look at it again and release it then.", "草稿在发布过程中被修改，请再次查看后发布。"
    )


def release(half_year: HalfYear, person: Any, told: Told = _quiet) -> HalfYear:
    """Seal the content in the audit chain, set the files with that seal, and close the row for good.

    Raises Immutable where it was released before, Changed where somebody edited it meanwhile.
    """
    if half_year.is_released:
        raise Immutable("a released report is never changed")
    sha256 = digest(content(half_year))
    about = f"half_year {half_year.pk}"
    sealed = record("sealed", about, person=person, period=half_year.period_name, version=half_year.version, sha256=sha256)
    half_year.sha256, half_year.chain_number, half_year.chain_hash = sha256, sealed.number, sealed.hash
    half_year.released, half_year.released_by = timezone.now(), person
    made = _rendered(half_year, told)
    with transaction.atomic():
        stored = HalfYear.objects.select_for_update().get(pk=half_year.pk)
        if stored.is_released or digest(content(stored)) != sha256:
            raise Changed
        for field, data in made.items():
            setattr(half_year, field, keep(data))
        half_year.state = "released"
        half_year.save()
        record(
            "released", about, person=person, sha256=sha256, files={field: getattr(half_year, f"{field}_id") for field in made}
        )
    return half_year


@dataclass(frozen=True, slots=True, kw_only=True)
class Holds:
    """Whether a released report is what was released: its content, its entry in the chain, its stored files."""

    content: bool
    chain: bool
    files: bool

    @property
    def all(self) -> bool:
        return self.content and self.chain and self.files


def verify(half_year: HalfYear) -> Holds:
    entry = Entry.objects.filter(pk=half_year.chain_number).first()
    detail = Detail.objects.filter(entry=entry).first() if entry else None
    chained = (
        entry is not None
        and entry.hash == half_year.chain_hash
        and (detail is None or detail.content.get("sha256") == half_year.sha256)
    )
    fields = ("pdf_zh", "pdf_en", "docx_zh", "docx_en", "document")
    whole = all(_whole(getattr(half_year, f"{field}_id")) for field in fields)
    return Holds(content=digest(content(half_year)) == half_year.sha256, chain=chained, files=whole)


def _whole(sha256: str | None) -> bool:
    if not sha256:
        return False
    try:
        return hashlib.sha256(read(sha256)).hexdigest() == sha256
    except OSError:
        return False
