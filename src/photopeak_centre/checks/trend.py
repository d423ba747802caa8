"""A quantity of one device over time, and where the device stands among the others of the region, named by nobody."""

from __future__ import annotations

import statistics
from typing import Any

from photopeak.immunoassay.westgard import Scored, rules_broken
from photopeak.present.numbers import COVERAGE, unit_label
from photopeak.present.places import place
from photopeak_centre.checks.models import Latest, Measurement
from photopeak_centre.checks.rows import quantities
from photopeak_centre.devices.models import Device
from photopeak_centre.jobs.analyse import worst
from photopeak_centre.said import in_words, language

FEWEST_OTHERS = 5
MOST_POINTS = 2000
BASELINE_TESTS, FEWEST_TESTS = 20, 8  # of a control chart


def trend_of(device: Device, procedure: str, quantity: str) -> dict[str, Any]:
    """Series by place of [time, value, U (k = 2), outcome, result, stage], each with its control chart where it is long enough,
    and the limits of the last judgements."""
    rows = Measurement.objects.filter(device=device, quantity=quantity, result__procedure=procedure, result__superseded_by=None)
    rows = (
        rows.exclude(result__review="rejected")
        .select_related("result")
        .prefetch_related("judgements")
        .order_by("-acquired", "-id")[:MOST_POINTS]
    )
    known = quantities().get((procedure, quantity))
    series: dict[str, list[Any]] = {}
    limits: dict[tuple[float | None, float | None], dict[str, Any]] = {}
    for row in reversed(rows):
        judged = list(row.judgements.all())
        outcome = worst([j.outcome for j in judged]) if judged else ""
        expanded = None if row.uncertainty is None else COVERAGE * row.uncertainty
        named = place(row.where, language()) or "—"
        series.setdefault(named, []).append(
            [row.acquired.isoformat(), row.value, expanded, outcome, row.result_id, row.result.stage]
        )
        for j in judged:
            c = j.criterion or {}
            if c.get("lower") is not None or c.get("upper") is not None:
                limits[c["lower"], c["upper"]] = {"lower": c["lower"], "upper": c["upper"], "provisional": c["provisional"]}
    return {
        "quantity": in_words(known.words) if known else quantity,
        "unit": unit_label(known.unit, language()) if known else "",
        "series": [{"name": name, "points": points, "control": control_of(points)} for name, points in series.items()],
        "limits": list(limits.values())[:4],
    }


def control_of(points: list[list[Any]]) -> dict[str, Any] | None:
    """Levey-Jennings: mean and s of the first tests, and Westgard's rules that each test breaks; None for too few tests."""
    values = [point[1] for point in points]
    first = values[:BASELINE_TESTS]
    if len(first) < FEWEST_TESTS or not (sd := statistics.stdev(first)):
        return None
    mean = statistics.fmean(first)
    scored = [Scored(run=str(n), series="", z=(value - mean) / sd) for n, value in enumerate(values)]
    return {"mean": mean, "sd": sd, "n": len(first), "rules": [list(rules) for rules in rules_broken(scored)]}


def distribution(device: Device, procedure: str, quantity: str) -> list[dict[str, Any]]:
    """Per place: number of devices, quartiles of the same kind of device in other hospitals; only with five or more hospitals."""
    same = Latest.objects.filter(procedure=procedure, quantity=quantity)
    mine = dict(same.filter(device=device).values_list("place", "measurement"))
    others = same.filter(place__in=mine, device__kind=device.kind, device__in_use=True)
    others = others.exclude(device__organisation=device.organisation_id)
    found: dict[str, list[tuple[int, float]]] = {}
    for where, hospital, value in others.values_list("place", "device__organisation", "value"):
        found.setdefault(where, []).append((hospital, value))
    shown = []
    for key, values in sorted(found.items()):
        if len({hospital for hospital, _ in values}) < FEWEST_OTHERS:
            continue
        low, middle, high = statistics.quantiles([value for _, value in values], n=4)
        where = Measurement.objects.values_list("where", flat=True).get(pk=mine[key])
        shown.append(
            {"key": key, "place": place(where, language()) or "—", "n": len(values), "low": low, "median": middle, "high": high}
        )
    return shown
