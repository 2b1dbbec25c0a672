"""`qdrant migrate`: copy the moves of the embedded index to a server, or back."""

from __future__ import annotations

from contextlib import closing
from time import monotonic
from typing import TYPE_CHECKING

import click

from infra.settings import Settings, load_settings
from schemas.faults import Poison
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.qdrant.group import qdrant

if TYPE_CHECKING:
    from infra.move_index import MoveIndex

_REPORT_INTERVAL_S = 2.0


@qdrant.command()
@click.option("--back", is_flag=True, help="Copy from the server to the embedded index.")
@click.option(
    "--worker", "number", type=click.IntRange(0, 63), default=0, help="Number of the embedded index's worker."
)
@command
def migrate(back: bool, number: int, as_json: bool) -> None:
    """Copy the moves of the embedded index to the server of BACHATA_QDRANT_URL, and compare each point.

    A migration that was ended goes on where it was when it is started again. What the target has besides stays.
    """
    from infra.move_index.migrate import migrate as migrate_points

    embedded, server = _indexes(load_settings(), number)
    source, target = (server, embedded) if back else (embedded, server)
    progress = _Progress()
    with closing(source), closing(target):
        done = migrate_points(source, target, progress.report)
    if as_json:
        return print_json({"points": done.points, "written": done.written, "others": done.others})
    besides = f"; the target has {done.others} others besides" if done.others else ""
    print_output(f"{done.points} points are equal in both, {done.written} of them were written now{besides}")
    return None


def _indexes(settings: Settings, number: int) -> tuple[MoveIndex, MoveIndex]:
    """Return the embedded index of a worker, and that of the server. Raises: `Poison`, `Retryable`."""
    from infra.move_index import QdrantConfig, check_qdrant, edge_folder, open_index_of

    config = QdrantConfig.of_settings(settings)
    if config is None:
        problem = "BACHATA_QDRANT_URL is not set: `bachata qdrant start` starts a server and prints what to set"
        raise Poison(problem, reason="settings")
    check_qdrant(settings)
    folder = edge_folder(settings.state_dir / f"worker-{number}" / "moves")
    return open_index_of(QdrantConfig(folder=folder)), open_index_of(config)


class _Progress:
    """Prints a line every two seconds."""

    def __init__(self) -> None:
        self._next_report_at = monotonic() + _REPORT_INTERVAL_S

    def report(self, done: int, total: int) -> None:
        """Print how many points are done."""
        if monotonic() >= self._next_report_at:
            self._next_report_at = monotonic() + _REPORT_INTERVAL_S
            print_line(f"{done} of {total} points")
