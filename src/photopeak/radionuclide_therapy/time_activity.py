"""From samples of activity to a time-integrated activity: which curve, how large it may be wrong, and when to refuse.

A curve is a candidate only where Akaike's corrected criterion is defined (n - k - 1 > 0): four samples for one exponential, five for
uptake and washout, six for two phases of washout. With fewer samples one exponential is assumed, and that is said. The form of the
curve is uncertain too: by the spread of the candidates, weighted by their likelihood, and by at least FORM where fewer than
six samples leave nothing to tell a wrong form by.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from photopeak.radionuclide_therapy.time_activity_models import (
    MODELS,
    MONO,
    Fit,
    Model,
    Samples,
    corrected_criterion,
    descend,
    fit,
)

Floats = npt.NDArray[np.float64]

FORM = 0.10  #: standard uncertainty of the form where it cannot be told: 8-10 % median bias of one exponential on other curves
DRAWS = 20_000
SIGNS_OF_MORE = 2.0  #: standard uncertainties by which a rate must lie below the physical one to be impossible


@dataclass(frozen=True, slots=True, kw_only=True)
class Integral:
    """A time-integrated activity (unit of the samples x h) and what it is uncertain by, each a standard uncertainty.

    `u_linear` and `u_monte_carlo` (half of the interval that holds 68.27 % of the draws) speak of the samples; both are None
    where nothing tells the scatter. `u_form` speaks of the curve. `beyond`: the share of the area after the last sample.
    """

    fit: Fit
    value: float
    u_linear: float | None
    u_monte_carlo: float | None
    u_form: float
    beyond: float
    chosen_by: str  #: "criterion", or "assumed" where too few samples leave no choice
    criteria: dict[str, float]

    @property
    def u(self) -> float | None:
        """All of it together: the larger of the two statements about the samples, and the form."""
        stated = [one for one in (self.u_linear, self.u_monte_carlo) if one is not None]
        return math.hypot(max(stated), self.u_form) if stated else None

    @property
    def rate(self) -> tuple[float, float | None]:
        """Decay constant of the last phase in 1/h, and its standard uncertainty."""
        return slowest(self.fit)


def integrate(samples: Samples, physical: float, draws: int = DRAWS) -> Integral:
    """The integral from 0 to infinity of the best candidate. `physical`: decay constant of the nuclide in 1/h, 0 if unknown."""
    n = samples.time_h.size
    fits = [fit(model, samples, physical) for model in MODELS if n - model.parameters - 1 > 0]
    judged = {one.model.name: corrected_criterion(one, samples) for one in fits}
    criteria = {name: value for name, value in judged.items() if value is not None}
    best = min(fits, key=lambda one: criteria[one.model.name]) if fits else fit(MONO, samples, physical)
    value, slopes = best.area()
    variance = None if best.covariance is None else float(slopes @ best.covariance @ slopes)
    return Integral(
        fit=best,
        value=value,
        u_linear=None if variance is None else math.sqrt(max(variance, 0.0)),
        u_monte_carlo=_monte_carlo(best, samples, draws),
        u_form=_form(best, fits, criteria, value),
        beyond=best.area(float(samples.time_h[-1]))[0] / value,
        chosen_by="criterion" if fits else "assumed",
        criteria=criteria,
    )


def _form(best: Fit, fits: list[Fit], criteria: dict[str, float], value: float) -> float:
    least = criteria.get(best.model.name, 0.0)
    weights = np.array([math.exp(-min(criteria[one.model.name] - least, 1400.0) / 2) for one in fits] or [1.0])
    areas = np.array([one.area()[0] for one in fits] or [value])
    spread = math.sqrt(float((weights * (areas - value) ** 2).sum() / weights.sum()))
    return spread if len(fits) == len(MODELS) else max(spread, FORM * value)


def _monte_carlo(best: Fit, samples: Samples, draws: int) -> float | None:
    """From repetitions with the scatter of the samples about the fitted curve, each fitted again (fixed seed)."""
    curve = best.values(samples.time_h)
    if samples.u is not None:
        scatter = samples.u
    elif samples.time_h.size > best.model.parameters:
        scatter = samples.activity * math.sqrt(best.squares / (samples.time_h.size - best.model.parameters))
    else:
        return None
    noise = np.random.default_rng(0).standard_normal((samples.time_h.size, draws))
    p = np.repeat(best.p[:, None], draws, axis=1)
    ends, _ = descend(best.model, samples, best.physical, p, curve[:, None] + scatter[:, None] * noise)
    areas, _ = best.model.area(0.0, ends, best.physical)
    low, high = np.quantile(areas, (0.158655, 0.841345))
    return float(high - low) / 2


def slowest(found: Fit) -> tuple[float, float | None]:
    """Decay constant of the last phase in 1/h, and its standard uncertainty where the covariance is known."""
    model: Model = found.model
    first = 1 if model.parameters < 4 else 2
    places = range(first, first + 1) if model.parameters < 4 else range(2, 4)
    place = min(places, key=lambda index: found.p[index])
    excess = float(np.exp(found.p[place]))
    u = None if found.covariance is None else excess * math.sqrt(max(float(found.covariance[place, place]), 0.0))
    return found.physical + excess, u


def slower_than_decay(samples: Samples, found: Fit, physical: float) -> float | None:
    """The half-life in h that the samples themselves show, where it exceeds the physical one beyond its uncertainty; else None."""
    free = fit(found.model, samples, 0.0)
    rate, u = slowest(free)
    if rate + SIGNS_OF_MORE * (u or 0.0) < physical * (1 - 1e-6):
        return math.log(2) / rate
    return None


def single_time_point(activity: float, time_h: float) -> float:
    """Activity x 2 t / ln 2 (Haenscheid 2018): right within 12 % where the effective half-life is between 0.4 and 1.33 t."""
    return activity * 2 * time_h / math.log(2)
