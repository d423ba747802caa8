"""How far a result may lie from its target: declared, dated and cited, in one of seven manners, as a criterion of one sample.

All arithmetic with the declared numbers is decimal; a limit that is declared inclusive is met by a deviation of exactly its size, a
strict one is not. Where the target itself is uncertain the allowable error is widened to delta_E' (ISO 13528:2022, 9.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal, localcontext
from typing import Any

from photopeak.criterion import Criterion
from photopeak.immunoassay.consensus import NEGLIGIBLE_OF_ERROR
from photopeak.immunoassay.scores import widened
from photopeak.immunoassay.units import factor, per_litre, spelled
from photopeak.measurement import Measurement
from photopeak.verdict import decide
from photopeak.words import Words

Limits = tuple[Criterion, ...]
KINDS = ("percent", "absolute", "greater", "two_range", "k_sd", "ratio", "range")
_NEEDS = {
    "percent": ("percent",),
    "absolute": ("absolute", "unit"),
    "greater": ("percent", "absolute", "unit"),
    "two_range": ("percent", "absolute", "unit", "switch_at"),
    "k_sd": ("k",),
    "ratio": ("ratio",),
    "range": ("lower", "upper"),
}


class AllowableErrorError(Exception):
    """An allowable error cannot be used as it was declared."""

    def __init__(self, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = Words(en, zh)


@dataclass(frozen=True, slots=True, kw_only=True)
class AllowableError:
    """`kind`: percent; absolute (in `unit`); greater of both; two_range (absolute up to `switch_at`, per cent above); k_sd (k times
    sigma_pt); ratio (times or divided by); range (`lower` to `upper`, results, not deviations). `inclusive`: does equality pass.
    """

    kind: str
    percent: Decimal | None = None
    absolute: Decimal | None = None
    unit: str = ""
    switch_at: Decimal | None = None
    k: Decimal | None = None
    ratio: Decimal | None = None
    lower: Decimal | None = None
    upper: Decimal | None = None
    inclusive: bool = True
    standard: str = ""
    edition: str = ""
    clause: str = ""
    valid_from: str = ""
    source_url: str = ""
    provisional: bool = False
    read_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        lacking = [name for name in _NEEDS.get(self.kind, ()) if getattr(self, name) in (None, "")]
        if self.kind not in KINDS or lacking:
            raise AllowableErrorError(
                en=f"an allowable error is one of {', '.join(KINDS)}; {self.kind!r} lacks {', '.join(lacking) or 'a known kind'}",
                zh=f"允许误差的种类须为 {'、'.join(KINDS)} 之一；{self.kind!r} 缺少 {'、'.join(lacking) or '可识别的种类'}。",
            )

    def bounds(self, target: Decimal, *, analyte: str, unit: str, sigma: float | None) -> tuple[float, float] | None:
        """Lowest and highest deviation in per cent of `target` (in `unit`); None where the unit or sigma_pt is missing."""
        with localcontext() as context:
            context.prec = 40
            found = self._exact_bounds(target, analyte, unit, sigma)
            return None if found is None else (float(found[0]), float(found[1]))

    def _exact_bounds(self, target: Decimal, analyte: str, unit: str, sigma: float | None) -> tuple[Decimal, Decimal] | None:
        size = abs(target)
        if size == 0:
            return None
        if self.kind == "range" and self.lower is not None and self.upper is not None:
            return 100 * (self.lower - target) / size, 100 * (self.upper - target) / size
        if self.kind == "ratio" and self.ratio is not None:
            return 100 * (1 / self.ratio - 1), 100 * (self.ratio - 1)
        if self.kind == "k_sd":
            half = None if sigma is None or self.k is None else 100 * self.k * Decimal(repr(sigma)) / size
        else:
            half = self._half_width(target, analyte, unit)
        return None if half is None else (-half, half)

    def _half_width(self, target: Decimal, analyte: str, unit: str) -> Decimal | None:
        if self.kind == "percent":
            return self.percent
        by = factor(analyte, self.unit, unit or "1")
        if by is None or self.absolute is None:
            return None
        absolute = 100 * self.absolute * by / abs(target)
        if self.kind == "absolute" or self.percent is None:
            return absolute
        if self.kind == "two_range" and self.switch_at is not None:
            return absolute if target <= self.switch_at * by else self.percent
        return max(absolute, self.percent)


def declared(values: Mapping[str, Any]) -> AllowableError:
    """An allowable error from the plain values of a scheme or of options; numbers become decimals as they were written."""
    known = set(AllowableError.__dataclass_fields__)
    unknown = sorted(set(values) - known)
    if unknown:
        raise AllowableErrorError(
            en=f"an allowable error does not know {', '.join(unknown)}; it knows {', '.join(sorted(known))}",
            zh=f"允许误差没有这些字段：{'、'.join(unknown)}。可用字段：{'、'.join(sorted(known))}。",
        )
    numbers = ("percent", "absolute", "switch_at", "k", "ratio", "lower", "upper")
    exact = {key: Decimal(str(values[key])) for key in numbers if values.get(key) is not None}
    return AllowableError(**{**values, **exact, "read_by": tuple(values.get("read_by", ()))})


def from_standard(criteria: Iterable[Criterion], programme: str, analyte: str) -> AllowableError | None:
    """The allowable error that a shipped programme publishes for an analyte; None where it publishes none."""
    for row in criteria:
        names = row.where.get("analyte", [])
        if row.programme != programme or row.quantity != "deviation_percent" or row.upper is None:
            continue
        if analyte in (names if isinstance(names, list) else [names]):
            return declared(
                {
                    "kind": "percent" if row.absolute is None else "greater",
                    "percent": row.upper,
                    "absolute": row.absolute,
                    "unit": row.absolute_unit,
                    "inclusive": row.inclusive,
                    "standard": row.standard,
                    "edition": row.edition,
                    "clause": row.clause,
                    "source_url": row.source_url,
                    "provisional": row.provisional,
                    "read_by": row.read_by,
                }
            )
    return None


def criterion_of(
    allowable: AllowableError, bounds: tuple[float, float], *, u_percent: float, where: Mapping[str, Any]
) -> Criterion:
    """The limit of one sample and group in per cent. The value alone decides: the target's uncertainty is in the width.

    Negligible below a tenth of the allowable error (9.2.1); else each side is widened to delta_E'.
    """
    lower, upper = bounds
    note = ""
    if u_percent >= NEGLIGIBLE_OF_ERROR * min(-lower, upper):
        lower, upper = -widened(-lower, 2 * u_percent), widened(upper, 2 * u_percent)
        note = "widened by the uncertainty of the target (ISO 13528 9.2)"
    return Criterion(
        standard=allowable.standard or "scheme",
        edition=allowable.edition or allowable.valid_from,
        clause=allowable.clause or "scheme protocol",
        quantity="deviation_percent",
        unit="%",
        lower=lower,
        upper=upper,
        inclusive=allowable.inclusive,
        coverage=0.0,
        where=dict(where),
        stage="constancy",
        read_by=allowable.read_by or ("scheme protocol",),
        provisional=allowable.provisional,
        authority="programme",
        source_url=allowable.source_url,
        note=note,
    )


def simple_limit(
    quantity: str, unit: str, *, lower: float | None = None, upper: float | None = None, strict: bool = False
) -> Criterion:
    """A limit on a score itself, as the scheme declares it (|z|, the share of acceptable results)."""
    return Criterion(
        standard="scheme",
        edition="",
        clause="scheme protocol",
        quantity=quantity,
        unit=unit,
        lower=lower,
        upper=upper,
        inclusive=not strict,
        coverage=0.0,
        stage="constancy",
        read_by=("scheme protocol",),
        authority="programme",
    )


def acceptable(measurement: Measurement, criterion: Criterion) -> bool | None:
    """Whether a deviation meets its limit, by the one judge; None where it cannot be judged."""
    with_certainty = replace(measurement, uncertainty=measurement.uncertainty or 0.0)
    outcome = decide(with_certainty, criterion).outcome
    return None if outcome not in ("pass", "fail") else outcome == "pass"


def limit_met(sign: str, bound_percent: float, criterion: Criterion) -> bool | None:
    """A result given as a limit: right when the target may lie beyond it, wrong when even the limit is out; else None.

    `bound_percent`: the deviation of the limit itself; "<" with a positive one is consistent with the target.
    """
    if (sign == "<" and bound_percent >= 0) or (sign == ">" and bound_percent <= 0):
        return True
    edge = criterion.lower if sign == "<" else criterion.upper
    if edge is None:
        return None
    beyond = bound_percent < edge if sign == "<" else bound_percent > edge
    return False if beyond or (bound_percent == edge and not criterion.inclusive) else None


def canonical(unit: str) -> str:
    """The unit as shipped limits write it, per litre."""
    return per_litre(spelled(unit)) if unit else ""
