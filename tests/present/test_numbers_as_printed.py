"""Numbers as people read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from photopeak.measurement import Quantity
from photopeak.present.numbers import limit, say_result, significant, tidy, unit_label, with_unit, write, written

THIN = "\u2009"


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (6.2913, 0.146, "6.29 ± 0.29"),
        (0.62149, 0.025, "0.621 ± 0.050"),
        (15402.3, 82, f"15{THIN}400 ± 160"),
        (-3.1, 0.6, "−3.1 ± 1.2"),
        (9.96, 0.0499, "9.96 ± 0.10"),
        (99.6, 0.4999, "99.6 ± 1.0"),
        (-0.001, 0.3, "0.00 ± 0.60"),
        (1234.5, 21, "1234 ± 42"),
        (23744, None, f"23{THIN}744"),
        (3.0, 0.0, "3 ± 0"),
        (1.234e-9, 1e-11, "1.234 × 10⁻⁹ ± 0.020 × 10⁻⁹"),
        (2.5e-7, None, "2.5 × 10⁻⁷"),
    ],
)
def test_a_value_is_rounded_to_the_place_of_its_expanded_uncertainty(value, uncertainty, text):
    assert str(written(value, uncertainty)) == text


@given(st.floats(-1e9, 1e9), st.floats(1e-6, 1e8))
def test_value_and_uncertainty_always_have_the_same_decimals(value, uncertainty):
    said = written(value, uncertainty)
    decimals = [len(text.partition(" ")[0].partition(".")[2]) for text in said]
    assert decimals[0] == decimals[1]
    assert "-" not in str(said)


@given(st.floats(-1e12, 1e12))
def test_a_number_without_uncertainty_is_readable_back_to_four_digits(value):
    text = significant(value).replace("−", "-").replace(THIN, "").replace(" × 10", "e")
    text = text.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
    assert float(text) == pytest.approx(value, rel=6e-4, abs=1e-300)


def test_an_absent_value_is_a_dash_and_never_zero():
    assert write(None).value == "—"
    assert limit(None, None) == "—"


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (None, 5, "≤ 5.0"),
        (38, None, "≥ 38"),
        (0.39, 0.61, "0.39 – 0.61"),
        (0.85, 1, "0.85 – 1.00"),
        (-10, 10, "±10"),
        (95, 105, "95 – 105"),
        (None, 20000, f"≤ 20{THIN}000"),
    ],
)
def test_a_limit_is_written_as_a_bound_or_a_range(lower, upper, text):
    assert limit(lower, upper) == text


@pytest.mark.parametrize(
    ("code", "en", "zh"),
    [
        ("1", "", ""),
        ("[hnsf'U]", "HU", "HU"),
        ("{counts}/s/MBq", "counts/s/MBq", "计数/s/MBq"),
        ("MBq.min/kg", "MBq·min/kg", "MBq·min/kg"),
        ("us", "µs", "µs"),
        ("s-1", "s⁻¹", "s⁻¹"),
        ("cm3", "cm³", "cm³"),
        ("deg", "°", "°"),
        ("m[iU]/L", "mIU/L", "mIU/L"),
    ],
)
def test_a_unit_is_printed_as_people_write_it(code, en, zh):
    assert (unit_label(code, "en"), unit_label(code, "zh")) == (en, zh)


def test_percent_follows_the_number_at_once_in_chinese_and_after_a_space_in_english():
    result = Quantity(name="x", unit="%", en="x", zh="x").of(6.291, 0.146)
    assert say_result(result, "zh") == "6.29 ± 0.29%"
    assert say_result(result, "en") == "6.29 ± 0.29 %"
    assert with_unit("2.0", "mm", "zh") == "2.0 mm"


def test_hyphens_become_minus_signs_before_numbers_only():
    assert tidy("x = -149 mm, EX 1-2000, 2026-05-14, --criteria") == "x = −149 mm, EX 1-2000, 2026-05-14, --criteria"


def test_a_bound_that_itself_fails_is_printed_as_strict():
    assert limit(30.0, None, inclusive=False) == "> 30"
    assert limit(None, 0.5, inclusive=False) == "< 0.5"
    assert limit(30.0, None) == "≥ 30"
