"""The demonstration: two of its four devices have the faults they were given, and the others are not accused."""

from collections import Counter

import pytest

from photopeak.demo import check_sample, make_sample
from photopeak.present.report import write_report


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    return check_sample(make_sample(tmp_path_factory.mktemp("demo")))


def outcomes(checked, serial):
    (one,) = (one for one in checked.examined if one.evidence.about.serial == serial)
    return Counter(verdict.outcome for verdict in one.verdicts)


def test_the_dead_tube_and_the_wrong_calibration_are_found_and_nobody_else_fails(checked):
    failing = {one.evidence.about.serial for one in checked.examined if one.finding is not None}
    assert failing == {"20418", "L6-0021"}
    assert outcomes(checked, "20417") == {"pass": 8, "not_assessed": 2}
    assert checked.unread == ()


def test_the_dead_tube_fails_on_its_own_detector_only(checked):
    (camera,) = (one for one in checked.examined if one.evidence.about.serial == "20418")
    assert {v.measurement.where["detector"] for v in camera.verdicts if v.outcome == "fail"} == {2}


def test_the_first_page_names_the_device_of_what_failed(checked, tmp_path):
    files = write_report(checked, tmp_path, language="en")
    page = files.html.read_text("utf-8")
    assert "Meridian NM-640 · SN 20418: detector 2 · UFOV integral uniformity is" in page
