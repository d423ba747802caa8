"""A finding moves by `act` alone: along the table, by a role that may, with its grounds; nothing closes without a passed re-inspection."""

import datetime
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction
from django.utils import timezone

import cast as people
from cast import make_device, make_result, person
from photopeak.finding import ACTS, LIFE_OF_A_FINDING, STATES, IllegalAct
from photopeak.words import Words
from photopeak_centre.audit.models import Entry
from photopeak_centre.checks.models import Result
from photopeak_centre.evidence.models import Study
from photopeak_centre.findings.life import WHO, act, possible, raise_for_result, raise_from
from photopeak_centre.findings.models import Act, Finding, Practice
from photopeak_centre.hospitals.models import Organisation

RESPONSE = {"cause": "光电倍增管老化", "measure": "更换", "person": "陆予宁", "date": "2026-03-20"}
FLOOD = "gamma_camera.flood_uniformity"


class Stage:
    """A hospital with a device that failed, and the people whose acts move its finding."""

    def __init__(self):
        centre = people.centre()
        self.hospital = Organisation.objects.create(kind="hospital", name_zh="岚溪医院", name_en="Lanxi Hospital")
        self.director = person("director", centre)
        self.secretary = person("secretary", centre)
        self.inspector = person("inspector", centre)
        self.physicist = person("hospital_physicist", self.hospital)
        self.device = make_device(self.hospital)
        self.study = Study.objects.create(organisation=self.hospital, uid="1.2.3", device=self.device)
        self.now = timezone.now() - datetime.timedelta(days=200)

    def result(self, value, outcome, *, device=None, procedure=FLOOD, at=None):
        made = make_result(device or self.device, self.study, value, outcome)
        Result.objects.filter(pk=made.pk).update(acquired=at or self.later(), procedure=procedure)
        made.refresh_from_db()
        return made

    def later(self, hours=3):
        self.now += datetime.timedelta(hours=hours)
        return self.now

    def raised(self):
        return raise_for_result(self.result(6.2, "fail"), self.inspector, at=self.later())

    def do(self, finding, name, **more):
        by = {"receive": self.physicist, "respond": self.physicist, "appeal": self.physicist, "reinspect": self.inspector}
        return act(finding, name, by=by.get(name, self.director), at=self.later(), **more)

    def responded(self):
        finding = self.raised()
        for name in ("notify", "receive"):
            self.do(finding, name)
        self.do(finding, "respond", detail=RESPONSE)
        return finding


@pytest.fixture
def stage(database):
    return Stage()


def test_a_failing_result_raises_one_finding_with_its_frozen_verdicts(stage):
    result = stage.result(6.2, "fail")
    finding = raise_for_result(result, stage.inspector)
    assert (finding.state, finding.source, finding.device, finding.procedure) == ("raised", "test", stage.device, FLOOD)
    (verdict,) = finding.verdicts
    assert (verdict["value"], verdict["uncertainty"], verdict["criterion"]["standard"]) == (6.2, 0.1, "EX 1")
    assert raise_for_result(result, stage.director) == finding
    assert Finding.objects.count() == 1
    assert finding.words_zh == "泛源均匀性：积分均匀性超出限值"
    assert [one.act for one in finding.acts.all()] == ["raise"]


def test_a_newer_analysis_of_the_same_images_raises_no_second_finding(stage):
    old, new = stage.result(6.2, "fail"), stage.result(6.3, "fail")
    finding = raise_for_result(old, stage.inspector)
    Result.objects.filter(pk=old.pk).update(superseded_by=new)
    assert raise_for_result(new, stage.inspector) == finding


@pytest.mark.parametrize("outcome", ["pass", "undecided"])
def test_what_did_not_fail_raises_nothing(stage, outcome):
    with pytest.raises(IllegalAct):
        raise_for_result(stage.result(4.9, outcome), stage.inspector)


def test_from_a_failing_result_to_a_closed_finding(stage):
    finding = stage.responded()
    again = stage.result(2.0, "pass")
    reinspected = stage.do(finding, "reinspect", result=again, detail={"on": "site"})
    assert reinspected.detail["passed"] is True
    stage.do(finding, "accept")
    assert finding.state == "closed"
    assert finding.closed is not None
    assert finding.due is None
    assert [one.act for one in finding.acts.order_by("at")] == ["raise", "notify", "receive", "respond", "reinspect", "accept"]
    entries = Entry.objects.filter(about=f"finding {finding.pk}").order_by("number")
    assert [one.act for one in entries] == ["finding raised", *(f"finding {a}" for a in ("notify", "receive", "respond", "reinspect", "accept"))]  # fmt: skip


def test_the_limit_of_the_notice_holds_though_the_device_has_been_given_another(stage):
    finding = stage.responded()
    again = stage.result(5.6, "pass")  # judged by a limit that was widened meanwhile
    again.judgements.update(criterion={**again.judgements.get().criterion, "upper": 8.0})
    assert stage.do(finding, "reinspect", result=again).detail["passed"] is False
    with pytest.raises(IllegalAct, match="did not pass"):
        stage.do(finding, "accept")
    assert stage.do(finding, "reject", words="仍超限").after == "notified"


@pytest.mark.parametrize("what", ["other device", "other procedure", "before the response", "rejected", "superseded", "none"])
def test_a_reinspection_by_something_else_is_refused(stage, what):
    before = stage.later()
    finding = stage.responded()
    given = {
        "other device": lambda: stage.result(2.0, "pass", device=make_device(stage.hospital, "Z")),
        "other procedure": lambda: stage.result(2.0, "pass", procedure="gamma_camera.bar_pattern"),
        "before the response": lambda: stage.result(2.0, "pass", at=before),
        "rejected": lambda: stage.result(2.0, "pass"),
        "superseded": lambda: stage.result(2.0, "pass"),
        "none": lambda: None,
    }[what]()
    if what == "rejected":
        given.review = "rejected"
    if what == "superseded":
        given.superseded_by_id = given.pk
    with pytest.raises(IllegalAct) as refused:
        stage.do(
            finding, "reinspect", result=given, detail={"verdicts": [{"outcome": "pass", "quantity": "integral_uniformity"}]}
        )
    assert refused.value.words.en
    assert refused.value.words.zh
    finding.refresh_from_db()
    assert finding.state == "responded"


def test_a_checklist_is_reinspected_item_by_item(stage):
    items = [
        {
            "outcome": "fail", "name": {"en": f"item {n}", "zh": f"第{n}项"}, "quantity": f"item_{n}", "where": {}, "value": None, "unit": "",
            "uncertainty": None, "criterion": {"standard": "checklist", "edition": "2026", "clause": str(n)}, "judgement": None,
        }
        for n in (1, 2)
    ]  # fmt: skip
    finding = raise_from(
        organisation=stage.hospital, source="visit", procedure="visit.devices", words=Words("x", "某"), verdicts=items,
        by=stage.inspector, at=stage.later(),
    )  # fmt: skip
    stage.do(finding, "notify")
    stage.do(finding, "receive")
    stage.do(finding, "respond", detail=RESPONSE)
    half = stage.do(finding, "reinspect", detail={"on": "paper", "verdicts": [{**items[0], "outcome": "pass"}]})
    assert half.detail["passed"] is False
    assert half.detail["verdicts"][0]["name"] == {"en": "item 1", "zh": "第1项"}
    stage.do(finding, "reject", words="第二项未答复")
    stage.do(finding, "receive")
    stage.do(finding, "respond", detail=RESPONSE)
    whole = stage.do(finding, "reinspect", detail={"on": "site", "verdicts": [{**one, "outcome": "pass"} for one in items]})
    assert whole.detail["passed"] is True
    assert stage.do(finding, "accept").after == "closed"


def test_no_notice_without_a_cited_criterion(stage):
    bare = {"outcome": "fail", "name": {"en": "x", "zh": "某"}, "quantity": "x", "where": {}, "value": None, "criterion": None}
    finding = raise_from(
        organisation=stage.hospital, source="visit", procedure="v", words=Words("x", "某"), verdicts=[bare], by=stage.inspector,
        at=stage.later(),
    )  # fmt: skip
    with pytest.raises(IllegalAct, match="criterion"):
        stage.do(finding, "notify")
    assert stage.do(finding, "withdraw", words="依据不足").after == "withdrawn"


@pytest.mark.parametrize("missing", ["cause", "measure", "person", "date"])
def test_a_response_says_cause_measure_person_and_date(stage, missing):
    finding = stage.raised()
    stage.do(finding, "notify")
    stage.do(finding, "receive")
    with pytest.raises(IllegalAct):
        stage.do(finding, "respond", detail={**RESPONSE, missing: " "})


def test_roles_do_their_own_acts_only_and_only_at_their_own_hospital(stage):
    finding = stage.raised()
    stranger = person("hospital_physicist", Organisation.objects.create(kind="hospital", name_zh="望湖医院"))
    for name, by in (("notify", stage.secretary), ("notify", stage.physicist), ("withdraw", stage.inspector)):
        with pytest.raises(IllegalAct, match="role"):
            act(finding, name, by=by, words="x")
    stage.do(finding, "notify")
    with pytest.raises(IllegalAct, match="role"):
        act(finding, "receive", by=stranger)
    assert possible(finding, stage.physicist) == ["receive"]
    assert possible(finding, stage.director) == ["receive", "withdraw", "escalate"]  # its deadline lies in the past by now


def test_what_was_not_answered_is_reported_only_when_its_deadline_has_passed(stage):
    finding = stage.raised()
    stage.do(finding, "notify")
    with pytest.raises(IllegalAct, match="deadline has not passed"):
        stage.do(finding, "escalate", words="逾期")
    stage.now += datetime.timedelta(days=90)
    assert stage.do(finding, "escalate", words="逾期未反馈").after == "escalated"
    assert stage.do(finding, "notify").after == "notified"


def test_an_objection_has_its_own_deadline_and_gives_the_days_back(stage):
    finding = stage.raised()
    stage.do(finding, "notify")
    stage.do(finding, "receive")
    due = finding.due
    stage.do(finding, "appeal", words="泛源未居中")
    assert finding.state == "appealed"
    assert finding.due < due
    stage.now += datetime.timedelta(days=14)
    stage.do(finding, "uphold", words="图像居中")
    assert finding.due > due
    stage.now += datetime.timedelta(days=20)
    with pytest.raises(IllegalAct, match="Objections could be made until"):
        stage.do(finding, "appeal", words="再次")


def test_acts_follow_one_another_and_none_lies_in_the_future(stage):
    finding = stage.raised()
    stage.do(finding, "notify")
    with pytest.raises(IllegalAct, match="before the last act"):
        act(finding, "receive", by=stage.physicist, at=finding.raised - datetime.timedelta(hours=1))
    with pytest.raises(IllegalAct, match="future"):
        act(finding, "receive", by=stage.physicist, at=timezone.now() + datetime.timedelta(days=1))


def test_a_deadline_follows_the_practice_in_working_days(stage):
    Practice.objects.create(pk=1, days_to_respond=3)
    stage.now = datetime.datetime(2026, 9, 18, 1, tzinfo=datetime.UTC)  # a Friday; Sunday the 20th is worked, 25-27 are off
    finding = raise_for_result(stage.result(6.2, "fail"), stage.inspector, at=stage.now)
    act(finding, "notify", by=stage.director, at=stage.now)
    assert finding.due == datetime.date(2026, 9, 22)


def walk(stage, rng, steps):
    """Random acts by random people with random grounds; the rules are said without the table."""
    finding = stage.raised()
    staff = [stage.director, stage.secretary, stage.inspector, stage.physicist]
    for _ in range(steps):
        known = [name for state, name in LIFE_OF_A_FINDING if state == finding.state]
        name = rng.choice([*known, *known, rng.choice(sorted(ACTS))])
        result = None
        if name == "reinspect":
            value, outcome = rng.choice([(2.0, "pass"), (2.0, "pass"), (4.95, "undecided"), (9.0, "fail")])
            result = stage.result(value, outcome, procedure=rng.choice([FLOOD, FLOOD, "x.y"]))
        who = rng.choice(staff) if rng.random() < 0.3 else next(p for p in staff if any(p.may(one) for one in WHO[name]))
        before = (finding.state, finding.acts.count())
        detail = RESPONSE if rng.random() < 0.8 else {}
        try:
            made = act(
                finding, name, by=who, words=rng.choice(["为何", "为何", ""]), detail=detail, result=result, at=stage.later()
            )
        except IllegalAct:
            finding.refresh_from_db()
            assert (finding.state, finding.acts.count()) == before
            continue
        assert (made.before, made.after) == (before[0], finding.state)
        assert any(who.may(one) for one in WHO[name])
        if finding.state == "closed":
            last = finding.acts.filter(act="reinspect").order_by("-at").first()
            assert last.result.acquired > finding.acts.filter(act="respond").order_by("-at").first().at
            assert last.result.procedure == finding.procedure
            assert last.result.measurements.get().value == 2.0
        yield finding.state


def test_random_walks_in_the_database_keep_the_rules(stage, request):
    rng, seen = random.Random(7), {"raised"}
    for _ in range(400 if request.config.getoption("--full") else 24):
        with transaction.atomic():
            stage.now = timezone.now() - datetime.timedelta(days=300)
            seen.update(walk(stage, rng, 18))
            transaction.set_rollback(True)
    assert seen >= set(STATES) - {"withdrawn"}


def test_of_two_decisions_at_once_one_stands(committed):
    stage = Stage()
    finding = stage.responded()
    stage.do(finding, "reinspect", result=stage.result(2.0, "pass"))

    def decide(name):
        try:
            return act(Finding.objects.get(pk=finding.pk), name, by=stage.director, words="x", before="reinspected").act
        except IllegalAct:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        done = [one for one in pool.map(decide, ["accept", "reject", "escalate", "accept"]) if one]
    assert len(done) == 1
    assert Act.objects.filter(finding=finding, before="reinspected").count() == 1
