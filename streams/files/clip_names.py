"""The name of each clip: one content has one name, whatever its files are called and however many commands index it."""

from __future__ import annotations

import fcntl
import json
import os
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from agents.move_indexing.motion.version import VERSION
from infra.base.atomic_file import temporary_file
from infra.settings import Settings
from schemas.move_annotated import MoveAnnotation
from streams.files.clips import StoredClip
from streams.files.user_files import title_of
from streams.local.library import library_annotations
from streams.local.services import Endpoint

_PATTERN = "*.names"


@dataclass(frozen=True)
class NamedClip:
    """A clip and its name. `file` has this name, or is None where none of the clip's files has it.

    `copies`: its other files. `is_new`: a file has the name, or the library's move is of an older version.
    `annotation`: the one that holds, also where the library has no move of the clip now. `is_current`: the library has
    its move, of the present version.
    """

    clip: StoredClip
    name: str
    file: Path | None
    is_new: bool
    annotation: MoveAnnotation | None = None
    is_current: bool = False

    @property
    def sha256(self) -> str:
        """Return the hash of the clip's content."""
        return self.clip.sha256

    @property
    def copies(self) -> tuple[Path, ...]:
        """Return the files that do not give the clip its name."""
        return tuple(file for file in self.clip.files if file is not self.file)


def named_clip(clip: StoredClip, names: Mapping[str, str], outdated: frozenset[str]) -> NamedClip:
    """Return the clip under the name in use (`names`, by sha256), or else under that of its first file."""
    name = names.get(clip.sha256) or title_of(clip.files[0])
    file = next((file for file in clip.files if title_of(file) == name), None)
    return NamedClip(clip, name, file, is_new=file is not None or clip.sha256 in outdated)


@contextmanager
def named_clips(settings: Settings, endpoint: Endpoint, clips: Sequence[StoredClip]) -> Iterator[list[NamedClip]]:
    """Yield the clips under their names in the library, or those that another command is indexing them under now.

    Other commands of this data folder use the yielded names until the context ends. Raises: `Retryable` (`worker`)
    while the worker has not read all moves and annotations.
    """
    folder = settings.run_dir / "indexing"
    with temporary_file(folder, lambda: f"{uuid.uuid4().hex}.names", _PATTERN) as (own, _):
        with _locked(folder):
            names = _names_of_others(folder, own)
            annotations = library_annotations(endpoint)  # when it is complete, so are the moves
            moves = _moves(endpoint, clips)
            names |= {sha256: str(move["name"]) for sha256, move in moves.items()}
            outdated = frozenset(sha256 for sha256, move in moves.items() if is_outdated(move["embedding_version"]))
            current = moves.keys() - outdated
            named = [
                replace(
                    named_clip(clip, names, outdated),
                    annotation=annotations.get(clip.sha256),
                    is_current=clip.sha256 in current,
                )
                for clip in clips
            ]
            own.write_text(json.dumps({clip.clip.sha256: clip.name for clip in named}))
        yield named


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Wait until no other command writes names."""
    lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _names_of_others(folder: Path, own: Path) -> dict[str, str]:
    names: dict[str, str] = {}
    for file in sorted(folder.glob(_PATTERN)):
        with suppress(OSError, ValueError):
            names |= json.loads(file.read_text()) if file != own else {}
    return names


def _moves(endpoint: Endpoint, clips: Sequence[StoredClip]) -> dict[str, Mapping[str, object]]:
    """Return the library's moves of these clips."""
    moves: dict[str, Mapping[str, object]] = {}
    for clip in clips:
        with suppress(LookupError):
            moves[clip.sha256] = endpoint.get(f"/moves/{clip.sha256}")
    return moves


def is_outdated(embedding_version: object) -> bool:
    """Return whether a move of the library with this version has to be indexed again."""
    return embedding_version != VERSION
