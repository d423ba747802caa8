"""A number with its quantity, its unit (UCUM), its standard uncertainty (k = 1) and where it was measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from photopeak.words import Words

Place = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """What is measured: its identifier, unit and name in both languages.

    `judged` is False for a quantity that describes how the analysis was done; it gets a verdict only if a criterion asks.
    """

    name: str
    unit: str
    en: str
    zh: str
    judged: bool = True

    @property
    def words(self) -> Words:
        return Words(self.en, self.zh)

    def of(
        self,
        value: float,
        uncertainty: float | None = None,
        *,
        noise_corrected: Measurement | None = None,
        **where: str | int | float,
    ) -> Measurement:
        return Measurement(
            quantity=self,
            value=float(value),
            unit=self.unit,
            uncertainty=None if uncertainty is None else float(uncertainty),
            where=where,
            noise_corrected=noise_corrected,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """A finite value of `quantity` in `unit`, standard uncertainty (k = 1) or None where none is known.

    `noise_corrected` is set where too few counts were collected for the value itself to convict: a verdict of fail then needs
    this companion to exceed the limit as well.
    """

    quantity: Quantity
    value: float
    unit: str
    uncertainty: float | None = None
    where: Place = field(default_factory=dict)
    noise_corrected: Measurement | None = None

    def __post_init__(self) -> None:
        if not math.isfinite(self.value):
            raise ValueError(f"{self.quantity.name}: {self.value} is not a measurement; leave an unmeasured value out")
        if self.uncertainty is not None and not (math.isfinite(self.uncertainty) and self.uncertainty >= 0):
            raise ValueError(f"{self.quantity.name}: {self.uncertainty} is not a standard uncertainty")
