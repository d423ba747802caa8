"""The first page: the half-year in a few sentences, and the devices by verdict."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from photopeak_centre.half_year.about_devices import OUTCOMES, Tests
from photopeak_centre.half_year.numbers import Numbers
from photopeak_centre.half_year.section import Section, said

IMAGING = ("spect", "spect_ct", "gamma_camera", "pet_ct", "pet_mr")
#: section -> sentences of the summary, and the numbers they need; one whose numbers are not there is left out
LINES: tuple[tuple[str, tuple[str, ...], str, str], ...] = (
    (
        "reinspections", ("hospitals", "reinspected", "accepted"),
        "{reinspections/hospitals|hospital was|hospitals were} re-inspected after rectification notices; {reinspections/accepted} of "
        "{reinspections/reinspected|finding|findings} passed and {reinspections/accepted?was|were} closed.",
        "整改通知后复查 {reinspections/hospitals} 家医院，{reinspections/reinspected} 项问题中 {reinspections/accepted} 项复查合格并销号。",
    ),
    (
        "cameras", ("spect.tested", "spect_ct.tested"),
        "Phantom tests were done on {cameras/spect.tested} SPECT and {cameras/spect_ct.tested} SPECT/CT cameras; "
        "{cameras/spect.pass} and {cameras/spect_ct.pass} passed, {cameras/spect.fail} and {cameras/spect_ct.fail} failed.",
        "完成 SPECT {cameras/spect.tested} 台、SPECT/CT {cameras/spect_ct.tested} 台体模检测，合格 {cameras/spect.pass} 台和 "
        "{cameras/spect_ct.pass} 台，不合格 {cameras/spect.fail} 台和 {cameras/spect_ct.fail} 台。",
    ),
    (
        "eqa", ("laboratories", "results"),
        "{eqa/laboratories|laboratory|laboratories} took part in external quality assessment; {eqa/results:percent} of the results were "
        "acceptable (95 % interval {eqa/results:interval}).",
        "{eqa/laboratories} 个实验室参加室间质评，结果合格率 {eqa/results:percent}（95% 区间 {eqa/results:interval}）。",
    ),
    (
        "committee", ("meetings", "decisions"),
        "The committee met ({committee/meetings|meeting|meetings}) and took {committee/decisions|decision|decisions}.",
        "专家委员会召开会议 {committee/meetings} 次，作出决定 {committee/decisions} 项。",
    ),
    (
        "training", ("courses", "attended"),
        "{training/courses|course was|courses were} held, attended by {training/attended|person|people}.",
        "举办培训 {training/courses} 次，参加 {training/attended} 人次。",
    ),
    (
        "plan", ("campaigns",),
        "{plan/campaigns|campaign is|campaigns are} planned for the next half-year.",
        "下一半年计划开展检查 {plan/campaigns} 项。",
    ),
)  # fmt: skip


def summary(sections: Sequence[dict[str, Any]], tests: Tests, numbers: Numbers) -> Section:
    """Made from the sections that follow, whose numbers it repeats with their links."""
    section = Section("summary", said("Summary", "概要"))
    by = {one["key"]: one for one in sections}
    for key, needed, en, zh in LINES:
        own = by[key]
        if own["available"] and all(name in own["numbers"] for name in needed):
            section.numbers |= {
                f"{key}/{name}": number for name, number in own["numbers"].items() if f"{{{key}/{name}" in en + zh
            }
            section.say(en, zh, anew=True)
    absent = [one["title"] for one in sections if not one["available"] and one["key"] != "annex"]
    if absent:
        section.say(
            f"Not available for this period: {'; '.join(one['en'] for one in absent)}.",
            f"本期无数据：{'；'.join(one['zh'] for one in absent)}。",
            anew=True,
        )
    devices = tests.of(IMAGING)
    if any(tests.tested(device) for device in devices):
        for outcome in OUTCOMES:
            found = [device for device in devices if tests.outcome(device) == outcome]
            section.number(f"tally.{outcome}", numbers.count(f"tally.{outcome}", "device", found))
        untested = [device for device in devices if not tests.tested(device)]
        section.number("tally.untested", numbers.count("tally.untested", "device", untested))
    return section
