"""Dancers that the networks find once in a run of tests, for all its processes and data folders."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.base.atomic_file import sha256_of
from infra.base.umask import PRIVATE
from infra.settings import Settings


@dataclass(frozen=True)
class FoundDancers:
    """A folder that all processes of a run share; it has the caches of the dancers of clips."""

    folder: Path

    @contextmanager
    def indexing(self, data_folder: Path, clips: Sequence[Path]) -> Iterator[None]:
        """Yield while clips are indexed: the first worker that indexes them finds their dancers for all others."""
        cache = _dancers_of(data_folder)
        contents = [sha256_of(clip) for clip in clips]
        with (self.folder / f"{contents[0]}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            are_found = all((self.folder / sha256).is_dir() for sha256 in contents)
            if not are_found:
                yield
                _copy(cache, self.folder, contents)
        if are_found:
            _copy(self.folder, cache, contents)
            yield


def reuse_dancers(data_folder: Path, clip: Path, same_pictures: Path) -> None:
    """Let the dancers of an indexed clip be those of another file with the same pictures."""
    cache = _dancers_of(data_folder)
    with _private_files():
        shutil.copytree(cache / sha256_of(clip), cache / sha256_of(same_pictures), dirs_exist_ok=True)


def _copy(source: Path, target: Path, contents: Sequence[str]) -> None:
    with _private_files():
        for sha256 in contents:
            shutil.copytree(source / sha256, target / sha256, dirs_exist_ok=True)


@contextmanager
def _private_files() -> Iterator[None]:
    before = os.umask(PRIVATE)  # as of all programs that write to a data folder
    try:
        yield
    finally:
        os.umask(before)


def _dancers_of(data_folder: Path) -> Path:
    return Settings(data_dir=data_folder).derived_dir / "dancers"
