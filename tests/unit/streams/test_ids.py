from __future__ import annotations

import math
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.ids import canonical_json, dead_letter_id, digest, event_id, new_request_id, work_key

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), _JSON, max_size=5))
def test_the_order_of_what_is_known_does_not_matter(known: dict[str, object]) -> None:
    backwards = dict(reversed(known.items()))
    assert work_key("step", "1", known) == work_key("step", "1", backwards)


def test_step_version_and_options_each_change_the_key() -> None:
    keys = {
        work_key("a", "1", {"x": 1}),
        work_key("b", "1", {"x": 1}),
        work_key("a", "2", {"x": 1}),
        work_key("a", "1", {"x": 2}),
    }
    assert len(keys) == 4


def test_parts_cannot_run_into_each_other() -> None:
    assert digest("ab", "c") != digest("a", "bc")


def test_an_event_has_one_id_for_each_request() -> None:
    assert event_id("work", "r1") == event_id("work", "r1")
    assert event_id("work", "r1") != event_id("work", "r2")


def test_numbers_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical_json({"x": math.nan})


def test_a_record_has_one_dead_letter_id() -> None:
    assert dead_letter_id("t", 0, 1) == dead_letter_id("t", 0, 1) != dead_letter_id("t", 0, 2)


def test_request_ids_are_uuids_that_sort_by_time() -> None:
    first = new_request_id()
    assert UUID(first).version == 7
    assert UUID(first).variant == "specified in RFC 4122"
    later = [new_request_id() for _ in range(100)]
    assert len({first, *later}) == 101
    assert min(later)[:8] >= first[:8]
