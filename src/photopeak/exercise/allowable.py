"""What a round allows, as limits of its own: declared with the sealed truth, judged by the value alone."""

from __future__ import annotations

from collections.abc import Mapping

from photopeak.criterion import Criterion
from photopeak.exercise.answers import Key, Truth


def declared_limits_of(truths: Mapping[Key, Truth], quantity: str) -> tuple[Criterion, ...]:
    """One limit for each question whose allowable deviation was declared."""
    return tuple(
        Criterion(
            standard="the round's own protocol",
            edition="",
            clause="allowable_percent",
            quantity=quantity,
            unit="%",
            lower=-one.allowable_percent,
            upper=one.allowable_percent,
            coverage=0.0,
            where={"quantity": name, **({"place": place} if place else {})},
            stage="status",
            read_by=("declared with the sealed truth",),
        )
        for (name, place), one in truths.items()
        if one.allowable_percent is not None
    )
