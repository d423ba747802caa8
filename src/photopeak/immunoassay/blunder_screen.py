"""Blunders before scoring: a decimal point, a unit, two samples exchanged. What the spread hides is said to be hidden.

Every result is compared with the target of its group as a ratio and as its logarithm, so that neither normal nor log-normal errors
raise alarms: a slip is named where on both scales it explains the result so much better than chance that a whole clean round would
be accused in less than one of a hundred cases (slip_likelihood). Nothing is corrected: the laboratory is asked.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from photopeak.immunoassay import robust_statistics as robust
from photopeak.immunoassay.results_table import Reported
from photopeak.immunoassay.round_targets import GroupTarget, SampleTargets
from photopeak.immunoassay.slip_likelihood import FITS, Exchange, Question, ask, common_of, share_found, threshold

Floats = npt.NDArray[np.float64]
Slips = Callable[[str, str], Mapping[str, float]]

#: share of clean rounds in which each question may name anything, on either scale
ALARMS = {"single power": 0.004, "single unit": 0.0002, "whole power": 0.0001, "whole unit": 0.0007, "exchange": 0.005}
FEWEST_ANALYTES = 5  #: of a laboratory, from which what they have in common is known
SURE = 0.95  #: share of slips from which on they count as distinguishable
RARE = (
    6.0  #: -2 ln of how much rarer a mistaken unit is in one of several samples of an analyte than other slips: one in twenty
)
FURTHEST = 1e3  #: factor up to which the reach is looked for
HALVINGS = 10
POWERS_OF_TEN = {f"x {10.0**n:g}": 10.0**n for n in (1, -1, 2, -2, 3, -3)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspect:
    """A result, or two, that a slip explains. `kind`: power_of_ten, unit, swap. `explanations`: every one that fits."""

    kind: str
    laboratory: str
    analyte: str
    results: tuple[Reported, ...]
    explanations: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What would be found at this analyte's spread: slips of at least `factor`, swaps from this ratio of levels on."""

    factor: float
    ratio: float
    hidden_units: tuple[str, ...]
    hidden_pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    suspects: tuple[Suspect, ...]
    measure_reach: Callable[[], Mapping[str, Reach]]

    @property
    def reach(self) -> Mapping[str, Reach]:
        """By analyte, found when it is asked for."""
        return self.measure_reach()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Round:
    """`ratio[laboratory, analyte, sample]` of every exact result to the target of its group, as a logarithm; NaN where none is."""

    laboratories: tuple[tuple[str, str], ...]
    analytes: tuple[str, ...]
    samples: tuple[str, ...]
    ratio: Floats
    level: Floats  #: logarithm of the target, [analyte, sample]
    reported: Mapping[tuple[int, int, int], Reported]
    units: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """One question on both scales, with the evidence that it takes on each."""

    scales: tuple[Question, Question]
    limits: tuple[float, float]  #: for a mistaken unit
    limits_of_powers: tuple[float, float]  #: for a power of ten, which chance imitates less

    def beyond(self, factor: float) -> npt.NDArray[np.bool_]:
        """Where a slip by this factor explains the result, and chance does not."""
        found = np.ones(self.scales[0].value.shape, dtype=bool)
        limits = self.limits_of_powers if factor in POWERS_OF_TEN.values() else self.limits
        for one, limit in zip(self.scales, limits):
            found &= one.evidence(factor) > limit
        return np.asarray(found & (self.off(factor) <= FITS))

    def off(self, factor: float) -> Floats:
        """How far the result is from that slip on the scale that is nearer to it, standard deviations."""
        return np.asarray(np.minimum(*(np.abs(one.undone(factor)) for one in self.scales)))


def screen(samples: Sequence[SampleTargets], slips: Slips) -> Screen:
    """What in this round looks like a slip. `slips(analyte, unit)` names the factors a mistaken unit would make."""
    found = _round_of(samples)
    if found is None:
        return Screen(suspects=(), measure_reach=dict)
    known = [{**POWERS_OF_TEN, **slips(name, found.units.get(name, ""))} for name in found.analytes]
    factors = sorted({by for some in known for by in some.values()})
    scales, layers = _both(found.ratio), len(found.samples)
    single = _asked([_flat(one) for one in scales], factors, "single")
    whole = _asked([_means(one) for one in scales], factors, "whole") if layers > 1 else single
    pairs = list(combinations(range(layers), 2))
    exchanges = [_exchange(found, one, pairs) for one in scales] if pairs else []
    limits = [one.threshold(ALARMS["exchange"]) for one in exchanges]
    candidates = [*_swaps(found, exchanges, limits, pairs, single), *_slips(found, known, single, whole)]
    return Screen(suspects=_best(candidates), measure_reach=lambda: _reach(found, known, whole, exchanges, limits, pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scale:
    """`values[laboratory, analyte, sample]`, what each laboratory has in common, and how laboratories vary: mean and deviation."""

    values: Floats
    centre: Floats
    common: tuple[float, float]
    logarithmic: bool


def _both(ratio: Floats) -> tuple[_Scale, ...]:
    scales = []
    for values, logarithmic in ((np.exp(np.clip(ratio, -50, 50)), False), (ratio, True)):
        centre = _expected(values)
        scales.append(_Scale(values=values, centre=centre, common=common_of(values, centre), logarithmic=logarithmic))
    return tuple(scales)


def _round_of(samples: Sequence[SampleTargets]) -> _Round | None:
    usable = [(sample, group) for sample in samples for group in sample.groups if _target(group) > 0]
    results = [(one, _target(group), group) for _, group in usable for one in group.members if _exact(one)]
    if not results:
        return None
    laboratories = tuple(dict.fromkeys((one.laboratory, one.instrument) for one, _, _ in results))
    analytes = tuple(dict.fromkeys(one.analyte for one, _, _ in results))
    names = tuple(dict.fromkeys(one.sample for one, _, _ in results))
    rows, columns, layers = (_index(some) for some in (laboratories, analytes, names))
    ratio = np.full((len(laboratories), len(analytes), len(names)), np.nan)
    level = np.full((len(analytes), len(names)), np.nan)
    reported = {}
    for one, target, _ in results:
        at = rows[(one.laboratory, one.instrument)], columns[one.analyte], layers[one.sample]
        ratio[at] = math.log(float(one.value or 0) / target)
        level[at[1:]] = math.log(target)
        reported[at] = one
    return _Round(
        laboratories=laboratories,
        analytes=analytes,
        samples=names,
        ratio=ratio,
        level=level,
        reported=reported,
        units={sample.analyte: sample.unit for sample in samples},
    )


def _index(names: Iterable[object]) -> dict[object, int]:
    return {name: n for n, name in enumerate(names)}


def _exact(one: Reported) -> bool:
    return one.counts and not one.sign and one.value is not None and one.value > 0


def _target(group: GroupTarget) -> float:
    declared = group.declared
    if declared is not None and declared.target is not None:
        return float(declared.target)
    return group.main.location if group.main is not None else 0.0


def _expected(values: Floats) -> Floats:
    """[laboratory]: the robust mean of a laboratory over its analytes; the median of all where they are too few."""
    flat = values.reshape(len(values), -1)
    enough = np.count_nonzero(~np.isnan(values).all(axis=2), axis=1) >= FEWEST_ANALYTES
    middle = robust.algorithm_a(robust.columns_of(np.where(enough[:, None], flat, 0.0).T)).location
    nothing = robust.median(robust.columns_of(values.reshape(-1)))
    return np.where(enough, middle, nothing)


def _question(value: Floats, scale: _Scale) -> Question:
    return ask(value, np.broadcast_to(scale.centre[:, None], value.shape), scale.common, logarithmic=scale.logarithmic)


def _flat(scale: _Scale) -> Question:
    return _question(scale.values.reshape(len(scale.values), -1), scale)


def _means(scale: _Scale) -> Question:
    """The mean over the samples of an analyte, where a laboratory has results of at least two."""
    count = np.count_nonzero(~np.isnan(scale.values), axis=2)
    return _question(np.where(count > 1, np.nansum(scale.values, axis=2) / np.maximum(count, 1), np.nan), scale)


def _exchange(found: _Round, scale: _Scale, pairs: Sequence[tuple[int, int]]) -> Exchange:
    a, b = [first for first, _ in pairs], [second for _, second in pairs]
    first, second = (scale.values[:, :, some].reshape(len(scale.values), -1) for some in (a, b))
    level = found.level[:, a] - found.level[:, b]
    return Exchange(
        mean=_question((first + second) / 2, scale),
        difference=ask(first - second, np.zeros(first.shape), (0.0, 0.0), logarithmic=scale.logarithmic),
        ratio=np.exp(level.reshape(-1)),
    )


def _asked(scales: Sequence[Question], factors: Sequence[float], question: str) -> _Asked:
    plain, logarithmic = scales
    powers = [by for by in factors if by in POWERS_OF_TEN.values()]
    units = [by for by in factors if by not in POWERS_OF_TEN.values()] or powers
    return _Asked(
        scales=(plain, logarithmic),
        limits=_limits(scales, units, ALARMS[f"{question} unit"]),
        limits_of_powers=_limits(scales, powers, ALARMS[f"{question} power"]),
    )


def _limits(scales: Sequence[Question], factors: Sequence[float], alarms: float) -> tuple[float, float]:
    return threshold(scales[0], factors, alarms), threshold(scales[1], factors, alarms)


def _best(candidates: Iterable[tuple[float, Suspect]]) -> tuple[Suspect, ...]:
    """Each result is part of the explanation that leaves the least of its laboratory's results of the analyte unexplained."""
    taken: set[int] = set()
    suspects = []
    for _, one in sorted(candidates, key=lambda some: some[0]):
        results = {id(reported) for reported in one.results}
        if not taken & results:
            suspects.append(one)
            taken |= results
    return tuple(suspects)


def _swaps(
    found: _Round, exchanges: Sequence[Exchange], limits: Sequence[float], pairs: Sequence[tuple[int, int]], single: _Asked
) -> Iterable[tuple[float, Suspect]]:
    """Two samples of one analyte that agree with their targets so much better once they are exchanged."""
    if not exchanges:
        return
    likely = np.all([one.evidence() > limit for one, limit in zip(exchanges, limits)], axis=0)
    undone = [one.undone() for one in exchanges]
    fits = np.any([np.maximum(np.abs(mean), np.abs(difference)) <= FITS for mean, difference in undone], axis=0)
    left = np.min([mean**2 + difference**2 for mean, difference in undone], axis=0)
    for row, column in np.argwhere(likely & fits):
        analyte, (a, b) = int(column) // len(pairs), pairs[int(column) % len(pairs)]
        both = found.reported[(int(row), analyte, a)], found.reported[(int(row), analyte, b)]
        others = float(left[row, column]) + _unexplained(found, single, row, analyte, (a, b))
        yield others, _suspect(found, "swap", analyte, both, (f"{found.samples[a]} <-> {found.samples[b]}",))


def _slips(
    found: _Round, known: Sequence[Mapping[str, float]], single: _Asked, whole: _Asked
) -> Iterable[tuple[float, Suspect]]:
    """Analytes whose samples are all off by one factor, and single results that are."""
    layers = len(found.samples)
    if layers > 1:
        for row, analyte in _candidates(known, whole, 1):
            some = [found.reported[at] for n in range(layers) if (at := (row, analyte, n)) in found.reported]
            texts = _explained(known[analyte], whole, row, analyte)
            left = {text: _each_off(single, known[analyte][text], row, analyte, layers) for text in texts}
            # every sample of the analyte, not their mean alone, must be off by this factor
            texts = [text for text in texts if np.all(left[text] <= FITS)]
            if texts:
                cost = float(np.sum(left[texts[0]] ** 2))
                yield cost, _suspect(found, _kind(texts), analyte, some, texts)
    for row, column in _candidates(known, single, layers):
        analyte, layer = divmod(column, layers)
        texts = _explained(known[analyte], single, row, column)
        if layers > 1:  # one result of several in another unit is rarer than a decimal point
            texts.sort(key=lambda text: text not in POWERS_OF_TEN)
        left_over = float(single.off(known[analyte][texts[0]])[row, column]) ** 2
        cost = left_over + _unexplained(found, single, row, analyte, (layer,))
        cost += RARE if layers > 1 and texts[0] not in POWERS_OF_TEN else 0.0
        yield cost, _suspect(found, _kind(texts), analyte, [found.reported[(row, analyte, layer)]], texts)


def _unexplained(found: _Round, single: _Asked, row: int, analyte: int, without: Sequence[int]) -> float:
    """What the other samples of the analyte are off by, squared standard deviations."""
    layers = len(found.samples)
    off = single.off(1.0)[row, analyte * layers : (analyte + 1) * layers]
    return float(np.nansum(np.delete(off, list(without)) ** 2))


def _each_off(single: _Asked, factor: float, row: int, analyte: int, layers: int) -> Floats:
    each = single.off(factor)[row, analyte * layers : (analyte + 1) * layers]
    return each[~np.isnan(each)]


def _kind(texts: Sequence[str]) -> str:
    return "power_of_ten" if texts[0] in POWERS_OF_TEN else "unit"


def _candidates(known: Sequence[Mapping[str, float]], asked: _Asked, layers: int) -> list[tuple[int, int]]:
    """(laboratory, column) of every result that some slip of its analyte explains."""
    found = np.zeros(asked.scales[0].value.shape, dtype=bool)
    for factor in {by for some in known for by in some.values()}:
        has = np.repeat([factor in some.values() for some in known], layers)
        found |= asked.beyond(factor) & has
    return [(int(row), int(column)) for row, column in np.argwhere(found)]


def _explained(known: Mapping[str, float], asked: _Asked, row: int, column: int) -> list[str]:
    """The slips that explain a result, the nearest first."""
    off = {text: float(asked.off(by)[row, column]) for text, by in known.items() if asked.beyond(by)[row, column]}
    return sorted(off, key=lambda text: off[text])


def _suspect(found: _Round, kind: str, analyte: int, results: Sequence[Reported], texts: Sequence[str]) -> Suspect:
    return Suspect(
        kind=kind,
        laboratory=results[0].laboratory,
        analyte=found.analytes[analyte],
        results=tuple(results),
        explanations=tuple(texts),
    )


def _reach(
    found: _Round,
    known: Sequence[Mapping[str, float]],
    whole: _Asked,
    exchanges: Sequence[Exchange],
    limits: Sequence[float],
    pairs: Sequence[tuple[int, int]],
) -> dict[str, Reach]:
    """From which factor and which ratio of levels on a slip stands out, analyte by analyte, and what stays hidden below."""
    reach = {}
    factors = _least(len(whole.scales[0].spread), lambda by: _of_both(share_found, whole.scales, whole.limits, by))
    ratios = _least(len(found.analytes) * len(pairs), lambda by: _of_both(Exchange.share_found, exchanges, limits, by))
    for n, name in enumerate(found.analytes):
        factor = float(np.max(factors.reshape(len(found.analytes), -1)[n]))
        if np.isnan(whole.scales[0].spread.reshape(len(found.analytes), -1)[n]).all():
            continue
        ratio = float(np.max(ratios[n * len(pairs) : (n + 1) * len(pairs)], initial=1.0)) if pairs else math.inf
        reach[name] = Reach(
            factor=factor,
            ratio=math.inf if np.isnan(ratio) else ratio,
            hidden_units=tuple(text for text, by in known[n].items() if text not in POWERS_OF_TEN and 1 / factor < by < factor),
            hidden_pairs=tuple(
                (found.samples[a], found.samples[b])
                for a, b in pairs
                if not abs(found.level[n, a] - found.level[n, b]) >= math.log(ratio)
            ),
        )
    return reach


def _of_both(share: Callable[..., Floats], questions: Sequence[Any], limits: Sequence[float], by: Floats) -> Floats:
    """The least share found over both scales and both directions, [column]."""
    each = [share(one, way, limit) for one, limit in zip(questions, limits) for way in (by, 1 / by)]
    return np.asarray(np.min(each, axis=0))


def _least(columns: int, share: Callable[[Floats], Floats]) -> Floats:
    """By halving the interval, the smallest factor of each column that is found surely; infinite where none is."""
    low, high = np.zeros(columns), np.full(columns, math.log(FURTHEST))
    if not columns:
        return low
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        sure = share(np.exp(middle)) >= SURE
        low, high = np.where(sure, low, middle), np.where(sure, middle, high)
    return np.where(high < math.log(FURTHEST), np.exp(high), math.inf)


def unit_slips(stated: Mapping[tuple[str, str, str], object], factor: Callable[[str, str, str], object]) -> Slips:
    """The factors of units that are commonly taken for another: of mass and amount by the molar mass, and the stated ones."""
    known: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)

    def slips(analyte: str, unit: str) -> Mapping[str, float]:
        if (analyte, unit) not in known:
            others = {have for name, have, _ in stated if name in ("", analyte)}
            others |= {want for name, _, want in stated if name in ("", analyte)} | set(COMMON_UNITS)
            for other in sorted(others):
                by = factor(analyte, unit, other) or factor(analyte, other, unit)
                if not unit or by is None:
                    continue
                size = float(str(by)) if factor(analyte, unit, other) is not None else 1 / float(str(by))
                if abs(math.log(size)) > 1e-9 and not _is_power_of_ten(size):
                    known[(analyte, unit)][f"{other} for {unit}"] = size
        return known[(analyte, unit)]

    return slips


COMMON_UNITS = ("ng/dL", "ug/dL", "pg/mL", "ng/mL", "pmol/L", "nmol/L", "umol/L", "m[IU]/L", "[IU]/L")


def _is_power_of_ten(size: float) -> bool:
    return abs(math.log10(size) - round(math.log10(size))) < 1e-6
