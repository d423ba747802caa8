"""Absorbed dose from S values: sums, mass scaling, uncertainty, refusals."""

import numpy as np
import pytest

from photopeak.procedure import Refused

HEAD = "target,source,time_integrated_activity_mbqh,s_value_mgy_per_mbqh"


def test_the_dose_is_the_sum_over_sources_and_its_truth_is_known(measured, value_of):
    text = f"{HEAD}\nkidney,kidney,20000,0.29\nkidney,liver,50000,0.0004\nliver,liver,50000,0.047"
    result = measured("absorbed_dose", text)
    assert value_of(result, "absorbed_dose", target="kidney").value == pytest.approx(20 * 0.29 + 50 * 0.0004, rel=1e-12)
    assert value_of(result, "absorbed_dose", target="liver").value == pytest.approx(50 * 0.047, rel=1e-12)


def test_the_self_dose_scales_with_the_mass_and_the_cross_dose_does_not(measured, value_of):
    text = f"{HEAD},mass_g,reference_mass_g\nkidney,kidney,20000,0.29,155,310\nkidney,liver,50000,0.0004,155,310"
    result = measured("absorbed_dose", text)
    assert value_of(result, "dose_from_source", source="kidney").value == pytest.approx(2 * 20 * 0.29, rel=1e-12)
    assert value_of(result, "dose_from_source", source="liver").value == pytest.approx(50 * 0.0004, rel=1e-12)


def test_the_stated_uncertainty_holds_the_truth(measured, value_of):
    """Time-integrated activities and S values uncertain by 8 % and 5 %, a common 3 %."""
    generator, inside = np.random.default_rng(9), 0
    truth = 20 * 0.29 + 50 * 0.04
    for _ in range(300):
        common = 1 + 0.03 * generator.standard_normal()
        rows = []
        for activity, s_value, name in ((20000, 0.29, "kidney"), (50000, 0.04, "liver")):
            read = activity * common * (1 + 0.08 * generator.standard_normal())
            used = s_value * (1 + 0.05 * generator.standard_normal())
            rows.append(f"kidney,{name},{read!r},{0.08 * read!r},{used!r},{0.05 * used!r},3")
        head = "target,source,time_integrated_activity_mbqh,time_integrated_activity_mbqh_u,s_value_mgy_per_mbqh"
        text = f"{head},s_value_mgy_per_mbqh_u,common_u_percent\n" + "\n".join(rows)
        found = value_of(measured("absorbed_dose", text), "absorbed_dose")
        inside += abs(found.value - truth) <= 2 * found.uncertainty
    assert 0.915 <= inside / 300 <= 0.985


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (f"{HEAD},mass_g,reference_mass_g\nkidney,kidney,20000,0.29,0,310", "impossible_value"),
        (f"{HEAD}\nkidney,kidney,-5,0.29", "impossible_value"),
        (f"{HEAD}\n,kidney,5,0.29", "input_missing"),
    ],
)
def test_impossible_rows_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("absorbed_dose", text)
    assert refused.value.code == code


def test_a_dose_that_lacks_a_source_says_so(measured):
    result = measured("absorbed_dose", f"{HEAD}\nkidney,kidney,20000,0.29\nkidney,liver,50000,")
    assert {"case_refused", "sources_missing"} <= {one.code for one in result.remarks}
