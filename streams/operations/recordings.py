"""The recordings that were cut into parts, with what was decided of each part: a JSON file for each recording."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from agents.move_indexing.motion.version import VERSION as EMBEDDING_VERSION
from agents.move_indexing.split.jobs import MAX_PARTS, VERSION, DescribedPart, PartSpan, SplitResult
from infra.base.atomic_file import replacing
from schemas.base import MediaFacts, Model, Name, Quality, Sha256
from schemas.faults import Poison
from schemas.limits import CLIP_S
from streams.ids import begins_hash

State = Literal["open", "accepted", "dropped"]
_MAX_SHARED = 0.5  # of a new part's time: what is decided of the rest of it holds for it too


class ReviewedPart(DescribedPart):
    """A part of a recording and what was decided of it.

    `name`: of the move; `clip_sha256`: its clip, once accepted. `has_old_embedding`: an older version described it, and
    this one detects hardly anybody in it.
    """

    number: int = Field(ge=1)
    state: State = "open"
    name: Name | None = None
    clip_sha256: Sha256 | None = None
    has_old_embedding: bool = False

    @property
    def is_decided(self) -> bool:
        """Return whether something was decided of it, perhaps by a command that was ended."""
        return self.state != "open" or self.name is not None or self.clip_sha256 is not None


class Recording(Model):
    """A recording. `version` and `embedding_version`: of the cuts and of the embeddings of its parts."""

    media: MediaFacts
    name: Name
    quality: Quality = "fast"
    version: int = VERSION
    embedding_version: int = EMBEDDING_VERSION
    parts: tuple[ReviewedPart, ...] = Field(default=(), max_length=2 * MAX_PARTS)

    @property
    def is_current(self) -> bool:
        """Return whether its parts are those of this version of the program."""
        return (self.version, self.embedding_version) == (VERSION, EMBEDDING_VERSION)

    def part(self, number: int) -> ReviewedPart:
        """Return the part with a number. Raises: `Poison` (`unknown_move`)."""
        found = next((part for part in self.parts if part.number == number), None)
        if found is None:
            numbers = ", ".join(str(part.number) for part in self.parts) or "none"
            raise Poison(f"{self.name} has no part {number}; it has {numbers}", "unknown_move")
        return found

    def with_part(self, part: ReviewedPart, *replaced: int) -> Recording:
        """Return the recording with a part in place of that with its number, and of those `replaced`."""
        others = [each for each in self.parts if each.number not in {part.number, *replaced}]
        return self.model_copy(update={"parts": tuple(sorted([*others, part], key=lambda each: each.start_s))})

    def compared(self, clips: Collection[str]) -> Recording:
        """Return the recording with those parts accepted, and no others, of whose clips the library has a move.

        A move may have been removed since, or a command that accepted a part was ended before it stored that.
        """
        return self.model_copy(update={"parts": tuple(_compared_part(part, clips) for part in self.parts)})

    def merged_span(self, one: int, other: int) -> PartSpan:
        """Return the span of two parts and what is between them.

        Raises: `Poison` (`unknown_move`, `usage`); `too_long` for what is too long for a clip.
        """
        parts = [self.part(number) for number in (one, other)]
        start_s, end_s = min(part.start_s for part in parts), max(part.end_s for part in parts)
        between = [each for each in self.parts if each not in parts and start_s < each.end_s and each.start_s < end_s]
        if one == other or between:
            raise Poison(f"parts {one} and {other} do not follow each other; merge two that do", "usage")
        if any(part.state == "accepted" for part in parts):
            raise Poison(f"part {one} or {other} is a move already; `bachata moves remove` its clip first", "usage")
        if end_s - start_s > CLIP_S[1]:
            raise Poison(f"parts {one} and {other} are longer than {CLIP_S[1] / 60:.0f} minutes together", "too_long")
        return PartSpan(start_s=start_s, end_s=end_s)


def split_again(
    name: str,
    quality: Quality,
    result: SplitResult,
    before: Recording | None,
    described_again: Sequence[DescribedPart] = (),
) -> Recording:
    """Return the recording with new parts; those of which something was decided stay in place of what they overlap.

    `described_again`: these, as this version describes them, where another one did before.
    """
    decided = (
        [_with_embedding(part, before, described_again) for part in before.parts if part.is_decided] if before else []
    )
    number = max((part.number for part in decided), default=0)
    parts = list(decided)
    for found in result.parts:
        if not any(_shared(found, part) > _MAX_SHARED for part in decided):
            number += 1
            parts.append(ReviewedPart(number=number, **dict(found)))
    ordered = tuple(sorted(parts, key=lambda part: part.start_s))
    return Recording(media=result.recording, name=before.name if before else name, quality=quality, parts=ordered)


def _compared_part(part: ReviewedPart, clips: Collection[str]) -> ReviewedPart:
    state: State = "accepted" if part.clip_sha256 in clips else "open"
    return part if part.state == "dropped" else part.model_copy(update={"state": state})


def _with_embedding(part: ReviewedPart, before: Recording, described_again: Sequence[DescribedPart]) -> ReviewedPart:
    """Return a part with the embedding of this version, or with the note that it has none."""
    same = (each for each in described_again if (each.start_s, each.end_s) == (part.start_s, part.end_s))
    found = next(same, None)
    if found is not None:
        return part.model_copy(update={**dict(found), "has_old_embedding": False})
    is_old = part.has_old_embedding or before.embedding_version != EMBEDDING_VERSION
    return part.model_copy(update={"has_old_embedding": is_old})


def _shared(one: PartSpan, other: PartSpan) -> float:
    """Return the share of the first span that the other one covers."""
    common = min(one.end_s, other.end_s) - max(one.start_s, other.start_s)
    return max(0.0, common) / max(one.end_s - one.start_s, 1e-9)


@dataclass(frozen=True)
class Recordings:
    """The recordings below a folder, one JSON file for each, by its SHA-256."""

    folder: Path

    def get(self, sha256: str) -> Recording | None:
        """Return a recording, or None. Raises: `Poison` (`unreadable`)."""
        file = self._file(sha256)
        try:
            return Recording.model_validate_json(file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise Poison(f"{file} cannot be read; remove it and cut the recording again", "unreadable") from error

    def all(self) -> list[Recording]:
        """Return all recordings, by name. Raises: `Poison` (`unreadable`)."""
        found = [self.get(file.stem) for file in self.folder.glob("*.json")]
        return sorted((each for each in found if each), key=lambda each: (each.name, each.media.sha256))

    def put(self, recording: Recording) -> None:
        """Store a recording in place of an earlier one, while it is `locked`."""
        with replacing(self._file(recording.media.sha256)) as temporary:
            temporary.write_text(recording.model_dump_json(), encoding="utf-8")

    @contextmanager
    def locked(self, sha256: str) -> Iterator[None]:
        """Wait until no other command changes this recording."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._file(sha256).with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _file(self, sha256: str) -> Path:
        return self.folder / f"{sha256}.json"


def named(recordings: Sequence[Recording], name: str) -> list[Recording]:
    """Return the recordings with this name, or whose SHA-256 begins so (at least four digits)."""
    by_name = [each for each in recordings if each.name == name]
    return by_name or [each for each in recordings if begins_hash(name, each.media.sha256)]
