"""A real local Kafka: data, offsets and address across stops, kills and changes of ports."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from infra.kafka_connection import KafkaConnection
from infra.kafka_jars import ensure_jars, kafka_version
from infra.local_kafka import LocalKafka, broker, find_java, installed_startup_cache, local_connection
from infra.local_kafka.files import MAX_MESSAGE_BYTES
from infra.local_kafka.ports import choose_ports
from infra.settings import load_settings
from schemas.faults import Retryable
from streams.patches.aiokafka_records import TolerantConsumer

pytestmark = pytest.mark.broker

T = TypeVar("T")
TOPIC = "songs"
GROUP = "dancers"


@pytest.fixture(scope="module")
def class_path() -> str:
    return ensure_jars(load_settings().cache_dir, print)


def make(folder: Path, class_path: str) -> LocalKafka:
    return LocalKafka(folder, class_path, find_java(), installed_startup_cache(class_path))


@pytest.fixture
def kafka(tmp_path: Path, class_path: str) -> Iterator[LocalKafka]:
    local = make(tmp_path / "música, y más" / "kafka", class_path)
    yield local
    local.stop()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, class_path: str) -> Iterator[LocalKafka]:
    """Yield a broker that runs during all tests of this file; the thread that started it has ended."""
    local = make(tmp_path_factory.mktemp("música, y más") / "kafka", class_path)
    thread = threading.Thread(target=local.start)
    thread.start()
    thread.join()
    yield local
    local.stop()


def with_admin(connection: KafkaConnection, act: Callable[[AIOKafkaAdminClient], Awaitable[T]]) -> T:
    async def run() -> T:
        admin = AIOKafkaAdminClient(**connection.client_options())
        await admin.start()
        try:
            return await act(admin)
        finally:
            await admin.close()

    return asyncio.run(run())


def make_topic(connection: KafkaConnection) -> None:
    limits = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
    with_admin(connection, lambda admin: admin.create_topics([NewTopic(TOPIC, 2, 1, topic_configs=limits)]))


def topics(connection: KafkaConnection) -> set[str]:
    return {name for name in with_admin(connection, lambda admin: admin.list_topics()) if not name.startswith("__")}


def send(connection: KafkaConnection, *values: bytes) -> None:
    async def run() -> None:
        producer = AIOKafkaProducer(**connection.client_options(), acks="all", max_request_size=MAX_MESSAGE_BYTES)
        async with producer:
            for value in values:
                await producer.send_and_wait(TOPIC, value, partition=0)

    asyncio.run(run())


def read(connection: KafkaConnection, count: int, commit: int | None = None) -> list[bytes]:
    """Return the next `count` records after the group's offset, then commit the offset `commit`, if given."""

    async def run() -> list[bytes]:
        tp = TopicPartition(TOPIC, 0)
        consumer = TolerantConsumer(
            **connection.client_options(),
            group_id=GROUP,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_MESSAGE_BYTES,
        )
        consumer.assign([tp])
        async with consumer:
            values = [(await asyncio.wait_for(consumer.getone(), 60)).value or b"" for _ in range(count)]
            if commit is not None:
                await consumer.commit({tp: commit})
        return values

    return asyncio.run(run())


def is_gone(pid: int) -> bool:
    deadline = time.monotonic() + 60.0
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_topics_records_and_offsets_survive_a_stop_a_kill_and_a_change_of_ports(kafka: LocalKafka) -> None:
    first = kafka.start()
    make_topic(first)
    send(first, b"one", b"two", b"three")
    assert read(first, 2, commit=1) == [b"one", b"two"]
    kafka.stop()

    assert kafka.start() == first, "clients that know the address and the password must find the broker again"
    pid = kafka.pid or 0
    os.kill(pid, signal.SIGKILL)
    assert is_gone(pid)
    deadline = time.monotonic() + 60.0
    while kafka.pid is not None:  # its thread waits for it too: the exit status takes a moment
        assert time.monotonic() < deadline
        time.sleep(0.02)

    version = kafka.folder / "log" / "kafka.version"
    version.unlink()  # folders of earlier versions have none
    with socket.create_server(("127.0.0.1", int(first.bootstrap.split(":")[1]))):
        third = kafka.start()
        assert third != first
        assert version.read_text() == kafka_version()
        assert topics(third) == {TOPIC}
        assert read(third, 2) == [b"two", b"three"]


def test_it_listens_on_this_machine_only_and_accepts_the_largest_messages(running: LocalKafka) -> None:
    connection = running.start()
    listening = [c for c in psutil.Process(running.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 2
    assert {c.laddr.ip.removeprefix("::ffff:") for c in listening} == {"127.0.0.1"}

    make_topic(connection)
    large = os.urandom(MAX_MESSAGE_BYTES - 1024)
    send(connection, large)
    assert read(connection, 1) == [large]

    with_admin(connection, lambda admin: admin.describe_topics(["no-such-topic"]))
    assert topics(connection) == {TOPIC}, "a request for a topic must not create it"


def test_one_broker_per_folder(running: LocalKafka, class_path: str) -> None:
    connection = running.start()
    with pytest.raises(Retryable, match="already running") as refused:
        make(running.folder, class_path).start()
    assert refused.value.reason == "kafka_running"
    assert "\n" not in str(refused.value)
    assert running.start() == connection, "a second call of start must not start a second broker"


def test_it_survives_the_end_of_the_thread_that_started_it(running: LocalKafka) -> None:
    pid = running.pid
    assert pid is not None
    assert not {name for name in topics(running.start()) if name != TOPIC}
    assert running.pid == pid


def test_it_ends_when_its_program_is_killed(tmp_path: Path, class_path: str) -> None:
    program = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from infra.local_kafka import LocalKafka, find_java, installed_startup_cache
        class_path = {class_path!r}
        kafka = LocalKafka(Path({str(tmp_path)!r}), class_path, find_java(), installed_startup_cache(class_path))
        print(kafka.start(), kafka.pid, flush=True)
        time.sleep(600)
    """)
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    bootstrap, pid = owner.stdout.readline().split()
    assert topics(local_connection(tmp_path, bootstrap)) == set()
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert is_gone(int(pid))
    with make(tmp_path, class_path) as next_one:
        assert str(next_one.connection) == bootstrap


def test_a_folder_of_a_newer_kafka_is_refused_and_one_of_an_older_gets_a_password(kafka: LocalKafka) -> None:
    """Folders of earlier versions have no password. The broker's own files stay small."""
    first = kafka.start()
    make_topic(first)
    kafka.stop()
    version = kafka.folder / "log" / "kafka.version"
    assert version.read_text() == kafka_version()

    version.write_text("999.1.0")
    with pytest.raises(Retryable, match=r"Kafka 999\.1\.0 wrote .*is older: install") as refused:
        kafka.start()
    assert refused.value.reason == "kafka_too_old"
    assert kafka.pid is None
    assert version.read_text() == "999.1.0"

    version.write_text("3.9.1")
    (kafka.folder / "password").unlink()
    second = kafka.start()
    assert second.password != first.password
    assert topics(second) == {TOPIC}
    assert version.read_text() == kafka_version(), "from now on older brokers are refused"
    with pytest.raises(KafkaError):
        topics(first)
    kafka.stop()
    written = {file.name: file.stat().st_size for file in kafka.folder.iterdir() if file.is_file()}
    assert sum(written.values()) < 50_000, written


def test_a_killed_format_is_repeated_and_a_port_that_is_taken_after_the_choice_is_replaced(
    kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The id of the cluster begins like an option."""
    monkeypatch.setattr(broker, "_new_cluster_id", lambda: "-3g3nShT-eMCtK--X86sw_")
    (kafka.folder / "log.fresh").mkdir(parents=True)
    (kafka.folder / "log.fresh" / "meta.properties").write_text("version=1\n")
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]

        def choose(folder: Path, *, new: bool = False) -> tuple[int, int]:
            return choose_ports(folder, new=True) if new else (taken, choose_ports(folder)[1])

        monkeypatch.setattr("infra.local_kafka.broker.choose_ports", choose)
        assert kafka.start().bootstrap != f"127.0.0.1:{taken}"
        assert topics(kafka.start()) == set()


def test_a_damaged_folder_is_named_in_one_line_and_unlocked(kafka: LocalKafka) -> None:
    (kafka.folder / "log").mkdir(parents=True)
    (kafka.folder / "log" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
    with pytest.raises(Retryable, match=r"failed to start: .*7") as failed:
        kafka.start()
    assert "\n" not in str(failed.value)
    assert kafka.pid is None
    shutil.rmtree(kafka.folder / "log")
    kafka.start()


@pytest.mark.parametrize(("class_path_", "java"), [("nothing.jar", None), (None, Path("/bin/false"))])
def test_a_java_that_fails_is_reported(
    tmp_path: Path, class_path: str, class_path_: str | None, java: Path | None
) -> None:
    with pytest.raises(Retryable, match="failed to start"):
        LocalKafka(tmp_path, class_path_ or class_path, java or find_java()).start()
