"""Uptake of drawn lesions: known spheres of known SUV, thresholds named, peaks, refusals."""

import numpy as np
import pytest

from photopeak.evidence import Evidence, EvidenceFile, Volume
from photopeak.lesions import Contoured, Lesions, Segment
from photopeak.procedure import Refused
from photopeak.radiotherapy_export.contours import traced_contours
from photopeak.treatment_response.lesion_uptake import accepts, lesion_uptake

SPACING, SHAPE = (2.0, 2.0, 2.0), (40, 48, 48)
DIRECTIONS = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))
FILE = EvidenceFile(path="pet.dcm", sha256="0")


def ball(centre_mm, radius_mm):
    z, y, x = np.meshgrid(*[np.arange(n) * 2.0 for n in SHAPE], indexing="ij")
    return (z - centre_mm[0]) ** 2 + (y - centre_mm[1]) ** 2 + (x - centre_mm[2]) ** 2 <= radius_mm**2


HOT, WARM = ball((40, 40, 30), 14.0), ball((40, 50, 70), 10.0)


def segment(label, mask, origin=(0.0, 0.0, 0.0)):
    return Segment(label=label, mask=mask, spacing_mm=SPACING, origin_mm=origin, directions=DIRECTIONS)


def pet(*regions, values=None, **header):
    suv = np.full(SHAPE, 1.0, np.float32)
    suv[HOT], suv[WARM] = 8.0, 3.0
    suv = suv if values is None else values
    known = {"sex": "F", "weight_kg": 65.0, "height_m": 1.6, "suv_type": "BW", "corrected_image": ("ATTN", "DECY")} | header
    known |= {"image_type": ("ORIGINAL", "PRIMARY"), "decay_correction": "START"}
    lesions = Evidence(kind="lesions", files=(FILE,), sha256="1", images=Lesions(regions=regions))
    return Evidence(
        kind="pt_volume",
        files=(FILE,),
        sha256="0",
        header=known,
        facts={"lesions": (lesions,)} if regions else {},
        images=Volume(values=suv, spacing_mm=SPACING, units="GML"),
    )


def found(result, name, **where):
    (one,) = [
        m for m in result.measurements if m.quantity.name == name and all(m.where.get(key) == at for key, at in where.items())
    ]
    return one.value


def test_a_flat_lesion_has_the_values_it_was_built_with():
    result = lesion_uptake(pet(segment("hot", HOT), segment("warm", WARM)))
    for statistic in ("max", "mean", "peak"):
        expected = 8.0 if statistic != "peak" else pytest.approx(8.0)
        assert found(result, "lesion_suv", lesion="hot", statistic=statistic) == expected
    volumes = [HOT.sum() * 0.008, WARM.sum() * 0.008]
    assert found(result, "metabolic_tumour_volume", lesion="all") == pytest.approx(sum(volumes))
    assert found(result, "lesion_glycolysis", lesion="all") == pytest.approx(8 * volumes[0] + 3 * volumes[1])


def test_sul_is_given_by_both_formulas_by_name():
    result = lesion_uptake(pet(segment("hot", HOT)))
    lean = 9270 * 65 / (8780 + 244 * 65 / 1.6**2)
    assert found(result, "lesion_sul", statistic="mean", formula="janmahasatian") == pytest.approx(8 * lean / 65)
    lean = 1.07 * 65 - 148 * (65 / 160) ** 2
    assert found(result, "lesion_sul", statistic="mean", formula="james") == pytest.approx(8 * lean / 65)


def test_the_threshold_decides_the_volume_and_is_named():
    around = segment("both", ball((40, 45, 48), 40.0))
    cut = {way: lesion_uptake(pet(around), threshold=way) for way in ("drawn", "share_of_maximum", "fixed_suv")}
    assert found(cut["share_of_maximum"], "metabolic_tumour_volume", lesion="all", threshold="41 %") == HOT.sum() * 0.008
    assert found(cut["fixed_suv"], "metabolic_tumour_volume", lesion="all", threshold="SUV 4") == HOT.sum() * 0.008
    assert found(cut["drawn"], "metabolic_tumour_volume", lesion="all") > 10 * HOT.sum() * 0.008


def test_contours_and_masks_of_one_lesion_give_the_same():
    drawn = segment("hot", HOT)
    by_mask, by_contour = lesion_uptake(pet(drawn)), lesion_uptake(pet(traced_contours(drawn)))
    assert [m.value for m in by_mask.measurements] == pytest.approx([m.value for m in by_contour.measurements])


def test_a_segment_on_a_shifted_grid_lands_where_it_lies():
    cropped = segment("hot", HOT[5:, 4:, 3:], origin=(6.0, 8.0, 10.0))
    assert found(lesion_uptake(pet(cropped)), "lesion_suv", statistic="mean", lesion="hot") == 8.0


def test_of_two_hottest_voxels_the_higher_peak_is_taken():
    values = np.ones(SHAPE, np.float32)
    values[10, 10, 10] = values[30, 30, 30] = 9.0
    values[29:32, 29:32, 29:32] = np.maximum(values[29:32, 29:32, 29:32], 5.0)
    result = lesion_uptake(pet(segment("two", values > 1), values=values))
    assert found(result, "lesion_suv", statistic="peak_at_maximum") == found(result, "lesion_suv", statistic="peak")


def test_a_pet_without_lesions_is_not_accepted_and_refused():
    assert accepts(pet()) is not None
    with pytest.raises(Refused) as refused:
        lesion_uptake(pet())
    assert refused.value.code == "no_lesions"


def test_lesions_outside_the_image_or_below_the_threshold_are_said():
    away = segment("away", HOT, origin=(900.0, 0.0, 0.0))
    result = lesion_uptake(pet(segment("hot", HOT), segment("warm", WARM), away), threshold="fixed_suv")
    assert {one.code for one in result.remarks} >= {"lesion_not_measured", "lesion_below_threshold"}
    with pytest.raises(Refused) as refused:
        lesion_uptake(pet(segment("warm", WARM)), threshold="fixed_suv")
    assert refused.value.code == "no_lesion_left"


def test_contours_between_the_slices_of_a_tilted_image_are_not_measured():
    slanted = np.array([[0.0, 0.0, 0.0], [20.0, 0.0, 8.0], [20.0, 20.0, 8.0], [0.0, 20.0, 0.0]])
    result = lesion_uptake(pet(segment("hot", HOT), Contoured(label="slanted", contours=(slanted,))))
    assert "lesion_not_measured" in [one.code for one in result.remarks]
