"""Where every request is: the last word of each of its steps, a view of the `progress` topic kept in RocksDB.

Keys: `r` and a request's id for all that is known of it; `t`, when it was first heard of and its id, for the order;
`p` and a partition's number for the offset to read next.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice, takewhile
from pathlib import Path
from time import time_ns
from typing import Any, cast

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from schemas.faults import Poison
from schemas.progress import Progress
from streams.envelope import Record, payload_of
from streams.patches.rocksdb import open_or_anew

_CACHE_BYTES = 8 << 20
_WRITE_BUFFER_BYTES = 4 << 20
_SHOWN = (
    "state",
    "fraction",
    "cached",
    "seconds",
    "cpu_seconds",
    "peak_rss_bytes",
    "reason",
    "error",
    "dead_letter_id",
)


class Requests:
    """Implements a reader's `View`. Reads may come from any thread."""

    def __init__(self, folder: Path) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._db = open_or_anew(folder, lambda: Rdict(str(folder), _options()))

    def close(self) -> None:
        """Let go of the store."""
        self._db.close()

    def positions(self) -> Mapping[int, int]:
        """By partition: the offset to read next."""
        return {int(key[1:]): int(self._db[key] or 0) for key in self._keys(b"p")}

    def take(self, records: Sequence[Record], positions: Mapping[int, int]) -> None:
        """Take the words in; they and the positions are written in one."""
        batch = WriteBatch(raw_mode=True)
        for request_id, said in _by_request(records).items():
            self._merge_in(batch, request_id, said)
        for partition, offset in positions.items():
            batch.put(b"p%d" % partition, b"%d" % offset)
        self._db.write(batch)

    def check(self) -> None:
        """Nothing keeps it from being used: it is our own."""

    def get(self, request_id: str) -> dict[str, Any] | None:
        """All that is known of a request, or None."""
        known = self._db.get(b"r" + request_id.encode())
        return None if known is None else json.loads(known)

    def recent(self, limit: int = 50) -> list[dict[str, Any]]:
        """The requests that were heard of last, newest first."""
        ids = [key.decode() for key in islice(self._newest(), limit)]
        return [known for request_id in ids if (known := self.get(request_id)) is not None]

    def _merge_in(self, batch: WriteBatch, request_id: str, said: list[Progress]) -> None:
        known = self.get(request_id)
        if known is None:
            batch.put(b"t%016x" % time_ns() + request_id.encode(), b"")
        merged = known or {}
        for word in said:
            merged = _merge(merged, word)
        batch.put(b"r" + request_id.encode(), json.dumps(merged).encode())

    def _keys(self, prefix: bytes) -> Iterator[bytes]:
        keys = cast("Iterator[bytes]", self._db.keys(from_key=prefix))
        return takewhile(lambda key: key.startswith(prefix), keys)

    def _newest(self) -> Iterator[bytes]:
        keys = cast("Iterator[bytes]", self._db.keys(backwards=True, from_key=b"u"))
        return (key[17:] for key in takewhile(lambda key: key.startswith(b"t"), keys))


def _by_request(records: Sequence[Record]) -> dict[str, list[Progress]]:
    words: dict[str, list[Progress]] = {}
    for record in records:
        try:
            said = payload_of(record, Progress)
        except Poison:
            continue
        assert isinstance(said, Progress)  # noqa: S101 - what payload_of was asked for
        words.setdefault(said.request_id, []).append(said)
    return words


def _merge(known: dict[str, Any], said: Progress) -> dict[str, Any]:
    steps = known.get("steps", {}) | {said.step: {name: getattr(said, name) for name in _SHOWN}}
    merged = {"request_id": said.request_id, "subject": said.subject, "steps": steps, "outcome": known.get("outcome")}
    return merged | ({"outcome": said.outcome} if said.outcome else {})


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(_WRITE_BUFFER_BYTES)
    options.set_max_write_buffer_number(2)
    tables = BlockBasedOptions()
    tables.set_block_cache(Cache(_CACHE_BYTES))
    options.set_block_based_table_factory(tables)
    return options
