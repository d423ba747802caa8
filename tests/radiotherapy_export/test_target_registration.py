"""Target registration error: known motions, the expected error against simulation, refusals."""

import numpy as np
import pytest

from photopeak.evidence import EvidenceFile
from photopeak.procedure import Refused
from photopeak.radiotherapy_export.target_registration import expected_error, rigid_registration, target_registration
from photopeak.table import table_evidence

FIDUCIALS = np.array([[0, 0, 0], [100, 0, 0], [0, 80, 0], [0, 0, 60], [90, 70, 20]], float)
TARGET = np.array([40.0, 30.0, 90.0])
NAMES = "role,point,fixed_x_mm,fixed_y_mm,fixed_z_mm,moving_x_mm,moving_y_mm,moving_z_mm"


def turn(degrees):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def run(rows):
    text = NAMES + "\n" + "\n".join(",".join(str(cell) for cell in row) for row in rows)
    return target_registration(table_evidence(text.encode(), EvidenceFile(path="points.csv", sha256="0")))


def test_a_rigid_motion_of_known_truth_is_undone():
    moved = FIDUCIALS @ turn(7).T + [5, -3, 2]
    rows = [("fiducial", k, *f, *m) for k, (f, m) in enumerate(zip(FIDUCIALS, moved))]
    rows.append(("target", "t", *TARGET, *(turn(7) @ TARGET + [5, -3, 2] + [0, 0, 1.5])))
    found = {m.quantity.name: m for m in run(rows).measurements}
    assert found["target_registration_error"].value == pytest.approx(1.5, abs=1e-6)
    assert found["fiducial_registration_error"].value == pytest.approx(0, abs=1e-6)
    assert found["rotation"].value == pytest.approx(7, abs=1e-6)


def test_the_expected_error_is_that_of_simulated_registrations():
    """Truth: the root mean square error of 3,000 registrations with 1 mm of localisation error (each axis 1/sqrt 3)."""
    generator = np.random.default_rng(1)
    errors, residuals = [], []
    for _ in range(3000):
        moving = FIDUCIALS + generator.standard_normal(FIDUCIALS.shape) / np.sqrt(3)
        rotation, shift = rigid_registration(moving, FIDUCIALS)
        errors.append(np.sum((rotation @ TARGET + shift - TARGET) ** 2))
        residuals.append(np.sum((moving @ rotation.T + shift - FIDUCIALS) ** 2) / len(FIDUCIALS))
    expected = expected_error(TARGET, FIDUCIALS, float(np.sqrt(np.mean(residuals))))
    assert np.sqrt(np.mean(errors)) == pytest.approx(expected, rel=0.03)


def test_a_target_marked_once_gets_the_expected_error():
    rows = [("fiducial", k, *f, *f) for k, f in enumerate(FIDUCIALS)] + [("target", "t", *TARGET, "", "", "")]
    (found,) = (m for m in run(rows).measurements if m.quantity.name == "target_registration_error")
    assert found.where["method"] == "expected"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([("fiducial", 1, 0, 0, 0, 0, 0, 0), ("fiducial", 2, 1, 0, 0, 1, 0, 0)], "too_few_fiducials"),
        ([("fiducial", k, k, 0, 0, k, 0, 0) for k in range(4)], "fiducials_on_a_line"),
        ([("landmark", 1, 0, 0, 0, 0, 0, 0)], "unknown_role"),
        ([("fiducial", 1, "left", 0, 0, 0, 0, 0)], "not_a_number"),
        ([("fiducial", k, *f, *f[:2], "") for k, f in enumerate(FIDUCIALS)], "input_missing"),
    ],
)
def test_points_that_tell_nothing_are_refused_in_words(rows, code):
    with pytest.raises(Refused) as refused:
        run(rows)
    assert refused.value.code == code
    assert refused.value.words.zh
