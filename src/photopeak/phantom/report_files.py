"""Fictitious reports of known truth as text files, with truth.json beside them."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated

from photopeak.phantom.report_text import KINDS, STYLES, SUITS, report_text
from photopeak.words import Words


def report_text_files(
    out: Path,
    *,
    seed: int = 0,
    count: Annotated[int, Words("number of reports", "报告份数")] = 36,
    left_out: Annotated[float, Words("share of elements left out", "缺失要素比例")] = 0.1,
    defects: Annotated[float, Words("share of reports with a planted contradiction", "植入矛盾的报告比例")] = 0.25,
    encoding: Annotated[str, Words("utf-8 or gb18030", "编码：utf-8 或 gb18030")] = "utf-8",
) -> tuple[Path, ...]:
    """`count` fictitious reports in all styles and kinds, every few with one planted contradiction; truth.json tells which."""
    out.mkdir(parents=True, exist_ok=True)
    truth, written = {}, []
    every = round(1 / defects) if defects > 0 else 0
    for number in range(count):
        style, kind = STYLES[number % len(STYLES)], KINDS[(number // len(STYLES)) % len(KINDS)]
        suitable = sorted(code for code, kinds in SUITS.items() if kind in kinds)
        planted = suitable[(number // every) % len(suitable)] if every and number % every == every - 1 else ""
        text, told = report_text(seed=seed + number, style=style, kind=kind, left_out=left_out, defect=planted)
        path = out / f"{number + 1:05d}.txt"
        path.write_bytes(text.encode(encoding))
        truth[path.name] = dataclasses.asdict(told)
        written.append(path)
    (out / "truth.json").write_text(json.dumps(truth, ensure_ascii=False, indent=1), "utf-8")
    return (*written, out / "truth.json")
