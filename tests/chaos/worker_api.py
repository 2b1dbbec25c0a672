"""Call a real worker's HTTP API, and submit songs and clips to it."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from schemas.base import Options, Source
from schemas.move_annotated import MoveAnnotation
from schemas.move_submitted import MoveSubmitted
from schemas.song_submitted import SongSubmitted
from streams.client import Client
from tests.chaos.cluster import Cluster
from tests.chaos.media import CLIP_TEMPO_BPM
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, watching

_WAIT_TIMEOUT_S = 30.0
_IDLE_TIMEOUT_S = 120.0


def call_api(cluster: Cluster, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """Return the status and the JSON of an HTTP call to the worker; status 0 while there is no server."""
    try:
        address = json.loads((cluster.data / "run" / "worker-0.json").read_text())
        token = (cluster.data / "run" / "token").read_text()
    except OSError:
        return 0, {}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(address["url"] + path, data, headers), timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)
    except OSError:
        return 0, {}


async def wait_until(condition: Callable[[], bool], timeout_s: float = _WAIT_TIMEOUT_S) -> None:
    """Return when the condition is true; it is checked every 0.1 s."""
    deadline = time.monotonic() + timeout_s
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline, f"not the case within {timeout_s:.0f} s"
        await asyncio.sleep(0.1)


@asynccontextmanager
async def submitted(cluster: Cluster, clips: Sequence[Path], song: Path | None = None) -> AsyncIterator[Outcomes]:
    """Submit clips and a song; at the end of the context, wait until all of them are done."""
    tempo = MoveAnnotation(tempo_bpm=CLIP_TEMPO_BPM)
    events: list[MoveSubmitted | SongSubmitted] = [
        MoveSubmitted(source=Source(path=str(clip)), clip=clip.stem, request_id=uuid.uuid4().hex, annotation=tempo)
        for clip in clips
    ]
    if song is not None:
        options = Options(duration="30s")
        events.append(SongSubmitted(source=Source(path=str(song)), request_id=uuid.uuid4().hex, options=options))
    outcomes = Outcomes(str(event.request_id) for event in events)
    async with Client(cluster.kafka) as client, watching(cluster.kafka, PROGRESS_AND_OUTCOMES, outcomes):
        for event in events:
            await client.submit_event(event)
        yield outcomes
        assert await outcomes.until(outcomes.all_ended, _IDLE_TIMEOUT_S), f"{outcomes.ended} of {len(events)} ended"
        failed = [record.payload for record in outcomes.records if record.payload.get("outcome") == "failed"]
        assert not failed, failed
