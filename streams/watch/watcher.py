"""Turn the files of watched folders into requests, follow them, and show their outcomes.

What is known is stored before anything follows from it: a request has its id before it is published, so that a watcher
that was killed asks for its outcome, or publishes it again under the same id, which has one effect.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from agents.media.formats import CLIP_SUFFIXES, SONG_SUFFIXES
from agents.media.look import Contents
from infra.data_folder import folders_of_state
from infra.settings import Settings
from schemas.base import Source
from schemas.faults import Fault, Poison, Retryable, Unavailable
from schemas.move_annotated import MoveAnnotation
from schemas.move_submitted import MoveSubmitted
from schemas.song_submitted import SongSubmitted
from streams.files.clip_names import is_outdated
from streams.files.clips import StoredClip
from streams.files.user_files import real_path, store_file, title_of
from streams.ids import new_request_id
from streams.watch.annotations import Given
from streams.watch.arrivals import Arrival, WatchedFolder, is_gone
from streams.watch.outcomes import Outcomes, ended
from streams.watch.results import Results
from streams.watch.state import OPEN, Content, ContentState, Kind, KnownFile, Stat, WatchState
from streams.watch.stream import Stream

_MAX_SUBMITTED = 8  # requests at the same time: others of the stream get their turn
_KNOWN_SUFFIXES = CLIP_SUFFIXES | SONG_SUFFIXES
_MAY_BE_INCOMPLETE = frozenset({"not_media", "empty"})

PrintLine = Callable[[str], None]


@dataclass(frozen=True)
class WatchOptions:
    """What to watch, and how. `songs_to`: where videos go, None: they stay in the output folder.

    `once`: until each file that is there has its outcome. `settle_s`: how long a file must not change to be complete;
    `patience_s`: how long one that seems to lack its end.
    """

    folders: tuple[Path, ...]
    songs_to: Path | None = None
    results: Results = "beside"
    once: bool = False
    settle_s: float = 2.0
    patience_s: float = 60.0


@dataclass(frozen=True)
class _Stored:
    """A file in the media store."""

    sha256: str
    kind: Kind
    has_sound: bool


class Watcher:
    """Watches folders by calls of `cycle`, which raises no fault: what cannot be done now is waited for."""

    def __init__(
        self, settings: Settings, options: WatchOptions, state: WatchState, stream: Stream, print_line: PrintLine
    ) -> None:
        left_out = frozenset(map(real_path, _left_out(settings, options)))
        self.outcomes = Outcomes(settings, options.results, options.songs_to, state, print_line)
        self._settings = settings
        self._state = state
        self._stream = stream
        self._print_line = print_line
        self._waits = _Waits(print_line)
        self._warned: set[str] = set()
        self._names: dict[str, ExitStack] = {}
        self._folders = [
            WatchedFolder(folder, state, left_out, options.settle_s, 0.0 if options.once else options.patience_s)
            for folder in options.folders
        ]
        for content in self._contents("submitted"):  # perhaps it was not published
            state.put_content(replace(content, state="queued"))

    @property
    def is_finished(self) -> bool:
        """Return whether all files are known and all outcomes too."""
        return all(watched.is_quiet for watched in self._folders) and not self._contents(*OPEN)

    def close(self) -> None:
        """Release the names of clips."""
        for names in self._names.values():
            names.close()

    def cycle(self, now: float, *, rescan: bool) -> None:
        """Do all that can be done now. `now`: seconds of any clock; `rescan`: search the folders."""
        with self._waits:
            for watched in self._folders:
                if rescan:
                    self._try(lambda watched=watched: self._rescan(watched, now))  # type: ignore[misc]
                self._try(lambda watched=watched: self._read_annotations(watched))  # type: ignore[misc]
            self._try(lambda: self._take(now))
            self._try(self._submit_queued)
            self._try(self._follow)
            for watched in self._folders:
                self._try(lambda watched=watched: self.outcomes.report(watched.folder))  # type: ignore[misc]
                self._try(lambda watched=watched: self._annotate(watched))  # type: ignore[misc]

    def _contents(self, *states: ContentState) -> list[Content]:
        return self._state.contents_in([watched.folder for watched in self._folders], *states)

    def _try(self, part: Callable[[], None]) -> None:
        try:
            part()
        except (Retryable, Unavailable) as fault:
            self._waits.note(str(fault))

    def _warn(self, lines: Iterable[str]) -> None:
        for line in lines:
            if line not in self._warned:
                self._warned.add(line)
                self._print_line(f"warning: {line}")

    def _rescan(self, watched: WatchedFolder, now: float) -> None:
        forgotten = watched.rescan(now)
        self._warn(watched.warnings)
        for file in forgotten:
            content = self._state.content(file.sha256) if file.sha256 else None
            if content is not None and content.kind == "clip" and not self._state.files_of(content.sha256):
                self._print_line(
                    f"{file.name} is gone: its move stays; `bachata moves remove {content.sha256[:12]}` removes it"
                )

    def _read_annotations(self, watched: WatchedFolder) -> None:
        try:
            if watched.annotations.refresh():
                watched.has_new_names = True
        except Poison as fault:
            self._print_line(f"warning: the annotations stay as they were: {fault}")

    # Files

    def _take(self, now: float) -> None:
        """Store the files that are complete; songs are queued after the clips that arrived with them."""
        due = [(watched, arrival) for watched in self._folders for arrival in watched.due(now)]
        stored = [(watched, arrival, self._stored(watched, arrival, now)) for watched, arrival in due]
        self._stream.rest()
        for watched, arrival, taken in sorted(stored, key=lambda each: each[2] is not None and each[2].kind == "song"):
            if taken is not None:
                self._know(watched, arrival, taken)
                watched.taken(arrival)

    def _stored(self, watched: WatchedFolder, arrival: Arrival, now: float) -> _Stored | None:
        """Store a file if it is complete and opens; return what it has, or None."""
        file = watched.folder / arrival.path
        try:
            contents = self._stream.look(file)
            if contents.is_cut and watched.wait_for_end(arrival):
                return None
            kind = _kind(contents)
            media = store_file(self._settings, file, "video" if contents.has_pictures else "audio")
        except Poison as fault:
            self._refuse(watched, arrival, fault)
        except Retryable as fault:
            if not watched.try_again(arrival, now, without_limit=fault.reason == "storage"):
                self._refuse(watched, arrival, fault)
        except (OSError, ValueError) as error:
            self._refuse(watched, arrival, Poison(f"{type(error).__name__}: {error}", "unexpected"))
        else:
            if _is_unchanged(file, arrival.stat):
                return _Stored(media.sha256, kind, contents.has_sound)
        return None

    def _refuse(self, watched: WatchedFolder, arrival: Arrival, fault: Fault) -> None:
        """Note why a file is not taken, unless more of it may come; of files that are no media nothing is shown."""
        if is_gone(watched.folder / arrival.path):
            watched.taken(arrival)
            return
        is_media = os.path.splitext(arrival.path)[1].lower() in _KNOWN_SUFFIXES  # noqa: PTH122 - of any name
        may_be_incomplete = fault.reason in _MAY_BE_INCOMPLETE
        if is_media and may_be_incomplete and watched.wait_for_end(arrival):
            return
        is_other = may_be_incomplete and not is_media
        if is_other:
            self._print_line(f"{arrival.path}: left alone: {_without_path(watched, arrival, fault)}")
        self._state.put_file(
            KnownFile(
                watched.folder,
                arrival.path,
                arrival.path,
                arrival.stat,
                reason=fault.reason,
                error=_without_path(watched, arrival, fault),
                reported=is_other,
            )
        )
        watched.taken(arrival)

    def _know(self, watched: WatchedFolder, arrival: Arrival, stored: _Stored) -> None:
        """Note what a file has, and queue its content, unless another file has brought it."""
        file = KnownFile(watched.folder, arrival.path, arrival.path, arrival.stat, stored.sha256)
        others = [other for other in self._state.files_of(stored.sha256) if other.file != file.file]
        content = self._state.content(stored.sha256)
        if content is None or self._is_wanted_again(content, others):
            title = title_of(file.file)
            self._state.put_content(Content(stored.sha256, stored.kind, stored.has_sound, title, new_request_id()))
        else:
            watched.has_new_names = True
        self._state.put_file(file)

    def _is_wanted_again(self, content: Content, others: Sequence[KnownFile]) -> bool:
        """Return whether a file that arrives asks for another attempt, or brings back a move that was removed."""
        if content.is_open or any(is_gone(other.file) for other in others):  # the file was renamed
            return False
        return content.state == "failed" or (content.kind == "clip" and self._stream.move(content.sha256) is None)

    # Requests

    def _submit_queued(self) -> None:
        waiting = self._contents("queued")
        free = _MAX_SUBMITTED - len(self._contents("submitted"))
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
        given = Given() if watched is None else watched.annotations.given(_names_in(watched, files))
        names = tuple(file.folder / file.name for file in files) or (Path(content.clip),)
        self._release(content)
        claim = self._names[content.sha256] = ExitStack()
        named = claim.enter_context(self._stream.named(StoredClip(content.sha256, names)))
        annotation = given.annotation(named.annotation, Given.of(content.annotated))
        if annotation != (named.annotation or MoveAnnotation()):
            self._stream.annotate({content.sha256: annotation})
        content = replace(content, clip=named.name, annotated=given.as_json())
        self._state.put_content(content)
        move = self._stream.move(content.sha256)
        if move is not None and not is_outdated(move.embedding_version):
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

    def _follow(self) -> None:
        for content in self._contents("submitted"):
            outcome = self._stream.outcome(content.request_id)
            if outcome is not None and outcome["outcome"] is not None:
                self._release(content)
                self._end(content, outcome)

    def _end(self, content: Content, outcome: Mapping[str, Any]) -> None:
        if content.kind == "clip" and content.has_sound and outcome["reason"] == "nobody":
            self._print_line(f"{content.clip}: nobody dances in it: it is taken as a song")
            song = replace(content, kind="song", state="queued", request_id=new_request_id(), annotated={})
            self._state.put_content(song)
            return
        move = self._stream.move(content.sha256) if content.kind == "clip" else None
        self._state.put_content(self.outcomes.delivered(ended(content, outcome, move)))

    def _release(self, content: Content) -> None:
        names = self._names.pop(content.sha256, None)
        if names is not None:
            names.close()

    # Annotations

    def _annotate(self, watched: WatchedFolder) -> None:
        """Publish the annotations that the folder has changed, of the clips that were submitted."""
        if not watched.has_new_names or not watched.annotations.is_settled:
            return
        changed: list[tuple[Content, Given]] = []
        for content in self._state.clips_of(watched.folder):
            files = self._state.files_of(content.sha256)
            if content.state != "queued" and self._folder_of(files) is watched:
                given = watched.annotations.given(_names_in(watched, files))
                if given.as_json() != content.annotated:
                    changed.append((content, given))
        if changed:
            self._publish(changed)
        watched.has_new_names = False

    def _publish(self, changed: Sequence[tuple[Content, Given]]) -> None:
        present = self._stream.annotations()
        annotations = {}
        for content, given in changed:
            before = present.get(content.sha256, MoveAnnotation())
            after = given.annotation(before, Given.of(content.annotated))
            if after != before:
                annotations[content.sha256] = after
        self._stream.annotate(annotations)
        for content, given in changed:
            self._state.put_content(replace(content, annotated=given.as_json()))
        if annotations:
            self._print_line(f"{len(annotations)} moves are annotated anew")

    def _folder_of(self, files: Sequence[KnownFile]) -> WatchedFolder | None:
        """Return the folder that says more about a clip: that of its first file."""
        folder = files[0].folder if files else None
        return next((watched for watched in self._folders if watched.folder == folder), None)


class _Waits:
    """Prints what is waited for, once, and when nothing is any more. A context is one cycle."""

    def __init__(self, print_line: PrintLine) -> None:
        self._print_line = print_line
        self._displayed: set[str] = set()
        self._noted: set[str] = set()

    def __enter__(self) -> _Waits:
        self._noted = set()
        return self

    def __exit__(self, *_: object) -> None:
        if self._displayed and not self._noted:
            self._print_line("no longer waiting")
        self._displayed = self._displayed | self._noted if self._noted else set()

    def note(self, wait: str) -> None:
        """Note what is waited for in this cycle."""
        if wait not in self._displayed and wait not in self._noted:
            self._print_line(f"waiting: {wait}")
        self._noted.add(wait)


def _left_out(settings: Settings, options: WatchOptions) -> Iterator[Path]:
    yield from folders_of_state(settings)
    yield settings.cache_dir
    if options.songs_to is not None:
        yield options.songs_to


def _kind(contents: Contents) -> Kind:
    if not (contents.has_pictures or contents.has_sound):
        raise Poison("it has neither pictures nor sound", "no_audio")
    return "clip" if contents.has_pictures else "song"


def _names_in(watched: WatchedFolder, files: Iterable[KnownFile]) -> list[str]:
    return [file.name for file in files if file.folder == watched.folder]


def _is_unchanged(file: Path, stat: Stat) -> bool:
    try:
        return Stat.of(file.stat()).is_same(stat)
    except OSError:
        return False


def _without_path(watched: WatchedFolder, arrival: Arrival, fault: Fault) -> str:
    return str(fault).removeprefix(f"{watched.folder / arrival.path}: ")
