"""A published limit, from standards/*.toml or from a file the user adds; a row without a number is one nobody has read yet."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from photopeak.evidence import Subject
from photopeak.measurement import Measurement
from photopeak.words import Words

STAGES = ("acceptance", "status", "constancy", "harmonisation", "qualification", "accreditation", "clinical", "response")
BASES = ("standard", "manufacturer", "baseline")


class CriteriaError(Exception):
    """A criteria file cannot be used as it stands."""

    def __init__(self, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = Words(en, zh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """One limit: `lower` and `upper` in `unit` for `quantity` at `where`, with its page and who read it.

    The bounds themselves pass, unless `inclusive` is False. `where` values may be lists (any of them). `about` is like `where`, for
    what the limit is about at all (a tracer, a nuclide): where nothing of it was measured, the limit is not even "not assessed".
    `procedure` (an address) restricts it to that procedure where several measure a quantity of that name.
    `device` restricts it to devices with these header values. `programme` names the scheme that has to be asked for (earl1, earl2). `provisional`: nobody
    has compared the number with the printed page. `absolute` in `absolute_unit`: a limit in per cent of a target that never
    becomes narrower than this. `coverage`: the rule's own guard band in standard uncertainties (0: the value alone decides).
    """

    standard: str
    edition: str
    clause: str
    quantity: str
    unit: str
    lower: float | None = None
    upper: float | None = None
    inclusive: bool = True
    absolute: float | None = None
    absolute_unit: str = ""
    coverage: float | None = None
    where: Mapping[str, Any] = field(default_factory=dict)
    about: Mapping[str, Any] = field(default_factory=dict)
    stage: str
    basis: str = "standard"
    programme: str | None = None
    procedure: str = ""
    device: Mapping[str, str] = field(default_factory=dict)
    read_by: tuple[str, ...] = ()
    provisional: bool = False
    condition: Words | None = None
    authority: str = "standard"
    source_url: str = ""
    quote: str = ""
    note: str = ""

    @property
    def has_limit(self) -> bool:
        return self.lower is not None or self.upper is not None

    @property
    def place(self) -> dict[str, Any]:
        """Where this limit holds and what it is about, as a reader is told."""
        return {**self.where, **self.about}

    def concerns(self, measurement: Measurement) -> bool:
        """Whether this limit speaks of that measurement: same quantity, and every key of `where` and `about` agrees."""
        return (
            measurement.quantity.name == self.quantity
            and all(_agrees(wanted, measurement.where.get(key)) for key, wanted in self.where.items())
            and self.is_about(measurement)
        )

    def is_about(self, measurement: Measurement) -> bool:
        """Whether that measurement, of whatever quantity, is of what this limit is about."""
        return all(_agrees(wanted, measurement.where.get(key)) for key, wanted in self.about.items())

    def at(self, measurement: Measurement) -> Criterion | None:
        """This limit at the target that the measurement names; None where its absolute part speaks of another unit."""
        if self.absolute is None:
            return self
        target, unit = measurement.where.get("target"), measurement.where.get("unit")
        if not isinstance(target, (int, float)) or target == 0 or unit != self.absolute_unit:
            return None
        least = float(abs(100 * Decimal(repr(self.absolute)) / Decimal(repr(target))))
        lower = None if self.lower is None else min(self.lower, -least)
        return replace(self, lower=lower, upper=None if self.upper is None else max(self.upper, least), absolute=None)

    def applies_to(self, subject: Subject) -> bool:
        return all(wanted == getattr(subject, key, None) for key, wanted in self.device.items())


def _agrees(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, list):
        return any(_agrees(one, found) for one in wanted)
    if isinstance(wanted, (int, float)) and isinstance(found, (int, float)):
        return abs(wanted - found) < 1e-9
    return bool(wanted == found)


@cache
def shipped_criteria() -> tuple[Criterion, ...]:
    """Every limit of the package's standards/ folder, edition by edition."""
    folder = resources.files("photopeak") / "standards"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".toml")), key=lambda entry: entry.name)
    return tuple(row for entry in files for row in parse_criteria(entry.read_text("utf-8"), entry.name))


def load_criteria(path: Path) -> tuple[Criterion, ...]:
    """The limits of a user's file: their manufacturer's specification, their device's own baseline."""
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CriteriaError(
            en=f"{path.name}: the criteria file cannot be read ({error}); give a TOML file in UTF-8",
            zh=f"{path.name}：无法读取限值文件（{error}）。请提供 UTF-8 编码的 TOML 文件。",
        ) from error
    return parse_criteria(text, path.name)


def parse_criteria(text: str, name: str) -> tuple[Criterion, ...]:
    """The `[[limit]]` rows of one TOML document; keys at its top (standard, edition ...) hold for every row."""
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CriteriaError(
            en=f"{name}: not a TOML file ({error}); see docs/criteria.md for an example",
            zh=f"{name}：不是 TOML 文件（{error}）。示例见 docs/criteria.zh.md。",
        ) from error
    shared = {key: value for key, value in document.items() if key != "limit"}
    return tuple(_criterion({**shared, **row}, f"{name}, [[limit]] {n}") for n, row in enumerate(document.get("limit", ()), 1))


_OWN = {"reference", "factor", "tolerance", "tolerance_percent", "condition"}
_KNOWN = set(Criterion.__dataclass_fields__) | _OWN


def _criterion(row: dict[str, Any], place: str) -> Criterion:
    unknown = sorted(set(row) - _KNOWN)
    missing = [key for key in ("quantity", "unit", "stage", "standard") if key not in row]
    if unknown or missing:
        raise CriteriaError(
            en=f"{place}: unknown {unknown}, missing {missing}; the names are {sorted(_KNOWN)}",
            zh=f"{place}：未知名称 {unknown}，缺少 {missing}。可用名称：{sorted(_KNOWN)}",
        )
    values = {key: value for key, value in row.items() if key not in _OWN}
    values.setdefault("edition", "")
    values.setdefault("clause", "")
    values["read_by"] = tuple(values.get("read_by", ()))
    values["provisional"] = bool(values.get("provisional")) or not values["read_by"]
    values["lower"], values["upper"] = _bounds(row, place)
    if "condition" in row:
        values["condition"] = Words(**row["condition"])
    if values["stage"] not in STAGES or values.get("basis", "standard") not in BASES:
        raise CriteriaError(
            en=f"{place}: stage is one of {STAGES}, basis one of {BASES}",
            zh=f"{place}：stage 须为 {STAGES} 之一，basis 须为 {BASES} 之一。",
        )
    return Criterion(**values)


def _bounds(row: Mapping[str, Any], place: str) -> tuple[float | None, float | None]:
    """Bounds as written, or from a reference value: times `factor`, or ± `tolerance` (same unit) or `tolerance_percent`."""
    lower, upper = row.get("lower"), row.get("upper")
    if "reference" in row:
        reference = float(row["reference"])
        if "tolerance" in row or "tolerance_percent" in row:
            margin = float(row.get("tolerance", abs(reference) * float(row.get("tolerance_percent", 0)) / 100))
            lower, upper = reference - margin, reference + margin
        else:
            upper = reference * float(row.get("factor", 1.0))
    for bound in (lower, upper):
        if bound is not None and (isinstance(bound, bool) or not isinstance(bound, (int, float))):
            raise CriteriaError(en=f"{place}: {bound!r} is not a number", zh=f"{place}：{bound!r} 不是数字。")
    return (None if lower is None else float(lower)), (None if upper is None else float(upper))


def choose(
    criteria: Iterable[Criterion], *, stage: str, programme: str | None = None, subject: Subject | None = None
) -> tuple[Criterion, ...]:
    """The limits of a stage, plus those of a programme that was asked for by name; only those that apply to the device."""
    return tuple(
        row
        for row in criteria
        if (row.programme == programme if row.programme and programme else not row.programme and row.stage == stage)
        and (subject is None or row.applies_to(subject))
    )
