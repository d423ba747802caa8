"""The demonstration's course of the eighth of June: bone density and fracture risk in primary care, over two hundred participants."""

from __future__ import annotations

import datetime
import random

from django.utils import timezone

from photopeak_centre.courses import taking
from photopeak_centre.courses.models import Attendance, Course, Question, Registration, Session, Sitting

PROGRAMME = (
    ("08:30", "10:00", "骨质疏松的流行病学与骨折风险评估", "韩牧之"), ("10:15", "11:45", "双能X线骨密度仪的质量控制与精密度", "程砚"),
    ("13:30", "15:00", "骨代谢标志物与免疫分析", "苏映雪"), ("15:15", "16:45", "社区转诊、随访与健康管理", "叶知秋"),
)  # fmt: skip
QUESTIONS = (
    ("WHO 骨质疏松诊断中，T 值的界限是", ("≤ −2.5", "≤ −1.0", "≤ −3.5", "≤ 0"), (0,)),
    ("骨密度复查时，判断真实变化应依据", ("最小有意义变化（LSC）", "任何数值变化", "T 值四舍五入"), (0,)),
    ("骨密度仪体模质控发现阶跃，应当", ("停用并查找原因", "重做交叉校准后再用", "继续使用"), (0, 1)),
)  # fmt: skip
SURNAMES, GIVEN = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨", ("文", "静", "敏", "嘉", "雨", "思远", "宁", "一诺", "晨", "若水")
LEVELS = (("community", "社区卫生服务中心", 120), ("secondary", "二级医院", 56), ("tertiary", "三级医院", 32))


def make(year: int, *, seed: int = 8) -> Course:
    """The finished course with its 208 participants, their attendance and scores; `taking.issue_certificates` gives the certificates."""
    draw = random.Random(seed)
    day = datetime.date(year, 6, 8)
    course = Course.objects.create(
        name_zh="核医学在骨质疏松症防治与健康管理中的应用",
        name_en="Nuclear medicine in prevention, diagnosis, treatment and health management of osteoporosis",
        project=f"{year}-09-01-018", begins=day, ends=day, place="听潮区中心医院", credits="3.0", capacity=260, state="open",
    )  # fmt: skip
    sessions = [
        Session.objects.create(course=course, begins=_at(day, begins), ends=_at(day, ends), words=words, lecturer=lecturer)
        for begins, ends, words, lecturer in PROGRAMME
    ]
    for words, choices, right in QUESTIONS:
        Question.objects.create(course=course, words=words, choices=list(choices), right=list(right))
    questions = list(course.questions.all())
    Registration.objects.bulk_create(
        Registration(
            course=course, name=draw.choice(SURNAMES) + draw.choice(GIVEN), employer=f"听潮区{n % 40 + 1:02}号{kind}", level=level,
            code="".join(draw.choice(taking.ALPHABET) for _ in range(taking.CODE_LENGTH)),
        )
        for level, kind, many in LEVELS
        for n in range(many)
    )  # fmt: skip
    people = list(course.registrations.order_by("pk"))
    here, sat = [], []
    for one in people:
        missed = draw.choice((None,) * 8 + tuple(sessions)) if draw.random() < 0.25 else None
        here += [Attendance(registration=one, session=s, at=s.begins) for s in sessions if s != missed]
        answers = [
            {"question": q.pk, "words": q.words, "right": q.right, "chosen": q.right if draw.random() < 0.9 else [2]}
            for q in questions
        ]
        right = sum(a["chosen"] == a["right"] for a in answers)
        sat.append(Sitting(registration=one, answers=answers, percent=100 * right / len(questions), at=sessions[-1].ends))
    Attendance.objects.bulk_create(here)
    Sitting.objects.bulk_create(sat)
    Course.objects.filter(pk=course.pk).update(state="closed")
    course.refresh_from_db()
    return course


def _at(day: datetime.date, clock: str) -> datetime.datetime:
    return timezone.make_aware(datetime.datetime.combine(day, datetime.time.fromisoformat(clock)))
