from __future__ import annotations

from uuid import UUID

from streams.ids import digest, event_id, new_request_id, position_id


def test_digest_separates_parts() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_an_event_has_one_id_for_each_request() -> None:
    assert event_id("work", "r1") == event_id("work", "r1")
    assert event_id("work", "r1") != event_id("work", "r2")


def test_a_position_has_one_id() -> None:
    assert position_id("t", 0, 1) == position_id("t", 0, 1) != position_id("t", 0, 2)
    assert len({position_id("t", 0, 1), position_id("t", 0, 1, "intake"), position_id("t", 0, 1, "other")}) == 3


def test_request_ids_are_uuids_that_sort_by_time() -> None:
    first = new_request_id()
    assert UUID(first).version == 7
    assert UUID(first).variant == "specified in RFC 4122"
    later = [new_request_id() for _ in range(100)]
    assert len({first, *later}) == 101
    assert min(later)[:8] >= first[:8]
