"""The summary on the terminal."""

import io

import pytest
from rich.console import Console

from photopeak.present.terminal import show


@pytest.mark.parametrize(
    ("language", "wanted"),
    [
        (
            "zh",
            [
                "✗ 不合格",
                "◆ 未定",
                "✓ 合格",
                "○ 未评定",
                "探头 2 · UFOV",
                "6.29 ± 0.28",
                "≤ 5.0",
                "EX 1-2000",
                "未见圆柱模体",
                "IM0042",
            ],
        ),
        (
            "en",
            [
                "✗ fail",
                "◆ undecided",
                "✓ pass",
                "○ not assessed",
                "detector 2",
                "6.29 ± 0.28",
                "≤ 5.0",
                "No cylinder",
                "IM0042",
            ],
        ),
    ],
)
def test_the_terminal_shows_marks_words_numbers_and_reasons(checked, language, wanted):
    out = io.StringIO()
    show(checked, language, Console(file=out, width=160, no_color=True))
    for text in wanted:
        assert text in out.getvalue()


def test_markup_in_file_names_and_remarks_is_shown_as_it_is(hostile):
    out = io.StringIO()
    show(hostile, "en", Console(file=out, width=400, no_color=True))
    assert "[c]" in out.getvalue()
    assert "<script>" in out.getvalue()
