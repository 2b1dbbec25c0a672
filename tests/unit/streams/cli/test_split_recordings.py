"""`bachata index --split`: what fails for one recording does not stop the others, and a newer version cuts again."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.move_indexing.split.jobs import SplitRecording, SplitResult
from infra.base.atomic_file import sha256_of
from infra.settings import load_settings
from schemas.faults import Fault, Poison, Retryable
from streams.cli import split_recordings as splitting
from streams.cli.split_recordings import split_recordings
from streams.operations.recordings import Recordings
from tests.unit.streams.operations.recordings import MEDIA, described, recording


@pytest.fixture
def faults() -> dict[str, Fault]:
    """Return the faults of the jobs, by the SHA-256 of the recording; none."""
    return {}


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch, faults: dict[str, Fault]) -> list[SplitRecording]:
    """Return the jobs that are run: each finds the spans that it is given, or else one part."""
    requests: list[SplitRecording] = []

    def run_job(_: object, request: SplitRecording, *__: object) -> SplitResult:
        requests.append(request)
        if request.sha256 in faults:
            raise faults[request.sha256]
        parts = [described(span.start_s, span.end_s) for span in request.spans] or [described(0, 10)]
        return SplitResult(recording=MEDIA.model_copy(update={"sha256": request.sha256}), parts=tuple(parts))

    monkeypatch.setattr(splitting, "run_job", run_job)
    return requests


def _file(folder: Path, name: str) -> Path:
    (folder / name).write_text(name)
    return folder / name


@pytest.mark.parametrize("fault", [Poison("no music", "no_beats"), Retryable("it takes too long", "timeout")])
def test_a_fault_of_one_recording_leaves_the_others(
    tmp_path: Path, requests: list[SplitRecording], faults: dict[str, Fault], fault: Fault
) -> None:
    files = [_file(tmp_path, name) for name in ("a.mp4", "b.mp4", "c.mp4")]
    faults[sha256_of(files[1])] = fault
    recordings, failed = split_recordings(load_settings(), files, "fast")
    assert [each.name for each in recordings] == ["a", "c"]
    assert failed == {"b.mp4": fault}
    assert len(requests) == 3


def test_a_newer_version_describes_the_parts_that_are_decided(tmp_path: Path, requests: list[SplitRecording]) -> None:
    file, store = _file(tmp_path, "class.mp4"), Recordings(load_settings().recordings_dir)
    media = MEDIA.model_copy(update={"sha256": sha256_of(file)})
    old = recording((20, 30), (40, 50)).model_copy(update={"media": media, "embedding_version": 0})
    old = old.with_part(old.part(2).model_copy(update={"state": "dropped", "embedding": described(7, 8).embedding}))
    with store.locked(media.sha256):
        store.put(old)
    [after], _ = split_recordings(load_settings(), [file], "fast")
    assert [[(span.start_s, span.end_s) for span in request.spans] for request in requests] == [[], [(40, 50)]]
    assert [(part.start_s, part.state) for part in after.parts] == [(0, "open"), (40, "dropped")]
    assert after.part(2).embedding == described(40, 50).embedding
    split_recordings(load_settings(), [file], "fast")
    assert len(requests) == 2
