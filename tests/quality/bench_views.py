"""Measure what an event costs in the views after many others: the CPU time of the last batches beside the first.

Of the thread that applies them; the stores compact their files on others.

python -m tests.quality.bench_views [--events N] [--moves N]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from statistics import fmean
from time import thread_time

from infra.move_index.edge import EdgeMoveIndex
from schemas.move_indexed import MoveIndexed
from schemas.progress import Progress
from streams.envelope import Record
from streams.topics import MOVE_INDEXED, PROGRESS
from streams.views.move_index_sink import MoveIndexSink
from streams.views.requests import Requests
from tests.quality.bench_library import library
from tests.quality.report import Goal, figure

MAX_RATIO = 1.5
_BATCH = 256
_COMPARED = 1000  # events at either end
_WARM_UP = 1000  # events before the first that are compared: files are created


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--moves", type=int, default=20_000)
    sizes = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for name, make in {"one_request": _of_one_request, "many_requests": _of_many_requests}.items():
            requests = Requests(Path(folder) / name)
            _measure(f"{name}_{sizes.events}_events", make(sizes.events), lambda batch: requests.apply(batch, {}))  # noqa: B023
            requests.close()
        index = EdgeMoveIndex(Path(folder) / "edge")
        sink = MoveIndexSink(index, Path(folder) / "library")
        _measure(f"library_{sizes.moves}_moves", _moves(sizes.moves), lambda batch: _index(sink, batch))
        sink.close()
        index.close()


def _measure(name: str, records: Iterator[Record], apply: Callable[[Sequence[Record]], None]) -> None:
    costs = []
    while batch := list(islice(records, _BATCH)):
        started = thread_time()
        apply(batch)
        costs.append((thread_time() - started) / len(batch))
    count, skipped = _COMPARED // _BATCH, _WARM_UP // _BATCH
    first, last = fmean(costs[skipped : skipped + count]), fmean(costs[-count - 1 : -1])
    print(f"{name}: {first * 1e6:.0f} us per event at first, {last * 1e6:.0f} us at last")
    figure(f"views_{name}_last_to_first", last / first, Goal(MAX_RATIO))


def _index(sink: MoveIndexSink, batch: Sequence[Record]) -> None:
    sink.apply(batch, {})
    while not sink.is_complete():
        sink.complete()


def _of_one_request(count: int) -> Iterator[Record]:
    return (_progress("r", f"step {number}") for number in range(count))


def _of_many_requests(count: int) -> Iterator[Record]:
    return (_progress(f"r{number // 10}", f"step {number % 10}") for number in range(count))


def _progress(request_id: str, step: str) -> Record:
    message = Progress(request_id=request_id, subject="Luna", step=step, state="running")
    return Record(PROGRESS.full_name, 0, 0, None, message.model_dump_json().encode())


def _moves(count: int) -> Iterator[Record]:
    for move in library(count):
        event = MoveIndexed(request_id="r", move=move)
        yield Record(MOVE_INDEXED.full_name, 0, 0, move.clip.sha256.encode(), event.model_dump_json().encode())


if __name__ == "__main__":
    main()
