"""What is wrong, and its life until it is closed."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

from photopeak.evidence import Subject
from photopeak.measurement import Measurement
from photopeak.verdict import Verdict, decide
from photopeak.words import Words

LIFE_OF_A_FINDING = {
    ("raised", "notify"): "notified",  # 整改通知
    ("raised", "withdraw"): "withdrawn",  # 撤销
    ("notified", "receive"): "received",  # 签收
    ("notified", "withdraw"): "withdrawn",  # 中心自行撤销
    ("notified", "escalate"): "escalated",  # 逾期未签收，上报
    ("received", "appeal"): "appealed",  # 提出异议
    ("received", "respond"): "responded",  # 整改反馈
    ("received", "withdraw"): "withdrawn",
    ("received", "escalate"): "escalated",  # 逾期未反馈，上报
    ("appealed", "uphold"): "received",  # 异议不成立，维持
    ("appealed", "withdraw"): "withdrawn",  # 异议成立，撤销
    ("responded", "reinspect"): "reinspected",  # 复查
    ("reinspected", "accept"): "closed",  # 销号
    ("reinspected", "reject"): "notified",  # 再次整改
    ("reinspected", "escalate"): "escalated",  # 上报
    ("escalated", "notify"): "notified",
}
STATES: dict[str, Words] = {
    "raised": Words("raised", "已提出"),
    "withdrawn": Words("withdrawn", "已撤销"),
    "notified": Words("notified", "已通知"),
    "received": Words("received", "已签收"),
    "appealed": Words("objected to", "申诉中"),
    "responded": Words("responded", "已反馈"),
    "reinspected": Words("re-inspected", "已复查"),
    "escalated": Words("escalated", "已上报"),
    "closed": Words("closed", "已销号"),
}
ACTS: dict[str, Words] = {
    "notify": Words("issue the notice", "签发整改通知"),
    "withdraw": Words("withdraw the finding", "撤销"),
    "receive": Words("confirm receipt", "签收"),
    "appeal": Words("object", "提出异议"),
    "uphold": Words("uphold the finding", "维持原判定"),
    "respond": Words("send the response", "提交整改反馈"),
    "reinspect": Words("record the re-inspection", "登记复查"),
    "accept": Words("accept and close", "复查合格，销号"),
    "reject": Words("ask for rectification again", "要求再次整改"),
    "escalate": Words("report to the health authority", "上报卫生行政部门"),
}


class IllegalAct(Exception):
    """An act that the life of a finding does not know from its present state, or whose grounds are missing."""

    def __init__(self, *, en: str, zh: str) -> None:
        super().__init__(en)
        self.words = Words(en, zh)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinspection:
    """What was found on going back: by which procedure, on which subject, acquired when, with which verdicts."""

    procedure: str
    subject: Subject
    acquired: datetime.datetime
    verdicts: tuple[Verdict, ...]

    def passes(self, failed: Iterable[Verdict]) -> bool:
        """Whether everything that had failed was judged again and passed, and nothing fails now."""
        outcomes: dict[str, set[str]] = {}
        for verdict in self.verdicts:
            outcomes.setdefault(judged_thing(verdict), set()).add(verdict.outcome)
        things = {judged_thing(verdict) for verdict in failed if verdict.outcome == "fail"}
        answered = bool(things) and all(outcomes.get(thing) == {"pass"} for thing in things)
        return answered and not any("fail" in found for found in outcomes.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Verdicts of fail on one subject from one procedure, in words, and the state they have reached.

    `responded`: when the answer of this round was given; `reinspection`: what was found after it. Both are None before, and
    again after the finding was sent back for another round.
    """

    subject: Subject
    procedure: str
    verdicts: tuple[Verdict, ...]
    words: Words
    state: str = "raised"
    responded: datetime.datetime | None = None
    reinspection: Reinspection | None = None

    @property
    def passed(self) -> bool:
        """Whether its re-inspection passed."""
        return self.reinspection is not None and self.reinspection.passes(self.verdicts)

    def after(self, act: str, *, at: datetime.datetime | None = None, reinspection: Reinspection | None = None) -> Finding:
        """This finding after `act`; IllegalAct where the table or the grounds do not allow it.

        A notice needs a failing verdict that cites its criterion; a response its moment (`at`); a re-inspection must be of the same
        subject by the same procedure, acquired after the response; closing needs one that passed.
        """
        following = LIFE_OF_A_FINDING.get((self.state, act))
        if following is None:
            raise _unknown(self.state, act)
        if following == "notified" and not any(v.outcome == "fail" and cites(v) for v in self.verdicts):
            raise IllegalAct(
                en="No failing verdict of this finding cites its criterion; a notice needs one, with standard and clause.",
                zh="本问题没有注明依据（标准与条款）的不合格判定，不能发出整改通知。",
            )
        if act == "respond":
            if at is None:
                raise TypeError("a response has its moment")
            return replace(self, state=following, responded=at)
        if act == "reinspect":
            self._must_suit(reinspection)
            return replace(self, state=following, reinspection=reinspection)
        if following == "closed" and not self.passed:
            raise IllegalAct(
                en="The re-inspection did not pass in everything that had failed; a finding closes only when it did.",
                zh="复查未在全部不合格项上合格，不能销号。",
            )
        if following == "notified":
            return replace(self, state=following, responded=None, reinspection=None)
        return replace(self, state=following)

    def _must_suit(self, found: Reinspection | None) -> None:
        if found is None or not found.verdicts:
            raise IllegalAct(
                en="A re-inspection needs its verdicts: choose the result, or answer each item.",
                zh="复查须有判定：请选择检测结果，或逐项填写复查结论。",
            )
        if found.procedure != self.procedure:
            raise IllegalAct(
                en=f"The re-inspection is by {found.procedure}, the finding by {self.procedure}; use the same procedure.",
                zh=f"复查所用程序为 {found.procedure}，原判定为 {self.procedure}。请用同一程序复查。",
            )
        if found.subject != self.subject:
            raise IllegalAct(
                en="The re-inspection is of another device than the finding; choose a result of the same device.",
                zh="复查对象与原判定不是同一设备。请选择同一设备的检测结果。",
            )
        if self.responded is None or found.acquired <= self.responded:
            raise IllegalAct(
                en="The evidence of the re-inspection was acquired before the response was given; it must come after it.",
                zh="复查材料的采集时间早于整改反馈。请用反馈之后采集的材料复查。",
            )


def cites(verdict: Verdict) -> bool:
    """Whether a verdict says by which standard it was reached."""
    return verdict.criterion is not None and bool(verdict.criterion.standard.strip())


def judged_thing(verdict: Verdict) -> str:
    """What a verdict is about, quantity and place, as text that is the same for the same thing."""
    about = verdict.measurement or verdict.criterion
    if about is None:
        return ""
    name = about.quantity.name if isinstance(about, Measurement) else about.quantity
    return json.dumps([name, dict(about.where)], sort_keys=True, ensure_ascii=False, default=str)


def judged_again(failed: Iterable[Verdict], measurements: Iterable[Measurement]) -> tuple[Verdict, ...]:
    """The failed verdicts' own criteria held against new measurements of the same quantity at the same place.

    The limits of the notice hold, whatever limits the device has been given since. What was not measured again is not assessed.
    """
    found: dict[str, list[Measurement]] = {}
    for one in measurements:
        found.setdefault(judged_thing(Verdict(outcome="not_assessed", measurement=one, criterion=None)), []).append(one)
    verdicts: list[Verdict] = []
    for verdict in failed:
        again = found.get(judged_thing(verdict), ())
        verdicts += [decide(one, verdict.criterion) for one in again]
        if not again:
            verdicts.append(_not_measured(verdict))
    return tuple(verdicts)


def _not_measured(verdict: Verdict) -> Verdict:
    criterion = verdict.criterion
    if criterion is not None and verdict.measurement is not None:
        criterion = replace(criterion, where=verdict.measurement.where)
    return Verdict(outcome="not_assessed", measurement=None, criterion=criterion, reason="not_measured")


def _unknown(state: str, act: str) -> IllegalAct:
    known = [ACTS[name] for before, name in LIFE_OF_A_FINDING if before == state]
    at, wanted = STATES.get(state, Words(state, state)), ACTS.get(act, Words(act, act))
    en = ", or ".join(one.en for one in known) or "nothing more"
    zh = "、".join(one.zh for one in known) or "无"
    return IllegalAct(
        en=f"A finding that is {at.en} does not allow to {wanted.en}; what it allows: {en}.",
        zh=f"问题处于“{at.zh}”，不能“{wanted.zh}”。目前可办：{zh}。",
    )


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
