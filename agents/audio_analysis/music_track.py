"""Choose the audio stream of a file that has the music."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

_EXCERPT_S = 60.0
_MIN_MUSIC = 0.35  # score: speech reaches 0.34, the least clear of the songs and clips measured 0.36
_EQUAL = 0.15  # difference of two scores below which the file's own preference decides


def music_track(path: Path, tracks: Sequence[int]) -> int:
    """Return the track that sounds most like music. `tracks`: audio streams, from 0, the preferred one first.

    A minute of each is analyzed, in the middle of the file; where none has music there, the first minute. Of tracks
    that are about equal the first of `tracks` is returned; one that does not decode is passed over.
    """
    from agents.media.decode import open_audio

    with open_audio(path, tracks[0]) as audio:
        middle_s = max(0.0, audio.duration_us / 2_000_000 - _EXCERPT_S / 2)
    scores: list[float] = []
    for from_s in dict.fromkeys((middle_s, 0.0)):
        scores = [_score(path, track, from_s) for track in tracks]
        if max(scores) >= _MIN_MUSIC:
            break
    return next(track for track, score in zip(tracks, scores, strict=True) if score >= max(scores) - _EQUAL)


def _score(path: Path, track: int, from_s: float) -> float:
    from agents.audio_analysis.analysis import music_score
    from agents.audio_analysis.decode import decode_excerpt

    return music_score(decode_excerpt(path, track, from_s, _EXCERPT_S))
