"""A plan is listed, shown, exported, edited by hand, judged and rendered again; each time it is the same dance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from streams.files.plan_files import plan_text, read_plan
from tests.broker.conftest import DataFolder
from tests.odd_media.windows import copy_start
from tests.paths import DEMO

pytestmark = [pytest.mark.broker, pytest.mark.slow]


@pytest.fixture(scope="module")
def generated(data_folder: DataFolder, one_move: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the video of a short song, and its request."""
    song = tmp_path_factory.mktemp("song") / "luna.mp3"
    copy_start(DEMO / "songs" / "luna_124.mp3", song, 14)
    made = data_folder.bachata("generate", song, "--quality", "fast", "--duration", "30s")
    assert made.exit_code == 0, made.stderr
    return made.json


@pytest.fixture(scope="module")
def exported(data_folder: DataFolder, generated: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of the plan."""
    file = tmp_path_factory.mktemp("plan") / "plan.json"
    made = data_folder.bachata("plan", "export", generated["request_id"], file)
    assert made.exit_code == 0, made.stderr
    return file


def test_the_plan_is_listed_with_its_cuts(data_folder: DataFolder, generated: Any) -> None:
    plans = data_folder.bachata("plan", "list").json["plans"]
    [found] = [plan for plan in plans if plan["request_id"] == generated["request_id"]]
    assert found["cuts"] == len(generated["moves"]) - 1 == sum(found["grades"].values())


def test_the_file_is_the_plan_of_the_request(data_folder: DataFolder, generated: Any, exported: Path) -> None:
    of_request = data_folder.bachata("judge", generated["request_id"]).json
    assert data_folder.bachata("judge", exported).json == of_request
    shown = data_folder.bachata("plan", "show", generated["request_id"], "--runners-up").json
    starts = [row["start_s"] for row in shown["rows"] if not row["goes_on"]]
    assert starts == [move["song_start_s"] for move in generated["moves"]]
    assert shown["score"] == of_request["score"]


def test_an_edited_plan_is_judged_and_rendered(data_folder: DataFolder, generated: Any, exported: Path) -> None:
    plan = read_plan(exported)
    rows = [row.model_copy(update={"mirrored": number % 2 == 1}) for number, row in enumerate(plan.dance)]
    edited = exported.with_name("edited.json")
    edited.write_text(plan_text(plan.model_copy(update={"dance": tuple(rows)})))
    assert data_folder.bachata("judge", edited).json["points"] != data_folder.bachata("judge", exported).json["points"]
    rendered = data_folder.bachata("render", edited)
    assert rendered.exit_code == 0, rendered.stderr
    assert rendered.json["video"] != generated["video"]
    assert Path(rendered.json["video"]).is_file()
    assert rendered.json["duration_s"] == pytest.approx(generated["duration_s"], abs=0.05)
    assert list(rendered.json["steps"]) == ["rendering"]
    again = data_folder.bachata("plan", "export", rendered.json["request_id"], exported.with_name("again.json"))
    assert again.exit_code == 0, again.stderr
    assert read_plan(exported.with_name("again.json")).dance == tuple(rows)


def test_a_plan_with_a_move_that_the_scores_of_its_song_lack_is_found_by_the_id_of_its_request(
    data_folder: DataFolder, library: dict[str, Any], tmp_path: Path
) -> None:
    song, file, again = tmp_path / "luna.mp3", tmp_path / "plan.json", tmp_path / "again.json"
    copy_start(DEMO / "songs" / "luna_124.mp3", song, 15)
    made = data_folder.bachata("generate", song, "--quality", "fast", "--duration", "30s", "--ban", "hip_roll")
    assert made.exit_code == 0, made.stderr
    for arguments in (
        ("plan", "export", made.json["request_id"], file),
        ("plan", "change", file, "--phrase", "2", "--to", "hip_roll"),
    ):
        assert data_folder.bachata(*arguments).exit_code == 0
    rendered = data_folder.bachata("render", file)
    assert rendered.exit_code == 0, rendered.stderr
    assert "hip_roll" in [move["clip"] for move in rendered.json["moves"]]
    judged = data_folder.bachata("judge", rendered.json["request_id"])
    assert judged.exit_code == 0, judged.stderr
    assert judged.json == data_folder.bachata("judge", file).json
    exported = data_folder.bachata("plan", "export", rendered.json["request_id"], again)
    assert exported.exit_code == 0, exported.stderr
    assert read_plan(again).dance == read_plan(file).dance


def test_a_plan_that_did_not_change_is_not_rendered_again(
    data_folder: DataFolder, generated: Any, exported: Path
) -> None:
    first = data_folder.bachata("render", exported)
    assert first.exit_code == 0, first.stderr
    second = data_folder.bachata("render", exported)
    assert second.json["video"] == first.json["video"]
    assert second.json["steps"]["rendering"]["cached"]


def test_a_clip_that_the_library_has_with_other_beats_is_refused(data_folder: DataFolder, exported: Path) -> None:
    plan = read_plan(exported)
    [(sha, move), *_] = plan.moves.items()
    moved = move.model_copy(update={"beats": tuple(beat + 0.01 for beat in move.beats)})
    other = exported.with_name("other.json")
    other.write_text(plan_text(plan.model_copy(update={"moves": {**plan.moves, sha: moved}})))
    refused = data_folder.bachata("render", other)
    assert (refused.exit_code, refused.json["reason"]) == (1, "invalid_plan")
    assert "was indexed again since, with other beats" in refused.json["error"]


def test_a_request_without_a_plan_is_named(data_folder: DataFolder) -> None:
    refused = data_folder.bachata("judge", "no-such-request")
    assert (refused.exit_code, refused.json["reason"]) == (1, "unknown_request")
