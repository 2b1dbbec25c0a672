"""Where every request is: a table of the last word of each step, kept from the progress topic."""

from __future__ import annotations

import json
from typing import Any

import faust

from schemas.faults import Poison
from schemas.progress import Progress
from streams.app import TableResults, add_agent
from streams.envelope import Record, payload_of
from streams.stage import patiently
from streams.topics import PROGRESS, REQUESTS_TABLE


class Requests:
    """The worker's view of requests."""

    def __init__(self, app: faust.App) -> None:
        self._table = TableResults(app, REQUESTS_TABLE)
        add_agent(app, "requests", PROGRESS.full_name, self._note)

    def get(self, request_id: str) -> dict[str, Any] | None:
        """All that is known of a request, or None."""
        known = self._table.get(request_id)
        return None if known is None else json.loads(known)

    def recent(self, limit: int = 50) -> list[dict[str, Any]]:
        """The newest requests of this worker's partitions, newest first (ids sort by time)."""
        ids = sorted((bytes(key).decode() for key in self._table.table.keys()), reverse=True)[:limit]  # noqa: SIM118
        return [known for request_id in ids if (known := self.get(request_id)) is not None]

    async def _note(self, record: Record) -> None:
        try:
            said = payload_of(record, Progress)
        except Poison:
            return
        assert isinstance(said, Progress)  # noqa: S101 - what payload_of was asked for
        await patiently(lambda: self._merge_in(said))

    async def _merge_in(self, said: Progress) -> None:
        known = self._table.get(said.request_id)
        self._table.put(said.request_id, json.dumps(_merge(json.loads(known) if known else {}, said)))


def _merge(known: dict[str, Any], said: Progress) -> dict[str, Any]:
    steps = known.get("steps", {}) | {said.step: said.model_dump(include=_SHOWN)}
    merged = {"request_id": said.request_id, "subject": said.subject, "steps": steps, "outcome": known.get("outcome")}
    return merged | ({"outcome": said.outcome} if said.outcome else {})


_SHOWN = {
    "state",
    "fraction",
    "cached",
    "seconds",
    "cpu_seconds",
    "peak_rss_bytes",
    "reason",
    "error",
    "dead_letter_id",
}
