"""The outcomes of files: the video of a song goes where it is wanted, and each file's outcome is made visible."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

from infra.base.atomic_file import sha256_of
from infra.settings import Settings
from schemas.faults import Fault
from schemas.move_indexed import MoveSummary
from schemas.rendered import Video
from streams.files.user_files import copy_out, video_file
from streams.watch.results import Results, move_to_outcome, write_result
from streams.watch.state import Content, KnownFile, WatchState

_OF_A_MOVE = ("move", "category", "tempo_bpm", "difficulty", "energy")


@dataclass(frozen=True)
class Outcome:
    """The outcome of a file. `status`: `done`, `failed`, or `copy` of a file that was done or failed before.

    `result`: of a clip what was found in it, of a song its `video`.
    """

    file: Path
    kind: str | None
    status: str
    sha256: str | None
    clip: str | None = None
    copy_of: str | None = None
    reason: str | None = None
    error: str | None = None
    result: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as JSON values."""
        names = ("kind", "status", "sha256", "clip", "copy_of", "reason", "error")
        return {"file": str(self.file)} | {name: getattr(self, name) for name in names} | dict(self.result or {})

    def __str__(self) -> str:
        """Return what became of the file, in a few words."""
        if self.status == "copy":
            return f"copy of {self.copy_of}"
        if self.error is not None:
            return f"failed: {self.error}"
        facts = self.result or {}
        return f"done: {facts.get('video') or self._move}"

    @property
    def _move(self) -> str:
        facts = self.result or {}
        return f"{facts['move']}, {facts['tempo_bpm']:.1f} BPM" if "move" in facts else f"{self.clip}, removed since"


def ended(content: Content, outcome: Mapping[str, Any], move: MoveSummary | None) -> Content:
    """Return a content with its outcome, as the worker's page has it, and that of its move in the library."""
    is_done = outcome["outcome"] == "done"
    result = {"video": outcome["video"]} if is_done and content.kind == "song" else {}
    if move is not None:
        result = {name: getattr(move, name) for name in _OF_A_MOVE}
        result |= {"duration_s": move.clip.duration_s, "eights": len(move.eights)}
    error = None if is_done else str(outcome.get("error") or f"the request was {outcome['outcome']}")
    return replace(
        content,
        state="done" if is_done else "failed",
        reason=None if is_done else outcome.get("reason"),
        error=error,
        result=result,
    )


class Outcomes:
    """Makes outcomes visible. `all`: those of the files since the start."""

    def __init__(
        self,
        settings: Settings,
        results: Results,
        songs_to: Path | None,
        state: WatchState,
        print_line: Callable[[str], None],
    ) -> None:
        self.all: list[Outcome] = []
        self._settings = settings
        self._results = results
        self._songs_to = songs_to
        self._state = state
        self._print_line = print_line
        self._unwritable: set[Path] = set()

    def delivered(self, content: Content) -> Content:
        """Return a content whose video is where it is wanted; failed where it cannot be written there."""
        if content.state != "done" or content.kind != "song":
            return content
        try:
            video = Video.model_validate(content.result["video"])
            file = video_file(self._settings, video)
            if self._songs_to is not None:
                file = _delivered(file, self._songs_to, video.media.sha256)
        except Fault as fault:
            return replace(content, state="failed", reason=fault.reason, error=str(fault), result={})
        return replace(content, result={"video": str(file), "duration_s": video.duration_s})

    def report(self, folder: Path) -> None:
        """Make the outcomes of a folder's files visible that are not yet."""
        for file in self._state.unreported(folder):
            outcome = self._outcome(file)
            outcome = self._shown(file, outcome)
            self._state.set_reported(file, reported=True)
            self.all.append(outcome)
            self._print_line(f"{file.name}: {outcome}")

    def _outcome(self, file: KnownFile) -> Outcome:
        content = None if file.sha256 is None else self._state.content(file.sha256)
        if content is None:
            return Outcome(file.file, None, "failed", file.sha256, reason=file.reason, error=file.error)
        first = self._state.files_of(content.sha256)[0]
        is_copy = first.number != file.number
        return Outcome(
            file.file,
            content.kind,
            "copy" if is_copy else content.state,
            content.sha256,
            content.clip,
            first.name if is_copy else None,
            content.reason,
            content.error,
            content.result,
        )

    def _shown(self, file: KnownFile, outcome: Outcome) -> Outcome:
        """Show an outcome as it is configured; return it with the place where its file is then."""
        if self._results == "none":
            return outcome
        try:
            if self._results == "move" and not file.file.is_symlink():
                path = self._moved(file, failed=outcome.error is not None)
                outcome = replace(outcome, file=file.folder / path)
            write_result(outcome.file, outcome.as_json())
        except FileExistsError as error:
            self._print_line(f"warning: the outcome of {file.name} is not written: {error.strerror}: {error.filename}")
        except OSError as error:
            if file.folder not in self._unwritable:
                self._unwritable.add(file.folder)
                self._print_line(f"warning: outcomes cannot be written in {file.folder}: {error.strerror}")
        return outcome

    def _moved(self, file: KnownFile, *, failed: bool) -> str:
        try:
            return move_to_outcome(
                file.folder, file.path, failed=failed, on_name=lambda path: self._state.move_file(file, path)
            )
        except OSError:
            with suppress(Fault):
                self._state.move_file(file, file.path)
            raise


def _delivered(video: Path, folder: Path, sha256: str) -> Path:
    """Copy a video into a folder and return its path there; a file of another content is not replaced."""
    for number in count(1):
        target = folder / (video.name if number == 1 else f"{video.stem} ({number}){video.suffix}")
        if not os.path.lexists(target):
            return copy_out(video, target, sha256)
        if target.is_file() and sha256_of(target) == sha256:
            return target
    raise AssertionError("there is always a free name")
