"""Terms, votes and minutes: who may vote, what carries, what is locked."""

import datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from cast import centre, person, signed_in
from photopeak_centre.audit.chain import verify_chain
from photopeak_centre.campaigns.models import Campaign
from photopeak_centre.committee import deciding
from photopeak_centre.committee.demo import make, make_branch
from photopeak_centre.committee.models import Body, Expert, Meeting, Motion, Term

TODAY = datetime.date(2026, 6, 6)


@pytest.fixture
def place(database):
    return centre()


@pytest.fixture
def secretary(place):
    return person("secretary", place, "secretary")


@pytest.fixture
def body(place):
    return Body.objects.create(name_zh="专家委员会", name_en="Committee")


def member(body, name, begins=datetime.date(2025, 1, 1), ends=datetime.date(2027, 12, 31), **more):
    expert = Expert.objects.create(name_zh=name, employer="岚溪医院", **more)
    Term.objects.create(body=body, expert=expert, begins=begins, ends=ends)
    return expert


@pytest.fixture
def motion(body):
    held = timezone.make_aware(datetime.datetime(2026, 6, 6, 14))
    return Motion.objects.create(meeting=Meeting.objects.create(body=body, name_zh="会议", held=held), words="通过报告")


@pytest.mark.parametrize(
    ("yes", "no", "abstained", "outcome"),
    [
        (4, 0, 0, "no_quorum"), (5, 0, 0, "carried"), (3, 2, 0, "carried"), (3, 3, 0, "lost"), (3, 1, 2, "lost"), (0, 5, 0, "lost"),
    ],
)  # fmt: skip
def test_a_motion_carries_by_more_than_half_of_the_votes_of_more_than_half_of_the_members(
    motion, body, secretary, yes, no, abstained, outcome
):
    members = [member(body, f"委员{n}") for n in range(8)]
    for expert, choice in zip(members, ["yes"] * yes + ["no"] * no + ["abstain"] * abstained, strict=False):
        deciding.vote(motion, expert, choice)
    counted = deciding.count(motion, by=secretary)
    assert counted.outcome == outcome
    assert (counted.yes, counted.no, counted.abstained, counted.entitled) == (yes, no, abstained, 8)


def test_only_who_is_in_office_on_the_day_votes_and_each_once(motion, body, secretary):
    now, past = member(body, "在任"), member(body, "卸任", ends=datetime.date(2026, 6, 5))
    last_day = member(body, "当日", ends=TODAY)
    coming = member(body, "候任", begins=datetime.date(2026, 6, 7))
    for expert in (past, coming, None):
        with pytest.raises(deciding.NotAllowed):
            deciding.vote(motion, expert, "yes")
    for choice in ("no", "yes"):
        deciding.vote(motion, now, choice)
    deciding.vote(motion, last_day, "yes")
    assert deciding.count(motion, by=secretary).yes == 2
    for act in (lambda: deciding.vote(motion, now, "no"), lambda: deciding.count(motion, by=secretary)):
        with pytest.raises(deciding.NotAllowed):
            act()


def test_confirmed_minutes_lock_the_meeting(motion, body, secretary):
    expert = member(body, "程砚")
    with pytest.raises(deciding.NotAllowed):  # no minutes
        deciding.confirm_minutes(motion.meeting, by=secretary)
    Meeting.objects.update(minutes="纪要")
    with pytest.raises(deciding.NotAllowed):  # not counted
        deciding.confirm_minutes(motion.meeting, by=secretary)
    deciding.vote(motion, expert, "yes")
    deciding.count(motion, by=secretary)
    deciding.confirm_minutes(motion.meeting, by=secretary)
    client = signed_in(secretary)
    for name, data in (
        ("meeting_minutes", {"minutes": "别的"}), ("motion_add", {"words": "另议"}), ("meeting_present", {"present": expert.pk}),
        ("paper_add", {"name": "x", "file": SimpleUploadedFile("x.pdf", b"%PDF")}),
        ("meeting_edit", {"body": body.pk, "name_zh": "改", "held": "2026-06-07T10:00"}),
    ):  # fmt: skip
        assert client.post(reverse(name, args=[motion.meeting_id]), data).status_code in (200, 302)
    after = Meeting.objects.get()
    assert (after.minutes, after.name_zh, after.motions.count(), after.papers.count(), after.present.count()) == (
        "纪要", "会议", 1, 0, 0,
    )  # fmt: skip
    assert "confirmed" in client.get(reverse("meeting", args=[after.pk])).content.decode()
    assert verify_chain().broken_at is None


def test_a_carried_motion_becomes_a_planned_campaign_once(motion, body, secretary):
    about = {"name_zh": "下半年 PET/CT 检查", "name_en": "", "kind": "devices", "begins": "2026-07-01", "ends": "2026-12-31"}
    client, address = signed_in(secretary), reverse("motion_plan", args=[motion.pk])
    client.post(address, about)
    assert not Campaign.objects.exists()  # not carried yet
    deciding.vote(motion, member(body, "程砚"), "yes")
    deciding.count(motion, by=secretary)
    client.post(address, about | {"ends": "2026-06-01"})
    assert not Campaign.objects.exists()
    client.post(address, about)
    client.post(address, about)
    campaign = Campaign.objects.get()
    assert (campaign.state, campaign.words) == ("planned", "通过报告")
    assert Motion.objects.get().campaign == campaign


def test_a_member_votes_and_reads_but_keeps_no_books(motion, body, place):
    account = person("committee_member", place, "member")
    member(body, "程砚", account=account)
    client = signed_in(account, "zh-hans")
    assert client.post(reverse("motion_vote", args=[motion.pk]), {"choice": "yes"}).status_code == 302
    assert motion.votes.get().choice == "yes"
    page = client.get(reverse("meeting", args=[motion.meeting_id])).content.decode()
    assert "计票前可以更改" in page
    assert client.post(reverse("motion_count", args=[motion.pk])).status_code == 404
    for name in ("expert_new", "body_new", "meeting_new"):
        assert client.get(reverse(name)).status_code == 404


def test_an_expert_has_one_term_at_a_time_and_its_end_is_announced(body, secretary):
    expert = member(body, "程砚", ends=timezone.localdate() + datetime.timedelta(days=20))
    client = signed_in(secretary)
    overlapping = {"expert": expert.pk, "office": "chair", "begins": str(timezone.localdate()), "ends": "2035-01-01"}
    assert "already has a term" in client.post(reverse("term_new", args=[body.pk]), overlapping).content.decode()
    assert [term.expert for term in deciding.terms_ending(90, timezone.localdate())] == [expert]
    following = overlapping | {"begins": str(timezone.localdate() + datetime.timedelta(days=21))}
    assert client.post(reverse("term_new", args=[body.pk]), following).status_code == 302
    assert not deciding.terms_ending(90, timezone.localdate())


def test_a_paper_comes_back_as_it_was_given(motion, secretary):
    client = signed_in(secretary)
    file = SimpleUploadedFile("<b>.pdf", b"%PDF-1.7 something")
    client.post(reverse("paper_add", args=[motion.meeting_id]), {"name": "半年报告", "file": file})
    paper = motion.meeting.papers.get()
    answer = client.get(reverse("paper", args=[paper.pk]))
    assert answer.content == b"%PDF-1.7 something"
    assert answer["Content-Disposition"] == f'attachment; filename="paper-{paper.pk}.pdf"'


def test_the_demonstration_tells_the_sixth_of_june(secretary):
    body, meeting = make(2026, keeper=secretary, accounts={"沈若岚": secretary})
    assert [motion.outcome for motion in meeting.motions.all()] == ["carried", "carried"]
    assert meeting.confirmed is not None
    branch = make_branch(body, 2026, founded=datetime.date(2026, 9, 7))
    assert branch.terms.count() == 20
    offices = [term.office for term in deciding.terms_on(body, datetime.date(2026, 6, 6))]
    assert offices == ["chair", "vice_chair", "secretary"] + ["member"] * 6
    for language, words in (("en", "Half-year meeting"), ("zh-hans", "上半年专家委员会会议")):
        client = signed_in(secretary, language)
        assert words in client.get(reverse("meetings")).content.decode()
        assert client.get(reverse("body", args=[branch.pk])).status_code == 200
