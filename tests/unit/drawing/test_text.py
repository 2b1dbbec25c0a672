"""Any text becomes one line that fits the canvas."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.drawing.canvas import INK, WIDTH_PX
from agents.drawing.text import TextStyle, cut, printable, replace_missing_glyphs, width_of


@given(st.text(st.characters(exclude_categories=()), max_size=60))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_title_fits_on_its_line(title: str) -> None:
    style = TextStyle(30, INK, bold=True)
    line = cut(printable(title), style, WIDTH_PX)
    assert width_of(line, style) <= WIDTH_PX
    assert len(line.splitlines()) <= 1


def test_what_draws_outside_of_its_line_becomes_a_box() -> None:
    assert (
        replace_missing_glyphs("A\x1bB\u202eC\nD\ud800\u0301", TextStyle(30, INK))
        == "A\u25a1B\u25a1C\u25a1D\u25a1\u25a1"
    )
