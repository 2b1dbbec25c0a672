"""Make videos of several songs: display their progress, and print a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from infra.settings import Settings
from schemas.base import Options
from schemas.faults import Poison
from streams.bulk.outcomes import SongOutcome, Summary
from streams.bulk.requests import SongRequest, SongRequests
from streams.bulk.run import BulkRun
from streams.cli.demo_moves import provide_moves, with_offer
from streams.cli.output import print_json, print_line, print_output
from streams.cli.terminal_display import TerminalDisplay
from streams.cli.wait_watch import WaitWatch
from streams.files.songs import Song
from streams.files.video_copies import check_target_folder
from streams.local.services import stream, waits_for
from streams.local.worker_access import MAX_SUBMITTED, WorkerAccess

SOURCE = "/command-line"  # of the events
_TOTAL = "all songs"  # the name of the bar


def generate_all(
    settings: Settings,
    songs: Sequence[Song],
    options: Options,
    *,
    as_json: bool,
    out: Path | None = None,
    parallel: int = MAX_SUBMITTED,
    demo_moves: bool = False,
) -> None:
    """Make a video of each song and print the summary; exit with 1 if a song failed.

    Raises: `Poison` (`bad_target`) where `out` is no folder that can be written; `KeyboardInterrupt` that says which
    requests go on.
    """
    if out is not None:
        _check_folder(out)
    with stream(settings, print_line) as endpoint:
        provide_moves(settings, endpoint, demo_moves=demo_moves, as_json=as_json)
        requests = SongRequests(settings, options, priority_of(songs), WorkerAccess(settings, SOURCE))
        summary = _run(settings, requests, songs, out, parallel)
    offered = [_with_offer(settings, outcome) for outcome in summary.outcomes]
    _print_summary(replace(summary, outcomes=offered), as_json)


def priority_of(songs: Sequence[Song]) -> Any:
    """Return the priority of each of these songs."""
    return "interactive" if len(songs) == 1 else "bulk"


def _check_folder(out: Path) -> None:
    if out.suffix.lower() == ".mp4" and not out.is_dir():
        raise Poison(f"{out} is the name of one video: for several songs, name a folder", "bad_target")
    check_target_folder(out)


def _run(settings: Settings, requests: SongRequests, songs: Sequence[Song], out: Path | None, parallel: int) -> Summary:
    with (
        BulkDisplay(len(songs)) as display,
        WaitWatch(partial(waits_for, settings), display.print_line) as display.wait_watch,
    ):
        run = BulkRun(requests, songs, display, out=out, parallel=parallel)
        try:
            return run.run()
        except KeyboardInterrupt:
            for request in run.submitted:
                display.print_line(f"submitted: {request.request_id}  {request.song.name}")
            raise KeyboardInterrupt(_stopped_text(len(run.submitted))) from None


def _stopped_text(requests: int) -> str:
    """Return what a user who stops a run must know. `requests`: how many go on."""
    again = "the same command goes on where it was stopped"
    if not requests:
        return f"stopped; {again}"
    are = "1 request is" if requests == 1 else f"{requests} requests are"
    how = "`bachata status ID` shows one, `bachata cancel ID` ends it"
    return f"stopped; {are} submitted and done by the next worker that runs: {how}; {again}"


def _with_offer(settings: Settings, outcome: SongOutcome) -> SongOutcome:
    if outcome.error is None:
        return outcome
    return replace(outcome, error=with_offer(settings, outcome.error, str(outcome.reason)))


def _print_summary(summary: Summary, as_json: bool) -> None:
    if as_json:
        print_json(summary.as_json())
    else:
        for line in summary.lines():
            print_output(line)
    if summary.without_video:
        raise SystemExit(1)


class BulkDisplay(TerminalDisplay):
    """Displays the run of a list: a line for each outcome, and on a terminal bars for all songs and those in progress.

    `wait_watch`: learns of progress.
    """

    def __init__(self, songs: int) -> None:
        self.wait_watch: WaitWatch | None = None
        self._songs = songs
        self._ended = 0
        self._failed = 0
        self._states: dict[str, Mapping[str, Any]] = {}  # as they were displayed, by request
        self._waits: set[tuple[str, str]] = set()

    def open_bars(self) -> None:
        """Begin to display bars, on a terminal."""
        super().open_bars()
        self._display_total()

    def progressed(self, request: SongRequest, state: Mapping[str, Any]) -> None:
        """Display the step that a request is in."""
        if state["steps"] and state != self._states.get(request.request_id):
            self._states[request.request_id] = state
            name, step = list(state["steps"].items())[-1]
            self._display_step(request, name, step)

    def _display_step(self, request: SongRequest, name: str, step: Mapping[str, Any]) -> None:
        title = _title(request.song)
        if step["state"] == "waiting":
            wait = (request.request_id, str(step["error"]))
            if wait not in self._waits:
                self._waits.add(wait)
                self.print_line(f"{title}: {name.replace('_', ' ')} waits: {step['error']}")
        elif self.wait_watch is not None:
            self.wait_watch.progressed()
        if self.bars is not None:
            self.bars.update(request.request_id, f"{title[:24]}: {name.replace('_', ' ')}", step["fraction"])

    def ended(self, outcome: SongOutcome) -> None:
        """Print an outcome, and remove its bar."""
        self._ended += 1
        self._failed += not outcome.has_video
        if self.bars is not None:
            self.bars.remove(str(outcome.request_id))
            self._display_total()
        if self.wait_watch is not None:
            self.wait_watch.progressed()
        self.print_line(f"[{self._ended}/{self._songs}] {_title(outcome.song)}: {outcome}")

    def _display_total(self) -> None:
        failed = f", {self._failed} failed" if self._failed else ""
        if self.bars is not None:
            self.bars.update(_TOTAL, f"{self._ended} of {self._songs} songs{failed}", self._ended, self._songs)


def _title(song: Song) -> str:
    number = f" ({song.alternative + 1})" if song.alternative else ""
    return (song.title or song.name)[:40] + number
