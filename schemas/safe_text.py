"""Make text from outside harmless where people read it: on terminals, in logs and in error messages."""

from __future__ import annotations

import re

# Characters of no width or without ink that Python counts as printable: fillers, joiners, the empty pattern of Braille
# and most variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U00016fe4\U0001d159\U000e0100-\U000e01ef]"
)


def is_harmless(text: str) -> bool:
    """Return whether each character of the text is visible, or a plain space."""
    return text.isprintable() and (text.isascii() or not _INVISIBLE.search(text))


def harmless_part(text: str, max_characters: int) -> str:
    """Return the visible characters and plain spaces of a text, at most so many, without spaces at its ends."""
    return "".join(filter(is_harmless, text))[:max_characters].strip()


def escaped(text: str) -> str:
    """Return the text on one line, with each character that is not visible as an escape such as `\\x1b`.

    These are controls, line ends, changes of direction, characters of no width and lone surrogates. Text that was
    escaped before stays as it is.
    """
    return text if is_harmless(text) else "".join(map(_escaped_character, text))


def _escaped_character(character: str) -> str:
    return character if is_harmless(character) else character.encode("unicode_escape").decode()
