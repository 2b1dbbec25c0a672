"""The outcomes of files: in a file beside them, by a move to `done` or `failed`, and the videos of songs."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from streams.watch import outcomes
from tests.unit.streams.watch.watched import CLIP, PATIENCE_S, SONG, Watched, clip


def _json(file: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads(file.with_name(file.name + ".bachata.json").read_text())
    return content


def _names(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}


def test_an_outcome_is_written_beside_the_file_and_is_no_file_to_watch(tmp_path: Path) -> None:
    watched = Watched(tmp_path, results="beside")
    good, bad = watched.put("good.mp4", CLIP), watched.put("bad.mp4", b"")
    copy = watched.put("z/copy.mp4", CLIP)
    watched.settle()
    watched.worker.end_all()
    watched.cycle(PATIENCE_S)
    watched.finish()
    assert (_json(good)["status"], _json(good)["tempo_bpm"]) == ("done", 128.0)
    assert (_json(bad)["status"], _json(bad)["reason"]) == ("failed", "empty")
    assert (_json(copy)["status"], _json(copy)["copy_of"]) == ("copy", "good.mp4")
    assert set(watched.worker.opened) == {"good.mp4", "bad.mp4", "copy.mp4"}
    good.rename(watched.folder / "renamed.mp4")
    watched.settle()
    assert _json(watched.folder / "renamed.mp4")["clip"] == "good"
    assert "good.mp4.bachata.json" not in _names(watched.folder)


def test_a_file_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    watched = Watched(tmp_path, results="beside")
    theirs = watched.put("a.mp4.bachata.json", b'{"mine": 1}')
    watched.put("a.mp4", CLIP)
    watched.finish()
    assert theirs.read_bytes() == b'{"mine": 1}'
    assert any("another file has this name" in line for line in watched.lines)


def test_files_are_moved_to_done_and_failed_and_keep_their_source(tmp_path: Path) -> None:
    watched = Watched(tmp_path, results="move")
    watched.put("done/turns/a.mp4", b"theirs")
    watched.put("turns/a.mp4", CLIP)
    watched.put("b.mp4", clip(1))
    watched.settle()
    watched.worker.fail(watched.worker.clips[0], "too_short", "only 1 s of it decodes")
    watched.worker.end_all()
    watched.finish()
    assert _names(watched.folder) == {
        *("done/turns/a.mp4", "done/turns/a (2).mp4", "done/turns/a (2).mp4.bachata.json"),
        *("failed/b.mp4", "failed/b.mp4.bachata.json"),
    }
    assert (watched.folder / "done/turns/a.mp4").read_bytes() == b"theirs"
    assert _json(watched.folder / "failed" / "b.mp4")["error"] == "only 1 s of it decodes"
    watched.restart()
    watched.finish()
    assert watched.state.without_source() == []
    (watched.folder / "done/turns/a (2).mp4").unlink()
    watched.finish()
    watched.settle()
    assert [content.clip for content in watched.state.without_source()] == ["a"]


def test_a_kill_before_a_file_is_moved_leaves_one_move_and_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(tmp_path, results="move")
    watched.put("a.mp4", CLIP)
    watched.settle()
    watched.worker.end_all()

    def killed(*_: object, on_name: object, **__: object) -> str:
        on_name("done/a.mp4")  # type: ignore[operator]
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(outcomes, "move_to_outcome", killed)
        with pytest.raises(KeyboardInterrupt):
            watched.cycle()
    watched.restart()
    watched.finish()
    assert _names(watched.folder) == {"done/a.mp4", "done/a.mp4.bachata.json"}
    assert len(watched.worker.clips) == 1
    assert watched.state.without_source() == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_gives_one_warning(tmp_path: Path) -> None:
    watched = Watched(tmp_path, results="beside")
    watched.put("a.mp4", CLIP)
    watched.put("b.mp4", clip(1))
    watched.folder.chmod(0o500)
    watched.finish()
    watched.folder.chmod(0o700)
    assert watched.outcomes == {"a.mp4": "done", "b.mp4": "done"}
    assert sum("outcomes cannot be written" in line for line in watched.lines) == 1


@pytest.mark.parametrize("results", ["beside", "move"])
def test_outcomes_that_cannot_be_written_give_one_warning(
    results: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    for name in ("write_result", "move_to_outcome"):
        monkeypatch.setattr(outcomes, name, refuse)
    watched = Watched(tmp_path, results=results)
    for number in range(3):
        watched.put(f"{number}.mp4", clip(number))
    watched.finish()
    assert set(watched.outcomes.values()) == {"done"}
    assert sum("outcomes cannot be written" in line for line in watched.lines) == 1
    assert watched.state.without_source() == []


def test_a_song_comes_out_as_a_video_in_the_folder_for_them(tmp_path: Path) -> None:
    videos = tmp_path / "watched" / "videos"
    watched = Watched(tmp_path, results="beside", songs_to=videos)
    song = watched.put("song.mp3", SONG)
    watched.finish()
    watched.settle()
    assert _json(song)["video"] == str(videos / "song.mp4")
    assert (videos / "song.mp4").read_bytes() == b"song"
    assert watched.worker.clips == [], "the videos are in a watched folder and not taken themselves"


def test_a_video_replaces_no_file_of_another_content(tmp_path: Path) -> None:
    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "song.mp4").write_bytes(b"theirs")
    watched = Watched(tmp_path, songs_to=videos)
    watched.put("song.mp3", SONG)
    watched.finish()
    assert (videos / "song.mp4").read_bytes() == b"theirs"
    assert (videos / "song (2).mp4").read_bytes() == b"song"
