"""The candidates of each phrase of a song, with the points that each loses by each rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain, zip_longest

import numpy as np

from agents.arrays import Floats, Ints
from agents.dance.danced_music import danced_music
from agents.dance.music import Request, SlotMusic
from agents.dance.parts import Parts
from agents.dance.slot_faults import amounts_in_slots
from agents.move_scoring.allowed import Allowed, allowed_in
from agents.move_scoring.candidates import Candidates, as_whole_eight, candidates_of
from agents.move_scoring.known_library import KnownLibrary
from agents.move_scoring.move_arrays import MoveArrays, mask_of
from agents.move_scoring.phrases import Span
from schemas.audio_analyzed import AudioAnalysis
from schemas.base import DanceOptions
from schemas.moves_scored import Candidate, MoveFit

_DIGITS = 4


@dataclass(frozen=True)
class SongCandidates:
    """The candidates of a song. `phrases`: of each phrase; `eights`: rows of all that are offered, by clip."""

    arrays: MoveArrays
    fits: Floats
    phrases: tuple[tuple[Candidate, ...], ...]
    eights: Mapping[str, Ints]
    allowed: Allowed

    def clips(self) -> set[str]:
        """Return the clips of all candidates."""
        return {candidate.clip_sha256 for phrase in self.phrases for candidate in phrase}

    def of_phrase(self, number: int) -> tuple[Candidate, ...]:
        """Return the candidates of a phrase, the best first."""
        return self.phrases[number]

    def first_beats(self, clip: str) -> set[int]:
        """Return the beats on which the eights of a clip begin that are offered."""
        return set(self.arrays.parts.first[self.eights[clip]].tolist())

    def fit(self, clip: str) -> MoveFit:
        """Return what the song makes of a clip."""
        row = self.arrays.row_of(clip)
        place = self.arrays.places[row]
        return MoveFit(fit=round(float(self.fits[row]), _DIGITS), couple=place.couple, room=place.room)

    def warnings(self) -> Iterator[str]:
        """Yield warnings about the library as a whole."""
        yield from self.allowed.warnings()


def song_candidates(  # noqa: PLR0913, PLR0917
    analysis: AudioAnalysis,
    options: DanceOptions,
    spans: Sequence[Span],
    known: KnownLibrary,
    number: int,
    missing: frozenset[str],
    *,
    fast: bool = False,
) -> SongCandidates:
    """Return up to `number` candidates for each phrase, without the clips of `missing`."""
    arrays, request = known.arrays(), Request.of(options, known.rules)
    _, slots, music = danced_music(analysis, spans, request)
    fits = np.round(arrays.fits_to(analysis.embedding).astype(float), _DIGITS)
    parts = replace(arrays.parts, fit=fits[arrays.parts.clip])
    usable = ~mask_of((arrays.row_of(clip) for clip in missing), len(arrays.clips))
    allowed = allowed_in(music, arrays, usable, request)
    found = candidates_of(music, arrays, parts, allowed.some_in_each_slot(), request, number, known.seams, fast=fast)
    of_slots: dict[int, list[int]] = {}
    for n, slot in enumerate(slots):
        of_slots.setdefault(slot.phrase, []).append(n)
    in_pool = parts.rows(found.rows)
    lost = _Lost.of(found, music, in_pool, request)
    phrases = {phrase: _candidates(of_phrase, found, in_pool, lost, number) for phrase, of_phrase in of_slots.items()}
    offered = {clip: found.rows[in_pool.clip == arrays.row_of(clip)] for clip in {part.clip for part in in_pool.parts}}
    nearest = [min(phrases, key=lambda danced: (abs(danced - n), danced)) for n in range(len(spans))]
    return SongCandidates(arrays, fits, tuple(phrases[n] for n in nearest), offered, allowed)


@dataclass(frozen=True)
class _Lost:
    """The points that the best eight of each clip loses in each slot. `points`: (clips, rules, slots)."""

    clips: Mapping[str, int]
    rules: tuple[str, ...]
    points: Floats

    @classmethod
    def of(cls, found: Candidates, music: Sequence[SlotMusic], parts: Parts, request: Request) -> _Lost:
        amounts = amounts_in_slots([as_whole_eight(slot) for slot in music], parts, request)
        rules, slots = tuple(sorted(amounts)), np.arange(len(music))
        points = np.array([request.rules.points(name) * amounts[name] for name in rules])
        eights = [np.flatnonzero(parts.clip == clip) for clip in np.unique(parts.clip)]
        best = [columns[found.costs[:, columns].argmin(axis=1)] for columns in eights]
        clips = {parts.parts[columns[0]].clip: n for n, columns in enumerate(eights)}
        return cls(clips, rules, np.array([points[:, slots, columns] for columns in best]))

    def candidate(self, clip: str, slots: Sequence[int]) -> Candidate:
        """Return a clip as a candidate, with the points that it loses by each rule in some slots."""
        lost = self.points[self.clips[clip]][:, slots].tolist()
        rounded = {name: round(-sum(points), _DIGITS) for name, points in zip(self.rules, lost, strict=True)}
        terms = {name: points for name, points in rounded.items() if points}
        return Candidate(clip_sha256=clip, score=round(sum(terms.values()), _DIGITS), terms=terms)


def _candidates(
    slots: Sequence[int], found: Candidates, parts: Parts, lost: _Lost, number: int
) -> tuple[Candidate, ...]:
    """Return the candidates of a phrase, in turn those of its slots, the best first."""
    in_turn = chain.from_iterable(zip_longest(*(found.slots[slot] for slot in slots)))
    clips = list(dict.fromkeys(parts.parts[column].clip for column in in_turn if column is not None))[:number]
    made = [lost.candidate(clip, slots) for clip in clips]
    return tuple(sorted(made, key=lambda candidate: (-candidate.score, candidate.clip_sha256)))
