"""The step wrapper alone: its output, the order of writing, and that it raises nothing but cancellation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agents.media.submitted import SubmittedFile
from agents.step import Retries, Step, Tools
from schemas.base import MediaFacts, Options, Source
from schemas.faults import Poison, Retryable, Unavailable
from schemas.request_ended import Ending
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message, Record, Unreadable
from streams.stage import retry
from streams.stage.dead_letters import REDRIVE_OF, dead_letter_id, read_dead_letter, record_id
from streams.stage.event_run import EventRun
from streams.stage.observers import Observer, WaitingRuns
from streams.stage.runners import AnyStep, CompletedWork, Report, ThreadRunner
from streams.stage.stage import Stage
from streams.testing import InMemoryBroker, InMemoryResults, make_stage, tools_below
from streams.topics import MAX_MESSAGE_BYTES, PROGRESS, REQUEST_ENDED, topic_of

_SHA = "b" * 64
_FACTS = MediaFacts(sha256=_SHA, size_bytes=9, kind="audio", format="mp3", codec="mp3", duration_s=60.0)
_SOURCE = topic_of(SongSubmitted)
_SINK = topic_of(SongAccepted)


class Work:
    """Raises the planned errors in order, then returns a result; counts calls."""

    def __init__(self, *plan: Exception | None) -> None:
        self.plan = list(plan)
        self.calls = 0

    def __call__(self, file: SubmittedFile, tools: Tools) -> MediaFacts:
        self.calls += 1
        tools.report(0.5)
        fault = self.plan.pop(0) if self.plan else None
        if fault is not None:
            raise fault
        return _FACTS


def _emit(event: SongSubmitted, result: MediaFacts) -> SongAccepted:
    return SongAccepted(request_id=str(event.request_id), song=result, title="t", options=event.options)


def _stage(
    work: Callable[..., MediaFacts], broker: InMemoryBroker, results: InMemoryResults | None = None, **changes: Any
) -> Stage:
    tools = tools_below(Path())
    defaults: dict[str, Any] = {
        "name": "intake",
        "version": "1",
        "consumes": SongSubmitted,
        "depends_on": lambda event, tools: SubmittedFile(sha256=event.source.sha256),
        "takes": SubmittedFile,
        "work": work,
        "result": MediaFacts,
        "emit": _emit,
        "produces": SongAccepted,
        "subject": lambda event, song: song.sha256,
        "runs_in": "thread",
    }
    step: Step[Any, Any, Any, Any] = Step(**defaults | changes)
    return make_stage(step, tools, broker, results, run=ThreadRunner(tools).run)


def _record(value: bytes | None = None, offset: int = 3, request_id: str | None = "r1") -> Record:
    event = SongSubmitted(source=Source(sha256=_SHA), request_id=request_id, options=Options())
    return Record(_SOURCE.full_name, 1, offset, b"k", value or event.model_dump_json().encode(), [("ce_id", b"e1")])


def _fresh_record() -> Record:
    event = SongSubmitted(source=Source(sha256=_SHA), request_id="r2", fresh=True)
    return _record(event.model_dump_json().encode())


def _stored(results: InMemoryResults) -> list[Any]:
    return [json.loads(stored)["result"] for stored in results.stored.values()]


@pytest.fixture(autouse=True)
def _short_backoff(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "random", SimpleNamespace(uniform=lambda low, high: 0.001))


async def test_a_valid_event_leads_to_one_event_and_a_stored_result() -> None:
    broker, results, work = InMemoryBroker(), InMemoryResults(), Work()
    await _stage(work, broker, results).handle(_record())
    [(_, key, value, headers, _)] = broker.messages_on(_SINK.full_name)
    assert key == _SHA.encode()
    assert SongAccepted.model_validate_json(value or b"").song == _FACTS
    assert dict(headers)["ce_causationid"] == b"e1"
    assert _stored(results) == [_FACTS.model_dump(mode="json")]


async def test_work_is_done_again_with_what_only_its_result_tells_and_both_results_are_stored() -> None:
    broker, results, files = InMemoryBroker(), InMemoryResults(), []

    def work(file: SubmittedFile, tools: Tools) -> MediaFacts:
        del tools
        files.append(file.path)
        return _FACTS.model_copy(update={"codec": file.path or "mp3"})

    revised = [SubmittedFile(path="again")]
    stage = _stage(work, broker, results, revise=lambda file, result, tools: revised[0])
    for offset in (3, 4):
        await stage.handle(_record(offset=offset))
    assert files == [None, "again"]
    assert [result["codec"] for result in _stored(results)] == ["mp3", "again"]
    songs = [SongAccepted.model_validate_json(value or b"").song for _, _, value, _, _ in
             broker.messages_on(_SINK.full_name)]  # fmt: skip
    assert [song.codec for song in songs] == ["again", "again"]
    revised[0] = SubmittedFile(sha256=_SHA)
    await stage.handle(_record(offset=5))
    assert files == [None, "again"], "the stored result counts again"
    assert not stage.pending_results
    assert not stage.uses


async def test_the_views_of_a_step_are_updated_before_its_input_is_revised() -> None:
    broker, annotations, faults = InMemoryBroker(), ["older"], [Unavailable("it is away", "move_index", 0.001)]

    class View:
        async def caught_up(self) -> None:
            if faults:
                raise faults.pop()
            annotations.append("newer")

    def work(file: SubmittedFile, tools: Tools) -> MediaFacts:
        del tools
        files.append(file.path)
        return _FACTS.model_copy(update={"codec": file.path or "mp3"})

    files: list[str | None] = []
    stage = _stage(
        work,
        broker,
        writes=frozenset({"library"}),
        revise=lambda file, result, tools: SubmittedFile(path=annotations[-1]),
    )
    await replace(stage, views={"library": View()}).handle(_record())
    assert files == [None, "newer"], "the work is not repeated while the view is away"
    assert [event.song.codec for event in broker.payloads(_SINK)] == ["newer"]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ([], (5.0, 300)),
        ([None], (3.0, 200)),
        (["again"], (2.0, 300)),
        ([None, "again"], None),
    ],
)
async def test_the_costs_of_a_run_are_those_of_all_its_work(
    stored: list[str | None], expected: tuple[float, int] | None
) -> None:
    costs, results = {None: (2.0, 300), "again": (3.0, 200)}, InMemoryResults()

    async def run(step: AnyStep, file: Any, report: Report) -> CompletedWork:
        return CompletedWork(_FACTS.model_dump_json(), *costs[file.path])

    def stage(first: str | None, second: str | None) -> Stage:
        return replace(
            _stage(
                Work(),
                InMemoryBroker(),
                results,
                depends_on=lambda event, tools: SubmittedFile(path=first, sha256=_SHA),
                revise=lambda file, result, tools: SubmittedFile(path=second, sha256=_SHA),
            ),
            run=run,
        )

    for path in stored:
        await stage(path, path).handle(_record())
    output = await stage(None, "again").prepare(_record(offset=4))
    assert output is not None
    completed = output.run.completed_work
    assert (completed and (completed.cpu_seconds, completed.peak_rss_bytes)) == expected


async def test_a_result_is_stored_although_its_event_is_a_dead_letter() -> None:
    broker, results, work = InMemoryBroker(), InMemoryResults(), Work()
    rejections = [True]

    def emit(event: SongSubmitted, result: MediaFacts) -> SongAccepted:
        if rejections:
            raise Poison("this correction is not possible", "bad_corrections")
        return _emit(event, result)

    stage = _stage(work, broker, results, emit=emit)
    await stage.handle(_record())
    assert len(broker.dead_letters(_SOURCE)) == 1
    assert _stored(results) == [_FACTS.model_dump(mode="json")]
    assert not stage.pending_results
    rejections.clear()
    await stage.handle(_record(offset=4))
    assert len(broker.messages_on(_SINK.full_name)) == 1
    assert work.calls == 1


async def test_a_redelivered_event_leads_to_the_same_id_without_work() -> None:
    broker, results, work = InMemoryBroker(), InMemoryResults(), Work()
    stage = _stage(work, broker, results)
    await stage.handle(_record())
    await stage.handle(_record())
    first, second = (dict(headers) for *_, headers, _ in broker.messages_on(_SINK.full_name))
    assert first["ce_id"] == second["ce_id"]
    assert work.calls == 1


async def test_the_result_of_the_worker_that_had_the_partition_meanwhile_counts() -> None:
    work, results = Work(), InMemoryResults()
    stage = _stage(work, InMemoryBroker(), results)
    before = await stage.prepare(_record())  # not delivered: the partition is revoked
    assert before is not None
    [(key, pending)] = before.results.items()
    results.stored[_record().partition, key] = pending.replace('"size_bytes":9', '"size_bytes":8')
    broker = InMemoryBroker()
    stage = replace(stage, publisher=broker)
    await stage.handle(_record())
    assert broker.payloads(_SINK)[0].song.size_bytes == 8
    assert len(results.stored) == 1
    assert work.calls == 1


async def test_two_requests_for_the_same_work_have_an_event_each() -> None:
    broker, results, work = InMemoryBroker(), InMemoryResults(), Work()
    stage = _stage(work, broker, results)
    await stage.handle(_record())
    await stage.handle(_record(request_id="r2", offset=4))
    first, second = (dict(headers) for *_, headers, _ in broker.messages_on(_SINK.full_name))
    assert first["ce_id"] != second["ce_id"]
    assert work.calls == 1


async def test_a_fresh_request_uses_no_result_of_another_and_is_computed_once() -> None:
    results, work = InMemoryResults(), Work()
    await _stage(work, InMemoryBroker(), results).handle(_record())
    first, again, later = InMemoryBroker(), InMemoryBroker(), InMemoryBroker()
    await _stage(work, first, results).handle(_fresh_record())
    assert work.calls == 2
    await _stage(work, again, results).handle(_fresh_record())  # delivered again, perhaps to another worker
    assert work.calls == 2
    [[*_, headers, _], [*_, headers_again, _]] = (broker.messages_on(_SINK.full_name)[0] for broker in (first, again))
    assert dict(headers)["ce_id"] == dict(headers_again)["ce_id"]
    await _stage(work, later, results).handle(_record(request_id="r3"))
    assert work.calls == 2
    assert len(results.stored) == 1


async def test_the_pending_result_of_a_fresh_request_is_not_computed_again() -> None:
    work = Work()
    stage = _stage(work, InMemoryBroker())
    outputs = [await stage.prepare(_fresh_record()) for _ in range(2)]
    assert work.calls == 1
    await stage.deliver(outputs)


async def test_a_result_that_is_no_longer_valid_is_recomputed() -> None:
    broker, results, work = InMemoryBroker(), InMemoryResults(), Work()
    stage = _stage(work, broker, results, is_valid=lambda result, tools: False)
    await stage.handle(_record())
    await stage.handle(_record())
    assert work.calls == 2


async def test_an_event_without_a_request_id_uses_its_own_id() -> None:
    broker = InMemoryBroker()
    await _stage(Work(), broker).handle(_record(request_id=None))
    [(_, _, value, _, _)] = broker.messages_on(_SINK.full_name)
    assert SongAccepted.model_validate_json(value or b"").request_id == "e1"


@pytest.mark.parametrize("ce_id", [b"a/b c", b"x" * 600, b"", b"\xff\xfe"])
async def test_an_event_id_that_is_no_valid_request_id_is_replaced(ce_id: bytes) -> None:
    broker = InMemoryBroker()
    without_request_id = _record(request_id=None)
    record = replace(without_request_id, headers=[("ce_id", ce_id)])
    await _stage(Work(), broker).handle(record)
    [(_, _, value, _, _)] = broker.messages_on(_SINK.full_name)
    assert SongAccepted.model_validate_json(value or b"").request_id == record_id(record)


async def test_an_invalid_request_has_an_outcome_under_its_id() -> None:
    broker = InMemoryBroker()
    value = json.dumps({"source": {"sha256": _SHA}, "request_id": "my-1", "options": {"duration": "2min"}}).encode()
    await _stage(Work(), broker).handle(_record(value))
    [outcome] = broker.ended
    assert (outcome.request_id, outcome.outcome, outcome.reason) == ("my-1", "failed", "invalid_event")


async def test_a_bug_outside_the_work_leads_to_a_dead_letter() -> None:
    def emit(event: SongSubmitted, result: MediaFacts) -> SongAccepted:
        raise KeyError("a bug")

    broker = InMemoryBroker()
    stage = _stage(Work(), broker)
    await replace(stage, step=replace(stage.step, emit=emit)).handle(_record())
    assert len(broker.dead_letters(_SOURCE)) == 1
    assert [outcome.reason for outcome in broker.ended] == ["unexpected"]


async def test_an_event_too_large_for_its_topic_is_a_dead_letter() -> None:
    def emit(event: SongSubmitted, result: MediaFacts) -> SongAccepted:
        return SongAccepted.model_construct(request_id="r1", song=result, title="t" * MAX_MESSAGE_BYTES)

    broker = InMemoryBroker()
    stage = _stage(Work(), broker)
    await replace(stage, step=replace(stage.step, emit=emit)).handle(_record())
    assert [outcome.reason for outcome in broker.ended] == ["too_large"]


async def test_a_stored_result_that_cannot_be_read_is_recomputed() -> None:
    broker, results, work = InMemoryBroker(), InMemoryResults(), Work()
    stage = _stage(work, broker, results)
    await stage.handle(_record())
    results.stored = dict.fromkeys(results.stored, '{"of": "an older shape"}')
    await stage.handle(_record())
    assert work.calls == 2
    assert not broker.dead_letters(_SOURCE)


async def test_a_stored_result_that_contradicts_its_event_is_recomputed() -> None:
    broker, results, work = InMemoryBroker(), InMemoryResults(), Work()
    stage = _stage(work, broker, results)
    await stage.handle(_record())
    stored = dict(results.stored)
    results.stored = {place: text.replace('"kind":"audio"', '"kind":"video"') for place, text in stored.items()}
    assert results.stored != stored
    await stage.handle(_record(offset=4))
    assert work.calls == 2
    assert not broker.dead_letters(_SOURCE)
    assert _stored(results) == [_FACTS.model_dump(mode="json")]


async def test_poison_is_a_dead_letter_at_once_with_the_same_bytes() -> None:
    broker, work = InMemoryBroker(), Work(Poison("no audio in it", reason="no_audio"))
    record = _record()
    await _stage(work, broker).handle(record)
    [(_, key, value, headers, _)] = broker.dead_letters(_SOURCE)
    assert (key, value) == (record.key, record.value)
    headers_by_name = dict(headers)
    assert headers_by_name["__connect.errors.exception.message"] == b"no audio in it"
    assert headers_by_name["__connect.errors.offset"] == b"3"
    assert headers_by_name["bachata.attempts"] == b"1"
    assert work.calls == 1
    assert not broker.messages_on(_SINK.full_name)
    [outcome] = broker.ended
    assert (outcome.outcome, outcome.reason) == ("failed", "no_audio")
    assert outcome.dead_letter_id == headers_by_name["bachata.dead-letter-id"].decode()


@pytest.mark.parametrize("value", [b"\x00\xff garbage", b"{}", b"[1]", b"null", b"[" * 100_000])
async def test_invalid_bytes_are_a_dead_letter_and_a_failed_outcome(value: bytes) -> None:
    broker, work = InMemoryBroker(), Work()
    await _stage(work, broker).handle(_record(value))
    [(_, _, value_in_letter, _, _)] = broker.dead_letters(_SOURCE)
    assert value_in_letter == value
    assert [outcome.outcome for outcome in broker.ended] == ["failed"]
    assert work.calls == 0


async def test_records_that_cannot_be_read_are_a_dead_letter_that_names_their_place() -> None:
    broker = InMemoryBroker()
    unreadable = Unreadable(4, 9, "its checksum is wrong")
    await _stage(Work(), broker).handle(Record(_SOURCE.full_name, 2, 9, None, None, [], unreadable))
    [letter] = [message for message in broker.records if message.topic == _SOURCE.dead_letter_name]
    read = read_dead_letter(Record(letter.topic, 0, 0, letter.key, letter.value, letter.headers), 0)
    assert (letter.key, letter.value, read.reason, read.attempts) == (None, b"", "unreadable_record", 0)
    assert read.error == f"{_SOURCE.full_name}[2]: offsets 4 to 9 cannot be read: its checksum is wrong"
    headers = dict(letter.headers)
    assert (headers["bachata.first-offset"], headers["__connect.errors.offset"]) == (b"4", b"9")


async def test_a_retryable_fault_is_retried() -> None:
    broker, work = InMemoryBroker(), Work(Retryable("busy", "kafka"), ValueError("odd"), None)
    await _stage(work, broker).handle(_record())
    assert work.calls == 3
    assert len(broker.messages_on(_SINK.full_name)) == 1
    assert not broker.dead_letters(_SOURCE)


async def test_a_fault_in_all_attempts_leads_to_a_dead_letter() -> None:
    broker, work = InMemoryBroker(), Work(*[Retryable("busy", reason="kafka")] * 10)
    await _stage(work, broker).handle(_record())
    assert work.calls == Retries().attempts
    [(*_, headers, _)] = broker.dead_letters(_SOURCE)
    assert dict(headers)["bachata.attempts"] == str(Retries().attempts).encode()


async def test_a_step_declares_how_often_and_when_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    slept = list[float]()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(retry, "asyncio", SimpleNamespace(sleep=sleep))
    monkeypatch.setattr(retry, "random", SimpleNamespace(uniform=lambda low, high: high))
    faults = [Retryable("busy", reason="kafka", retry_after_s=seconds) for seconds in (0, 0, 0, 0, 9, 0)]
    broker, work = InMemoryBroker(), Work(*faults)
    retries = Retries(attempts=6, first_wait_s=1.0, longest_wait_s=4.0)
    await _stage(work, broker, retries=retries).handle(_record())
    assert work.calls == 6
    assert slept == [1.0, 2.0, 4.0, 4.0, 9.0]
    assert broker.dead_letters(_SOURCE)


async def test_an_event_survives_an_outage_of_the_broker() -> None:
    broker = InMemoryBroker(failures=5)
    await _stage(Work(), broker).handle(_record())
    assert len(broker.messages_on(_SINK.full_name)) == 1


async def test_cancelled_work_writes_nothing() -> None:
    broker = InMemoryBroker()
    stage = _stage(Work(*[Retryable("busy", "kafka")] * 10), broker)
    task = asyncio.create_task(stage.handle(_record()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not broker.messages_on(_SINK.full_name)
    assert not broker.dead_letters(_SOURCE)


async def test_the_last_step_ends_the_request_once() -> None:
    broker = InMemoryBroker()
    await _stage(Work(), broker, ending=lambda event: Ending(clip_sha256=event.song.sha256)).handle(_record())
    [ended] = broker.ended
    assert (ended.outcome, ended.request_id, ended.step, ended.clip_sha256) == ("done", "r1", "intake", _SHA)


async def test_a_step_without_ending_ends_no_request() -> None:
    broker = InMemoryBroker()
    await _stage(Work(), broker).handle(_record())
    assert not broker.ended


async def test_a_stored_result_has_step_version_subject_and_time() -> None:
    results = InMemoryResults()
    before = datetime.now(UTC).replace(microsecond=0)
    await _stage(Work(), InMemoryBroker(), results, version="7").handle(_record())
    [((partition, key), text)] = results.stored.items()
    stored = json.loads(text)
    assert (partition, key.rpartition(":")[0]) == (1, "intake:7")
    assert (stored["step"], stored["version"], stored["subject"]) == ("intake", "7", _SHA)
    assert before <= datetime.fromisoformat(stored["made_at"]) <= datetime.now(UTC)


async def test_an_unavailable_resource_is_waited_for_and_reported_once() -> None:
    broker, waiting = InMemoryBroker(), WaitingRuns()
    faults = [Unavailable("the index is unavailable", "move_index", retry_after_s=0.001)] * (3 * Retries().attempts)

    def work(file: SubmittedFile, tools: Tools) -> MediaFacts:
        if faults:
            raise faults.pop()
        return _FACTS

    stage = _stage(work, broker)
    stage = replace(stage, observers=(*stage.observers, waiting))
    task = asyncio.create_task(stage.handle(_record()))
    while not waiting.reasons():  # noqa: ASYNC110 - the observer has no event to wait for
        await asyncio.sleep(0)
    assert waiting.reasons() == {"intake": "the index is unavailable"}
    await task
    assert waiting.reasons() == {}
    assert not broker.dead_letters(_SOURCE)
    assert len(broker.messages_on(_SINK.full_name)) == 1
    await asyncio.sleep(0.1)  # progress is sent in the background
    assert [progress.state for progress in broker.payloads(PROGRESS)] == ["started", "waiting", "done"]


async def test_a_run_that_is_cancelled_is_no_longer_waiting() -> None:
    waiting = WaitingRuns()
    stage = _stage(Work(Unavailable("the index is unavailable", "move_index", retry_after_s=60)), InMemoryBroker())
    task = asyncio.create_task(replace(stage, observers=(waiting,)).handle(_record()))
    while not waiting.reasons():  # noqa: ASYNC110 - the observer has no event to wait for
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert waiting.reasons() == {}


async def test_an_error_in_an_observer_changes_nothing() -> None:
    class Broken(Observer):
        def progressed(self, run: EventRun, fraction: float) -> None:
            raise ValueError("a bug")

        def prepared(self, run: EventRun) -> None:
            raise ValueError("a bug")

        def finished(self, run: EventRun) -> None:
            raise ValueError("a bug")

    broker = InMemoryBroker()
    stage = _stage(Work(), broker, ending=lambda event: Ending())
    await replace(stage, observers=(Broken(), *stage.observers)).handle(_record())
    await asyncio.sleep(0.1)  # progress is sent in the background
    assert [ended.outcome for ended in broker.ended] == ["done"]
    assert broker.payloads(PROGRESS)[-1].state == "done"


async def test_depends_on_is_retried() -> None:
    broker, work = InMemoryBroker(), Work(Retryable("busy", "kafka"))
    faults: list[Exception] = [Unavailable("away", "move_index", 0.001), OSError("a bug"), Retryable("x", "storage")]

    def depends_on(event: SongSubmitted, tools: Tools) -> SubmittedFile:
        if faults:
            raise faults.pop()
        return SubmittedFile(sha256=event.source.sha256)

    await _stage(work, broker, depends_on=depends_on).handle(_record())
    assert work.calls == 2
    assert len(broker.messages_on(_SINK.full_name)) == 1


async def test_work_does_not_start_while_a_resource_is_missing() -> None:
    shortages = [Unavailable("disk full", "disk_full", retry_after_s=0.001)] * 3
    broker, work = InMemoryBroker(), Work()
    stage = replace(_stage(work, broker), missing_resource=lambda: shortages.pop() if shortages else None)
    await stage.handle(_record())
    assert work.calls == 1
    [waiting, *_] = broker.payloads(PROGRESS)
    assert (waiting.state, waiting.reason) == ("waiting", "disk_full")


def _delivery(work: Callable[..., MediaFacts], broker: InMemoryBroker, results: InMemoryResults) -> Stage:
    return _stage(work, broker, results, name="delivery", produces=None, emit=None)


async def test_a_step_that_produces_nothing_is_done_once() -> None:
    broker, results, work = InMemoryBroker(), InMemoryResults(), Work()
    stage = _delivery(work, broker, results)
    await stage.handle(_record())
    await stage.handle(_record())
    assert work.calls == 1
    assert {message.topic for message in broker.records} == {PROGRESS.full_name}
    assert len(results.stored) == 1


async def test_a_failed_step_that_produces_nothing_is_a_dead_letter_without_outcome() -> None:
    broker = InMemoryBroker()
    await _delivery(Work(Poison("no such address", "not_found")), broker, InMemoryResults()).handle(_record())
    assert len(broker.dead_letters(_SOURCE)) == 1
    assert not broker.ended


async def test_two_steps_that_fail_on_one_record_have_a_dead_letter_each() -> None:
    broker = InMemoryBroker()
    for name in ("intake", "other"):
        await _stage(Work(Poison("no", "no_audio")), broker, name=name).handle(_record())
    ids = [dict(letter.headers)["bachata.dead-letter-id"] for letter in broker.dead_letters(_SOURCE)]
    assert len(set(ids)) == 2


@pytest.mark.parametrize(
    "wrong", [{"produces": None}, {"emit": None}, {"reads": frozenset({"library"}), "runs_in": "process"}]
)
def test_a_contradictory_step_declaration_is_rejected(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="intake: "):
        _stage(Work(), InMemoryBroker(), **wrong)


@pytest.mark.parametrize("reason", ["timeout", "out_of_memory", "child_died"])
async def test_a_fault_that_costs_much_is_tried_twice(reason: Any) -> None:
    fault = Retryable("the step did not finish within 60 s", reason)
    broker, work = InMemoryBroker(), Work(Retryable("busy", "kafka"), *[fault] * 10)
    await _stage(work, broker).handle(_record())
    assert work.calls == 1 + Retries().costly_attempts
    [outcome] = broker.ended
    assert (outcome.reason, outcome.error) == (reason, "the step did not finish within 60 s")


class _Picky(InMemoryBroker):
    """Refuses the messages of which `refuses` is true, permanently."""

    def __init__(self, refuses: Callable[[Message], bool]) -> None:
        super().__init__()
        self.refuses = refuses
        self.calls: list[int] = []

    async def publish(self, *messages: Message) -> None:
        if messages[0].topic != PROGRESS.full_name:
            self.calls.append(len(messages))
        await super().publish(*(message for message in messages if not self.refuses(message)))
        if any(map(self.refuses, messages)):
            raise Poison("the record is larger than the topic accepts", "too_large")


def _is_long(message: Message) -> bool:
    return message.topic == _SOURCE.dead_letter_name and message.value != b""


async def _deliver(stage: Stage, *records: Record) -> None:
    await stage.deliver([await stage.prepare(record) for record in records])


async def test_a_batch_is_one_publish() -> None:
    broker = _Picky(lambda _: False)
    await _deliver(_stage(Work(), broker), *(_record(offset=offset, request_id=f"r{offset}") for offset in range(9)))
    assert broker.calls == [9]


async def test_an_event_that_kafka_refuses_becomes_a_dead_letter_and_the_others_are_delivered() -> None:
    broker = _Picky(lambda message: message.topic == _SINK.full_name and b'"r4"' in (message.value or b""))
    records = [_record(offset=offset, request_id=f"r{offset}") for offset in range(3, 6)]
    await asyncio.wait_for(_deliver(_stage(Work(), broker), *records), 60)
    [(_, key, value, headers, _)] = broker.dead_letters(_SOURCE)
    assert (key, value) == (b"k", records[1].value)
    assert dict(headers)["bachata.reason"] == b"too_large"
    [outcome] = broker.ended
    assert (outcome.request_id, outcome.outcome, outcome.reason) == ("r4", "failed", "too_large")
    sent = {
        SongAccepted.model_validate_json(out.value or b"").request_id for out in broker.messages_on(_SINK.full_name)
    }
    assert sent == {"r3", "r5"}


@pytest.mark.parametrize("value", [b"\xff not an event", None])
async def test_a_dead_letter_that_kafka_refuses_becomes_one_that_names_the_place(value: bytes | None) -> None:
    broker = _Picky(_is_long)
    record = replace(_record(), value=value, headers=[("ce_id", b"e1"), ("large", b"x" * 100)])
    await asyncio.wait_for(_deliver(_stage(Work(), broker), record), 60)
    [message] = broker.dead_letters(_SOURCE)
    letter = read_dead_letter(Record(message.topic, 0, 0, *message[1:4]), 0)
    place = (letter.claimed_topic, letter.source_partition, letter.source_offset)
    assert place == (_SOURCE.full_name, 1, 3)
    assert (letter.reason, letter.omitted_because) == (
        "invalid_event",
        "the record is larger than the topic accepts",
    )
    assert dict(message.headers)["ce_id"] == b"e1"
    assert {outcome.dead_letter_id for outcome in broker.ended} == {letter.id}


async def test_a_result_that_cannot_be_stored_makes_its_event_a_dead_letter() -> None:
    class Results(InMemoryResults):
        async def put(self, partition: int, results: Mapping[str, str]) -> None:
            raise Poison("the record is larger than the changelog accepts", "too_large")

    broker, results = InMemoryBroker(), Results()
    stage = _stage(Work(), broker, results)
    await asyncio.wait_for(_deliver(stage, _record()), 60)
    assert [outcome.reason for outcome in broker.ended] == ["too_large"]
    assert not stage.pending_results


async def test_an_outcome_is_not_written_although_its_event_cannot_be() -> None:
    broker = _Picky(lambda message: message.topic == _SINK.full_name)
    await asyncio.wait_for(_deliver(_stage(Work(), broker, ending=lambda _: Ending()), _record()), 60)
    assert [outcome.outcome for outcome in broker.ended] == ["failed"]


async def test_a_publish_that_is_retried_is_an_operation_with_the_last_error() -> None:
    broker = InMemoryBroker(failures=10**6)
    stage = _stage(Work(), broker)
    handling = asyncio.ensure_future(stage.handle(_record()))
    while not (running := stage.operations.longer_than(0)) or "yet" in running[0].reason:  # noqa: ASYNC110
        await asyncio.sleep(0.001)
    assert running[0].what == f"intake, {_SOURCE.full_name}[1] from offset 3: publishing"
    assert "ConnectionError" in running[0].reason
    broker.failures = 0
    await asyncio.wait_for(handling, 60)
    assert stage.operations.longer_than(0) == []


def test_ids_tell_the_records_of_a_topic_that_was_created_again_apart() -> None:
    values = (None, b"", b"v")
    records = [replace(_record(), timestamp_ms=time, value=value, headers=[]) for time in (1, 2) for value in values]
    assert len({dead_letter_id(record, "intake") for record in records}) == len(records)
    assert len({record_id(record) for record in records}) == len(records)


def test_copies_of_an_event_have_one_dead_letter_id_and_other_events_have_another() -> None:
    event = replace(_record(), headers=[("ce_id", b"e1"), ("ce_source", b"/a")])
    copies = [event, replace(event, offset=9, partition=2, timestamp_ms=7), replace(event, headers=event.headers * 2)]
    assert len({dead_letter_id(copy, "intake") for copy in copies}) == 1
    others = [
        replace(event, value=b"v"),
        replace(event, key=None),
        replace(event, topic=_SINK.full_name),
        *(replace(event, headers=[("ce_id", b"e1"), pair]) for pair in (("ce_source", b"/b"), (REDRIVE_OF, b"d"))),
        replace(event, headers=[("ce_id", b"e1"), ("ce_source", b"/a"), (REDRIVE_OF, b"d")]),
        replace(event, headers=[("ce_id", b"e2"), ("ce_source", b"/a")]),
    ]
    assert len({dead_letter_id(record, "intake") for record in [event, *others]}) == len(others) + 1
    assert dead_letter_id(event, "there") != dead_letter_id(event, "intake")


async def test_an_event_that_fails_twice_has_one_outcome_unless_the_reason_is_another() -> None:
    broker = InMemoryBroker()
    stage = _stage(Work(*[Poison("none", reason="no_audio")] * 2, Poison("no file", reason="not_found")), broker)
    for offset in (3, 4, 5):
        await stage.handle(_record(offset=offset))
    outcomes = [dict(message.headers)["ce_id"] for message in broker.messages_on(REQUEST_ENDED.full_name)]
    assert len({outcome.dead_letter_id for outcome in broker.ended}) == 1
    assert outcomes[0] == outcomes[1] != outcomes[2]


async def test_a_fault_with_characters_that_utf8_does_not_have_is_a_dead_letter() -> None:
    broker = InMemoryBroker()
    await _stage(Work(Poison("no file \udcff", "not_found")), broker).handle(_record())
    assert [outcome.reason for outcome in broker.ended] == ["not_found"]


async def test_an_event_and_its_dead_letter_that_kafka_refuses_become_one_short_letter() -> None:
    broker = _Picky(lambda message: message.topic == _SINK.full_name or _is_long(message))
    await asyncio.wait_for(_deliver(_stage(Work(), broker), _record()), 60)
    [letter] = broker.dead_letters(_SOURCE)
    assert (letter.key, letter.value, dict(letter.headers)["bachata.reason"]) == (None, b"", b"too_large")
    assert {outcome.outcome for outcome in broker.ended} == {"failed"}
