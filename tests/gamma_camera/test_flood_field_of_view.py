"""Where the useful field of view comes from, and which pixels belong to it."""

from dataclasses import replace

import numpy as np
import pytest

from photopeak.evidence import FieldOfView, Subject
from photopeak.gamma_camera.field_of_view import Field, see, share_inside, stated_field
from photopeak.gamma_camera.flood_uniformity import flood_uniformity
from photopeak.gamma_camera.uniformity_map import after_edge_rule, bin_factor_for, grid_for
from photopeak.phantom.flood import Camera, flood

PHANTOM = flood(Camera(), counts=20e6, with_truth=False)


def analysed(evidence, **options):
    result = flood_uniformity(evidence, **options)
    return result.detectors[0], {one.code for one in result.remarks}


def with_software(evidence, software):
    return replace(evidence, about=Subject(software=software))


def zoomed(evidence, zoom):
    field = FieldOfView(shape="RECTANGLE", dimensions_mm=(380.0, 513.0), zoom=zoom)
    return replace(evidence, images=replace(evidence.images, field_of_view={1: field}))


def test_facts_come_before_the_header_and_the_header_before_the_table_of_models():
    intevo = "syngo CT VC50>Symbia Intevo 16>VB22A"
    evidence = with_software(PHANTOM.evidence(facts={"ufov_mm": [360, 500]}), intevo)
    expected = [("facts", (360.0, 500.0)), ("header", (380.0, 513.0)), ("model", (386.0, 532.0))]
    without_facts = replace(evidence, facts={})
    without_header = replace(without_facts, images=replace(without_facts.images, field_of_view={}))
    found = [stated_field(one, 1) for one in (evidence, without_facts, without_header)]
    assert [(one.source, one.size_mm) for one in found] == expected
    assert stated_field(with_software(without_header, "another"), 1) is None


def test_the_header_counts_only_at_zoom_one():
    assert stated_field(zoomed(PHANTOM.evidence(), 1.455), 1) is None
    assert stated_field(zoomed(PHANTOM.evidence(), 1.0), 1).source == "header"


def test_a_field_that_nobody_stated_is_detected_and_told():
    flooded, codes = analysed(PHANTOM.evidence(with_field=False))
    assert flooded.field.source == "detected"
    assert flooded.field.size_mm == pytest.approx((400, 540), abs=2.5)
    assert "ufov_detected" in codes
    assert "ufov_detected" not in analysed(PHANTOM.evidence())[1]


def test_a_detected_field_keeps_no_half_filled_pixels():
    flat = flood(Camera(), noise=False, with_truth=False)
    flooded, _ = analysed(flat.evidence(with_field=False))
    assert flooded.fields[0].integral.value == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("ufov", [[400, 540], [398, 538]], ids=["field masked at the UFOV", "a little inside"])
def test_outer_pixels_cut_by_the_edge_of_the_image_are_left_out_and_told(ufov):
    flat = flood(Camera(), noise=False, with_truth=False)
    flooded, codes = analysed(flat.evidence(facts={"ufov_mm": ufov}))
    assert flooded.fields[0].integral.value == pytest.approx(0, abs=0.01)
    assert "partial_edge_pixels" in codes


def test_a_field_much_smaller_than_stated_is_not_taken_for_a_cut_edge():
    flat = flood(Camera(field_mm=(380.0, 500.0)), noise=False, with_truth=False)
    flooded, codes = analysed(flat.evidence(facts={"ufov_mm": [380, 540]}))
    assert flooded.fields[0].integral.value > 50
    assert "dead_area" in codes


def test_an_off_centre_field_takes_the_useful_field_with_it_and_says_so():
    moved = flood(Camera(offset_mm=(12.0, -19.2), pattern_percent=2), noise=False)
    flooded, codes = analysed(moved.evidence(facts={"ufov_mm": [396, 536]}))
    assert "field_off_centre" in codes
    assert flooded.field.centre_mm == pytest.approx((306.9 + 12, 306.9 - 19.2), abs=1.3)
    assert flooded.fields[0].integral.value < 3


def test_a_dead_strip_does_not_move_the_useful_field():
    flat = flood(Camera(), counts=30e6, with_truth=False)
    counts = flat.counts.copy()
    counts[0, :, :30] = 0
    flooded, codes = analysed(replace(flat.evidence(), images=replace(flat.evidence().images, counts=counts)))
    assert "field_off_centre" not in codes
    assert flooded.fields[0].integral.value > 50


@pytest.mark.parametrize(
    ("shape", "size"), [("RECTANGLE", (386.0, 532.0)), ("ROUND", (390.0, 390.0)), ("HEXAGONAL", (520.0, 520.0))]
)
def test_the_pixels_of_a_field_cover_its_area_and_the_central_field_nine_sixteenths_of_it(shape, size):
    field = Field(shape=shape, size_mm=size, centre_mm=(307.0, 307.0), source="facts")
    grid = grid_for((256, 256), (2.398, 2.398), (3, 3), (307.0, 307.0))
    seen = see(PHANTOM.counts[0], (2.398, 2.398))
    expected = {
        "RECTANGLE": size[0] * size[1],
        "ROUND": np.pi / 4 * size[0] ** 2,
        "HEXAGONAL": 1.5 * np.sqrt(3) * size[0] ** 2 / 4,
    }
    areas = [share_inside(field, grid, seen, scale).sum() * grid.bin_mm[0] ** 2 for scale in (1.0, 0.75)]
    assert areas[0] == pytest.approx(expected[shape], rel=0.002)
    assert areas[1] == pytest.approx(0.5625 * expected[shape], rel=0.002)


def test_a_block_edge_lies_at_the_centre_of_the_field():
    grid = grid_for((256, 256), (2.4, 2.4), (3, 3), (307.2, 300.0))
    assert np.abs(grid.edges_mm(0) - 307.2).min() == pytest.approx(0, abs=1e-9)
    assert np.abs(grid.edges_mm(1) - 300.0).min() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    ("pixel_mm", "expected"), [(2.398, 3), (2.065, 3), (1.199, 5), (0.6, 11), (4.418, 1), (4.2, 1), (9.6, 1), (2.209, 3)]
)
def test_the_bin_factor_is_the_nearest_in_range_or_one(pixel_mm, expected):
    assert bin_factor_for(pixel_mm) == expected


def test_the_edge_rule_touches_outer_pixels_and_their_neighbours_only():
    counts = np.full((20, 20), 100.0)
    counts[0, 5] = counts[10, 10] = 0.0
    field = np.ones((20, 20), dtype=bool)
    kept = after_edge_rule(counts, field, field)
    gone = {(0, 4), (0, 5), (0, 6), (1, 5)}
    assert set(zip(*np.nonzero(~kept))) == gone


def test_the_edge_rule_is_applied_once():
    counts = np.full((20, 20), 100.0)
    counts[:4] = 10.0
    kept = after_edge_rule(counts, np.ones((20, 20), dtype=bool), np.ones((20, 20), dtype=bool))
    assert kept[2, 2:-2].all()
    assert not kept[:2].any()


def test_a_stray_source_beside_the_field_does_not_belong_to_it():
    counts = PHANTOM.counts[0].copy()
    counts[5:12, 5:12] = 3 * np.median(counts[counts > 0])
    seen = see(counts, (2.398, 2.398))
    assert seen.size_mm == pytest.approx((400, 540), abs=5)
