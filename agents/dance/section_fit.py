"""Which kinds of movement fit the rhythm and the label of a section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.boundary import EightContent
from schemas.dance_names import SECTION_LABELS, SECTION_RHYTHMS

_MIN_TURN, _MIN_TRAVEL = 0.6, 1.0  # whole turns, and torso lengths, of a movement that turns or travels

# What couples dance to the parts of a bachata: basic and travelling steps to derecho, turns to majao, combinations and
# footwork to mambo, and moves without steps to breaks and passages without percussion. Words of names of moves.
_BY_RHYTHM: Final = {
    "derecho": ("basic", "forward_backward", "cross_body_lead", "side"),
    "majao": ("turn", "cross_body_lead", "hammerlock"),
    "mambo": ("combination", "double", "turn", "footwork"),
    "none": ("body_roll", "arm_styling", "dip", "shadow"),
}
_BY_LABEL: Final = {
    "intro": ("basic", "forward_backward"),
    "break": ("dip", "body_roll", "arm_styling"),
    "outro": ("dip", "arm_styling", "shadow"),
}


def fits_rhythms(words: str, content: EightContent | None) -> list[bool]:
    """Return for each of SECTION_RHYTHMS whether a movement fits it, by the words of its name or by what is danced."""
    danced = _danced_rhythms(content)
    return [_has_word(words, _BY_RHYTHM, rhythm) or rhythm in danced for rhythm in SECTION_RHYTHMS]


def fits_labels(words: str, content: EightContent | None) -> list[bool]:
    """Return for each of SECTION_LABELS whether a movement fits it; any fits a label for which there is no rule."""
    danced = _danced_labels(content)
    return [label not in _BY_LABEL or _has_word(words, _BY_LABEL, label) or label in danced for label in SECTION_LABELS]


def _has_word(words: str, by_name: Mapping[str, tuple[str, ...]], name: str) -> bool:
    return any(word in words for word in by_name.get(name, ()))


def _danced_rhythms(content: EightContent | None) -> set[str]:
    if content is None:
        return set()
    travels = content.travel is not None and max(map(abs, content.travel)) >= _MIN_TRAVEL
    turns = abs(content.follow_turns or 0.0) >= _MIN_TURN
    found = {
        "derecho": content.kind == "basic" or travels,
        "majao": turns,
        "mambo": content.footwork or (turns and content.kind == "pattern"),
        "none": content.effect in {"stop", "dip"},
    }
    return {rhythm for rhythm, fits in found.items() if fits}


def _danced_labels(content: EightContent | None) -> set[str]:
    if content is None:
        return set()
    found = {
        "intro": content.kind == "basic",
        "break": content.effect in {"stop", "dip"},
        "outro": content.effect in {"stop", "dip"},
    }
    return {label for label, fits in found.items() if fits}
