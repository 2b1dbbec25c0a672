from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.base import Source
from schemas.faults import Poison
from schemas.song_submitted import SongSubmitted
from streams.envelope import Record, as_headers, event_headers, payload_of
from streams.topics import topic_of

_SHA = "a" * 64
_TOPIC = topic_of(SongSubmitted)


def _record(value: bytes | None, headers: list[tuple[str, bytes]] | None = None) -> Record:
    return Record(_TOPIC.full_name, 0, 7, b"key", value, headers or [])


def test_an_event_is_parsed_from_its_record() -> None:
    event = SongSubmitted(source=Source(sha256=_SHA), request_id="r1", title="Une chanson")
    headers = event_headers(_TOPIC, "/test", "id-1", "r1")
    record = _record(event.model_dump_json().encode(), headers)
    assert payload_of(record, SongSubmitted) == event
    assert record.event_id == "id-1"
    assert record.header("ce_specversion") == "1.0"
    assert record.header("ce_correlationid") == "r1"


def test_trace_context_and_id_of_the_cause_are_copied() -> None:
    cause = _record(b"", [("traceparent", b"00-ab-cd-01"), ("ce_id", b"cause")])
    headers = dict(event_headers(_TOPIC, "/test", "id-2", "r1", cause))
    assert headers["traceparent"] == b"00-ab-cd-01"
    assert headers["ce_causationid"] == b"cause"


@given(st.none() | st.binary(max_size=200))
def test_invalid_bytes_raise_only_poison(value: bytes | None) -> None:
    for headers in ([], [("content-type", b"application/cloudevents+json")]):
        with pytest.raises(Poison) as raised:
            payload_of(_record(value, headers), SongSubmitted)
        assert raised.value.reason == "invalid_event"
        assert "\n" not in str(raised.value)


def test_fields_from_a_newer_version_are_ignored() -> None:
    value = json.dumps({"source": {"sha256": _SHA, "new": 1}, "newer": {}}).encode()
    assert isinstance(payload_of(_record(value), SongSubmitted), SongSubmitted)


def test_headers_of_all_types_become_a_list() -> None:
    assert as_headers(None) == []
    assert as_headers({"a": b"1"}) == [("a", b"1")]
    assert as_headers([("a", b"1"), ("a", b"2")]) == [("a", b"1"), ("a", b"2")]
