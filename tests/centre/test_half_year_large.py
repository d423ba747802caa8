"""The report of a thousand hospitals is built in less than a minute, and says where it is."""

import importlib.util
import time
from pathlib import Path

from photopeak_centre.half_year import keeping
from photopeak_centre.half_year.periods import Period

spec = importlib.util.spec_from_file_location("region_report", Path(__file__).parents[2] / "benchmarks" / "region_report.py")
region_report = importlib.util.module_from_spec(spec)
spec.loader.exec_module(region_report)


def test_a_thousand_hospitals_take_less_than_a_minute(database):
    made = region_report.make(1000, 2026)
    steps = []
    begun = time.process_time()  # the work itself: others on the machine do not count
    report = keeping.draft(Period(2026, 1), told=lambda *step: steps.append(step))
    files = keeping.files(report, lambda *step: steps.append(step))
    assert time.process_time() - begun < 60
    annex = next(one for one in report.numbers["sections"] if one["key"] == "annex")
    assert annex["numbers"]["hospitals"]["n"] == len(annex["tables"][0]["rows"]) == made["hospitals"] == 1000
    assert [step for step in steps if step[1] == step[2]] == [("gather", 12, 12), ("typeset", 5, 5)]
    assert all(len(data) > 50_000 for data in files.values())
