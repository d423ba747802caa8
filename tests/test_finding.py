"""A finding's life is one table; nothing closes without a passed re-inspection, nothing is notified without its criterion."""

import datetime
import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photopeak.criterion import Criterion
from photopeak.evidence import Subject
from photopeak.finding import (
    ACTS,
    LIFE_OF_A_FINDING,
    STATES,
    IllegalAct,
    Reinspection,
    judged_again,
    raise_finding,
)
from photopeak.measurement import Quantity
from photopeak.verdict import decide
from photopeak.words import Words

UNIFORMITY = Quantity(name="integral_uniformity", unit="%", en="integral uniformity", zh="积分均匀性")
OTHER = Quantity(name="differential_uniformity", unit="%", en="differential uniformity", zh="微分均匀性")
LIMIT = Criterion(
    standard="EX 1", edition="2000", clause="1", quantity="integral_uniformity", unit="%", upper=5.0, stage="status"
)
NAME = Words("Flood uniformity", "泛源均匀性")
FLOOD = "gamma_camera.flood_uniformity"
DEVICE = Subject(model="M", serial="1")
START = datetime.datetime(2026, 3, 2, 9, tzinfo=datetime.UTC)
FINAL = {"closed", "withdrawn"}
#: every pair of state and act that the life does not know, written out so that a change of the table is a change here
ILLEGAL = {
    "raised": "receive appeal uphold respond reinspect accept reject escalate",
    "notified": "notify appeal uphold respond reinspect accept reject",
    "received": "notify receive uphold reinspect accept reject",
    "appealed": "notify receive appeal respond reinspect accept reject escalate",
    "responded": "notify withdraw receive appeal uphold respond accept reject escalate",
    "reinspected": "notify withdraw receive appeal uphold respond reinspect",
    "escalated": "withdraw receive appeal uphold respond reinspect accept reject escalate",
    "closed": "notify withdraw receive appeal uphold respond reinspect accept reject escalate",
    "withdrawn": "notify withdraw receive appeal uphold respond reinspect accept reject escalate",
}


def failing(value=9.0, limit=LIMIT):
    return raise_finding(DEVICE, FLOOD, NAME, [decide(UNIFORMITY.of(value, 0.1, detector=1), limit)])


def measured_again(finding, value=3.0, *, after_h=1, procedure=FLOOD, subject=DEVICE, detector=1):
    verdicts = judged_again(finding.verdicts, [UNIFORMITY.of(value, 0.1, detector=detector)])
    at = (finding.responded or START) + datetime.timedelta(hours=after_h)
    return Reinspection(procedure=procedure, subject=subject, acquired=at, verdicts=verdicts)


def responded():
    found = failing()
    for act in ("notify", "receive"):
        found = found.after(act)
    return found.after("respond", at=START)


def test_only_a_fail_raises_a_finding():
    assert (
        raise_finding(Subject(), "p", NAME, [decide(UNIFORMITY.of(4.9, 0.1), LIMIT), decide(UNIFORMITY.of(1, 0.1), LIMIT)])
        is None
    )
    assert failing().words == Words("Flood uniformity: integral uniformity outside the limit", "泛源均匀性：积分均匀性超出限值")


def test_the_illegal_transitions_are_these_and_no_others():
    listed = {(state, act) for state, acts in ILLEGAL.items() for act in acts.split()}
    assert listed == {(s, a) for s in STATES for a in ACTS} - set(LIFE_OF_A_FINDING)
    assert {act for _, act in LIFE_OF_A_FINDING} == set(ACTS)
    assert set(LIFE_OF_A_FINDING.values()) | {"raised"} == set(STATES)


@pytest.mark.parametrize(("state", "act"), [(state, act) for state, acts in ILLEGAL.items() for act in acts.split()])
def test_an_act_the_table_does_not_know_is_refused_in_both_languages(state, act):
    with pytest.raises(IllegalAct) as refused:
        replace(failing(), state=state).after(act)
    assert STATES[state].en in refused.value.words.en
    assert STATES[state].zh in refused.value.words.zh
    assert ACTS[act].zh in refused.value.words.zh


def test_a_notice_needs_a_criterion_that_says_where_it_stands():
    for limit in (replace(LIMIT, standard=" "), LIMIT):
        found = failing(limit=limit)
        if limit is LIMIT:
            assert found.after("notify").state == "notified"
        else:
            with pytest.raises(IllegalAct, match="criterion"):
                found.after("notify")


def test_a_passed_reinspection_closes_it():
    found = responded()
    found = found.after("reinspect", reinspection=measured_again(found))
    assert found.passed
    assert found.after("accept").state == "closed"


@pytest.mark.parametrize("value", [4.9, 5.1, 9.0])
def test_what_straddles_or_fails_again_closes_nothing(value):
    found = responded()
    found = found.after("reinspect", reinspection=measured_again(found, value))
    with pytest.raises(IllegalAct, match="did not pass"):
        found.after("accept")
    assert found.after("reject").state == "notified"


def test_a_reinspection_that_leaves_out_what_had_failed_closes_nothing():
    found = responded()
    found = found.after("reinspect", reinspection=measured_again(found, 3.0, detector=2))
    with pytest.raises(IllegalAct, match="did not pass"):
        found.after("accept")


def test_a_reinspection_that_fails_in_something_new_closes_nothing():
    found = responded()
    new = decide(OTHER.of(9.0, 0.1), replace(LIMIT, quantity="differential_uniformity"))
    again = measured_again(found)
    found = found.after("reinspect", reinspection=replace(again, verdicts=(*again.verdicts, new)))
    with pytest.raises(IllegalAct, match="did not pass"):
        found.after("accept")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"procedure": "gamma_camera.bar_pattern"}, "same procedure"),
        ({"subject": Subject(model="M", serial="2")}, "another device"),
        ({"after_h": 0}, "before the response"),
        ({"after_h": -24}, "before the response"),
    ],
)
def test_a_reinspection_of_something_else_or_from_before_is_refused(changed, why):
    found = responded()
    with pytest.raises(IllegalAct, match=why):
        found.after("reinspect", reinspection=measured_again(found, **changed))


def test_a_reinspection_without_verdicts_is_refused():
    found = responded()
    for nothing in (None, replace(measured_again(found), verdicts=())):
        with pytest.raises(IllegalAct, match="needs its verdicts"):
            found.after("reinspect", reinspection=nothing)


def test_the_limits_of_the_notice_hold_on_reinspection():
    found = responded()
    (again,) = judged_again(found.verdicts, [UNIFORMITY.of(6.0, 0.1, detector=1)])
    assert again.outcome == "fail"
    assert again.criterion == LIMIT


def walk(choose, steps):
    """A walk of random acts and random re-inspections; what was tried, and the finding after each act that was allowed."""
    found, now = failing(), START
    yield "", found
    for _ in range(steps):
        known = sorted(act for state, act in LIFE_OF_A_FINDING if state == found.state)
        act = choose([*known, *known, choose(sorted(ACTS))])
        now += datetime.timedelta(hours=choose([1, 30]))
        again = None
        if act == "reinspect":
            value, detector = choose([3.0, 4.95, 9.0]), choose([1, 1, 2])
            by, of, after = choose([FLOOD, FLOOD, "x"]), choose([DEVICE, DEVICE, Subject()]), choose([-1, 1])
            again = measured_again(found, value, after_h=after, procedure=by, detector=detector, subject=of)
        try:
            following = found.after(act, at=now, reinspection=again)
        except IllegalAct:
            continue
        keeps_the_rules(found, act, following)
        found = following
        yield act, found


def keeps_the_rules(before, act, after):
    """What must hold of every step, said without the table."""
    assert before.state not in FINAL
    assert (after.subject, after.procedure, after.verdicts) == (before.subject, before.procedure, before.verdicts)
    if after.state == "notified":
        assert any(v.criterion is not None and v.criterion.standard for v in after.verdicts)
        assert after.responded is None
        assert after.reinspection is None
    if after.state in ("reinspected", "closed"):
        again = after.reinspection
        assert (again.procedure, again.subject) == (after.procedure, after.subject)
        assert again.acquired > after.responded
    if after.state == "closed":
        assert before.state == "reinspected"
        assert act == "accept"
        assert all(v.outcome == "pass" and v.measurement.value == 3.0 for v in after.reinspection.verdicts)
        assert {v.measurement.where["detector"] for v in after.reinspection.verdicts} == {1}


def test_ten_thousand_random_walks_keep_the_rules_and_reach_every_state():
    rng = random.Random(20260302)
    seen, closed = set(), 0
    for _ in range(10_000):
        acts = []
        for act, found in walk(rng.choice, 25):
            acts.append(act)
            seen.add(found.state)
        if found.state == "closed":
            closed += 1
            for needed in ("notify", "receive", "respond", "reinspect", "accept"):
                assert needed in acts
    assert seen == set(STATES)
    assert closed > 50


@given(st.data())
def test_no_chosen_walk_breaks_the_rules(data):
    for _ in walk(lambda options: data.draw(st.sampled_from(options)), 12):
        pass
