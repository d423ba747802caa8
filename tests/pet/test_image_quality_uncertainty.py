"""Stated uncertainties hold the truth: noise model, 6 mm correlation (FWHM), SD proportional to the local activity.

The truth of A50, maximum, peak and voxel variation is the ensemble mean of that statistic at that pose and count level; of N
the ensemble SD of the means of the very regions; of all else the noiseless value.
"""

from functools import cache

import numpy as np
import pytest

from photopeak.pet.background_regions import BackgroundPlacement
from photopeak.pet.background_statistics import background_slices
from photopeak.pet.iec_body_pose import SPHERES_MM, Pose
from photopeak.pet.image_quality import image_quality
from photopeak.pet.regions import coefficient_disc, covered_disc, read_plane, spline_coefficients
from photopeak.phantom.iec_body import IecBody, noisy

SPACING, SHAPE, NOISE_PERCENT = (4.0, 4.0, 4.0), (18, 88, 88), 8.0
CENTRE = (35.1, 174.7, 173.2)
BIASED_BY_NOISE = ("a50", "max", "peak")


@cache
def study(draws, evidence_of, table_of):
    """By quantity and place: (value, u) of each draw; and the truth."""
    body = IecBody(shape=SHAPE, spacing_mm=SPACING, pose=Pose(centre_mm=CENTRE, angle_deg=25.0, hand=1), lung_fraction=0.1)
    image = body.image()
    facts = {"sphere_to_background": body.ratio, "sphere_bq_per_ml": body.sphere_bq_per_ml}
    clean = image_quality(evidence_of(image, SPACING, facts=facts))
    found, means = {}, []
    for draw in range(draws):
        values = noisy(image, SPACING, noise_percent=NOISE_PERCENT, seed=(11, draw))
        for key, pair in table_of(image_quality(evidence_of(values, SPACING, facts=facts))).items():
            found.setdefault(key, []).append(pair)
        means.append(region_means(values, clean.placement))
    spread = {key: float(np.sqrt(np.var([m[key] for m in means], axis=0, ddof=1).mean())) for key in means[0]}
    return found, truths(found, table_of(clean), spread)


def region_means(values, placement: BackgroundPlacement):
    slices = background_slices(CENTRE[0], SPACING[0], SHAPE[0])
    whole = slice(0, SHAPE[1]), slice(0, SHAPE[2])
    planes = {
        "nema": (covered_disc, [values[k] for k in slices]),
        "plane": (
            coefficient_disc,
            [spline_coefficients(read_plane(values, SPACING[0], CENTRE[0] + o, whole)) for o in (-20, -10, 0, 10, 20)],
        ),
    }
    return {
        (diameter, method): np.array(
            [[disc(SHAPE[1:], SPACING[1:], c, float(diameter)).mean(p) for p in stack] for c in placement.places()[::3]]
        )
        for diameter in SPHERES_MM
        for method, (disc, stack) in planes.items()
    }


def truths(found, clean, spread):
    told = {}
    for key, pairs in found.items():
        values = np.array([value for value, _ in pairs])
        if key[0] == "background_variability":
            told[key] = 100 * spread[key[1], key[2]] / clean["background_concentration",][0]
        elif key[0] == "coefficient_of_variation" or key[-1] in BIASED_BY_NOISE:
            told[key] = values.mean()
        else:
            told[key] = clean[key][0]
    return told


def coverage(pairs, truth):
    stated = [(value, u) for value, u in pairs if u is not None]
    return np.mean([abs(value - truth) <= 2 * u for value, u in stated]) if stated else None


def test_thirty_draws_are_covered_about_as_often_as_stated(evidence_of, table_of):
    """Pooled over the sizes of each quantity: 95 % give or take what thirty draws allow."""
    found, truth = study(30, evidence_of, table_of)
    pooled = {}
    for key, pairs in found.items():
        share = coverage(pairs, truth[key])
        if share is not None:
            pooled.setdefault((key[0], key[2] if len(key) > 2 else ""), []).append(share)
    assert len(pooled) > 12
    for name, shares in pooled.items():
        assert np.mean(shares) >= (0.88 if len(shares) == 6 else 0.83), name
    recovery = [pairs for key, pairs in found.items() if key[0] == "recovery"]
    assert 0.8 < np.mean([np.std([v for v, _ in pairs]) / np.mean([u for _, u in pairs]) for pairs in recovery]) < 1.2


@pytest.mark.full
def test_two_thousand_draws_are_covered_in_93_to_97_percent(evidence_of, table_of):
    found, truth = study(2000, evidence_of, table_of)
    shares = {key: coverage(pairs, truth[key]) for key, pairs in found.items()}
    outside = {key: share for key, share in shares.items() if share is not None and not 0.93 <= share <= 0.97}
    assert outside == {}
