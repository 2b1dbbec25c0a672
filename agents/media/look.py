"""A job that looks into a file that somebody has put into a folder: whether it opens, and what it has."""

from __future__ import annotations

from pathlib import Path

from agents.step import Job, Tools
from schemas.base import Model

_ONE_PICTURE = 1


class NamedFile(Model):
    """A file by its real path."""

    path: str


class Contents(Model):
    """What a file has. `has_pictures`: moving ones, so that a cover counts as none. `is_cut`: its end is missing."""

    has_pictures: bool
    has_sound: bool
    is_cut: bool = False


def look(file: NamedFile, tools: Tools) -> Contents:
    """Return what a file has; little of it is decoded. Raises: `Poison`: as `open_container`."""
    from agents.media.container import media_errors, open_container
    from agents.media.decode import moving_picture
    from agents.media.stated_length import is_cut

    del tools
    path = Path(file.path)
    with open_container(path) as container, media_errors():
        picture = moving_picture(container)
        return Contents(
            has_pictures=picture is not None and picture.frames != _ONE_PICTURE,
            has_sound=bool(container.streams.audio),
            is_cut=is_cut(path),
        )


LOOK = Job(name="look", takes=NamedFile, result=Contents, work=look, timeout_s=60.0, memory_mb=512)
