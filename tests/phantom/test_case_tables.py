"""Tables of known truth: what each hides is what the procedures find, by the whole road and without naming a procedure."""

import json

import pytest

from photopeak.check import check
from photopeak.phantom.catalogue import CATALOGUE


def examined(tmp_path, name, **options):
    """Measurements by (procedure, quantity), and the truth."""
    CATALOGUE[name](tmp_path, seed=options.pop("seed", 1), **options)
    truth = json.loads((tmp_path / "truth.json").read_text("utf-8"))
    checked = check([path for path in sorted(tmp_path.iterdir()) if path.suffix == ".csv"])
    assert checked.unread == ()
    assert [one.refusal for one in checked.examined if one.refusal] == []
    found = {}
    for one in checked.examined:
        for measurement in one.result.measurements:
            found.setdefault((one.procedure.name, measurement.quantity.name), []).append(measurement)
    return found, truth


def near(measurement, truth):
    assert abs(measurement.value - truth) <= 3 * measurement.uncertainty


def test_an_activity_meter_of_known_faults(tmp_path):
    found, truth = examined(tmp_path, "activity_meter")
    near(found["activity_meter.accuracy", "accuracy"][0], truth["accuracy"])
    spread = [
        m for m in found["activity_meter.reproducibility", "reproducibility"] if m.where["method"] == "standard_deviation"
    ]
    near(spread[0], truth["reproducibility"])
    near(found["activity_meter.linearity", "linearity"][0], truth["linearity"])
    near(found["activity_meter.constancy", "drift"][0], truth["drift"])
    geometry = {m.where["volume_ml"]: m.value for m in found["activity_meter.geometry", "geometry_deviation"]}
    for volume, deviation in truth["geometry_deviation"].items():
        assert geometry[float(volume)] == pytest.approx(deviation, abs=3 * 2**0.5 * 0.3)


def test_a_day_of_gallium(tmp_path):
    found, truth = examined(tmp_path, "radiopharmacy")
    near(found["radiopharmacy.radiochemical_purity", "radiochemical_purity"][0], truth["radiochemical_purity"])
    near(found["radiopharmacy.half_life_identity", "half_life"][0], truth["half_life"])
    assert found["radiopharmacy.generator", "elution_efficiency"][0].value == pytest.approx(truth["elution_efficiency"])
    breakthrough = found["radiopharmacy.radionuclidic_breakthrough", "ge68_breakthrough"][0]
    assert breakthrough.value == pytest.approx(truth["ge68_breakthrough"])


@pytest.mark.parametrize("seed", [1, 2])
def test_records_with_known_gaps(tmp_path, seed):
    found, truth = examined(tmp_path, "thyroid_records", seed=seed, records=40)
    audit = "radionuclide_therapy.thyroid_cancer_case"
    assert found[audit, "tsh_attainment"][0].value == pytest.approx(truth["tsh_attainment"])
    completeness = {m.where["case"]: m.value for m in found[audit, "record_completeness"]}
    assert completeness == pytest.approx(truth["record_completeness"])


def test_a_densitometer_with_a_step(tmp_path):
    found, truth = examined(tmp_path, "bone_density", seed=3)
    near(found["bone_density.phantom_drift", "phantom_step"][0], truth["phantom_step"])
    near(found["bone_density.precision", "rms_sd"][0], truth["rms_sd"])
    near(found["bone_density.cross_calibration", "cross_calibration_difference"][0], truth["cross_calibration_difference"])


def test_a_dosimetry_case(tmp_path):
    found, truth = examined(tmp_path, "dosimetry_case")
    near(
        found["radionuclide_therapy.time_integrated_activity", "time_integrated_activity"][0], truth["time_integrated_activity"]
    )
