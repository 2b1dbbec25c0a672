"""Annotations of clips: both names of a field are taken, and names of files from other systems are found."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from schemas.faults import Poison
from streams.files.annotations import Annotations
from tests.paths import DEMO


def _file(folder: Path, **entry: Any) -> Path:
    file = folder / "annotations.json"
    file.write_text(json.dumps({"clips": [{"video_path": "a.mp4", "move_label": "basic"} | entry]}), encoding="utf-8")
    return file


def _clip(folder: Path, name: str) -> Path:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).touch()
    return folder / name


@pytest.mark.parametrize("field", ["estimated_tempo", "tempo_bpm"])
def test_a_field_may_have_its_name_of_the_file_or_of_the_event(field: str, tmp_path: Path) -> None:
    found = Annotations(_file(tmp_path, **{field: 126})).of([tmp_path / "a.mp4"])
    assert found is not None
    assert found.annotation(None).tempo_bpm == 126


def test_an_accent_matches_composed_and_not_composed(tmp_path: Path) -> None:
    clip = _clip(tmp_path, unicodedata.normalize("NFD", "niño.mp4"))
    annotations = Annotations(_file(tmp_path, video_path=unicodedata.normalize("NFC", "niño.mp4")))
    assert annotations.of([clip]) is not None
    assert annotations.warnings({(clip,): ""}) == []


def test_a_path_of_windows_is_found(tmp_path: Path) -> None:
    clip = _clip(tmp_path, "clips/a.mp4")
    assert Annotations(_file(tmp_path, video_path="clips\\a.mp4")).of([clip]) is not None


def test_a_clip_is_annotated_by_any_of_its_names(tmp_path: Path) -> None:
    clips = (_clip(tmp_path, "copy.mp4"), _clip(tmp_path, "a.mp4"))
    annotations = Annotations(_file(tmp_path))
    assert annotations.of(clips) is not None
    assert annotations.warnings({clips: ""}) == []


def test_a_path_that_is_too_long_is_a_file_that_does_not_exist(tmp_path: Path) -> None:
    name = 300 * "a"
    assert f"{name} is annotated but does not exist" in Annotations(_file(tmp_path, video_path=name)).warnings({})


def test_missing_files_and_missing_annotations_are_warnings(tmp_path: Path) -> None:
    other = _clip(tmp_path, "other.mp4")
    assert Annotations(_file(tmp_path)).warnings({(other,): ""}) == [
        "a.mp4 is annotated but does not exist",
        "other.mp4 has no annotation",
    ]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"move_label": 5}, r"clips\.0 \(a\.mp4\), move_label: "),
        ({"energy_level": "huge"}, r"clips\.0 \(a\.mp4\), energy_level: "),
        ({"estimated_tempo": 1}, r"clips\.0 \(a\.mp4\), estimated_tempo: "),
        ({"video_path": 5}, r'clips\.0: give an object with "clip_id" or "video_path"'),
        ({"video_path": "\ud800"}, r'clips\.0: give an object with "clip_id" or "video_path"'),
    ],
)
def test_an_invalid_entry_is_named(entry: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(Poison, match=message):
        Annotations(_file(tmp_path, **entry))


@pytest.mark.parametrize("text", ["[]", '{"clips": {}}', '{"clips": [1]}', "null"])
def test_another_structure_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "file.json").write_text(text)
    with pytest.raises(Poison, match="not a valid file of annotations"):
        Annotations(tmp_path / "file.json")


def test_without_a_file_there_are_no_annotations_and_no_warnings(tmp_path: Path) -> None:
    assert Annotations(None).of([tmp_path]) is None
    assert Annotations(None).warnings({(tmp_path,): ""}) == []


def test_the_annotations_of_the_demo_clips_are_valid() -> None:
    clips = sorted((DEMO / "clips").glob("*.mp4"))
    assert Annotations(DEMO / "annotations.json").warnings({(clip,): "" for clip in clips}) == []


def test_an_entry_that_names_its_clip_by_content_is_found_under_any_name(tmp_path: Path) -> None:
    file = tmp_path / "annotations.csv"
    file.write_text(f"sha256,energy\n{'A' * 64},high\n", encoding="utf-8")
    annotations = Annotations(file)
    found = annotations.of([tmp_path / "any name.mp4"], "a" * 64)
    assert found is not None
    assert found.annotation(None).energy == "high"
    assert annotations.of([tmp_path / "any name.mp4"], "b" * 64) is None


def test_an_entry_with_the_hash_of_another_clip_is_not_about_a_clip_of_its_name(tmp_path: Path) -> None:
    file, clip = tmp_path / "annotations.csv", _clip(tmp_path, "a.mp4")
    file.write_text(f"sha256,clip,video_path,energy\n{'a' * 64},a,a.mp4,high\n", encoding="utf-8")
    annotations = Annotations(file)
    assert annotations.of([clip], "b" * 64) is None
    assert annotations.of([clip], "a" * 64) is not None
    assert annotations.warnings({(clip,): "b" * 64}) == ["a.mp4 has no annotation"]
    assert annotations.warnings({(clip,): "a" * 64}) == []


def test_all_entries_that_differ_about_one_clip_are_named(tmp_path: Path) -> None:
    file, clips = tmp_path / "annotations.csv", [_clip(tmp_path, name) for name in ("a.mp4", "b.mp4", "c.mp4")]
    rows = [f"{'a' * 64},,high", ",a,low", f"{'b' * 64},,high", ",b,high", ",c,low"]
    file.write_text("sha256,clip,energy\n" + "\n".join(rows), encoding="utf-8")
    annotations = Annotations(file)
    annotations.check({(clips[1],): "b" * 64, (clips[2],): "c" * 64})
    with pytest.raises(Poison, match=r"row 3 \(a\) is about the same clip as row 2") as fault:
        annotations.check({(clips[0], clips[2]): "a" * 64})
    assert "row 6 (c) is about the same clip as row 2" in str(fault.value)
