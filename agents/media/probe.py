"""Probe a stored file: check that it is an acceptable song or clip, and return its facts."""

from __future__ import annotations

from pathlib import Path

from agents.media.container import media_errors, open_container
from agents.media.probe_audio import first_sound, probe_sound
from agents.media.probe_video import ProbedPicture, probe_picture
from schemas.base import ProbedMedia
from schemas.faults import Poison
from schemas.limits import CLIP_FPS, CLIP_S, MAX_BYTES, SONG_S, MediaKind


def probe(path: Path, kind: MediaKind) -> ProbedMedia:
    """Return a file's facts, measured by decoding all of a song's sound, or a clip's first and last pictures.

    Raises: `Poison`: `not_a_file`, `empty`, `too_large`, `not_media`, `unsupported_codec`, `too_short`, `too_long`;
    for songs `no_audio`, `silence`; for clips `no_video`, `picture_too_large`, `frame_rate`.
    """
    if not path.is_file():
        raise Poison("there is no such file", reason="not_a_file")
    if path.stat().st_size > MAX_BYTES[kind]:
        raise Poison(f"larger than {MAX_BYTES[kind] >> 20} MiB; make it smaller", reason="too_large")
    return _probe_song(path) if kind == "audio" else _probe_clip(path)


def _probe_song(path: Path) -> ProbedMedia:
    with open_container(path) as container, media_errors():
        sound = probe_sound(container, SONG_S[1])
        name = container.format.name
    _check_length(sound.duration_s, SONG_S, "song")
    if not sound.audible:
        raise Poison("the song is silent; check how it was exported", reason="silence")
    return ProbedMedia(
        format=name,
        codec=sound.codec,
        duration_s=sound.duration_s,
        sample_rate=sound.sample_rate,
        channels=sound.channels,
    )


def _probe_clip(path: Path) -> ProbedMedia:
    with open_container(path) as container, media_errors():
        picture = probe_picture(container)
        name = container.format.name
    _check_clip(picture)
    with open_container(path) as container, media_errors():
        sound = first_sound(container)
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
    )


def _check_clip(picture: ProbedPicture) -> None:
    _check_length(picture.duration_s, CLIP_S, "clip")
    if not CLIP_FPS[0] <= picture.fps <= CLIP_FPS[1]:
        raise Poison(f"{picture.fps:.1f} frames a second; give a clip of 5 to 240", reason="frame_rate")


def _check_length(seconds: float, limits: tuple[float, float], what: str) -> None:
    shortest, longest = limits
    if seconds < shortest:
        raise Poison(f"only {seconds:.1f} s of it decode; a {what} has {shortest:.0f} s or more", reason="too_short")
    if seconds > longest:
        raise Poison(f"longer than {longest / 60:.0f} minutes; give a single {what}", reason="too_long")
