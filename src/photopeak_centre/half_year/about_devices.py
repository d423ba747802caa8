"""Phantom tests of cameras and scanners in a period: tested, passed, where they fail, what was not tested and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from photopeak.present.numbers import limit, with_unit
from photopeak.words import Words
from photopeak_centre.campaigns.models import Target
from photopeak_centre.checks.models import Judgement, Result
from photopeak_centre.checks.rows import quantity_named
from photopeak_centre.devices.models import Device
from photopeak_centre.half_year.numbers import Number, Numbers
from photopeak_centre.half_year.periods import Period
from photopeak_centre.half_year.section import Cell, Section, said, shown, words_of
from photopeak_centre.jobs.analyse import worst

STAGES = ("status", "acceptance")
KIND_WORDS = {
    "spect": Words("SPECT", "SPECT"),
    "spect_ct": Words("SPECT/CT", "SPECT/CT"),
    "gamma_camera": Words("planar gamma camera", "平面伽玛照相机"),
    "pet_ct": Words("PET/CT", "PET/CT"),
    "pet_mr": Words("PET/MR", "PET/MR"),
}
PLURAL = {
    "spect": "SPECT cameras",
    "spect_ct": "SPECT/CT cameras",
    "gamma_camera": "planar gamma cameras",
    "pet_ct": "PET/CT scanners",
    "pet_mr": "PET/MR scanners",
}
OUTCOMES = ("pass", "fail", "undecided", "not_assessed")
FAULTS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """The last result of one procedure on one device within the period."""

    result: int
    device: int
    procedure: str
    name: Words
    outcome: str


@dataclass(slots=True)
class Tests:
    """Devices in use and what was measured on them in a period."""

    devices: dict[int, dict[str, Any]]
    last: dict[tuple[int, str], Tested]
    failing: dict[int, list[dict[str, Any]]] = field(default_factory=dict)  #: by result: its failing judgements
    judged: dict[str, set[int]] = field(default_factory=dict)  #: by quantity: results that judged it
    untested: dict[int, str] = field(default_factory=dict)  #: by device: the reason a campaign gave

    def of(self, kinds: Iterable[str]) -> list[int]:
        wanted = set(kinds)
        return [pk for pk, one in self.devices.items() if one["kind"] in wanted]

    def tested(self, device: int) -> list[Tested]:
        return self.by_device.get(device, [])

    @property
    def by_device(self) -> dict[int, list[Tested]]:
        if not self._grouped:
            for one in self.last.values():
                self._grouped.setdefault(one.device, []).append(one)
        return self._grouped

    _grouped: dict[int, list[Tested]] = field(default_factory=dict)

    def outcome(self, device: int) -> str:
        """The worst outcome of a tested device; nothing for one that was not tested."""
        found = self.tested(device)
        return worst([one.outcome for one in found]) if found else ""


def tests_in(period: Period) -> Tests:
    """What stands for each device in the period: the last result of each procedure that was measured, not rejected, not superseded."""
    begins, after = period.moments
    rows = Device.objects.filter(in_use=True).values(
        "id", "organisation", "kind", "manufacturer", "model", "serial", "organisation__name_zh", "organisation__name_en"
    )
    devices = {row["id"]: row for row in rows}
    results = (
        Result.objects.filter(superseded_by=None, stage__in=STAGES, acquired__gte=begins, acquired__lt=after)
        .exclude(review="rejected")
        .exclude(outcome="refused")
        .exclude(device=None)
        .order_by("acquired", "id")
    )
    last: dict[tuple[int, str], Tested] = {}
    for pk, device, procedure, en, zh, outcome in results.values_list(
        "id", "device", "procedure", "name_en", "name_zh", "outcome"
    ).iterator():
        if device in devices:
            last[device, procedure] = Tested(result=pk, device=device, procedure=procedure, name=Words(en, zh), outcome=outcome)
    found = Tests(devices=devices, last=last)
    _judge(found, begins, after)
    reasons = (
        Target.objects.exclude(untested="")
        .exclude(device=None)
        .filter(campaign__begins__lte=period.ends, campaign__ends__gte=period.begins)
    )
    found.untested = dict(reasons.order_by("campaign__begins").values_list("device", "untested"))
    return found


def _judge(found: Tests, begins: Any, after: Any) -> None:
    standing = {one.result for one in found.last.values()}
    rows = Judgement.objects.filter(result__acquired__gte=begins, result__acquired__lt=after).exclude(measurement=None)
    values = rows.exclude(outcome="not_assessed").values_list(
        "result", "outcome", "measurement__quantity", "measurement__value", "measurement__unit", "measurement__uncertainty",
        "criterion",
    )  # fmt: skip
    for result, outcome, quantity, value, unit, uncertainty, criterion in values.iterator():
        if result not in standing:
            continue
        found.judged.setdefault(quantity, set()).add(result)
        if outcome == "fail":
            found.failing.setdefault(result, []).append(
                {"quantity": quantity, "value": value, "unit": unit, "uncertainty": uncertainty, "criterion": criterion or {}}
            )


def hospital_cell(device: dict[str, Any]) -> Cell:
    zh = device["organisation__name_zh"]
    return said(device["organisation__name_en"] or zh, zh)


def device_cell(device: dict[str, Any]) -> Cell:
    serial = f" · SN {device['serial']}" if device["serial"] else ""
    name = f"{device['manufacturer']} {device['model']}{serial}"
    return said(name, name)


def quantity_words(name: str) -> Words:
    known = quantity_named(name)
    return known.words if known else Words(name.replace("_", " "), name)


def cameras(tests: Tests, numbers: Numbers) -> Section:
    """SPECT and SPECT/CT; planar cameras where the region has any."""
    section = Section("cameras", said("Phantom tests of SPECT and SPECT/CT", "SPECT 与 SPECT/CT 体模检测"))
    kinds = [kind for kind in ("spect", "spect_ct", "gamma_camera") if tests.of([kind])]
    if not any(tests.tested(device) for kind in kinds for device in tests.of([kind])):
        return section.not_available("No phantom test of a camera stands in this period.", "本期无相机体模检测结果。")
    for kind in kinds:
        _one_kind(section, tests, numbers, kind)
    _faults(section, tests, numbers, kinds)
    _procedures(section, tests, numbers, kinds)
    _tables(section, tests, numbers, kinds)
    return section


def scanners(tests: Tests, numbers: Numbers) -> Section:
    section = Section("pet", said("PET/CT", "PET/CT"))
    kinds = [kind for kind in ("pet_ct", "pet_mr") if tests.of([kind])]
    devices = [device for kind in kinds for device in tests.of([kind])]
    if not any(tests.tested(device) for device in devices):
        if devices:
            section.number("registered", numbers.count("pet.registered", "device", devices))
            return section.not_available(
                "No phantom test of a PET/CT stands in this period; {registered|scanner is|scanners are} registered.",
                "本期无 PET/CT 体模检测结果；登记在用 {registered} 台。",
            )
        return section.not_available("No PET/CT is registered, none was tested.", "未登记 PET/CT，本期未检测。")
    for kind in kinds:
        _one_kind(section, tests, numbers, kind)
    _faults(section, tests, numbers, kinds)
    _procedures(section, tests, numbers, kinds)
    _tables(section, tests, numbers, kinds)
    return section


def _one_kind(section: Section, tests: Tests, numbers: Numbers, kind: str) -> None:
    zh, plural = KIND_WORDS[kind].zh, PLURAL[kind]
    devices = tests.of([kind])
    by = {outcome: [d for d in devices if tests.outcome(d) == outcome] for outcome in OUTCOMES}
    tested = [device for device in devices if tests.tested(device)]
    judged = [*by["pass"], *by["fail"], *by["undecided"]]
    name = f"{kind}."
    section.number(f"{name}registered", numbers.count(f"{name}registered", "device", devices))
    section.number(f"{name}tested", numbers.share(f"{name}tested", "device", tested, devices))
    section.number(f"{name}untested", numbers.count(f"{name}untested", "device", set(devices) - set(tested)))
    section.number(f"{name}pass", numbers.share(f"{name}pass", "device", by["pass"], judged))
    for outcome in ("fail", "undecided", "not_assessed"):
        section.number(f"{name}{outcome}", numbers.count(f"{name}{outcome}", "device", by[outcome]))
    section.say(
        f"Phantom tests were done on {{{name}tested}} of the {{{name}registered}} {plural} in use. "
        f"Of the {{{name}pass:of}} that could be judged, {{{name}pass}} passed ({{{name}pass:percent}}, 95 % interval "
        f"{{{name}pass:interval}}), {{{name}fail}} failed and {{{name}undecided}} remained undecided.",
        f"在用 {zh} {{{name}registered}} 台，本期完成体模检测 {{{name}tested}} 台。可判定的 {{{name}pass:of}} 台中，合格 "
        f"{{{name}pass}} 台（{{{name}pass:percent}}，95% 区间 {{{name}pass:interval}}），不合格 {{{name}fail}} 台，未定 {{{name}undecided}} 台。",
        anew=True,
    )
    signs = [{"name": f"{name}{outcome}", "outcome": outcome} for outcome in OUTCOMES]
    row = {"label": words_of(KIND_WORDS[kind]), "signs": signs, "rest": f"{name}untested"}
    figure = next((one for one in section.figures if one["kind"] == "signs"), None)
    if figure is None:
        caption = said(
            "Every device one sign: the worst of its results; an empty ring was not tested.",
            "每个符号为一台设备，取其各项结果中最差者；空环为未检测。",
        )
        section.figure("signs", caption, [row])
    else:
        figure["rows"].append(row)


def _faults(section: Section, tests: Tests, numbers: Numbers, kinds: Sequence[str]) -> None:
    devices = set(tests.of(kinds))
    failing: dict[str, set[int]] = defaultdict(set)
    owner = {one.result: one.device for one in tests.last.values()}
    for result, judgements in tests.failing.items():
        if owner[result] in devices:
            for one in judgements:
                failing[one["quantity"]].add(result)
    order = sorted(failing, key=lambda quantity: (-len(failing[quantity]), quantity))
    rows: list[list[Cell]] = []
    parts_en, parts_zh = [], []
    for n, quantity in enumerate(order, 1):
        name = f"{section.key}.fault.{quantity}"
        judged = {result for result in tests.judged[quantity] if owner[result] in devices}
        section.number(name, numbers.share(name, "result", failing[quantity], judged))
        words = quantity_words(quantity)
        rows.append([words_of(words), shown(name), shown(name, "of"), shown(name, "percent"), shown(name, "interval")])
        if n <= 3:
            parts_en.append(f"{words.en} ({{{name}|device|devices}})")
            parts_zh.append(f"{words.zh} {{{name}}} 台")
    if not rows:
        section.say("No quantity was outside its limit.", "无检测量超出限值。", anew=True)
        return
    if len(rows) == 1:
        section.say(
            f"The one quantity found outside its limit was {parts_en[0]}.", f"超出限值的检测量仅有{parts_zh[0]}。", anew=True
        )
    else:
        listed = ", ".join(parts_en[:-1]) + f" and {parts_en[-1]}"
        section.say(f"Most often outside its limit: {listed}.", f"最常见的超限：{'、'.join(parts_zh)}。", anew=True)
    heads = [
        said("quantity", "检测量"),
        said("outside", "超限"),
        said("judged", "已判定"),
        said("share", "占比"),
        said("95 % interval", "95% 区间"),
    ]
    section.table(
        said("The commonest faults", "常见问题"), heads, rows[:FAULTS], align="lrrrr", widths=(0.4, 0.13, 0.13, 0.14, 0.2)
    )


def _procedures(section: Section, tests: Tests, numbers: Numbers, kinds: Sequence[str]) -> None:
    devices = tests.of(kinds)
    by: dict[str, list[Tested]] = defaultdict(list)
    for device in devices:
        for one in tests.tested(device):
            by[one.procedure].append(one)
    section.number(f"{section.key}.all", numbers.count(f"{section.key}.all", "device", devices))
    rows, bars = [], []
    for procedure, found in sorted(by.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        name = f"{section.key}.{procedure}."
        of = {outcome: [one.result for one in found if one.outcome == outcome] for outcome in OUTCOMES}
        section.number(f"{name}tested", numbers.count(f"{name}tested", "result", [one.result for one in found]))
        judged = of["pass"] + of["fail"] + of["undecided"]
        section.number(f"{name}pass", numbers.share(f"{name}pass", "result", of["pass"], judged))
        for outcome in ("fail", "undecided", "not_assessed"):
            section.number(f"{name}{outcome}", numbers.count(f"{name}{outcome}", "result", of[outcome]))
        label = words_of(found[0].name)
        cells = [
            label,
            shown(f"{name}tested"),
            shown(f"{name}pass", "share"),
            shown(f"{name}pass", "percent"),
            shown(f"{name}pass", "interval"),
        ]
        rows.append([*cells, *(shown(f"{name}{outcome}") for outcome in ("fail", "undecided", "not_assessed"))])
        bars.append(
            {"label": label, "parts": {outcome: f"{name}{outcome}" for outcome in OUTCOMES}, "all": f"{section.key}.all"}
        )
    heads = [
        said("procedure", "检测项目"), said("tested", "已测"), said("pass", "合格"), said("rate", "合格率"), said("95 % interval", "95% 区间"),
        said("fail", "不合格"), said("undecided", "未定"), said("not assessed", "未评定"),
    ]  # fmt: skip
    section.table(
        said("Pass rates by procedure, of the devices that could be judged", "各项目合格率（以可判定的设备为分母）"),
        heads, rows, align="lrrrrrrr", widths=(0.23, 0.08, 0.1, 0.1, 0.18, 0.08, 0.11, 0.12),
    )  # fmt: skip
    caption = said(
        "Devices by procedure; the dashed frame is all devices in use, so that the untested show.",
        "各项目的设备数；虚框为全部在用设备，未检测者因此可见。",
    )
    section.figure("bars", caption, bars)


def _tables(section: Section, tests: Tests, numbers: Numbers, kinds: Sequence[str]) -> None:
    rows: list[list[Cell]] = []
    for device in tests.of(kinds):
        about = tests.devices[device]
        for one in tests.tested(device):
            if one.outcome == "fail" and (fails := tests.failing.get(one.result)):
                worst_one = max(fails, key=_beyond)
                name = f"{section.key}.value.{one.result}"
                value: Number = {
                    "value": worst_one["value"],
                    "unit": worst_one["unit"],
                    "uncertainty": worst_one["uncertainty"],
                    "link": numbers.address(name),
                }
                numbers.evidence[name] = {"kind": "result", "n": [one.result]}
                section.number(name, value)
                words = quantity_words(worst_one["quantity"])
                rows.append(
                    [
                        hospital_cell(about),
                        device_cell(about),
                        words_of(words),
                        shown(name, "value"),
                        _limit(worst_one),
                        {"outcome": "fail"},
                    ]
                )
    if rows:
        heads = [
            said("hospital", "医院"),
            said("device", "设备"),
            said("quantity", "检测量"),
            said("result ± U (k = 2)", "结果 ± U（k = 2）"),
            said("limit", "限值"),
            said("verdict", "判定"),
        ]
        section.table(
            said("Devices that failed, with the value furthest out", "不合格设备及其最大超限值"), heads, rows,
            align="lllrll", names=True, widths=(0.16, 0.26, 0.19, 0.16, 0.11, 0.12),
        )  # fmt: skip
    left = [device for device in tests.of(kinds) if not tests.tested(device)]
    if not left:
        return
    reasons = Counter(tests.untested.get(device, "") for device in left)
    parts_en, parts_zh = [], []
    for n, reason in enumerate(sorted(reasons, key=lambda r: (-reasons[r], r))):
        name = f"{section.key}.untested.{n}"
        section.number(name, numbers.count(name, "device", [d for d in left if tests.untested.get(d, "") == reason]))
        zh, _, en = reason.partition(" / ")
        parts_en.append(f"{en or zh or 'no reason recorded'} ({{{name}}})")
        parts_zh.append(f"{zh or '未记录原因'} {{{name}}} 台")
    section.say(f"Not tested: {'; '.join(parts_en)}.", f"未检测：{'、'.join(parts_zh)}。")
    heads = [said("hospital", "医院"), said("device", "设备"), said("why it was not tested", "未检测原因")]
    listed = [
        [hospital_cell(tests.devices[d]), device_cell(tests.devices[d]), _reason(tests.untested.get(d, ""))] for d in left
    ]
    section.table(said("Not tested", "未检测设备"), heads, listed, align="lll", names=True, widths=(0.25, 0.4, 0.35))


def _beyond(fail: dict[str, Any]) -> float:
    """How far a value lies beyond its limit, in shares of that limit."""
    lower, upper = fail["criterion"].get("lower"), fail["criterion"].get("upper")
    over = [] if upper is None else [fail["value"] - upper]
    under = [] if lower is None else [lower - fail["value"]]
    edge = upper if over and (not under or over[0] > under[0]) else lower
    return max([*over, *under, 0.0]) / (abs(edge) if edge else 1.0)


def _limit(fail: dict[str, Any]) -> Cell:
    text = limit(fail["criterion"].get("lower"), fail["criterion"].get("upper"))
    return said(with_unit(text, fail["unit"], "en"), with_unit(text, fail["unit"], "zh"))


def _reason(text: str) -> Cell:
    zh, _, en = text.partition(" / ")
    return said(en or zh, zh) if text else said("no reason recorded", "未记录原因")
