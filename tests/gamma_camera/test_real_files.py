"""Every real gamma-camera file: recognised, measured, compared with what other programs report (their output is no truth).

Why numbers differ is explained in docs/accuracy/gamma_camera.md.
"""

from pathlib import Path

import pytest

from photopeak.check import check
from photopeak.facts import Facts

FACTS = Facts(
    file={
        "mediso_four_line_512.dcm": {"line_separation_mm": 100.0},
        "mediso_quadrant_bar_512.dcm": {"bar_widths_mm": [4.23, 3.18, 2.54, 2.12]},
        "PetriDish": {"activity_mbq": 10.0},
        "Background": {"background_of": "PetriDish"},
    }
)
RECOGNISED = {
    "UNIFORMIDAD_rectangle.mhd": "flood_uniformity",
    "mediso_flood_256.dcm": "flood_uniformity",
    "mediso_four_line_512.dcm": "spatial_resolution",
    "siemens_line_sources_256.dcm": "spatial_resolution",
    "siemens_lead_edge_512.dcm": "spatial_resolution",
    "mediso_quadrant_bar_512.dcm": "bar_phantom",
    "siemens_bar_co57_256.dcm": "bar_phantom",
    "mediso_max_count_rate.dcm": "count_rate",
    "PetriDish": "planar_sensitivity",
}
#: file, quantity, where, the other program's number, how far from it ours may lie and why it is not nearer
COMPARED = [
    ("mediso_flood_256.dcm", "integral_uniformity", {"fov": "CFOV"}, 3.08, 0.03),  # the definition of the standard, rehearsed
    ("mediso_flood_256.dcm", "integral_uniformity", {"fov": "UFOV"}, 4.30, 0.05),
    ("mediso_four_line_512.dcm", "pixel_size_measured", {"axis": "x"}, 1.043, 0.003),
    ("mediso_four_line_512.dcm", "pixel_size_measured", {"axis": "y"}, 1.040, 0.003),
    ("mediso_four_line_512.dcm", "fwhm", {"axis": "x", "method": "nema"}, 7.567, 0.13),  # its widths are not perpendicular
    ("mediso_four_line_512.dcm", "fwhm", {"axis": "y", "method": "nema"}, 7.53, 0.15),
    ("mediso_four_line_512.dcm", "fwhm", {"axis": "x", "method": "gaussian"}, 7.5, 0.18),
    ("siemens_line_sources_256.dcm", "fwhm", {"axis": "x", "method": "nema"}, 7.4, 0.15),  # 13.5 degrees off the pixels
    ("siemens_line_sources_256.dcm", "fwhm", {"axis": "y", "method": "nema"}, 7.3, 0.20),
    ("siemens_lead_edge_512.dcm", "fwhm", {"axis": "x", "method": "gaussian"}, 3.15, 0.30),  # erf fits 2.9-3.4
    ("siemens_lead_edge_512.dcm", "fwhm", {"axis": "y", "method": "gaussian"}, 3.15, 0.30),
    ("mediso_quadrant_bar_512.dcm", "bar_modulation", {"bar_width_mm": 4.23}, 0.640, 0.006),
    ("mediso_quadrant_bar_512.dcm", "bar_modulation", {"bar_width_mm": 3.18}, 0.462, 0.008),
    ("mediso_quadrant_bar_512.dcm", "bar_modulation", {"bar_width_mm": 2.54}, 0.300, 0.006),
    ("mediso_quadrant_bar_512.dcm", "bar_modulation", {"bar_width_mm": 2.12}, 0.202, 0.006),
    ("mediso_quadrant_bar_512.dcm", "fwhm", {"bar_width_mm": 4.23, "method": "raw"}, 2.995, 0.03),
    ("mediso_quadrant_bar_512.dcm", "fwhm", {"bar_width_mm": 3.18, "method": "raw"}, 2.962, 0.03),
    ("mediso_quadrant_bar_512.dcm", "fwhm", {"bar_width_mm": 2.54, "method": "raw"}, 2.954, 0.03),
    ("mediso_quadrant_bar_512.dcm", "fwhm", {"bar_width_mm": 2.12, "method": "raw"}, 2.843, 0.03),
    ("mediso_max_count_rate.dcm", "max_count_rate", {}, 358_437, 0.5),
    ("PetriDish", "planar_sensitivity", {}, 243.16, 0.01),
]


@pytest.fixture(scope="module")
def checked(shared):
    return check([shared / "data" / "gamma_camera"], facts=FACTS)


def of(checked, name):
    return [one for one in checked.examined if any(Path(file.path).name == name for file in one.evidence.files)]


@pytest.mark.parametrize("name", RECOGNISED)
def test_a_real_file_finds_its_procedure_and_no_other(checked, name):
    assert [one.procedure.name for one in of(checked, name)] == [f"gamma_camera.{RECOGNISED[name]}"]
    assert of(checked, name)[0].result is not None


def test_the_background_of_the_dish_is_used_and_not_called_unsuitable(checked):
    assert checked.unread == ()
    assert len(checked.examined) == len(RECOGNISED)


@pytest.mark.parametrize(("name", "quantity", "where", "theirs", "within"), COMPARED)
def test_a_real_file_agrees_with_the_other_program_as_far_as_explained(checked, name, quantity, where, theirs, within):
    (one,) = of(checked, name)
    found = [m for m in one.result.measurements if m.quantity.name == quantity and where.items() <= dict(m.where).items()]
    assert len(found) == 1
    assert found[0].value == pytest.approx(theirs, abs=within)
