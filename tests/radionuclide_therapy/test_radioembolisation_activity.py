"""Activity of a radioembolisation by formula: the worked examples, the given activity against it, refusals."""

import pytest

from photopeak.procedure import Refused


def test_the_worked_examples_give_their_expected_activity(examples, measured, value_of):
    read = 0
    for text, expected, tolerance in examples("y90_radioembolisation"):
        if "A_GBq" not in expected:
            continue
        result = measured("radioembolisation_activity", text)
        variant = "body_surface_area" if "bsa" in expected else "mird_single_compartment"
        names = {"A_GBq": ("formula_activity", {"variant": variant})}
        if "bsa" in expected:
            names["bsa"] = ("body_surface_area", {})
            names["reduction_pct"] = ("shunt_reduction", {})
            names["A_reduced"] = ("formula_activity", {"variant": "body_surface_area_reduced"})
        for name, (quantity, where) in names.items():
            assert value_of(result, quantity, **where).value == pytest.approx(expected[name], rel=max(tolerance, 1e-12))
            read += 1
    assert read == 5


def test_a_given_activity_is_held_against_the_formula(measured, value_of):
    text = "d_gy,mass_kg,lsf,residual,given_activity_gbq\n120,1.5,0.05,0.01,4.0"
    found = value_of(measured("radioembolisation_activity", text), "activity_difference")
    assert found.value == pytest.approx(100 * (4.0 / 3.85318219868356 - 1), rel=1e-9)


def test_a_high_shunt_gives_no_activity_by_the_surface_method(measured):
    result = measured("radioembolisation_activity", "height_m,weight_kg,tumour_frac,lsf\n1.7,70,0.2,0.25")
    assert "shunt_excludes_method" in [one.code for one in result.remarks]
    assert "body_surface_area_reduced" not in {m.where["variant"] for m in result.measurements}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("d_gy,mass_kg\n120,1.5", "input_missing"),
        ("d_gy,mass_kg,lsf\n120,0,0.05", "impossible_value"),
        ("height_m,weight_kg,tumour_frac\n170,70,0.2", "impossible_value"),
    ],
)
def test_impossible_inputs_are_refused_in_words(measured, text, code):
    with pytest.raises(Refused) as refused:
        measured("radioembolisation_activity", text)
    assert refused.value.code == code
    assert refused.value.words.zh
