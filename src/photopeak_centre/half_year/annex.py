"""The annex: one row a hospital."""

from __future__ import annotations

from collections import defaultdict

from photopeak_centre.eqa_rounds.models import Score
from photopeak_centre.findings.models import Finding
from photopeak_centre.half_year.about_devices import Tests
from photopeak_centre.half_year.about_findings import OPEN, states_at
from photopeak_centre.half_year.numbers import Numbers
from photopeak_centre.half_year.periods import Period
from photopeak_centre.half_year.section import Cell, Section, said, shown
from photopeak_centre.hospitals.models import Organisation

HEADS = (
    said("hospital", "医院"), said("district", "所在区"), said("devices tested", "已测设备"), said("pass", "合格"), said("fail", "不合格"),
    said("undecided", "未定"), said("EQA acceptable", "室间质评"), said("findings open", "未关闭问题"),
)  # fmt: skip


def annex(period: Period, tests: Tests, numbers: Numbers) -> Section:
    """Hospitals that have a device, take part in external quality assessment or have an open finding, by district and name."""
    section = Section("annex", said("Annex: the hospitals", "附表：各医院情况"))
    within = dict(
        Organisation.objects.exclude(part_of=None).values_list("id", "part_of")
    )  # a laboratory counts in its hospital
    devices: dict[int, list[int]] = defaultdict(list)
    for pk, about in tests.devices.items():
        devices[within.get(about["organisation"], about["organisation"])].append(pk)
    scores: dict[int, list[tuple[str, int, int, int]]] = defaultdict(list)
    rounds = Score.objects.filter(round__closed_on__range=(period.begins, period.ends)).order_by("id")
    for pk, laboratory, n, of in rounds.values_list("id", "laboratory", "acceptable", "results"):
        scores[within.get(laboratory, laboratory)].append(("score", pk, n, of))
    findings: dict[int, list[int]] = defaultdict(list)
    states = states_at(period.moments[1])
    for pk, organisation in Finding.objects.values_list("id", "organisation"):
        if states.get(pk) in OPEN:
            findings[within.get(organisation, organisation)].append(pk)
    wanted = devices.keys() | scores.keys() | findings.keys()
    rows: list[list[Cell]] = []
    listed: list[int] = []
    order = Organisation.objects.filter(merged_into=None).exclude(kind="centre").order_by("district_zh", "name_zh", "id")
    for pk, zh, en, district_zh, district_en in order.values_list("id", "name_zh", "name_en", "district_zh", "district_en"):
        if pk not in wanted:
            continue
        listed.append(pk)
        rows.append(
            [
                said(en or zh, zh),
                said(district_en or district_zh, district_zh),
                *_of(section, tests, numbers, pk, devices[pk], scores[pk], findings[pk]),
            ]
        )
    if not rows:
        return section.not_available("No hospital is registered.", "未登记医院。")
    section.number("hospitals", numbers.count("annex.hospitals", "hospital", listed))
    section.say("{hospitals|hospital|hospitals}, by district.", "共 {hospitals} 家医院，按所在区排列。")
    section.table(
        said("", ""), HEADS, rows, align="llrrrrrr", names=True, widths=(0.24, 0.14, 0.13, 0.08, 0.08, 0.1, 0.12, 0.11)
    )
    return section


def _of(
    section: Section, tests: Tests, numbers: Numbers, hospital: int, devices: list[int],
    scores: list[tuple[str, int, int, int]], findings: list[int],
) -> list[Cell]:  # fmt: skip
    name = f"{hospital}."
    nothing = said("—", "—")
    cells = [nothing] * 4
    if devices:
        by: dict[str, list[int]] = defaultdict(list)
        for device in devices:
            by[tests.outcome(device)].append(device)
        tested = [device for device in devices if tests.tested(device)]
        section.number(f"{name}tested", numbers.share(f"annex.{name}tested", "device", tested, devices))
        cells = [shown(f"{name}tested", "share")]
        for outcome in ("pass", "fail", "undecided"):
            if tested:
                section.number(f"{name}{outcome}", numbers.count(f"annex.{name}{outcome}", "device", by[outcome]))
                cells.append(shown(f"{name}{outcome}"))
            else:
                cells.append(nothing)
    if scores:
        section.number(f"{name}eqa", numbers.summed(f"annex.{name}eqa", scores))
        cells.append(shown(f"{name}eqa", "share"))
    else:
        cells.append(nothing)
    section.number(f"{name}findings", numbers.count(f"annex.{name}findings", "finding", findings))
    cells.append(shown(f"{name}findings"))
    return cells
