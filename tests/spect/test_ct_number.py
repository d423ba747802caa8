"""CT number: truth from a synthetic water phantom."""

import numpy as np
import pytest

from photopeak.evidence import Volume
from photopeak.phantom.spect_ct import water_phantom
from photopeak.phantom.spect_projections import evidence_of
from photopeak.procedure import Refused
from photopeak.spect.ct_number import accepts, ct_number


def water(level=0.0, cup=0.0, noise=0.0, seed=0, slices=12, size=160, mm=1.6, shift=(6.0, -9.0), tilt=0.0):
    built = {"level_hu": level, "cup_hu": cup, "tilt_hu": tilt, "noise_hu": noise, "shift_mm": shift, "seed": seed}
    return water_phantom(shape=(slices, size, size), spacing_mm=(3.0, mm, mm), **built)


def measured(volume):
    result = ct_number(evidence_of(volume, kind="ct_volume"))
    return {(m.quantity.name, m.where.get("roi")): m for m in result.measurements}, result


@pytest.mark.parametrize("truth", [-6.5, 0.0, 3.2])
@pytest.mark.parametrize("shift", [(0.0, 0.0), (18.0, -12.0)])
def test_the_ct_number_is_the_one_built_in(truth, shift):
    found, result = measured(water(level=truth, shift=shift))
    for roi in ("centre", "12", "3", "6", "9"):
        assert found["ct_number", roi].value == pytest.approx(truth, abs=0.2)
    assert found["ct_uniformity", None].value == pytest.approx(0.0, abs=0.01)
    assert len(result.figures()) == 2


def test_noise_and_a_gradient_are_measured_as_built():
    found, _ = measured(water(noise=8.0, slices=20))
    assert found["ct_noise", "centre"].value == pytest.approx(8.0, rel=0.03)
    assert found["ct_number", "centre"].value == pytest.approx(0.0, abs=4 * found["ct_number", "centre"].uncertainty)
    found, _ = measured(water(tilt=10.0))
    assert found["ct_uniformity", None].value == pytest.approx(8.0, abs=0.2)
    assert found["ct_number", "3"].value == pytest.approx(8.0, abs=0.2)
    assert found["ct_number", "12"].value == pytest.approx(0.0, abs=0.2)


def test_an_offset_moves_every_number_alike():
    straight, _ = measured(water(noise=5.0, cup=4.0))
    moved, _ = measured(water(noise=5.0, cup=4.0, level=10.0))
    for key, m in straight.items():
        expected = m.value + (10 if key[0] == "ct_number" else 0)
        assert moved[key].value == pytest.approx(expected, abs=1e-3)


def coverage(draws):
    truth = {("ct_number", roi): 2.0 for roi in ("centre", "12", "3", "6", "9")}
    truth |= {("ct_noise", "centre"): 8.0, ("ct_uniformity", None): 0.0}
    held = dict.fromkeys(truth, 0)
    for seed in range(draws):
        found, _ = measured(water(level=2.0, noise=8.0, seed=seed, slices=40, size=80, mm=3.2, shift=(0.0, 0.0)))
        for key in held:
            held[key] += abs(found[key].value - truth[key]) <= 2 * found[key].uncertainty
    return {key: n / draws for key, n in held.items()}


def test_the_stated_uncertainties_hold_the_truth():
    found = coverage(40)
    assert min(found.values()) >= 0.82, found


@pytest.mark.full
def test_the_stated_uncertainties_hold_the_truth_in_two_thousand_draws():
    found = coverage(2000)
    assert min(found.values()) >= 0.93, found
    assert all(share <= 0.97 for (name, _), share in found.items() if name == "ct_number"), found


def test_what_is_no_water_phantom_is_refused():
    patient = water()
    patient.values[:, 60:100, 70:90] = 700
    y, x = np.indices((160, 160)) - 79.5
    oval = Volume(
        values=np.repeat(np.where((x / 70) ** 2 + (y / 45) ** 2 < 1, 30.0, -1000.0)[None], 5, axis=0).astype(np.float32),
        spacing_mm=(3, 1.6, 1.6),
    )
    air = Volume(values=np.full((4, 64, 64), -1000, np.float32), spacing_mm=(3, 3, 3))
    for volume in (patient, oval, air):
        assert accepts(evidence_of(volume, kind="ct_volume")) is not None
        with pytest.raises(Refused) as error:
            measured(volume)
        assert error.value.words.zh
