"""The cast's half-year reports: released, so that whoever may see the region reaches them."""

import itertools

from django.utils import timezone

from photopeak_centre.evidence.store import keep
from photopeak_centre.half_year.gather import gather
from photopeak_centre.half_year.models import HalfYear
from photopeak_centre.half_year.periods import period_of

CENTRE_ONLY = {"half_year"}
COMMON = {"half_year"}
ids = itertools.count(650_001)


def things_of(organisation, device, result, by, word):
    """One version a hospital; both hold every hospital's row, as a region's report does."""
    known = HalfYear.objects.count()
    pk = next(ids)
    numbers, evidence = gather(period_of(timezone.localdate()), lambda name: f"/half-years/{pk}/evidence/?of={name}")
    blob = keep(b"paper")
    half_year = HalfYear.objects.create(
        pk=pk, period_name=str(period_of(timezone.localdate())), version=known + 1, numbers=numbers, evidence=evidence, gathered=timezone.now(), released=timezone.now(),
        released_by=by, sha256="0" * 64, chain_number=1, chain_hash="0" * 64, document=blob, pdf_zh=blob, pdf_en=blob, docx_zh=blob,
        docx_en=blob, state="released",
    )  # fmt: skip
    return {"half_year": half_year}
