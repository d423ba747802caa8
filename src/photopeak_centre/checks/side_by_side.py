"""A result beside the last test of the same device and beside the region's other devices, which nobody can name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from photopeak.present.numbers import MINUS, Written, to_place, unit_label, written
from photopeak.present.places import place
from photopeak_centre.checks.models import Measurement, Result
from photopeak_centre.checks.rows import quantities
from photopeak_centre.checks.trend import distribution
from photopeak_centre.said import in_words, language

MOST_ROWS = 16
WIDTH, HEIGHT, EDGE = 132, 18, 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """One judged measurement. `region`: median and quartiles of the others as written, with n; None where they are too few."""

    quantity: str
    where: str
    unit: str
    now: Written
    before: Written | None
    change: str
    region: dict[str, Any] | None
    strip: str


def last_test(result: Result) -> Result | None:
    """The device's test by the same procedure before this one, as it stands today."""
    if result.device_id is None:
        return None
    earlier = Result.objects.filter(device=result.device_id, procedure=result.procedure, acquired__lt=result.acquired)
    return (
        earlier.filter(superseded_by=None)
        .exclude(review="rejected")
        .exclude(outcome="refused")
        .order_by("-acquired", "-id")
        .first()
    )


def side_by_side(result: Result, before: Result | None) -> list[Beside]:
    """The judged measurements, in the order in which they were measured."""
    judged = result.measurements.filter(judgements__isnull=False).distinct().order_by("id")[:MOST_ROWS]
    then = {(m.quantity, m.place): m for m in before.measurements.all()} if before else {}
    regions: dict[str, dict[str, dict[str, Any]]] = {}
    found = []
    for one in judged:
        if one.quantity not in regions and result.device is not None:
            regions[one.quantity] = {r["key"]: r for r in distribution(result.device, result.procedure, one.quantity)}
        earlier, region = then.get((one.quantity, one.place)), regions.get(one.quantity, {}).get(one.place)
        if earlier is not None or region is not None:
            found.append(_row(result, one, earlier, region))
    return found


def _row(result: Result, one: Measurement, earlier: Measurement | None, region: dict[str, Any] | None) -> Beside:
    known = quantities().get((result.procedure, one.quantity))
    now = written(one.value, one.uncertainty)
    digits = -len(now.value.partition(".")[2])
    return Beside(
        quantity=in_words(known.words) if known else one.quantity,
        where=place(one.where, language()),
        unit=unit_label(one.unit, language()),
        now=now,
        before=None if earlier is None else written(earlier.value, earlier.uncertainty),
        change="" if earlier is None else _signed(one.value - earlier.value, digits),
        region=None
        if region is None
        else {**region, **{key: to_place(region[key], digits) for key in ("low", "median", "high")}},
        strip="" if region is None else _strip(one.value, region),
    )


def _signed(change: float, digits: int) -> str:
    """A difference with its sign, to the decimal place of the value it changes."""
    text = to_place(change, digits)
    return text if text.startswith(MINUS) or not text.strip("0.") else f"+{text}"


def _strip(value: float, region: dict[str, Any]) -> str:
    """The region's middle half as a band with its median, and this result as a dot; beyond the band's fourfold, an arrowhead."""
    low, median, high = region["low"], region["median"], region["high"]
    half = max((high - low) * 2, abs(median) * 0.02, 1e-12)
    scale = (WIDTH - 2 * EDGE) / (2 * half)

    def x(at: float) -> float:
        return round(min(max(WIDTH / 2 + (at - median) * scale, EDGE), WIDTH - EDGE), 1)

    middle = HEIGHT / 2
    if abs(value - median) > half:
        way = 1 if value > median else -1
        tip = WIDTH - 1 if way > 0 else 1
        dot = f'<path d="M{tip} {middle}l{-8 * way} -5v10z" fill="var(--accent)"/>'
    else:
        dot = f'<circle cx="{x(value)}" cy="{middle}" r="4" fill="var(--accent)" stroke="var(--paper)"/>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true"><path d="M{EDGE} {middle}H{WIDTH - EDGE}" stroke="var(--line)"/>'
        f'<rect x="{x(low)}" y="3" width="{max(x(high) - x(low), 1):.1f}" height="12" fill="var(--band)" stroke="var(--ink-3)" stroke-width=".75"/>'
        f'<path d="M{x(median)} 2v14" stroke="var(--ink)" stroke-width="1.5"/>{dot}</svg>'
    )
