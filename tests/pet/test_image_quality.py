"""Image quality of the IEC body phantom: golden values of real sets, known truth, and what is refused."""

import json
from dataclasses import replace

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.pet.image_quality import image_quality
from photopeak.phantom.iec_body import iec_body_files
from photopeak.procedure import Refused

SPHERES = (10, 13, 17, 22, 28, 37)
GOLDEN = {
    "siemens_nema_iq": {
        "a50": (10766.1, 14281.2, 15373.0, 15402.6, 16304.2, 16694.6),
        "max": (14467.4, 19557.1, 21250.4, 20156.3, 20717.3, 20389.1),
    },
    "anonymous_nema_iq": {
        "a50": (12820.9, 14108.3, 14658.5, 15991.0, 17062.0, 16461.6),
        "max": (16889.0, 21029.0, 20543.8, 23469.7, 26465.9, 24178.9),
    },
}
BACKGROUND = {"siemens_nema_iq": 2131.1, "anonymous_nema_iq": 1689.4}


def found(result, quantity, **where):
    return [
        m for m in result.measurements if m.quantity.name == quantity and all(m.where.get(k) == v for k, v in where.items())
    ]


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_a_real_set_gives_the_expected_a50_maximum_and_background(shared, name):
    (evidence,) = gather([shared / "data" / "pet" / name]).evidence
    result = image_quality(evidence)
    for statistic, expected in GOLDEN[name].items():
        values = [found(result, "sphere_concentration", sphere_mm=s, statistic=statistic)[0].value for s in SPHERES]
        assert values == pytest.approx(expected, rel=1e-3)
    (background,) = found(result, "background_concentration")
    assert background.value == pytest.approx(BACKGROUND[name], rel=0.01)


@pytest.fixture(scope="module")
def noiseless(tmp_path_factory):
    """A noiseless phantom at 10 : 1."""
    folder = tmp_path_factory.mktemp("iec")
    iec_body_files(folder, seed=3, ratio=10.0, noise_percent=0.0)
    (evidence,) = gather([folder]).evidence
    return evidence, json.loads((folder / "truth.json").read_text("utf-8"))


def test_a_noiseless_phantom_gives_the_truth_back(noiseless):
    evidence, _ = noiseless
    result = image_quality(evidence)
    (background,) = found(result, "background_concentration")
    assert background.value == pytest.approx(5300.0, rel=0.01)
    (largest,) = found(result, "sphere_concentration", sphere_mm=37, statistic="max")
    assert largest.value == pytest.approx(53000.0, rel=0.01)


def test_counting_in_other_units_changes_no_ratio(noiseless):
    evidence, _ = noiseless
    scaled = replace(evidence, images=replace(evidence.images, values=(evidence.images.values * 0.5).astype(np.float32)))
    first, second = ([m.value for m in found(image_quality(one), "background_variability")] for one in (evidence, scaled))
    assert first == pytest.approx(second, rel=1e-3)
    assert first


def test_a_cylinder_in_counts_is_refused_with_its_reason(shared):
    (evidence,) = gather([shared / "data" / "pet" / "ge_uniform_cylinder_propcnts"]).evidence
    with pytest.raises(Refused) as refused:
        image_quality(evidence)
    assert refused.value.code == "units_not_quantitative"
    assert "PROPCNTS" in refused.value.words.zh


def test_an_empty_volume_is_refused_in_both_languages(noiseless):
    evidence, _ = noiseless
    empty = replace(evidence, images=replace(evidence.images, values=np.zeros_like(evidence.images.values)))
    with pytest.raises(Refused) as refused:
        image_quality(empty)
    assert refused.value.words.en
    assert refused.value.words.zh
