"""A cache of songs encoded as AAC, one file for each song, track and bit rate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import av

from infra.base.atomic_file import replacing
from infra.base.derived_files import note_use

_ENCODER = f"aac-2/av-{av.__version__}"  # part of the cache key: another encoder or option makes other files


def ensure_aac(  # noqa: PLR0913
    song: Path,
    sha256: str,
    bitrate: int,
    cache_dir: Path,
    *,
    report: Callable[[float], None] = lambda _: None,
    track: int = 0,
) -> Path:
    """Return an audio stream of the song as AAC-LC in mp4, stereo, from the cache if it is there. `bitrate` in bit/s.

    The song's time 0 is the container's time 0. Raises: `Poison` where the song has no sound that decodes.
    """
    path = _cache_path(cache_dir, sha256, bitrate, track)
    if not note_use(cache_dir, path):
        from agents.media.aac import encode_aac

        with replacing(path) as temporary:
            encode_aac(song, bitrate, temporary, report, track)
    return path


def _cache_path(cache_dir: Path, sha256: str, bitrate: int, track: int) -> Path:
    digest = hashlib.sha256(f"{_ENCODER}|{bitrate}|{track}".encode()).hexdigest()[:16]
    return cache_dir / "audio" / f"{sha256}-{digest}.m4a"
