"""`qdrant test`: measure the index with generated moves, in a collection or folder of its own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.settings import Settings, load_settings
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.qdrant.group import qdrant

if TYPE_CHECKING:
    from infra.move_index import MoveIndex
    from infra.move_index.measure import Latencies


@qdrant.command()
@click.option("--moves", type=click.IntRange(10, 200_000), default=2000, show_default=True, help="Generated moves.")
@click.option("--searches", type=click.IntRange(1, 100_000), default=500, show_default=True, help="Filtered searches.")
@command
def test(moves: int, searches: int, as_json: bool) -> None:
    """Measure filtered search in the Qdrant of the settings, beside an exact search in memory.

    Your moves are neither read nor changed: the generated ones are in an index of their own, which is removed.
    """
    from infra.move_index.measure import measure

    settings = load_settings()
    print_line(f"writing {moves} generated moves, then {searches} searches")
    with _own_index(settings) as index:
        description = index.description()
        measured = measure(index, moves, searches)
    if as_json:
        return print_json({"qdrant": description, **asdict(measured)})
    print_output(f"{description['engine']} {description['version']}: {measured.writes_per_second:.0f} moves written/s")
    for name, latencies in (("Qdrant", measured.index), ("exact search (numpy)", measured.exact)):
        print_output(f"{name:22} {_text(latencies)}")
    print_output(f"recall of the first ten: {measured.recall:.3f}")
    return None


def _text(latencies: Latencies) -> str:
    times = f"p50 {latencies.p50_ms:.2f} ms, p99 {latencies.p99_ms:.2f} ms"
    return f"{times}, {latencies.per_second:.0f} searches/s"


@contextmanager
def _own_index(settings: Settings) -> Iterator[MoveIndex]:
    """Yield an empty index like that of the settings, and remove it. Raises: `Retryable` for a server that is away."""
    from infra.move_index import QdrantConfig, check_qdrant, open_index_of

    server = QdrantConfig.of_settings(settings)
    if server is not None:
        check_qdrant(settings)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.data_dir, prefix="qdrant-test-") as folder:
        used = open_index_of(server or QdrantConfig(folder=Path(folder) / "edge"))
        index = used.replacement()
        try:
            yield index
        finally:
            index.discard()
            used.close()
