"""A course from registration to certificate: codes, the door, the examination, credits, and what is refused."""

import datetime
import io
import re
import time
from urllib.parse import parse_qs, urlsplit

import numpy as np
import openpyxl
import pypdfium2
import pytest
import zxingcpp
from django.core import signing
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from cast import centre, person, signed_in
from photopeak_centre.courses import taking
from photopeak_centre.courses.demo import make
from photopeak_centre.courses.models import Attendance, Course, Question, Registration, Session

NOW = timezone.make_aware(datetime.datetime(2026, 6, 8, 9, 0))


@pytest.fixture
def secretary(database):
    return person("secretary", centre(), "secretary")


@pytest.fixture
def course(secretary):
    day = NOW.date()
    made = Course.objects.create(
        name_zh="骨密度培训", name_en="Bone density", begins=day, ends=day, state="open", credits="3.0"
    )
    for hours in (0, 2, 4, 6, 8):
        begins = NOW + datetime.timedelta(hours=hours)
        Session.objects.create(course=made, begins=begins, ends=begins + datetime.timedelta(hours=1), words=f"课 {hours}")
    return made


def joined(course, name="陈晨", **about):
    return taking.register(course, name=name, employer=about.pop("employer", "岚溪医院"), level="tertiary", **about)


def attend_all(one, sessions):
    for session in sessions:
        taking.attend(taking.attendance_token(session), one.code, now=session.begins)


def test_a_participant_registers_by_the_key_of_an_open_course_only(course):
    client, address = Client(), reverse("course_join")
    about = {"name": "陈晨", "employer": "岚溪医院", "level": "community", "title": ""}
    key = taking.invitation(course)
    page = client.post(f"{address}?course={key}", about).content.decode()
    one = Registration.objects.get()
    assert one.code in page
    assert len(one.code) == 8
    again = client.post(f"{address}?course={key}", about).content.decode()
    assert "该学员已报名" in again
    assert "已报名" not in client.post(f"{address}?course={key}x", about).content.decode()
    Course.objects.update(state="closed")
    assert "报名链接无效" in client.post(f"{address}?course={key}", about | {"name": "别人"}).content.decode()
    assert Registration.objects.count() == 1


def test_a_full_course_takes_nobody_and_a_cancelled_place_is_free(course):
    Course.objects.update(capacity=1)
    first = joined(course)
    with pytest.raises(taking.NotTaken):
        joined(course, "别人")
    Registration.objects.filter(pk=first.pk).update(cancelled=timezone.now())
    assert joined(course, "别人").pk
    assert taking.participant(first.code) is None


def test_attendance_needs_the_code_of_the_moment_the_hour_and_the_course(course, monkeypatch):
    one, session = joined(course), course.sessions.first()
    token = taking.attendance_token(session)
    for late in (NOW + datetime.timedelta(hours=1, minutes=31), NOW - datetime.timedelta(minutes=31)):
        with pytest.raises(taking.NotTaken, match=r"签到时间|taken now"):
            taking.attend(token, one.code, now=late)
    for wrong in ("XXXXXXXX", "", one.code[:-1]):
        with pytest.raises(taking.NotTaken):
            taking.attend(token, wrong, now=NOW)
    with pytest.raises(taking.NotTaken):
        taking.attend(token + "x", one.code, now=NOW)
    with pytest.raises(taking.NotTaken):
        taking.attend(signing.TimestampSigner(salt="other").sign(str(session.pk)), one.code, now=NOW)
    taking.attend(token, one.code.lower()[:4] + " " + one.code[4:], now=NOW)
    taking.attend(token, one.code, now=NOW)
    assert Attendance.objects.count() == 1
    then = time.time()
    monkeypatch.setattr("django.core.signing.time.time", lambda: then + taking.TOKEN_LIVES_S + 5)
    with pytest.raises(taking.NotTaken, match=r"失效|expired"):
        taking.attend(token, one.code, now=NOW)
    other = Course.objects.create(name_zh="另一课", begins=NOW.date(), ends=NOW.date(), state="open")
    with pytest.raises(taking.NotTaken):
        taking.attend(taking.attendance_token(session), joined(other).code, now=NOW)


@pytest.mark.parametrize(
    ("attended", "right", "earned"), [(5, 5, True), (4, 3, True), (3, 5, False), (5, 2, False), (0, 0, False)]
)
def test_credits_need_four_of_five_sessions_and_three_of_five_answers(course, attended, right, earned):
    for n in range(5):
        Question.objects.create(course=course, words=f"题 {n}", choices=["甲", "乙", "丙"], right=[1, 2] if n == 0 else [1])
    one, sessions = joined(course), list(course.sessions.all())
    attend_all(one, sessions[:attended])
    questions = list(course.questions.all())
    answers = {q.pk: (list(reversed(q.right)) if n < right else [0, 1]) for n, q in enumerate(questions)}
    with pytest.raises(taking.NotTaken):
        taking.examine(one, answers, now=NOW)  # before the last session
    sitting = taking.examine(one, answers, now=sessions[-1].begins)
    assert sitting.percent == pytest.approx(20.0 * right)
    assert taking.standing(one).earned is earned
    taking.examine(one, {}, now=sessions[-1].begins)
    assert taking.standing(one).earned is earned  # the better attempt counts
    with pytest.raises(taking.NotTaken):
        taking.examine(one, answers, now=sessions[-1].begins)


def test_certificates_are_numbered_without_gaps_and_can_be_checked(course, secretary):
    sessions = list(course.sessions.all())
    people = [joined(course, f"学员{n}") for n in range(4)]
    for one in people[:1] + people[2:]:
        attend_all(one, sessions)
    with pytest.raises(taking.NotTaken):
        taking.issue_certificates(course, by=secretary, address="http://x/")
    Course.objects.update(state="closed")
    assert taking.issue_certificates(course, by=secretary, address="http://x/certificates/check/") == 3
    assert taking.issue_certificates(course, by=secretary, address="http://x/certificates/check/") == 0
    numbers = [one.certificate for one in course.registrations.order_by("pk")]
    assert numbers == [f"2026-{course.pk:04}-0001", "", f"2026-{course.pk:04}-0002", f"2026-{course.pk:04}-0003"]
    one = course.registrations.get(name="学员2")
    digest = taking.hash_of(one)
    client = signed_in(secretary, "zh-hans")
    answer = client.get(reverse("registration_certificate", args=[one.pk]))
    text = pypdfium2.PdfDocument(answer.content)[0].get_textpage().get_text_bounded()
    assert "学员2" in text.replace(" ", "")
    assert one.certificate in text
    assert digest[:32] in text
    picture = pypdfium2.PdfDocument(answer.content)[0].render(scale=3).to_numpy()
    (printed,) = zxingcpp.read_barcodes(np.ascontiguousarray(picture[..., 0]))
    asked = parse_qs(urlsplit(printed.text).query)
    assert taking.check_certificate(asked["number"][0], asked["hash"][0]) == one
    check = Client()
    good = check.get(reverse("certificate_check"), {"number": one.certificate, "hash": digest[:12]}).content.decode()
    assert "学员2" in good
    for number, given in ((one.certificate, digest[:11]), (one.certificate, "0" * 64), (numbers[0], digest)):
        assert "学员" not in check.get(reverse("certificate_check"), {"number": number, "hash": given}).content.decode()
    Registration.objects.filter(pk=one.pk).update(name="冒名")
    assert taking.check_certificate(one.certificate, digest) is None


def test_the_code_at_the_door_opens_the_page_that_enters_attendance(course, secretary):
    session = course.sessions.first()
    Session.objects.filter(pk=session.pk).update(begins=timezone.now(), ends=timezone.now() + datetime.timedelta(hours=1))
    page = signed_in(secretary).get(reverse("session_door", args=[session.pk])).content.decode()
    assert '<div class="qr" role="img"' in page
    one = joined(course)
    address = f"{reverse('course_attend')}?t={taking.attendance_token(session)}"
    done = Client().post(address, {"code": one.code}).content.decode()
    assert "陈晨" in done
    assert Attendance.objects.get().registration == one


def test_a_hospital_sees_its_own_participants_and_the_centre_all(course, secretary):
    from photopeak_centre.hospitals.models import Organisation

    own = Organisation.objects.create(kind="hospital", name_zh="岚溪医院")
    joined(course, "自家", organisation=own)
    joined(course, "别家", employer="望湖医院", organisation=Organisation.objects.create(kind="hospital", name_zh="望湖医院"))
    joined(course, "社区", employer="社区")
    address = reverse("course", args=[course.pk])
    director = signed_in(person("hospital_director", own), "zh-hans").get(address).content.decode()
    assert "自家" in director
    assert "别家" not in director
    assert "社区" not in re.sub(r"社区卫生服务中心", "", director)
    everybody = signed_in(secretary).get(address).content.decode()
    assert all(name in everybody for name in ("自家", "别家", "社区"))


def test_participants_go_to_excel_as_texts_never_as_formulas(course, secretary):
    joined(course, "=HYPERLINK(1)", employer="+cmd", title="@x")
    answer = signed_in(secretary).get(reverse("course_export", args=[course.pk]))
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert [sheet.cell(2, column).value for column in (1, 2, 4)] == ["=HYPERLINK(1)", "+cmd", "@x"]
    assert all(sheet.cell(2, column).data_type in ("s", "n") for column in range(1, 9))


def test_the_centre_runs_a_course_in_the_browser(secretary):
    client = signed_in(secretary)
    about = {
        "name_zh": "骨密度培训", "begins": "2026-06-08", "ends": "2026-06-08", "credits": "3", "capacity": 200, "attendance_percent": 80,
        "pass_percent": 60,
    }  # fmt: skip
    assert client.post(reverse("course_new"), about | {"ends": "2026-06-01"}).status_code == 200
    assert not Course.objects.exists()
    client.post(reverse("course_new"), about)
    course = Course.objects.get()
    session = {"begins": "2026-06-08T08:30", "ends": "2026-06-08T10:00", "words": "质控"}
    client.post(reverse("session_new", args=[course.pk]), session)
    client.post(reverse("question_new", args=[course.pk]), {"words": "T 值", "choices": "*≤ −2.5\n≤ −1.0"})
    client.post(reverse("question_new", args=[course.pk]), {"words": "无正确项", "choices": "甲\n乙"})
    assert [question.right for question in course.questions.all()] == [[0]]
    client.post(reverse("course_state", args=[course.pk]), {"state": "closed"})  # not from planned
    course.refresh_from_db()
    assert course.state == "planned"
    client.post(reverse("course_state", args=[course.pk]), {"state": "open"})
    page = client.get(reverse("course", args=[course.pk])).content.decode()
    link = re.search(r'href="(http[^"]*/join/[^"]*)"', page).group(1)
    assert taking.invited(parse_qs(urlsplit(link.replace("&amp;", "&")).query)["course"][0]) == course
    code = joined(course).code
    client.post(reverse("session_by_hand", args=[course.sessions.get().pk]), {"codes": f"{code} NOBODY"})
    assert Attendance.objects.get().by_hand
    examined = Client(headers={"accept-language": "en"})
    first = examined.post(reverse("course_examination"), {"code": code}).content.decode()
    assert "−2.5" in first
    question = course.questions.get()
    scored = examined.post(reverse("course_examination"), {"code": code, "answered": "1", f"q{question.pk}": "0"})
    assert "100" in scored.content.decode()
    client.post(reverse("question_remove", args=[question.pk]))
    assert course.questions.exists()


def test_guessing_codes_is_stopped(course):
    client = Client()
    for _ in range(70):
        answer = client.post(f"{reverse('course_examination')}", {"code": "WRONGONE"})
    assert "尝试次数过多" in answer.content.decode()


def test_the_demonstration_has_over_two_hundred_participants(secretary):
    course = make(2026)
    assert course.registrations.count() == 208
    assert sum(taking.standing(one).earned for one in course.registrations.all()) > 150
    assert signed_in(secretary).get(reverse("course", args=[course.pk])).status_code == 200
