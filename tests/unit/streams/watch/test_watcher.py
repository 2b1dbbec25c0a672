"""The folder watcher with real files and its real state: what arrives, changes, is renamed and goes, and restarts."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from schemas.move_annotated import MoveAnnotation
from streams.watch.state import clips_without_source
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
    assert sum("notes.txt: left alone" in line for line in watched.lines) == 1


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
    assert {outcome.copy_of for outcome in watched.watcher.outcomes.all} == {None, "a.mp4"}


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


@pytest.mark.parametrize("is_down", [False, True])
def test_a_removed_file_leaves_its_move_without_source(watched: Watched, is_down: bool) -> None:
    file, kept = watched.put("gone.mp4", CLIP), watched.put("kept.mp4", clip(1))
    watched.put("copy.mp4", clip(1))
    watched.finish()
    file.unlink()
    kept.unlink()
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


def test_a_damaged_state_is_begun_anew(watched: Watched) -> None:
    watched.state.close()
    for file in watched.settings.watch_dir.iterdir():
        file.write_bytes(b"no database" * 1000)
    watched.restart()
    watched.put("a.mp4", CLIP)
    watched.finish()
    assert watched.outcomes == {"a.mp4": "done"}


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
