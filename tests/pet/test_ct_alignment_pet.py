"""Point sources in PET against their markers in a CT displaced by a known amount."""

from dataclasses import replace

import numpy as np
import pytest

from photopeak.check import with_companions
from photopeak.dicom.gather import gather
from photopeak.evidence import Volume
from photopeak.pet.ct_alignment import accepts, ct_alignment
from photopeak.phantom.pet_points import PetPoints, markers, pet_points_files
from photopeak.procedure import Refused

SPACING, SHAPE = (2.0, 2.0, 2.0), (60, 100, 100)
PLACES = ((20.3, 60.4, 0.1), (-20.2, -50.4, 40.2), (0.2, 10.1, -60.4))
PHANTOM = PetPoints(shape=SHAPE, spacing_mm=SPACING, places_mm=PLACES, fwhm_mm=(5.0, 5.0, 5.0))


def study(evidence_of, shift=(0.0, 0.0, 0.0), values=None, turn_deg=0.0):
    a = np.radians(turn_deg)
    turned = [(z, y * np.cos(a) - x * np.sin(a), x * np.cos(a) + y * np.sin(a)) for z, y, x in PLACES]
    places = [tuple(p + s for p, s in zip(place, shift)) for place in turned]
    evidence = evidence_of(PHANTOM.image() if values is None else values, SPACING)
    ct_values = markers((120, 200, 200), (1.0, 1.0, 1.0), places).astype(np.float32)
    origin = tuple(-(n - 1) / 2 * mm for n, mm in zip(SHAPE[::-1], SPACING[::-1]))
    pet = replace(evidence, images=replace(evidence.images, origin_mm=origin))
    computed = replace(
        evidence, kind="ct_volume", images=Volume(values=ct_values, spacing_mm=(1.0, 1.0, 1.0), origin_mm=(-99.5, -99.5, -59.5))
    )
    return replace(pet, facts={"companion": computed})


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (0.0, 2.0, 0.0), (1.0, -1.0, 1.5)])
def test_a_known_shift_is_the_error_of_every_source(evidence_of, shift):
    result = ct_alignment(study(evidence_of, shift))
    expected = float(np.linalg.norm(shift))
    errors = [m.value for m in result.measurements if m.quantity.name == "alignment_error"]
    assert errors == pytest.approx([expected] * 3, abs=0.06)
    (turn,) = (m.value for m in result.measurements if m.quantity.name == "rotation_error")
    assert turn < 0.1


def test_a_known_rotation_is_found(evidence_of):
    result = ct_alignment(study(evidence_of, turn_deg=2.0))
    (turn,) = (m.value for m in result.measurements if m.quantity.name == "rotation_error")
    assert turn == pytest.approx(2.0, abs=0.1)


def test_the_stated_uncertainty_holds_the_truth(evidence_of):
    """A displacement of 2 mm, noise of 3 % of the peak."""
    rng = np.random.default_rng(2)
    image, held = PHANTOM.image(), []
    for _ in range(25):
        values = image + (3000 * rng.standard_normal(image.shape)).astype(np.float32)
        for m in ct_alignment(study(evidence_of, (0.0, 2.0, 0.0), values)).measurements:
            if m.quantity.name == "alignment_error":
                held.append(abs(m.value - 2.0) <= 2 * m.uncertainty)
    assert np.mean(held) >= 0.88


def test_a_study_on_disk_is_paired_and_measured(tmp_path):
    pet_points_files(tmp_path, ct_shift_mm=1.5)
    evidence = next(one for one in with_companions(gather([tmp_path]).evidence) if one.kind == "pt_volume")
    assert accepts(evidence) is None
    result = ct_alignment(evidence)
    (worst,) = (m.value for m in result.measurements if m.quantity.name == "alignment_error_max")
    assert worst == pytest.approx(1.5, abs=0.12)
    assert len(result.figures()) == 1


def test_another_frame_of_reference_or_no_ct_is_refused(evidence_of):
    evidence = study(evidence_of)
    with pytest.raises(Refused) as refused:
        ct_alignment(replace(evidence, facts={"ct_in_another_frame": True}))
    assert refused.value.code == "frame_of_reference_differs"
    with pytest.raises(Refused):
        ct_alignment(replace(evidence, facts={}))
    assert accepts(replace(evidence, facts={}))
