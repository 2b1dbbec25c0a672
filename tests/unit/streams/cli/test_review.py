"""`bachata moves review`: proposed names, the page with pictures, and decisions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agents.move_indexing.split.jobs import CutResult, SplitResult, strip_file
from infra.settings import load_settings
from schemas.base import MediaRef
from schemas.faults import Retryable
from schemas.move_annotated import MoveAnnotation
from schemas.move_submitted import MoveSubmitted
from streams.cli.moves import accept as accepting
from streams.cli.moves import moves, review
from streams.cli.moves.proposals import Neighbour, Proposal, proposal_of
from streams.operations import library_events
from streams.operations.recordings import Recording, Recordings
from streams.tools import make_tools
from tests.unit.streams.operations.recordings import SHA256, recording, result

_FOUND = [
    {"clip": "dip_1", "move": "dip", "similarity": 0.8, "sha256": "01" * 32},
    {"clip": "<b>basic</b>", "move": "basic", "similarity": 0.5, "sha256": "02" * 32},
]
_CLIP = MediaRef(sha256="e" * 64, size_bytes=1, kind="video")


class _Page:
    """The worker's page, to which every part is like the same two moves. The library has one clip."""

    kafka = None

    def get(self, path: str) -> dict[str, Any]:
        """Return what the library has."""
        library: dict[str, dict[str, Any]] = {
            "/library/annotations": {"annotations": {}},
            "/library/clips": {"clips": ["c" * 64]},
        }
        return library[path]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the moves that are found."""
        assert path == "/moves/search"
        assert len(body["vector"]) == 512
        return {"moves": _FOUND}


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Recordings:
    """Return the stored recordings: one with three parts."""

    @contextmanager
    def stream(*_: object) -> Iterator[_Page]:
        yield _Page()

    def describe(sha256: str, quality: str, name: str, spans: list[Any]) -> SplitResult:
        return result(*((span.start_s, span.end_s) for span in spans))

    monkeypatch.setattr(review, "stream", stream)
    monkeypatch.setattr(review, "describe", describe)
    store = Recordings(load_settings().recordings_dir)
    with store.locked(SHA256):
        store.put(recording((0, 10), (12, 20), (22, 30)))
    return store


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(moves, ["review", *map(str, arguments)])


def _decided(*arguments: str) -> list[dict[str, Any]]:
    completed = _run("class", *arguments, "--json")
    assert completed.exit_code == 0, completed.output
    parts: list[dict[str, Any]] = json.loads(completed.stdout)["recordings"][0]["parts"]
    return parts


def _error(*arguments: str) -> tuple[str, str]:
    completed = _run("class", *arguments, "--json")
    assert completed.exit_code == 1
    error = json.loads(completed.stdout)
    return error["reason"], error["error"]


def test_near_moves_outvote_farther_ones() -> None:
    nearest = [Neighbour("a", "dip", 0.9), Neighbour("b", "basic", 0.5), Neighbour("c", "basic", 0.5)]
    proposal = proposal_of(nearest)
    assert proposal.name == "dip"
    assert proposal.confidence == pytest.approx(0.9 * 0.9**4 / (0.9**4 + 2 * 0.5**4), abs=0.001)


def test_no_name_is_proposed_where_no_move_is_similar() -> None:
    assert proposal_of([Neighbour("a", "dip", 0.2)]).name is None
    assert proposal_of([]).name is None


def test_parts_are_listed_with_proposed_names(store: Recordings) -> None:
    lines = _run().stdout.splitlines()
    assert lines[0] == f"class  {SHA256[:12]}  1:00"
    assert lines[1].split()[:2] == ["1", "0:00.0-0:10.0"]
    assert "2 x 8 + 4" in lines[1]
    assert "dip? 0.69" in lines[1]


def test_a_part_is_renamed_and_another_dropped(store: Recordings) -> None:
    parts = _decided("--rename", "1", "side basic", "--drop", "2")
    assert [(part["name"], part["state"]) for part in parts][:2] == [("side basic", "open"), (None, "dropped")]
    stored = store.get(SHA256)
    assert stored is not None
    assert [part.state for part in stored.parts] == ["open", "dropped", "open"]


def test_merged_parts_are_one_with_the_first_number(store: Recordings) -> None:
    parts = _decided("--merge", "2", "3")
    assert [(part["number"], part["start_s"], part["end_s"]) for part in parts] == [(1, 0, 10), (2, 12, 30)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--drop", "9"), "has no part 9"),
        (("--name", "dip"), "--name names one part"),
        (("--accept", "1", "--accept", "2", "--name", "dip"), "--name names one part"),
        (("--merge", "1", "3"), "do not follow each other"),
    ],
)
def test_a_wrong_decision_is_an_error_and_changes_nothing(
    store: Recordings, arguments: tuple[str, ...], message: str
) -> None:
    before = store.get(SHA256)
    assert message in _error(*arguments)[1]
    assert store.get(SHA256) == before


def _accepted(store: Recordings, number: int, clip_sha256: str) -> None:
    stored = store.get(SHA256)
    assert stored is not None
    part = stored.part(number).model_copy(update={"state": "accepted", "clip_sha256": clip_sha256, "name": "dip"})
    store.put(stored.with_part(part))


def test_a_part_whose_move_was_removed_can_be_dropped_and_merged(store: Recordings) -> None:
    _accepted(store, 1, "d" * 64)
    assert _decided()[0]["state"] == "open"
    assert _decided("--drop", "1")[0]["state"] == "dropped"
    _accepted(store, 2, "d" * 64)
    assert _decided("--merge", "2", "3")[1]["end_s"] == 30
    _accepted(store, 1, "c" * 64)
    assert "part 1 is a move already: `bachata moves remove cccc" in _error("--drop", "1")[1]


def test_a_move_is_renamed_and_accepted_again_without_another_cut(
    store: Recordings, monkeypatch: pytest.MonkeyPatch
) -> None:
    published: dict[str, MoveAnnotation] = {}
    monkeypatch.setattr(accepting, "run_job", None)
    monkeypatch.setattr(accepting, "annotate", lambda _, annotations: published.update(annotations))
    _accepted(store, 1, "c" * 64)
    assert _decided("--accept", "1")[0]["state"] == "accepted"
    assert published == {}
    assert _decided("--rename", "1", "giro")[0]["name"] == "giro"
    assert published == {"c" * 64: MoveAnnotation(move="giro")}


def test_a_part_that_was_a_move_before_has_its_clip_again(store: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    requests: list[MoveSubmitted] = []

    def indexed(_: object, changed: Recording, found: dict[int, MoveSubmitted]) -> tuple[Recording, int]:
        requests.extend(found.values())
        return changed, 0

    async def annotated(*_: object) -> None:
        pass

    monkeypatch.setattr(accepting, "run_job", None)
    monkeypatch.setattr(accepting, "_indexed", indexed)
    monkeypatch.setattr(library_events, "annotate_moves", annotated)
    clip = make_tools(load_settings()).media.add(Path(__file__).resolve(), "video").sha256
    _accepted(store, 1, clip)
    _decided("--accept", "1")
    assert [request.source.sha256 for request in requests] == [clip]


def test_a_clip_is_stored_before_it_is_submitted(store: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise Retryable("Kafka does not answer", "kafka")

    monkeypatch.setattr(accepting, "run_job", lambda *_: CutResult(clip=_CLIP))
    monkeypatch.setattr(library_events, "annotate_moves", fail)
    assert _error("--accept", "1")[0] == "kafka"
    stored = store.get(SHA256)
    assert stored is not None
    assert stored.part(1).clip_sha256 == _CLIP.sha256


def test_an_unsure_proposal_is_no_persons_word(store: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    accepted: list[tuple[list[int], dict[int, Proposal]]] = []

    def accept(*arguments: Any) -> tuple[Recording, int]:
        accepted.append(arguments[3:5])
        return arguments[2], 0

    monkeypatch.setattr(accepting, "accept", accept)
    monkeypatch.setitem(_FOUND[0], "similarity", 0.45)
    completed = _run("class", "--accept", "2", "--accept-all")
    assert completed.exit_code == 0, completed.output
    [(numbers, proposed)] = accepted
    assert numbers == [2, 1, 3]
    assert list(proposed) == [2]
    assert completed.stderr.count("is not sure") == 2
    assert "--rename 1 MOVE names it" in completed.stderr
    assert "is not sure" not in _run("class", "--accept", "2").stderr


def test_an_unknown_recording_is_an_error(store: Recordings) -> None:
    completed = _run("other", "--json")
    assert json.loads(completed.stdout)["reason"] == "unknown_media"


def test_without_recordings_the_error_says_how_to_cut_one() -> None:
    assert "bachata index --split" in _run("--json").stdout


def test_parts_that_fail_are_counted_and_stay_open(store: Recordings, monkeypatch: pytest.MonkeyPatch) -> None:
    from schemas.faults import Poison

    def fail(*_: object) -> None:
        raise Poison("no picture of this part decodes", "no_video")

    monkeypatch.setattr(accepting, "run_job", fail)
    completed = _run("class", "--accept-all")
    assert completed.exit_code == 1
    assert completed.stderr.count("no picture of this part decodes") == 3
    stored = store.get(SHA256)
    assert stored is not None
    assert {part.state for part in stored.parts} == {"open"}


def test_the_page_has_all_pictures_and_no_markup_from_outside(store: Recordings, tmp_path: Path) -> None:
    stored = store.get(SHA256)
    assert stored is not None
    for part in stored.parts:
        file = strip_file(load_settings().derived_dir, SHA256, part)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"jpeg")
    assert _run("class", "--html", tmp_path / "page.html").exit_code == 0
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg;base64,anBlZw==") == 3
    assert "<b>" not in page
    assert "&lt;b&gt;basic" in page
    assert 'src="http' not in page
