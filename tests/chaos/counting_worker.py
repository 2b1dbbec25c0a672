"""A worker with one step that costs nothing, which leaves the stage wrapper, the table and Kafka."""

from __future__ import annotations

import asyncio
import os
import sys
import time

from agents.step import Tools
from infra.base.die_with_parent import die_with_parent
from infra.logs import set_up_logs
from infra.settings import Settings, load_settings
from schemas.base import MediaFacts, Model, Source
from schemas.faults import Fault, Poison
from schemas.request_ended import Ending
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.stage.runners import AnyStep, CompletedWork, Report, Runner
from streams.testing import inline
from streams.tools import make_tools
from streams.worker.build import build_worker
from streams.worker.process import await_kafka
from tests.song_requests import accepting_step

_STEP_DURATION_S = float(os.environ.get("CHAOS_STEP_S") or 0)
UNKNOWN = "0" * 8  # no file has a sha256 with this prefix


def _facts(source: Source, tools: Tools) -> MediaFacts:
    """Return facts of no real file; `codec` is the id of the process that computed them.

    Raises: `Poison` for a sha256 that begins with UNKNOWN.
    """
    del tools
    sha256 = source.sha256 or ""
    if sha256.startswith(UNKNOWN):
        raise Poison("there is no file of this sha256", reason="unknown_media")
    return MediaFacts(
        sha256=sha256, size_bytes=len(sha256), kind="audio", format="none", codec=str(os.getpid()), duration_s=1.0
    )


def _accepted(event: SongSubmitted, song: MediaFacts) -> SongAccepted:
    title = event.title or song.sha256[:12]
    return SongAccepted(request_id=str(event.request_id), song=song, title=title, options=event.options)


COUNTING = accepting_step("counting", _facts, _accepted, ending=lambda accepted: Ending())


def delayed(inner: Runner) -> Runner:
    """Return a runner that waits CHAOS_STEP_S seconds before each step."""

    async def run(step: AnyStep, work_input: Model, report: Report) -> CompletedWork:
        if _STEP_DURATION_S:
            report(0.0)
            await asyncio.sleep(_STEP_DURATION_S)
        return await inner(step, work_input, report)

    return run


def serve(settings: Settings) -> int:
    """Run the worker until it is stopped, and return the exit status."""
    set_up_logs()
    runners = {"thread": delayed(inline(make_tools(settings)))}
    try:
        asyncio.run(_count(settings, runners))
    except Fault as fault:
        print(f"error: {fault}", file=sys.stderr)
        return 1
    return 0


async def _count(settings: Settings, runners: dict[str, Runner]) -> None:
    await build_worker(settings, await_kafka(settings), steps=(COUNTING,), runners=runners).run()


if __name__ == "__main__":
    _WRONG_BY_S = float(os.environ.get("CHAOS_CLOCK_WRONG_BY_S") or 0)
    _right_time = time.time
    time.time = lambda: _right_time() + _WRONG_BY_S
    die_with_parent(int(sys.argv[1]))
    sys.exit(serve(load_settings()))
