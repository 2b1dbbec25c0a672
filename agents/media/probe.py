"""Probe a stored file: check that it is an acceptable song or clip, and return its facts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from agents.media.container import media_errors, open_container
from agents.media.probe_audio import ProbedSound, first_sound, probe_sound, taken_tracks
from agents.media.probe_video import ProbedPicture, accepted_picture, probe_picture
from agents.media.stated_length import lost
from schemas.base import ProbedMedia
from schemas.digits import distinct_text
from schemas.faults import Poison
from schemas.limits import CLIP_FPS, CLIP_S, MAX_BYTES, RECORDING_S, SONG_S, MediaKind

if TYPE_CHECKING:
    from av.container import InputContainer

_TOLERANCE_S = 0.05  # of a song or clip that was cut to the shortest length that is accepted
_FPS_TOLERANCE = 0.02  # a mean over some seconds is not exact

_SHORTER = {
    "song": "give a single song",
    "clip": "give a single clip, or cut the recording into moves: `bachata index --split`",
    "recording": "cut it in two",
}

ChooseTrack = Callable[[Path, Sequence[int]], int]  # of the given audio streams of a file, the one to hear


def first_track(path: Path, tracks: Sequence[int]) -> int:
    """Return the first of a file's tracks, without listening."""
    del path
    return tracks[0]


def probe(path: Path, kind: MediaKind, choose_track: ChooseTrack = first_track) -> ProbedMedia:
    """Return a file's facts, measured by decoding all of a song's sound, or a clip's first and last pictures.

    `choose_track` is called where several audio streams can be decoded, with the preferred one first.

    Raises: `Poison`: `not_a_file`, `empty`, `too_large`, `not_media`, `unsupported_codec`, `too_short`, `too_long`;
    for songs `no_audio`, `silence`; for clips `no_video`, `picture_too_large`, `frame_rate`.
    """
    if not path.is_file():
        raise Poison("there is no such file", reason="not_a_file")
    if path.stat().st_size > MAX_BYTES[kind]:
        raise Poison(f"larger than {MAX_BYTES[kind] >> 20} MiB; make it smaller", reason="too_large")
    return _probe_song(path, choose_track) if kind == "audio" else _probe_clip(path, choose_track)


def probe_recording(path: Path, choose_track: ChooseTrack = first_track) -> ProbedMedia:
    """Return the facts of a recording that is to be cut into clips. Raises: as `probe` for clips."""
    return _probe_clip(path, choose_track, RECORDING_S, "recording")


def _probe_song(path: Path, choose_track: ChooseTrack) -> ProbedMedia:
    with open_container(path) as container, media_errors():
        track = _track(container, path, choose_track)
        sound = probe_sound(container, track, SONG_S[1])
        name = container.format.name
        missing = lost(path, container, container.streams.audio[track], sound.duration_s, sound.elapsed_s)
    _check_length(sound.duration_s, SONG_S, "song")
    if not sound.audible:
        raise Poison("the song is silent; check how it was exported", reason="silence")
    return ProbedMedia(
        format=name,
        codec=sound.codec,
        duration_s=sound.duration_s,
        sample_rate=sound.sample_rate,
        channels=sound.channels,
        sound_track=track,
        missing_s=missing.missing_s,
        damaged_s=missing.damaged_s,
    )


def _track(container: InputContainer, path: Path, choose_track: ChooseTrack) -> int:
    tracks = taken_tracks(container)
    return tracks[0] if len(tracks) == 1 else choose_track(path, tracks)


def _probe_clip(
    path: Path, choose_track: ChooseTrack, lengths_s: tuple[float, float] = CLIP_S, what: str = "clip"
) -> ProbedMedia:
    with open_container(path) as container, media_errors():
        stream = accepted_picture(container)
        picture = probe_picture(container, stream)
        name = container.format.name
        missing = lost(path, container, stream, picture.duration_s, picture.duration_s)
    _check_length(picture.duration_s, lengths_s, what)
    _check_rate(picture)
    track, sound = _clip_sound(path, choose_track)
    return ProbedMedia(
        format=name,
        codec=picture.codec,
        duration_s=picture.duration_s,
        sample_rate=sound.sample_rate if sound else None,
        channels=sound.channels if sound else None,
        width=picture.width,
        height=picture.height,
        fps=picture.fps,
        has_audio=sound is not None,
        sound_track=track,
        missing_s=missing.missing_s,
    )


def _clip_sound(path: Path, choose_track: ChooseTrack) -> tuple[int, ProbedSound | None]:
    with open_container(path) as container, media_errors():
        try:
            track = _track(container, path, choose_track)
        except Poison:  # a clip needs no sound: `agents/move_indexing/clip_sound.py` says what is wrong with it
            return 0, None
        return track, first_sound(container, track)


def _check_rate(picture: ProbedPicture) -> None:
    slowest, fastest = CLIP_FPS[0] * (1 - _FPS_TOLERANCE), CLIP_FPS[1] * (1 + _FPS_TOLERANCE)
    if not slowest <= picture.fps <= fastest:
        message = f"{picture.fps:.1f} frames a second; give a clip of {CLIP_FPS[0]:.0f} to {CLIP_FPS[1]:.0f}"
        raise Poison(message, reason="frame_rate")


def _check_length(seconds: float, limits: tuple[float, float], what: str) -> None:
    shortest, longest = limits
    if seconds < shortest - _TOLERANCE_S:
        found = distinct_text(seconds, shortest)
        raise Poison(f"only {found} s of it decode; a {what} has {shortest:.0f} s or more", reason="too_short")
    if seconds > longest:
        raise Poison(f"longer than {longest / 60:.0f} minutes; {_SHORTER[what]}", reason="too_long")
