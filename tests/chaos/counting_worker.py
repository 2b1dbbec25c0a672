"""A worker whose one step costs nothing: what is left is the stage wrapper, the table and Kafka."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

from agents.step import Step, Tools
from infra.base.die_with_parent import die_with_parent
from infra.settings import Settings, load_settings
from schemas.base import MediaFacts, Payload
from schemas.faults import Fault, Poison
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.stage.stage import Runner
from streams.tools import make_tools
from streams.worker.process import kafka_address
from streams.worker.step_pool import Done
from streams.worker.worker import Worker

_TAKES_S = float(os.environ.get("CHAOS_STEP_S") or 0)
UNKNOWN = "0" * 8  # a sha256 that begins so is of no file


def _facts(event: SongSubmitted, tools: Tools) -> MediaFacts:
    """Facts of no real file; `codec` names the process that made them up."""
    del tools
    sha256 = event.source.sha256 or ""
    if sha256.startswith(UNKNOWN):
        raise Poison("there is no such file", reason="unknown_media")
    return MediaFacts(
        sha256=sha256, size_bytes=len(sha256), kind="audio", format="none", codec=str(os.getpid()), duration_s=1.0
    )


def _accepted(event: SongSubmitted, song: MediaFacts) -> SongAccepted:
    title = event.title or song.sha256[:12]
    return SongAccepted(request_id=str(event.request_id), song=song, title=title, options=event.options)


COUNTING = Step(
    name="counting",
    version="1",
    consumes=SongSubmitted,
    result=MediaFacts,
    produces=SongAccepted,
    known_by=lambda event, tools: {"sha256": event.source.sha256},
    work=_facts,
    emit=_accepted,
    key=lambda accepted: accepted.song.sha256,
    place="worker",
    ends=True,
)


def at_once(tools: Tools) -> Runner:
    """A runner that works on the loop itself."""

    async def run(step: Step[Any, Any, Any], event: Payload, report: Callable[[float], None]) -> Done:
        if _TAKES_S:
            report(0.0)
            await asyncio.sleep(_TAKES_S)
        return Done(step.work(event, tools).model_dump_json(), cpu_seconds=0.0, peak_rss_bytes=0)

    return run


def serve(settings: Settings) -> int:
    """Count until told to stop; the exit status says how it ended."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(message)s")
    runners = {"worker": at_once(make_tools(settings))}
    try:
        asyncio.run(_count(settings, runners))
    except Fault as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    return 0


async def _count(settings: Settings, runners: dict[str, Runner]) -> None:
    await Worker(settings, kafka_address(settings), steps=(COUNTING,), runners=runners).run()


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    sys.exit(serve(load_settings()))
