"""Tell which beats and which eights of a clip can be shown."""

from __future__ import annotations

from schemas.move_indexed import Eight, MoveSummary

EIGHT = 8
_FRAMES_KEPT = 2  # at the end of a clip: a container's duration may be longer than its last frame
_DEFAULT_FPS = 25.0


def playable_beats(card: MoveSummary) -> tuple[float, ...]:
    """The clip's beats up to two frames before its end, seconds; index for index those of `card.beats`.

    The first beat beyond that moment is moved to it where at least half of its interval is left: a clip cut right on
    its last beat keeps its last count.
    """
    last_s = card.clip.duration_s - _FRAMES_KEPT / (card.clip.fps or _DEFAULT_FPS)
    shown = tuple(beat for beat in card.beats if beat <= last_s)
    beyond = card.beats[len(shown) :]
    if shown and beyond and last_s - shown[-1] >= (beyond[0] - shown[-1]) / 2:
        return (*shown, last_s)
    return shown


def usable_eights(card: MoveSummary) -> tuple[Eight, ...]:
    """The eights all of whose nine beats can be shown."""
    beats = len(playable_beats(card))
    return tuple(eight for eight in card.eights if eight.start_beat + EIGHT < beats)
