"""What is wrong, and its life until it is closed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from photopeak.evidence import Subject
from photopeak.verdict import Verdict
from photopeak.words import Words

LIFE_OF_A_FINDING = {
    ("raised", "notify"): "notified",  # 整改通知
    ("raised", "withdraw"): "withdrawn",  # 撤销
    ("notified", "receive"): "received",  # 签收
    ("received", "respond"): "responded",  # 整改反馈
    ("responded", "reinspect"): "reinspected",  # 复查
    ("reinspected", "accept"): "closed",  # 销号
    ("reinspected", "reject"): "notified",  # 再次整改
    ("reinspected", "escalate"): "escalated",  # 上报
    ("escalated", "notify"): "notified",
}


class IllegalAct(Exception):
    """An act that the life of a finding does not know from its present state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Verdicts of fail on one subject from one procedure, in words, and the state they have reached."""

    subject: Subject
    procedure: str
    verdicts: tuple[Verdict, ...]
    words: Words
    state: str = "raised"

    def after(self, act: str) -> Finding:
        """This finding after `act`; closing needs verdicts that no longer fail."""
        following = LIFE_OF_A_FINDING.get((self.state, act))
        if following is None:
            raise IllegalAct(f"a finding that is {self.state} cannot {act}")
        if following == "closed" and any(verdict.outcome != "pass" for verdict in self.verdicts):
            raise IllegalAct("a finding closes only when its re-inspection passed by the same procedure")
        return replace(self, state=following)


def raise_finding(subject: Subject, procedure: str, name: Words, verdicts: Iterable[Verdict]) -> Finding | None:
    """The finding that the failing verdicts amount to, or None where nothing failed."""
    failed = tuple(verdict for verdict in verdicts if verdict.outcome == "fail")
    if not failed:
        return None
    quantities = list(dict.fromkeys(v.measurement.quantity.words for v in failed if v.measurement is not None))
    words = Words(
        f"{name.en}: {', '.join(q.en for q in quantities)} outside the limit",
        f"{name.zh}：{'、'.join(q.zh for q in quantities)}超出限值",
    )
    return Finding(subject=subject, procedure=procedure, verdicts=failed, words=words)
