"""Figures published of a scanner's model stand beside its result, and never become limits."""

from dataclasses import replace

import pytest

from photopeak.criterion import shipped_criteria
from photopeak.evidence import Subject
from photopeak.pet.iec_body_pose import Pose
from photopeak.pet.image_quality import PUBLISHED, image_quality
from photopeak.pet.published_figures import published, published_models
from photopeak.phantom.iec_body import IecBody
from photopeak.verdict import judge
from photopeak.words import Words


def models(written):
    label = {"model_itself": Words("model", "型号")}
    named = [{**row, "model_itself": 1} for row in published_models()]
    keys = {key for row in named for key in row} - {
        "model",
        "standard",
        "source",
        "note",
        "recon",
        "axis_order",
        "fwhm_1cm_upper",
    }
    found = [one.value.en for one in published(written, dict.fromkeys(keys, label["model_itself"]))]
    return {text.split("(", 1)[1].rsplit(", ", 1)[0] for text in found}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("Biograph128_Vision 450", {"Siemens Biograph Vision 450 (19.7 cm)"}),
        ("Vereos PET/CT", {"Philips Vereos (16.4 cm)"}),
        ("SIGNA PET/MR", {"GE SIGNA PET/MR (25 cm)"}),
        ("uMI 550", {"United Imaging uMI 550"}),
        ("Omni Legend", {"GE Omni Legend 32 (32 cm)"}),
        ("Biograph128_Vision 600 Edge", set()),  # no figures of a 600 are known: those of a 450 are not its
        ("PET/CT", set()),
        ("", set()),
        (None, set()),
    ],
)
def test_a_models_figures_are_found_by_the_name_its_header_bears(written, expected):
    assert models(written) == expected


def test_they_stand_beside_image_quality_and_judge_nothing(evidence_of):
    pose = Pose(centre_mm=(44.0, 164.0, 163.0), angle_deg=10.0, hand=1)
    body = IecBody(shape=(30, 110, 110), spacing_mm=(3.0, 3.0, 3.0), pose=pose)
    evidence = evidence_of(body.image(), (3.0, 3.0, 3.0), facts={"sphere_to_background": 4.0})
    shown = image_quality(replace(evidence, about=Subject(model="Discovery IQ")))
    beside = [one for one in shown.conditions if one.label.en.startswith("published, no limit")]
    assert len(beside) == len(PUBLISHED)
    assert all("文献值（非限值）" in one.label.zh for one in beside)
    assert "33.7 / 43.1" in beside[0].value.en
    plain = image_quality(evidence)
    assert not any(one.label.en.startswith("published") for one in plain.conditions)
    assert plain.measurements == shown.measurements
    assert {v.outcome for v in judge(shown.measurements, ())} == {"not_assessed"}
    assert not [row for row in shipped_criteria() if row.standard in {str(one["source"]) for one in published_models()}]
