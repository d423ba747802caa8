"""The targets of a round: for every sample and method group, what its results amount to and what that is good for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from photopeak.immunoassay import robust_statistics as robust
from photopeak.immunoassay.censored import tobit, variant
from photopeak.immunoassay.consensus import (
    ESTIMATORS,
    FEWEST_FOR_CONSENSUS,
    Consensus,
    estimate,
    far_off,
    score_kind,
    u_of,
)
from photopeak.immunoassay.kernel_density import Density, bandwidth, density
from photopeak.immunoassay.method_groups import ALL, Comparison, groups_of
from photopeak.immunoassay.pairwise_spread import q_method_replicated
from photopeak.immunoassay.results_table import Declared, Reported, ReportedTable

Floats = npt.NDArray[np.float64]
Scale = Literal["linear", "log"]
Grouping = Literal["auto", "all", "method", "instrument", "cascade"]
VARIANTS = ("delete", "ignore", "half")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How targets are formed: frozen in the scheme before results open."""

    estimators: tuple[str, ...] = ("algorithm_a",)
    grouping: Grouping = "auto"
    scale: Scale = "linear"
    fewest: int = FEWEST_FOR_CONSENSUS
    u_others: float = 0.0  #: homogeneity, stability, transport, combined, in the unit of the result


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTarget:
    """One method group of one sample. `estimates` of the first estimator first; on a log scale their spread and u are relative.

    `members` are the results scored in this group; `values` those that formed it, exact ones only, on the scale of the estimate.
    """

    analyte: str
    sample: str
    group: str
    unit: str
    scale: Scale
    members: tuple[Reported, ...]
    counting: tuple[Reported, ...]
    values: Floats
    estimates: tuple[Consensus, ...]
    variants: tuple[tuple[str, Consensus], ...]
    declared: Declared | None
    kind: str
    u_others: float = 0.0

    @property
    def main(self) -> Consensus | None:
        return self.estimates[0] if self.estimates else None

    @property
    def shape(self) -> Density | None:
        """The kernel density of the results, None where they are too few or all equal."""
        if len(self.values) < FEWEST_FOR_CONSENSUS:
            return None
        columns = robust.columns_of(self.values)
        spreads = (robust.median_deviation, robust.interquartile_deviation, robust.standard_deviation)
        least = min(float(spread(columns)[0]) for spread in spreads)
        if least <= 0:
            return None
        found = density(self.values, bandwidth(least, len(self.values)))
        if self.scale == "linear":
            return found
        at = np.exp(found.at)
        return Density(at=at, height=found.height / at, modes=tuple(float(np.exp(mode)) for mode in found.modes))


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleTargets:
    """All groups of one sample, and the comparison of its methods."""

    analyte: str
    sample: str
    unit: str
    results: tuple[Reported, ...]
    comparison: Comparison | None
    groups: tuple[GroupTarget, ...]


def targets_of(table: ReportedTable, rule: Rule) -> tuple[SampleTargets, ...]:
    """Every (analyte, sample) of the table in order of appearance. All groups are estimated in one pass."""
    places: dict[tuple[str, str], list[Reported]] = defaultdict(list)
    for one in table.results:
        places[one.place].append(one)
    drafts, comparisons = [], {}
    for place, results in places.items():
        names, comparisons[place] = groups_of(results, rule.grouping, rule.fewest)
        members: dict[str, list[Reported]] = defaultdict(list)
        for one, name in zip(results, names):
            members[name].append(one)
        # a group too small for a target of its own is scored with all
        whole = results if len(members) > 1 else members.get(ALL, [])
        drafts += [(place, name, some, whole if name == ALL else some) for name, some in members.items()]
    values = [_values(forming, rule.scale) for _, _, _, forming in drafts]
    estimates = _estimates(values, rule, [_repeats(forming, rule.scale) for _, _, _, forming in drafts])
    groups: dict[tuple[str, str], list[GroupTarget]] = defaultdict(list)
    for (place, name, some, forming), found in zip(drafts, estimates):
        groups[place].append(_group(table, place, name, some, forming, found, rule))
    return tuple(
        SampleTargets(
            analyte=place[0],
            sample=place[1],
            unit=table.units.get(place, ""),
            results=tuple(results),
            comparison=comparisons[place],
            groups=tuple(groups[place]),
        )
        for place, results in places.items()
    )


def _values(results: Sequence[Reported], scale: Scale) -> Floats:
    """The exact results that count, on the scale of the estimate; a result that has no logarithm is left out."""
    exact = np.array([float(one.value) for one in results if one.counts and not one.sign and one.value is not None])
    return np.log(exact[exact > 0]) if scale == "log" else exact


def _repeats(results: Sequence[Reported], scale: Scale) -> list[Floats] | None:
    """The results of `_values` with all that a laboratory measured; None where nobody measured twice."""
    exact = [one for one in results if one.counts and not one.sign and one.value is not None]
    if not any(one.repeats for one in exact):
        return None
    each = [
        np.array(one.repeats or (one.value,), dtype=np.float64) for one in exact if scale == "linear" or (one.value or 0) > 0
    ]
    return [np.log(some[some > 0]) if scale == "log" else some for some in each]


def _estimates(
    lists: Sequence[Floats], rule: Rule, repeats: Sequence[list[Floats] | None] | None = None
) -> list[tuple[Consensus, ...]]:
    """Each list of results by every estimator; empty where there are fewer than the rule asks. `repeats`: for the Q method."""
    longest = max((len(values) for values in lists), default=0)
    padded = np.full((max(longest, 1), max(len(lists), 1)), np.nan)
    for n, values in enumerate(lists):
        padded[: len(values), n] = values
    columns = robust.columns_of(padded)
    found: list[list[Consensus]] = [[] for _ in lists]
    for name in rule.estimators:
        if name not in ESTIMATORS:
            continue
        each = estimate(columns, name)
        if name == "q_hampel" and repeats is not None and any(repeats):
            each = _with_repeats(columns, each, repeats)
        u = u_of(each, name)
        for n, values in enumerate(lists):
            if len(values) >= max(2, rule.fewest):
                found[n].append(
                    Consensus(
                        estimator=name,
                        location=float(each.location[n]),
                        spread=float(each.spread[n]),
                        u=float(u[n]),
                        count=len(values),
                    )
                )
    return [tuple(one) for one in found]


def _with_repeats(columns: robust.Columns, found: robust.Estimate, repeats: Sequence[list[Floats] | None]) -> robust.Estimate:
    """The spread of pairs of results of different laboratories; Hampel's mean is that of the laboratories' means (C.5.2, C.5.3)."""
    spread = found.spread.copy()
    for n, some in enumerate(repeats):
        if some is not None and len(some) > 1:
            spread[n] = q_method_replicated(some)
    return robust.Estimate(location=robust.hampel(columns, spread), spread=spread, count=found.count)


def _group(
    table: ReportedTable,
    place: tuple[str, str],
    name: str,
    members: Sequence[Reported],
    forming: Sequence[Reported],
    found: tuple[Consensus, ...],
    rule: Rule,
) -> GroupTarget:
    limited = [one for one in forming if one.counts and one.sign]
    variants: tuple[tuple[str, Consensus], ...] = ()
    if limited:
        found, variants = _with_limits(forming, found, rule)
    found = tuple(_in_units(one, rule.scale) for one in found)
    variants = tuple((how, _in_units(one, rule.scale)) for how, one in variants)
    main = found[0] if found else None
    count = 0 if main is None else main.count
    kind = "none" if main is None else score_kind(count, main.u, main.spread, rule.fewest)
    return GroupTarget(
        analyte=place[0],
        sample=place[1],
        group=name,
        unit=table.units.get(place, ""),
        scale=rule.scale,
        members=tuple(members),
        counting=tuple(one for one in forming if one.counts),
        values=_values(forming, rule.scale),
        estimates=found,
        variants=variants,
        declared=table.declared.get(place),
        kind=kind,
        u_others=rule.u_others,
    )


def _in_units(one: Consensus, scale: Scale) -> Consensus:
    """Back from logarithms: the location as a number of the unit, spread and uncertainty stay relative times the location."""
    if scale == "linear":
        return one
    location = float(np.exp(one.location))
    return Consensus(
        estimator=one.estimator, location=location, spread=location * one.spread, u=location * one.u, count=one.count
    )


def _with_limits(
    forming: Sequence[Reported], found: tuple[Consensus, ...], rule: Rule
) -> tuple[tuple[Consensus, ...], tuple[tuple[str, Consensus], ...]]:
    """Where some results are limits ("<0.5"): the Tobit estimate leads, and every estimator by each simple substitute stands beside."""
    counting = [one for one in forming if one.counts and one.value is not None]
    values = np.array([float(one.value) for one in counting if one.value is not None])
    signs = np.array([one.sign for one in counting])
    if rule.scale == "log":
        signs, values = signs[values > 0], np.log(values[values > 0])
    if len(values) < max(2, rule.fewest):
        return (), ()
    likely = tobit(values, signs)
    head: tuple[Consensus, ...] = ()
    if likely is not None:
        head = (
            Consensus(
                estimator="tobit", location=likely.location, spread=likely.spread, u=likely.u_location, count=len(values)
            ),
        )
    lists = [_substituted(values, signs, how, rule.scale) for how in VARIANTS]
    each = _estimates(lists, rule)
    variants = tuple((how, one) for how, some in zip(VARIANTS, each) for one in some)
    return (*head, *(() if head else found)), variants


def _substituted(values: Floats, signs: npt.NDArray[np.str_], how: str, scale: Scale) -> Floats:
    if scale == "log":
        changed = variant(np.exp(values), signs, how)
        return np.log(changed[~np.isnan(changed)])
    changed = variant(values, signs, how)
    return changed[~np.isnan(changed)]


def far_results(group: GroupTarget) -> tuple[Reported, ...]:
    """Results so far from the rest of their group that a person should look at them."""
    exact = [one for one in group.counting if not one.sign and one.value is not None]
    if len(exact) < 3 or (group.scale == "log" and len(exact) != len(group.values)):
        return ()
    return tuple(one for one, far in zip(exact, far_off(group.values)) if far)
