"""The folder watcher with real files and its real state: what arrives, changes, is renamed and goes, and restarts."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from infra.settings import Settings
from schemas.base import MediaRef
from schemas.faults import Fault, Retryable, Unavailable
from schemas.limits import MediaKind
from schemas.move_annotated import MoveAnnotation
from streams.files.user_files import store_file
from streams.watch import watcher
from streams.watch.state import WatchState, clips_without_source
from tests.odd_media.pictures import still_video
from tests.unit.streams.watch.watched import CLIP, PATIENCE_S, SETTLE_S, SONG, Watched, clip


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path)


def test_a_file_is_taken_when_it_has_stopped_growing(watched: Watched) -> None:
    file = watched.put("slow.mp4", CLIP[:1000])
    watched.cycle()
    for end in (2000, 300_000, len(CLIP)):
        watched.cycle(SETTLE_S / 2)
        file.write_bytes(CLIP[:end])
        os.utime(file, ns=(0, end))  # each write has a time of its own, also on a coarse clock
    watched.cycle()
    watched.cycle(SETTLE_S * 0.9)
    assert watched.worker.opened == []
    watched.cycle(SETTLE_S * 0.2)
    assert [request.clip for request in watched.worker.clips] == ["slow"]


def test_half_a_file_is_waited_for_and_taken_as_it_is_after_a_minute(watched: Watched) -> None:
    half = watched.put("half.mp4", CLIP[: len(CLIP) // 2])
    headless = watched.put("head.mp4", CLIP[:20])
    watched.settle()
    assert watched.worker.clips == []
    half.write_bytes(CLIP)
    watched.settle()
    assert [request.clip for request in watched.worker.clips] == ["half"]
    assert watched.outcomes == {}
    watched.cycle(PATIENCE_S)
    assert watched.outcomes == {"head.mp4": "failed"}
    headless.write_bytes(clip(1))
    watched.finish()
    assert watched.outcomes == {"half.mp4": "done", "head.mp4": "done"}


def test_files_that_are_being_written_hidden_or_of_systems_are_left_alone(watched: Watched) -> None:
    names = ("a.mp4.part", "a.mp4.crdownload", "a.tmp", "a.mp4.download", "a.mp4.filepart", ".a.mp4", "~$a.mp4")
    folders = (".Trash/a.mp4", "@eaDir/a.mp4", "b.mp4.download/a.mp4", "done/a.mp4", "failed/a.mp4")
    for name in (*names, *folders):
        watched.put(name, CLIP)
    watched.put("a.mp4.bachata.json", b"{}")
    watched.settle()
    assert watched.worker.opened == []
    (watched.folder / "a.mp4.part").rename(watched.folder / "a.mp4")
    watched.finish()
    assert [request.clip for request in watched.worker.clips] == ["a"]


def test_songs_and_clips_are_told_apart_by_content_and_other_files_are_left_alone(watched: Watched) -> None:
    watched.put("clip_named.mp3", CLIP)
    watched.put("song_named.mp4", SONG)
    watched.put("without_suffix", clip(1))
    watched.put("notes.txt", b"notes")
    watched.put("broken.mp4", b"this is no video" * 100)
    watched.finish()
    watched.cycle(PATIENCE_S)
    assert {request.clip for request in watched.worker.clips} == {"clip_named", "without_suffix"}
    assert [request.title for request in watched.worker.songs] == ["song_named"]
    assert watched.outcomes.keys() == {"clip_named.mp3", "without_suffix", "song_named.mp4", "broken.mp4"}
    assert sum("notes.txt: skipped" in line for line in watched.lines) == 1


def test_a_song_waits_for_the_clips_that_arrived_with_it(watched: Watched) -> None:
    watched.put("a_song.mp3", SONG)
    watched.put("b_clip.mp4", CLIP)
    watched.settle()
    assert watched.worker.songs == []
    watched.worker.end_all()
    watched.cycle()
    watched.cycle()
    assert [request.title for request in watched.worker.songs] == ["a_song"]


def test_a_video_in_which_nobody_dances_is_taken_as_a_song(watched: Watched) -> None:
    watched.put("music_video.mp4", CLIP)
    watched.settle()
    watched.worker.fail(watched.worker.clips[0], "nobody")
    watched.cycle()
    watched.cycle()
    [song] = watched.worker.songs
    assert song.source == watched.worker.clips[0].source
    assert song.request_id != watched.worker.clips[0].request_id


def test_the_same_content_under_two_names_is_one_move_of_the_first_name(watched: Watched) -> None:
    watched.put("a.mp4", CLIP)
    watched.put("b.mp4", CLIP)
    watched.finish()
    watched.put("later.mp4", CLIP)
    watched.finish()
    assert [request.clip for request in watched.worker.clips] == ["a"]
    assert watched.outcomes == {"a.mp4": "done", "b.mp4": "copy", "later.mp4": "copy"}
    assert {outcome.copy_of for outcome in watched.reported} == {None, "a.mp4"}


@pytest.mark.parametrize("is_down", [False, True])
@pytest.mark.parametrize("is_copied", [False, True])
def test_a_renamed_file_is_the_same_move(watched: Watched, is_down: bool, is_copied: bool) -> None:
    file = watched.put("old.mp4", CLIP)
    watched.finish()
    new = watched.folder / "new.mp4"
    if is_copied:  # as on a network folder without inodes
        shutil.copyfile(file, new)
        file.unlink()
    else:
        file.rename(new)
    if is_down:
        watched.restart()
    watched.finish()
    watched.settle()
    assert len(watched.worker.clips) == 1
    assert watched.state.without_source() == []
    assert set(watched.state.files(watched.folder)) == {"new.mp4"}
    assert watched.worker.opened.count("new.mp4") == is_copied
    assert watched.outcomes["new.mp4"] == "done"


@pytest.mark.parametrize("is_down", [False, True])
def test_a_removed_file_leaves_its_move_without_source(watched: Watched, is_down: bool) -> None:
    file, original = watched.put("gone.mp4", CLIP), watched.put("original.mp4", clip(1))
    watched.put("copy.mp4", clip(1))
    watched.finish()
    file.unlink()
    original.unlink()
    if is_down:
        watched.restart()
    watched.finish()
    assert [content.clip for content in watched.state.without_source()] == ["gone"]
    assert clips_without_source(watched.settings) == {watched.worker.clips[1].source.sha256}
    assert sum("gone.mp4 is gone" in line for line in watched.lines) == 1
    watched.put("back.mp4", CLIP)
    watched.finish()
    assert watched.state.without_source() == []
    assert len(watched.worker.clips) == 2


def test_a_changed_file_is_a_new_clip_and_the_old_move_has_no_source(watched: Watched) -> None:
    watched.put("move.mp4", CLIP)
    watched.finish()
    watched.put("move.mp4", clip(1))
    watched.finish()
    old, new = watched.worker.clips
    assert old.source != new.source
    assert [content.sha256 for content in watched.state.without_source()] == [old.source.sha256]


def test_nothing_counts_as_gone_while_the_folder_is_away(watched: Watched) -> None:
    watched.put("a.mp4", CLIP)
    watched.finish()
    away = watched.folder.rename(watched.folder.with_name("away"))
    watched.settle()
    assert any(line.startswith("waiting: ") and "cannot be read" in line for line in watched.lines)
    assert watched.state.without_source() == []
    assert not watched.watcher.is_finished
    away.rename(watched.folder)
    watched.finish()
    assert len(watched.worker.clips) == 1


def test_a_restart_neither_loses_nor_doubles_a_submission(watched: Watched) -> None:
    for number in range(12):
        watched.put(f"{number:02d}.mp4", clip(number))
    watched.settle()
    assert len(watched.worker.clips) == 8
    first = watched.worker.clips[0]
    watched.worker.end(first)
    watched.restart()
    watched.finish()
    requests = {str(request.source.sha256): request.request_id for request in watched.worker.clips}
    assert len(requests) == 12
    assert {(str(request.source.sha256), request.request_id) for request in watched.worker.clips} == set(
        requests.items()
    )
    assert [request for request in watched.worker.clips if request.source == first.source] == [first]
    assert len(watched.outcomes) == 12


def test_a_restart_before_the_broker_has_acknowledged_publishes_under_the_same_id(watched: Watched) -> None:
    watched.put("a.mp4", CLIP)
    watched.worker.is_away = True
    watched.settle()
    [queued] = watched.state.contents_in([watched.folder], "queued")
    assert [line for line in watched.lines if line.startswith("waiting")] == ["waiting: Kafka is away"]
    watched.restart()
    watched.worker.is_away = False
    watched.finish()
    assert [request.request_id for request in watched.worker.clips] == [queued.request_id]


def test_a_lost_state_costs_no_analysis(watched: Watched) -> None:
    watched.put("a.mp4", CLIP)
    watched.finish()
    watched.state.close()
    shutil.rmtree(watched.settings.watch_dir)
    watched.restart()
    watched.finish()
    assert len(watched.worker.clips) == 1
    assert watched.outcomes == {"a.mp4": "done"}


def _no_database(file: Path) -> None:
    file.write_bytes(b"no database" * 1000)


def _bad_page(file: Path) -> None:
    with file.open("r+b") as writer:
        writer.seek(4096)
        writer.write(b"\xff" * (file.stat().st_size - 4096))


def _other_tables(file: Path) -> None:
    with closing(sqlite3.connect(file)) as db, db:
        db.execute("PRAGMA user_version = 1")
        db.execute("ALTER TABLE files DROP COLUMN has_request")


@pytest.mark.parametrize("damage", [_no_database, _bad_page, _other_tables])
def test_a_damaged_state_is_replaced_by_a_watcher_only(watched: Watched, damage: Callable[[Path], None]) -> None:
    watched.put("a.mp4", CLIP)
    watched.finish()
    watched.state.close()
    file = watched.settings.watch_dir / "state.sqlite3"
    damage(file)
    content = file.read_bytes()
    assert clips_without_source(watched.settings) == frozenset()
    assert file.read_bytes() == content
    watched.restart()
    watched.finish()
    assert watched.outcomes == {"a.mp4": "done"}
    assert len(watched.worker.clips) == 1


def test_a_state_that_a_watcher_uses_is_not_replaced(watched: Watched) -> None:
    watched.put("a.mp4", CLIP)
    watched.finish()
    file = watched.settings.watch_dir / "state.sqlite3"
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    _bad_page(file)
    inode = file.stat().st_ino
    with pytest.raises(Fault, match="malformed"):
        WatchState(watched.settings.watch_dir).files(watched.folder)
    assert file.stat().st_ino == inode


def test_a_bad_file_stops_no_other_and_is_tried_again_when_it_is_put_there_again(watched: Watched) -> None:
    watched.put("a_empty.mp4", b"")
    bad = watched.put("b.mp4", CLIP)
    watched.put("c.mp4", clip(1))
    watched.settle()
    watched.worker.fail(watched.worker.clips[0], "too_short")
    watched.worker.end_all()
    watched.cycle(PATIENCE_S)
    assert watched.outcomes == {"a_empty.mp4": "failed", "b.mp4": "failed", "c.mp4": "done"}
    watched.restart()
    watched.finish()
    assert len(watched.worker.clips) == 2
    os.utime(bad)
    watched.finish()
    assert len(watched.worker.clips) == 3
    assert watched.outcomes == {"b.mp4": "done"}


def test_a_move_that_was_removed_comes_back_only_when_its_file_is_put_there_again(watched: Watched) -> None:
    file = watched.put("a.mp4", CLIP)
    watched.finish()
    watched.worker.library.clear()
    watched.restart()
    file = file.rename(watched.folder / "b.mp4")
    watched.finish()
    assert len(watched.worker.clips) == 1
    os.utime(file)
    watched.finish()
    assert len(watched.worker.clips) == 2


def test_a_folder_is_the_category_where_nothing_says_more(watched: Watched) -> None:
    watched.put("turns/a.mp4", CLIP)
    watched.put("turns/inner/b.mp4", clip(1))
    watched.put("c.mp4", clip(2))
    rows = [{"clip_id": "b", "category": "spins", "difficulty": "advanced"}]
    watched.put("annotations.json", json.dumps({"clips": rows}).encode())
    watched.finish()
    annotations = {request.clip: request.annotation for request in watched.worker.clips}
    assert annotations == {
        "a": MoveAnnotation(category="turns"),
        "b": MoveAnnotation(category="spins", difficulty="advanced"),
        "c": None,
    }


def test_a_changed_file_of_annotations_annotates_without_an_analysis(watched: Watched) -> None:
    watched.put("turns/a.mp4", CLIP)
    watched.put("b.mp4", clip(1))
    watched.finish()
    watched.worker.annotated.clear()
    file = watched.put("annotations.csv", b"clip,difficulty,category\na,advanced,\nb,,\n")
    watched.settle()
    [a] = [str(request.source.sha256) for request in watched.worker.clips if request.clip == "a"]
    assert watched.worker.annotated == [{a: MoveAnnotation(category="turns", difficulty="advanced")}]
    watched.restart()
    watched.settle()
    assert len(watched.worker.annotated) == 1
    file.write_bytes(b"clip,difficulty\na,no such\n")
    watched.settle()
    assert len(watched.worker.annotated) == 1
    assert sum("the annotations stay as they were" in line for line in watched.lines) == 1
    (watched.folder / "turns").rename(watched.folder / "basics")
    watched.settle()
    assert watched.worker.annotated[1:] == [{a: MoveAnnotation(category="basics", difficulty="advanced")}]
    assert len(watched.worker.clips) == 2


def _edit(watched: Watched, **fields: Any) -> MoveAnnotation:
    """Annotate the one move of the library as a person does, and return its annotation."""
    [sha256] = watched.worker.library
    edited = (watched.worker.library[sha256].annotation or MoveAnnotation()).model_copy(update=fields)
    watched.worker.annotate({sha256: edited})
    return edited


def test_a_row_changes_only_the_fields_in_which_it_has_changed(watched: Watched) -> None:
    watched.put("a.mp4", CLIP)
    file = watched.put("annotations.csv", b"clip,difficulty,energy\na,advanced,low\n")
    watched.finish()
    edited = _edit(watched, difficulty="beginner")
    file.write_bytes(b"clip,difficulty,energy,notes\na,advanced,high,slow down\n")
    watched.settle()
    [move] = watched.worker.library.values()
    assert move.annotation == edited.model_copy(update={"energy": "high", "notes": "slow down"})


def test_a_clip_whose_annotated_1_changes_is_indexed_again_with_it(watched: Watched) -> None:
    watched.put("a.mp4", CLIP)
    watched.finish()
    file = watched.put("annotations.csv", b"clip,first_one_s\na,0.5\n")
    watched.finish()
    assert [clip.annotation and clip.annotation.first_one_s for clip in watched.worker.clips] == [None, 0.5]
    watched.finish()
    watched.restart()
    watched.finish()
    assert len(watched.worker.clips) == 2
    file.write_bytes(b"clip,first_one_s,energy\na,,high\n")
    watched.finish()
    assert [clip.annotation and clip.annotation.first_one_s for clip in watched.worker.clips] == [None, 0.5, None]
    [move] = watched.worker.library.values()
    assert move.annotation == MoveAnnotation(energy="high")


@pytest.mark.parametrize("is_move_removed", [False, True])
@pytest.mark.parametrize("is_state_lost", [False, True])
def test_an_edit_outlives_a_lost_state_and_a_removed_move(
    watched: Watched, is_state_lost: bool, is_move_removed: bool
) -> None:
    file = watched.put("turns/a.mp4", CLIP)
    watched.put("annotations.csv", b"clip,difficulty,energy\na,advanced,low\n")
    watched.finish()
    edited = _edit(watched, difficulty="beginner", category="mine")
    if is_move_removed:
        watched.worker.library.clear()
    if is_state_lost:
        watched.state.close()
        shutil.rmtree(watched.settings.watch_dir)
        watched.restart()
    os.utime(file)
    watched.finish()
    [move] = watched.worker.library.values()
    assert move.annotation == edited
    assert len(watched.worker.clips) == 1 + is_move_removed


def test_a_row_that_was_corrected_holds_at_the_next_attempt(watched: Watched) -> None:
    file = watched.put("a.mp4", CLIP)
    rows = watched.put("annotations.csv", b"clip,tempo\na,100\n")
    watched.settle()
    watched.worker.fail(watched.worker.clips[0], "no_beats")
    watched.finish()
    rows.write_bytes(b"clip,tempo\na,130\n")
    os.utime(file)
    watched.settle()
    assert watched.worker.clips[1].annotation == MoveAnnotation(tempo_bpm=130.0)


def test_annotations_wait_for_a_library_that_is_behind(watched: Watched) -> None:
    watched.put("turns/a.mp4", CLIP)
    watched.finish()
    edited = _edit(watched, difficulty="beginner")
    watched.worker.is_behind = True
    watched.put("annotations.csv", b"clip,energy\na,high\n")
    watched.settle()
    assert [line for line in watched.lines if line.startswith("waiting")] == ["waiting: the move index is being built"]
    watched.worker.catch_up()
    watched.finish()
    [move] = watched.worker.library.values()
    assert move.annotation == edited.model_copy(update={"energy": "high"})


def test_what_a_person_has_edited_is_not_undone(watched: Watched) -> None:
    watched.put("turns/a.mp4", CLIP)
    watched.finish()
    [sha256] = watched.worker.library
    edited = MoveAnnotation(category="mine", notes="by hand")
    watched.worker.annotate({sha256: edited})
    watched.worker.annotated.clear()
    watched.restart()
    watched.put("annotations.csv", b"clip,energy\na,high\n")
    watched.settle()
    assert watched.worker.library[sha256].annotation == edited.model_copy(update={"energy": "high"})


def test_an_outcome_waits_for_a_library_that_is_behind(watched: Watched) -> None:
    watched.put("turns/a.mp4", CLIP)
    watched.put("song.mp3", SONG)
    watched.settle()
    watched.worker.is_behind = True
    watched.worker.end_all()
    watched.settle()
    assert watched.outcomes == {}
    watched.worker.catch_up()
    watched.finish()
    [clip_outcome] = [outcome for outcome in watched.reported if outcome.kind == "clip"]
    assert clip_outcome.result is not None
    assert (clip_outcome.result["category"], clip_outcome.result["tempo_bpm"]) == ("turns", 128.0)
    assert watched.outcomes == {"a.mp4": "done", "song.mp3": "done"}


def test_the_outcome_of_a_move_that_was_removed_meanwhile_says_so(watched: Watched) -> None:
    watched.put("a.mp4", CLIP)
    watched.settle()
    watched.worker.end_all()
    watched.worker.library.clear()
    watched.finish()
    assert watched.lines[-1] == "a.mp4: done: a, removed since"


def test_files_are_stored_some_at_a_time_and_each_is_known_at_once(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: list[str] = []

    def store(settings: Settings, file: Path, kind: MediaKind) -> MediaRef:
        if len(stored) == 20 and not is_free:
            raise Unavailable("the disk is full", "disk_full")
        stored.append(file.name)
        return store_file(settings, file, kind)

    is_free = False
    monkeypatch.setattr(watcher, "store_file", store)
    watched.put("00.mp3", SONG)
    for number in range(1, 40):
        watched.put(f"{number:02d}.mp4", clip(number))
    watched.cycle()
    watched.cycle(SETTLE_S)
    assert len(stored) == len(watched.state.files(watched.folder)) == 16
    assert len(watched.worker.clips) == 8
    for _ in range(20):
        watched.cycle(0.1)
    assert len(stored) == len(watched.state.files(watched.folder)) == 20
    assert [line for line in watched.lines if "disk" in line] == ["waiting: the disk is full"]
    is_free = True
    watched.finish()
    assert len(stored) == len(set(stored)) == 40, "no file is copied twice"
    assert stored[-1] == "00.mp3", "the song comes after the clips that arrived with it"
    assert set(watched.outcomes.values()) == {"done"}


def test_a_file_that_the_disk_does_not_read_delays_no_other(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[float] = []

    def store(settings: Settings, file: Path, kind: MediaKind) -> MediaRef:
        if file.name == "a.mp4" and len(attempts) < 5:
            attempts.append(watched.now)
            raise Retryable("Input/output error", "storage")
        return store_file(settings, file, kind)

    monkeypatch.setattr(watcher, "store_file", store)
    watched.put("a.mp4", CLIP)
    watched.put("b.mp4", clip(1))
    watched.settle()
    assert [request.clip for request in watched.worker.clips] == ["b"]
    assert sum("Input/output error; it is tried again" in line for line in watched.lines) == 1
    watched.finish()
    assert watched.outcomes == {"a.mp4": "done", "b.mp4": "done"}
    pauses = [later - earlier for earlier, later in pairwise(attempts)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 4 * SETTLE_S


def test_the_disk_of_a_folder_that_was_unmounted_is_away_and_nothing_is_gone(watched: Watched) -> None:
    files = [watched.put("a.mp4", CLIP), watched.put("b/b.mp4", clip(1))]
    watched.finish()
    moved = [file.rename(watched.folder.parent / file.name) for file in files]
    watched.state.put_device(watched.folder, -1)
    watched.restart()
    for _ in range(3):
        watched.settle()
    assert any("is empty and on another disk than before" in line for line in watched.lines)
    assert len(watched.state.files(watched.folder)) == 2
    assert watched.state.without_source() == []
    for file, original in zip(moved, files, strict=True):
        file.rename(original)
    watched.finish()
    assert len(watched.worker.clips) == 2
    assert watched.outcomes == {}
    for file in files:
        file.unlink()
    watched.finish()
    assert len(watched.state.without_source()) == 2, "on the same disk, they are gone"


def test_a_clip_whose_move_was_removed_has_no_move_that_stays(watched: Watched) -> None:
    file = watched.put("a.mp4", CLIP)
    watched.put("b.mp4", clip(1)).with_name("link.mp4").symlink_to(watched.folder / "b.mp4")
    watched.finish()
    watched.worker.library.pop(str(watched.worker.clips[0].source.sha256))
    file.unlink()
    (watched.folder / "b.mp4").unlink()
    watched.finish()
    watched.settle()
    assert not any("a.mp4 is gone" in line for line in watched.lines)
    assert [content.clip for content in watched.watcher.without_source()] == ["b"], "a link to nothing is no source"
    assert watched.state.content(str(watched.worker.clips[0].source.sha256)) is None


def test_the_same_content_in_two_folders_is_one_move(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    watched = Watched(tmp_path, other, results="beside")
    watched.put("a.mp4", CLIP)
    watched.put("../other/turns/b.mp4", CLIP)
    watched.put("../other/c.mp4", clip(1))
    watched.finish()
    assert [request.clip for request in watched.worker.clips] == ["a", "c"]
    assert watched.outcomes == {"a.mp4": "done", "b.mp4": "copy", "c.mp4": "done"}
    assert (other / "turns" / "b.mp4.bachata.json").is_file()
    (watched.folder / "a.mp4").unlink()
    watched.finish()
    assert watched.state.without_source() == []
    (other / "turns" / "b.mp4").unlink()
    watched.finish()
    assert [content.clip for content in watched.state.without_source()] == ["a"]


def test_a_file_that_is_moved_to_another_folder_is_the_same_move(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    watched = Watched(tmp_path, other)
    file = watched.put("a.mp4", CLIP)
    watched.finish()
    file.rename(other / "b.mp4")
    watched.finish()
    assert len(watched.worker.clips) == 1
    assert watched.outcomes == {"a.mp4": "done", "b.mp4": "done"}
    assert watched.state.without_source() == []
    assert not any("is gone" in line for line in watched.lines)


def test_a_still_image_with_sound_is_a_song(watched: Watched) -> None:
    still_video(watched.folder / "song.mp4", fps=1)
    still_video(watched.folder / "clip.mp4", fps=10)
    still_video(watched.folder / "silent.mp4", fps=1, has_sound=False)
    watched.settle()
    watched.worker.end_all()
    watched.settle()
    assert {request.clip for request in watched.worker.clips} == {"clip", "silent"}
    assert [request.title for request in watched.worker.songs] == ["song"]
