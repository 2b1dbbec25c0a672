"""Submitted files: from what an event names as its source to a probed file of the media store."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from agents.media.allowed_paths import resolve_under
from agents.media.sniff import sniff, unreadable
from agents.step import MediaStore
from schemas.base import MediaFacts, MediaRef, Model, Sha256, Source
from schemas.faults import Poison
from schemas.limits import MediaKind

if TYPE_CHECKING:
    from agents.media.probe import ChooseTrack


class MediaAccess(Protocol):
    """The part of a step's tools that this module needs."""

    @property
    def media(self) -> MediaStore:
        """Return the media store."""

    @property
    def allowed_roots(self) -> tuple[Path, ...]:
        """Return the folders below which an event may name a path."""


class SubmittedFile(Model):
    """A submitted file: in the media store, or at a real path; size and modification time reveal a changed file."""

    sha256: Sha256 | None = None
    path: str | None = None
    size_bytes: int | None = None
    mtime_ns: int | None = None


def locate(source: Source, tools: MediaAccess) -> SubmittedFile:
    """Return the file that a source names, without reading it.

    Raises: `Poison`: `path_not_allowed`, `url_not_allowed`, `not_found`, `not_a_file`, `unreadable`; `Retryable`:
    `storage`.
    """
    if source.sha256 is not None:
        return SubmittedFile(sha256=source.sha256)
    if source.url is not None:
        raise Poison("this machine fetches no songs from the web", reason="url_not_allowed")
    path, status = _named_file(tools, source.path or "")
    return SubmittedFile(path=str(path), size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)


def store(file: SubmittedFile, tools: MediaAccess, kind: MediaKind) -> MediaRef:
    """Return the file in the media store; a file named by its path is copied into it.

    Raises: as `locate`; `Poison`: `unknown_media`, `empty`, `not_media`, `too_large`.
    """
    if file.sha256 is not None:
        size = tools.media.path(file.sha256).stat().st_size
        return MediaRef(sha256=file.sha256, size_bytes=size, kind=kind)
    path, _ = _named_file(tools, file.path or "")
    sniff(path)  # before the copy, so that a file that is not media does not fill the store
    return tools.media.add(path, kind)


def accept(
    file: SubmittedFile, tools: MediaAccess, kind: MediaKind, choose_track: ChooseTrack | None = None
) -> MediaFacts:
    """Return the file, stored and probed. Raises: as `store` and `probe`."""
    from agents.media.probe import first_track, probe

    media = store(file, tools, kind)
    found = probe(tools.media.path(media.sha256), kind, choose_track or first_track)
    return MediaFacts(**dict(media), **dict(found))


def _named_file(tools: MediaAccess, name: str) -> tuple[Path, os.stat_result]:
    path = resolve_under(tools.allowed_roots, name)
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(error) from error
    if not stat.S_ISREG(status.st_mode):
        raise Poison("the path is a folder or a device; name a file", reason="not_a_file")
    return path, status
