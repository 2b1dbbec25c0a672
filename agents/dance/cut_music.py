"""Cut a song to a length, at joins where the same music meets: the counts and the dance run on over them."""

from __future__ import annotations

import random
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from agents.dance.music import EIGHTS_PER_BLOCK, section_at
from schemas.audio_analyzed import AudioAnalysis, Section
from schemas.base import DanceOptions
from schemas.sequence_planned import MusicPart

_OTHER_BEFORE_S = 3.0  # of the wanted length, that a join is worse where the music before it differs
_OTHER_BLOCK_S = 1.5  # the same, where it is another block of the same section
_MAX_ERROR_S = 12.0  # from the wanted length; with more, the song is not cut
_MIN_PHRASES = EIGHTS_PER_BLOCK  # of a part
_MAX_TWICE = 400  # joins of which pairs are tried


class Heard(NamedTuple):
    """The music of a dance: the analysis of what is heard, how much of it is danced, and the parts of a cut song."""

    analysis: AudioAnalysis
    options: DanceOptions
    parts: tuple[MusicPart, ...] = ()


def heard_music(analysis: AudioAnalysis, options: DanceOptions) -> Heard:
    """Return the music of a dance: the whole song, or cut to the length if that is asked for and can be done."""
    parts = music_parts(analysis, options.length_s) if options.cut_music and options.length_s else ()
    return heard_parts(analysis, options, parts)


def heard_parts(analysis: AudioAnalysis, options: DanceOptions, parts: tuple[MusicPart, ...]) -> Heard:
    """Return the music of a dance with these parts of the song, none for a song that is not cut."""
    if not parts:
        return Heard(analysis, options)
    all_of_it = options.model_copy(update={"duration": "full", "length_s": None})
    return Heard(cut_analysis(analysis, parts), all_of_it, parts)


class _Join(NamedTuple):
    """At `left_s` the music goes on from `resumed_s`. `cost_s`: how bad it is, in seconds of the wanted length."""

    left_s: float
    resumed_s: float
    cost_s: float

    @property
    def dropped_s(self) -> float:
        return self.resumed_s - self.left_s


def music_parts(analysis: AudioAnalysis, length_s: float) -> tuple[MusicPart, ...]:
    """Return the parts of the song that last about `length_s` together, from its first count 1 to its end.

    Each part after the first begins with the music that would have followed the one before, and each has four phrases
    at least. Empty where the song is not longer, or has no such joins that come near the length.
    """
    ones = [beat for beat, count in zip(analysis.beats, analysis.counts, strict=True) if count == 1]
    end_s = analysis.music_end_s or analysis.duration_s
    if len(ones) < 3 or end_s - ones[0] <= length_s:
        return ()
    too_long_s = end_s - ones[0] - length_s
    joins = list(_joins(ones, analysis.sections))
    ways = list(_ways([join for join in joins if join.dropped_s <= too_long_s + _MAX_ERROR_S], ones))
    if not ways:
        return ()
    best = min(ways, key=lambda way: (_cost(way, too_long_s), way))
    if abs(sum(join.dropped_s for join in best) - too_long_s) > _MAX_ERROR_S:
        return ()
    edges = [ones[0], *(time for join in best for time in (join.left_s, join.resumed_s)), end_s]
    return tuple(MusicPart(start_s=start, end_s=end) for start, end in zip(edges[::2], edges[1::2], strict=True))


def _joins(ones: Sequence[float], sections: Sequence[Section]) -> Iterator[_Join]:
    """Yield the pairs of phrases with the same music: of sections with the same music, at the same place in a block.

    None for a song without sections: nothing tells what music it repeats.
    """
    music = [_music_at(one, ones, sections) for one in ones] if sections else []
    for left, resumed in combinations(range(_MIN_PHRASES, len(music) - _MIN_PHRASES + 1), 2):
        (group, place), (other_group, other_place) = music[left], music[resumed]
        if group == other_group and place % EIGHTS_PER_BLOCK == other_place % EIGHTS_PER_BLOCK:
            other_block = 0.0 if place == other_place else _OTHER_BLOCK_S
            other_before = 0.0 if music[left - 1] == music[resumed - 1] else _OTHER_BEFORE_S
            yield _Join(ones[left], ones[resumed], other_block + other_before)


def _music_at(one: float, ones: Sequence[float], sections: Sequence[Section]) -> tuple[int, int]:
    """Return the repeat group of the section in which a phrase begins, and its number there."""
    section = sections[section_at(sections, one + 0.1)[0]]
    return section.repeat_group, bisect_left(ones, one) - bisect_left(ones, section.start_s - 0.1)


def _ways(joins: Sequence[_Join], ones: Sequence[float]) -> Iterator[tuple[_Join, ...]]:
    """Yield one join, or two that follow each other."""
    for join in joins:
        yield (join,)
    number = {one: n for n, one in enumerate(ones)}
    for one, other in combinations(_best_of(joins), 2):
        if number[other.left_s] - number[one.resumed_s] >= _MIN_PHRASES:
            yield one, other


def _best_of(joins: Sequence[_Join]) -> list[_Join]:
    """Return at most `_MAX_TWICE` joins in order: those that cost least, and of equal ones some of the whole song."""
    mixed = random.Random(0).sample(joins, len(joins))  # noqa: S311 - the joins of a song are not a secret
    return sorted(sorted(mixed, key=lambda join: join.cost_s)[:_MAX_TWICE])


def _cost(way: Sequence[_Join], too_long_s: float) -> float:
    return abs(sum(join.dropped_s for join in way) - too_long_s) + sum(join.cost_s for join in way)


def cut_analysis(analysis: AudioAnalysis, parts: Sequence[MusicPart]) -> AudioAnalysis:
    """Return the analysis of a song of which only these parts are heard; times run on from the first part's start."""
    beats = heard_beats(analysis, parts)
    end_s = _moved(parts[-1].end_s, parts)
    return analysis.model_copy(
        update={
            "duration_s": round(end_s, 4),
            "music_start_s": parts[0].start_s,
            "music_end_s": None,
            "beats": tuple(round(_moved(analysis.beats[n], parts), 4) for n in beats),
            "counts": tuple(analysis.counts[n] for n in beats),
            "energy": tuple(analysis.energy[n] for n in beats),
            "downbeats": tuple(round(_moved(b, parts), 4) for b in analysis.downbeats if _is_inside(b, parts)),
            "sections": tuple(_sections(analysis.sections, parts)),
            "accents": tuple(
                accent.model_copy(update={"time_s": round(_moved(accent.time_s, parts), 4)})
                for accent in analysis.accents
                if _is_inside(accent.time_s, parts)
            ),
            "doubts": (),
        }
    )


def heard_beats(analysis: AudioAnalysis, parts: Sequence[MusicPart]) -> list[int]:
    """Return the indices of the song's beats that are heard."""
    return [beat for beat, time_s in enumerate(analysis.beats) if _is_inside(time_s, parts)]


def _is_inside(time_s: float, parts: Sequence[MusicPart]) -> bool:
    return any(part.start_s <= time_s < part.end_s for part in parts)


def _moved(time_s: float, parts: Sequence[MusicPart]) -> float:
    """Return when a time of the song is heard, in seconds that run on from the first part's start."""
    heard_s = parts[0].start_s
    for part in parts[:-1]:
        if time_s < part.end_s:
            return heard_s + time_s - part.start_s
        heard_s += part.length_s
    return heard_s + time_s - parts[-1].start_s


def _sections(sections: Sequence[Section], parts: Sequence[MusicPart]) -> Iterator[Section]:
    """Yield the sections as they are heard; one that goes on after a join as if nothing was cut is one."""
    found: list[Section] = []
    for part in parts:
        for section in sections:
            start_s, end_s = max(section.start_s, part.start_s), min(section.end_s, part.end_s)
            if end_s <= start_s:
                continue
            times = {"start_s": round(_moved(start_s, parts), 4), "end_s": round(_end(end_s, part, parts), 4)}
            if found and start_s == part.start_s and found[-1].repeat_group == section.repeat_group:
                found[-1] = found[-1].model_copy(update={"end_s": times["end_s"]})
            else:
                found.append(section.model_copy(update=times))
    yield from found


def _end(end_s: float, part: MusicPart, parts: Sequence[MusicPart]) -> float:
    """Return when the end of a section is heard that is inside of a part, or at its end."""
    return _moved(part.start_s, parts) + end_s - part.start_s
