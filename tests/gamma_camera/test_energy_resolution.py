"""Energy resolution: spectra whose photopeak is known, and values entered by hand."""

import json

import numpy as np
import pytest

from photopeak.dicom.gather import gather
from photopeak.evidence import Evidence, EvidenceFile
from photopeak.gamma_camera.count_rate import accepts as count_rate_accepts
from photopeak.gamma_camera.energy_resolution import accepts, energy_resolution
from photopeak.phantom.catalogue import CATALOGUE
from photopeak.phantom.counter_tables import Spectrum
from photopeak.procedure import Refused
from photopeak.table import read_table


def table(text, **facts):
    content = read_table(text.encode("utf-8"), "spectrum.csv")
    return Evidence(
        kind="table", files=(EvidenceFile(path="spectrum.csv", sha256="0"),), sha256="0", facts=facts, images=content
    )


def rows(made, *, seed=None, scale="energy_kev", first=""):
    at = made.energies_kev if scale == "energy_kev" else np.arange(made.channels)
    counts = made.expected() if seed is None else np.random.default_rng(seed).poisson(made.expected())
    return "\n".join(f"{first}{a},{c}" for a, c in zip(at, counts))


def spectrum(made, *, scale="energy_kev", seed=None, **facts):
    return table(f"{scale},counts\n{rows(made, seed=seed, scale=scale)}\n", **facts)


def of(result, quantity):
    return {
        (m.where.get("detector"), m.where.get("nuclide"), m.where.get("between")): m
        for m in result.measurements
        if m.quantity.name == quantity
    }


def codes(result):
    return {one.code for one in result.remarks}


@pytest.mark.parametrize("resolution", [4.0, 8.5, 9.8, 14.0])
@pytest.mark.parametrize("energy", [138.0, 140.5, 143.2])
def test_a_gaussian_photopeak_has_its_true_width_and_place(resolution, energy):
    made = Spectrum(resolution_percent=resolution, energy_kev=energy, kev_per_channel=0.25, channels=800)
    result = energy_resolution(spectrum(made, nuclide="Tc-99m"))
    assert of(result, "energy_resolution")[1, "Tc-99m", None].value == pytest.approx(resolution, rel=0.005)
    assert of(result, "photopeak_energy")[1, "Tc-99m", None].value == pytest.approx(energy, abs=0.02)
    assert of(result, "photopeak_energy_difference")[1, "Tc-99m", "nominal"].value == pytest.approx(energy - 140.5, abs=0.02)
    assert not codes(result)


@pytest.mark.parametrize("scatter", [0.02, 0.1])
def test_scatter_below_the_peak_counts_as_the_definition_has_it(scatter):
    made = Spectrum(scatter=scatter, kev_per_channel=0.25, channels=800)
    truth = made.by_definition()
    result = energy_resolution(spectrum(made, nuclide="Tc-99m"))
    assert of(result, "energy_resolution")[1, "Tc-99m", None].value == pytest.approx(truth[0], rel=0.003)
    assert of(result, "photopeak_energy")[1, "Tc-99m", None].value == pytest.approx(truth[1], abs=0.02)
    assert truth[0] > made.resolution_percent


@pytest.mark.parametrize("offset", [-3.0, 0.0, 6.0])
def test_two_nuclides_calibrate_the_channels_whatever_their_zero(offset):
    """An energy scale that does not begin at zero: the width over the channel number of the peak would be wrong."""
    made = [
        Spectrum(energy_kev=e, nominal_kev=e, resolution_percent=9.8, kev_per_channel=0.4, offset_kev=offset, channels=500)
        for e in (140.5, 122.1)
    ]
    text = "nuclide,channel,counts\n" + "\n".join(
        rows(one, scale="channel", first=f"{name},") for one, name in zip(made, ("Tc-99m", "Co57"))
    )
    result = energy_resolution(table(text + "\n"))
    found = of(result, "energy_resolution")
    assert found[1, "Tc-99m", None].value == pytest.approx(9.8, rel=0.005)
    assert found[1, "Co-57", None].value == pytest.approx(9.8, rel=0.005)
    assert not of(result, "photopeak_energy")  # the scale was made from these peaks
    assert "channel_zero_is_zero" not in codes(result)


def test_channels_alone_take_channel_zero_as_zero_and_say_so():
    made = Spectrum(kev_per_channel=0.25, channels=800)
    result = energy_resolution(spectrum(made, scale="channel"))
    assert of(result, "energy_resolution")[1, None, None].value == pytest.approx(9.5, rel=0.005)
    assert "channel_zero_is_zero" in codes(result)
    told = energy_resolution(spectrum(made, scale="channel", nuclide="Tc-99m"), kev_per_channel=0.25)
    assert of(told, "photopeak_energy")[1, "Tc-99m", None].value == pytest.approx(140.5, abs=0.02)
    assert "channel_zero_is_zero" not in codes(told)


def test_the_nuclide_is_known_by_its_peak_on_a_scale_in_kev():
    result = energy_resolution(spectrum(Spectrum(energy_kev=122.6, nominal_kev=122.1)))
    assert of(result, "energy_resolution")[1, "Co-57", None].value == pytest.approx(9.5, rel=0.01)


def test_detectors_may_stand_in_rows_or_in_columns_and_are_compared():
    made = [Spectrum(energy_kev=e, kev_per_channel=0.25, channels=800) for e in (139.9, 141.6)]
    in_rows = "detector,Energy (keV),counts\n" + "\n".join(rows(one, first=f"{n},") for n, one in enumerate(made, 1)) + "\n"
    pairs = zip(made[0].energies_kev, made[0].expected(), made[1].expected())
    in_columns = "能量（keV）,counts_1,counts_2\n" + "\n".join(f"{e},{a},{b}" for e, a, b in pairs) + "\n"
    for text in (in_rows, in_columns):
        result = energy_resolution(table(text, nuclide="Tc-99m"))
        difference = of(result, "photopeak_energy_difference")
        assert difference[None, "Tc-99m", "detectors"].value == pytest.approx(1.7, abs=0.02)
        assert {key[0] for key in of(result, "photopeak_energy")} == {1, 2}


def test_a_low_energy_hill_higher_than_the_photopeak_is_passed_over():
    made = Spectrum(kev_per_channel=0.25, channels=800)
    x_rays = Spectrum(energy_kev=74.0, nominal_kev=74.0, resolution_percent=16.0, kev_per_channel=0.25, channels=800, peak=4e4)
    counts = made.expected() + x_rays.expected()
    for scale, at in (("energy_kev", made.energies_kev), ("channel", np.arange(800))):
        text = f"{scale},counts\n" + "\n".join(f"{a},{c}" for a, c in zip(at, counts)) + "\n"
        found = of(energy_resolution(table(text, nuclide="Tc-99m")), "energy_resolution")
        assert found[1, "Tc-99m", None].value == pytest.approx(9.5, rel=0.01)


def test_wide_channels_and_few_counts_are_pointed_out():
    result = energy_resolution(spectrum(Spectrum(kev_per_channel=2.0, channels=100, peak=800.0), nuclide="Tc-99m"))
    assert {"few_counts", "channels_too_wide"} <= codes(result)


def coverage(draws, peak=12_000.0):
    """Against the truth of the definition, not against another estimate."""
    made = Spectrum(kev_per_channel=0.5, peak=peak, energy_kev=140.9, scatter=0.01)
    value, place = made.by_definition()
    truth = {"energy_resolution": value, "photopeak_energy": place}
    hits = {name: [] for name in truth}
    for seed in range(draws):
        result = energy_resolution(spectrum(made, seed=seed, nuclide="Tc-99m"))
        for name in truth:
            (found,) = of(result, name).values()
            hits[name].append(abs(found.value - truth[name]) <= 2 * found.uncertainty)
    return {name: float(np.mean(one)) for name, one in hits.items()}


def test_the_stated_uncertainties_hold_the_truth_in_a_sample_of_draws():
    assert min(coverage(80).values()) >= 0.87


@pytest.mark.full
@pytest.mark.parametrize("peak", [2_000.0, 12_000.0])
def test_the_stated_uncertainties_hold_the_truth_as_often_as_they_say(peak):
    found = coverage(2000, peak)
    print(peak, found)  # shown by -rP
    assert min(found.values()) >= 0.93, found


def test_values_entered_by_hand_are_taken_as_they_are():
    text = (
        "探头,核素,photopeak_kev,fwhm_kev,background_cps,reference_background_cps,seconds\n"
        "1,Tc-99m,140.9,13.3,45,30,100\n2,Tc-99m,139.2,13.6,20,30,100\n"
    )
    result = energy_resolution(table(text))
    assert of(result, "energy_resolution")[1, "Tc-99m", None].value == pytest.approx(100 * 13.3 / 140.5)
    assert of(result, "photopeak_energy")[2, "Tc-99m", None].value == 139.2
    assert of(result, "photopeak_energy_difference")[None, "Tc-99m", "detectors"].value == pytest.approx(1.7)
    ratio = of(result, "background_ratio")[1, None, None]
    assert ratio.value == pytest.approx(1.5)
    assert ratio.uncertainty == pytest.approx((45 / 100) ** 0.5 / 30)


def ratio_coverage(draws):
    hits = []
    for seed in range(draws):
        rate = np.random.default_rng(seed).poisson(1.4 * 30 * 50) / 50
        text = f"detector,background_cps,reference_background_cps,seconds\n1,{rate},30,50\n"
        (found,) = of(energy_resolution(table(text)), "background_ratio").values()
        hits.append(abs(found.value - 1.4) <= 2 * found.uncertainty)
    return float(np.mean(hits))


def test_the_background_ratio_holds_the_truth_as_often_as_it_says():
    assert 0.93 <= ratio_coverage(2000) <= 0.97


def flat(counts):
    return "energy_kev,counts\n" + "\n".join(f"{e},{counts}" for e in range(100, 180)) + "\n"


def cut(low, high):
    made = Spectrum(kev_per_channel=0.5)
    inside = [(e, c) for e, c in zip(made.energies_kev, made.expected()) if low <= e <= high]
    return "energy_kev,counts\n" + "\n".join(f"{e},{c}" for e, c in inside) + "\n"


def full():
    made = Spectrum(kev_per_channel=0.5, peak=90_000.0)
    return "energy_kev,counts\n" + "\n".join(f"{e},{min(c, 65535)}" for e, c in zip(made.energies_kev, made.expected())) + "\n"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("well,counts\n1,3\n", "no_spectrum"),
        (flat(0), "no_photopeak"),
        (flat(1000), None),
        (cut(139.0, 200.0), None),
        (cut(60.0, 138.0), None),
        (full(), "saturated"),
        (flat(-4), "table_unusable"),
        (cut(0, 200) + cut(0, 200).split("\n", 1)[1], "table_unusable"),
        ("detector,photopeak_kev\n1,minus\n", "table_unusable"),
        ("detector,fwhm_kev\n1,\n", "table_unusable"),
    ],
    ids=[
        "another table",
        "empty",
        "flat",
        "left side cut",
        "right side cut",
        "saturated",
        "negative",
        "twice",
        "word",
        "blank",
    ],
)
def test_what_is_no_whole_spectrum_is_refused_in_words(text, code):
    with pytest.raises(Refused) as refusal:
        energy_resolution(table(text, nuclide="Tc-99m"))
    assert code is None or refusal.value.code == code
    assert all(refusal.value.words)


def test_a_detector_without_a_peak_does_not_hide_the_other():
    good, bad = Spectrum(kev_per_channel=0.25, channels=800), Spectrum(kev_per_channel=0.25, channels=800, peak=0.0)
    text = "detector,energy_kev,counts\n" + rows(bad, first="1,") + "\n" + rows(good, first="2,") + "\n"
    result = energy_resolution(table(text, nuclide="Tc-99m"))
    assert set(of(result, "energy_resolution")) == {(2, "Tc-99m", None)}
    assert "detector_not_measured" in codes(result)


def test_a_spectrum_is_accepted_and_other_tables_are_not():
    assert accepts(spectrum(Spectrum())) is None
    assert count_rate_accepts(spectrum(Spectrum())) is not None
    rates = table("time_s,counts,seconds\n" + "\n".join(f"{t},1000,10" for t in range(30)) + "\n")
    assert accepts(rates).zh


def test_the_written_phantom_is_read_and_measured(tmp_path):
    path, said = CATALOGUE["spectrum"](tmp_path, noise=False, kev_per_channel=0.25)
    truth = json.loads(said.read_text("utf-8"))
    (evidence,) = gather([path]).evidence
    result = energy_resolution(evidence)
    for number in (1, 2):
        own = truth["detectors"][str(number)]
        assert of(result, "energy_resolution")[number, "Tc-99m", None].value == pytest.approx(
            own["energy_resolution"], rel=0.003
        )
        assert of(result, "photopeak_energy")[number, "Tc-99m", None].value == pytest.approx(own["photopeak_energy"], abs=0.02)
    difference = of(result, "photopeak_energy_difference")[None, "Tc-99m", "detectors"]
    assert difference.value == pytest.approx(truth["photopeak_energy_difference"], abs=0.02)


def test_the_figure_shows_the_spectrum_and_the_width():
    (chart,) = energy_resolution(spectrum(Spectrum(), nuclide="Tc-99m")).figures()
    left, right = chart.marks[1].x
    assert right - left == pytest.approx(0.095 * 140.5, rel=0.01)
