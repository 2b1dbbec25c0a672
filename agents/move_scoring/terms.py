"""The terms of a score: what speaks for and against a move for a phrase."""

from __future__ import annotations

import math
from typing import Final

from agents.move_scoring.inputs import ScoringInput
from agents.move_scoring.phrases import Span
from schemas.base import Difficulty, Level
from schemas.move_indexed import MoveSummary

DIFFICULTIES: Final[tuple[Difficulty, ...]] = ("beginner", "intermediate", "advanced")
LEVELS: Final[tuple[Level, ...]] = ("low", "medium", "high")
_CENTRE: Final[dict[Level, float]] = {"low": 1 / 6, "medium": 1 / 2, "high": 5 / 6}
_WISH = 0.75  # how much an asked energy counts against the phrase's own

_TEMPO = 4.0  # 10 % off costs 0.4
_ENERGY = 1.0
_EASIER, _HARDER = 0.15, 1.0  # a level
_AUDIO = 1.0  # the audio part of a clip's embedding has length 0.45: at most 0.45
_FITS = 0.2

# What dancers do to the parts of a bachata: steps and travelling to derecho, turns to majao, combinations to mambo,
# and what stands still to breaks and passages without percussion.
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


def wished_energy(span: Span, scoring: ScoringInput) -> float:
    """The energy to dance the phrase with, 0-1: the phrase's own, drawn towards the energy asked for."""
    if scoring.energy is None:
        return span.energy
    return _WISH * _CENTRE[scoring.energy] + (1 - _WISH) * span.energy


def level_of(energy: float) -> Level:
    """The third of the scale an energy of 0-1 lies in."""
    return LEVELS[min(2, int(energy * 3))]


def terms_of(span: Span, scoring: ScoringInput, move: MoveSummary, similarity: float) -> dict[str, float]:
    """What speaks for the move (above 0) and against it (below), to four digits. `similarity` is that of the audio."""
    terms = {
        "tempo": -_TEMPO * abs(math.log(span.tempo_bpm / move.tempo_bpm)),
        "energy": -_ENERGY * abs(wished_energy(span, scoring) - _CENTRE[move.energy]),
        "difficulty": _difficulty(move.difficulty, scoring.difficulty),
        "audio": _AUDIO * similarity,
        "section": _section(span, f"{move.category} {move.move}".lower().replace(" ", "_")),
    }
    return {name: round(term, 4) for name, term in terms.items()}


def _difficulty(has: Difficulty, asked: Difficulty) -> float:
    harder = DIFFICULTIES.index(has) - DIFFICULTIES.index(asked)
    return -_HARDER * harder if harder > 0 else _EASIER * harder


def _section(span: Span, names: str) -> float:
    fitting = _BY_RHYTHM.get(span.rhythm, ()), _BY_LABEL.get(span.label, ())
    return _FITS * sum(any(word in names for word in words) for words in fitting)
