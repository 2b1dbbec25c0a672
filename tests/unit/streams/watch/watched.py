"""A watched folder with real files and the real state, and a stream whose worker is the test itself."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.media.probe_file import Contents, NamedFile, probe_file
from agents.move_indexing.motion.version import VERSION
from infra.settings import Settings
from schemas.faults import Retryable
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveSummary
from schemas.move_submitted import MoveSubmitted
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message
from streams.files.clip_names import NamedClip, named_clip
from streams.files.clips import StoredClip
from streams.local.worker_access import Request
from streams.testing import InMemoryBroker, tools_below
from streams.topics import MOVE_SUBMITTED, SONG_SUBMITTED, topic_of
from streams.watch.outcomes import Outcome
from streams.watch.state import WatchState
from streams.watch.watcher import Watcher, WatchOptions
from tests.paths import DEMO
from tests.unit.infra.moves import make_move

SETTLE_S, PATIENCE_S = 2.0, 60.0
_MAX_ROUNDS = 50
CLIP = (DEMO / "clips" / "basic_side.mp4").read_bytes()
SONG = min((DEMO / "songs").glob("*.mp3")).read_bytes()


def clip(number: int) -> bytes:
    """Return a clip whose content differs from the others' only behind its last box."""
    return CLIP + b"\x00\x00\x00\x10free" + number.to_bytes(8, "big")


class WorkerInTest:
    """Implements `StreamAccess`: the requests are on an in-memory broker, and a test says how they end.

    `is_away`: nothing answers. `is_behind`: the library has read nothing since; `catch_up` lets it read all.
    """

    def __init__(self, folder: Path, output_dir: Path) -> None:
        self.output_dir = output_dir
        self.broker = InMemoryBroker()
        self.library: dict[str, MoveSummary] = {}
        self.annotated: list[dict[str, MoveAnnotation]] = []
        self.is_away = False
        self.is_behind = False
        self.opened: list[str] = []
        self._unread: list[MoveSummary] = []
        self._annotations: dict[str, MoveAnnotation] = {}
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._tools = tools_below(folder)

    @property
    def clips(self) -> list[MoveSubmitted]:
        """Return the submitted clips."""
        return self.broker.payloads(MOVE_SUBMITTED)

    @property
    def songs(self) -> list[SongSubmitted]:
        """Return the submitted songs."""
        return self.broker.payloads(SONG_SUBMITTED)

    def end(self, request: Request, **fields: Any) -> None:
        """End a request; a clip that is done is a move of the library."""
        outcome = {"outcome": "done", "reason": None, "error": None} | fields
        if isinstance(request, SongSubmitted) and outcome["outcome"] == "done":
            outcome["video"] = self._video(str(request.title))
        self._outcomes[str(request.request_id)] = outcome
        if isinstance(request, MoveSubmitted) and outcome["outcome"] == "done":
            self._unread.append(_move(request))
        if not self.is_behind:
            self.catch_up()

    def catch_up(self) -> None:
        """Let the library read all moves and annotations that were published."""
        self.is_behind = False
        for move in self._unread:
            sha256 = move.clip.sha256
            self.library[sha256] = move.annotated(self._annotations.get(sha256, move.annotation))
        self._unread.clear()

    def end_all(self) -> None:
        """End all requests that are not."""
        requests: list[Request] = [*self.clips, *self.songs]
        for request in requests:
            if str(request.request_id) not in self._outcomes:
                self.end(request)

    def _video(self, title: str) -> dict[str, Any]:
        self.output_dir.mkdir(parents=True, exist_ok=True)
        (self.output_dir / f"{title}.mp4").write_bytes(title.encode())
        media = {"sha256": hashlib.sha256(title.encode()).hexdigest(), "size_bytes": len(title), "kind": "video"}
        facts = {"duration_s": 30.0, "width": 640, "height": 360, "frames": 900, "max_cut_error_ms": 1.0}
        return facts | {"file": f"{title}.mp4", "media": media}

    def fail(self, request: Request, reason: str, error: str = "it is bad") -> None:
        """End a request as failed."""
        self.end(request, outcome="failed", reason=reason, error=error)

    def probe(self, file: Path) -> Contents:
        self.opened.append(file.name)
        return probe_file(NamedFile(path=str(file)), self._tools)

    def stop_probing(self) -> None:
        pass

    @contextmanager
    def named(self, clip: StoredClip) -> Iterator[NamedClip]:
        self.check_caught_up()
        move = self.library.get(clip.sha256)
        names = {} if move is None else {clip.sha256: move.name}
        found = named_clip(clip, names, frozenset())
        annotation = self._annotations.get(clip.sha256)
        yield NamedClip(found.clip, found.name, found.file, found.is_new, annotation)

    def submit(self, request: Request) -> None:
        self._check()
        message = Message(topic_of(type(request)).full_name, b"", request.model_dump_json().encode(), [])
        asyncio.run(self.broker.publish(message))

    def outcome(self, request_id: str) -> Mapping[str, Any] | None:
        self._check()
        return self._outcomes.get(request_id)

    def move(self, sha256: str) -> MoveSummary | None:
        self._check()
        return self.library.get(sha256)

    def check_caught_up(self) -> None:
        self._check()
        if self.is_behind:
            raise Retryable("the move index is being built", "worker")

    def library_clips(self) -> Set[str]:
        self.check_caught_up()
        return self.library.keys()

    def annotations(self) -> dict[str, MoveAnnotation]:
        self.check_caught_up()
        return dict(self._annotations)

    def is_usable(self) -> bool:
        self.check_caught_up()
        return bool(self.library)

    def annotate(self, annotations: Mapping[str, MoveAnnotation]) -> None:
        self._check()
        self.annotated.append(dict(annotations))
        self._annotations |= annotations
        for sha256, annotation in annotations.items():
            if sha256 in self.library:
                self.library[sha256] = self.library[sha256].annotated(annotation)

    def _check(self) -> None:
        if self.is_away:
            raise Retryable("Kafka is away", "kafka")


def _move(request: MoveSubmitted) -> MoveSummary:
    move = make_move(28).summary()
    clip = move.clip.model_copy(update={"sha256": request.source.sha256})
    facts = {"name": request.clip, "clip": clip, "embedding_version": VERSION}
    return move.model_copy(update=facts).annotated(request.annotation)


class Watched:
    """A watched folder. `watcher` is a new one after `restart`, as after a kill."""

    def __init__(self, tmp_path: Path, *more: Path, **options: Any) -> None:
        """Watch a folder and `more`."""
        self.folder = tmp_path / "watched"
        self.folder.mkdir(exist_ok=True)
        self.settings = Settings(data_dir=tmp_path / "data")
        self.worker = WorkerInTest(tmp_path, self.settings.output_dir)
        self.lines: list[str] = []
        self.reported: list[Outcome] = []
        self.now = 0.0
        defaults: dict[str, Any] = {"settle_s": SETTLE_S, "patience_s": PATIENCE_S, "results": "none"}
        self.options = WatchOptions((self.folder, *more), **defaults | options)
        self.restart()

    def restart(self) -> None:
        """Begin with a new watcher, as after a kill: the old one ends without any clean-up."""
        self.state = WatchState(self.settings.watch_dir)
        self.watcher = Watcher(self.settings, self.options, self.state, self.worker, self.lines.append)
        self.reported.clear()

    def put(self, name: str, content: bytes) -> Path:
        """Write a file into the folder."""
        file = self.folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file

    def cycle(self, seconds: float = 0.0) -> None:
        """Let the watcher look after so many seconds."""
        self.now += seconds
        self.reported += self.watcher.cycle(self.now, rescan=True)

    def settle(self) -> None:
        """Let the watcher find what is there, take it, and act on what followed."""
        self.cycle()
        for _ in range(3):
            self.cycle(SETTLE_S)

    def finish(self) -> None:
        """Let the watcher take what is there, and end all requests."""
        for _ in range(_MAX_ROUNDS):
            self.settle()
            self.worker.end_all()
            self.cycle()
            if self.watcher.is_finished:
                return
        raise AssertionError(f"not finished after {_MAX_ROUNDS} rounds: {self.lines}")

    @property
    def outcomes(self) -> dict[str, str]:
        """Return the status of each file whose outcome was reported, by its name."""
        return {outcome.file.name: outcome.status for outcome in self.reported}
