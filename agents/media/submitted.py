"""Submitted files: from what an event names as its source to a probed file of the media store.

A URL is fetched once for each request: an event that is delivered again finds the result of its first delivery, and
another request never gets an old content of the URL.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from pydantic import Field

from agents.media.allowed_paths import resolve_under
from agents.media.sniff import sniff, unreadable
from agents.step import Downloads, MediaStore, sub_progress
from schemas.base import MediaFacts, MediaRef, Model, Name, RequestId, Sha256, Source
from schemas.faults import Poison
from schemas.limits import MediaKind

if TYPE_CHECKING:
    from agents.media.probe import ChooseTrack

DOWNLOAD_SHARE_OF_PROGRESS: Final = 0.9  # of accepting a file


class MediaAccess(Protocol):
    """The part of a step's tools that this module needs."""

    @property
    def media(self) -> MediaStore:
        """Return the media store."""

    @property
    def allowed_roots(self) -> tuple[Path, ...]:
        """Return the folders below which an event may name a path."""

    @property
    def downloads(self) -> Downloads | None:
        """Return what fetches URLs, or None where nothing is fetched."""

    @property
    def report(self) -> Callable[[float], None]:
        """Return what takes the finished fraction, 0-1."""


def _is_none(value: Any) -> bool:
    return value is None


class SubmittedFile(Model):
    """A submitted file: in the media store, at a real path, or at a URL for one request.

    Size and modification time reveal a changed file. Without a URL its fields are left out, as in earlier versions, so
    that the results of these are found.
    """

    sha256: Sha256 | None = None
    path: str | None = None
    size_bytes: int | None = None
    mtime_ns: int | None = None
    url: str | None = Field(default=None, exclude_if=_is_none)
    request_id: RequestId | None = Field(default=None, exclude_if=_is_none)


class AcceptedMedia(MediaFacts):
    """A stored and probed file. `source_title`: what its URL, or the server there, names it."""

    source_title: Name | None = Field(default=None, exclude_if=_is_none)

    def facts(self) -> MediaFacts:
        """Return the facts of the file alone."""
        return MediaFacts(**{name: getattr(self, name) for name in MediaFacts.model_fields})


def locate(source: Source, tools: MediaAccess, request_id: str | None = None) -> SubmittedFile:
    """Return the file that a source names, without reading it. A URL is not checked before it is fetched.

    Raises: `Poison`: `path_not_allowed`, `not_found`, `not_a_file`, `unreadable`; `Retryable`: `storage`.
    """
    if source.sha256 is not None:
        return SubmittedFile(sha256=source.sha256)
    if source.url is not None:
        return SubmittedFile(url=source.url, request_id=request_id)
    path, status = _named_file(tools, source.path or "")
    return SubmittedFile(path=str(path), size_bytes=status.st_size, mtime_ns=status.st_mtime_ns)


def accept(
    file: SubmittedFile, tools: MediaAccess, kind: MediaKind, choose_track: ChooseTrack | None = None
) -> AcceptedMedia:
    """Return the file, stored and probed. Raises: as `store` and `probe`."""
    from agents.media.probe import first_track, probe

    media, title = store(file, tools, kind)
    found = probe(tools.media.path(media.sha256), kind, choose_track or first_track)
    return AcceptedMedia(**dict(media), **dict(found), source_title=title)


def store(file: SubmittedFile, tools: MediaAccess, kind: MediaKind) -> tuple[MediaRef, Name | None]:
    """Return the file in the media store, and its title at a URL; what is not stored yet is copied or fetched.

    Raises: as `locate` and `Downloads.fetch`; `Poison`: `unknown_media`, `empty`, `not_media`, `too_large`.
    """
    if file.sha256 is not None:
        size = tools.media.path(file.sha256).stat().st_size
        return MediaRef(sha256=file.sha256, size_bytes=size, kind=kind), None
    if file.url is not None:
        return _fetched(file.url, tools, kind)
    path, _ = _named_file(tools, file.path or "")
    return _stored(path, tools, kind), None


def _fetched(url: str, tools: MediaAccess, kind: MediaKind) -> tuple[MediaRef, Name | None]:
    if tools.downloads is None:
        raise Poison("nothing is fetched from the web here", reason="url_not_allowed")
    report = sub_progress(tools.report, 0.0, DOWNLOAD_SHARE_OF_PROGRESS)
    with tools.downloads.fetch(url, kind, report) as download:
        return _stored(download.path, tools, kind), download.title


def _stored(path: Path, tools: MediaAccess, kind: MediaKind) -> MediaRef:
    sniff(path)  # before the copy, so that a file that is not media does not fill the store
    return tools.media.add(path, kind)


def _named_file(tools: MediaAccess, name: str) -> tuple[Path, os.stat_result]:
    path = resolve_under(tools.allowed_roots, name)
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(error) from error
    if not stat.S_ISREG(status.st_mode):
        raise Poison("the path is a folder or a device; name a file", reason="not_a_file")
    return path, status
