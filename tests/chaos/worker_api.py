"""What a test asks of a real worker: its page, and songs and clips on their way."""

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
from schemas.move_submitted import MoveSubmitted
from schemas.song_submitted import SongSubmitted
from streams.client import Client
from tests.chaos.cluster import Cluster
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, watching

_SEEN_WITHIN_S = 30.0
_QUIET_S = 120.0


def ask(rig: Cluster, path: str, body: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
    """What the worker's page says: the status and the answer; status 0 where there is no page yet."""
    try:
        address = json.loads((rig.data / "run" / "worker-0.json").read_text())
        token = (rig.data / "run" / "token").read_text()
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


async def seen(what: Callable[[], bool]) -> None:
    """Return when it is so."""
    deadline = time.monotonic() + _SEEN_WITHIN_S
    while not await asyncio.to_thread(what):
        assert time.monotonic() < deadline, "it did not come"
        await asyncio.sleep(0.1)


@asynccontextmanager
async def submitted(rig: Cluster, clips: Sequence[Path], song: Path | None = None) -> AsyncIterator[Outcomes]:
    """Clips and a song on their way; at the end of the context all of them are done."""
    events: list[MoveSubmitted | SongSubmitted] = [
        MoveSubmitted(source=Source(path=str(clip)), clip=clip.stem, request_id=uuid.uuid4().hex) for clip in clips
    ]
    if song is not None:
        options = Options(duration="30s")
        events.append(SongSubmitted(source=Source(path=str(song)), request_id=uuid.uuid4().hex, options=options))
    outcomes = Outcomes(str(event.request_id) for event in events)
    async with Client(rig.bootstrap) as client, watching(rig.bootstrap, PROGRESS_AND_OUTCOMES, outcomes):
        for event in events:
            await client.submit(event)
        yield outcomes
        assert await outcomes.until(outcomes.all_ended, _QUIET_S), f"{outcomes.ended} of {len(events)} ended"
        failed = [word.said for word in outcomes.seen if word.said.get("outcome") == "failed"]
        assert not failed
