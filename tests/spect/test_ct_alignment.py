"""SPECT/CT alignment: truth from sources moved and turned by known amounts."""

import math

import numpy as np
import pytest

from photopeak.evidence import Volume
from photopeak.phantom.spect_ct import PLACES_MM as PLACES
from photopeak.phantom.spect_ct import about_the_origin, sources_by_ct, sources_by_spect
from photopeak.phantom.spect_projections import evidence_of
from photopeak.procedure import Refused
from photopeak.spect.ct_alignment import accepts, ct_alignment


def spect(places=PLACES, seed=None):
    return sources_by_spect(places, seed=seed)


def ct(places=PLACES, shift=(0.0, 0.0, 0.0), turn_deg=0.0, noise=0.0, seed=0):
    return sources_by_ct(places, shift_mm=shift, turn_deg=turn_deg, noise_hu=noise, seed=seed)


def pair(one, other):
    return evidence_of(one, kind="nm_volume", facts={"companion": evidence_of(other, kind="ct_volume")})


def measured(one, other):
    result = ct_alignment(pair(one, other))
    return {(m.quantity.name, m.where.get("source")): m for m in result.measurements}, result


@pytest.mark.parametrize("shift", [(0.0, 0.0, 0.0), (1.5, 0.0, 0.0), (-2.0, 3.0, 1.0), (0.0, 0.0, 7.0)])
def test_a_shift_is_found_within_a_tenth_of_a_millimetre(shift):
    found, result = measured(spect(), ct(shift=shift))
    truth = math.dist(shift, (0, 0, 0))
    for source in range(1, 5):
        assert found["alignment_error", source].value == pytest.approx(truth, abs=0.1)
    assert found["alignment_error_max", None].value == pytest.approx(truth, abs=0.1)
    assert found["rotation_error", None].value == pytest.approx(0.0, abs=0.05)
    assert len(result.figures()) == 1


@pytest.mark.parametrize("truth", [0.5, 2.0, 5.0])
def test_a_rotation_is_found(truth):
    found, _ = measured(spect(), ct(turn_deg=truth))
    assert found["rotation_error", None].value == pytest.approx(truth, abs=0.05)
    farthest = max(2 * math.hypot(x, y) * math.sin(math.radians(truth / 2)) for x, y, _ in PLACES)
    assert found["alignment_error_max", None].value == pytest.approx(farthest, abs=0.1)


def test_the_direction_in_which_slices_are_stored_does_not_matter():
    plain, turned = spect(), spect()
    z = len(turned.values)
    last = (turned.origin_mm[0], turned.origin_mm[1], turned.origin_mm[2] + 4.0 * (z - 1))
    turned = Volume(
        values=np.ascontiguousarray(turned.values[::-1]),
        spacing_mm=turned.spacing_mm,
        origin_mm=last,
        directions=((0.0, 0.0, -1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
    )
    other = ct(shift=(1.0, 2.0, -1.0))
    for key, m in measured(plain, other)[0].items():
        if key[0] != "alignment_error":
            assert measured(turned, other)[0][key].value == pytest.approx(m.value, abs=1e-3)


def coverage(draws):
    held = {"alignment_error": 0, "alignment_error_max": 0, "rotation_error": 0}
    for seed in range(draws):
        found, _ = measured(spect(seed=seed), ct(shift=(1.0, -0.5, 0.0), turn_deg=1.0, noise=20.0, seed=seed))
        angle = math.radians(1.0)
        errors = []
        for x, y, _ in PLACES:
            u, v = x * math.cos(angle) - y * math.sin(angle) + 1.0, x * math.sin(angle) + y * math.cos(angle) - 0.5
            errors.append(math.hypot(u - x, v - y))
        largest = found["alignment_error_max", None]
        held["alignment_error_max"] += abs(largest.value - max(errors)) <= 2 * largest.uncertainty
        first = found["alignment_error", 1]
        held["alignment_error"] += abs(first.value - math.hypot(1.0, 0.5)) <= 2 * first.uncertainty
        turned = found["rotation_error", None]
        held["rotation_error"] += abs(turned.value - 1.0) <= 2 * turned.uncertainty
    return {name: n / draws for name, n in held.items()}


def test_the_stated_uncertainties_hold_the_truth():
    found = coverage(15)
    assert min(found.values()) >= 0.73, found


@pytest.mark.full
def test_the_stated_uncertainties_hold_the_truth_in_two_thousand_draws():
    found = coverage(2000)
    assert min(found.values()) >= 0.93, found


def refused(evidence):
    with pytest.raises(Refused) as error:
        ct_alignment(evidence)
    assert error.value.words.zh
    return error.value.code


def test_without_a_ct_without_markers_or_without_sources_it_is_refused():
    alone = evidence_of(spect(), kind="nm_volume")
    assert accepts(alone) is not None
    assert refused(alone) == "no_companion"
    assert accepts(pair(spect(), ct())) is None
    blank = about_the_origin(Volume(values=np.full((90, 160, 160), -1000, np.float32), spacing_mm=(2.5, 1.4, 1.4)))
    assert refused(pair(spect(), blank)) == "no_markers"
    empty = about_the_origin(Volume(values=np.zeros((16, 64, 64), np.float32), spacing_mm=(4, 4, 4)))
    assert refused(pair(empty, ct())) == "not_point_sources"


def test_a_source_without_a_marker_does_not_hide_the_others():
    found, result = measured(spect(), ct(places=PLACES[:3], shift=(1.0, 0.0, 0.0)))
    assert sum(key[0] == "alignment_error" for key in found) == 3
    assert [one.code for one in result.remarks] == ["source_not_measured"]
