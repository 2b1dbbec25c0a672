"""A RocksDB store of a view: its own keys, and the positions to read on from. A key's first byte says what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import cast

from aiokafka import TopicPartition
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from streams.log_position import Position
from streams.patches.rocksdb import open_or_recreate
from streams.views.topic_view import Positions

_CACHE_BYTES = 8 << 20
_WRITE_BUFFER_BYTES = 4 << 20
_BLOOM_BITS = 10  # for each key: 1 % of the lookups of what is not stored read a file
POSITION_PREFIX = b"p"  # and the name of a partition


class ViewStore:
    """An open store; `db` may be read from any thread."""

    def __init__(self, folder: Path, options: Options) -> None:
        folder.parent.mkdir(parents=True, exist_ok=True)
        self.db = open_or_recreate(folder, lambda: Rdict(str(folder), options))

    def close(self) -> None:
        """Close the store."""
        self.db.close()

    def positions(self) -> Positions:
        """Return the position to read on from, by partition."""
        found = {}
        for key in self.keys(POSITION_PREFIX):
            topic, _, partition = key[1:].decode().rpartition(":")
            found[TopicPartition(topic, int(partition))] = Position.parse((self.db[key] or b"0").decode())
        return found

    def write(self, batch: WriteBatch, positions: Positions) -> None:
        """Write a batch and the positions at once."""
        for tp, position in positions.items():
            batch.put(POSITION_PREFIX + f"{tp.topic}:{tp.partition}".encode(), str(position).encode())
        self.db.write(batch)

    def keys(self, prefix: bytes) -> Iterator[bytes]:
        """Yield the keys with a prefix, in order."""
        keys = cast("Iterator[bytes]", self.db.keys(from_key=prefix))
        return takewhile(lambda key: key.startswith(prefix), keys)


def lookup_options() -> Options:
    """Return the options of a store in which most lookups find nothing."""
    options = store_options(_WRITE_BUFFER_BYTES)
    tables = BlockBasedOptions()
    tables.set_block_cache(Cache(_CACHE_BYTES))
    tables.set_bloom_filter(_BLOOM_BITS, block_based=False)
    options.set_block_based_table_factory(tables)
    return options


def store_options(write_buffer_bytes: int) -> Options:
    """Return the options of a store with keys and values of bytes, created if it does not exist."""
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(write_buffer_bytes)
    options.set_max_write_buffer_number(2)
    return options
