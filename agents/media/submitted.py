"""Take what an event names as its source into the media store."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from agents.media.allowed_paths import resolve_under
from agents.media.sniff import sniff, unreadable
from agents.step import MediaStore
from schemas.base import MediaFacts, MediaRef, Source
from schemas.faults import Poison
from schemas.limits import MediaKind


class MediaAccess(Protocol):
    """Where submitted files may lie, and where they are stored: the part of a step's tools that is needed here."""

    @property
    def media(self) -> MediaStore:
        """The store."""

    @property
    def allowed_roots(self) -> tuple[Path, ...]:
        """The folders below which an event may name a path."""


def source_identity(source: Source, tools: MediaAccess) -> Mapping[str, str | int]:
    """Return what stays the same as long as the source does, without reading it. Raises as `find_source` does."""
    if source.sha256 is not None:
        return {"sha256": source.sha256}
    path, status = _named_file(source, tools)
    return {"path": str(path), "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def find_source(source: Source, tools: MediaAccess, kind: MediaKind) -> MediaRef:
    """Return the source as a file of the media store, into which it is copied where it is named by a path.

    Raises `Poison`: `unknown_media`, `path_not_allowed`, `not_found`, `not_a_file`, `unreadable`, `empty`,
    `not_media`, `too_large`; `Retryable` (`storage`).
    """
    if source.sha256 is not None:
        size = tools.media.path(source.sha256).stat().st_size
        return MediaRef(sha256=source.sha256, size_bytes=size, kind=kind)
    path, _ = _named_file(source, tools)
    sniff(path)  # before the copy: what is no media at all shall not fill the store
    return tools.media.add(path, kind)


def accept(source: Source, tools: MediaAccess, kind: MediaKind) -> MediaFacts:
    """Store and probe the source. Raises as `find_source` and `probe` do."""
    from agents.media.probe import probe

    media = find_source(source, tools, kind)
    found = probe(tools.media.path(media.sha256), kind)
    return MediaFacts(**dict(media), **dict(found))


def _named_file(source: Source, tools: MediaAccess) -> tuple[Path, os.stat_result]:
    path = resolve_under(tools.allowed_roots, source.path or "")
    try:
        status = path.stat()
    except OSError as error:
        raise unreadable(error) from error
    if not stat.S_ISREG(status.st_mode):
        raise Poison("the path is a folder or a device; name a file", reason="not_a_file")
    return path, status
