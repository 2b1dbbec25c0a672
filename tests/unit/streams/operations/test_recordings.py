"""Parts of recordings and what was decided of them are kept, also when a recording is cut again."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.faults import Poison
from streams.operations.recordings import Recording, Recordings, named, split_again
from tests.unit.streams.operations.recordings import SHA256, described, recording, result


def _with(found: Recording, number: int, **changes: object) -> Recording:
    return found.with_part(found.part(number).model_copy(update=changes))


def _spans(found: Recording) -> list[tuple[int, float, float]]:
    return [(part.number, part.start_s, part.end_s) for part in found.parts]


def test_a_stored_recording_is_read_again(tmp_path: Path) -> None:
    store, stored = Recordings(tmp_path / "recordings"), recording((0, 10), (12, 20))
    assert store.get(SHA256) is None
    with store.locked(SHA256):
        store.put(stored)
    assert store.get(SHA256) == stored
    assert store.all() == [stored]


def test_a_damaged_file_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / f"{SHA256}.json").write_text("{}")
    with pytest.raises(Poison, match=f"{SHA256}.json") as fault:
        Recordings(tmp_path).all()
    assert fault.value.reason == "unreadable"


def test_decided_parts_stay_when_a_recording_is_cut_again() -> None:
    before = recording((0, 10), (12, 20), (22, 30), (32, 40))
    before = _with(_with(_with(before, 1, state="accepted"), 2, state="dropped"), 3, name="dip")
    after = split_again("other", "fast", result((0, 9), (12, 16), (16, 20), (22, 30), (32, 36), (36, 40)), before)
    assert _spans(after) == [(1, 0, 10), (2, 12, 20), (3, 22, 30), (4, 32, 36), (5, 36, 40)]
    assert after.name == "class"
    assert [part.state for part in after.parts] == ["accepted", "dropped", "open", "open", "open"]


def test_parts_that_are_decided_are_described_again_by_a_newer_version() -> None:
    before = recording((0, 10), (12, 20), (22, 30)).model_copy(update={"embedding_version": 0})
    before = _with(_with(before, 1, state="accepted"), 2, state="dropped")
    again = described(0, 10).model_copy(update={"embedding": described(5, 6).embedding})
    after = split_again("class", "fast", result((22, 30)), before, [again])
    assert (after.part(1).embedding, after.part(1).state) == (again.embedding, "accepted")
    assert [part.has_old_embedding for part in after.parts] == [False, True, False]
    assert after.is_current
    assert [part.has_old_embedding for part in split_again("class", "fast", result(), after).parts] == [False, True]


def test_an_accepted_part_is_open_again_when_its_move_is_removed() -> None:
    before = recording((0, 10), (12, 20), (22, 30))
    before = _with(_with(before, 1, state="accepted", clip_sha256="a" * 64), 2, state="accepted", clip_sha256="b" * 64)
    after = before.compared({"b" * 64})
    assert [part.state for part in after.parts] == ["open", "accepted", "open"]
    assert after.part(1).clip_sha256 == "a" * 64
    assert after.compared({"a" * 64, "b" * 64}) == before, "a command that was killed may not have stored it"
    assert _with(before, 1, state="dropped").compared({"a" * 64}).part(1).state == "dropped"


def test_two_parts_and_what_is_between_them_are_merged() -> None:
    span = recording((0, 10), (12, 20)).merged_span(2, 1)
    assert (span.start_s, span.end_s) == (0, 20)


@pytest.mark.parametrize(("one", "other"), [(1, 1), (1, 3)])
def test_only_parts_that_follow_each_other_are_merged(one: int, other: int) -> None:
    with pytest.raises(Poison, match="do not follow each other"):
        recording((0, 10), (12, 20), (22, 30)).merged_span(one, other)


def test_a_move_is_not_merged() -> None:
    with pytest.raises(Poison, match="is a move already"):
        _with(recording((0, 10), (12, 20)), 1, state="accepted").merged_span(1, 2)


def test_parts_that_make_more_than_a_clip_are_not_merged() -> None:
    with pytest.raises(Poison, match="longer than 10 minutes") as fault:
        recording((0, 30), (580, 610)).merged_span(1, 2)
    assert fault.value.reason == "too_long"


def test_an_unknown_part_is_an_error_that_lists_the_others() -> None:
    with pytest.raises(Poison, match="has no part 7; it has 1, 2"):
        recording((0, 10), (12, 20)).part(7)


def test_a_recording_is_named_by_its_name_or_the_beginning_of_its_hash() -> None:
    every = [recording((0, 10))]
    assert named(every, "class") == named(every, "ABAB") == every
    assert named(every, "aba") == named(every, "other") == []
