"""The outcomes of files: in a file beside them, by a move to `done` or `failed`, and the videos of songs."""

from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from streams.files import video_copies
from streams.watch import outcomes, results
from streams.watch.state import WatchState
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


@pytest.mark.parametrize("content", [b'{"mine": 1}', b"[" * 100_000, b"", b"\xff" * 10, b"9" * 10_000])
def test_a_file_of_somebody_else_is_not_overwritten(content: bytes, tmp_path: Path) -> None:
    watched = Watched(tmp_path, results="beside")
    theirs = watched.put("a.mp4.bachata.json", content)
    watched.put("a.mp4", CLIP)
    watched.finish()
    assert watched.outcomes == {"a.mp4": "done"}
    assert theirs.read_bytes() == content
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


_PLACES_OF_A_KILL = {
    "before the move": (results, "_rename_to_new"),
    "after the move": (outcomes, "write_result"),
    "before it is noted": (WatchState, "set_reported"),
}


@pytest.mark.parametrize("place", _PLACES_OF_A_KILL.values(), ids=_PLACES_OF_A_KILL)
def test_a_kill_while_a_file_is_moved_leaves_one_move_and_one_file(
    place: tuple[object, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = Watched(tmp_path, results="move")
    watched.put("a.mp4", CLIP)
    watched.settle()
    watched.worker.end_all()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(*place, killed)
        with pytest.raises(KeyboardInterrupt):
            watched.cycle()
    watched.restart()
    watched.finish()
    assert _names(watched.folder) == {"done/a.mp4", "done/a.mp4.bachata.json"}
    assert watched.outcomes == {"a.mp4": "done"}
    assert len(watched.worker.clips) == 1
    assert watched.state.without_source() == []


def test_a_file_that_is_exported_again_meanwhile_is_not_moved(tmp_path: Path) -> None:
    watched = Watched(tmp_path, results="move")
    file = watched.put("a.mp4", CLIP)
    watched.settle()
    with file.open("wb") as writer:
        writer.write(clip(1)[:1000])
        writer.flush()
        watched.worker.end_all()
        assert watched.watcher.cycle(watched.now, rescan=False) == []
        assert _names(watched.folder) == {"a.mp4"}
        writer.write(clip(1)[1000:])
    watched.finish()
    assert [request.source for request in watched.worker.clips] != [watched.worker.clips[0].source] * 2
    assert (watched.folder / "done" / "a.mp4").read_bytes() == clip(1)
    assert _json(watched.folder / "done" / "a.mp4")["sha256"] == watched.worker.clips[1].source.sha256


def test_a_file_that_is_written_to_after_its_move_is_taken_again_under_its_name(tmp_path: Path) -> None:
    watched = Watched(tmp_path, results="move")
    file = watched.put("turns/a.mp4", CLIP)
    with file.open("ab") as writer:
        watched.finish()
        assert not file.exists()
        writer.write(clip(1)[len(CLIP) :])
    watched.settle()
    first, second = watched.worker.clips
    assert (second.clip, second.annotation) == (first.clip, first.annotation)
    watched.worker.fail(second, "too_short")
    watched.finish()
    assert _names(watched.folder) == {"failed/turns/a.mp4", "failed/turns/a.mp4.bachata.json"}


def test_files_that_may_still_grow_are_not_moved(tmp_path: Path) -> None:
    watched = Watched(tmp_path, results="move")
    names = {"empty.mp4": b"", "head.mp4": CLIP[:20], "half.mp4": CLIP[: len(CLIP) // 2]}
    files = [watched.put(name, content) for name, content in names.items()]
    watched.settle()
    watched.cycle(PATIENCE_S)
    watched.cycle(PATIENCE_S)
    watched.finish()
    assert _names(watched.folder) == {*names, *(f"{name}.bachata.json" for name in names)}
    for number, file in enumerate(files):
        file.write_bytes(clip(number))
    watched.finish()
    expected = {f"done/{name}" for name in names}
    assert _names(watched.folder) == expected | {f"{name}.bachata.json" for name in expected}


def test_a_file_that_cannot_be_moved_has_its_outcome_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, "_rename_no_replace", lambda *_: errno.EXDEV)
    watched = Watched(tmp_path, results="move")
    watched.put("mounted/a.mp4", CLIP)
    watched.finish()
    watched.restart()
    watched.finish()
    assert _names(watched.folder) == {"mounted/a.mp4", "mounted/a.mp4.bachata.json"}


def test_files_are_moved_on_a_file_system_without_exclusive_renames(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "_rename_no_replace", lambda *_: errno.EINVAL)
    watched = Watched(tmp_path, results="move")
    theirs = watched.put("done/a.mp4", b"theirs")
    watched.put("a.mp4", CLIP)
    watched.finish()
    assert theirs.read_bytes() == b"theirs"
    assert _names(watched.folder) == {"done/a.mp4", "done/a (2).mp4", "done/a (2).mp4.bachata.json"}


def test_a_rename_replaces_no_file_that_another_program_creates_meanwhile(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_bytes(b"ours")
    target.write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        results._rename_to_new(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (b"ours", b"theirs")


def test_a_file_that_asks_for_another_attempt_is_no_copy_and_its_error_is_printed(tmp_path: Path) -> None:
    watched = Watched(tmp_path, results="move")
    for _ in range(2):
        watched.put("b.mp4", CLIP)
        watched.settle()
        watched.worker.fail(watched.worker.clips[-1], "too_short", "only 1 s of it decodes")
        watched.finish()
    assert [outcome.status for outcome in watched.reported] == ["failed", "failed"]
    assert watched.lines[-2:] == ["b.mp4: failed: only 1 s of it decodes"] * 2
    watched.put("c.mp4", clip(1))
    watched.put("d.mp4", clip(1))
    watched.settle()
    watched.worker.fail(watched.worker.clips[-1], "too_short", "it is bad")
    watched.finish()
    assert watched.lines[-1] == "d.mp4: copy of c.mp4, failed: it is bad"


def test_a_file_that_is_put_back_out_of_failed_is_tried_again(tmp_path: Path) -> None:
    watched = Watched(tmp_path, results="move")
    file = watched.put("b.mp4", CLIP)
    watched.settle()
    watched.worker.fail(watched.worker.clips[0], "too_short")
    watched.finish()
    (watched.folder / "failed" / "b.mp4").rename(file)
    watched.finish()
    assert len(watched.worker.clips) == 2
    assert _names(watched.folder) == {"done/b.mp4", "done/b.mp4.bachata.json"}


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


def test_a_file_that_cannot_be_read_is_taken_for_another_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    videos = tmp_path / "videos"
    videos.mkdir()
    (videos / "song.mp4").write_bytes(b"theirs")
    monkeypatch.setattr(video_copies, "sha256_of", refuse)
    watched = Watched(tmp_path, songs_to=videos)
    watched.put("song.mp3", SONG)
    watched.finish()
    assert (videos / "song (2).mp4").read_bytes() == b"song"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.ESTALE, errno.EIO])
def test_a_video_is_waited_for_while_its_disk_is_full_or_away(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    watched = Watched(tmp_path, songs_to=tmp_path / "videos")
    watched.put("song.mp3", SONG)
    watched.settle()
    watched.put("a.mp4", CLIP)
    watched.settle()
    watched.worker.end_all()
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfileobj", refuse)
        watched.settle()
        assert watched.outcomes == {"a.mp4": "done"}, "the others are not delayed"
        assert sum(os.strerror(number) in line for line in watched.lines) == 1
    watched.finish()
    assert watched.outcomes == {"a.mp4": "done", "song.mp3": "done"}
    assert (tmp_path / "videos" / "song.mp4").read_bytes() == b"song"


@pytest.mark.parametrize("is_elsewhere", [False, True])
def test_a_song_whose_video_is_gone_or_elsewhere_is_made_again(is_elsewhere: bool, tmp_path: Path) -> None:
    watched = Watched(tmp_path, songs_to=tmp_path / "videos")
    song = watched.put("song.mp3", SONG)
    watched.finish()
    os.utime(song)
    watched.finish()
    assert len(watched.worker.songs) == 1
    if is_elsewhere:
        watched.options = replace(watched.options, songs_to=tmp_path / "others")
    else:
        (tmp_path / "videos" / "song.mp4").unlink()
    watched.restart()
    os.utime(song, ns=(1, 1))
    watched.finish()
    assert len(watched.worker.songs) == 2
    assert watched.outcomes == {"song.mp3": "done"}
    assert (tmp_path / ("others" if is_elsewhere else "videos") / "song.mp4").is_file()
