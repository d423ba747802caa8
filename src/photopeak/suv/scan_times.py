"""When a PET image was acquired, when the tracer was given, and to which moment the voxels were corrected for decay.

Headers give dates in some places and times without a date in others. A time without a date takes that of the series; an
acquisition much earlier than its series began after midnight, and an injection later than the scan was given the day before.
The moment of decay correction is sought by every route that the header offers, so that they can be compared.
"""

from __future__ import annotations

import datetime
import math
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DAY = datetime.timedelta(days=1)
HALF_DAY = DAY / 2
NO_DATE = datetime.date(1970, 1, 1)  # stands for a date nobody wrote; only differences are used
EARLIEST_YEAR = 1950  # anonymisers write the year 1 or 1900


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanTimes:
    """Local moments. `acquired` and `durations_s` are one a slice (or empty); `dated`: the images carry a true date."""

    series: datetime.datetime | None
    acquired: tuple[datetime.datetime, ...]
    durations_s: tuple[float, ...]
    dated: bool

    @property
    def earliest(self) -> datetime.datetime | None:
        return min(self.acquired, default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """The moment the voxels were decay-corrected to: by the chosen `route`, and by every other one the header offers."""

    moment: datetime.datetime
    route: str
    routes: Mapping[str, datetime.datetime]
    spread_s: float


def _read(written: object) -> datetime.datetime | datetime.time | None:
    try:
        text = str(written)
        if "T" not in text:
            return datetime.time.fromisoformat(text)
        moment = datetime.datetime.fromisoformat(text)
        return moment if moment.year >= EARLIEST_YEAR else moment.time()
    except ValueError:
        return None


def _date_of(*written: object) -> datetime.date | None:
    found = (_read(one) for one in written if one)
    return next((one.date() for one in found if isinstance(one, datetime.datetime)), None)


def _on(found: datetime.datetime | datetime.time | None, date: datetime.date) -> datetime.datetime | None:
    return datetime.datetime.combine(date, found) if isinstance(found, datetime.time) else found


def scan_times(header: Mapping[str, Any]) -> ScanTimes:
    """Series and acquisition times of a header as the reader gives it."""
    acquired = tuple(header.get("acquisition_times", ()))
    first = acquired[0] if acquired else header.get("acquisition_time")
    date = _date_of(header.get("series_time"), *acquired, header.get("acquisition_time"), header.get("study_time"))
    disagree = "SeriesTime" in header.get("disagreeing", ())
    series = None if disagree else _on(_read(header.get("series_time")), date or NO_DATE)
    moments = [_on(_read(one), date or NO_DATE) for one in acquired or (() if first is None else (first,))]
    known = [_after_midnight(one, series) for one in moments if one is not None]
    return ScanTimes(
        series=series,
        acquired=tuple(known) if len(known) == len(moments) else (),
        durations_s=tuple(ms / 1000 for ms in header.get("frame_durations_ms", ())),
        dated=date is not None,
    )


def _after_midnight(moment: datetime.datetime, series: datetime.datetime | None) -> datetime.datetime:
    """An acquisition long before its series, on the same date, was of the next day; one dated a day before was processed later."""
    if series is None or series - moment <= HALF_DAY or moment.date() != series.date():
        return moment
    return moment + DAY


def injection(header: Mapping[str, Any], times: ScanTimes, before: datetime.datetime) -> tuple[datetime.datetime, str] | None:
    """When the tracer was given, and from which element: `datetime`, or `time` with the date of the scan or the day before."""
    whole = _read(header.get("injection_datetime"))
    if isinstance(whole, datetime.datetime) and times.dated:
        return whole, "datetime"
    clock = whole.time() if isinstance(whole, datetime.datetime) else whole
    clock = clock or _clock(header.get("injection_time"))
    if clock is None:
        return None
    moment = datetime.datetime.combine(before.date(), clock)
    return (moment - DAY if moment > before else moment), "time"


def injection_disagreement_s(header: Mapping[str, Any]) -> float:
    """Between the injection's time with a date and the one without, seconds round the clock; 0 where one is missing."""
    clocks = [_clock(header.get(name)) for name in ("injection_datetime", "injection_time")]
    moments = [datetime.datetime.combine(NO_DATE, one) for one in clocks if one is not None]
    if len(moments) < 2:
        return 0.0
    seconds = abs((moments[0] - moments[1]).total_seconds())
    return min(seconds, DAY.total_seconds() - seconds)


def _clock(written: object) -> datetime.time | None:
    found = _read(written)
    return found.time() if isinstance(found, datetime.datetime) else found


def mean_activity_delay_s(decay_constant: float, duration_s: float) -> float:
    """After the start of a frame, when the activity equals its mean over the frame."""
    exponent = decay_constant * duration_s
    if exponent < 1e-9:
        return duration_s / 2
    return math.log(exponent / -math.expm1(-exponent)) / decay_constant


def reference_time(header: Mapping[str, Any], times: ScanTimes, decay_constant: float, vendor: str = "") -> Reference | None:
    """The start that DecayCorrection START means, or None where the header does not determine it.

    In this order: the moment an enhanced object states; the series time unless it is later than the first acquisition (then
    the series was processed later); GE's scan time; acquisition plus the delay of the mean activity minus Frame Reference
    Time; Siemens' decay time.
    """
    routes: dict[str, datetime.datetime] = {}
    day = (times.series or times.earliest or datetime.datetime.combine(NO_DATE, datetime.time())).date()
    stated = _on(_read(header.get("decay_correction_datetime")), day)
    private = {name: _on(_read(header.get(name)), day) for name in ("ge_scan_time", "siemens_decay_time")}
    framed = _framed(header, times, decay_constant)
    if stated is not None:
        routes["decay_correction_datetime"] = stated
    # where an object states the moment itself, the series time, which merely ought to be it, proves nothing
    if stated is None and times.series is not None and (times.earliest is None or times.series <= times.earliest):
        routes["series_time"] = times.series
    if private["ge_scan_time"] is not None:
        routes["ge_scan_time"] = private["ge_scan_time"]
    if framed:
        routes["frame_reference_time"] = _middle(framed)
    if private["siemens_decay_time"] is not None:
        routes["siemens_decay_time"] = private["siemens_decay_time"]
    if not routes:
        return None
    chosen = next(iter(routes))
    if factored := _factored(header, times, decay_constant):
        routes["decay_factor"] = _middle(factored)
    moments = [one for name, one in routes.items() if name not in ("frame_reference_time", "decay_factor")]
    moments += _as_counted_by(vendor, header, times, framed, routes[chosen]) + factored
    spread = (max(moments) - min(moments)).total_seconds()
    return Reference(moment=routes[chosen], route=chosen, routes=routes, spread_s=spread)


def _middle(moments: list[datetime.datetime]) -> datetime.datetime:
    return statistics.median_low(moments)


def _framed(header: Mapping[str, Any], times: ScanTimes, decay_constant: float) -> list[datetime.datetime]:
    references = header.get("frame_reference_times_ms", ())
    if not (len(references) == len(times.acquired) == len(times.durations_s)):
        return []
    return [
        start + datetime.timedelta(seconds=mean_activity_delay_s(decay_constant, duration) - reference / 1000)
        for start, duration, reference in zip(times.acquired, times.durations_s, references)
    ]


def _as_counted_by(
    vendor: str,
    header: Mapping[str, Any],
    times: ScanTimes,
    framed: list[datetime.datetime],
    chosen: datetime.datetime,
) -> list[datetime.datetime]:
    """The frame reference route for comparison; GE counts to the start of the frame, so there the nearer reading is taken."""
    if not vendor.upper().startswith("GE") or not framed:
        return framed
    starts = [
        start - datetime.timedelta(milliseconds=reference)
        for start, reference in zip(times.acquired, header["frame_reference_times_ms"])
    ]
    return min((framed, starts), key=lambda moments: abs((_middle(moments) - chosen).total_seconds()))


def _factored(header: Mapping[str, Any], times: ScanTimes, decay_constant: float) -> list[datetime.datetime]:
    """From Decay Factor, which corrects the mean of a frame to the reference; 1 is what writers put who do not know it."""
    factors = header.get("decay_factors", ())
    if not (len(factors) == len(times.acquired) == len(times.durations_s)) or min(factors, default=0.0) <= 1.0:
        return []
    return [
        start + datetime.timedelta(seconds=mean_activity_delay_s(decay_constant, duration) - math.log(factor) / decay_constant)
        for start, duration, factor in zip(times.acquired, times.durations_s, factors)
    ]
