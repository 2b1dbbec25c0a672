"""A list of songs with real files, and a stream whose worker is the test itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infra.settings import Settings
from schemas.base import Options
from schemas.song_submitted import SongSubmitted
from streams.bulk.outcomes import SongOutcome
from streams.bulk.requests import SongRequest, SongRequests
from streams.bulk.run import BulkRun
from streams.files.songs import find_songs
from tests.unit.streams.watch.watched import WorkerInTest

_STEP = {"state": "done", "fraction": 1.0, "cached": False, "seconds": 1.5, "error": None}


class StreamInTest(WorkerInTest):
    """Implements `SongStream`: `end` and `fail` say how a request ends, `begin` that it is worked on."""

    version = "library 1"

    def submit(self, *requests: Any) -> None:
        for request in requests:
            super().submit(request)

    def library_version(self) -> str:
        self._check()
        return self.version

    def begin(self, request: SongSubmitted) -> None:
        """Begin to work on a request."""
        self._outcomes[str(request.request_id)] = {"outcome": None, "steps": {"intake": _STEP | {"state": "running"}}}

    def end(self, request: Any, **fields: Any) -> None:
        """End a request; the content of the video of one that is done is the key of the song."""
        fields = {"steps": {"rendering": _STEP}, "subject": str(request.title)} | fields
        super().end(request.model_copy(update={"title": (request.source.sha256 or "url")[:12]}), **fields)

    def end_all(self) -> None:
        """End all requests that are not."""
        self._outcomes = {key: state for key, state in self._outcomes.items() if state["outcome"] is not None}
        super().end_all()


class Display:
    """Notes what is displayed."""

    def __init__(self) -> None:
        self.outcomes: list[SongOutcome] = []

    def progressed(self, request: SongRequest, state: Mapping[str, Any]) -> None:
        pass

    def ended(self, outcome: SongOutcome) -> None:
        self.outcomes.append(outcome)


class ListOfSongs:
    """Runs of lists. Each `run` is one of a new process: it knows only the stream and the files."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder = tmp_path
        self.settings = Settings(data_dir=tmp_path / "data")
        self.stream = StreamInTest(tmp_path, self.settings.output_dir)

    def write(self, *names: str) -> list[str]:
        """Write songs, each with its name as the content, and return their paths."""
        for name in names:
            (self.folder / name).parent.mkdir(exist_ok=True)
            (self.folder / name).write_text(name)
        return [str(self.folder / name) for name in names]

    def requests(self, **options: Any) -> SongRequests:
        """Return new requests with these options."""
        return SongRequests(self.settings, Options(**options), "bulk", self.stream)

    def start(self, paths: Sequence[str], requests: SongRequests | None = None, **more: Any) -> BulkRun:
        """Return a new run."""
        return BulkRun(requests or self.requests(), find_songs(paths).songs, Display(), **more)

    def run(self, paths: Sequence[str], requests: SongRequests | None = None, **more: Any) -> list[SongOutcome]:
        """Return the outcomes of a new run, whose requests are done by the worker."""
        return self.finish(self.start(paths, requests, **more))

    def finish(self, run: BulkRun) -> list[SongOutcome]:
        """Return the outcomes of a run; the worker does what it has not done."""
        while not run.is_finished:
            run.cycle()
            self.stream.end_all()
        return list(run.outcomes)


def statuses(outcomes: Sequence[SongOutcome]) -> list[str]:
    """Return the statuses of outcomes."""
    return [outcome.status for outcome in outcomes]
