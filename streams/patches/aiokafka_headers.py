"""A consumer that reads records whose header names are not UTF-8.

Upstream: aiokafka 0.14.0. A header's name comes from whoever sent the event; aiokafka decodes it as UTF-8 and stops at
a record where it cannot, for good. No issue is known. This can go when aiokafka reads such a record.

The fast reader stays in use; only from a record on that it cannot read is a batch read again by aiokafka's reader in
Python, with what is not UTF-8 replaced. Nothing of aiokafka is changed for other users of it in the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import FunctionType
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords, _MemoryRecordsPy

UPSTREAM = ("aiokafka", "0.14.0")


class _Buffer(bytearray):
    """Bytes that always decode."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Buffer(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        del errors
        return super().decode(encoding, "replace")


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    def __iter__(self) -> Any:
        self._maybe_uncompress()
        self._buffer = _Buffer(self._buffer)  # type: ignore[has-type]
        return self


class _Batch:
    """A batch that is read fast, and by the reader in Python from the first record on that cannot be read so."""

    def __init__(self, batch: Any, raw: bytes) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batch
        except (UnicodeDecodeError, CorruptRecordException):
            yield from _again(self._raw, self._batch.base_offset)  # the fetcher skips those it has


class _Records:
    def __init__(self, raw: bytes) -> None:
        self._records = MemoryRecords(raw)
        self._raw = raw

    def has_next(self) -> bool:
        return bool(self._records.has_next())

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        return _Batch(batch, self._raw) if hasattr(batch, "base_offset") else batch

    def size_in_bytes(self) -> int:
        return int(self._records.size_in_bytes())


class _Slices(_MemoryRecordsPy):  # type: ignore[misc]
    def next_slice(self) -> Any:
        piece = self._next_slice
        self._cache_next()
        return piece


def _again(raw: bytes, base_offset: int) -> Iterator[Any]:
    slices = _Slices(raw)
    while slices.has_next():
        batch = _LenientBatch(bytearray(slices.next_slice()))
        if batch.base_offset == base_offset:
            yield from batch
            return


def _with_globals(function: Any, **replaced: Any) -> Any:
    """Return a copy of a function that sees other values under some names of its module."""
    scope = {**function.__globals__, **replaced}
    copy = FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


class _Fetcher(Fetcher):  # type: ignore[misc]
    _proc_fetch_request = _with_globals(Fetcher._proc_fetch_request, MemoryRecords=_Records)


class TolerantConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """aiokafka's consumer, with a fetcher that reads every record."""

    start = _with_globals(AIOKafkaConsumer.start, Fetcher=_Fetcher)
