"""The smallest filter: Gaussians add in quadrature, so scanners of different resolution need filters that lead to one width."""

import math

import numpy as np
import pytest

from photopeak.check import check
from photopeak.facts import load_facts
from photopeak.pet.harmonisation import accepts, harmonisation
from photopeak.pet.iec_body_pose import NEIGHBOURHOOD_MM, SIGMA_PER_FWHM, SPHERES_MM, Pose, blurred_sphere
from photopeak.pet.image_quality import image_quality
from photopeak.pet.recovery_bands import bands, judged
from photopeak.phantom.iec_body import IecBody, iec_body_files
from photopeak.present.pages import compose
from photopeak.procedure import Refused

SPACING, SHAPE = (3.0, 3.0, 3.0), (30, 110, 110)
FACTS = {"sphere_bq_per_ml": 20_000.0}


def scanner(fwhm_mm):
    pose = Pose(centre_mm=(44.0, 164.0, 163.0), angle_deg=10.0, hand=1)
    return IecBody(shape=SHAPE, spacing_mm=SPACING, pose=pose, ratio=10.0, background_bq_per_ml=2000.0, fwhm_mm=fwhm_mm)


def filters(result):
    return {m.where["programme"]: m.value for m in result.measurements if m.quantity.name == "harmonising_filter"}


def test_scanners_of_different_resolution_are_led_to_the_same_expected_width(evidence_of):
    """The true final width of each is sqrt(own² + filter²); the bands decide it, so it is one for all."""
    widths = []
    for own in (3.0, 4.5, 6.0):
        found = filters(harmonisation(evidence_of(scanner(own).image(), SPACING, facts=FACTS)))
        widths.append(math.hypot(own, found["earl1"]))
    assert np.ptp(widths) < 0.15
    assert 6.0 < np.mean(widths) < 8.0


def test_a_scanner_inside_the_bands_needs_no_filter_and_a_blurred_one_gets_none(evidence_of):
    result = harmonisation(evidence_of(scanner(8.0).image(), SPACING, facts=FACTS))
    assert filters(result) == {"earl1": 0.0}
    assert [one.code for one in result.remarks] == ["no_harmonising_filter"]
    assert len(result.figures()) == 4


def recoveries_of(parts):
    """Recovery of each sphere in a sum of blurred phantoms [(share, FWHM)], ratio 10, worked out along one radius."""
    found, radii = {}, np.linspace(0.01, 45.0, 3000)
    for diameter in SPHERES_MM:
        profile = sum(share * blurred_sphere(radii, diameter / 2, fwhm * SIGMA_PER_FWHM) for share, fwhm in parts)
        near = radii <= diameter / 2 + NEIGHBOURHOOD_MM
        value = 0.1 + 0.9 * profile
        top = value[near].max()
        above = near & (value >= 0.1 + 0.5 * (top - 0.1))
        found[diameter, "max"] = top
        found[diameter, "a50"] = float((value * radii**2)[above].sum() / (radii**2)[above].sum())
    return found


def test_no_gaussian_alone_reaches_earl2_because_a_mean_never_exceeds_what_it_is_taken_of():
    """A blurred sphere reads at most its activity; the lowest EARL 2 maxima of 37, 28 and 22 mm are above it."""
    wanted = bands("earl2")
    assert all(wanted[size, "max"][0] > 1.0 for size in (37, 28, 22))
    for fwhm in np.arange(1.0, 15.0, 0.5):
        outside = judged(recoveries_of([(1.0, fwhm)]), wanted, 0.0).outside
        assert all(outside[size, "max"] > 0 for size in (37, 28, 22))


def enhanced(extra_mm):
    """Edge enhancement: 1.5 times a blur of 5.7 mm less 0.5 times one of 12 mm, both blurred by `extra_mm` more when they are made."""
    near, far = (scanner(math.hypot(own, extra_mm)).image() for own in (5.7, 12.0))
    return 1.5 * near - 0.5 * far


def test_a_scanner_with_overshoot_gets_the_smallest_earl2_filter_and_no_smaller_one_would_do(evidence_of):
    """Gaussians add in quadrature: the same phantom made with so much more blur, measured without a filter, gives the answer."""
    wanted = bands("earl2")

    def inside(extra_mm):
        made = harmonisation(evidence_of(enhanced(extra_mm), SPACING, facts=FACTS))
        return judged(made.unfiltered, wanted, 0.0).inside

    found = filters(harmonisation(evidence_of(enhanced(0.0), SPACING, facts=FACTS)))["earl2"]
    assert 1.0 < found < 6.0
    assert inside(found + 0.1)
    assert not inside(found - 0.2)


def test_without_a_filter_the_recoveries_are_those_of_image_quality(evidence_of, table_of):
    evidence = evidence_of(scanner(5.0).image(), SPACING, facts=FACTS)
    expected = table_of(image_quality(evidence))
    for (diameter, statistic), value in harmonisation(evidence).unfiltered.items():
        assert value == pytest.approx(expected["recovery", diameter, statistic][0], rel=1e-4)


def test_bands_are_those_of_the_published_table_and_the_provisional_peak_is_left_out():
    assert bands("earl1")[37, "a50"] == (0.76, 0.89)
    assert len(bands("earl2")) == 12
    outside = judged({(37, "a50"): 0.9}, {(37, "a50"): (0.76, 0.89)}, 0.0).outside
    assert outside[37, "a50"] == pytest.approx(-0.01)


def test_another_object_or_an_unknown_activity_is_refused(evidence_of):
    values = np.zeros((20, 40, 40))
    values[5:15, 10:30, 10:30] = 1000.0
    with pytest.raises(Refused):
        harmonisation(evidence_of(values, (4, 4, 4), facts=FACTS))
    with pytest.raises(Refused):
        harmonisation(evidence_of(scanner(5.0).image(), SPACING))
    assert accepts(evidence_of(values, (4, 4, 4)))


def test_a_regions_scanners_stand_side_by_side_in_the_report(tmp_path):
    for name, fwhm in (("north", 4.0), ("south", 8.0)):
        iec_body_files(
            tmp_path / name,
            ratio=10.0,
            background_bq_per_ml=2000.0,
            fwhm_mm=fwhm,
            matrix=110,
            voxel_mm=3.0,
            slices=30,
            slice_mm=3.0,
        )
    (tmp_path / "FACTS.toml").write_text("sphere_bq_per_ml = 20000.0\n", encoding="utf-8")
    checked = check([tmp_path], stage="harmonisation", programme="earl1", facts=load_facts(tmp_path / "FACTS.toml"))
    for language, title, filtered in (("en", "Scanners side by side", "mm filter"), ("zh", "多台设备对比", "mm 滤波")):
        section = compose(checked, language).sections[-1]
        assert section.title == title
        assert [len(row) for row in section.figures] == [2, 1]
        said = dict(section.unjudged[0].plain)
        assert len(said) == 2
        north, south = (next(text for label, text in said.items() if name in label) for name in ("north", "south"))
        assert filtered in north
        assert "EARL 1" in south
    single = check([tmp_path / "north"], facts=load_facts(tmp_path / "FACTS.toml"))
    assert all(section.title != "Scanners side by side" for section in compose(single, "en").sections)
