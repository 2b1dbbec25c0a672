"""A cache of songs encoded as AAC, one file for each song, track and bit rate, and for each way to cut it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import av
from pydantic import TypeAdapter

from infra.base.atomic_file import replacing
from infra.base.derived_files import note_use
from schemas.rendered import Join, Joins
from schemas.sequence_planned import MusicPart

_JOINS = "joins-1"  # the same for the way in which parts are joined
_JOINS_OF_SONG = TypeAdapter[tuple[Join, ...]](Joins)
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


def ensure_cut_aac(  # noqa: PLR0913
    song: Path,
    sha256: str,
    music: Sequence[MusicPart],
    bitrate: int,
    cache_dir: Path,
    *,
    report: Callable[[float], None] = lambda _: None,
    track: int = 0,
) -> tuple[Path, tuple[Join, ...]]:
    """Return parts of the song as `ensure_aac` does, and their joins; the start of the first part is time 0.

    Half a second that follows the last part in the song is there, too.
    """
    spans = [(part.start_s, part.end_s) for part in music]
    path = _cache_path(cache_dir, sha256, bitrate, track, f"|{_JOINS}|{spans}")
    joins = _read_joins(path)
    if joins is None or not note_use(cache_dir, path):
        from agents.media.cut_song import encode_cut_song

        with replacing(path) as temporary:
            found = encode_cut_song(song, spans, bitrate, temporary, report, track=track)
        joins = tuple(Join(**one._asdict()) for one in found)
        with replacing(_sidecar(path)) as temporary:  # written last: without it, the sound is not used
            temporary.write_bytes(_JOINS_OF_SONG.dump_json(joins))
    return path, joins


def _read_joins(path: Path) -> tuple[Join, ...] | None:
    try:
        return _JOINS_OF_SONG.validate_json(_sidecar(path).read_bytes())
    except (OSError, ValueError):
        return None


def _sidecar(path: Path) -> Path:
    return path.with_suffix(".json")


def _cache_path(cache_dir: Path, sha256: str, bitrate: int, track: int, cut: str = "") -> Path:
    digest = hashlib.sha256(f"{_ENCODER}|{bitrate}|{track}{cut}".encode()).hexdigest()[:16]
    return cache_dir / "audio" / f"{sha256}-{digest}.m4a"
