"""What was filled into the phantom, from the facts, and whether the image's numbers can be becquerels per millilitre at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PLAUSIBLE_BQ_PER_ML = (1e2, 1e6)  #: a background outside is kBq/mL, SUV, or a wrong scale


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueActivity:
    """`ratio` sphere to background; true concentrations in Bq/mL. Absent is None.

    `relative`: the sphere's truth is ratio × measured background, because no concentration was given. `in_bq_per_ml`: the
    values are Bq/mL by their header, or may be (`units` is None). `plausible`: the measured background is a possible one.
    """

    ratio: float | None
    sphere_bq_per_ml: float | None
    background_bq_per_ml: float | None
    relative: bool
    in_bq_per_ml: bool
    plausible: bool
    units: str | None
    background: float
    unusable: tuple[str, ...] = ()  #: facts that are no positive numbers, or a ratio of one or less


def true_activity(facts: Mapping[str, Any], background: float, units: str | None) -> TrueActivity:
    """Read the facts; `background` is the measured concentration, `units` DICOM Units of the image."""
    unusable: list[str] = []
    ratio = _positive(facts, "sphere_to_background", unusable)
    sphere = _positive(facts, "sphere_bq_per_ml", unusable)
    warm = _positive(facts, "background_bq_per_ml", unusable)
    if ratio is None and sphere is not None and warm is not None:
        ratio = sphere / warm
    if ratio is not None and ratio <= 1:
        unusable.append("sphere_to_background")
        ratio = None
    plausible = units != "GML" and PLAUSIBLE_BQ_PER_ML[0] <= background <= PLAUSIBLE_BQ_PER_ML[1]
    relative = False
    if sphere is None and ratio is not None:
        relative = warm is None
        sphere = ratio * (background if warm is None else warm)
    return TrueActivity(
        ratio=ratio,
        sphere_bq_per_ml=sphere if plausible else None,
        background_bq_per_ml=warm if plausible else None,
        relative=relative and plausible,
        in_bq_per_ml=units != "GML" and (bool(units) or plausible),
        plausible=plausible,
        units=units or None,
        background=background,
        unusable=tuple(unusable),
    )


def _positive(facts: Mapping[str, Any], name: str, unusable: list[str]) -> float | None:
    given = facts.get(name)
    if given is None:
        return None
    if isinstance(given, (int, float)) and not isinstance(given, bool) and 0 < given < float("inf"):
        return float(given)
    unusable.append(name)
    return None
