"""The document that other programs rely on."""

import json
from dataclasses import replace

import numpy as np
import pytest

from photopeak.present.document import document, fingerprint, text


def test_the_document_has_the_promised_keys(checked):
    found = document(checked)
    assert (found["schema"], set(found) >= {"photopeak", "results", "unread", "stage", "not_assessed"}) == (1, True)
    promised = {"procedure", "evidence", "subject", "outcome", "refusal", "measurements", "verdicts", "remarks", "seconds"}
    assert all(set(result) >= promised for result in found["results"])
    assert set(found["unread"][0]) == {"path", "code", "en", "zh"}


def test_a_measurement_has_its_standard_uncertainty_and_place(checked):
    first = document(checked)["results"][0]["measurements"][0]
    assert first == {
        "quantity": "integral_uniformity",
        "value": 2.42,
        "unit": "%",
        "uncertainty": 0.14,
        "where": {"detector": 1, "energy_window": 1, "fov": "UFOV"},
    }


def test_a_verdict_names_its_limit_and_its_source(checked):
    verdicts = document(checked)["results"][0]["verdicts"]
    failing = next(row for row in verdicts if row["outcome"] == "fail")
    assert (failing["quantity"], failing["upper"], failing["lower"], failing["unit"]) == ("integral_uniformity", 5.0, None, "%")
    assert (failing["standard"], failing["clause"], failing["provisional"]) == ("EX 1-2000", "Table 1", False)
    undecided = next(row for row in verdicts if row["outcome"] == "undecided")
    assert undecided["reason"]["code"] == "straddles"
    assert undecided["provisional"] is True


def test_a_limit_without_a_measurement_is_listed_as_not_assessed(checked):
    found = document(checked)
    missing = [row for row in found["results"][1]["verdicts"] if row["quantity"] == "lung_residual"]
    assert [row["outcome"] for row in missing] == ["not_assessed"]
    assert [row["quantity"] for row in found["not_assessed"]] == ["cor_offset"]


def test_a_refusal_is_told_in_both_languages_and_measures_nothing(checked):
    refused = document(checked)["results"][2]
    assert (refused["outcome"], refused["measurements"], refused["refusal"]["code"]) == ("refused", [], "not_this_phantom")
    assert refused["refusal"]["zh"].startswith("未见")


def test_the_text_is_strict_json_and_can_be_read_back(checked):
    assert json.loads(text(checked), parse_constant=pytest.fail) == document(checked)


def test_numpy_numbers_in_a_place_become_plain_ones(checked):
    camera = checked.examined[0]
    odd = replace(camera.result.measurements[0], where={"detector": np.int64(1), "speed": np.float32(2)})
    result = replace(camera.result, measurements=(odd,))
    changed = replace(checked, examined=(replace(camera, result=result),))
    assert document(json_safe := changed)["results"][0]["measurements"][0]["where"] == {"detector": 1, "speed": 2.0}
    assert json.loads(text(json_safe))


def test_only_the_run_time_differs_between_two_runs(checked):
    slower = replace(checked, examined=tuple(replace(one, seconds=one.seconds + 9) for one in checked.examined))
    assert text(slower) != text(checked)
    assert fingerprint(slower) == fingerprint(checked)
    assert fingerprint(replace(checked, stage="acceptance")) != fingerprint(checked)
