"""A clip that becomes bad after it was indexed costs a song nothing but that clip."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.broker.conftest import DataFolder

pytestmark = pytest.mark.broker


def test_a_song_with_a_bad_clip_is_rendered_with_another_and_a_warning(
    data_folder: DataFolder, library: dict[str, Any], demo_song: Path
) -> None:
    request = ("generate", demo_song, "--duration", "30s", "--quality", "fast", "--seed", "16")
    planned = data_folder.bachata(*request).json
    bad = planned["moves"][1]["clip"]
    clips = {clip["clip"]: clip["sha256"] for clip in library["clips"]}
    Path(planned["video"]).unlink()  # the song is planned already: it is only rendered again
    with damaged(data_folder, clips[bad]):
        result = data_folder.bachata(*request)
    assert result.exit_code == 0, result.stderr
    assert result.json["steps"]["sequence_planning"]["cached"]
    warning = next(warning for warning in result.json["warnings"] if warning.startswith(f"{bad} cannot be shown"))
    assert "its file in the media store is damaged" in warning
    for before, after in zip(planned["moves"], result.json["moves"], strict=True):
        assert (after["song_start_s"], after["song_end_s"]) == (before["song_start_s"], before["song_end_s"])
        assert after["clip"] != bad
        is_same = after | {"seam": None} == before | {"seam": None}  # a cut to another clip is graded again
        assert is_same or f"{after['clip']} is shown at {before['song_start_s']:.1f} s" in warning
    assert result.json["duration_s"] == planned["duration_s"]


def test_an_edited_plan_with_a_bad_clip_is_rendered_with_a_runner_up(
    data_folder: DataFolder, library: dict[str, Any], demo_song: Path, tmp_path: Path
) -> None:
    planned = data_folder.bachata("generate", demo_song, "--duration", "30s", "--quality", "fast", "--seed", "16").json
    file = tmp_path / "plan.json"
    data_folder.bachata("plan", "export", planned["request_id"], file)
    changed = data_folder.bachata("plan", "change", file, "--phrase", "3", "--to", "another").json
    bad = changed["after"]["rows"][0]["clip"]
    rows = [row for row in data_folder.bachata("plan", "show", file, "--runners-up").json["rows"] if not row["goes_on"]]
    assert all(row["runners_up"] for row in rows)
    clips = {clip["clip"]: clip["sha256"] for clip in library["clips"]}
    assert data_folder.bachata("render", file).exit_code == 0
    with damaged(data_folder, clips[bad]):
        result = data_folder.bachata("render", file, "--quality", "balanced")
    assert result.exit_code == 0, result.stderr
    shown = {move["song_start_s"]: move["clip"] for move in result.json["moves"]}
    assert [shown[row["start_s"]] for row in rows if row["clip"] != bad] == [
        row["clip"] for row in rows if row["clip"] != bad
    ]
    replaced = [row for row in rows if row["clip"] == bad]
    assert replaced
    for row in replaced:
        assert row["runners_up"][0].startswith(f"{shown[row['start_s']]} from ")


@contextmanager
def damaged(data_folder: DataFolder, sha256: str) -> Iterator[None]:
    """Change one byte in the middle of a stored clip and remove what was encoded from it; undo it afterwards."""
    stored = data_folder.path / "media" / sha256[:2] / sha256
    whole = stored.rename(stored.with_suffix(".whole"))
    content = bytearray(whole.read_bytes())
    content[len(content) // 2] ^= 255
    stored.write_bytes(content)
    cache = Path(data_folder.env.get("BACHATA_CACHE_DIR", data_folder.path / "cache"))
    shutil.rmtree(cache / "mezzanines" / sha256)
    try:
        yield
    finally:
        whole.replace(stored)
