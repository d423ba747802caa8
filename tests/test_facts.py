"""Facts are checked at the door and the narrower scope wins."""

import pytest

from photopeak.evidence import Evidence, EvidenceFile
from photopeak.facts import FactsError, load_facts

TEXT = """
ufov_mm = [387.0, 533.0]
sphere_to_background = 10
["series:1.2.3"]
sphere_to_background = 4
["file:a.dcm"]
activity_mbq = 37.0
assayed_at = 2026-05-14T10:22:00
"""


def evidence(uid, *names):
    return Evidence(
        kind="nm_planar", files=tuple(EvidenceFile(path=f"/x/{n}", sha256="0") for n in names), sha256="0", series_uid=uid
    )


def test_a_series_overrides_the_whole_and_a_file_adds_its_own(tmp_path):
    path = tmp_path / "FACTS.toml"
    path.write_text(TEXT, encoding="utf-8")
    facts = load_facts(path)
    assert facts.added_to(evidence("9", "b.dcm")).facts == {"ufov_mm": [387.0, 533.0], "sphere_to_background": 10}
    named = facts.added_to(evidence("1.2.3", "a.dcm")).facts
    assert (named["sphere_to_background"], named["activity_mbq"]) == (4, 37.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ufov = [1, 2]", "ufov"),
        ("ufov_mm = 3", "ufov_mm"),
        ("ufov_mm = [1.0, -2.0]", "ufov_mm"),
        ('activity_mbq = "37"', "activity_mbq"),
        ("activity_mbq = true", "activity_mbq"),
        ('assayed_at = "yesterday"', "assayed_at"),
        ('["file:a.dcm"]\nwhat = 1', "what"),
        ("= =", "TOML"),
    ],
)
def test_an_unknown_or_wrong_fact_is_refused_and_the_message_names_it(tmp_path, text, said):
    path = tmp_path / "FACTS.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FactsError) as refused:
        load_facts(path)
    assert said in refused.value.words.en
    assert said in refused.value.words.zh


def test_a_facts_file_in_the_wrong_encoding_is_refused(tmp_path):
    path = tmp_path / "FACTS.toml"
    path.write_bytes("phantom = “泛源”".encode("gb18030"))
    with pytest.raises(FactsError, match="UTF-8"):
        load_facts(path)
