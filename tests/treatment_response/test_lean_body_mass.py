"""Lean body mass and SUL: the worked examples, both formulas named, refusals."""

import pytest

from photopeak.procedure import Refused


def test_the_worked_examples_give_their_expected_masses(examples, measured, value_of):
    for text, expected, tolerance in examples("lbm_sul"):
        result = measured("lean_body_mass", text)
        for formula, key in (("janmahasatian", "janma_kg"), ("james", "james_kg")):
            assert value_of(result, "lean_body_mass", formula=formula).value == pytest.approx(expected[key], abs=tolerance)


def test_the_same_suv_gives_a_sul_by_each_formula_and_says_that_they_differ(measured, value_of):
    result = measured("lean_body_mass", "sex,weight_kg,height_cm,suv,suv_u\nF,130,158,5.0,0.5")
    one, other = (value_of(result, "sul", formula=name) for name in ("janmahasatian", "james"))
    assert one.value / other.value == pytest.approx(56.08690954046498 / 38.90772312129465)
    assert one.uncertainty == pytest.approx(0.5 * 56.08690954046498 / 130)
    assert [remark.code for remark in result.remarks] == ["formulas_differ"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("sex,weight_kg,height_cm\nX,70,170", "unknown_sex"),
        ("sex,weight_kg,height_cm\nM,0,170", "impossible_value"),
        ("sex,weight_kg,height_cm\nM,70,1.70", "impossible_value"),
        ("sex,weight_kg,height_cm\nM,,170", "input_missing"),
    ],
)
def test_impossible_patients_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("lean_body_mass", text)
    assert refused.value.code == code
    assert refused.value.words.zh
