from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.faults import Poison
from schemas.song_submitted import SongSubmitted
from streams.envelope import Record, event_headers, payload_of
from streams.operations.replay import root_id
from streams.structured_mode import read_structured
from streams.topics import SONG_ACCEPTED, SONG_SUBMITTED

_JSON = b"application/cloudevents+json"
_DATA = {"source": {"path": "canción.mp3"}, "request_id": "r1"}
_EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "id-1",
    "source": "/tests",
    "type": SONG_SUBMITTED.full_name,
    "subject": "a song",
    "time": "2026-11-30T08:00:00Z",
    "datacontenttype": "application/json",
    "correlationid": "r1",
    "traceparent": "00-ab-cd-01",
    "priority": 3,
    "replayed": True,
    "dataschema": None,
    "data": _DATA,
}
_BASE64 = base64.b64encode(json.dumps(_DATA).encode()).decode()


def _record(event: Any, content_type: bytes = _JSON, name: str = "content-type") -> Record:
    value = event if isinstance(event, bytes) else json.dumps(event).encode()
    return Record(SONG_SUBMITTED.full_name, 0, 7, None, value, [(name, content_type)])


def _without(*names: str, **added: Any) -> dict[str, Any]:
    return {name: value for name, value in _EVENT.items() if name not in names} | added


@pytest.mark.parametrize(
    "content_type",
    [
        _JSON,
        b"application/cloudevents+json; charset=utf-8",
        b'application/cloudevents+json;charset="UTF-8"',
        b"APPLICATION/CloudEvents+JSON ; Charset=us-ascii",
        b" application/cloudevents+json",
    ],
)
@pytest.mark.parametrize("name", ["content-type", "Content-Type"])
def test_a_structured_event_is_read_whatever_the_case_and_parameters_of_its_content_type(
    content_type: bytes, name: str
) -> None:
    assert payload_of(_record(_EVENT, content_type, name), SongSubmitted) == SongSubmitted.model_validate(_DATA)


def test_attributes_of_a_structured_event_count_as_headers() -> None:
    record = _record(_EVENT)
    assert record.event_id == "id-1"
    assert root_id(record) == b"id-1"
    headers = {name: record.header(f"ce_{name}") for name in _EVENT}
    assert headers["source"] == "/tests"
    assert headers["type"] == SONG_SUBMITTED.full_name
    assert headers["correlationid"] == "r1"
    assert headers["priority"] == "3"
    assert headers["replayed"] == "true"
    assert (headers["dataschema"], headers["data"]) == (None, None)


def test_trace_context_and_id_of_a_structured_event_are_copied_to_what_it_causes() -> None:
    headers = dict(event_headers(SONG_ACCEPTED, "/tests", "id-2", "r1", _record(_EVENT)))
    assert headers["traceparent"] == b"00-ab-cd-01"
    assert headers["ce_causationid"] == b"id-1"


def test_a_header_counts_before_the_attribute_so_that_a_replay_can_change_it() -> None:
    record = _record(_EVENT)
    record.headers.append(("ce_id", b"replayed"))
    assert record.event_id == "replayed"


def test_trace_context_as_an_attribute_of_binary_mode_is_read() -> None:
    record = Record("t", 0, 0, None, b"{}", [("ce_traceparent", b"00-ab-cd-01")])
    assert record.header("traceparent") == "00-ab-cd-01"


@pytest.mark.parametrize(
    "event",
    [
        {"data": _DATA},
        _without("data", data_base64=_BASE64),
        _without("data", data=None, data_base64=_BASE64),
        _without(data_base64=None),
        _without("data", datacontenttype="text/json", data_base64=_BASE64),
        b"\xef\xbb\xbf" + json.dumps(_EVENT).encode(),
        _without(**{"Not-An-Attribute": "x"}),
    ],
    ids=["only data", "base64", "null data", "null base64", "other content type", "byte order mark", "odd name"],
)
def test_what_a_structured_event_may_look_like(event: Any) -> None:
    assert payload_of(_record(event), SongSubmitted).request_id == "r1"


@pytest.mark.parametrize(
    ("event", "cause"),
    [
        (b"", "not JSON"),
        (b"\xff", "not JSON"),
        (json.dumps(_EVENT).encode("utf-16"), "not JSON"),
        (b'{"data":' + b"[" * 100_000, "not JSON"),
        (b'{"data":' + b"[" * 200_000, "too many parts"),
        ([_EVENT], "not a JSON object"),
        ("text", "not a JSON object"),
        (_without("data"), "either 'data' or 'data_base64'"),
        (_without("data", data=None), "either 'data' or 'data_base64'"),
        (_without(data_base64=_BASE64), "either 'data' or 'data_base64'"),
        (_without("data", data_base64="%%%"), "cannot be read"),
        (_without("data", data_base64="ñ"), "cannot be read"),
        (_without("data", data_base64=7), "cannot be read"),
        (_without("data", data_base64=base64.b64encode(b"[" * 200_000).decode()), "too many parts"),
        (_without(specversion="0.3"), "'specversion'"),
        (_without(id=7), "'id'"),
        (_without(id=""), "'id'"),
        (_without(source={}), "'source'"),
        (_without(correlationid=["r1"]), "'correlationid'"),
        (_without(weight=0.5), "'weight'"),
        (_without(specversion=1.0), "'specversion'"),
        (_without(id="x" * 513), "'id'"),
        (_without(source=""), "'source'"),
        (_without(source="x" * 513), "'source'"),
        (_without(type=""), "'type'"),
        (_without(type=["x"]), "'type'"),
        (_without(type=SONG_ACCEPTED.full_name), "its 'type' is 'bachata.song-accepted.v1', and that of this topic is"),
        (_without(type="Bachata.song-submitted.v1"), "its 'type' is"),
        (_without(data=json.dumps(_DATA)), "SongSubmitted"),
        (_without(data={}), "source"),
    ],
)
def test_a_malformed_structured_event_becomes_a_dead_letter(event: Any, cause: str) -> None:
    with pytest.raises(Poison, match=cause) as raised:
        payload_of(_record(event), SongSubmitted)
    assert raised.value.reason == "invalid_event"


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/cloudevents",
        b"application/cloudevents+avro",
        b"application/cloudevents-batch+json",
        b"application/cloudevents+json; charset=utf-16",
        b"application/cloudevents+json\r\nx: y",
    ],
)
def test_another_format_or_charset_becomes_a_dead_letter(content_type: bytes) -> None:
    with pytest.raises(Poison, match="not a structured CloudEvent") as raised:
        payload_of(_record(_EVENT, content_type), SongSubmitted)
    assert raised.value.reason == "invalid_event"


def test_a_malformed_event_has_the_attributes_that_can_be_read() -> None:
    record = _record(_without("data"))
    assert (record.event_id, record.header("ce_correlationid")) == ("id-1", "r1")


@given(st.binary(max_size=200), st.binary(max_size=40))
def test_no_bytes_raise_an_error(value: bytes, parameters: bytes) -> None:
    event = read_structured(_JSON + parameters, value)
    assert event.fault is None or event.fault.reason == "invalid_event"
