"""A round of one phantom: what goes to the hospitals, the sheet they fill in, and the sealed truth that stays with the centre."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from photopeak.phantom.catalogue import CATALOGUE
from photopeak.procedure import roll

NOT_ASKED = {"seed", "phantom"}
ANSWERS = ("laboratory", "quantity", "place", "unit", "value", "uncertainty")
TRUTHS = ("quantity", "place", "unit", "truth", "truth_uncertainty", "allowable_percent")


class NothingAskedError(ValueError):
    """The phantom knows no number of that name."""


def make_exercise(
    name: str,
    out: Path,
    *,
    seed: int = 0,
    quantities: Sequence[str] = (),
    allowable_percent: float | None = None,
    **options: Any,
) -> tuple[Path, Path, Path]:
    """Write `to_hospitals/` (the phantom without its truth, and answers.csv), and `sealed/truth.csv` with truth.json.

    `quantities`: the numbers of the phantom's truth that are asked for; all of them by default. Returns both folders and the sheet.
    """
    sent, sealed = out / "to_hospitals", out / "sealed"
    sealed.mkdir(parents=True, exist_ok=True)
    CATALOGUE[name](sent, seed=seed, **options)
    truth_file = sealed / "truth.json"
    (sent / "truth.json").replace(truth_file)
    known = dict(_numbers(json.loads(truth_file.read_text("utf-8"))))
    asked = {key: value for key, value in known.items() if not quantities or key[0] in quantities}
    absent = sorted(set(quantities) - {key[0] for key in known})
    if absent or not asked:
        names = ", ".join(sorted({key[0] for key in known}))
        raise NothingAskedError(f"{name}: no truth named {', '.join(absent) or 'anything'}; it knows {names}")
    units = {quantity.name: quantity.unit for entry in roll().values() for quantity in entry.quantities}
    sheet = sent / "answers.csv"
    _write(sheet, ANSWERS, [{"quantity": q, "place": p, "unit": units.get(q, "")} for q, p in asked])
    rows = [
        {
            "quantity": q,
            "place": p,
            "unit": units.get(q, ""),
            "truth": repr(value),
            "allowable_percent": _said(allowable_percent),
        }
        for (q, p), value in asked.items()
    ]
    _write(sealed / "truth.csv", TRUTHS, rows)
    return sent, sealed, sheet


def _said(number: float | None) -> str:
    return "" if number is None else f"{number:g}"


def _numbers(truth: Mapping[str, Any], above: str = "") -> list[tuple[tuple[str, str], float]]:
    """Every number of a truth.json as (quantity, place): the first key is the quantity, those below it the place."""
    found: list[tuple[tuple[str, str], float]] = []
    for key, value in truth.items():
        if not above and key in NOT_ASKED:
            continue
        name, _, place = f"{above}/{key}".strip("/").partition("/")
        if isinstance(value, bool):
            continue
        if isinstance(value, (int, float)):
            found.append(((name, place), float(value)))
        elif isinstance(value, dict):
            found += _numbers(value, f"{above}/{key}".strip("/"))
        elif isinstance(value, list):
            found += _numbers({str(n): one for n, one in enumerate(value, 1)}, f"{above}/{key}".strip("/"))
    return found


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)
