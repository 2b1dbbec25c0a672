"""`qdrant rebuild`: build the index again from the topics while the old one is searched."""

from __future__ import annotations

from time import sleep
from typing import Any

from infra.settings import load_settings
from schemas.faults import Retryable
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.qdrant.group import qdrant
from streams.local.services import Endpoint, running_workers, stream

_POLL_INTERVAL_S = 0.5
_REPORT_STEPS = 4  # polls


@qdrant.command()
@command
def rebuild(as_json: bool) -> None:
    """Build the index again from the topics, and replace the old one by it atomically.

    The old one is searched until then. With the embedded index, each worker of this data folder rebuilds its own.
    """
    settings = load_settings()
    with stream(settings, print_line) as endpoint:
        workers = [endpoint] if settings.qdrant_url else list(running_workers(settings))
        rebuilt = [_rebuilt(worker) for worker in workers]
    if as_json:
        return print_json({"rebuilt": rebuilt})
    for state in rebuilt:
        print_output(f"rebuilt: {state['moves']} moves in {state['seconds']:.1f} s (before: {state['old_moves']})")
    return None


def _rebuilt(worker: Endpoint) -> dict[str, Any]:
    """Return how a worker's rebuild ended. Raises: `Retryable` (`move_index`) where it failed."""
    state, polls = worker.post("/library/rebuild", {}), 0
    while state["state"] == "running":
        sleep(_POLL_INTERVAL_S)
        state, polls = worker.get("/library/rebuild"), polls + 1
        if polls % _REPORT_STEPS == 0 and state["state"] == "running":
            waits = f", waiting: {state['error']}" if state["error"] else ""
            print_line(f"rebuilding: {state['moves']} moves of about {state['old_moves']}{waits}")
    if state["state"] != "done":
        raise Retryable(f"the index was not rebuilt: {state['error'] or 'its worker has ended'}", reason="move_index")
    return state
