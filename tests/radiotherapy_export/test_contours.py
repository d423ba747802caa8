"""Contours and segmentations: volumes of known masks, round trips through files, refusals."""

import json
import shutil

import numpy as np
import pytest
from pydicom import dcmread
from typer.testing import CliRunner

from photopeak.check import check, with_companions
from photopeak.cli import app
from photopeak.dicom.gather import gather
from photopeak.evidence import Evidence, EvidenceFile
from photopeak.lesions import Contoured, Lesions, Segment, contoured_volume_ml, on_grid
from photopeak.phantom.as_dicom import write_volume
from photopeak.procedure import Refused
from photopeak.radiotherapy_export.contours import contours, traced_contours
from photopeak.radiotherapy_export.segmentation_file import write_segmentation
from photopeak.radiotherapy_export.structure_set_file import write_structure_set

SPACING = (3.0, 4.07, 4.07)
SHAPE = (40, 40, 40)


def ball(radius_mm, centre=(0.3, -0.7, 1.1), hollow_mm=0.0):
    """The voxels whose centre lies within a sphere, `centre` in mm from the middle of the grid (slice, row, column)."""
    axes = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(SHAPE, SPACING)]
    z, y, x = np.meshgrid(*axes, indexing="ij")
    distance = np.sqrt((z - centre[0]) ** 2 + (y - centre[1]) ** 2 + (x - centre[2]) ** 2)
    return (distance <= radius_mm) & (distance >= hollow_mm)


@pytest.fixture(scope="module")
def pet(tmp_path_factory):
    """The folder of a small PET, and its headers in the order of the slices."""
    folder = tmp_path_factory.mktemp("pet")
    files = write_volume(folder, (2000.0 + 8000.0 * ball(30.0)).astype(np.float32), spacing_mm=SPACING)
    return folder, sorted((dcmread(path) for path in files), key=lambda one: float(one.ImagePositionPatient[2]))


MASKS = {
    "sphere 10": ball(10.0),
    "sphere 18.5": ball(18.5),
    "sphere 30": ball(30.0),
    "shell": ball(30.0, hollow_mm=15.0),
    "one voxel": ball(1.0, centre=(1.5, 2.035, 2.035)),
}


def segment(label, mask):
    return Segment(
        label=label,
        mask=mask,
        spacing_mm=SPACING,
        origin_mm=(10.0, -20.0, 5.0),
        directions=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)),
    )


def evidence_of(*regions):
    file = EvidenceFile(path="lesions.dcm", sha256="0")
    return Evidence(kind="lesions", files=(file,), sha256="0", images=Lesions(regions=regions))


# truth


@pytest.mark.parametrize("label", MASKS)
def test_traced_contours_have_the_volume_of_their_mask(label):
    """Asked for within 1 %; along the edges it is exact, for holes and single voxels too."""
    result = contours(evidence_of(segment(label, MASKS[label])))
    found = {m.quantity.name: m.value for m in result.measurements}
    expected = MASKS[label].sum() * np.prod(SPACING) / 1000
    assert found["contour_volume"] == pytest.approx(expected, rel=1e-9)
    assert found["contour_volume_difference"] == pytest.approx(0, abs=1e-6)


def test_contours_of_a_turned_grid_keep_their_volume():
    c, s = np.cos(0.4), np.sin(0.4)
    turned = Segment(
        label="turned",
        mask=MASKS["shell"],
        spacing_mm=SPACING,
        origin_mm=(1.0, 2.0, 3.0),
        directions=((0.0, 0.0, 1.0), (-s, c, 0.0), (c, s, 0.0)),
    )
    assert contoured_volume_ml(traced_contours(turned)) == pytest.approx(turned.volume_ml, rel=1e-6)


# files


@pytest.mark.parametrize("form", ["seg", "rtstruct"])
def test_lesions_survive_the_journey_through_a_file(pet, tmp_path, form):
    folder, headers = pet
    shutil.copytree(folder, tmp_path / "pet")
    (volume,) = (one.images for one in gather([folder]).evidence)
    path = tmp_path / f"{form}.dcm"
    if form == "seg":
        write_segmentation(path, MASKS, headers)
    else:
        drawn = [
            Segment(label=label, mask=mask, spacing_mm=SPACING, origin_mm=volume.origin_mm, directions=volume.directions)
            for label, mask in MASKS.items()
        ]
        write_structure_set(path, [traced_contours(one) for one in drawn], headers)
    found = next(one for one in gather([path]).evidence if one.kind == "lesions").images
    assert [region.label for region in found.regions] == list(MASKS)
    for region, mask in zip(found.regions, MASKS.values()):
        assert (on_grid(region, volume) == mask).all(), region.label


def test_a_written_structure_set_names_its_slices_and_holds_no_open_contour(pet, tmp_path):
    _, headers = pet
    (volume,) = (one.images for one in gather([pet[0]]).evidence)
    one = Segment(label="a", mask=MASKS["shell"], spacing_mm=SPACING, origin_mm=volume.origin_mm, directions=volume.directions)
    path = write_structure_set(tmp_path / "rt.dcm", [traced_contours(one)], headers)
    written = dcmread(path)
    uids = {header.SOPInstanceUID: float(header.ImagePositionPatient[2]) for header in headers}
    for contour in written.ROIContourSequence[0].ContourSequence:
        assert contour.ContourGeometricType == "CLOSED_PLANAR"
        heights = {round(float(z), 3) for z in contour.ContourData[2::3]}
        assert list(heights) == pytest.approx([uids[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]], abs=1e-3)
        assert len(contour.ContourData) == 3 * contour.NumberOfContourPoints


def test_the_command_exports_a_segmentation_as_structure_set_and_back(pet, tmp_path):
    folder, headers = pet
    write_segmentation(tmp_path / "lesions.dcm", MASKS, headers)
    runner = CliRunner()
    done = runner.invoke(
        app, ["export", "rtstruct", str(folder), str(tmp_path / "lesions.dcm"), "--out", str(tmp_path / "rt.dcm")]
    )
    assert done.exit_code == 0
    done = runner.invoke(app, ["export", "seg", str(folder), str(tmp_path / "rt.dcm"), "--out", str(tmp_path / "seg.dcm")])
    assert done.exit_code == 0
    first, last = (gather([tmp_path / name]).evidence[0].images for name in ("lesions.dcm", "seg.dcm"))
    assert [one.volume_ml for one in first.regions] == pytest.approx([one.volume_ml for one in last.regions])
    assert runner.invoke(app, ["export", "seg", str(folder), "--out", str(tmp_path / "x.dcm")]).exit_code == 2


def test_the_road_finds_the_lesions_of_a_pet_and_measures_them(pet, tmp_path):
    folder, headers = pet
    shutil.copytree(folder, tmp_path / "study")
    write_segmentation(tmp_path / "study" / "seg.dcm", MASKS, headers)
    found = {one.procedure.name: one for one in check([tmp_path / "study"]).examined}
    assert found["radiotherapy_export.contours"].result is not None
    assert json.dumps([one.quantity.name for one in found["radiotherapy_export.contours"].result.measurements])
    carried = with_companions(gather([tmp_path / "study"]).evidence)
    assert [len(one.facts.get("lesions", ())) for one in carried if one.kind == "pt_volume"] == [1]


# refusals


def test_contours_without_area_are_refused():
    line = np.array([[0.0, 0.0, 0.0], [5.0, 0.0, 0.0], [10.0, 0.0, 0.0]])
    flat = Contoured(label="line", contours=(line, line + np.array([0, 0, 3.0])))
    with pytest.raises(Refused) as refused:
        contours(evidence_of(flat))
    assert refused.value.code == "no_contour"
    assert "no area" in refused.value.words.en


def test_one_empty_lesion_hides_no_other():
    result = contours(evidence_of(segment("empty", np.zeros(SHAPE, bool)), segment("full", MASKS["sphere 10"])))
    assert [one.code for one in result.remarks] == ["contour_refused"]
    assert {m.where["lesion"] for m in result.measurements} == {"full"}


def test_a_truncated_segmentation_is_listed(pet, tmp_path):
    _, headers = pet
    path = write_segmentation(tmp_path / "seg.dcm", {"a": MASKS["sphere 30"]}, headers)
    path.write_bytes(path.read_bytes()[:-200])
    found = gather([path])
    assert found.evidence == ()
    assert [one.code for one in found.unread] == ["truncated"]


def test_masks_that_do_not_fit_their_images_are_an_error(pet, tmp_path):
    with pytest.raises(ValueError, match="do not fit"):
        write_segmentation(tmp_path / "x.dcm", {"a": np.ones((2, 3, 4), bool)}, pet[1])
