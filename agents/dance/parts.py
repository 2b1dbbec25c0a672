"""The parts of clips that a dance can be made of, as arrays: one row for each part."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import isnan
from statistics import fmean
from typing import Any, Final, get_args

import numpy as np

from agents.arrays import Bools, Floats, Ints
from agents.dance.section_fit import fits_labels, fits_rhythms
from agents.dance.states import UNKNOWN, State, States, states_of
from agents.playable import EIGHT, MIN_PRESENT_SHARE, has_unsure_one
from schemas.base import UNKNOWN_GROUP, Difficulty, Level, Role
from schemas.boundary import Effect, EightContent
from schemas.dance_names import SECTION_LABELS, SECTION_RHYTHMS
from schemas.move_indexed import Eight, MoveSummary
from schemas.moves_scored import MoveFit

DIFFICULTIES: Final[tuple[Difficulty, ...]] = get_args(Difficulty)
ROLES: Final[tuple[Role, ...]] = ("lead_focus", "follow_focus")
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
LEVEL_ENERGY: Final[dict[Level, float]] = {"low": 1 / 6, "medium": 1 / 2, "high": 5 / 6}  # the middle of each third
_ALONE, _NOBODY = 1.0, 14 / 6  # amounts for an eight without one dancer, and what is added without any
_CUT_OFF_FEET = 0.5  # the same for footwork without feet
_UNKNOWN_CONTENT = EightContent(kind="pattern")
_LEFT = 0
_FIRST_BEATS = 4  # of a clip: a movement that begins there was not under way before


@dataclass(frozen=True, order=True)
class Part:
    """Beats `first` to `end` of a clip, and whether its picture is mirrored."""

    clip: str
    first: int
    end: int
    mirrored: bool = False

    @property
    def beats(self) -> int:
        """Return its length in beats."""
        return self.end - self.first


@dataclass(frozen=True)
class Parts:
    """Parts as arrays, (parts, …).

    `first`: as of Part; `first_count`: the count of that beat in the clip. `clip`, `move`, `couple`, `room`, `style`:
    numbers that are equal for equal names, UNKNOWN where there is none; of styles the indices of `styles`. `role`:
    index of ROLES of the dancer whom the move is about, UNKNOWN for both. `seconds`: the length, and of it `last_s` the
    last beat. `energy`: 0-1, of the eights that it is of. `level`: index of DIFFICULTIES. `fit`: to the song, 0-1.
    `unsure_one`: whether the clip's 1 is unsure. `missing`: amount of dancers who are not in the picture. `turns`: of
    the follow, whole turns in either direction. `footwork`, `dip`: whether the eight is such; `opens`: whether a dance
    can open with it: a basic, or what begins in the first beats of its clip. `rests`: whether its effect is a dip or a
    stop. `effect_beat`: beats from the start to the moment of effect, NaN without one. `foot_changes`: chance that
    another foot is free at the end. `right_first`: chance that the lead begins with the right foot. `fits_rhythm`,
    `fits_label`: whether the kind of movement fits each of SECTION_RHYTHMS and SECTION_LABELS.
    """

    parts: tuple[Part, ...]
    first: Ints
    first_count: Ints
    clip: Ints
    move: Ints
    couple: Ints
    room: Ints
    style: Ints
    styles: tuple[str, ...]
    role: Ints
    starts: States
    ends: States
    seconds: Floats
    last_s: Floats
    energy: Floats
    level: Ints
    fit: Floats
    unsure_one: Bools
    missing: Floats
    turns: Floats
    footwork: Bools
    dip: Bools
    opens: Bools
    rests: Bools
    effect_beat: Floats
    foot_changes: Floats
    right_first: Floats
    fits_rhythm: Bools
    fits_label: Bools

    def style_number(self, style: str) -> int:
        """Return the number of a style; UNKNOWN for one that no part has."""
        return self.styles.index(style) if style in self.styles else UNKNOWN

    def rows(self, rows: Ints) -> Parts:
        """Return these rows only."""
        arrays: dict[str, Any] = {
            name: value[rows] for name, value in vars(self).items() if isinstance(value, np.ndarray)
        }
        arrays |= {"starts": self.starts.rows(rows), "ends": self.ends.rows(rows), "styles": self.styles}
        return Parts(parts=tuple(self.parts[row] for row in rows.tolist()), **arrays)

    def joined(self, others: Parts) -> Parts:
        """Return these parts and then others, whose numbers of clips, moves, couples, rooms and styles must agree."""
        joined: dict[str, Any] = {
            name: np.concatenate([value, getattr(others, name)])
            for name, value in vars(self).items()
            if isinstance(value, np.ndarray)
        }
        joined |= {"starts": self.starts.joined(others.starts), "ends": self.ends.joined(others.ends)}
        return Parts(parts=(*self.parts, *others.parts), styles=self.styles, **joined)


def role_number(role: Role | None) -> int:
    """Return the index of ROLES; UNKNOWN for both dancers."""
    return ROLES.index(role) if role in ROLES else UNKNOWN


def style_of(move: MoveSummary) -> str:
    """Return the annotated style of a move in lower case, in which styles are compared; nothing without one."""
    return ((move.annotation and move.annotation.style) or "").casefold()


class _Clip:
    """What is looked up for each part of a clip."""

    def __init__(self, move: MoveSummary, fit: MoveFit) -> None:
        self.move, self.fit = move, fit
        self.boundaries = {boundary.beat: boundary for boundary in move.annotated_boundaries()}
        self.eights = sorted(move.eights, key=lambda eight: eight.start_beat)
        ends = {eight.start_beat + EIGHT: eight.end_pose for eight in move.eights if eight.end_pose}
        self.poses = ends | {eight.start_beat: eight.start_pose for eight in move.eights if eight.start_pose}
        self.unsure_one = has_unsure_one(move)
        self.style = style_of(move)
        self.role = move.annotation.role if move.annotation else None

    @cached_property
    def energies(self) -> list[float]:
        """Return the measured energy of each beat's eight, or else of the clip's motion, or the middle of its level."""
        of_clip = self.move.motion.energy if self.move.motion else LEVEL_ENERGY[self.move.energy]
        return self._of_beats(of_clip, lambda eight: eight.content.energy if eight.content else None)

    @cached_property
    def missing(self) -> list[float]:
        """Return for each beat the amount of dancers who are not in the picture of its eight."""
        return self._of_beats(
            0.0, lambda eight: _ALONE * _absent(eight.dancers.both) + _NOBODY * _absent(eight.dancers.one)
        )

    def _of_beats(self, otherwise: float, value_of: Callable[[Eight], float | None]) -> list[float]:
        """Return for each beat a value of its eight, or else of the last one before it that has one."""
        values = [otherwise] * len(self.move.beats)
        for eight in self.eights:
            value = value_of(eight)
            if value is not None:
                values[eight.start_beat :] = [value] * (len(values) - eight.start_beat)
        return values

    def eight_at(self, beat: int) -> Eight | None:
        """Return the eight that a beat is in, or else the last one before it."""
        return next((eight for eight in reversed(self.eights) if eight.start_beat <= beat), None)

    def shows_feet(self, beat: int) -> bool:
        """Return whether no dancer's feet are known to be outside of the picture on a beat."""
        boundary = self.boundaries.get(beat)
        dancers = (boundary.lead, boundary.follow) if boundary else ()
        return all(dancer is None or dancer.feet_in_picture is not False for dancer in dancers)

    def state(self, beat: int, mirrored: bool) -> State:
        return State(self.boundaries.get(beat), self.poses.get(beat, ()), mirrored)


def parts_of(parts: Sequence[Part], moves: Mapping[str, MoveSummary], fits: Mapping[str, MoveFit]) -> Parts:
    """Return parts as arrays. `moves`, `fits`: of all their clips, by sha256; a clip without a fit is average."""
    clips = {sha: _Clip(moves[sha], fits.get(sha, MoveFit())) for sha in {part.clip for part in parts}}
    each = [clips[part.clip] for part in parts]
    facts = [_facts(part, clip) for part, clip in zip(parts, each, strict=True)]
    contents = [fact.content or _UNKNOWN_CONTENT for fact in facts]
    starts = states_of([clip.state(part.first, part.mirrored) for part, clip in zip(parts, each, strict=True)])
    ends = states_of([clip.state(part.end, part.mirrored) for part, clip in zip(parts, each, strict=True)])
    return Parts(
        parts=tuple(parts),
        first=np.array([part.first for part in parts], np.int64),
        first_count=np.array([clip.move.counts[part.first] for part, clip in zip(parts, each, strict=True)], np.int64),
        clip=_numbered([part.clip for part in parts]),
        move=_numbered([clip.move.move for clip in each]),
        couple=_numbered([clip.fit.couple for clip in each]),
        room=_numbered([clip.fit.room for clip in each]),
        style=_numbered([clip.style for clip in each]),
        styles=_names([clip.style for clip in each]),
        role=np.array([role_number(clip.role) for clip in each], np.int64),
        starts=starts,
        ends=ends,
        seconds=np.array([fact.seconds for fact in facts]),
        last_s=np.array([fact.last_s for fact in facts]),
        energy=np.array([_energy(part, clip) for part, clip in zip(parts, each, strict=True)]),
        level=np.array([DIFFICULTIES.index(clip.move.difficulty) for clip in each], np.int64),
        fit=np.array([clip.fit.fit for clip in each]),
        unsure_one=np.array([clip.unsure_one for clip in each], bool),
        missing=np.array([fact.missing for fact in facts]),
        turns=np.array([fact.turns for fact in facts]),
        footwork=np.array([content.footwork for content in contents], bool),
        dip=np.array([fact.effect == "dip" for fact in facts], bool),
        opens=np.array([_opens(part, clip) for part, clip in zip(parts, each, strict=True)], bool),
        rests=np.array([fact.effect in {"dip", "stop"} for fact in facts], bool),
        effect_beat=np.array([fact.effect_beat for fact in facts]),
        foot_changes=_foot_changes(starts, ends),
        right_first=_right_first(starts),
        fits_rhythm=np.array([fits_rhythms(fact.words, fact.content) for fact in facts], bool).reshape(
            -1, len(SECTION_RHYTHMS)
        ),
        fits_label=np.array([fits_labels(fact.words, fact.content) for fact in facts], bool).reshape(
            -1, len(SECTION_LABELS)
        ),
    )


def _opens(part: Part, clip: _Clip) -> bool:
    """Return whether a part is of a basic, or begins in the first beats of its clip."""
    eight = clip.eight_at(part.first)
    is_basic = eight is not None and eight.content is not None and eight.content.kind == "basic"
    return is_basic or part.first < _FIRST_BEATS


def _energy(part: Part, clip: _Clip) -> float:
    """Return the mean energy of the part's beats: of their eights, or else of the clip."""
    return fmean(clip.energies[part.first : part.end])


@dataclass(frozen=True)
class _Facts:
    """Facts of one part; `words`: the names of its move and category. `effect`: that it shows."""

    seconds: float
    last_s: float
    missing: float
    words: str
    content: EightContent | None
    turns: float
    effect: Effect | None
    effect_beat: float


def _facts(part: Part, clip: _Clip) -> _Facts:
    beats = clip.move.beats[part.first : part.end + 1]
    eight = clip.eight_at(part.first)
    content = eight.content if eight else None
    effect_beat = _effect_beat(content, beats)
    return _Facts(
        seconds=beats[-1] - beats[0],
        last_s=beats[-1] - beats[-2],
        missing=_missing(part, clip, content),
        words=f"{clip.move.category} {clip.move.move}".lower().replace(" ", "_"),
        content=content,
        turns=abs(content.follow_turns or 0.0) * min(1.0, part.beats / EIGHT) if content else 0.0,
        effect=None if content is None or isnan(effect_beat) else content.effect,
        effect_beat=effect_beat,
    )


def _missing(part: Part, clip: _Clip, content: EightContent | None) -> float:
    """Return the amount of dancers, or of feet that dance footwork, outside of the picture: the most of any beat."""
    cut_off = bool(content and content.footwork) and not clip.shows_feet(part.first)
    return max(*clip.missing[part.first : part.end], _CUT_OFF_FEET * cut_off)


def _absent(share: float) -> float:
    """Return how far a dancer is absent: 0 where the share of the time in the picture is half or more, 1 at none."""
    return 1 - min(1.0, share / MIN_PRESENT_SHARE)


def _effect_beat(content: EightContent | None, beats: Sequence[float]) -> float:
    if content is None or content.effect_s is None or not beats[0] <= content.effect_s <= beats[-1]:
        return float("nan")
    return float(np.interp(content.effect_s, beats, range(len(beats))))


def _foot_changes(starts: States, ends: States) -> Floats:
    """Return the chance that the lead's free foot differs between start and end, half where it is not known."""
    differs = starts.foot[:, 0] != ends.foot[:, 0]
    one, two = starts.foot_confidence[:, 0], ends.foot_confidence[:, 0]
    right = one * two + (1 - one) * (1 - two)
    known = (starts.foot[:, 0] != UNKNOWN) & (ends.foot[:, 0] != UNKNOWN)
    chance: Floats = np.where(known, np.where(differs, right, 1 - right), 0.5)
    return chance


def _right_first(starts: States) -> Floats:
    """Return the chance that the lead's right foot is free at the start, 0 where it is not known."""
    foot, sure = starts.foot[:, 0], starts.foot_confidence[:, 0]
    chance: Floats = np.where(foot == UNKNOWN, 0.0, np.where(foot == _LEFT, 1 - sure, sure))
    return chance


def _numbered(names: Sequence[str]) -> Ints:
    """Return a number for each name, the same for equal ones, in the order of the names; UNKNOWN for none."""
    numbers = {name: number for number, name in enumerate(_names(names))}
    return np.array([numbers.get(name, UNKNOWN) for name in names], np.int64)


def _names(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names) - {"", UNKNOWN_GROUP}))
