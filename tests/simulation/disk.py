"""The disk of a machine: key-value stores that survive a kill, and of which a power cut loses the latest writes."""

from __future__ import annotations

import random
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_KEPT_UNFLUSHED = 50  # writes: older ones are on disk

Write = tuple[bytes, bytes | None]


class WriteBatch:
    """Writes that are applied together: a batch of `rocksdict`."""

    def __init__(self, **options: Any) -> None:
        del options
        self.writes: list[Write] = []

    def put(self, key: bytes, value: bytes) -> None:
        """Set a key."""
        self.writes.append((bytes(key), bytes(value)))

    def delete(self, key: bytes) -> None:
        """Delete a key."""
        self.writes.append((bytes(key), None))


class Store:
    """A key-value store with the methods of `rocksdict.Rdict` that the program calls."""

    def __init__(self) -> None:
        self._flushed: dict[bytes, bytes] = {}
        self._unflushed: list[list[Write]] = []
        self._items: dict[bytes, bytes] = {}

    def get(self, key: bytes, default: Any = None) -> Any:
        """Return the value of a key."""
        return self._items.get(bytes(key), default)

    def __getitem__(self, key: bytes) -> bytes:
        return self._items[bytes(key)]

    def put(self, key: bytes, value: bytes) -> None:
        """Set a key."""
        self._write([(bytes(key), bytes(value))])

    __setitem__ = put

    def delete(self, key: bytes) -> None:
        """Delete a key."""
        self._write([(bytes(key), None)])

    def write(self, batch: WriteBatch) -> None:
        """Apply a batch, completely or not at all."""
        self._write(batch.writes)

    def keys(self, *, backwards: bool = False, from_key: bytes | None = None) -> Iterator[bytes]:
        """Yield the keys in order, from `from_key` on."""
        keys = sorted(self._items)
        if backwards:
            return iter(keys[: len(keys) if from_key is None else bisect_right(keys, from_key)][::-1])
        return iter(keys[0 if from_key is None else bisect_left(keys, from_key) :])

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield keys and values in order."""
        return iter([(key, self._items[key]) for key in sorted(self._items)])

    def flush(self, *_: Any) -> None:
        """Flush all writes."""
        self._flushed, self._unflushed = dict(self._items), []

    def close(self) -> None:
        """Do nothing."""

    def power_cut(self, rng: random.Random) -> None:
        """Lose some of the latest writes: those before a point stay, those after it are gone."""
        del self._unflushed[rng.randint(0, len(self._unflushed)) :]
        self._items = dict(self._flushed)
        for writes in self._unflushed:
            _apply(self._items, writes)
        self.flush()

    def _write(self, writes: list[Write]) -> None:
        _apply(self._items, writes)
        self._unflushed.append(list(writes))
        if len(self._unflushed) > _KEPT_UNFLUSHED:
            _apply(self._flushed, self._unflushed.pop(0))


class Disk:
    """The stores of one machine, by path."""

    def __init__(self) -> None:
        self._stores: dict[str, Store] = {}

    def open(self, path: Path | str) -> Store:
        """Return the store at a path; it is created when it is first opened."""
        return self._stores.setdefault(str(path), Store())

    def power_cut(self, rng: random.Random) -> None:
        """Cut the power of the machine."""
        for store in self._stores.values():
            store.power_cut(rng)

    def wipe(self) -> None:
        """Lose everything."""
        self._stores.clear()


def _apply(items: dict[bytes, bytes], writes: list[Write]) -> None:
    for key, value in writes:
        if value is None:
            items.pop(key, None)
        else:
            items[key] = value
