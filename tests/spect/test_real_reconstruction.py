"""The real Jaszczak reconstruction, through the road, beside what other programs made of it; explained in docs/accuracy/spect.md."""

import pytest

from photopeak.dicom.gather import gather
from photopeak.procedure import roll

pytest.importorskip("pydicom")

#: (b - s) / (b + s) in %, spheres of 38 to 12.7 mm: pylinac 3.49
ELSEWHERE = {38.0: 35.8, 31.8: 23.6, 25.4: 17.2, 19.1: 15.1, 15.9: 17.0, 12.7: 10.1}


@pytest.fixture
def real(shared):
    (evidence,) = gather([shared / "data" / "spect" / "mediso_jaszczak_128x45.dcm"]).evidence
    return evidence


def test_it_is_recognised_as_a_jaszczak_phantom_and_nothing_else(real):
    offered = {name: one for name, one in roll().items() if real.kind in one.kinds}
    suited = {name for name, one in offered.items() if one.accepts(real) is None}
    assert suited == {"spect.tomographic_contrast", "spect.tomographic_uniformity", "spect.rods"}


def test_the_sphere_sizes_explain_the_contrasts_of_another_program(real):
    result = roll()["spect.tomographic_contrast"].run(real, sphere_diameters_mm="38,31.8,25.4,19.1,15.9,12.7")
    for m in result.measurements:
        if m.quantity.name == "sphere_to_background" and m.where["statistic"] == "mean":
            michelson = 100 * (1 - m.value) / (1 + m.value)
            assert michelson == pytest.approx(ELSEWHERE[m.where["sphere_mm"]], abs=2.1)
    own = roll()["spect.tomographic_contrast"].run(real)
    assert own.spheres.diameters_mm[0] == 31.8  # what the missing amounts say


def test_the_uniform_section_has_the_mean_that_another_program_found(real):
    result = roll()["spect.tomographic_uniformity"].run(real)
    assert result.slab[result.inside].mean() == pytest.approx(1331, abs=12)
