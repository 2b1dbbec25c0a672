"""The terms of a score: how well a move fits a phrase."""

from __future__ import annotations

import math
from typing import Final

from agents.move_scoring.inputs import ScoringInput
from agents.move_scoring.phrases import Span
from agents.playable import has_unsure_one
from schemas.base import Difficulty, Level
from schemas.move_indexed import MoveSummary

DIFFICULTIES: Final[tuple[Difficulty, ...]] = ("beginner", "intermediate", "advanced")
LEVELS: Final[tuple[Level, ...]] = ("low", "medium", "high")
_LEVEL_ENERGY: Final[dict[Level, float]] = {"low": 1 / 6, "medium": 1 / 2, "high": 5 / 6}  # the middle of each third
_REQUESTED_ENERGY_WEIGHT = 0.75  # the phrase's own energy has the rest

_TEMPO_WEIGHT = 4.0  # per unit of |ln ratio|: 10 % off costs 0.4
_ENERGY_WEIGHT = 1.0
_EASIER_COST, _HARDER_COST = 0.15, 1.0  # per level
_AUDIO_WEIGHT = 1.0  # the audio part of a clip's embedding has length 0.45: at most 0.45
_UNSURE_ONE_COST = 5.0  # more than clips that fit differ in: it is used where no sure one fits
_SECTION_MATCH_BONUS = 0.2  # for the rhythm, and again for the label

# What couples dance to the parts of a bachata: basic and travelling steps to derecho, turns to majao, combinations to
# mambo, and moves without steps to breaks and passages without percussion.
_BY_RHYTHM: Final = {
    "derecho": ("basic", "forward_backward", "cross_body_lead", "side"),
    "majao": ("turn", "cross_body_lead", "hammerlock"),
    "mambo": ("combination", "double", "turn"),
    "none": ("body_roll", "arm_styling", "dip", "shadow"),
}
_BY_LABEL: Final = {
    "intro": ("basic", "forward_backward"),
    "break": ("dip", "body_roll", "arm_styling"),
    "outro": ("dip", "arm_styling", "shadow"),
}


def target_energy(span: Span, scoring: ScoringInput) -> float:
    """Return the energy to dance the phrase with, 0-1: a weighted mean of the requested energy and the phrase's own."""
    if scoring.energy is None:
        return span.energy
    requested = _LEVEL_ENERGY[scoring.energy]
    return _REQUESTED_ENERGY_WEIGHT * requested + (1 - _REQUESTED_ENERGY_WEIGHT) * span.energy


def level_of(energy: float) -> Level:
    """Return the level of an energy of 0-1: the third of the scale that it is in."""
    return LEVELS[min(2, int(energy * 3))]


def terms_of(span: Span, scoring: ScoringInput, move: MoveSummary, similarity: float) -> dict[str, float]:
    """Return the terms of a move's score, above 0 in favour and below 0 against, to four digits.

    `similarity` is the cosine similarity of the audio parts. `count`: only of a move whose 1 is unsure.
    """
    terms = {
        "tempo": -_TEMPO_WEIGHT * abs(math.log(span.tempo_bpm / move.tempo_bpm)),
        "energy": -_ENERGY_WEIGHT * abs(target_energy(span, scoring) - _LEVEL_ENERGY[move.energy]),
        "difficulty": _difficulty(move.difficulty, scoring.difficulty),
        "audio": _AUDIO_WEIGHT * similarity,
        "section": _section(span, f"{move.category} {move.move}".lower().replace(" ", "_")),
    } | ({"count": -_UNSURE_ONE_COST} if has_unsure_one(move) else {})
    return {name: round(term, 4) for name, term in terms.items()}


def _difficulty(difficulty: Difficulty, requested: Difficulty) -> float:
    harder = DIFFICULTIES.index(difficulty) - DIFFICULTIES.index(requested)
    return -_HARDER_COST * harder if harder > 0 else _EASIER_COST * harder


def _section(span: Span, names: str) -> float:
    lists = _BY_RHYTHM.get(span.rhythm, ()), _BY_LABEL.get(span.label, ())
    return _SECTION_MATCH_BONUS * sum(any(keyword in names for keyword in keywords) for keywords in lists)
