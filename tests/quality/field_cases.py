"""The example files of `field` in the shared folder, where there is one, each with what is right for it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from tests.odd_media.marked import FPS, Original, unmarked_long_original, unmarked_original
from tests.paths import SHARED
from tests.quality.media_cases import ClipCase, Make, Refusal, SongCase
from tests.quality.song_cases import FIELD_START_S

FIELD = SHARED / "field"


def _copy(path: Path) -> Make:
    return lambda target: shutil.copyfile(path, target)


def _clip(name: str, **right: Any) -> ClipCase:
    of_original: dict[str, Any] = {"shows": unmarked_original, "is_marked": False}
    return ClipCase(f"field {name}", _copy(FIELD / "clips" / name), **of_original | right)


def _long(name: str, **right: Any) -> ClipCase:
    of_original: dict[str, Any] = {"shows": unmarked_long_original, "window": (0.0, 8.43)}
    return _clip(name, **of_original | right)


def _song(name: str, seconds: float = 12.5) -> SongCase:
    return SongCase(f"field {name}", _copy(FIELD / "songs" / name), seconds=seconds, start_s=FIELD_START_S)


@cache
def _nobody_at_first() -> Original:
    """Return the pictures of the example in which nobody is seen for 2.6 s: they are stored as players show them."""
    with av.open(str(FIELD / "clips" / "nobody-in-first-eight.mp4")) as reader:
        pictures = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in reader.decode(video=0)]
    return replace(unmarked_original(), pictures=tuple((number / FPS, rgb) for number, rgb in enumerate(pictures)))


_ALL_CLIPS = (
    _long("picture-starts-after-sound.mp4", window=(1.5, 8.43), first_s=1.5),
    _clip("mirrored-by-matrix.mp4", flip=1),
    _clip("sar-in-container-only.mp4"),
    _clip("hdr-hlg.mov"),
    _clip("interlaced.mp4"),
    _clip("slow-motion-240fps.mov"),
    _clip("music-is-second-track.mkv"),
    _clip("no-sound.mp4", refused=Refusal("no_tempo", "no sound")),
    _clip("sound-ac3.mp4"),
    _clip("nobody-in-first-eight.mp4", shows=_nobody_at_first, warns="nobody"),  # it has no other eight
    _long("pause-of-2s.mkv", pause=(3.99, 2.0), hole=(3.9, 4.05)),
    _clip("mpegts-named.mp4"),
    _clip("mjpeg.avi"),
)
_ALL_SONGS = (
    *(_song(f"mp3-{name}.mp3") for name in ("after-zeros", "after-crlf", "with-ape-tag-in-front")),
    _song("flac-with-id3-header.flac", 11.0),
    *(_song(name) for name in ("song.aiff", "song.caf", "song.wma", "adts.aac", "channels-in-antiphase.flac")),
    _song("9.97s.mp3", 9.97),
)
CLIPS = _ALL_CLIPS if (FIELD / "clips").is_dir() else ()
SONGS = _ALL_SONGS if (FIELD / "songs").is_dir() else ()
