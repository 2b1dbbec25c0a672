"""Measure and shorten lines of text, and leave out what cannot be printed, so that matplotlib sets any text."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from matplotlib.font_manager import FontProperties
    from matplotlib.ft2font import FT2Font

_MISSING = "\u25a1"
_FOLDER = Path("fonts", "ttf")
_LONGEST = 200
_DROPPED = ("Cc", "Cf", "Mn", "Me")  # controls, writing directions and marks that pile up: a title stays on its line


@dataclass(frozen=True)
class TextStyle:
    """How words look; `size` in pixels."""

    size: float
    colour: str
    bold: bool = False
    align: Literal["left", "center", "right"] = "left"

    def font(self, dpi: float) -> FontProperties:
        from matplotlib.font_manager import FontProperties

        return FontProperties(fname=str(_file(bold=self.bold)), size=self.size * 72 / dpi)


def printable(text: str) -> str:
    """Return a stranger's text as one line of limited length, without what would reach out of it."""
    flat = " ".join(unicodedata.normalize("NFC", text[: 10 * _LONGEST]).split())
    return "".join(c for c in flat if unicodedata.category(c) not in _DROPPED)[:_LONGEST].strip()


def width_of(text: str, pen: TextStyle) -> float:
    """Pixels that a line of text takes."""
    font = _font(bold=pen.bold)
    font.set_size(pen.size, 72)
    font.set_text(known(text, pen))
    return font.get_width_height()[0] / 64


def cut(text: str, pen: TextStyle, room: float) -> str:
    """The text, shortened until it fits into so many pixels."""
    if width_of(text, pen) <= room:
        return text
    kept = text
    while kept and width_of(f"{kept}…", pen) > room:
        kept = kept[:-1]
    return f"{kept.rstrip()}…"


def known(text: str, pen: TextStyle) -> str:
    """The text with a box for each character that the font has not, of which matplotlib would warn."""
    return "".join(c if ord(c) in _characters(bold=pen.bold) else _MISSING for c in text)


@cache
def _characters(*, bold: bool) -> frozenset[int]:
    return frozenset(_font(bold=bold).get_charmap())


@cache
def _font(*, bold: bool) -> FT2Font:
    from matplotlib.ft2font import FT2Font

    return FT2Font(str(_file(bold=bold)))


def _file(*, bold: bool) -> Path:
    """The font that comes with matplotlib, so that no machine's own fonts or settings tell."""
    import matplotlib

    return Path(matplotlib.get_data_path(), _FOLDER, "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf")
