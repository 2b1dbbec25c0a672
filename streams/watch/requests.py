"""Submit the contents of watched folders, follow the requests, and publish the folders' annotations of clips."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from schemas.base import Source
from schemas.faults import Fault, Retryable, Unavailable
from schemas.move_annotated import MoveAnnotation
from schemas.move_indexed import MoveSummary
from schemas.move_submitted import MoveSubmitted
from schemas.song_submitted import SongSubmitted
from streams.files.clip_names import is_outdated
from streams.files.clips import StoredClip
from streams.ids import new_request_id
from streams.local.worker_access import MAX_SUBMITTED
from streams.operations.first_one import needs_recount
from streams.watch.annotations import FolderAnnotation
from streams.watch.arrivals import WatchedFolder
from streams.watch.outcomes import Outcomes, PrintLine, ended
from streams.watch.state import OPEN, Content, ContentState, TrackedFile, WatchState
from streams.watch.stream import StreamAccess


class FolderRequests:
    """The requests of watched folders. Each method does what can be done now, and raises `Retryable` to be continued.

    A content is in one state at a time, which is stored before and after each request, so that new `FolderRequests` go
    on where those of a process that was killed have stopped.
    """

    def __init__(
        self,
        folders: Sequence[WatchedFolder],
        state: WatchState,
        stream: StreamAccess,
        outcomes: Outcomes,
        print_line: PrintLine,
    ) -> None:
        self._folders = folders
        self._state = state
        self._stream = stream
        self._outcomes = outcomes
        self._print_line = print_line
        self._names: dict[str, ExitStack] = {}
        for content in self._contents("submitted"):  # perhaps it was not published
            state.put_content(replace(content, state="queued"))

    @property
    def are_open(self) -> bool:
        """Return whether an outcome is not known yet."""
        return bool(self._contents(*OPEN))

    def close(self) -> None:
        """Release the names of clips."""
        for names in self._names.values():
            names.close()

    def submit(self) -> None:
        """Submit contents in their order, as many as may be submitted at the same time."""
        waiting = self._contents("queued")
        free = MAX_SUBMITTED - len(self._contents("submitted"))
        for content in self._in_order(waiting):
            if free <= 0:
                break
            free -= self._submit(content)

    def _in_order(self, waiting: Sequence[Content]) -> Iterator[Content]:
        """Yield the contents that can be submitted now.

        A song waits for the clips that arrived before it, and while there is no move for all clips that arrive.
        """
        clips = [content.number for content in self._contents(*OPEN) if content.kind == "clip"]
        arrive = bool(clips) or any(watched.has_arrivals for watched in self._folders)
        for content in waiting:
            is_early = content.kind == "song" and arrive
            if not is_early or (min(clips, default=content.number) >= content.number and self._stream.is_usable()):
                yield content

    def _submit(self, content: Content) -> bool:
        """Publish a content's request if it is needed and not published; return whether an outcome will follow."""
        if self._stream.outcome(content.request_id) is None:
            if content.kind == "song":
                self._stream.submit(
                    SongSubmitted(
                        source=Source(sha256=content.sha256), request_id=content.request_id, title=content.clip
                    )
                )
            else:
                ready = self._submit_clip(content)
                if ready is None:
                    return False
                content = ready
        self._state.put_content(content if content.state == "done" else replace(content, state="submitted"))
        return content.state != "done"

    def _submit_clip(self, content: Content) -> Content | None:
        """Publish a clip's request and annotation; return it under its name, None while its annotations are written."""
        files = self._state.files_of(content.sha256)
        watched = self._folder_of(files)
        if watched is not None and not watched.annotations.is_settled:
            return None
        names_in = () if watched is None else _names_in(watched, files)
        own = FolderAnnotation() if watched is None else watched.annotations.annotation_of(content.sha256, names_in)
        names = tuple(file.folder / file.name for file in files) or (Path(content.clip),)
        self._release(content)
        claim = self._names[content.sha256] = ExitStack()
        named = claim.enter_context(self._stream.named(StoredClip(content.sha256, names)))
        annotation = own.annotation(named.annotation, FolderAnnotation.from_json(content.annotated))
        if annotation != (named.annotation or MoveAnnotation()):
            self._stream.annotate({content.sha256: annotation})
        content = replace(content, clip=named.name, annotated=own.as_json())
        self._state.put_content(content)
        move = self._stream.move(content.sha256)
        if move is not None and _is_current(move, annotation, named.annotation):
            self._release(content)
            return ended(content, {"outcome": "done"}, move)
        self._stream.submit(
            MoveSubmitted(
                source=Source(sha256=content.sha256),
                clip=content.clip,
                request_id=content.request_id,
                annotation=annotation if annotation != MoveAnnotation() else None,
            )
        )
        return content

    def follow(self) -> None:
        """Store the outcomes that are known by now. An outcome that cannot be used yet does not delay others."""
        unused: Fault | None = None
        for content in self._contents("submitted"):
            outcome = self._stream.outcome(content.request_id)
            if outcome is not None and outcome["outcome"] is not None:
                try:
                    self._end(content, outcome)
                except (Retryable, Unavailable) as fault:
                    unused = fault
        if unused is not None:
            raise unused

    def _end(self, content: Content, outcome: Mapping[str, Any]) -> None:
        self._release(content)
        if content.kind == "clip" and content.has_sound and outcome["reason"] == "nobody":
            self._print_line(f"{content.clip}: nobody dances in it: it is taken as a song")
            song = replace(content, kind="song", state="queued", request_id=new_request_id(), annotated={})
            self._state.put_content(song)
            return
        is_move = content.kind == "clip" and outcome["outcome"] == "done"
        move = self._new_move(content.sha256) if is_move else None
        self._state.put_content(self._outcomes.delivered(ended(content, outcome, move)))

    def _new_move(self, sha256: str) -> MoveSummary | None:
        """Return the move of a clip that was indexed, None if it was removed since.

        The library may be behind the outcome. Raises: `Retryable` while it is.
        """
        move = self._stream.move(sha256)
        if move is not None and not is_outdated(move.embedding_version):
            return move
        self._stream.check_caught_up()
        return self._stream.move(sha256)

    def _release(self, content: Content) -> None:
        names = self._names.pop(content.sha256, None)
        if names is not None:
            names.close()

    def annotate(self, watched: WatchedFolder) -> None:
        """Publish the annotations that the folder has changed, of the clips that were submitted.

        A clip whose count 1 is another one now is submitted again.
        """
        if not watched.has_new_names or not watched.annotations.is_settled:
            return
        changed: list[tuple[Content, FolderAnnotation]] = []
        for content in self._state.clips_of(watched.folder):
            files = self._state.files_of(content.sha256)
            if content.state != "queued" and self._folder_of(files) is watched:
                own = watched.annotations.annotation_of(content.sha256, _names_in(watched, files))
                if own.as_json() != content.annotated:
                    changed.append((content, own))
        if changed:
            self._publish(changed)
        watched.has_new_names = False

    def _publish(self, changed: Sequence[tuple[Content, FolderAnnotation]]) -> None:
        present = self._stream.annotations()
        annotations, published = {}, []
        for content, own in changed:
            before = present.get(content.sha256, MoveAnnotation())
            after = own.annotation(before, FolderAnnotation.from_json(content.annotated))
            if after.first_one_s != before.first_one_s and self._stream.move(content.sha256) is not None:
                self._state.put_content(replace(content, state="queued", request_id=new_request_id()))
                continue  # it is annotated when it is submitted again
            if after != before:
                annotations[content.sha256] = after
            published.append(replace(content, annotated=own.as_json()))
        if annotations:
            self._stream.annotate(annotations)
        for content in published:
            self._state.put_content(content)
        if annotations:
            self._print_line(f"{len(annotations)} moves are annotated again")

    def _folder_of(self, files: Sequence[TrackedFile]) -> WatchedFolder | None:
        """Return the folder that annotates a clip: that of its first file."""
        folder = files[0].folder if files else None
        return next((watched for watched in self._folders if watched.folder == folder), None)

    def _contents(self, *states: ContentState) -> list[Content]:
        return self._state.contents_in([watched.folder for watched in self._folders], *states)


def _is_current(move: MoveSummary, annotation: MoveAnnotation, before: MoveAnnotation | None) -> bool:
    """Return whether a move of the library needs no other analysis, also with an annotation in place of `before`."""
    return not is_outdated(move.embedding_version) and not needs_recount(move.annotated(annotation), before)


def _names_in(watched: WatchedFolder, files: Iterable[TrackedFile]) -> list[str]:
    return [file.name for file in files if file.folder == watched.folder]
