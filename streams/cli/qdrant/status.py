"""`qdrant status`: which Qdrant has the moves, and whether it can be used."""

from __future__ import annotations

from typing import Any

from infra.move_index.status import index_status
from infra.settings import Settings, load_settings
from schemas.faults import Retryable
from streams.cli.output import command, print_json, print_output
from streams.cli.qdrant.group import qdrant
from streams.local.services import running_worker

_OF_THE_INDEX = "move index"


@qdrant.command(name="status")
@command
def qdrant_status(as_json: bool) -> None:
    """Show which Qdrant is used, whether it answers, its version, its moves, and what is wrong."""
    settings = load_settings()
    found = _of_the_worker(settings) or index_status(settings, settings.state_dir / "worker-0" / "moves")
    if as_json:
        return print_json(found)
    place = found.get("url") or found.get("folder")
    print_output(f"backend: {found['backend']} ({place})")
    if found.get("collection"):
        print_output(f"collection: {found['collection']}")
    if found.get("version"):
        print_output(f"version: {found['engine']} {found['version']}")
    moves = "" if found["moves"] is None else f", {found['moves']} moves"
    print_output(f"reachable: {'yes' if found['reachable'] else 'no'}{moves}")
    if found.get("unknown"):
        print_output(f"{len(found['unknown'])} of them are not on the topics: `bachata qdrant rebuild` removes them")
    if found["error"]:
        print_output(f"last error: {found['error']}")
    return None


def _of_the_worker(settings: Settings) -> dict[str, Any] | None:
    """Return what the worker that runs says of its index, or None without one: it alone can open an embedded index."""
    worker = running_worker(settings)
    if worker is None:
        return None
    try:
        found = worker.get("/library/index")
        problems = [problem for problem in worker.health()["problems"] if problem.startswith(_OF_THE_INDEX)]
    except (Retryable, LookupError):
        return None
    return found | {"error": found["error"] or "; ".join(problems)}
