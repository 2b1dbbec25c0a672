"""Which beats and which eights of a clip can be shown, and whether its count 1 is sure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import floor
from typing import Literal

from schemas.move_indexed import WINDOW_EDGE_S, Eight, MoveSummary, Window, window_at

EIGHT = 8
COUNT_SURE = 0.8  # the least `count_confidence` of a clip whose 1 is laid on a 1 of the song without a warning
MIN_PRESENT_SHARE = 0.5  # of an eight: a dancer who is in the picture for less is not shown in it
_END_MARGIN_FRAMES = 2  # at the end of a window: a container's duration may be longer than its last frame
_DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class Run:
    """Beats, seconds, that follow each other in one window of a clip; `first`: the index of `beats[0]` in the move."""

    first: int
    beats: tuple[float, ...]

    def part(self, first: int, intervals: int) -> tuple[float, ...]:
        """Return the move's beat `first` and the `intervals` beats after it; empty where the run lacks one of them."""
        start = first - self.first
        beats = self.beats[start : start + intervals + 1] if start >= 0 else ()
        return beats if len(beats) == intervals + 1 else ()


def playable_runs(move: MoveSummary) -> tuple[Run, ...]:
    """Return the beats that can be displayed: in each window those up to two frames before its end."""
    return runs_in(displayed_windows(move), move.beats, move.clip.fps)


def displayed_windows(move: MoveSummary) -> tuple[Window, ...]:
    """Return the spans that have pictures: of an older event without windows, the whole clip."""
    return move.windows or (Window(start_s=0.0, end_s=move.clip.duration_s),)


def runs_in(windows: Sequence[Window], beats: Sequence[float], fps: float | None) -> tuple[Run, ...]:
    """Return the beats up to two frames before the end of each window.

    The first beat after that limit is moved to it where at least half of its interval remains: a clip that is cut
    exactly on its last beat keeps its last count.
    """
    margin_s = _END_MARGIN_FRAMES / (fps or _DEFAULT_FPS)
    runs = []
    for window in windows:
        first = bisect_left(beats, window.start_s - WINDOW_EDGE_S)
        inside = beats[first : bisect_right(beats, window.end_s + WINDOW_EDGE_S)]
        runs.append(Run(first, _until(window.end_s - margin_s, inside)))
    return tuple(run for run in runs if run.beats)


def _until(limit_s: float, beats: Sequence[float]) -> tuple[float, ...]:
    playable = tuple(beat for beat in beats if beat <= limit_s)
    beyond = beats[len(playable) :]
    if playable and beyond and limit_s - playable[-1] >= (beyond[0] - playable[-1]) / 2:
        return (*playable, limit_s)
    return playable


def usable_eights(move: MoveSummary) -> tuple[Eight, ...]:
    """Return the eights all of whose nine beats can be shown."""
    runs = playable_runs(move)
    return tuple(eight for eight in move.eights if any(run.part(eight.start_beat, EIGHT) for run in runs))


def offered_runs(move: MoveSummary) -> tuple[Run, ...]:
    """Return the beats that may be shown: without the whole eights that are left out, as they lack a dancer.

    Fewer than eight beats before the first eight of a span, and eight at most after its last, belong to these.
    """
    return tuple(part for run in playable_runs(move) for part in _offered(run, [e.start_beat for e in move.eights]))


def _offered(run: Run, starts: Sequence[int]) -> Iterator[Run]:
    """Yield the parts of a run around eights that follow each other."""
    end = run.first + len(run.beats) - 1
    inside = [start for start in sorted(starts) if run.part(start, EIGHT)]
    if not inside:
        return
    spans = _joined([(start, start + EIGHT) for start in inside])
    if spans[0][0] - run.first < EIGHT:
        spans[0] = (run.first, spans[0][1])
    if end - spans[-1][1] < EIGHT:
        spans[-1] = (spans[-1][0], end)
    for first, last in spans:
        yield Run(first, run.part(first, last - first))


def _joined(spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, with those that overlap or meet as one."""
    joined: list[tuple[int, int]] = []
    for first, last in spans:
        if joined and first <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(last, joined[-1][1]))
        else:
            joined.append((first, last))
    return joined


def has_unsure_one(move: MoveSummary) -> bool:
    """Return whether the clip's count 1 may be another beat, or is not where a person annotated it.

    Events of versions that did not measure it count as sure.
    """
    return not follows_annotated_one(move) or (_is_measured(move) and move.count_confidence < COUNT_SURE)


def certainty_of_one(move: MoveSummary) -> Literal["sure", "unsure", "unknown"]:
    """Return how sure the clip's count 1 is; `unknown` for an event of a version that did not measure it."""
    if has_unsure_one(move):
        return "unsure"
    return "sure" if _is_measured(move) else "unknown"


def confidence_text(certainty: str, confidence: float | None) -> str:
    """Return the `count_confidence` of a clip with two decimals, rounded down.

    Returns nothing where it is unknown, or where it is high although the clip's 1 is not where it is annotated.
    """
    if confidence is None or certainty == "unknown" or (certainty == "unsure" and confidence >= COUNT_SURE):
        return ""
    return f"{floor(100 * confidence) / 100:.2f}"


def _is_measured(move: MoveSummary) -> bool:
    """Return whether the event is of a version that measures how sure the count is; then it also has boundaries."""
    return move.count_confidence > 0 or bool(move.boundaries)


def follows_annotated_one(move: MoveSummary) -> bool:
    """Return whether the beat nearest to an annotated 1 has the count 1; else the clip is not indexed with it yet."""
    first_one_s = move.annotation.first_one_s if move.annotation else None
    if first_one_s is None or not move.beats:
        return True
    return move.counts[nearest_beat(move.beats, first_one_s)] == 1


def nearest_beat(beats: Sequence[float], time_s: float) -> int:
    """Return the index of the beat nearest to a time; of two that are equally near, the first."""
    return min(range(len(beats)), key=lambda index: abs(beats[index] - time_s))


def one_problem(first_one_s: float, windows: Sequence[Window], beats: Sequence[float], tempo_bpm: float) -> str:
    """Return why a clip cannot have a count 1 at a time, or nothing. A beat may be half a beat away at most."""
    if window_at(windows, first_one_s) is None:
        spans = " and ".join(f"from {window.start_s:.2f} to {window.end_s:.2f} s" for window in windows[:3])
        return f"the clip has no picture at {first_one_s:g} s: its pictures are {spans}"
    nearest_s = beats[nearest_beat(beats, first_one_s)] if beats else first_one_s
    if abs(nearest_s - first_one_s) > 30 / tempo_bpm:
        return f"no beat of the clip is within half a beat of {first_one_s:g} s: the nearest is at {nearest_s:.2f} s"
    return ""


def with_partial_last_beat(beats: tuple[float, ...], share: float) -> tuple[float, ...]:
    """Return the beats with the last interval shortened to a share of it, above 0, at most 1."""
    return beats if share == 1.0 else (*beats[:-1], beats[-2] + share * (beats[-1] - beats[-2]))
