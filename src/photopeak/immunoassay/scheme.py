"""The protocol of an EQA scheme as one TOML document, frozen and hashed before results open.

Frozen are the analytes with their units, the estimator, the grouping rule, the least number of results, the allowable errors with
their boundary rule, and the sealed targets. The lists that only help to fill in a template (laboratories, kits) may still grow.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, get_args

from photopeak.criterion import shipped_criteria
from photopeak.immunoassay.allowable_error import AllowableError, AllowableErrorError, declared, from_standard
from photopeak.immunoassay.consensus import ESTIMATORS, FEWEST_FOR_CONSENSUS
from photopeak.immunoassay.results_table import Catalogue, Declared
from photopeak.immunoassay.round_targets import Grouping, Rule, Scale
from photopeak.immunoassay.units import spelled
from photopeak.words import Words

SECTIONS = {"scheme", "rule", "allowable", "analyte", "sample", "factor", "laboratory", "method", "instrument", "kit"}
HELPERS = {"laboratory", "method", "instrument", "kit"}  #: lists for the template, no part of what is frozen
ANALYTE_KEYS = {"name", "names", "loinc", "unit", "scale", "sigma_pt", "allowable", "estimators", "grouping", "fewest", "group"}
SAMPLE_KEYS = {"name", "analyte", "target", "uncertainty", "lower", "upper"}
RULE_KEYS = {"estimators", "grouping", "scale", "fewest"}
SCHEME_KEYS = {"name", "name_zh", "organiser", "round", "due", "satisfactory_percent", "z_action"}


class SchemeError(Exception):
    """A scheme file cannot be used as it stands, or is not the one that was frozen; `code` for the page that shows it."""

    def __init__(self, code: str, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.code = code
        self.words = Words(en, zh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Analyte:
    """One analyte of the scheme. `names`: other names that laboratories may use; `group`: the page of the report it is on."""

    name: str
    names: tuple[str, ...] = ()
    loinc: str = ""
    unit: str = ""
    group: str = ""
    sigma_pt: float | None = None
    allowable: AllowableError | None = None
    rule: Rule = field(default_factory=Rule)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme:
    """A protocol as it is applied. `sealed` targets by (analyte, sample); `protocol` is the frozen part as canonical JSON."""

    name: Words
    organiser: str
    round: str
    due: str
    analytes: tuple[Analyte, ...]
    samples: tuple[str, ...]
    sealed: Mapping[tuple[str, str], Declared]
    factors: Mapping[tuple[str, str, str], Decimal]
    laboratories: tuple[str, ...]
    analysers: Mapping[str, tuple[str, ...]]  #: of a laboratory that has several
    analytes_of_samples: Mapping[str, tuple[str, ...]]  #: empty for a sample of every analyte
    methods: tuple[str, ...]
    instruments: tuple[str, ...]
    kits: tuple[str, ...]
    satisfactory_percent: float | None
    z_action: float | None
    protocol: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.protocol.encode("utf-8")).hexdigest()

    @property
    def catalogue(self) -> Catalogue:
        return Catalogue(
            names={name: one.name for one in self.analytes for name in (one.name, *one.names)},
            units={one.name: one.unit for one in self.analytes},
            factors=self.factors,
        )

    def samples_of(self, analyte: str) -> tuple[str, ...]:
        """The samples in which an analyte is to be measured; one without a name where the scheme names none."""
        if not self.samples:
            return ("",)
        wanted = self.analytes_of_samples
        return tuple(one for one in self.samples if not wanted.get(one) or analyte in wanted[one])

    def analyte(self, name: str) -> Analyte | None:
        return next((one for one in self.analytes if name == one.name or name in one.names), None)


def parse_scheme(text: str, name: str = "scheme.toml") -> Scheme:
    """Read a scheme from its TOML text; `name` is for the messages. Raises SchemeError with what to correct."""
    try:
        document = tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise SchemeError(
            "not_a_scheme",
            en=f"{name}: not a TOML scheme ({error}); give a scheme file, as --scheme @scheme.toml, see docs/eqa.md",
            zh=f"{name}：不是 TOML 方案文件（{error}）。请提供方案文件（--scheme @scheme.toml），示例见 docs/eqa.zh.md。",
        ) from error
    _only(document, SECTIONS, name)
    head = dict(document.get("scheme", {}))
    _only(head, SCHEME_KEYS, f"{name} [scheme]")
    rule = dict(document.get("rule", {}))
    _only(rule, RULE_KEYS, f"{name} [rule]")
    analytes = tuple(
        _analyte(dict(row), rule, document.get("allowable"), f"{name} [[analyte]] {n}")
        for n, row in enumerate(document.get("analyte", ()), 1)
    )
    sealed, samples = _samples(document.get("sample", ()), analytes, name)
    frozen = {key: value for key, value in document.items() if key not in HELPERS}
    return Scheme(
        name=Words(str(head.get("name", "EQA")), str(head.get("name_zh", head.get("name", "室间质量评估")))),
        organiser=str(head.get("organiser", "")),
        round=str(head.get("round", "")),
        due=str(head.get("due", "")),
        analytes=analytes,
        samples=samples,
        sealed=sealed,
        factors={
            (str(row.get("analyte", "")), spelled(str(row["from"])), spelled(str(row["to"]))): Decimal(str(row["factor"]))
            for row in document.get("factor", ())
        },
        laboratories=_listed(document, "laboratory"),
        analysers=_analysers(document),
        analytes_of_samples=_analytes_of_samples(document.get("sample", ())),
        methods=_listed(document, "method"),
        instruments=_listed(document, "instrument"),
        kits=_listed(document, "kit"),
        satisfactory_percent=_number(head.get("satisfactory_percent")),
        z_action=_number(head.get("z_action")),
        protocol=canonical_json(frozen),
    )


def canonical_json(document: Mapping[str, Any]) -> str:
    """One text for one content: keys sorted, numbers as values (25 and 25.0 are the same limit)."""
    return json.dumps(_plain(document), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def changed_keys(frozen: str, now: str) -> tuple[str, ...]:
    """The places in which two canonical protocols differ, for the message of a refusal."""
    return tuple(_differences(json.loads(frozen), json.loads(now), ""))


def _differences(old: Any, new: Any, path: str) -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted(set(old) | set(new))
        return [one for key in keys for one in _differences(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new), 1)
        return [one for n, (before, after) in pairs for one in _differences(before, after, f"{path}[{n}]")]
    return [] if old == new else [path or "scheme"]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, (int, float, Decimal)):
        return format(Decimal(str(value)).normalize(), "f")
    return str(value)


def _only(values: Mapping[str, Any], known: set[str], place: str) -> None:
    unknown = sorted(set(values) - known)
    if unknown:
        raise SchemeError(
            "unknown_key",
            en=f"{place}: {', '.join(unknown)} is not known here; the names are {', '.join(sorted(known))}",
            zh=f"{place}：没有名为 {'、'.join(unknown)} 的字段。可用名称：{'、'.join(sorted(known))}。",
        )


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _listed(document: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """`laboratory = ["A", "B"]` or `[[laboratory]] code = "A"`."""
    return tuple(
        str(one.get("code", one.get("name", ""))) if isinstance(one, dict) else str(one) for one in document.get(key, ())
    )


def _analysers(document: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """`[[laboratory]] code = "A", analysers = ["X1", "Y2"]`."""
    rows = [one for one in document.get("laboratory", ()) if isinstance(one, dict) and one.get("analysers")]
    return {str(one.get("code", one.get("name", ""))): tuple(str(name) for name in one["analysers"]) for one in rows}


def _analytes_of_samples(rows: Any) -> dict[str, tuple[str, ...]]:
    """A sample that one row names without an analyte is of every analyte."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(str(row.get("name", "")), []).append(str(row.get("analyte", "")))
    return {name: () if "" in analytes else tuple(dict.fromkeys(analytes)) for name, analytes in found.items()}


def _analyte(row: dict[str, Any], shared: dict[str, Any], allowable: Any, place: str) -> Analyte:
    _only(row, ANALYTE_KEYS, place)
    if not row.get("name"):
        raise SchemeError("no_name", en=f"{place}: an analyte needs a name", zh=f"{place}：分析物须有名称。")
    merged = {**shared, **{key: row[key] for key in RULE_KEYS if key in row}}
    return Analyte(
        name=str(row["name"]),
        names=tuple(str(one) for one in row.get("names", ())),
        loinc=str(row.get("loinc", "")),
        unit=spelled(str(row.get("unit", ""))),
        group=str(row.get("group", "")),
        sigma_pt=_number(row.get("sigma_pt")),
        allowable=_allowable(row.get("allowable", allowable), str(row["name"]), place),
        rule=_rule(merged, place),
    )


def _rule(values: Mapping[str, Any], place: str) -> Rule:
    estimators = tuple(str(one) for one in values.get("estimators", ("algorithm_a",)))
    grouping, scale = str(values.get("grouping", "auto")), str(values.get("scale", "linear"))
    fewest = int(values.get("fewest", FEWEST_FOR_CONSENSUS))
    wrong = [one for one in estimators if one not in ESTIMATORS]
    wrong += [] if grouping in get_args(Grouping) else [grouping]
    wrong += [] if scale in get_args(Scale) else [scale]
    wrong += [] if fewest >= FEWEST_FOR_CONSENSUS else [f"fewest = {fewest}"]
    if wrong:
        choices = f"{', '.join(ESTIMATORS)}; {', '.join(get_args(Grouping))}; {', '.join(get_args(Scale))}"
        raise SchemeError(
            "unknown_rule",
            en=f"{place}: {', '.join(wrong)} cannot be used; choose among {choices}; fewest is at least {FEWEST_FOR_CONSENSUS}",
            zh=f"{place}：{'、'.join(wrong)} 不可用；可选 {choices}；最少结果数不得低于 {FEWEST_FOR_CONSENSUS}。",
        )
    return Rule(estimators=estimators, grouping=grouping, scale=scale, fewest=fewest)  # type: ignore[arg-type]


def _allowable(value: Any, analyte: str, place: str) -> AllowableError | None:
    """A declared allowable error, or the one that a shipped programme publishes (`{ programme = "nccl-2026" }`)."""
    if value is None:
        return None
    if "programme" in value:
        found = from_standard(shipped_criteria(), str(value["programme"]), analyte)
        if found is None:
            raise SchemeError(
                "no_published_limit",
                en=f"{place}: {value['programme']} publishes no allowable error for {analyte}; declare one in the scheme",
                zh=f"{place}：{value['programme']} 未给出 {analyte} 的允许总误差，请在方案中声明。",
            )
        return found
    try:
        return declared(value)
    except AllowableErrorError as error:
        raise SchemeError("allowable", en=f"{place}: {error.words.en}", zh=f"{place}：{error.words.zh}") from error


def _samples(rows: Any, analytes: tuple[Analyte, ...], name: str) -> tuple[dict[tuple[str, str], Declared], tuple[str, ...]]:
    sealed: dict[tuple[str, str], Declared] = {}
    samples: list[str] = []
    for n, row in enumerate(rows, 1):
        _only(row, SAMPLE_KEYS, f"{name} [[sample]] {n}")
        sample = str(row.get("name", ""))
        samples += [] if sample in samples else [sample]
        if row.get("target") is None:
            continue
        of = [str(row["analyte"])] if row.get("analyte") else [one.name for one in analytes]
        for analyte in of:
            sealed[(analyte, sample)] = Declared(
                target=Decimal(str(row["target"])),
                uncertainty=_number(row.get("uncertainty")),
                lower=None if row.get("lower") is None else Decimal(str(row["lower"])),
                upper=None if row.get("upper") is None else Decimal(str(row["upper"])),
            )
    return sealed, tuple(samples)
