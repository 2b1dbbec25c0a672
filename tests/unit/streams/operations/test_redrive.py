from __future__ import annotations

import json
import unicodedata
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.faults import Poison, Retryable
from schemas.safe_text import escaped
from streams.cli import main
from streams.cli.stored_bytes import escaped_bytes, parse_json
from streams.envelope import Headers, Record, Unreadable
from streams.operations.redrive import (
    DeadLetterFilter,
    dead_letter_topic,
    find_by_id,
    last_failure,
    redriven_headers,
    select,
)
from streams.operations.topic_history import parse_bound, parse_time
from streams.stage.dead_letters import (
    REDRIVE_OF,
    DeadLetter,
    Failure,
    dead_letter_headers,
    dead_letter_id,
    original_headers,
    read_dead_letter,
)
from streams.topics import TOPICS

_NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
_TOPIC = TOPICS[0]
_RESERVED_NAMES = ["bachata.reason", "bachata.dead-letter-id", "__connect.errors.topic", "__connect.errors.of.another"]
_NAMES = st.sampled_from(["ce_id", "reason", "x", "traceparent", *_RESERVED_NAMES])
_HEADERS = st.lists(st.tuples(_NAMES, st.binary(max_size=8)), max_size=6)


def _letter(record: Record, **more: str) -> Record:
    headers: Headers = dead_letter_headers(record, Failure("intake", Poison("no such file", "not_found"), 1))
    headers += [(name, value.encode()) for name, value in more.items()]
    return Record(_TOPIC.dead_letter_name, 2, 7, record.key, record.value, headers)


def _read(offset: int = 0, **more: str) -> DeadLetter:
    return read_dead_letter(_letter(Record(_TOPIC.full_name, 0, offset, None, b""), **more), 0)


@given(_HEADERS)
def test_the_original_headers_are_restored_from_a_dead_letter(headers: Headers) -> None:
    record = Record(_TOPIC.full_name, 1, 5, b"k", b"v", headers)
    assert original_headers(_letter(record)) == headers
    redriven = redriven_headers(_letter(record), "abc")
    assert redriven == [*headers, (REDRIVE_OF, b"abc")]
    failed_again = _letter(Record(_TOPIC.full_name, 1, 6, b"k", b"v", redriven))
    assert redriven_headers(failed_again, "def") == [*headers, (REDRIVE_OF, b"def")]


@given(_HEADERS)
def test_our_headers_of_a_dead_letter_override_the_senders(headers: Headers) -> None:
    record = Record(_TOPIC.full_name, 1, 5, b"k", b"v", headers)
    broker_time = datetime(2025, 5, 1, tzinfo=UTC)  # a year from the time of the worker, in the headers
    letter = read_dead_letter(_letter(record), int(broker_time.timestamp() * 1000))
    assert (letter.id, letter.reason, letter.attempts) == (dead_letter_id(record, "intake"), "not_found", 1)
    assert (letter.step, letter.error, letter.topic, letter.has_foreign_origin) == (
        "intake",
        "no such file",
        _TOPIC,
        False,
    )
    assert letter.failed_at == broker_time


@given(st.lists(st.tuples(st.text(max_size=20), st.binary(max_size=20)), max_size=8), st.integers(-(2**63), 2**63 - 1))
def test_any_record_of_a_dead_letter_topic_can_be_read(headers: Headers, timestamp_ms: int) -> None:
    letter = read_dead_letter(Record(_TOPIC.dead_letter_name, 0, 0, None, None, headers), timestamp_ms)
    assert letter.id
    assert letter.topic is _TOPIC


def test_a_dead_letter_with_a_foreign_origin_is_never_redriven() -> None:
    foreign = read_dead_letter(_letter(Record("bank.transfers", 0, 1, None, b"")), 0)
    assert foreign.has_foreign_origin
    good = _read()
    selection = select([foreign, good], (), ())
    assert (selection.letters, selection.foreign) == ((good,), (foreign,))
    assert select([foreign, good], (foreign.id,), ()).letters == ()


def test_a_redriven_letter_is_left_out_unless_its_id_is_given() -> None:
    first, second = _read(1), _read(2)
    selection = select([first, second], (), {first.id: "then"})
    assert (selection.letters, selection.sent_before) == ((second,), 1)
    assert select([first, second], (first.id, first.id[:12]), {first.id: "then"}).letters == (first,)


def test_of_letters_with_one_id_the_last_failure_counts_and_not_a_copy_of_its_letter() -> None:
    first = replace(_read(1), failed_at=_NOW)
    copy = replace(first, offset=9, failed_at=_NOW + timedelta(seconds=1))
    again = replace(first, offset=9, source_offset=7, failed_at=_NOW + timedelta(seconds=2))
    assert last_failure(first, copy) is last_failure(copy, first) is first
    assert last_failure(first, again) is last_failure(again, first) is again


def test_a_unique_beginning_of_an_id_is_enough() -> None:
    letters = [_read(offset) for offset in range(40)]
    assert find_by_id(letters, letters[3].id[:12]) is letters[3]
    common = next(a.id[0] for a in letters if sum(b.id[0] == a.id[0] for b in letters) > 1)
    for name, reason in ((common, "ambiguous_letter"), ("", "unknown_letter"), ("zz", "unknown_letter")):
        with pytest.raises(Poison) as fault:
            find_by_id(letters, name)
        assert fault.value.reason == reason


def test_a_filter_matches_reason_and_time() -> None:
    letter = _read()
    assert DeadLetterFilter().matches(letter)
    assert DeadLetterFilter(reason="not_found", since=letter.failed_at).matches(letter)
    assert not DeadLetterFilter(reason="other").matches(letter)
    assert not DeadLetterFilter(since=letter.failed_at + timedelta(seconds=1)).matches(letter)


def test_a_topic_is_found_by_each_of_its_names() -> None:
    assert dead_letter_topic("song-submitted") is dead_letter_topic("bachata.song-submitted.v1") is _TOPIC
    with pytest.raises(Poison, match="song-accepted"):
        dead_letter_topic("rendered")


@given(st.integers(0, 10**6), st.sampled_from("smhdw"))
def test_an_age_is_subtracted_from_now(count: int, unit: str) -> None:
    seconds = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}[unit]
    try:
        expected = _NOW - timedelta(seconds=seconds * count)
    except OverflowError:
        with pytest.raises(Poison):
            parse_time(f"{count}{unit}", _NOW)
    else:
        assert parse_time(f"{count}{unit}", _NOW) == expected


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001
def test_a_time_without_a_zone_is_local(naive: datetime) -> None:
    assert parse_time(naive.isoformat(), _NOW) == naive.astimezone()
    assert parse_time(naive.isoformat() + "+02:00", _NOW).utcoffset() == timedelta(hours=2)


@given(st.text(max_size=30))
def test_any_text_is_a_bound_or_poison(text: str) -> None:
    with suppress(Poison):
        found = parse_bound(text, _NOW)
        assert isinstance(found, int) or found.tzinfo is not None


def test_a_whole_number_is_an_offset() -> None:
    assert parse_bound("2026", _NOW) == 2026
    for text in ("-1", "9" * 30, "1.5", ""):
        with pytest.raises(Poison):
            parse_bound(text, _NOW)


@given(st.text() | st.characters(categories=["Cc", "Cf", "Zl", "Zp", "Co"]))
def test_no_control_character_reaches_a_terminal(text: str) -> None:
    assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in escaped(text))
    for value in (text.encode("utf-8", "surrogatepass"), json.dumps({"a": text}, ensure_ascii=True).encode()):
        printed = escaped_bytes(value).replace("\n", "")
        assert all(unicodedata.category(c) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in printed)


@given(st.binary(max_size=5000))
def test_the_text_of_any_bytes_is_bounded(value: bytes) -> None:
    assert len(escaped_bytes(value, max_characters=200)) < 500


def test_json_is_printed_as_json() -> None:
    assert json.loads(escaped_bytes('{"name": "canción", "n": [1, 2.5]}'.encode())) == {
        "name": "canción",
        "n": [1, 2.5],
    }
    for value in (b"[" * 100_000, b"[" * 900 + b"]" * 900, b"NaN", b"1e999", b"9" * 5000):
        try:
            json.dumps({"json": parse_json(value)}, allow_nan=False)
        except ValueError:
            assert escaped_bytes(value)


def test_a_retryable_fault_is_marked_in_the_headers() -> None:
    headers = dict(
        dead_letter_headers(Record("t", 0, 0, None, None), Failure("intake", Retryable("later", "kafka"), 4))
    )
    assert (headers["bachata.retryable"], headers["bachata.attempts"]) == (b"true", b"4")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("redrive",), "usage"),
        (("redrive", "--all", "0123"), "usage"),
        (("redrive", "--reason", "x", "0123"), "usage"),
        (("list", "--topic", "rendered"), "unknown_topic"),
        (("redrive", "--topic", "progress"), "unknown_topic"),
        (("list", "--since", "yesterday"), "invalid_time"),
    ],
)
def test_an_error_of_usage_is_reported_before_anything_is_started(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], reason: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["dead-letters", *arguments, "--json"])
    assert ended.value.code == 1
    assert json.loads(capsys.readouterr().out)["reason"] == reason


def test_a_letter_without_the_bytes_of_its_record_is_not_redriven() -> None:
    record = Record(_TOPIC.full_name, 0, 9, None, None, [], Unreadable(4, 9, "its checksum is wrong"))
    headers = dead_letter_headers(record, Failure("intake", Poison("cannot be read", "unreadable_record"), 0))
    letter = read_dead_letter(Record(_TOPIC.dead_letter_name, 2, 7, None, b"", headers), 0)
    selection = select([letter, _read()], [], {})
    assert (selection.unreadable, selection.letters) == ((letter,), (_read(),))
