"""Every SPECT procedure refuses what is not its own evidence, in both languages, and never measures it."""

import dataclasses
import re

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from photopeak.evidence import Frame, PlanarImages, Volume
from photopeak.phantom.jaszczak import Jaszczak, jaszczak
from photopeak.phantom.spect_ct import sources_by_ct, sources_by_spect, water_phantom
from photopeak.phantom.spect_cylinders import cylinder_projections
from photopeak.phantom.spect_projections import Head, PointSource, evidence_of, point_source_projections, turn
from photopeak.procedure import Refused, roll

PROCEDURES = sorted(name for name in roll() if name.startswith("spect."))
POINTS = point_source_projections([PointSource(x_mm=60)], [Head(angles_deg=turn(60))], background=0.3, seed=1)
CYLINDER = cylinder_projections([40_000.0, 40_000.0], seed=2)


def body(shape, seed=0):
    """An oval trunk of tissue with a few hot organs, as a patient's study shows."""
    z, y, x = (np.linspace(-1, 1, n) for n in shape)
    oval = (x[None, None, :] / 0.75) ** 2 + (y[None, :, None] / 0.5) ** 2 < 1
    values = np.where(np.broadcast_to(oval, shape), 20.0, 0.0)
    for cx, cy, cz, width, height in ((0.25, 0.1, 0.2, 0.2, 140), (-0.3, 0.15, -0.2, 0.28, 90), (0.0, -0.2, 0.5, 0.12, 200)):
        away2 = (x[None, None, :] - cx) ** 2 + (y[None, :, None] - cy) ** 2 + (z[:, None, None] - cz) ** 2
        values += height * np.exp(-away2 / (2 * width**2)) * oval
    return np.random.default_rng(seed).poisson(gaussian_filter(values, 1.2)).astype(np.float32)


def patient_views():
    volume = body((64, 64, 64))
    views = np.stack([volume.sum(axis=1 + n % 2) for n in range(60)])
    frames = tuple(Frame(view=n + 1, angle_deg=6.0 * n, duration_s=20.0) for n in range(60))
    return PlanarImages(counts=views, pixel_mm=(6.6, 6.6), frames=frames, image_type="TOMO")


def volumes(values, mm=4.0):
    return Volume(values=np.asarray(values, dtype=np.float32), spacing_mm=(mm, mm, mm))


def planar(images, counts):
    return evidence_of(dataclasses.replace(images, counts=counts))


def wrong():
    """Evidence by name: its kind is right for some procedure, its content for none but those named."""
    few = POINTS.frames[::8][:8]
    empty_views = CYLINDER.counts.copy()
    empty_views[7:20] = 0
    bright = POINTS.counts * 30
    return {
        "eight views only": (evidence_of(dataclasses.replace(POINTS, counts=POINTS.counts[::8][:8], frames=few)), ()),
        "a point clipped by the edge": (
            evidence_of(point_source_projections([PointSource(x_mm=302)], [Head(angles_deg=turn(60))])),
            (),
        ),
        "empty views of a point": (planar(POINTS, np.where(np.arange(60)[:, None, None] % 9, POINTS.counts, 0)), ()),
        "empty views of a cylinder": (planar(CYLINDER, empty_views), ()),
        "nothing at all": (planar(POINTS, np.zeros_like(POINTS.counts)), ()),
        "saturated pixels": (planar(POINTS, np.minimum(bright, 4095)), ()),
        "a patient's projections": (evidence_of(patient_views()), ()),
        "a static image": (evidence_of(dataclasses.replace(POINTS, image_type="STATIC")), ()),
        "a patient's reconstruction": (evidence_of(volumes(body((40, 64, 64)), 6.0), kind="nm_volume"), ()),
        "an empty reconstruction": (evidence_of(volumes(np.zeros((20, 64, 64))), kind="nm_volume"), ()),
        "values that are no numbers": (evidence_of(volumes(np.full((20, 64, 64), np.nan)), kind="nm_volume"), ()),
        "noise": (evidence_of(volumes(np.random.default_rng(0).poisson(4, (20, 64, 64))), kind="nm_volume"), ()),
        "a CT of a patient": (evidence_of(volumes(body((20, 96, 96)) * 8 - 1000, 3.0), kind="ct_volume"), ()),
        "a cylinder": (evidence_of(CYLINDER), ("volume_sensitivity",)),
        "points that turn": (evidence_of(POINTS), ("centre_of_rotation",)),
        "a uniform cylinder": (
            evidence_of(jaszczak(Jaszczak(spheres_mm=(), rods_mm=()), fwhm_mm=9), kind="nm_volume"),
            ("tomographic_uniformity",),
        ),
        "reconstructed points": (evidence_of(sources_by_spect(), kind="nm_volume"), ("tomographic_resolution",)),
        "a CT of water": (evidence_of(water_phantom(), kind="ct_volume"), ("ct_number",)),
        "a CT of markers": (evidence_of(sources_by_ct(), kind="ct_volume"), ()),
        "numbers below zero": (evidence_of(sources_by_ct(), kind="nm_volume"), ("tomographic_resolution",)),
    }


EVIDENCE = wrong()


#: of every procedure, what the road can offer it; the kind of the evidence rules the rest out
OFFERED = [(name, content) for name in PROCEDURES for content, (one, _) in EVIDENCE.items() if one.kind in roll()[name].kinds]


@pytest.mark.parametrize(("name", "content"), OFFERED)
def test_what_is_not_its_own_evidence_is_refused_readably(name, content):
    evidence, suited = EVIDENCE[content]
    if name.removeprefix("spect.") in suited:
        assert roll()[name].accepts(evidence) is None
        return
    with pytest.raises(Refused) as error:
        roll()[name].run(evidence)
    words = error.value.words
    assert words.en.startswith("phantom.dcm") or "view" in words.en or "source" in words.en or "pixels" in words.en, words.en
    assert len(words.en.split()) > 6
    assert len(re.findall(r"[\u4e00-\u9fff]", words.zh)) > 8, words.zh
