"""Measure, shorten and clean single lines of text, so that matplotlib can draw any text."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties
    from matplotlib.ft2font import FT2Font

_MISSING_GLYPH = "\u25a1"
_FONT_FOLDER = Path("fonts", "ttf")
_MAX_CHARACTERS = 200
_REMOVED_CATEGORIES = ("Cc", "Cf", "Mn", "Me")  # controls, writing directions, and marks that stack beyond the line


@dataclass(frozen=True)
class TextStyle:
    """The style of a line of text; `size` in pixels."""

    size: float
    colour: str
    bold: bool = False
    align: Literal["left", "center", "right"] = "left"

    def font(self, dpi: float) -> FontProperties:
        from matplotlib.font_manager import FontProperties

        return FontProperties(fname=str(_file(bold=self.bold)), size=self.size * 72 / dpi)


def printable(text: str) -> str:
    """Return untrusted text as one line of at most 200 characters, without characters that draw outside of the line."""
    line = " ".join(unicodedata.normalize("NFC", text[: 10 * _MAX_CHARACTERS]).split())
    return "".join(c for c in line if unicodedata.category(c) not in _REMOVED_CATEGORIES)[:_MAX_CHARACTERS].strip()


def width_of(text: str, style: TextStyle) -> float:
    """Return the width of a line of text in pixels."""
    font = _font(bold=style.bold)
    font.set_size(style.size, 72)
    font.set_text(replace_missing_glyphs(text, style))
    return font.get_width_height()[0] / 64


def cut(text: str, style: TextStyle, max_width_px: float) -> str:
    """Return the text, shortened with "…" where it is wider than `max_width_px`."""
    if width_of(text, style) <= max_width_px:
        return text
    lengths = range(1, len(text))  # each longer text is wider
    fitting = bisect_left(lengths, True, key=lambda length: width_of(f"{text[:length]}…", style) > max_width_px)
    return f"{text[:fitting].rstrip()}…"


def replace_missing_glyphs(text: str, style: TextStyle) -> str:
    """Return the text with a box for each character that the font does not have, since matplotlib would warn of it.

    A box replaces also what draws outside of the line, if `printable` did not remove it.
    """
    drawn = _characters(bold=style.bold)
    return "".join(c if ord(c) in drawn else _MISSING_GLYPH for c in text)


@cache
def _characters(*, bold: bool) -> frozenset[int]:
    found = _font(bold=bold).get_charmap()
    return frozenset(code for code in found if unicodedata.category(chr(code)) not in _REMOVED_CATEGORIES)


@cache
def _font(*, bold: bool) -> FT2Font:
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(_file(bold=bold)))


def _file(*, bold: bool) -> Path:
    """Return the font file that comes with matplotlib, so that pictures do not depend on the machine's fonts."""
    import matplotlib

    return Path(matplotlib.get_data_path(), _FONT_FOLDER, "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
