"""The numbers of a half-year, gathered once: one document with the words round them, and beside it what each number counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.utils import timezone

import photopeak
from photopeak_centre.half_year import about_devices, about_findings, about_people, about_records, about_rounds
from photopeak_centre.half_year.annex import annex
from photopeak_centre.half_year.numbers import Numbers
from photopeak_centre.half_year.periods import Period
from photopeak_centre.half_year.summary import summary
from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.indicators.counts import counts_of

SCHEMA = 1
Told = Callable[[str, int, int], None]


def gather(
    period: Period, address: Callable[[str], str], told: Told = lambda step, done, of: None
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The document of a period and the evidence of its numbers.

    `address(name)`: where the evidence of a number will be shown. The document: {"schema", "period", "begins", "ends", "gathered", "centre",
    "photopeak", "sections": [...]}, each section as `section.Section.as_data` gives it; every number in it has a `link`.
    """
    numbers = Numbers(address)
    tests = about_devices.tests_in(period)
    parts: tuple[Callable[[], Any], ...] = (
        lambda: about_findings.reinspections(period, numbers),
        lambda: about_devices.cameras(tests, numbers),
        lambda: about_rounds.rounds(period, numbers),
        lambda: about_devices.scanners(tests, numbers),
        lambda: about_records.reports(period, numbers),
        lambda: about_records.therapy(period, numbers),
        lambda: about_people.visits(period, numbers),
        lambda: about_records.indicators(period, counts_of(period), numbers),
        lambda: about_people.training(period, numbers),
        lambda: about_people.committee(period, numbers),
        lambda: about_people.plan(period, numbers),
        lambda: annex(period, tests, numbers),
    )
    sections = []
    for n, part in enumerate(parts, 1):
        sections.append(part().as_data())
        told("gather", n, len(parts))
    sections.insert(0, summary(sections, tests, numbers).as_data())
    centre = Organisation.objects.filter(kind="centre").first()
    name = {"en": "", "zh": ""} if centre is None else {"en": centre.name_en or centre.name_zh, "zh": centre.name_zh}
    document = {
        "schema": SCHEMA,
        "photopeak": photopeak.__version__,
        "period": str(period),
        "begins": period.begins.isoformat(),
        "ends": period.ends.isoformat(),
        "gathered": timezone.localtime().isoformat(timespec="seconds"),
        "centre": name,
        "sections": sections,
    }
    return document, numbers.evidence
