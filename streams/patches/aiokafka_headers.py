"""A consumer that reads records whose header names are not UTF-8.

Upstream: aiokafka 0.14.0. Header names are untrusted; aiokafka decodes them as UTF-8, and a record where that fails
stops its consumer permanently. No issue is known. Remove this module when aiokafka reads such a record.

The fast reader is still used; only from the first record that it cannot read, a batch is read by aiokafka's pure
Python reader, with invalid UTF-8 replaced. aiokafka is not changed for other users of it in the process.
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
    """Bytes that decode with invalid UTF-8 replaced."""

    def __getitem__(self, index: Any) -> Any:
        found = super().__getitem__(index)
        return _Buffer(found) if isinstance(index, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        del errors
        return super().decode(encoding, "replace")


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]
    def __iter__(self) -> Any:
        self._maybe_uncompress()
        self._buffer = _Buffer(self._buffer)  # type: ignore[has-type]
        return self


class _Batch:
    """A batch read by the fast reader, and by the Python reader from the first record that fails."""

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
            yield from _read_leniently(self._raw, self._batch.base_offset)  # the fetcher skips those already read


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
        current = self._next_slice
        self._cache_next()
        return current


def _read_leniently(raw: bytes, base_offset: int) -> Iterator[Any]:
    slices = _Slices(raw)
    while slices.has_next():
        batch = _LenientBatch(bytearray(slices.next_slice()))
        if batch.base_offset == base_offset:
            yield from batch
            return


def _with_globals(function: Any, **replaced: Any) -> Any:
    """Return a copy of a function whose module globals are replaced by `replaced`."""
    scope = {**function.__globals__, **replaced}
    copy = FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


class _Fetcher(Fetcher):  # type: ignore[misc]
    _proc_fetch_request = _with_globals(Fetcher._proc_fetch_request, MemoryRecords=_Records)


class TolerantConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """aiokafka's consumer, with a fetcher that can read every record."""

    start = _with_globals(AIOKafkaConsumer.start, Fetcher=_Fetcher)
