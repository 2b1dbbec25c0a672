"""The outcomes of files: the video of a song goes where it is wanted, and each file's outcome is made visible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Any

from infra.settings import Settings
from schemas.faults import Fault, Poison
from schemas.move_indexed import MoveSummary
from schemas.rendered import Video
from streams.files.user_files import video_file
from streams.files.video_copies import copy_into
from streams.operations.first_one import count_fields
from streams.watch.results import (
    ResultPlace,
    move_to_outcome,
    outcome_path,
    remove_result,
    write_result,
)
from streams.watch.state import Content, Stat, TrackedFile, WatchState

PrintLine = Callable[[str], None]
MAY_BE_INCOMPLETE = frozenset({"not_media", "empty"})  # reasons of files of which more may come
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
        failure = None if self.error is None else f"failed: {self.error}"
        if self.status == "copy":
            return f"copy of {self.copy_of}" + (f", {failure}" if failure else "")
        if failure is not None:
            return failure
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
        result |= {"duration_s": move.clip.duration_s, "eights": len(move.eights), **count_fields(move)}
    error = None if is_done else str(outcome.get("error") or f"the request was {outcome['outcome']}")
    return replace(
        content,
        state="done" if is_done else "failed",
        reason=None if is_done else outcome.get("reason"),
        error=error,
        result=result,
    )


class Outcomes:
    """Makes outcomes visible."""

    def __init__(
        self,
        settings: Settings,
        place: ResultPlace,
        songs_to: Path | None,
        state: WatchState,
        print_line: PrintLine,
    ) -> None:
        self._settings = settings
        self._place = place
        self._songs_to = songs_to
        self._state = state
        self._print_line = print_line
        self._unwritable: set[Path] = set()

    def delivered(self, content: Content) -> Content:
        """Return a content whose video is where it is wanted; failed where it cannot be written there.

        Raises: `Retryable`, `Unavailable` while the disk is full or away.
        """
        if content.state != "done" or content.kind != "song":
            return content
        try:
            video = Video.model_validate(content.result["video"])
            file = video_file(self._settings, video)
            if self._songs_to is not None:
                file = copy_into(file, self._songs_to, file.name, video.media.sha256)
        except Poison as fault:
            return replace(content, state="failed", reason=fault.reason, error=str(fault), result={})
        return replace(content, result={"video": str(file), "duration_s": video.duration_s})

    def has_video(self, content: Content) -> bool:
        """Return whether a song's video is where it is wanted."""
        video = Path(str(content.result.get("video", "")))
        return video.is_file() and self._songs_to in {None, video.parent}

    def report(self, folder: Path) -> Iterator[Outcome]:
        """Make the outcomes of a folder's files visible that are not yet, and yield them.

        Those of files that have changed since are left out: they are taken again.
        """
        for file in self._state.unreported(folder):
            is_same = _is_same(file)
            if is_same is False:
                continue
            outcome = self._outcome(file)
            if is_same and self._place != "none":
                outcome = self._publish_outcome(file, outcome)
            self._state.set_reported(file, reported=True)
            self._print_line(f"{file.name}: {outcome}")
            yield outcome

    def _outcome(self, file: TrackedFile) -> Outcome:
        content = None if file.sha256 is None else self._state.content(file.sha256)
        if content is None:
            return Outcome(file.file, None, "failed", file.sha256, reason=file.reason, error=file.error)
        first = _first(file, self._state.files_of(content.sha256))
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

    def _publish_outcome(self, file: TrackedFile, outcome: Outcome) -> Outcome:
        """Make an outcome visible as it is configured; return it with the place where its file is then."""
        with self._warning_of(file):
            if self._place == "move":
                path = self._moved(file, failed=outcome.error is not None)
                outcome = replace(outcome, file=file.folder / path)
        with self._warning_of(file):
            write_result(outcome.file, outcome.as_json())
            if outcome.file != file.file:
                remove_result(file.file)
        return outcome

    @contextmanager
    def _warning_of(self, file: TrackedFile) -> Iterator[None]:
        """Print why an outcome is not visible, once for each folder that cannot be written."""
        try:
            yield
        except FileExistsError as error:
            self._print_line(f"warning: the outcome of {file.name} is not written: {error.strerror}: {error.filename}")
        except OSError as error:
            if file.folder not in self._unwritable:
                self._unwritable.add(file.folder)
                self._print_line(f"warning: outcomes cannot be written in {file.folder}: {error.strerror}")

    def _moved(self, file: TrackedFile, *, failed: bool) -> str:
        """Move a file to the folder of its outcome and return its path there; one that may still grow stays."""
        target = outcome_path(file.name, failed=failed)
        is_there = PurePath(file.path).parts[0] == target.parts[0]
        if is_there or file.is_cut or file.reason in MAY_BE_INCOMPLETE or file.file.is_symlink():
            return file.path
        try:
            return move_to_outcome(file.folder, file.path, target, lambda path: self._state.move_file(file, path))
        except OSError:
            with suppress(Fault):
                self._state.move_file(file, file.path)
            raise


def _is_same(file: TrackedFile) -> bool | None:
    """Return whether a file is as it was when it was taken, None if it cannot be reached."""
    try:
        return file.stat.is_same(Stat.of(file.file.stat()))
    except OSError:
        return None


def _first(file: TrackedFile, files: Sequence[TrackedFile]) -> TrackedFile:
    """Return the file of which others of the same content are copies."""
    first = [other for other in files if other.has_request]
    return file if file in first or not first else first[-1]
