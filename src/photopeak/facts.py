"""What headers do not hold: FACTS.toml, globally or under ["series:UID"] / ["file:name"]."""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from photopeak.evidence import Evidence
from photopeak.words import Words

NUMBER, NUMBERS, TEXT, TIME = "number", "list of numbers", "text", "date and time"

FACTS: dict[str, str] = {
    "phantom": TEXT,
    "ufov_mm": NUMBERS,
    "activity_mbq": NUMBER,
    "assayed_at": TIME,
    "residual_mbq": NUMBER,
    "residual_at": TIME,
    "background_of": TEXT,
    "sphere_to_background": NUMBER,
    "sphere_bq_per_ml": NUMBER,
    "background_bq_per_ml": NUMBER,
    "volume_ml": NUMBER,
    "elapsed_s": NUMBER,
    "line_separation_mm": NUMBER,
    "slit_spacing_mm": NUMBER,
    "bar_widths_mm": NUMBERS,
    "rod_widths_mm": NUMBERS,
    "weight_kg": NUMBER,
    "height_cm": NUMBER,
    "glucose_mmol_l": NUMBER,
    "collimator": TEXT,
    "distance_mm": NUMBER,
    "scan_speed_cm_per_min": NUMBER,
    "nuclide": TEXT,
    "detector": NUMBER,
    "earl": NUMBER,
}


class FactsError(Exception):
    """The facts file cannot be used as it stands."""

    def __init__(self, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = Words(en, zh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Facts for everything, for a series (by UID) and for a file (by name); the narrower one wins."""

    everywhere: Mapping[str, Any] = field(default_factory=dict)
    series: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    file: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def added_to(self, evidence: Evidence) -> Evidence:
        facts = {**self.everywhere, **self.series.get(evidence.series_uid or "", {})}
        for one in evidence.files:
            facts |= self.file.get(Path(one.path).name, {})
        return replace(evidence, facts={**evidence.facts, **facts}) if facts else evidence


def load_facts(path: Path) -> Facts:
    """Read and check a facts file. An unknown name or a value of the wrong kind is an error that says what is known."""
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FactsError(
            en=f"{path.name}: the facts file cannot be read ({error}); give a TOML file in UTF-8",
            zh=f"{path.name}：无法读取补充信息文件（{error}）。请提供 UTF-8 编码的 TOML 文件。",
        ) from error
    everywhere: dict[str, Any] = {}
    narrower: dict[str, dict[str, dict[str, Any]]] = {"series": {}, "file": {}}
    for key, value in document.items():
        scope, colon, name = key.partition(":")
        if colon and scope in narrower and isinstance(value, dict):
            narrower[scope][name] = {k: _fact(path.name, k, v) for k, v in value.items()}
        else:
            everywhere[key] = _fact(path.name, key, value)
    return Facts(everywhere=everywhere, series=narrower["series"], file=narrower["file"])


def _fact(place: str, name: str, value: Any) -> Any:
    if name not in FACTS:
        known = ", ".join(FACTS)
        raise FactsError(
            en=f'{place}: "{name}" is not a known fact; the names are {known}',
            zh=f"{place}：没有名为“{name}”的补充信息。可用名称：{known}",
        )
    kind = FACTS[name]
    right = {
        NUMBER: _is_number(value),
        NUMBERS: isinstance(value, list) and bool(value) and all(_is_number(one) for one in value),
        TEXT: isinstance(value, str),
        TIME: isinstance(value, datetime.datetime),
    }[kind]
    if not right:
        raise FactsError(
            en=f'{place}: "{name}" must be a {kind}, not {value!r}',
            zh=f"{place}：“{name}”的取值 {value!r} 类型不对，应为 {_KIND_ZH[kind]}。",
        )
    if name == "ufov_mm" and (len(value) != 2 or min(value) <= 0):
        raise FactsError(
            en=f"{place}: ufov_mm is [rows, columns] in mm, for example [387.0, 533.0]",
            zh=f"{place}：ufov_mm 应为 [行方向, 列方向]，单位 mm，例如 [387.0, 533.0]。",
        )
    return value


_KIND_ZH = {NUMBER: "数字", NUMBERS: "数字列表", TEXT: "文本", TIME: "日期时间（如 2026-05-14T10:22:00）"}


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
