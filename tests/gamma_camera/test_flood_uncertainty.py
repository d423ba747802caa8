"""What counting noise does: stated uncertainties cover the truth, floors are what they say, and noise alone convicts nobody.

Truth of integral and differential uniformity: their mean over repetitions at that level of counts; of the noise floors: the mean over
flat Poisson cameras of the same mask and counts; of the noise-corrected companions: the noiseless value.
"""

from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest

from photopeak.criterion import Criterion
from photopeak.gamma_camera.flood_uniformity import flood_uniformity
from photopeak.gamma_camera.uniformity_map import logarithm, percent, run_range, smoothed, whole_runs
from photopeak.phantom.flood import Camera, Tube, flood
from photopeak.verdict import decide

CAMERAS = {
    "flat": Camera(),
    "pattern of 1 %": Camera(pattern_percent=1),
    "pattern of 3 %": Camera(pattern_percent=3),
    "gains of 1 %": Camera(tube_gain_percent=1),
    "gains of 2 %": Camera(tube_gain_percent=2),
    "gradient": Camera(gradient_percent=(0.0, 3.0)),
    "tube of 10 %": Camera(tubes=(Tube(depth=0.10),)),
    "tube of 35 %": Camera(tubes=(Tube(depth=0.35),)),
    "edge packing of 5 %": Camera(edge_packing_percent=5, edge_mm=16),
    "edge packing of 15 %": Camera(edge_packing_percent=15, edge_mm=16),
    "tube in a pattern": Camera(pattern_percent=1, tubes=(Tube(depth=0.10, x_mm=-100, y_mm=50),)),
    "round": Camera(shape="round", field_mm=(400.0, 400.0), pattern_percent=1),
}
FLOORS = {"integral_uniformity_noise_floor": 0, "differential_uniformity_noise_floor": 1}
CORRECTED = {
    "integral_uniformity_noise_corrected": "integral_uniformity",
    "differential_uniformity_noise_corrected": "differential_uniformity",
}


def key_of(measurement):
    where = measurement.where
    return measurement.quantity.name, where.get("fov", ""), where.get("axis", "")


def repeated(camera, counts, draws, seed=0):
    """`draws` noisy floods of one camera: values and uncertainties by quantity, and the last result."""
    noiseless = flood(camera, counts=counts, noise=False)
    generator = np.random.default_rng((seed, int(counts)))
    values = defaultdict(list)
    for _ in range(draws):
        noisy = replace(noiseless, counts=generator.poisson(noiseless.expectation).astype(np.uint16))
        result = flood_uniformity(noisy.evidence())
        for one in result.measurements:
            if one.uncertainty is not None:
                values[key_of(one)].append((one.value, one.uncertainty))
    return noiseless, {key: np.array(rows) for key, rows in values.items()}, result


def true_floors(detector, draws, seed=1):
    """Mean integral and differential uniformity of flat Poisson cameras with the masks of `detector`, by field."""
    generator = np.random.default_rng(seed)
    mean = float(np.nansum(detector.smooth) / detector.ufov.sum())
    floors = defaultdict(list)
    for _ in range(draws):
        logs = logarithm(
            smoothed(generator.poisson(np.full(detector.ufov.shape, mean)).astype(float), detector.ufov), 1e-6 * mean
        )
        for fov, mask in (("UFOV", detector.ufov), ("CFOV", detector.cfov)):
            runs = max(run_range(logs[None], axis)[0][whole_runs(mask, axis)].max() for axis in (0, 1))
            floors[fov].append((percent(logs[mask].max() - logs[mask].min()), percent(runs)))
    return {fov: np.mean(rows, axis=0) for fov, rows in floors.items()}


def truth_of(key, values, phantom, floors):
    quantity, fov, _ = key
    if quantity in FLOORS:
        return floors[fov][FLOORS[quantity]]
    if quantity in CORRECTED:
        return next(one for one in phantom.truth["noiseless"] if one["fov"] == fov)[CORRECTED[quantity]]
    if quantity == "centre_pixel_counts":
        noiseless = flood_uniformity(replace(phantom, counts=phantom.expectation).evidence())
        return next(m.value for m in noiseless.measurements if m.quantity.name == quantity)
    if quantity == "defect_contrast":
        return 100 * phantom.camera.tubes[0].depth
    return values[:, 0].mean()


def coverages(camera, counts, draws, floor_draws):
    phantom, values, result = repeated(camera, counts, draws)
    floors = true_floors(result.detectors[0], floor_draws)
    covered = {}
    for key, rows in values.items():
        truth = truth_of(key, rows, phantom, floors)
        covered[key] = float((np.abs(rows[:, 0] - truth) <= 2 * rows[:, 1]).mean())
    return covered


def wrong(covered, low, high):
    """The quantities whose coverage is out of bounds; a companion may cover more often than that."""
    return {key: share for key, share in covered.items() if share < low or (share > high and key[0] not in CORRECTED)}


@pytest.mark.parametrize(("name", "counts"), [("flat", 3e6), ("tube of 35 %", 10e6), ("pattern of 3 %", 30e6)])
def test_stated_uncertainties_cover_the_truth(name, counts):
    assert wrong(coverages(CAMERAS[name], counts, draws=100, floor_draws=1500), 0.86, 1.0) == {}


@pytest.mark.full
@pytest.mark.parametrize("counts", [3e6, 10e6, 30e6])
@pytest.mark.parametrize("name", CAMERAS)
def test_stated_uncertainties_cover_the_truth_in_two_thousand_draws(name, counts):
    assert wrong(coverages(CAMERAS[name], counts, draws=2000, floor_draws=20_000), 0.93, 0.985) == {}


def test_the_noise_floor_is_the_mean_of_flat_poisson_cameras():
    _, values, result = repeated(CAMERAS["gains of 2 %"], 5e6, draws=40)
    floors = true_floors(result.detectors[0], draws=2000)
    for quantity, which in FLOORS.items():
        for fov in ("UFOV", "CFOV"):
            rows = values[quantity, fov, ""]
            expected = floors[fov][which]
            assert rows[:, 0].mean() == pytest.approx(expected, abs=3.5 * rows[:, 1].mean() / np.sqrt(len(rows)) + 0.01)


def test_the_noise_corrected_value_of_a_flat_field_is_nearer_to_nothing_than_the_floor():
    _, values, _ = repeated(CAMERAS["flat"], 5e6, draws=40)
    corrected = values["integral_uniformity_noise_corrected", "UFOV", ""][:, 0].mean()
    floor = values["integral_uniformity_noise_floor", "UFOV", ""][:, 0].mean()
    assert corrected < 0.3 * floor


def failures(camera, counts, seeds, limit):
    criteria = [
        Criterion(standard="own", edition="", clause="", quantity=name, unit="%", upper=limit, stage="status")
        for name in ("integral_uniformity", "differential_uniformity")
    ]
    noiseless = flood(camera, counts=counts, noise=False, with_truth=False)
    outcomes = Counter()
    for seed in range(seeds):
        noisy = replace(noiseless, counts=np.random.default_rng((seed, 3)).poisson(noiseless.expectation).astype(np.uint16))
        for one in flood_uniformity(noisy.evidence()).measurements:
            outcomes.update(decide(one, criterion).outcome for criterion in criteria if criterion.concerns(one))
    return outcomes


@pytest.mark.parametrize("counts", [3e6, 5e6, 15e6, 30e6])
def test_a_perfect_camera_is_never_failed_by_noise_alone(counts):
    assert failures(CAMERAS["flat"], counts, seeds=12, limit=4.0)["fail"] == 0


@pytest.mark.full
@pytest.mark.parametrize("counts", [3e6, 5e6, 15e6, 30e6])
def test_a_perfect_camera_is_never_failed_by_noise_alone_in_two_hundred_seeds(counts):
    assert failures(CAMERAS["flat"], counts, seeds=200, limit=4.0)["fail"] == 0


@pytest.mark.parametrize("counts", [3e6, 30e6])
def test_a_bad_tube_is_failed_however_noisy_the_flood(counts):
    outcomes = failures(CAMERAS["tube of 35 %"], counts, seeds=4, limit=4.0)
    assert set(outcomes) == {"fail"}


def test_a_dead_tube_never_passes():
    dead = Camera(tubes=(Tube(depth=1.0),))
    for counts in (1e6, 30e6):
        assert set(failures(dead, counts, seeds=3, limit=6.0)) == {"fail"}
