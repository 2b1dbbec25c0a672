"""The digests of a library's moves, and the version of the library that follows from them."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Mapping

from schemas.move_indexed import Move, MoveSummary

POINT_VERSION = 2  # of what is stored of a move; another one lets every point be written again
_MODULUS = 1 << 256
_PART = 32  # hex digits


def summary_json(move: MoveSummary) -> str:
    """Return a move without its embedding as JSON."""
    return (move.summary() if isinstance(move, Move) else move).model_dump_json()


def move_digest(move: Move) -> str:
    """Return a hash of all fields of a move: 32 hex digits of its summary, and 32 of its embedding."""
    return _hash(f"{POINT_VERSION} {summary_json(move)}".encode()) + _hash(array("d", move.embedding).tobytes())


def is_same_embedding(digest: str, other: str) -> bool:
    """Return whether two digests are of moves with the same embedding."""
    return digest[_PART:] == other[_PART:]


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_PART]


class Digests:
    """A digest for each clip. The version is a sum of hashes, so that a change costs nothing in a large library."""

    def __init__(self, by_clip: Mapping[str, str]) -> None:
        self.by_clip = dict(by_clip)
        self._sum = _sum(self.by_clip.items())

    def __len__(self) -> int:
        return len(self.by_clip)

    def set(self, digests: Mapping[str, str]) -> None:
        """Set the digests of some clips."""
        self._sum = self._sum_with(digests)
        self.by_clip.update(digests)

    def remove(self, clip: str) -> bool:
        """Remove the digest of a clip; return whether it was there."""
        self._sum = self._sum_with({clip: None})
        return self.by_clip.pop(clip, None) is not None

    def version(self) -> str:
        """Return a hash over all clips and their digests: 64 hex digits."""
        return f"{self._sum:064x}"

    def _sum_with(self, digests: Mapping[str, str | None]) -> int:
        old = _sum((clip, self.by_clip[clip]) for clip in digests if clip in self.by_clip)
        new = _sum((clip, digest) for clip, digest in digests.items() if digest is not None)
        return (self._sum - old + new) % _MODULUS


def _sum(digests: Iterable[tuple[str, str]]) -> int:
    return sum(_hashes(digests)) % _MODULUS


def _hashes(digests: Iterable[tuple[str, str]]) -> Iterator[int]:
    for clip, digest in digests:
        yield int.from_bytes(hashlib.sha256(f"{clip} {digest}".encode()).digest())
