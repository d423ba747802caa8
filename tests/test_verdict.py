"""The only judge: the whole interval inside passes, wholly outside fails, anything else is undecided; nothing is not a pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photopeak.criterion import Criterion
from photopeak.measurement import Quantity
from photopeak.verdict import OUTCOME_WORDS, REASONS, decide, judge

UNIFORMITY = Quantity(name="integral_uniformity", unit="%", en="integral uniformity", zh="积分均匀性")
BIAS = Quantity(name="calibration_bias", unit="%", en="calibration bias", zh="校准偏差")


def limit(lower=None, upper=5.0, unit="%", quantity="integral_uniformity", **where):
    return Criterion(
        standard="EX 1",
        edition="2000",
        clause="1",
        quantity=quantity,
        unit=unit,
        lower=lower,
        upper=upper,
        stage="status",
        where=where,
    )


@pytest.mark.parametrize(
    ("value", "uncertainty", "outcome"),
    [
        (4.0, 0.5, "pass"),
        (4.0, 0.51, "undecided"),
        (6.0, 0.49, "fail"),
        (6.0, 0.5, "undecided"),
        (5.0, 0.0, "pass"),
        (5.1, 0.0, "fail"),
    ],
)
def test_the_guard_band_is_two_standard_uncertainties_and_the_limit_itself_passes(value, uncertainty, outcome):
    assert decide(UNIFORMITY.of(value, uncertainty), limit()).outcome == outcome


@pytest.mark.parametrize(
    ("value", "outcome"), [(0.0, "pass"), (-9.5, "undecided"), (9.5, "undecided"), (-12, "fail"), (12, "fail")]
)
def test_a_two_sided_limit_holds_on_both_sides(value, outcome):
    assert decide(BIAS.of(value, 0.5), limit(-10, 10, quantity="calibration_bias")).outcome == outcome


@pytest.mark.parametrize(
    ("measurement", "criterion", "reason"),
    [
        (UNIFORMITY.of(3, 0.1), None, "no_verified_limit"),
        (UNIFORMITY.of(3, 0.1), limit(None, None), "no_verified_limit"),
        (None, limit(), "not_measured"),
        (UNIFORMITY.of(3), limit(), "no_uncertainty"),
        (UNIFORMITY.of(3, 0.1), limit(unit="1"), "unit"),
    ],
)
def test_what_cannot_be_judged_is_not_assessed_and_says_why(measurement, criterion, reason):
    verdict = decide(measurement, criterion)
    assert (verdict.outcome, verdict.reason) == ("not_assessed", reason)
    assert REASONS[reason].zh
    assert REASONS[reason].en


def test_too_few_counts_cannot_convict_unless_the_noise_corrected_value_does_too():
    companion = Quantity(name="integral_uniformity_noise_corrected", unit="%", en="corrected", zh="扣除噪声", judged=False)
    noise_alone = UNIFORMITY.of(6, 0.2, noise_corrected=companion.of(1.0, 0.4))
    truly_bad = UNIFORMITY.of(21, 0.2, noise_corrected=companion.of(20, 0.4))
    assert (decide(noise_alone, limit()).outcome, decide(noise_alone, limit()).reason) == ("undecided", "noise_limited")
    assert decide(truly_bad, limit()).outcome == "fail"


def test_two_limits_on_one_measurement_give_two_verdicts():
    verdicts = judge([UNIFORMITY.of(4, 0.1)], [limit(upper=5), limit(upper=3)])
    assert sorted(v.outcome for v in verdicts) == ["fail", "pass"]


def test_a_limit_without_a_measurement_and_a_measurement_without_a_limit_are_both_shown():
    verdicts = judge([BIAS.of(1, 0.1)], [limit(fov="UFOV")])
    assert [(v.outcome, v.reason) for v in verdicts] == [
        ("not_assessed", "no_verified_limit"),
        ("not_assessed", "not_measured"),
    ]


def test_where_may_list_alternatives_and_numbers_agree_as_numbers():
    row = limit(fov=["UFOV", "CFOV"], sphere_mm=10)
    assert row.concerns(UNIFORMITY.of(1, 0.1, fov="CFOV", sphere_mm=10.0))
    assert not row.concerns(UNIFORMITY.of(1, 0.1, fov="other", sphere_mm=10))
    assert not row.concerns(UNIFORMITY.of(1, 0.1, fov="CFOV"))


@given(value=st.floats(-100, 100), u=st.floats(0, 50), smaller=st.floats(0, 1))
def test_a_smaller_uncertainty_never_turns_a_pass_or_a_fail_into_its_opposite(value, u, smaller):
    wide = decide(UNIFORMITY.of(value, u), limit(-5, 5)).outcome
    narrow = decide(UNIFORMITY.of(value, u * smaller), limit(-5, 5)).outcome
    assert wide in (narrow, "undecided")


def test_every_outcome_has_its_word_in_both_languages():
    assert {key: words.zh for key, words in OUTCOME_WORDS.items()} == {
        "pass": "合格",
        "fail": "不合格",
        "undecided": "未定",
        "not_assessed": "未评定",
    }


def rule(**changes):
    return Criterion(
        **{"standard": "EX 2", "edition": "1", "clause": "1", "quantity": "deviation_percent", "unit": "%", "stage": "status"}
        | {"lower": -20.0, "upper": 20.0}
        | changes
    )


DEVIATION = Quantity(name="deviation_percent", unit="%", en="deviation", zh="偏差")


@pytest.mark.parametrize("value", [20.0, -20.0])
def test_the_limit_itself_passes_an_inclusive_rule_and_fails_a_strict_one(value):
    assert decide(DEVIATION.of(value, 0), rule()).outcome == "pass"
    assert decide(DEVIATION.of(value, 0), rule(inclusive=False)).outcome == "fail"


def test_a_rule_may_say_that_the_value_alone_decides():
    assert decide(DEVIATION.of(19, 2), rule()).outcome == "undecided"
    assert decide(DEVIATION.of(19, 2), rule(coverage=0)).outcome == "pass"


@pytest.mark.parametrize(
    ("target", "unit", "outcome"), [(0.7, "mU/L", "pass"), (7.0, "mU/L", "fail"), (0.7, "U/L", "not_assessed")]
)
def test_a_limit_in_per_cent_is_never_narrower_than_its_absolute_part_in_its_own_unit(target, unit, outcome):
    greater = rule(absolute=0.2, absolute_unit="mU/L")
    assert decide(DEVIATION.of(28, 0, target=target, unit=unit), greater).outcome == outcome


def test_the_absolute_part_is_reached_exactly_in_decimal_arithmetic():
    greater = rule(absolute=0.1, absolute_unit="mU/L")
    verdict = decide(DEVIATION.of(100 / 3, 0, target=0.3, unit="mU/L"), greater)
    assert verdict.outcome == "pass"
    assert verdict.criterion.upper == pytest.approx(100 / 3)
