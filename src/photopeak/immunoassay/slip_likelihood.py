"""How much better a slip explains a result than chance does: likelihood ratios, and the threshold that keeps false alarms rare.

A question holds one number for each laboratory and column on one scale, as ratios to the target or as their logarithms. What a
laboratory has in common over its analytes is part of what is expected of it, the spread of each column comes from algorithm A and is
moderated by that of the others (Smyth 2004, Stat Appl Genet Mol Biol 3:3). The ratio of the two densities is the best test there is
(Neyman and Pearson 1933, Phil Trans A 231:289). Its threshold is found by integrating what chance puts beyond it over all results of
a round, its laboratories being spread as these are, so that clean rounds raise an alarm at no more than the wanted rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy

from photopeak.immunoassay import robust_statistics as robust

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]

FEWEST = 5  #: results of a column below which nothing can be said
EFFECTIVE = 0.6  #: degrees of freedom of algorithm A's spread, per result
KEPT = 4.0  #: standard deviations within which a result forms the spread
FITS = 5.5  #: standard deviations within which a slip explains a result
FINE, COARSE = 0.2, 0.5  #: steps of the integrals in one and in two dimensions, standard deviations
STEPS = np.arange(-FITS, FITS + COARSE / 2, COARSE)
STEP, MOST_EVIDENCE = 0.02, 60.0  #: of the threshold, in units of ln
LABORATORIES = np.arange(-4.0, 4.1, 0.8)  #: standard deviations between laboratories that the integrals visit
MOST_COLUMNS = 24  #: that they visit; of more, as many evenly chosen ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """`value`, `centre` and `own_spread`, what the other laboratories make expect of each, [laboratory, column].

    `spread[column]` is that of all of them, NaN where it is not known.
    """

    value: Floats
    centre: Floats
    own_spread: Floats
    spread: Floats
    freedom: float
    logarithmic: bool
    offset: Floats  #: what a column is off by, for all laboratories
    common: tuple[float, float]  #: mean and standard deviation of what laboratories have in common over their analytes

    def undone(self, factor: float) -> Floats:
        """Distance from what is expected once the factor is taken off, in standard deviations."""
        back = self.value - math.log(factor) if self.logarithmic else self.value / factor
        return np.asarray((back - self.centre) / self.own_spread)

    def evidence(self, factor: float) -> Floats:
        """Logarithm of the likelihood ratio of a slip by this factor against none."""
        widened = 0.0 if self.logarithmic else math.log(factor)
        return self.density(self.undone(factor)) - widened - self.density(self.undone(1.0))

    def density(self, distance: Floats) -> Floats:
        """Logarithm of the t density, without the constant that every ratio loses."""
        return np.asarray(-(self.freedom + 1) / 2 * np.log1p(distance**2 / self.freedom))

    def chance(self, distance: Floats) -> Floats:
        half = self.freedom / 2
        constant = scipy.special.gammaln(half + 0.5) - scipy.special.gammaln(half) - 0.5 * math.log(self.freedom * math.pi)
        return np.asarray(np.exp(self.density(distance) + constant))

    def laboratories(self) -> tuple[Floats, Floats]:
        """What is expected of laboratories as they vary, [laboratory, column], and how often each occurs."""
        middle, between = self.common
        steps = LABORATORIES if between > 0 else np.zeros(1)
        weight = np.exp(-(steps**2) / 2)
        return middle + between * steps[:, None] + self.offset, weight / weight.sum()

    def middling(self) -> Floats:
        return np.asarray(self.common[0] + self.offset[None, :])

    def beyond_chance(self, factor: Floats | float, before: Floats, centre: Floats, spread: Floats) -> tuple[Floats, Floats]:
        """(evidence, distance from the expected) of slips of results that were at `before`; [laboratory, column, before].

        `factor`: one, or one a column; `centre[laboratory, column]`, `spread[column]`.
        """
        wide, size = spread[None, :, None], np.reshape(factor, (1, -1, 1))
        if self.logarithmic:
            after = before + np.log(size) / wide
            return self.density(before) - self.density(after), np.asarray(after)
        after = (size - 1) * centre[..., None] / wide + size * before
        return np.asarray(self.density(before) - np.log(size) - self.density(after)), np.asarray(after)


def common_of(values: Floats, centre: Floats) -> tuple[float, float]:
    """Mean of what laboratories have in common, `centre[laboratory]`, and the standard deviation between them; 0 where they have nothing.

    The few laboratories of a round tell it to some twenty per cent only, and thresholds depend on it steeply. It is therefore drawn
    half way to the standard deviation within a laboratory, which hundreds of results tell: errors are commonly about half in common.
    """
    each = robust.algorithm_a(robust.columns_of(centre))
    between = float(np.nan_to_num(each.spread[0]))
    within = float(robust.median_deviation(robust.columns_of((values - centre[:, None, None]).reshape(-1)))[0])
    return float(each.location[0]), math.sqrt((between**2 + within**2) / 2) if between > 0 else 0.0


def ask(value: Floats, centre: Floats, common: tuple[float, float], *, logarithmic: bool) -> Question:
    """The question of these numbers, expected at `centre` plus what their column is off by."""
    off = value - centre
    found = robust.algorithm_a(robust.columns_of(off))
    usable = (found.count >= FEWEST) & (found.spread > 0)
    freedom = np.where(usable, EFFECTIVE * (found.count - 1), np.nan)
    rough = np.sqrt(_moderated(found.spread**2, freedom, *_shared(found.spread**2, freedom)))
    kept = np.where(np.abs(off - found.location) <= KEPT * rough, off, np.nan)
    count, location, squares = _sums(kept)
    usable &= count >= FEWEST
    freedom = np.where(usable, count - 1.0, np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        shared, prior = _shared(squares / freedom, freedom)
        spread = np.sqrt(_moderated(squares / freedom, freedom, shared, prior))
        # a slip that is not far enough to be left out would widen the spread that it is held against
        mine = ~np.isnan(kept)
        others = count - mine
        beside = np.where(mine, kept - location, 0.0)
        own_location = location - beside / others
        own_squares = np.maximum(squares - beside**2 * count / others, 0.0)
        own = _moderated(own_squares / (others - 1), np.where(usable, others - 1.0, np.nan), shared, prior) * (1 + 1 / others)
    least = float(np.nanmin(freedom)) if usable.any() else 1.0
    return Question(
        value=value,
        centre=centre + own_location,
        own_spread=np.sqrt(own),
        spread=spread,
        freedom=min(float(np.nansum(freedom)), least - 1 + prior) if usable.any() else 1.0,
        logarithmic=logarithmic,
        offset=location,
        common=common,
    )


def _sums(kept: Floats) -> tuple[Floats, Floats, Floats]:
    """Number, mean and sum of squares about it of each column."""
    count = np.count_nonzero(~np.isnan(kept), axis=0).astype(np.float64)
    mean = np.where(count > 0, np.nansum(kept, axis=0) / np.maximum(count, 1), np.nan)
    return count, mean, np.nansum((kept - mean) ** 2, axis=0)


def _shared(variances: Floats, freedom: Floats) -> tuple[float, float]:
    """What usable columns have in common, and the degrees of freedom it is worth; nothing where they are fewer than three."""
    usable = ~np.isnan(freedom) & (variances > 0)
    if np.count_nonzero(usable) < 3:
        return 0.0, 0.0
    return _prior(variances[usable], float(freedom[usable].min()))


def _moderated(variances: Floats, freedom: Floats, shared: float, prior: float) -> Floats:
    """Each column's variance drawn towards the common one; NaN where `freedom` is."""
    weight = np.ones_like(freedom) if math.isinf(prior) else prior / (prior + freedom)
    return np.where(np.isnan(freedom), np.nan, weight * shared + (1 - weight) * variances)


def _prior(variances: Floats, freedom: float) -> tuple[float, float]:
    """The variance the columns have in common and the degrees of freedom it is worth (Smyth 2004, 6.2).

    Columns count as different only by what exceeds the sampling error of their differences, so that equal ones are taken for equal.
    """
    logarithms = np.log(variances)
    chance = float(scipy.special.polygamma(1, freedom / 2))
    excess = float(logarithms.var(ddof=1)) - chance * (1 + math.sqrt(2 / (len(variances) - 1)))
    centre = float(logarithms.mean()) - float(scipy.special.digamma(freedom / 2)) + math.log(freedom / 2)
    if excess <= 1e-4:
        return float(np.mean(variances)), math.inf
    half = float(scipy.optimize.brentq(_trigamma_less, 1e-3, 1e6, args=(excess,)))
    return math.exp(centre + float(scipy.special.digamma(half)) - math.log(half)), 2 * half


def _trigamma_less(half: float, wanted: float) -> float:
    return float(scipy.special.polygamma(1, half)) - wanted


def _visited(spread: Floats) -> Index:
    """The usable columns, evenly chosen ones where they are very many."""
    columns = np.flatnonzero(~np.isnan(spread))
    if len(columns) <= MOST_COLUMNS:
        return columns
    chosen: Index = columns[np.unique(np.linspace(0, len(columns) - 1, MOST_COLUMNS).round().astype(int))]
    return chosen


def threshold(question: Question, factors: Iterable[float], alarms: float) -> float:
    """The evidence that chance exceeds `alarms` times in a clean round, all results and all factors together."""
    columns = _visited(question.spread)
    if not len(columns):
        return math.inf
    before = np.arange(-FITS, FITS + FINE / 2, FINE)
    centre, weight = question.laboratories()
    evidence, mass = [], []
    for factor in factors:
        found, after = question.beyond_chance(factor, before, centre[:, columns], question.spread[columns])
        each = weight[:, None, None] * question.chance(after)
        evidence.append(np.broadcast_to(found, each.shape).ravel())
        mass.append((each * FINE * (1.0 if question.logarithmic else factor)).ravel())
    return _beyond(question, np.concatenate(evidence), np.concatenate(mass) / len(columns), alarms)


def _beyond(question: Question, evidence: Floats, mass: Floats, alarms: float) -> float:
    """The evidence beyond which the mass of one result, times all results of the round, is `alarms`."""
    tests = np.count_nonzero(~np.isnan(question.value[:, ~np.isnan(question.spread)]))
    # a slip that chance never imitates must still be likelier than chance, so that evidence starts from zero
    step = np.clip(evidence / STEP, -1, MOST_EVIDENCE / STEP).astype(np.intp) + 1
    chance = np.cumsum(np.bincount(step, weights=mass)[:0:-1]) * tests
    return float((len(chance) - np.searchsorted(chance, alarms, "right")) * STEP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """Pairs of samples of one analyte: their mean and their difference, column by column, and the ratio of their targets."""

    mean: Question
    difference: Question
    ratio: Floats  #: target of the first to that of the second, [column]

    def undone(self) -> tuple[Floats, Floats]:
        """Mean and difference as distances once the two results are exchanged."""
        first, second = self._exchanged(self.mean.value, self.difference.value, self.ratio)
        return (
            np.asarray(((first + second) / 2 - self.mean.centre) / self.mean.own_spread),
            np.asarray((first - second - self.difference.centre) / self.difference.own_spread),
        )

    def evidence(self) -> Floats:
        mean, difference = self.undone()
        plain = self.mean.density(self.mean.undone(1.0)) + self.difference.density(self.difference.undone(1.0))
        return np.asarray(self.mean.density(mean) + self.difference.density(difference) - plain)

    def _exchanged(self, mean: Floats, difference: Floats, ratio: Floats) -> tuple[Floats, Floats]:
        """The two results in each other's place; done twice, nothing has changed."""
        first, second = mean + difference / 2, mean - difference / 2
        if self.mean.logarithmic:
            return second - np.log(ratio), first + np.log(ratio)
        return second / ratio, first * ratio

    def grid(self, mean_centre: Floats, columns: Index, ratio: Floats) -> tuple[Floats, Floats, Floats]:
        """(evidence, mean, difference) of exchanged pairs that were on a grid of distances, [laboratory, column, mean, difference]."""
        m, d = (axis[None, None] for axis in np.meshgrid(STEPS, STEPS, indexing="ij"))
        mean_centre, mean_spread = mean_centre[..., None, None], self.mean.spread[columns][None, :, None, None]
        difference_centre = self.difference.offset[columns][None, :, None, None]
        difference_spread = self.difference.spread[columns][None, :, None, None]
        before = mean_centre + mean_spread * m, difference_centre + difference_spread * d
        first, second = self._exchanged(*before, ratio.reshape(1, -1, 1, 1))
        mean = ((first + second) / 2 - mean_centre) / mean_spread
        difference = (first - second - difference_centre) / difference_spread
        evidence = self.mean.density(m) + self.difference.density(d)
        return np.asarray(evidence - self.mean.density(mean) - self.difference.density(difference)), mean, difference

    def threshold(self, alarms: float) -> float:
        """The evidence that chance exceeds `alarms` times in a clean round over all pairs."""
        columns = _visited(self.mean.spread + self.difference.spread + self.ratio)
        if not len(columns):
            return math.inf
        centre, weight = self.mean.laboratories()
        evidence, mean, difference = self.grid(centre[:, columns], columns, self.ratio[columns])
        mass = self.mean.chance(mean) * self.difference.chance(difference) * COARSE**2 / len(columns)
        return _beyond(self.mean, evidence.ravel(), (weight[:, None, None, None] * mass).ravel(), alarms)

    def share_found(self, ratio: Floats, limit: float) -> Floats:
        """The share of exchanges at these ratios of levels that a middling laboratory is found by, [column]."""
        weight = np.exp(-(STEPS[:, None] ** 2 + STEPS[None, :] ** 2) / 2)
        evidence, _, _ = self.grid(self.mean.middling(), np.arange(len(ratio)), ratio)
        return np.asarray(((evidence[0] > limit) * weight).sum(axis=(1, 2)) / weight.sum())


def share_found(question: Question, factors: Floats, limit: float) -> Floats:
    """The share of slips by these factors that a middling laboratory is found by, [column]."""
    weight = np.exp(-(STEPS**2) / 2)
    evidence, _ = question.beyond_chance(factors, STEPS, question.middling(), question.spread)
    return np.asarray(((evidence[0] > limit) * weight).sum(axis=1) / weight.sum())
