"""The protocol of a scheme: read with clear errors, frozen before results open, refused when changed afterwards."""

import pytest

from photopeak.immunoassay.eqa_round import EqaRound, read_round
from photopeak.immunoassay.performance_score import performance_score
from photopeak.immunoassay.scheme import SchemeError, parse_scheme
from photopeak.procedure import Refused
from photopeak.verdict import judge

SCHEME = """
laboratory = ["A", "B"]

[scheme]
name = "Thyroid"
name_zh = "甲状腺激素"
round = "2026-2"
satisfactory_percent = 80
z_action = 3

[rule]
estimators = ["algorithm_a"]
grouping = "auto"
fewest = 5

[allowable]
kind = "percent"
percent = 25.0
inclusive = true

[[analyte]]
name = "TSH"
names = ["促甲状腺激素"]
loinc = "3016-3"
unit = "mIU/L"
scale = "log"

[[analyte]]
name = "FT4"
unit = "pmol/L"
allowable = { programme = "wst403-2024" }

[[sample]]
name = "S1"
analyte = "FT4"
target = 12
lower = 10
upper = 14
"""


def opened(text=SCHEME):
    one, scheme = EqaRound(scheme="Thyroid", round="2026-2"), parse_scheme(text)
    for act in ("ship", "receive", "open"):
        one = one.after(act, scheme)
    return one


def test_a_scheme_holds_each_analyte_with_its_rule_and_its_allowable_error():
    scheme = parse_scheme(SCHEME)
    tsh, ft4 = scheme.analytes
    assert (tsh.rule.scale, tsh.allowable.kind, tsh.unit) == ("log", "percent", "m[IU]/L")
    assert (ft4.allowable.kind, float(ft4.allowable.absolute), ft4.allowable.standard) == ("greater", 2.4, "WS/T 403-2024")
    assert scheme.analyte("促甲状腺激素") is tsh
    assert scheme.name.zh == "甲状腺激素"


def test_the_hash_knows_the_content_and_not_the_layout():
    first = parse_scheme(SCHEME).sha256
    assert parse_scheme(SCHEME.replace("25.0", "25") + "\n# a comment\n").sha256 == first
    assert parse_scheme(SCHEME.replace('["A", "B"]', '["A", "B", "C"]')).sha256 == first
    for old, new in (
        ("percent = 25.0", "percent = 26"),
        ("inclusive = true", "inclusive = false"),
        ("fewest = 5", "fewest = 6"),
    ):
        assert parse_scheme(SCHEME.replace(old, new)).sha256 != first


def test_a_protocol_changed_after_opening_is_refused_and_the_change_is_named():
    one = opened()
    with pytest.raises(SchemeError) as error:
        one.after("close", parse_scheme(SCHEME.replace("percent = 25.0", "percent = 30")))
    assert error.value.code == "protocol_changed"
    assert "allowable.percent" in error.value.words.en
    assert "allowable.percent" in error.value.words.zh


def test_the_whole_life_of_a_round_with_the_frozen_protocol():
    one, scheme = opened(), parse_scheme(SCHEME)
    for act in ("close", "score", "release", "amend", "release"):
        one = one.after(act, scheme)
    assert (one.state, one.version, one.sha256) == ("released", 2, scheme.sha256)
    assert read_round(one.to_json()) == one


def test_a_round_cannot_be_scored_before_it_is_closed():
    with pytest.raises(SchemeError, match="cannot score"):
        opened().after("score", parse_scheme(SCHEME))


def test_a_stored_protocol_that_was_edited_is_refused():
    text = opened().to_json().replace('\\"percent\\":\\"25\\"', '\\"percent\\":\\"35\\"')
    with pytest.raises(SchemeError) as error:
        read_round(text)
    assert error.value.code == "protocol_changed"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [
        ("[scheme]", "[schema]", "unknown_key"),
        ('"algorithm_a"', '"algorithm_b"', "unknown_rule"),
        ('grouping = "auto"', 'grouping = "kit"', "unknown_rule"),
        ("fewest = 5", "fewest = 3", "unknown_rule"),
        ('kind = "percent"', 'kind = "per cent"', "allowable"),
        ('name = "FT4"', 'name = "FT9"', "no_published_limit"),
        ("percent = 25.0", "percent = ", "not_a_scheme"),
    ],
)
def test_a_scheme_that_cannot_be_used_says_where_in_both_languages(old, new, code):
    with pytest.raises(SchemeError) as error:
        parse_scheme(SCHEME.replace(old, new, 1))
    assert error.value.code == code
    assert error.value.words.zh.endswith("。")


def test_a_round_is_scored_by_its_scheme(table):
    rows = [[f"L{n}", "促甲状腺激素", "S1", 2.0 + n / 50, "mIU/L"] for n in range(18)]
    rows += [[f"L{n}", "FT4", "S1", 12 if n else 14.1, "pmol/L"] for n in range(4)]
    result = performance_score(table("laboratory,analyte,sample,value,unit", rows), scheme=SCHEME)
    verdicts = judge(result.measurements, result.declared_limits())
    failed = {(v.measurement.where["laboratory"], v.measurement.quantity.name) for v in verdicts if v.outcome == "fail"}
    assert failed == {("L0", "deviation_percent"), ("L0", "pt_score")}
    z = [v for v in verdicts if v.measurement and v.measurement.quantity.name == "z_score"]
    assert len(z) == 18
    assert {v.outcome for v in z} == {"pass"}
    assert result.scheme_sha256 == parse_scheme(SCHEME).sha256


def test_scoring_by_another_protocol_than_the_frozen_one_is_refused(table):
    evidence = table("laboratory,analyte,sample,value", [["A", "FT4", "S1", 12]])
    frozen = parse_scheme(SCHEME).sha256
    assert performance_score(evidence, scheme=SCHEME, frozen=frozen).measurements
    with pytest.raises(Refused) as refused:
        performance_score(evidence, scheme=SCHEME.replace("25.0", "30"), frozen=frozen)
    assert refused.value.code == "protocol_changed"


FACTOR = (
    SCHEME
    + '\n[[analyte]]\nname = "insulin"\nunit = "pmol/L"\n\n[[factor]]\nanalyte = "insulin"\nfrom = "mIU/L"\nto = "pmol/L"\nfactor = 6.00\n'
)


def test_the_scheme_owns_the_unit_and_its_own_factor_even_where_most_rows_use_another(table):
    rows = [[f"L{n}", "insulin", "S1", 10 + n, "mIU/L"] for n in range(5)] + [["M", "insulin", "S1", 66, "pmol/L"]]
    rows += [["T", "FT4", "S1", 0.93231, "ng/dL"]]
    result = performance_score(table("laboratory,analyte,sample,value,unit", rows), scheme=FACTOR)
    found = {one.reported.laboratory: one.reported for one in result.scored}
    assert [float(found[f"L{n}"].value) for n in range(3)] == [60, 66, 72]
    assert float(found["T"].value) == pytest.approx(12.0, rel=1e-4)
    assert {one.unit for name, one in found.items() if name != "T"} == {"pmol/L"}


def test_insulin_in_international_units_without_a_stated_factor_is_left_out_with_its_reason(table):
    rows = [["A", "insulin", "S1", 10, "mIU/L"], ["B", "insulin", "S1", 60, "pmol/L"]]
    scheme = FACTOR[: FACTOR.index("[[factor]]")]
    result = performance_score(table("laboratory,analyte,sample,value,unit", rows), scheme=scheme)
    assert {one.reported.laboratory: one.reported.state for one in result.scored}["A"] == "unit"
    assert any(one.code == "row_unit" and "系数" in one.words.zh for one in result.remarks)


def test_a_scheme_is_given_to_the_command_as_a_file(tmp_path):
    import json
    import subprocess
    import sys

    (tmp_path / "scheme.toml").write_text(SCHEME, "utf-8")
    (tmp_path / "results.csv").write_text("laboratory,analyte,sample,value,unit\nA,FT4,S1,14.5,pmol/L\n", "utf-8")
    command = [sys.executable, "-m", "photopeak.cli", "run", "immunoassay.performance_score", str(tmp_path / "results.csv")]
    done = subprocess.run(
        [*command, "--scheme", f"@{tmp_path / 'scheme.toml'}", "--json", "-"], capture_output=True, check=True, text=True
    )
    outcomes = [v["outcome"] for v in json.loads(done.stdout)["results"][0]["verdicts"] if v["quantity"] == "deviation_percent"]
    assert outcomes == ["fail"]
