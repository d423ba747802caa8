"""The demonstration's monthly forms: thirty-four hospitals, six months, with the slips that data have."""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence

from photopeak_centre.hospitals.models import Organisation
from photopeak_centre.indicators.models import Monthly

#: code -> injections or reports a month of a middling hospital, true share; NM-03 is stated once a half-year
SHARES = {"NM-01": (60, 0.018), "NM-02": (11, 0.94), "NM-06": (5, 0.68), "NM-08": (3, 0.92)}
RUNS = 6  #: items of immunoassay that a laboratory runs and for which there is a round
FEW = {"NM-02": 3, "NM-06": 2, "NM-08": 2}  #: every third (second) hospital does this at all
LATE, SLIPPED, LOW = 7, 12, 20  #: hospitals that left out a month, wrote more than the total, do worse than the rest


def make_forms(year: int, hospitals: Sequence[Organisation], laboratories: Sequence[Organisation], *, seed: int = 5) -> int:
    """January to June of that year; returns how many counts were stated."""
    chance = random.Random(seed)
    rows = []
    for n, hospital in enumerate(hospitals):
        size = chance.uniform(0.5, 1.7)
        for code, (monthly, share) in SHARES.items():
            if n % FEW.get(code, 1):
                continue
            own = 0.09 if n == LOW and code == "NM-01" else share
            for month in range(1, 7):
                if n == LATE and month == 4:
                    continue
                of = max(1, round(monthly * size * chance.uniform(0.85, 1.15)))
                part = sum(chance.random() < own for _ in range(of))
                if n == SLIPPED and code == "NM-01" and month == 3:
                    part = of + 2
                rows.append(_row(hospital, year, month, code, part, of))
    for n, laboratory in enumerate(laboratories):
        rows.append(_row(laboratory, year, 6, "NM-03", RUNS, RUNS + (n % 5 == 4)))
    Monthly.objects.bulk_create(rows)
    return len(rows)


def _row(hospital: Organisation, year: int, month: int, code: str, n: int, of: int) -> Monthly:
    return Monthly(organisation=hospital, month=datetime.date(year, month, 1), code=code, numerator=n, denominator=of)
