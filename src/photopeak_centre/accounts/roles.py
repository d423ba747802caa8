"""The roles, what each sees and may do: one table."""

from __future__ import annotations

from dataclasses import dataclass, field

from photopeak.words import Words


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """`reach`: all hospitals, own ones, or none (summaries only). `acts`: what the role may do beyond looking."""

    words: Words
    reach: str
    acts: frozenset[str] = field(default_factory=frozenset)


def _role(en: str, zh: str, reach: str, *acts: str) -> Role:
    seeing = ("see",) if reach in ("all", "own") else ()
    return Role(words=Words(en, zh), reach=reach, acts=frozenset((*acts, *seeing)))


#: acts beyond looking: plan campaigns · visit and fill in checklists · read_images blinded · notify: prepare a notice ·
#: sign: issue it, release a report · respond for the hospital · indicators: the monthly form · report: edit the half-year report ·
#: committee: its meetings, papers and votes · keep_committee: its books · teach: keep courses · eqa: keep rounds
ROLES: dict[str, Role] = {
    "administrator": _role(
        "administrator", "系统管理员", "all", "manage_people", "register", "merge", "read_audit", "hand_in", "region"
    ),
    "director": _role(
        "centre director", "中心主任", "all",
        "review", "read_audit", "region", "plan", "visit", "notify", "sign", "report", "committee", "keep_committee", "teach", "eqa",
    ),
    "secretary": _role(
        "secretary", "秘书", "all",
        "manage_people", "register", "merge", "hand_in", "read_audit", "region", "plan", "notify", "report", "committee", "keep_committee", "teach", "eqa",
    ),
    "inspector": _role("inspector", "检查员", "all", "register", "hand_in", "review", "region", "visit", "notify"),
    "expert": _role("expert reviewer", "评审专家", "all", "review", "region", "visit", "read_images"),
    "eqa_coordinator": _role("EQA coordinator", "室间质评协调员", "none", "region", "eqa"),
    "committee_member": _role("committee member", "专家委员会委员", "none", "region", "committee"),
    "hospital_director": _role("hospital director", "医院科主任", "own", "respond", "indicators"),
    "hospital_physicist": _role("hospital physicist", "医院物理师", "own", "register", "hand_in", "respond", "indicators"),
    "laboratory_head": _role("laboratory head", "实验室负责人", "own", "hand_in", "respond"),
    "therapy_officer": _role("therapy quality officer", "核素治疗质控员", "own", "respond", "indicators"),
    "health_authority": _role("health authority (reading)", "卫生行政部门（只读）", "none", "region"),
}  # fmt: skip
