"""Point sources in PET against their markers in a CT displaced by a known amount."""

from dataclasses import replace
from functools import cache

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


@cache
def held(draws, evidence_of):
    """Share of noisy studies (3 % of the peak) whose ± 2u holds the mean of each number: displaced by 2 mm, and not at all."""
    image, shares = PHANTOM.image(), {}
    for shift in (2.0, 0.0):
        still, found = study(evidence_of, (0.0, shift, 0.0)), {}
        for draw in range(draws):
            noise = np.random.default_rng((2, draw)).standard_normal(image.shape, dtype=np.float32)
            evidence = replace(still, images=replace(still.images, values=image + 3000 * noise))
            result = ct_alignment(evidence)
            assert len(result.pet_mm) == 3
            for m in result.measurements:
                # sources are numbered by their height, which noise reorders: they are alike
                found.setdefault(m.quantity.name, []).append((m.value, m.uncertainty))
        for name, pairs in found.items():
            values = np.array(pairs)
            truth = 2.0 if shift and name == "alignment_error" else values[:, 0].mean()
            shares[name, shift] = float(np.mean(np.abs(values[:, 0] - truth) <= 2 * values[:, 1]))
    return shares


def test_the_stated_uncertainties_hold_the_truth(evidence_of):
    for key, share in held(24, evidence_of).items():
        assert share >= 0.75, key


@pytest.mark.full
def test_two_thousand_studies_are_covered_as_often_as_stated(evidence_of):
    for key, share in held(2000, evidence_of).items():
        assert 0.93 <= share <= 0.97, (key, share)


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
