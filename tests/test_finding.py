"""A finding's life is one table; nothing closes without a passed re-inspection."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photopeak.criterion import Criterion
from photopeak.evidence import Subject
from photopeak.finding import LIFE_OF_A_FINDING, IllegalAct, raise_finding
from photopeak.measurement import Quantity
from photopeak.verdict import decide
from photopeak.words import Words

UNIFORMITY = Quantity(name="integral_uniformity", unit="%", en="integral uniformity", zh="积分均匀性")
LIMIT = Criterion(
    standard="EX 1", edition="2000", clause="1", quantity="integral_uniformity", unit="%", upper=5.0, stage="status"
)
NAME = Words("Flood uniformity", "泛源均匀性")
STATES = {state for state, _ in LIFE_OF_A_FINDING} | set(LIFE_OF_A_FINDING.values())
ACTS = {act for _, act in LIFE_OF_A_FINDING}


def failing():
    return raise_finding(Subject(model="M"), "gamma_camera.flood_uniformity", NAME, [decide(UNIFORMITY.of(9, 0.1), LIMIT)])


def test_only_a_fail_raises_a_finding():
    assert (
        raise_finding(Subject(), "p", NAME, [decide(UNIFORMITY.of(4.9, 0.1), LIMIT), decide(UNIFORMITY.of(1, 0.1), LIMIT)])
        is None
    )
    assert failing().words == Words("Flood uniformity: integral uniformity outside the limit", "泛源均匀性：积分均匀性超出限值")


@pytest.mark.parametrize(
    ("state", "act"), [(s, a) for s in sorted(STATES) for a in sorted(ACTS) if (s, a) not in LIFE_OF_A_FINDING]
)
def test_an_act_the_table_does_not_know_is_refused(state, act):
    from dataclasses import replace

    with pytest.raises(IllegalAct):
        replace(failing(), state=state).after(act)


@given(st.lists(st.sampled_from(sorted(ACTS)), max_size=30))
def test_no_walk_through_the_table_closes_a_finding_that_still_fails(acts):
    found = failing()
    for act in acts:
        try:
            found = found.after(act)
        except IllegalAct:
            continue
    assert found.state != "closed"


def test_a_passed_reinspection_closes_it():
    from dataclasses import replace

    found = failing()
    for act in ("notify", "receive", "respond", "reinspect"):
        found = found.after(act)
    again = replace(found, verdicts=(decide(UNIFORMITY.of(3, 0.1), LIMIT),))
    assert again.after("accept").state == "closed"
