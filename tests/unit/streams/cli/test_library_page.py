"""The page of the library: every move with its picture, and no text of a stranger as HTML."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from infra.media_store import MediaStore
from infra.settings import load_settings
from streams.cli.moves.library_page import library_page, stills
from tests.unit.move_indexing import known_dancers

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
    more = {"judged": judged, "annotation": None, "without_source": False, "first_eight_s": 1.0}
    return {**judged, **names, **more, "count": "sure", "count_confidence": 0.97, **fields}


def _library(*moves: dict[str, Any], gaps: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"moves": list(moves), "categories": {"basic": len(moves)}, "gaps": list(gaps)}


def test_each_move_has_a_row_and_its_picture() -> None:
    moves = _move(1), _move(2, difficulty="advanced", annotation={"difficulty": "advanced", "tags": ["a", "b"]})
    page = _Page(library_page(_library(*moves, gaps=("No advanced move.",)), {f"{1:064x}": b"jpeg"}))
    assert page.tags.count("tr") == 3
    assert page.sources == ["data:image/jpeg;base64,anBlZw=="]
    for text in ("2 moves", "basic: 2", "No advanced move.", "clip 1", "judged: beginner", "a, b", "126"):
        assert text in page.text


def test_the_page_says_how_sure_each_count_is_and_where_a_1_is_annotated() -> None:
    unsure = _move(1, count="unsure", count_confidence=0.41, annotation={"first_one_s": 0.0})
    page = _Page(library_page(_library(unsure, _move(2, count="unknown", count_confidence=None)), {}))
    for text in ("unsure 0.41", "unknown", "first one s 0.0"):
        assert text in page.text


def test_names_of_strangers_are_text() -> None:
    move = _move(1, clip=_ATTACK, move=_ATTACK, category=_ATTACK, annotation={"notes": _ATTACK, "tags": [_ATTACK]})
    library = _library(move, gaps=(_ATTACK,)) | {"categories": {_ATTACK: 1}}
    page = _Page(library_page(library, {f"{1:064x}": b"jpeg"}))
    assert page.tags.count("script") == 1
    assert page.text.count("alert(1)") == 7


def test_a_move_whose_file_is_gone_is_marked() -> None:
    page = _Page(library_page(_library(_move(1, without_source=True), _move(2)), {}))
    assert page.text.count("its file is gone") == 1


def test_the_pictures_are_those_of_the_clips_and_warnings_name_the_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.cli.moves.library_page._MAX_PICTURES", 2)
    sha256 = MediaStore(load_settings().media_dir).add(known_dancers.clip(tmp_path / "clip.mp4"), "video").sha256
    moves = [_move(1, sha256=sha256), _move(2), _move(3)]
    pictures = stills(moves)
    picture = cv2.imdecode(np.frombuffer(pictures[sha256], np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    assert picture.shape[0] == 120
    assert list(pictures) == [sha256]
    printed = capsys.readouterr().err
    assert "only the first 2 of 3 moves have a picture" in printed
    assert "no picture of clip 2: the clip of 'clip 2' is no longer in the media store" in printed
    assert "2 of them have no picture here" in _Page(library_page(_library(*moves), pictures)).text


def test_an_empty_library_is_a_page() -> None:
    assert "0 moves" in _Page(library_page(_library(), {})).text
