"""Working days by the official calendars: make-up workdays count, holidays do not, an unknown year says so."""

import datetime

import pytest

from photopeak_centre.findings.models import CalendarYear
from photopeak_centre.findings.working_days import (
    calendar_of,
    is_working_day,
    missing_words,
    missing_years,
    shipped,
    working_days_after,
    working_days_between,
)

DAY = datetime.date.fromisoformat


def known(year):
    return shipped().get(year)


def test_each_shipped_year_has_the_days_its_notice_counts():
    """As the notices say: 2025: 1 + 8 + 3 + 5 + 3 + 8 days off, 5 worked; 2026: 3 + 9 + 3 + 5 + 3 + 3 + 7 days off, 6 worked."""
    assert {year: (len(one.off), len(one.work)) for year, one in shipped().items()} == {2025: (28, 5), 2026: (33, 6)}
    for one in shipped().values():
        assert str(one.year) in one.source
        assert one.read_at.startswith("https://")
        assert all(day.weekday() >= 5 and day not in one.off for day in one.work)
        assert {day.year for day in one.off} == {one.year}


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-01-04", True), ("2026-02-14", True), ("2026-02-28", True), ("2026-05-09", True), ("2026-09-20", True), ("2026-10-10", True),
        ("2026-02-23", False), ("2026-02-24", True), ("2026-10-07", False), ("2026-10-08", True), ("2026-03-07", False), ("2025-10-08", False),
        ("2025-10-11", True), ("2025-10-09", True),
    ],
)  # fmt: skip
def test_a_day_is_worked_as_the_notice_says(day, works):
    assert is_working_day(DAY(day), known) is works


@pytest.mark.parametrize(
    ("day", "days", "after"),
    [
        ("2026-05-21", 30, "2026-07-03"),  # 端午节 19 June off
        ("2026-02-13", 2, "2026-02-24"),  # Saturday 14 February is worked, then nine days off
        ("2025-12-31", 1, "2026-01-04"),  # over the year's end into a worked Sunday
        ("2026-09-30", 1, "2026-10-08"),
        ("2026-03-02", 0, "2026-03-02"),
    ],
)
def test_days_are_counted_from_the_next_working_day(day, days, after):
    assert working_days_after(DAY(day), days, known) == DAY(after)
    assert working_days_between(DAY(day), DAY(after), known) == days
    assert working_days_between(DAY(after), DAY(day), known) == -days


def test_a_year_nobody_entered_counts_weekends_only_and_is_named():
    assert not is_working_day(DAY("2031-05-03"), known)
    assert is_working_day(DAY("2031-05-01"), known)
    assert missing_years(DAY("2026-12-01"), DAY("2027-01-10"), known) == [2027]
    assert missing_words(2027).en == "calendar of 2027 missing: weekends only"
    assert "2027" in missing_words(2027).zh


def test_what_the_centre_entered_takes_the_place_of_what_is_shipped(database):
    CalendarYear.objects.create(year=2026, source="示例", off={"2026-03-02": "示例日"}, work=["2026-03-07"])
    assert not is_working_day(DAY("2026-03-02"))
    assert is_working_day(DAY("2026-03-07"))
    assert is_working_day(DAY("2026-05-01"))
    assert calendar_of(2025) == shipped()[2025]
