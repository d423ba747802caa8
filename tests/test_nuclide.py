"""Radionuclides by the names that headers give them."""

import datetime
import math
from dataclasses import replace

import pytest

from photopeak.nuclide import NUCLIDES, grown, icrp107, nuclide_named, seconds_between, time_of_most


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("^99m^Technetium", "Tc-99m"),
        ("99m Technetium", "Tc-99m"),
        ("Tc-99m", "Tc-99m"),
        ("Tc99m", "Tc-99m"),
        ("99mTc", "Tc-99m"),
        ("锝[99mTc]", "Tc-99m"),
        ("57 Cobalt", "Co-57"),
        ("131 Iodine", "I-131"),
        ("Yodo 131", "I-131"),
        ("碘131", "I-131"),
        ("^67^Gallium", "Ga-67"),
        ("Lu-177", "Lu-177"),
        ("F18", "F-18"),
        ("201 Thallium", "Tl-201"),
    ],
)
def test_a_nuclide_is_known_by_the_names_that_headers_give_it(text, name):
    assert nuclide_named(text) is NUCLIDES[name]


@pytest.mark.parametrize("text", [None, "", "Technetium", "99", "Radium 226", 99.0, "I-99m"])
def test_what_names_no_known_nuclide_is_none(text):
    assert nuclide_named(text) is None


def test_half_an_activity_is_left_after_a_half_life_and_the_mean_is_the_integral():
    technetium = NUCLIDES["Tc-99m"]
    assert technetium.share_left(technetium.half_life_s) == pytest.approx(0.5)
    assert technetium.share_left(-technetium.half_life_s) == pytest.approx(2.0)
    assert technetium.mean_over(technetium.half_life_s) == pytest.approx(0.5 / math.log(2))
    assert technetium.mean_over(0.0) == 1.0


def test_a_time_zone_on_one_of_two_moments_is_dropped():
    camera = datetime.datetime(2026, 1, 5, 9, 30)
    china = datetime.timezone(datetime.timedelta(hours=8))
    assert seconds_between(datetime.datetime(2026, 1, 5, 9, 0, tzinfo=china), camera) == 1800


def test_the_two_sources_of_half_lives_are_told_apart():
    assert nuclide_named("Tc-99m").source == "DDEP"
    assert nuclide_named("Tc-99m", "icrp107").source == "ICRP 107"
    assert nuclide_named("Tc-99m", "icrp107").half_life_s == pytest.approx(6.015 * 3600)
    assert nuclide_named("锗-68", "icrp107").daughter == "Ga-68"


def test_a_daughter_grows_as_a_full_decay_chain_says():
    data = icrp107()
    found = grown(data["Ge-68"], data["Ga-68"], 4 * 3600, parent_activity=1850.0)
    assert found == pytest.approx(1690.96, abs=0.01)  # radioactivedecay 0.6.1, ICRP 107
    assert time_of_most(data["Mo-99"], data["Tc-99m"]) / 3600 == pytest.approx(22.86, abs=0.005)  # the same


def test_growth_goes_over_smoothly_where_both_half_lives_are_equal():
    parent = replace(icrp107()["Ge-68"], half_life_s=1000.0)
    near, same = (
        grown(parent, replace(icrp107()["Ga-68"], half_life_s=t), 700.0, parent_activity=1.0) for t in (1000.0001, 1000.0)
    )
    assert near == pytest.approx(same, rel=1e-6)
