"""Text from outside is harmless after `escaped`: nothing in it is invisible or changes a terminal."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.faults import Poison, from_json, to_json
from schemas.safe_text import escaped, is_harmless

_HARMFUL_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_ANY_TEXT = st.text(st.characters(exclude_categories=[]))


@given(_ANY_TEXT | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zl", "Zp"])))
def test_no_invisible_character_is_left(text: str) -> None:
    harmless = escaped(text)
    assert not {unicodedata.category(character) for character in harmless} & _HARMFUL_CATEGORIES
    assert is_harmless(harmless)
    assert escaped(harmless) == harmless
    harmless.encode()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A\x1b]0;x\x07B\u202eC\u2028D\ud800", "A\\x1b]0;x\\x07B\\u202eC\\u2028D\\ud800"),
        ("\x9b31m\x85", "\\x9b31m\\x85"),
        ("a\u200bb\u2066c\ufeff", "a\\u200bb\\u2066c\\ufeff"),
        ("a\tb\nc\r", "a\\tb\\nc\\r"),
        ("\u3164\u034f", "\\u3164\\u034f"),
        ("\u2800\U00016fe4\U0001d159", "\\u2800\\U00016fe4\\U0001d159"),
        ("canción de amor, バチャータ", "canción de amor, バチャータ"),
    ],
)
def test_what_is_visible_stays_as_it_is(text: str, expected: str) -> None:
    assert escaped(text) == expected


@given(_ANY_TEXT)
def test_the_message_of_a_fault_is_one_harmless_line(text: str) -> None:
    fault = Poison(text, "invalid_event")
    assert is_harmless(str(fault))
    assert str(from_json(to_json(fault))) == str(fault)
