"""Image quality on the four national criteria: two read blinded and independently, a third where they differ; then the indicators.

NM-04 (SPECT) and NM-05 (PET/CT): studies judged qualified over studies assessed. An image is qualified when range and position are right,
there is no artefact, the grey scale suits, and for PET/CT the fused lesion is located accurately and clearly (spec/indicators.md).
"""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from photopeak.report_review.agreement import Agreement, adjudicated, agreement
from photopeak.words import Words
from photopeak_centre.audit.chain import record
from photopeak_centre.campaigns.models import Campaign, ImageSample, Reading, conflicts_with, houses_of
from photopeak_centre.hospitals.models import Organisation

CRITERIA = {
    "range_right": Words("Range and position are right", "扫描范围与体位正确"),
    "no_artefact": Words("No artefact", "无伪影"),
    "grey_suits": Words("The grey scale suits", "灰度适宜"),
    "fusion_right": Words("The fused lesion is located accurately and clearly", "融合图像病灶定位准确、显示清晰"),
}
QUALIFIED, NOT = "qualified", "not qualified"
INDICATORS = {"spect": "NM-04", "pet_ct": "NM-05"}


class AlreadyRead(Exception):
    """This image needs no reading of this person any more."""


def criteria_of(sample: ImageSample) -> dict[str, Words]:
    """The criteria that apply: the fourth is of PET/CT alone."""
    return {key: words for key, words in CRITERIA.items() if key != "fusion_right" or sample.modality == "pet_ct"}


def may_read(sample: ImageSample, person: Any) -> bool:
    """Nobody reads the images of his own house."""
    return not conflicts_with(sample.organisation, [person])


def waiting_for(person: Any, campaign: Campaign | None = None) -> list[ImageSample]:
    """Images this person can still read, in an order that says nothing: fewer than two readings, or two that differ."""
    samples = ImageSample.objects.exclude(campaign__state="closed").exclude(readings__reader=person)
    if campaign is not None:
        samples = samples.filter(campaign=campaign)
    samples = samples.exclude(organisation__in=houses_of(person))
    return [one for one in samples.prefetch_related("readings").order_by("pk") if next_turn(one) is not None]


def next_turn(sample: ImageSample) -> int | None:
    """Which reading comes next: 1, 2, 3 where these two differ, else None."""
    readings = {one.turn: one for one in sample.readings.all()}
    if len(readings) < 2:
        return len(readings) + 1
    return 3 if len(readings) == 2 and readings[1].qualified != readings[2].qualified else None


def read_image(sample: ImageSample, person: Any, given: Mapping[str, bool], words: str = "") -> Reading:
    """Keep a judgement. Raises AlreadyRead where the person has read it, or where it needs no reading any more."""
    if set(given) != set(criteria_of(sample)):
        raise ValueError(f"criteria {sorted(given)}")
    try:
        with transaction.atomic():
            held = ImageSample.objects.select_for_update().get(pk=sample.pk)
            turn = next_turn(held)
            if turn is None or held.readings.filter(reader=person).exists():
                raise AlreadyRead
            made: Reading = Reading.objects.create(
                sample=held, reader=person, turn=turn, words=words[:400], **{key: bool(value) for key, value in given.items()}
            )
            record("image read", f"image {held.code}", person=person, turn=turn)  # the hospital is not named here
    except IntegrityError as error:
        raise AlreadyRead from error
    return made


def _word(reading: Reading) -> str:
    return QUALIFIED if reading.qualified else NOT


def judged(samples: Any) -> dict[int, str]:
    """Sample -> "qualified" or "not qualified"; one that still waits for a reading is left out."""
    turns: dict[int, dict[str, str]] = {1: {}, 2: {}, 3: {}}
    for one in Reading.objects.filter(sample__in=samples):
        turns[one.turn][str(one.sample_id)] = _word(one)
    return {int(name): word for name, word in adjudicated(turns[1], turns[2], turns[3]).items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """A campaign's image quality. `counts`: organisation -> modality -> (qualified, assessed). `agreements`: of the judgement as a whole
    and of each criterion; empty while nothing was read twice."""

    samples: int
    assessed: int
    open: int
    counts: Mapping[Organisation, Mapping[str, tuple[int, int]]]
    agreements: Mapping[str, tuple[Words, Agreement]]


def summary(campaign: Campaign) -> Quality:
    """How the campaign's images were judged, and how well the first two readers agree (percent, kappa and AC1 with intervals)."""
    samples = list(campaign.samples.select_related("organisation").prefetch_related("readings"))
    found = judged(campaign.samples.all())
    counts: dict[Organisation, dict[str, tuple[int, int]]] = defaultdict(dict)
    for one in samples:
        if one.pk in found:
            good, all_ = counts[one.organisation].get(one.modality, (0, 0))
            counts[one.organisation][one.modality] = (good + (found[one.pk] == QUALIFIED), all_ + 1)
    return Quality(samples=len(samples), assessed=len(found), open=len(samples) - len(found), counts=dict(counts), agreements=_agreements(samples))  # fmt: skip


def _agreements(samples: list[ImageSample]) -> dict[str, tuple[Words, Agreement]]:
    twice = [{one.turn: one for one in sample.readings.all()} for sample in samples]
    twice = [readings for readings in twice if 1 in readings and 2 in readings]
    found = {}
    overall = [(_word(one[1]), _word(one[2])) for one in twice]
    if overall:
        found["qualified"] = (Words("Qualified", "图像合格"), agreement(overall))
    for key, words in CRITERIA.items():
        pairs = [(str(getattr(one[1], key)), str(getattr(one[2], key))) for one in twice if getattr(one[1], key) is not None]
        if pairs:
            found[key] = (words, agreement(pairs))
    return found


def judged_in(begins: datetime.date, ends: datetime.date) -> list[tuple[int, str, int, bool]]:
    """(organisation, indicator's code, image, qualified) of every image taken in from `begins` to `ends` that two agreed on or a third decided."""
    samples = ImageSample.objects.filter(taken__date__range=(begins, ends))
    outcome = judged(samples)
    rows = samples.order_by("pk").values_list("organisation", "modality", "pk")
    return [(place, INDICATORS[modality], pk, outcome[pk] == QUALIFIED) for place, modality, pk in rows if pk in outcome]


def indicator_counts(begins: datetime.date, ends: datetime.date) -> dict[str, dict[int, tuple[int, int]]]:
    """{"NM-04": {organisation: (qualified, assessed)}, "NM-05": …} of the images of `judged_in`."""
    found: dict[str, dict[int, tuple[int, int]]] = {code: {} for code in INDICATORS.values()}
    for place, code, _, qualified in judged_in(begins, ends):
        good, all_ = found[code].get(place, (0, 0))
        found[code][place] = (good + qualified, all_ + 1)
    return found
