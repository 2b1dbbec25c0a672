"""A job that probes a file that somebody has put into a folder: whether it opens, and what it has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agents.step import Job, Tools
from schemas.base import Model
from schemas.limits import CLIP_FPS

if TYPE_CHECKING:
    from av.video.stream import VideoStream

_ONE_PICTURE = 1
_SLOWEST_FPS = CLIP_FPS[0] * 0.98  # below this no clip is taken


class NamedFile(Model):
    """A file by its real path."""

    path: str


class Contents(Model):
    """What a file has. `is_cut`: its end is missing.

    `has_pictures`: moving ones. A cover counts as none, and so does the still image that some songs are published
    with, of which the video repeats fewer pictures a second than a clip has.
    """

    has_pictures: bool
    has_sound: bool
    is_cut: bool = False


def probe_file(file: NamedFile, tools: Tools) -> Contents:
    """Return what a file has; little of it is decoded. Raises: `Poison`: as `open_container`."""
    from agents.media.container import media_errors, open_container
    from agents.media.decode import moving_picture
    from agents.media.stated_length import is_cut

    del tools
    path = Path(file.path)
    with open_container(path) as container, media_errors():
        picture, has_sound = moving_picture(container), bool(container.streams.audio)
        return Contents(
            has_pictures=picture is not None and not _is_still(picture, has_sound),
            has_sound=has_sound,
            is_cut=is_cut(path),
        )


def _is_still(picture: VideoStream, has_sound: bool) -> bool:
    rate = picture.average_rate
    return picture.frames == _ONE_PICTURE or (has_sound and rate is not None and 0 < rate < _SLOWEST_FPS)


PROBE_FILE = Job(name="probe_file", takes=NamedFile, result=Contents, work=probe_file, timeout_s=60.0, memory_mb=512)
