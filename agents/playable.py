"""Which beats and which eights of a clip can be shown."""

from __future__ import annotations

from schemas.move_indexed import Eight, MoveSummary

EIGHT = 8
_END_MARGIN_FRAMES = 2  # at the end of a clip: a container's duration may be longer than its last frame
_DEFAULT_FPS = 25.0


def playable_beats(move: MoveSummary) -> tuple[float, ...]:
    """Return the clip's beats up to two frames before its end, seconds; with the same indices as in `move.beats`.

    The first beat after that limit is moved to it where at least half of its interval remains: a clip that is cut
    exactly on its last beat keeps its last count.
    """
    limit_s = move.clip.duration_s - _END_MARGIN_FRAMES / (move.clip.fps or _DEFAULT_FPS)
    playable = tuple(beat for beat in move.beats if beat <= limit_s)
    beyond = move.beats[len(playable) :]
    if playable and beyond and limit_s - playable[-1] >= (beyond[0] - playable[-1]) / 2:
        return (*playable, limit_s)
    return playable


def usable_eights(move: MoveSummary) -> tuple[Eight, ...]:
    """Return the eights all of whose nine beats can be shown."""
    beats = len(playable_beats(move))
    return tuple(eight for eight in move.eights if eight.start_beat + EIGHT < beats)
