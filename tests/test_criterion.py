"""Limits are data with their page; a wrong file is refused in words; what nobody read is provisional or empty."""

import pytest

from photopeak.criterion import CriteriaError, choose, load_criteria, parse_criteria, shipped_criteria
from photopeak.evidence import Subject
from photopeak.measurement import Quantity
from photopeak.procedure import DISCIPLINES, procedures_of
from photopeak.verdict import judge

OWN = """
standard = "manufacturer's specification"
edition = "2021"
read_by = ["2026-05-01 LL"]
[[limit]]
quantity = "integral_uniformity"
where = { fov = "CFOV" }
stage = "acceptance"
basis = "manufacturer"
device = { serial = "SN 7" }
reference = 3.0
factor = 1.1
unit = "%"
"""


def test_every_shipped_limit_with_a_number_has_its_clause_source_and_quote():
    rows = [row for row in shipped_criteria() if row.has_limit]
    assert len(rows) >= 34
    assert [row for row in rows if not (row.standard and row.clause and row.quote)] == []
    assert [row for row in rows if not (row.source_url or row.provisional)] == []


def test_standards_nobody_could_read_ship_without_numbers():
    rows = [row for row in shipped_criteria() if row.standard.startswith(("WS 523", "WS 817"))]
    assert rows
    assert [row for row in rows if row.has_limit] == []


def test_literature_and_unread_limits_are_provisional():
    rows = {(row.standard[:8], row.where.get("statistic")): row for row in shipped_criteria()}
    assert next(row for key, row in rows.items() if key[0] == "textbook").provisional
    assert all(row.provisional for row in shipped_criteria() if row.programme == "earl2" and row.where["statistic"] == "peak")
    assert not any(row.provisional for row in shipped_criteria() if row.programme == "earl1")


BY_QUOTE = ("ge68_breakthrough", "mo99_breakthrough", "tsh", "blood_dose")


def _bounds_as_read(row):
    """Quote and bounds of a row of the tables of tracers, therapy and bone; hours as minutes too."""
    quote = row.get("quote", "the number was read in the copy, its words were not kept")
    low, high, value = row.get("low", row.get("value_low")), row.get("high", row.get("value_high")), row.get("value")
    if low is None and high is None and value is not None:
        low, high = (None, value) if row["rule"].startswith("<") else (value, None)
    scales = (1, 60) if row.get("unit") == "h" else (1,)
    return {(quote, *(None if one is None else round(one * scale, 6) for one in (low, high))) for scale in scales}


def test_the_shipped_numbers_are_those_of_the_sources(shared):
    """Every number that ships stands in the verified tables, with the same quantity, stage and unit."""
    import tomllib

    verified = set()
    for name in ("pet.toml", "gamma_camera_spect_activity_meter.toml", "laboratory_therapy_bone.toml"):
        document = tomllib.loads((shared / "spec" / "limits" / name).read_text("utf-8"))
        for row in document.get("limit", ()):
            verified.add((row["quantity"], row["stage"], row.get("lower"), row.get("upper")))
        for row in document.get("immunoassay_limit", ()):
            of_row = (("deviation_percent", "tea_pct"), ("bias", "bias_pct"), ("cv", "cv_pct"))
            for quantity, value in ((quantity, row.get(key)) for quantity, key in of_row):
                lower = None if quantity == "cv" or value is None else -value
                verified.add((quantity, row["standard"], row["clause"], row["quote"], lower, value))
        for family in ("radiopharmacy_limit", "therapy_limit", "bone_limit"):
            for row in document.get(family, ()):
                verified |= _bounds_as_read(row)
    shipped = {
        (row.quantity, row.standard, row.clause, row.quote, row.lower, row.upper)
        if row.quantity in ("deviation_percent", "bias", "cv")
        else (row.quote, row.lower, row.upper)
        if {"tracer", "nuclide"} & set(row.about) or row.quantity in BY_QUOTE
        else (row.quantity, row.stage, row.lower, row.upper)
        for row in shipped_criteria()
        if row.has_limit and row.quantity != "discharge_ratio"
    }
    assert shipped - verified == set()


def test_the_two_legs_of_the_discharge_rule_are_those_of_the_source(shared):
    import tomllib

    from photopeak.radionuclide_therapy.reference_values import reference_values

    document = tomllib.loads((shared / "spec" / "limits" / "laboratory_therapy_bone.toml").read_text("utf-8"))
    read = {row["id"]: row["value"] for row in document["therapy_limit"] if "value" in row}
    used = reference_values("discharge")
    assert used["activity_mbq"] == read["gbz120-2020-7.2.1-activity"]
    assert used["dose_rate_usv_h"] == read["gbz120-2020-7.2.1-doserate"]
    assert reference_values("blood_dose")["dose_gy"] == read["eanm-blood-2gy"]


def test_a_users_specification_with_a_factor_applies_to_its_own_device(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(OWN, encoding="utf-8")
    (row,) = load_criteria(path)
    assert (row.lower, row.upper, row.basis, row.provisional) == (None, pytest.approx(3.3), "manufacturer", False)
    assert row.applies_to(Subject(serial="SN 7"))
    assert not row.applies_to(Subject(serial="SN 8"))


def test_a_limit_nobody_signed_is_provisional():
    (row,) = parse_criteria(OWN.replace('read_by = ["2026-05-01 LL"]', ""), "own.toml")
    assert row.provisional


@pytest.mark.parametrize(
    ("change", "expected"), [({"tolerance": 0.5}, (2.5, 3.5)), ({"tolerance_percent": 10}, (2.7, 3.3)), ({}, (None, 3.0))]
)
def test_a_baseline_becomes_bounds(change, expected):
    extra = "\n".join(f"{key} = {value}" for key, value in change.items())
    (row,) = parse_criteria(OWN.replace("factor = 1.1", extra), "own.toml")
    assert (row.lower, row.upper) == (pytest.approx(expected[0]) if expected[0] else None, pytest.approx(expected[1]))


@pytest.mark.parametrize(
    "text",
    [
        "not toml [",
        OWN.replace("quantity", "quantify"),
        OWN.replace('"acceptance"', '"someday"'),
        OWN.replace("reference = 3.0", "upper = true"),
    ],
)
def test_a_wrong_criteria_file_is_refused_in_both_languages(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(CriteriaError) as refused:
        load_criteria(path)
    assert "own.toml" in refused.value.words.en
    assert "own.toml" in refused.value.words.zh


def test_a_programme_is_judged_only_when_asked_for():
    names = {(row.programme) for row in choose(shipped_criteria(), stage="harmonisation")}
    assert names == {None}
    asked = choose(shipped_criteria(), stage="status", programme="earl2")
    assert {row.programme for row in asked} == {"earl2", None}
    assert {row.stage for row in asked if row.programme is None} <= {"status"}


def test_a_limit_about_another_tracer_is_no_partner_that_is_missed():
    ph = Quantity(name="ph", unit="1", en="pH", zh="pH 值")
    rows = parse_criteria(
        'standard="x"\nread_by=["t"]\nunit="1"\nstage="status"\n'
        '[[limit]]\nquantity="ph"\nupper=7.0\nabout={tracer="MDP"}\n'
        '[[limit]]\nquantity="ph"\nupper=5.0\nabout={tracer="FDG"}\n'
        '[[limit]]\nquantity="ethanol"\nupper=5.0\nabout={tracer="MDP"}\n',
        "x.toml",
    )
    verdicts = judge([ph.of(6.0, 0.1, tracer="MDP")], rows)
    assert [(one.outcome, one.criterion.quantity) for one in verdicts] == [("pass", "ph"), ("not_assessed", "ethanol")]


def test_a_limit_judges_the_values_of_one_discipline_only():
    """A quantity of one name is measured in several: a limit for SPECT, or for an assay, never judges a PET value."""
    entries = procedures_of(tuple(DISCIPLINES))
    for row in shipped_criteria():
        if row.procedure:
            assert row.quantity in {quantity.name for quantity in entries[row.procedure].quantities}, row.procedure
            continue
        of = {one.discipline for one in entries.values() if row.quantity in {quantity.name for quantity in one.quantities}}
        # follow-up of a treatment reads PET images as well
        assert "pet" not in of or of <= {"pet", "treatment_response"}, (row.standard, row.quantity, of)


def test_the_advice_for_spect_says_nothing_of_a_pet_alignment():
    (row,) = [one for one in shipped_criteria() if one.quantity == "alignment_error" and one.standard.startswith("Chen")]
    assert row.procedure == "spect.ct_alignment"
