"""Members on a day, votes, the count, and what a decision becomes."""

from __future__ import annotations

import datetime
from fractions import Fraction

from django.db import transaction
from django.db.models import Case, Exists, IntegerField, OuterRef, QuerySet, When
from django.utils import timezone

from photopeak_centre.accounts.models import Person
from photopeak_centre.audit.chain import record
from photopeak_centre.campaigns.models import Campaign
from photopeak_centre.committee.models import OFFICES, Body, Expert, Meeting, Motion, Term, Vote
from photopeak_centre.said import now_said

#: the committee's own rule, shown beside each count: more than half of the members in office must vote,
#: and more than half of those who voted must be in favour
QUORUM = MAJORITY = Fraction(1, 2)


class NotAllowed(Exception):
    """What cannot be done, in a sentence."""


def terms_on(body: Body, day: datetime.date) -> QuerySet[Term]:
    """The terms of a body that include this day: chair, vice-chairs, secretary, members."""
    rank = Case(*(When(office=office, then=n) for n, (office, _) in enumerate(OFFICES)), output_field=IntegerField())
    terms = body.terms.filter(begins__lte=day, ends__gte=day).select_related("expert")
    return terms.order_by(rank, "pk")


def members_on(body: Body, day: datetime.date) -> QuerySet[Expert]:
    """The experts in office on this day."""
    return Expert.objects.filter(terms__body=body, terms__begins__lte=day, terms__ends__gte=day).distinct()


def day_of(meeting: Meeting) -> datetime.date:
    return timezone.localtime(meeting.held).date()


def changeable(meeting: Meeting) -> None:
    if meeting.confirmed is not None:
        raise NotAllowed(
            now_said("The minutes are confirmed; nothing of the meeting changes any more.", "会议纪要已确认，不能再修改。")
        )


@transaction.atomic
def vote(motion: Motion, expert: Expert | None, choice: str) -> None:
    """Enter or change a member's vote while the motion is open."""
    motion = Motion.objects.select_for_update(of=("self",)).select_related("meeting__body").get(pk=motion.pk)
    changeable(motion.meeting)
    if motion.closed is not None:
        raise NotAllowed(now_said("The votes on this motion are counted.", "该议题已计票。"))
    if expert is None or not members_on(motion.meeting.body, day_of(motion.meeting)).filter(pk=expert.pk).exists():
        raise NotAllowed(now_said("Only members in office on the day of the meeting vote.", "只有会议当日在任的委员可以表决。"))
    if choice not in ("yes", "no", "abstain"):
        raise NotAllowed(now_said("Vote for, against or abstain.", "请选择赞成、反对或弃权。"))
    Vote.objects.update_or_create(motion=motion, expert=expert, defaults={"choice": choice})


@transaction.atomic
def count(motion: Motion, *, by: Person) -> Motion:
    """Close the vote and write down the numbers and the outcome."""
    motion = Motion.objects.select_for_update(of=("self",)).select_related("meeting__body").get(pk=motion.pk)
    changeable(motion.meeting)
    if motion.closed is not None:
        raise NotAllowed(now_said("The votes on this motion are counted.", "该议题已计票。"))
    of = [one.choice for one in motion.votes.all()]
    motion.yes, motion.no, motion.abstained = (of.count(choice) for choice in ("yes", "no", "abstain"))
    motion.entitled = members_on(motion.meeting.body, day_of(motion.meeting)).count()
    if len(of) <= QUORUM * motion.entitled:
        motion.outcome = "no_quorum"
    else:
        motion.outcome = "carried" if motion.yes > MAJORITY * len(of) else "lost"
    motion.closed = timezone.now()
    motion.save()
    record(
        "counted", f"motion {motion.pk}", person=by,
        outcome=motion.outcome, yes=motion.yes, no=motion.no, abstained=motion.abstained, entitled=motion.entitled,
    )  # fmt: skip
    return motion


@transaction.atomic
def confirm_minutes(meeting: Meeting, *, by: Person) -> None:
    """Lock the meeting; every motion must have been counted and minutes written."""
    meeting = Meeting.objects.select_for_update().get(pk=meeting.pk)
    changeable(meeting)
    if not meeting.minutes.strip():
        raise NotAllowed(now_said("Write the minutes first.", "请先填写会议纪要。"))
    if meeting.motions.filter(closed=None).exists():
        raise NotAllowed(now_said("Count the votes on every motion first.", "请先完成全部议题的计票。"))
    meeting.confirmed = timezone.now()
    meeting.save()
    record("minutes confirmed", f"meeting {meeting.pk}", person=by, minutes=meeting.minutes)


@transaction.atomic
def plan_from(
    motion: Motion, *, name_zh: str, name_en: str, kind: str, begins: datetime.date, ends: datetime.date, by: Person
) -> Campaign:
    """The planned campaign that a carried motion decides on; once per motion."""
    motion = Motion.objects.select_for_update().get(pk=motion.pk)
    if motion.outcome != "carried":
        raise NotAllowed(now_said("Only a carried motion becomes a campaign.", "只有通过的议题可以列入检查计划。"))
    if motion.campaign_id is not None:
        raise NotAllowed(now_said("This motion already has its campaign.", "该议题已列入检查计划。"))
    if ends < begins:
        raise NotAllowed(now_said("The campaign ends before it begins.", "结束日期早于开始日期。"))
    campaign = Campaign.objects.create(
        name_zh=name_zh, name_en=name_en, kind=kind, begins=begins, ends=ends, words=motion.words
    )
    motion.campaign = campaign
    motion.save()
    record("planned", f"campaign {campaign.pk}", person=by, motion=motion.pk)
    return campaign


def terms_ending(within_days: int, today: datetime.date) -> QuerySet[Term]:
    """Terms that end within so many days and are not followed by another."""
    until = today + datetime.timedelta(days=within_days)
    later = Term.objects.filter(body=OuterRef("body"), expert=OuterRef("expert"), begins__gt=OuterRef("begins"))
    ending = Term.objects.filter(ends__gte=today, ends__lte=until).exclude(Exists(later))
    return ending.select_related("body", "expert").order_by("ends")
