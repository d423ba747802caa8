"""SPECT calibration factor: an exact source, decay, coverage and refusals."""

import math

import numpy as np
import pytest

from photopeak.procedure import Refused

HEAD = "photopeak_counts,duration_s,activity_mbq,nuclide,assayed_at,started_at"


def test_a_source_of_known_truth_gives_its_factor(measured, value_of):
    """Truth: 9.5 counts/s/MBq; 400 MBq of 99mTc assayed two hours before a 30 min acquisition."""
    rate = math.log(2) / (6.015 * 3600)
    mean = 400 * math.exp(-rate * 7200) * (1 - math.exp(-rate * 1800)) / (rate * 1800)
    text = f"{HEAD}\n{9.5 * mean * 1800!r},1800,400,Tc-99m,2026-05-14 08:00,2026-05-14 10:00"
    found = value_of(measured("spect_calibration", text), "calibration_factor")
    assert found.value == pytest.approx(9.5, rel=1e-4)
    assert value_of(measured("spect_calibration", text), "mean_activity").value == pytest.approx(mean, rel=1e-4)


def test_the_stated_uncertainty_holds_the_truth(measured, value_of):
    """Counts drawn by Poisson, the activity read with a standard uncertainty of 1.5 %."""
    generator, inside = np.random.default_rng(7), 0
    for _ in range(300):
        counts = generator.poisson(9.5 * 100 * 60)
        activity = 100 * (1 + 0.015 * generator.standard_normal())
        text = f"photopeak_counts,duration_s,activity_mbq,activity_mbq_u\n{counts},60,{activity!r},{0.015 * activity!r}"
        found = value_of(measured("spect_calibration", text), "calibration_factor")
        inside += abs(found.value - 9.5) <= 2 * found.uncertainty
    assert 0.915 <= inside / 300 <= 0.985


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{HEAD}\n1000,60,100,Tc-99m,2026-05-14 10:00,2026-05-14 08:00", "before_assay"),
        (f"{HEAD}\n1000,60,100,Xx-9,2026-05-14 08:00,2026-05-14 10:00", "unknown_nuclide"),
        ("photopeak_counts,duration_s,activity_mbq\n1000,0,100", "impossible_value"),
        (
            "photopeak_counts,duration_s,activity_mbq,lower_counts,lower_width_kev,photopeak_width_kev\n100,60,10,90,4,40",
            "no_primary_counts",
        ),
        ("photopeak_counts,duration_s,activity_mbq,lower_counts\n100,60,10,9", "input_missing"),
    ],
)
def test_impossible_calibrations_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("spect_calibration", text)
    assert refused.value.code == code
    assert refused.value.words.zh


def test_what_was_not_given_is_said(measured):
    codes = [one.code for one in measured("spect_calibration", "photopeak_counts,duration_s,activity_mbq\n1000,60,100").remarks]
    assert codes == ["decay_not_corrected", "activity_uncertainty_missing"]
