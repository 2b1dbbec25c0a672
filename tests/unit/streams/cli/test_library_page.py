"""The page of the library: every move with its picture, and no text of a stranger as HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from streams.cli.moves.library_page import library_page

_ATTACK = '"><script>alert(1)</script>'


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_data(self, data: str) -> None:
        self.text += data


def _move(number: int, **fields: Any) -> dict[str, Any]:
    judged = {"move": "basic", "category": "basic", "difficulty": "beginner", "energy": "low"}
    names = {"clip": f"clip {number}", "sha256": f"{number:064x}", "tempo_bpm": 126.4, "eights": 2}
    return {**judged, **names, "judged": judged, "annotation": None, **fields}


def _library(*moves: dict[str, Any], gaps: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"moves": list(moves), "categories": {"basic": len(moves)}, "gaps": list(gaps)}


def test_each_move_has_a_row_and_its_picture() -> None:
    moves = _move(1), _move(2, difficulty="advanced", annotation={"difficulty": "advanced", "tags": ["a", "b"]})
    page = _Page(library_page(_library(*moves, gaps=("No advanced move.",)), {f"{1:064x}": b"jpeg"}))
    assert page.tags.count("tr") == 3
    assert page.sources == ["data:image/jpeg;base64,anBlZw=="]
    for text in ("2 moves", "basic: 2", "No advanced move.", "clip 1", "judged: beginner", "a, b", "126"):
        assert text in page.text


def test_names_of_strangers_are_text() -> None:
    move = _move(1, clip=_ATTACK, move=_ATTACK, category=_ATTACK, annotation={"notes": _ATTACK, "tags": [_ATTACK]})
    library = _library(move, gaps=(_ATTACK,)) | {"categories": {_ATTACK: 1}}
    page = _Page(library_page(library, {f"{1:064x}": b"jpeg"}))
    assert page.tags.count("script") == 1
    assert page.text.count("alert(1)") == 7


def test_an_empty_library_is_a_page() -> None:
    assert "0 moves" in _Page(library_page(_library(), {})).text
