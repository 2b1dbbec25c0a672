"""A program that reads the outcomes of all requests is killed again and again, and has each effect once.

The program is the example of docs/client.md as it is: it stores the position in the transaction of the effect.
"""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from infra.kafka_connection import KafkaConnection
from infra.kafka_jars import ensure_jars
from infra.local_kafka import LocalKafka, find_java, installed_startup_cache
from infra.settings import load_settings
from schemas.request_ended import RequestEnded
from streams.client.kafka_log import KafkaLog
from streams.envelope import Message, event_headers
from streams.ids import event_id
from streams.topics import REQUEST_ENDED, specs
from streams.worker.create_topics import ensure_topics
from tests.chaos.schedule import scaled
from tests.documents import blocks
from tests.kafka_settings import kafka_settings
from tests.paths import PROJECT
from tests.quality.report import figure

pytestmark = pytest.mark.chaos
_KILLS = 20
_OUTCOMES_PER_KILL = 5
_TIMEOUT_S = 60.0
_RANDOM = random.Random(18)  # noqa: S311 - moments of kills
# Counts each delivery to the program, in the transaction of its effect; also one that its INSERT ignores. The count of
# pairs takes some 15 ms, so that most kills come within a transaction.
_COUNTING = """
CREATE TABLE outcomes (id TEXT PRIMARY KEY, request_id TEXT, outcome TEXT, file TEXT);
CREATE TABLE deliveries (id TEXT);
CREATE TABLE numbers (number INTEGER);
CREATE TABLE pairs (count INTEGER);
CREATE TRIGGER delivered BEFORE INSERT ON outcomes BEGIN
    INSERT INTO deliveries VALUES (NEW.id);
    INSERT INTO pairs SELECT sum(a.number * b.number) FROM numbers a, numbers b;
END;
"""


def test_a_program_that_is_killed_has_each_effect_once(tmp_path: Path) -> None:
    kills = scaled(_KILLS, 3)
    class_path = ensure_jars(load_settings().cache_dir, print)
    local = LocalKafka(tmp_path / "kafka", class_path, find_java(), installed_startup_cache(class_path))
    [example] = [block for block in blocks("python") if block.subject == "results"]
    (tmp_path / "program.py").write_text(example.text)
    with closing(sqlite3.connect(tmp_path / "outcomes.db")) as database:
        database.executescript(_COUNTING)
        with database:
            database.executemany("INSERT INTO numbers VALUES (?)", [(number,) for number in range(700)])
    published: list[str] = []
    killed_inside = 0
    with local:
        kafka = local.start()
        asyncio.run(ensure_topics(kafka, [spec for spec in specs() if spec.name.endswith(".v1")]))
        for number in range(kills):
            published += asyncio.run(_publish(kafka, number))
            before = len(_deliveries(tmp_path))
            with _program(tmp_path, kafka):
                _wait_until(lambda before=before: len(_deliveries(tmp_path)) > before)  # type: ignore[misc]
                time.sleep(_RANDOM.uniform(0, 0.1))
            killed_inside += len(_deliveries(tmp_path)) < len(published)
        with _program(tmp_path, kafka):
            _wait_until(lambda: len(_deliveries(tmp_path)) >= len(published))
            time.sleep(1)
    deliveries = Counter(_deliveries(tmp_path))
    wrong = len(set(published)) - len(deliveries) + (deliveries - Counter(published)).total()
    print(f"  {killed_inside} of {kills} kills were between two of the outcomes")
    figure("client_outcomes_of_a_killed_program", len(deliveries), str(len(set(published))), met=not wrong)
    figure("client_outcomes_lost_or_repeated", wrong, "0", met=not wrong)
    assert deliveries == Counter(published)
    assert len(set(published)) == kills * _OUTCOMES_PER_KILL
    assert set(_column(tmp_path, "SELECT id FROM outcomes")) == set(published)


async def _publish(kafka: KafkaConnection, number: int) -> list[str]:
    """Publish outcomes, the first of them twice, as a worker does that is killed; return their ids."""
    ids = [f"r-{number}-{count}" for count in range(_OUTCOMES_PER_KILL)]
    messages = [_message(request_id) for request_id in (*ids, ids[0])]
    log = KafkaLog(kafka)
    await log.start()
    await log.publish(messages)
    await log.stop()
    return [dict(message.headers)["ce_id"].decode() for message in messages]


def _message(request_id: str) -> Message:
    ended = RequestEnded(request_id=request_id, subject="s", step="rendering", outcome="done")
    headers = event_headers(REQUEST_ENDED, "/test", event_id("rendered", request_id), request_id)
    return Message(REQUEST_ENDED.full_name, request_id.encode(), ended.model_dump_json().encode(), headers)


@contextmanager
def _program(folder: Path, kafka: KafkaConnection) -> Iterator[None]:
    """Run the program, and kill it at the end of the context."""
    environment = os.environ | kafka_settings(kafka) | {"PYTHONPATH": str(PROJECT)}
    process = subprocess.Popen([sys.executable, "program.py"], cwd=folder, env=environment)
    try:
        yield
        assert process.poll() is None, "it ended by itself"
    finally:
        process.kill()
        process.wait()


def _deliveries(folder: Path) -> Sequence[str]:
    return _column(folder, "SELECT id FROM deliveries")


def _column(folder: Path, query: str) -> list[str]:
    with closing(sqlite3.connect(folder / "outcomes.db", timeout=_TIMEOUT_S)) as database:
        return [row[0] for row in database.execute(query)]


def _wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _TIMEOUT_S
    while not condition():
        assert time.monotonic() < deadline, "no outcome came"
        time.sleep(0.005)
