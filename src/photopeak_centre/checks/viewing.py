"""What the image viewer of a page is given: pictures with their pixels, the same pictures of the last test, and the raw images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.urls import reverse

from photopeak_centre.checks.models import Drawing, Judgement, Result
from photopeak_centre.evidence.models import Item
from photopeak_centre.said import in_words, language

MOST_RAW = 400
RANK = {"fail": 0, "undecided": 1}


def viewer_of(result: Result, before: Result | None = None) -> dict[str, Any] | None:
    """None where the result has neither a picture nor an image behind it. `start`: the picture of the worst verdict's detector."""
    pictures = list(result.drawings.exclude(pixels=None).order_by("number"))
    raw = _raw(result)
    if not pictures and not raw:
        return None
    earlier = {one.title_en: one for one in before.drawings.exclude(pixels=None)} if before else {}
    return {
        "pictures": [_picture(one, earlier.get(one.title_en)) for one in pictures],
        "raw": raw,
        "start": _start(pictures, result),
        "before": before.acquired.date().isoformat() if before else "",
    }


def _picture(one: Drawing, before: Drawing | None) -> dict[str, Any]:
    found = {"title": in_words(one.title), "pixels": reverse("pixels", args=[one.pk]), "about": one.about}
    if before is not None:
        found["before"] = {"pixels": reverse("pixels", args=[before.pk]), "about": before.about}
    return found


def _raw(result: Result) -> list[dict[str, str]]:
    """The stored DICOM images of the result's evidence, as handed in."""
    hashes = {file["sha256"] for file in result.document["evidence"]}
    items = Item.objects.filter(study=result.study_id).exclude(series_uid="").order_by("series_uid", "name", "id")
    own = [one for one in items.only("pk", "name", "blob_id")[:MOST_RAW] if one.blob_id in hashes]
    return [
        {"title": one.name, "about": reverse("item_about", args=[one.pk]), "frame": reverse("item_frame", args=[one.pk])}
        for one in own
    ]


def _start(pictures: list[Drawing], result: Result) -> int:
    """The first picture of the place where the worst verdict was given; the first of all where none names a place."""
    judged = Judgement.objects.filter(result=result, outcome__in=RANK).exclude(measurement=None).select_related("measurement")
    for judgement in sorted(judged, key=lambda one: (RANK[one.outcome], one.pk)):
        for number, picture in enumerate(pictures):
            if _shows((picture.about or {}).get("where") or {}, judgement.measurement.where):  # type: ignore[union-attr]
                return number
    return 0


def _shows(where: Mapping[str, Any], measured: Mapping[str, Any]) -> bool:
    return bool(where) and all(measured.get(key) == value for key, value in where.items())


def viewer_words() -> dict[str, str]:
    """The words that the viewer's script writes."""
    english = language() == "en"
    return {
        "counts": "counts" if english else "计数",
        "frame": "frame {n} of {of}" if english else "第 {n} 帧，共 {of} 帧",
        "mean": "of the mean inside the outline" if english else "（相对轮廓内均值）",
        "lost": "The picture could not be fetched." if english else "无法取得图像。",
        "before": "last test" if english else "上次检测",
        "now": "this test" if english else "本次检测",
    }
