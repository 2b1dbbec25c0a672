"""Cut long recordings into parts that may be moves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from agents.move_indexing.motion.version import VERSION as EMBEDDING_VERSION
from agents.move_indexing.split.jobs import (
    SPLIT_RECORDING,
    DescribedPart,
    PartSpan,
    SplitRecording,
    SplitResult,
    strip_file,
)
from agents.step import throttled
from infra.settings import Settings
from schemas.base import Quality
from schemas.faults import Fault, Poison, Retryable
from streams.cli.output import print_line
from streams.files.clips import find_clips
from streams.files.user_files import store_file, title_of
from streams.jobs import run_job
from streams.operations.recordings import Recording, Recordings, ReviewedPart, split_again

_PROGRESS_INTERVAL_S = 5.0


def split_recordings(
    settings: Settings, paths: Sequence[Path], quality: Quality
) -> tuple[list[Recording], dict[str, Fault]]:
    """Cut each recording below `paths` into parts; return the recordings, and the faults by the name of the file.

    A recording that was cut by this version before is returned as it is, with what was decided of its parts. Raises:
    as `find_clips`.
    """
    found, faults = find_clips(paths), dict[str, Fault]()
    recordings: dict[str, Recording] = {}
    for warning in found.warnings:
        print_line(f"warning: {warning}")
    for file in found.files:
        try:
            recording = _split(settings, file, quality)
            recordings[recording.media.sha256] = recording
        except (Poison, Retryable) as fault:  # of this one: the others may be cut all the same
            faults[file.name] = fault
    return list(recordings.values()), faults


def _split(settings: Settings, file: Path, quality: Quality) -> Recording:
    store, sha256 = Recordings(settings.recordings_dir), store_file(settings, file, "video").sha256
    with store.locked(sha256):
        before = store.get(sha256)
        if before and before.is_current and before.quality == quality:
            return before
        result = describe(sha256, quality, title_of(file))
        recording = split_again(title_of(file), quality, result, before, _described_again(before, quality))
        store.put(recording)
    return recording


def _described_again(before: Recording | None, quality: Quality) -> Sequence[DescribedPart]:
    """Return the parts of which something was decided, where another version has described them before."""
    decided = [part for part in before.parts if part.is_decided] if before else []
    if before is None or not decided or before.embedding_version == EMBEDDING_VERSION:
        return ()
    try:
        return describe(before.media.sha256, quality, before.name, _spans(decided)).parts
    except Poison as fault:
        if fault.reason != "nobody":
            raise
        return ()


def _spans(parts: Sequence[PartSpan]) -> list[PartSpan]:
    return [PartSpan(start_s=part.start_s, end_s=part.end_s) for part in parts]


def describe(sha256: str, quality: Quality, name: str, spans: Sequence[PartSpan] = ()) -> SplitResult:
    """Return the parts of a stored recording, or what these spans of it show, and draw their pictures.

    Raises: as the job does.
    """
    print_line(f"{name}: looking for {'moves' if not spans else 'the dancers'}")
    report = throttled(lambda fraction: print_line(f"{name}: {fraction:.0%}"), _PROGRESS_INTERVAL_S)
    return run_job(SPLIT_RECORDING, SplitRecording(sha256=sha256, quality=quality, spans=tuple(spans)), report)


def strips(settings: Settings, recording: Recording) -> dict[int, Path]:
    """Return the file with the pictures of each part, by its number; those that are missing are drawn again."""
    files = {part.number: _strip(settings, recording, part) for part in recording.parts}
    missing = [part for part in recording.parts if not files[part.number].is_file()]
    if missing:
        describe(recording.media.sha256, recording.quality, recording.name, _spans(missing))
    return files


def _strip(settings: Settings, recording: Recording, part: ReviewedPart) -> Path:
    return strip_file(settings.derived_dir, recording.media.sha256, part)
