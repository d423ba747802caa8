"""`where` in both languages."""

import pytest

from photopeak.present.places import place


@pytest.mark.parametrize(
    ("where", "en", "zh"),
    [
        ({"detector": 1, "fov": "UFOV"}, "detector 1 · UFOV", "探头 1 · UFOV"),
        ({"sphere_mm": 10.0, "statistic": "a50"}, "10 mm sphere · A50", "10 mm 球 · A50"),
        ({"sphere_mm": 13, "method": "plane"}, "13 mm sphere · sphere-centre plane", "13 mm 球 · 球心面法"),
        ({"axis": "tangential"}, "tangential", "切向"),
        ({"axis": "x"}, "x axis", "x 方向"),
        ({"unheard_of": "value"}, "unheard of value", "unheard of value"),
        ({"fov": ["UFOV", "CFOV"]}, "UFOV / CFOV", "UFOV、CFOV"),
        ({}, "", ""),
    ],
)
def test_a_place_is_said_in_both_languages(where, en, zh):
    assert (place(where, "en"), place(where, "zh")) == (en, zh)


def test_keys_that_say_nothing_can_be_left_out():
    assert place({"detector": 2, "energy_window": 1}, "en", without={"energy_window"}) == "detector 2"
