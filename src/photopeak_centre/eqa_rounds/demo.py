"""The demonstration's round: eighteen laboratories, made-up results with three known troubles, scored by the library."""

from __future__ import annotations

import datetime
import random
from collections.abc import Sequence
from typing import Any

from photopeak_centre.eqa_rounds.keeping import keep_round
from photopeak_centre.eqa_rounds.models import Round
from photopeak_centre.hospitals.models import Organisation

#: name, Chinese name, unit, true values of the three samples, allowable error in per cent
ANALYTES = (
    ("TSH", "促甲状腺激素", "mIU/L", (0.82, 4.6, 18.3), 25),
    ("FT3", "游离三碘甲腺原氨酸", "pmol/L", (3.9, 7.8, 15.2), 25),
    ("FT4", "游离甲状腺素", "pmol/L", (11.4, 19.6, 38.0), 25),
    ("AFP", "甲胎蛋白", "ng/mL", (8.1, 46.0, 210.0), 25),
    ("CEA", "癌胚抗原", "ng/mL", (2.6, 12.4, 55.0), 25),
    ("Tg", "甲状腺球蛋白", "ng/mL", (1.4, 22.0, 96.0), 30),
)
LABORATORIES = 18
#: laboratory -> (analyte, factor of all its samples): a calibrator that was off
BIASED = {4: ("FT4", 1.42), 11: ("Tg", 0.58)}
#: laboratory -> analyte whose first two samples were exchanged
EXCHANGED = {8: "AFP"}


def scheme_text(year: int) -> str:
    parts = [
        f'[scheme]\nname = "Immunoassay, thyroid and tumour markers (made up)"\nname_zh = "体外免疫分析：甲状腺与肿瘤标志物（虚构）"\n'
        f'round = "{year}-1"\nsatisfactory_percent = 80\n'
    ]
    parts += [
        f'[[analyte]]\nname = "{name}"\nnames = ["{zh}"]\nunit = "{unit}"\nallowable = {{ kind = "percent", percent = {allowed} }}\n'
        for name, zh, unit, _, allowed in ANALYTES
    ]
    parts += [f'[[sample]]\nname = "S{n}"\n' for n in (1, 2, 3)]
    parts += [f'[[laboratory]]\ncode = "L{n + 1:02}"\n' for n in range(LABORATORIES)]
    return "\n".join(parts)


def results_table(seed: int = 18) -> bytes:
    """What the laboratories returned: 4 % within and 4 % between laboratories, and the troubles above."""
    chance = random.Random(seed)
    lines = ["laboratory,analyte,sample,value,unit,method"]
    for laboratory in range(LABORATORIES):
        for name, _, unit, truths, _ in ANALYTES:
            own = chance.gauss(1.0, 0.04)
            values = [truth * own * chance.gauss(1.0, 0.04) for truth in truths]
            if BIASED.get(laboratory, ("", 0))[0] == name:
                values = [value * BIASED[laboratory][1] for value in values]
            if EXCHANGED.get(laboratory) == name:
                values[0], values[1] = values[1], values[0]
            method = "CLIA" if laboratory % 3 else "RIA"
            lines += [f"L{laboratory + 1:02},{name},S{n},{value:.3g},{unit},{method}" for n, value in enumerate(values, 1)]
    return ("\n".join(lines) + "\n").encode()


def make_round(year: int, hospitals: Sequence[Organisation], *, campaign: Any = None, by: Any = None) -> Round:
    """The round of the first half-year, scored. `hospitals`: the first eighteen take part."""
    whose = {f"L{n + 1:02}": hospital for n, hospital in enumerate(hospitals[:LABORATORIES])}
    return keep_round(scheme_text(year), results_table(), whose, closed_on=datetime.date(year, 5, 22), campaign=campaign, by=by)
