"""Figures, strips and marks as SVG: well-formed, sharp, and readable without colour."""

import xml.etree.ElementTree as ET
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from photopeak.criterion import Criterion
from photopeak.figure import Axis, Chart, Dots, Event, Level, Line, Picture
from photopeak.measurement import Quantity
from photopeak.present.axes import scale_for
from photopeak.present.chart import draw_chart
from photopeak.present.colours import LEVELS, palette
from photopeak.present.drawing import draw, side_by_side
from photopeak.present.marks import MARKS, mark
from photopeak.present.outline import trace
from photopeak.present.strip import LOWER_AT, UPPER_AT, strip
from photopeak.present.svg import png
from photopeak.verdict import decide
from photopeak.words import Words

SVG = "{http://www.w3.org/2000/svg}"
X = Quantity(name="x", unit="%", en="x", zh="某量")


def limit_of(lower, upper, **more):
    return Criterion(
        standard="EX", edition="", clause="", quantity="x", unit="%", lower=lower, upper=upper, stage="status", **more
    )


def numbers(path):
    return [float(part) for part in path.replace("M", " ").replace("H", " ").replace("V", " ").replace("L", " ").split()]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_figure_is_well_formed_and_has_a_text_equivalent(checked, language):
    for one in checked.examined:
        for figure in one.result.figures() if one.result else ():
            root = ET.fromstring(draw(figure, language, verdicts=one.verdicts))
            assert root.tag == SVG + "svg"
            assert root.find(SVG + "title").text == figure.title.say(language)


def test_hostile_words_stay_words(hostile, hostile_words):
    figure = hostile.examined[0].result.figures()[0]
    root = ET.fromstring(draw(figure, "en"))
    assert root.find(SVG + "title").text == hostile_words
    assert not list(root.iter(SVG + "script"))


def test_characters_that_xml_cannot_hold_are_dropped(picture):
    root = ET.fromstring(draw(replace(picture, title=Words("a\x00b\x1bc", "a")), "en"))
    assert root.find(SVG + "title").text == "abc"


def test_no_text_is_smaller_than_seven_and_a_half_points(checked):
    for one in checked.examined[:2]:
        for figure in one.result.figures():
            sizes = [float(text.get("font-size")) for text in ET.fromstring(draw(figure, "zh")).iter(SVG + "text")]
            assert min(sizes) * 0.75 >= 7.5


def test_the_embedded_image_shows_each_pixel_at_its_place():
    values = np.array([[0, LEVELS - 1], [100, LEVELS]], np.uint8)
    from io import BytesIO

    shown = np.asarray(Image.open(BytesIO(png(values, palette("grey")))).convert("RGBA"))
    assert shown[0, 0].tolist() == [0, 0, 0, 255]
    assert shown[0, 1].tolist() == [255, 255, 255, 255]
    assert shown[1, 1, 3] == 0
    assert shown[1, 0, 0] == pytest.approx(100 / 254 * 255, abs=1)


@given(arrays.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_the_outline_of_any_mask_encloses_exactly_its_pixels(mask):
    """By the shoelace formula the loops, holes negative, have the area of the mask; corners alternate direction."""
    area = 0.0
    for loop in trace(mask):
        r, c = np.array(loop, float).T
        area += 0.5 * np.sum(c * np.roll(r, -1) - np.roll(c, -1) * r)
    assert area == pytest.approx(mask.sum())


def test_an_outline_of_a_rectangle_has_four_corners():
    mask = np.zeros((8, 9), bool)
    mask[2:5, 3:7] = True
    assert sorted(trace(mask)[0]) == [(2, 3), (2, 7), (5, 3), (5, 7)]


def test_the_limits_of_one_sided_strips_stand_at_the_same_place():
    for upper in (0.5, 5.0, 400.0):
        assert f"M{UPPER_AT:g} 1V17" in strip(decide(X.of(upper / 2, upper / 100), limit_of(None, upper)), "zh")
    assert f"M{LOWER_AT:g} 1V17" in strip(decide(X.of(50, 1), limit_of(38, None)), "zh")


@pytest.mark.parametrize(("value", "shape"), [(2.6, "circle"), (6.1, "rect"), (5.0, "path")])
def test_the_sign_on_a_strip_tells_the_verdict_by_its_shape(value, shape):
    root = ET.fromstring(strip(decide(X.of(value, 0.2), limit_of(None, 5.0)), "en"))
    assert root[-1].tag == SVG + shape


def test_a_value_off_the_scale_ends_in_an_arrowhead_and_never_leaves_the_strip():
    drawn = ET.fromstring(strip(decide(X.of(500, 1), limit_of(None, 5.0)), "en"))
    assert drawn[-1].get("d").startswith("M131 9L121")
    for element in drawn.iter():
        if element.get("d"):
            assert all(-1 <= number <= 133 for number in numbers(element.get("d").replace("Z", "")))


def test_a_provisional_limit_is_dashed_and_a_missing_result_has_no_bar():
    assert "stroke-dasharray" in strip(decide(X.of(2, 0.1), limit_of(None, 5.0, provisional=True)), "en")
    assert "stroke-dasharray" not in strip(decide(X.of(2, 0.1), limit_of(None, 5.0)), "en")
    assert not list(ET.fromstring(strip(decide(None, limit_of(None, 5.0)), "en")).iter(SVG + "circle"))


def test_the_five_marks_differ_in_shape_not_only_in_colour():
    shapes = set()
    for name in MARKS:
        elements = ET.fromstring(mark(name))
        shapes.add(tuple((element.tag, element.get("d"), element.get("stroke-dasharray")) for element in elements))
    assert len(shapes) == len(MARKS)


def test_a_chart_carries_the_band_and_signs_of_the_verdicts(checked):
    scanner = checked.examined[1]
    chart = scanner.result.figures()[0]
    judged, plain = draw(chart, "en", verdicts=scanner.verdicts), draw(chart, "en")
    assert "EARL2 band" in judged
    assert "EARL2" not in plain
    assert judged.count("#0b7a6e") >= 2  # passes are discs in the pass tone, undecided a diamond
    assert "#e0a100" in judged


def test_a_curve_is_broken_where_nothing_was_measured():
    line = Line(x=np.arange(5.0), y=np.array([1, 2, np.nan, 3, 4.0]))
    drawn = draw(
        Chart(title=Words("t", "t"), x=Axis(label=Words("x", "x")), y=Axis(label=Words("y", "y")), marks=(line,)), "en"
    )
    curve = next(e.get("d") for e in ET.fromstring(drawn).iter(SVG + "path") if e.get("stroke-linejoin"))
    assert curve.count("M") == 2


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9))
def test_every_value_lies_on_its_axis_and_ticks_are_few(values):
    scale = scale_for(Axis(label=Words("y", "y")), values).placed(0, 100)
    assert all(-1e-6 <= scale(value) <= 100 + 1e-6 for value in values)
    assert 2 <= len(scale.ticks) <= 12
    assert len({label for _, label in scale.ticks}) == len(scale.ticks)


def test_pictures_of_one_group_stand_side_by_side(picture):
    four = [replace(picture, group="a") for _ in range(4)]
    assert [len(row) for row in side_by_side(four)] == [2, 2]
    assert [len(row) for row in side_by_side([*four[:3]])] == [3]
    assert [len(row) for row in side_by_side([picture, replace(picture, group="b")])] == [2]


def test_the_drawn_image_has_bright_and_dark_where_the_counts_are(picture):
    """Rendered by the engine that sets the PDF: the high corner of the flood is brighter than the low one, outside is black."""
    from io import BytesIO

    from photopeak.present.pdf import _compiler

    plain = replace(picture, overlays=())
    source = "#set page(width: 320pt, height: auto, margin: 0pt)\n#image(bytes(sys.inputs.svg), width: 320pt)"
    rendered = _compiler().compile(source.encode(), sys_inputs={"svg": draw(plain, "en", width=320)}, format="png", ppi=72)
    grey = np.asarray(Image.open(BytesIO(rendered)).convert("L"), float)
    assert grey.shape[1] == 320
    side = 8.0  # about one pixel of the picture
    assert grey[int(3 * side), int(4 * side)] < grey[int(20 * side), int(27 * side)]
    assert grey[4, 4] < 20


def test_a_picture_without_any_number_in_it_is_still_drawn(picture):
    empty = Picture(
        title=picture.title,
        values=np.full((4, 4), np.nan),
        pixel_mm=(1, 1),
        left_mm=0,
        top_mm=0,
        window=(0, 0),
        unit=picture.unit,
    )
    assert ET.fromstring(draw(empty, "zh")).find(SVG + "image") is not None


def test_dots_are_not_joined_and_what_is_said_at_one_stands_there():
    dots = Dots(x=np.array([1.0, 2.0, np.nan]), y=np.array([0.5, 3.2, 1.0]), names=(Words("", ""), Words("1_3s", "1_3s")))
    chart = Chart(
        title=Words("control chart", "质控图"),
        x=Axis(label=Words("run", "批次")),
        y=Axis(label=Words("value", "测定值")),
        marks=(Level(y=3.0, name=Words("+3 s", "+3 s")), Event(x=1.5, name=Words("new lot", "新批号")), dots),
    )
    english, chinese = draw_chart(chart, "en", 680.0), draw_chart(chart, "zh", 680.0)
    assert english.count("<circle") == 2
    assert ">1_3s</text>" in english
    assert ">+3 s</text>" in english
    assert ">new lot</text>" in english
    assert ">新批号</text>" in chinese
