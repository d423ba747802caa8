"""Blunders before scoring: a decimal point, a unit, two samples exchanged. What the spread hides is said to be hidden.

Every result is compared with the target of its group as a ratio. What a laboratory has in common over its analytes is taken off, the
spread of each analyte comes from algorithm A and is moderated by that of the others (Smyth 2004, Stat Appl Genet Mol Biol 3:3), and
the threshold is the t quantile at which a whole clean round raises an alarm in less than one of a hundred cases. A result counts as
far only if it is so both as a ratio and as a difference, so that neither normal nor log-normal errors raise alarms. Nothing is
corrected: the laboratory is asked.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import scipy

from photopeak.immunoassay import robust_statistics as robust
from photopeak.immunoassay.results_table import Reported
from photopeak.immunoassay.round_targets import GroupTarget, SampleTargets

Floats = npt.NDArray[np.float64]
Slips = Callable[[str, str], Mapping[str, float]]

ALARMS = 0.008  #: share of clean rounds in which anything at all may be named; three questions share it
FEWEST = 5  #: results of a sample below which nothing can be said
FEWEST_ANALYTES = 5  #: of a laboratory, from which what they have in common is known
EFFECTIVE = 0.6  #: degrees of freedom of algorithm A's spread, per result
FITS = 4.0  #: standard deviations within which a slip explains a result
FITS_WIDELY = 5.5  #: the same for a power of ten and for two results that are exchanged, which chance hardly imitates
FAIRLY = 1e-3  #: level of the second question for a power of ten
SURE = 2.0  #: standard deviations beyond the threshold at which a slip is found almost always
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
    reach: Mapping[str, Reach]


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
class _Far:
    """One question put to every column: `score[laboratory, column]`, its threshold, the spread of each column as a logarithm."""

    score: Floats
    threshold: float
    spread: Floats
    tenfold: npt.NDArray[
        np.bool_
    ]  #: far as a ratio and fairly far as a difference: enough for a power of ten, which it must fit

    @property
    def far(self) -> npt.NDArray[np.bool_]:
        return np.asarray(np.abs(self.score) > self.threshold)


def screen(samples: Sequence[SampleTargets], slips: Slips) -> Screen:
    """What in this round looks like a slip. `slips(analyte, unit)` names the factors a mistaken unit would make."""
    found = _round_of(samples)
    if found is None:
        return Screen(suspects=(), reach={})
    own, plain = _own(found.ratio), _own(np.exp(np.clip(found.ratio, -50, 50)))
    single = _far(own.reshape(len(own), -1), plain.reshape(len(own), -1))
    whole = _far(_means(own), _means(plain)) if len(found.samples) > 1 else single
    pairs = list(combinations(range(len(found.samples)), 2))
    apart = _far(_differences(own, pairs), _differences(plain, pairs)) if pairs else None
    swapped = _swaps(found, own, apart, pairs, single)
    taken = {id(one) for suspect in swapped for one in suspect.results}
    slipped = _slips(found, own, single, whole, slips, taken)
    return Screen(suspects=(*slipped, *swapped), reach=_reach(found, single, whole, apart, pairs, slips))


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


def _own(ratio: Floats) -> Floats:
    """Ratios less the median of the laboratory's, where it has enough analytes to know it."""
    flat = ratio.reshape(len(ratio), -1)
    enough = np.count_nonzero(~np.isnan(ratio).all(axis=2), axis=1) >= FEWEST_ANALYTES
    middle = robust.median(robust.columns_of(np.where(enough[:, None], flat, 0.0).T))
    own: Floats = ratio - np.where(enough, middle, 0.0)[:, None, None]
    return own


def _means(own: Floats) -> Floats:
    """The mean over the samples of an analyte, where a laboratory has all of its results of at least two."""
    count = np.count_nonzero(~np.isnan(own), axis=2)
    return np.where(count > 1, np.nansum(own, axis=2) / np.maximum(count, 1), np.nan)


def _differences(values: Floats, pairs: Sequence[tuple[int, int]]) -> Floats:
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    return np.asarray(values[:, :, first] - values[:, :, second]).reshape(len(values), -1)


def _far(logarithms: Floats, ratios: Floats) -> _Far:
    """How far each entry is from its column in moderated standard deviations: the smaller of what both scales say."""
    by_logarithm, spread, freedom = _scores(logarithms)
    by_ratio, _, other = _scores(ratios)
    smaller = np.where(np.abs(by_ratio) < np.abs(by_logarithm), by_ratio, by_logarithm)
    tests = max(1, int(np.count_nonzero(~np.isnan(smaller))))
    threshold = float(scipy.stats.t.isf(ALARMS / 3 / 2 / tests, min(freedom, other)))
    fairly = float(scipy.stats.t.isf(FAIRLY, min(freedom, other)))
    tenfold = (np.abs(by_logarithm) > threshold) & (np.abs(by_ratio) > fairly) & (by_ratio * by_logarithm > 0)
    return _Far(score=smaller, threshold=threshold, spread=spread, tenfold=tenfold)


def _scores(columns: Floats) -> tuple[Floats, Floats, float]:
    """(entry - location) / spread by column, the spread, and the degrees of freedom that are left after moderation."""
    found = robust.algorithm_a(robust.columns_of(columns))
    usable = (found.count >= FEWEST) & (found.spread > 0)
    if not usable.any():
        return np.full(columns.shape, np.nan), np.full(columns.shape[1], np.nan), 1.0
    freedom = EFFECTIVE * (found.count - 1)
    variance, prior = np.where(usable, found.spread**2, np.nan), math.inf
    least = float(freedom[usable].min())
    if np.count_nonzero(usable) > 2:
        common, prior = _prior(variance[usable], least)
        weight = 1.0 if math.isinf(prior) else prior / (prior + freedom)
        variance = np.where(usable, weight * common + (1 - np.asarray(weight)) * variance, np.nan)
    total = float(np.sum(freedom[usable]))
    left = least if np.count_nonzero(usable) <= 2 else min(total, least + prior)
    spread = np.sqrt(variance)
    return (columns - found.location) / spread, spread, left


def _prior(variances: Floats, freedom: float) -> tuple[float, float]:
    """The variance the columns have in common and the degrees of freedom it is worth (Smyth 2004, 6.2)."""
    logarithms = np.log(variances)
    excess = float(logarithms.var(ddof=1)) - float(scipy.special.polygamma(1, freedom / 2))
    centre = float(logarithms.mean()) - float(scipy.special.digamma(freedom / 2)) + math.log(freedom / 2)
    if excess <= 1e-4:
        return float(np.mean(variances)), math.inf
    half = float(scipy.optimize.brentq(_trigamma_less, 1e-3, 1e6, args=(excess,)))
    return math.exp(centre + float(scipy.special.digamma(half)) - math.log(half)), 2 * half


def _trigamma_less(half: float, wanted: float) -> float:
    return float(scipy.special.polygamma(1, half)) - wanted


def _swaps(found: _Round, own: Floats, apart: _Far | None, pairs: Sequence[tuple[int, int]], single: _Far) -> list[Suspect]:
    """Two samples of one analyte that are far apart and agree with their targets once they are exchanged."""
    if apart is None:
        return []
    suspects = []
    singles = single.spread.reshape(own.shape[1:])
    for row, column in np.argwhere(apart.far):
        analyte, (a, b) = int(column) // len(pairs), pairs[int(column) % len(pairs)]
        step = float(found.level[analyte, a] - found.level[analyte, b])
        exchanged = own[row, analyte, a] + step, own[row, analyte, b] - step
        near = FITS_WIDELY * apart.spread[column]
        if abs(exchanged[0] - exchanged[1]) > near or max(map(abs, exchanged)) > FITS_WIDELY * np.nanmax(
            singles[analyte, [a, b]]
        ):
            continue
        both = found.reported[(int(row), analyte, a)], found.reported[(int(row), analyte, b)]
        suspects.append(
            Suspect(
                kind="swap",
                laboratory=both[0].laboratory,
                analyte=found.analytes[analyte],
                results=both,
                explanations=(f"{found.samples[a]} <-> {found.samples[b]}",),
            )
        )
    return suspects


def _slips(found: _Round, own: Floats, single: _Far, whole: _Far, slips: Slips, taken: set[int]) -> list[Suspect]:
    """Analytes whose samples are all off by one factor, and single results that are."""
    suspects: list[Suspect] = []
    layers = len(found.samples)
    if layers > 1:
        means = _means(own)
        for row, analyte in np.argwhere(whole.far | whole.tenfold):
            some = [found.reported[(int(row), int(analyte), n)] for n in range(layers) if not np.isnan(own[row, analyte, n])]
            each = own[row, analyte][~np.isnan(own[row, analyte])]
            if np.ptp(each) < FITS * float(np.nanmax(single.spread)) and not taken & {id(one) for one in some}:
                known = slips if whole.far[row, analyte] else _none
                suspects += _explained(found, int(analyte), some, float(means[row, analyte]), whole.spread[analyte], known)
    taken = taken | {id(one) for suspect in suspects for one in suspect.results}
    for row, column in np.argwhere(single.far | single.tenfold):
        analyte, layer = divmod(int(column), layers)
        one = found.reported[(int(row), analyte, layer)]
        if id(one) not in taken:
            known = slips if single.far[row, column] else _none
            suspects += _explained(found, analyte, [one], float(own[row, analyte, layer]), single.spread[column], known)
    return suspects


def _none(analyte: str, unit: str) -> Mapping[str, float]:
    return {}


def _explained(
    found: _Round, analyte: int, results: Sequence[Reported], ratio: float, spread: float, slips: Slips
) -> list[Suspect]:
    """The slips that would make this ratio, the nearest first; empty where none does."""
    name = found.analytes[analyte]
    known = {**POWERS_OF_TEN, **slips(name, found.units.get(name, ""))}
    off = {text: abs(ratio - math.log(by)) / spread for text, by in known.items()}
    fitting = sorted((by, text) for text, by in off.items() if by <= (FITS_WIDELY if text in POWERS_OF_TEN else FITS))
    if not fitting:
        return []
    texts = tuple(text for _, text in fitting)
    kind = "power_of_ten" if texts[0] in POWERS_OF_TEN else "unit"
    return [Suspect(kind=kind, laboratory=results[0].laboratory, analyte=name, results=tuple(results), explanations=texts)]


def _reach(
    found: _Round, single: _Far, whole: _Far, apart: _Far | None, pairs: Sequence[tuple[int, int]], slips: Slips
) -> dict[str, Reach]:
    """From which factor and which ratio of levels on a slip stands out, analyte by analyte, and what stays hidden below."""
    reach = {}
    for n, name in enumerate(found.analytes):
        spread = single.spread.reshape(len(found.analytes), -1)[n]
        if np.isnan(spread).all():
            continue
        widest = float(np.nanmax(spread))
        own, threshold = (whole.spread[n], whole.threshold) if len(found.samples) > 1 else (widest, single.threshold)
        factor = smallest_factor(float(own), threshold)
        between = apart.spread[n * len(pairs) : (n + 1) * len(pairs)] if apart is not None else np.array([])
        ratio = math.inf
        if apart is not None and not np.isnan(between).all():
            ratio = math.exp((apart.threshold + SURE) * float(np.nanmax(between)) / 2)
        units = slips(name, found.units.get(name, ""))
        reach[name] = Reach(
            factor=factor,
            ratio=ratio,
            hidden_units=tuple(text for text, by in units.items() if 1 / factor < by < factor),
            hidden_pairs=tuple(
                (found.samples[a], found.samples[b])
                for a, b in pairs
                if abs(found.level[n, a] - found.level[n, b]) < math.log(ratio)
            ),
        )
    return reach


def smallest_factor(spread: float, threshold: float) -> float:
    """The factor f that is found almost always in both directions: ln f above the spread, and 1 - 1/f above it as well."""
    needed = (threshold + SURE) * spread
    return max(math.exp(needed), 1 / (1 - threshold * spread) if threshold * spread < 1 else math.inf)


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
