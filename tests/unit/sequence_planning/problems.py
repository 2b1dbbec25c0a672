"""Small problems of planning, drawn by Hypothesis, with so few dances that all of them can be judged."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import NamedTuple, TypeVar

import numpy as np
from hypothesis import strategies as st

from agents.dance.dance_grid import dance_grid_of
from agents.dance.judge import Sheet, judge
from agents.dance.music import Request, SlotMusic, music_of
from agents.dance.rules import BROKEN_GATE, default_rules
from agents.dance.slots import Slot, cut_slots
from agents.sequence_planning.choices import Choices, choices_of
from schemas.audio_analyzed import Accent, AudioAnalysis, Section
from schemas.base import Continuity, OnlyIn, Options, Pin, Role, RuleChange, RuleKind, RuleName
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import Move
from schemas.moves_scored import MoveFit, Scores
from tests.unit.move_scoring.builders import DIFFICULTIES, LEVELS, make_analysis, make_move
from tests.unit.sequence_planning.builders import make_scores, with_states

T = TypeVar("T")
MAX_SLOTS = 16
_RHYTHMS = {"intro": "none", "verse": "derecho", "chorus": "majao", "mambo": "mambo", "outro": "derecho"}
_COUPLES, _STYLES = ("Ana & Leo", "Eva & Max"), (None, "sensual")
_ROLES: tuple[Role | None, ...] = (None, "lead_focus", "follow_focus")
_CHANGED_RULES = ("hold", "room", "new_section", "energy", "cut_on_one", "couple")
_CHANGED_OF_SEQUENCE = ("repeated_clip", "repeated_move", "turns", "in_a_row", "repeated_music")


@dataclass(frozen=True)
class Clips:
    """Clips of a problem.

    `eights`: of each. `labels`, `couples`: how many different ones they have. `known`: the share of their boundaries
    that have a state; None for clips without states, which cannot be mirrored. `seed`: of all else.
    """

    eights: tuple[int, ...] = (1, 1)
    labels: int = 2
    couples: int = 1
    known: float | None = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Song:
    """A song of a problem: the beats of its phrases, its sections, as label and group of repeats, and accents."""

    phrases: tuple[int, ...] = (8, 8, 8, 8)
    sections: tuple[tuple[str, int], ...] = (("verse", 0), ("mambo", 1), ("verse", 0))
    accents: tuple[float, ...] = ()


@dataclass(frozen=True)
class Case:
    """What a problem is made of."""

    clips: Clips
    song: Song = Song()
    options: Options = field(default_factory=lambda: Options(duration="full"))


class Problem(NamedTuple):
    """A song cut into slots, and the choices for each."""

    slots: tuple[Slot, ...]
    music: tuple[SlotMusic, ...]
    choices: Choices
    request: Request

    def sheet(self, rows: Sequence[int]) -> Sheet:
        """Judge the dance with these parts."""
        return judge(self.slots, self.music, self.choices.parts.rows(np.array(rows)), self.request)

    def cost(self, rows: Sequence[int]) -> float:
        """Return the points of a dance with these parts, and of the gates that it breaks, as it is judged."""
        sheet = self.sheet(rows)
        return sheet.points + BROKEN_GATE * sheet.broken_gates

    def number_of_dances(self) -> int:
        """Return the number of all dances."""
        return math.prod(map(len, self.choices.rows))


def make_problem(case: Case) -> Problem:
    """Return the problem of a case. Raises: `Poison` where its wishes leave no choice for a slot."""
    song = make_song(case.song)
    scores = _with_couples(make_scores(song, make_clips(case.clips), case.clips.seed), case.clips)
    request = Request.of(case.options, default_rules())
    slots = cut_slots(dance_grid_of(song, case.options), scores.phrases)
    music = music_of(slots, song, request)
    return Problem(slots, music, choices_of(slots, music, scores, request), request)


def make_song(song: Song) -> AudioAnalysis:
    """Return the analysis of a song; an accent is a share of its length."""
    counts = [beat % 8 + 1 for beats in song.phrases for beat in range(beats)]
    analysis = make_analysis(counts, first_s=0.0, tail_s=0.48, energy=np.linspace(0.2, 0.9, len(counts)).tolist())
    edges = [analysis.duration_s * n / len(song.sections) for n in range(len(song.sections) + 1)]
    sections = tuple(
        Section.model_validate(
            {"start_s": start, "end_s": end, "label": label, "rhythm": _RHYTHMS[label], "repeat_group": group}
        )
        for (label, group), start, end in zip(song.sections, edges[:-1], edges[1:], strict=True)
    )
    accents = tuple(Accent(time_s=share * analysis.duration_s, strength=0.9) for share in sorted(song.accents))
    return analysis.model_copy(update={"sections": sections, "accents": accents})


def make_clips(clips: Clips) -> list[Move]:
    """Return moves whose tempo, level, energy, style and states are random."""
    rng = np.random.default_rng(clips.seed)
    moves = []
    for number, eights in enumerate(clips.eights):
        move = make_move(
            number,
            eights=eights,
            move=f"m{number % clips.labels}",
            tempo_bpm=float(rng.choice([125.0, 120.0, 140.0])),
            difficulty=DIFFICULTIES[int(rng.integers(3))],
            energy=LEVELS[int(rng.integers(3))],
        )
        annotation = MoveAnnotation(style=_STYLES[int(rng.integers(2))], role=_ROLES[int(rng.integers(3))])
        moves.append(_with_known_states(move.annotated(annotation), clips, number, rng))
    return moves


def _with_known_states(move: Move, clips: Clips, number: int, rng: np.random.Generator) -> Move:
    if clips.known is None:
        return move
    move = with_states(move, clips.seed + number)
    boundaries = tuple(boundary for boundary in move.boundaries if rng.random() < clips.known)
    return move.model_copy(update={"boundaries": boundaries})


def _with_couples(scores: Scores, clips: Clips) -> Scores:
    """Return scores in which each clip is of one of the couples, and the second one has a room of its own."""
    rng = np.random.default_rng(clips.seed)
    fits = {}
    for sha, fit in scores.fits.items():
        number = int(rng.integers(clips.couples))
        fits[sha] = MoveFit(fit=fit.fit, couple=_COUPLES[number], room=f"studio {number}")
    return scores.model_copy(update={"fits": fits})


@st.composite
def cases(draw: st.DrawFn, most_dances: int, most_clips: int = 3, least_phrases: int = 1) -> Case:
    """Draw cases of at most so many dances."""
    clips = draw(
        st.builds(
            Clips,
            eights=st.lists(st.integers(1, 2), min_size=1, max_size=most_clips).map(tuple),
            labels=st.integers(1, 3),
            couples=st.integers(1, 2),
            known=st.sampled_from([None, 0.5, 1.0, 1.0]),
            seed=st.integers(0, 1_000_000),
        )
    )
    return Case(clips, draw(_songs(least_phrases, _most_slots(clips, most_dances))), draw(_options(len(clips.eights))))


def _most_slots(clips: Clips, most_dances: int) -> int:
    choices = sum(clips.eights) * (1 if clips.known is None else 2)
    return min(MAX_SLOTS, int(math.log(most_dances) / math.log(choices))) if choices > 1 else MAX_SLOTS


def _songs(least_phrases: int, most_slots: int) -> st.SearchStrategy[Song]:
    labels = st.tuples(st.sampled_from(sorted(_RHYTHMS)), st.integers(0, 1))
    phrases = st.lists(st.sampled_from([8, 8, 8, 4, 12]), min_size=min(least_phrases, most_slots), max_size=most_slots)
    return st.builds(
        Song,
        phrases=phrases.map(lambda sizes: _at_most(most_slots, sizes)),
        sections=st.lists(labels, min_size=1, max_size=4).map(tuple),
        accents=st.lists(st.floats(0.05, 0.95), max_size=2, unique=True).map(tuple),
    )


def _at_most(slots: int, phrases: Sequence[int]) -> tuple[int, ...]:
    """Return the first phrases, of so many slots together: a phrase of twelve beats has two."""
    total = accumulate(1 + (beats > 8) for beats in phrases)
    return tuple(beats for beats, until in zip(phrases, total, strict=True) if until <= slots) or (8,)


def _options(clips: int) -> st.SearchStrategy[Options]:
    names = st.integers(0, clips - 1).map(lambda number: f"clip_{number}")
    sections = st.lists(st.sampled_from(sorted(_RHYTHMS)), min_size=1, max_size=3, unique=True).map(tuple)
    continuity: st.SearchStrategy[Continuity] = st.sampled_from(["dance", "montage"])
    return st.builds(
        Options,
        duration=st.just("full"),
        difficulty=st.sampled_from(DIFFICULTIES),
        energy=st.sampled_from([None, None, *LEVELS]),
        seed=st.sampled_from([0, 0, 7]),
        continuity=continuity,
        style=st.sampled_from(_STYLES),
        role=st.sampled_from(_ROLES),
        pins=st.lists(st.builds(Pin, phrase=st.integers(1, 2), move=names), max_size=1).map(tuple),
        bans=_sometimes(names),
        only_in=_sometimes(st.builds(OnlyIn, move=names, sections=sections)),
        rules=_rule_changes(),
    )


def _sometimes(values: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    """Draw one value in one of four cases."""
    return st.one_of(st.just(()), st.just(()), st.just(()), values.map(lambda value: (value,)))


def _rule_changes() -> st.SearchStrategy[dict[RuleName, RuleChange]]:
    kinds: st.SearchStrategy[RuleKind | None] = st.sampled_from([None, "gate", "cost"])
    points = st.sampled_from([None, 0.0, 100.0])
    changes = st.builds(RuleChange, kind=kinds, points=points, most=st.sampled_from([None, 0.5]))
    names = st.sampled_from(_CHANGED_RULES + _CHANGED_OF_SEQUENCE)
    return st.one_of(st.just({}), st.dictionaries(names, changes, min_size=1, max_size=2))
