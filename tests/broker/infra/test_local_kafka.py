"""The local Kafka, for real: what it promises over stops, kills and port changes."""

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
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.kafka_jars import ensure_jars, kafka_version
from infra.local_kafka import LocalKafka, broker, find_java, installed_warm_up
from infra.local_kafka.files import MAX_MESSAGE_BYTES
from infra.local_kafka.ports import choose_ports
from infra.settings import load_settings
from schemas.faults import Retryable

pytestmark = pytest.mark.broker

T = TypeVar("T")
TOPIC = "songs"
GROUP = "dancers"


@pytest.fixture(scope="module")
def class_path() -> str:
    return ensure_jars(load_settings().cache_dir, print)


def make(folder: Path, class_path: str) -> LocalKafka:
    return LocalKafka(folder, class_path, find_java(), installed_warm_up(class_path))


@pytest.fixture
def kafka(tmp_path: Path, class_path: str) -> Iterator[LocalKafka]:
    local = make(tmp_path / "música, y más" / "kafka", class_path)
    yield local
    local.stop()


def with_admin(bootstrap: str, act: Callable[[AIOKafkaAdminClient], Awaitable[T]]) -> T:
    async def run() -> T:
        admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
        await admin.start()
        try:
            return await act(admin)
        finally:
            await admin.close()

    return asyncio.run(run())


def make_topic(bootstrap: str) -> None:
    limits = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
    with_admin(bootstrap, lambda admin: admin.create_topics([NewTopic(TOPIC, 2, 1, topic_configs=limits)]))


def topics(bootstrap: str) -> set[str]:
    return {name for name in with_admin(bootstrap, lambda admin: admin.list_topics()) if not name.startswith("__")}


def send(bootstrap: str, *values: bytes) -> None:
    async def run() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", max_request_size=MAX_MESSAGE_BYTES)
        async with producer:
            for value in values:
                await producer.send_and_wait(TOPIC, value, partition=0)

    asyncio.run(run())


def read(bootstrap: str, count: int, commit: int | None = None) -> list[bytes]:
    """The next `count` records after the group's offset; `commit` then sets that offset."""

    async def run() -> list[bytes]:
        where = TopicPartition(TOPIC, 0)
        consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=GROUP,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=MAX_MESSAGE_BYTES,
        )
        consumer.assign([where])
        async with consumer:
            values = [(await asyncio.wait_for(consumer.getone(), 20)).value or b"" for _ in range(count)]
            if commit is not None:
                await consumer.commit({where: commit})
        return values

    return asyncio.run(run())


def is_gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def test_topics_records_and_offsets_outlive_a_stop_a_kill_and_a_change_of_ports(kafka: LocalKafka) -> None:
    first = kafka.start()
    make_topic(first)
    send(first, b"one", b"two", b"three")
    assert read(first, 2, commit=1) == [b"one", b"two"]
    kafka.stop()

    assert kafka.start() == first, "clients that know the address must find the broker again"
    pid = kafka.pid or 0
    os.kill(pid, signal.SIGKILL)
    assert is_gone(pid)
    time.sleep(0.1)
    assert kafka.pid is None

    with socket.create_server(("127.0.0.1", int(first.split(":")[1]))):
        third = kafka.start()
        assert third != first
        assert topics(third) == {TOPIC}
        assert read(third, 2) == [b"two", b"three"]


def test_it_listens_on_this_machine_only_and_takes_what_we_send(kafka: LocalKafka) -> None:
    bootstrap = kafka.start()
    listening = [c for c in psutil.Process(kafka.pid).net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert len(listening) == 2
    assert {c.laddr.ip.removeprefix("::ffff:") for c in listening} == {"127.0.0.1"}

    make_topic(bootstrap)
    large = os.urandom(MAX_MESSAGE_BYTES - 1024)
    send(bootstrap, large)
    assert read(bootstrap, 1) == [large]

    with_admin(bootstrap, lambda admin: admin.describe_topics(["never-made"]))
    assert topics(bootstrap) == {TOPIC}, "asking for a topic must not make it"


def test_one_broker_per_folder(kafka: LocalKafka, class_path: str) -> None:
    bootstrap = kafka.start()
    with pytest.raises(Retryable, match="already running") as refused:
        make(kafka.folder, class_path).start()
    assert refused.value.reason == "kafka_running"
    assert "\n" not in str(refused.value)
    assert kafka.start() == bootstrap, "start is asked twice, the broker starts once"


def test_a_cluster_id_that_looks_like_an_option_is_none(kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_new_cluster_id", lambda: "-3g3nShT-eMCtK--X86sw_")
    assert topics(kafka.start()) == set()


def test_it_lives_on_when_the_thread_that_started_it_ends(kafka: LocalKafka) -> None:
    thread = threading.Thread(target=kafka.start)
    thread.start()
    thread.join()
    time.sleep(0.3)
    assert kafka.pid is not None
    assert topics(kafka.bootstrap or "") == set()


def test_kill_9_of_the_program_leaves_nothing_behind(tmp_path: Path, class_path: str) -> None:
    program = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from infra.local_kafka import LocalKafka, broker, find_java
        kafka = LocalKafka(Path({str(tmp_path)!r}), {class_path!r}, find_java())
        print(kafka.start(), kafka.pid, flush=True)
        time.sleep(600)
    """)
    owner = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    bootstrap, pid = owner.stdout.readline().split()
    assert topics(bootstrap) == set()
    owner.kill()
    owner.wait()
    owner.stdout.close()
    assert is_gone(int(pid), within_s=2.0)
    with make(tmp_path, class_path) as next_one:
        assert next_one.bootstrap == bootstrap


def test_a_port_lost_between_the_look_and_the_start_is_no_error(
    kafka: LocalKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as thief:
        taken = thief.getsockname()[1]

        def look(folder: Path, *, anew: bool = False) -> tuple[int, int]:
            return choose_ports(folder, anew=True) if anew else (taken, choose_ports(folder)[1])

        monkeypatch.setattr("infra.local_kafka.broker.choose_ports", look)
        assert kafka.start() != f"127.0.0.1:{taken}"
        assert topics(kafka.bootstrap or "") == set()


def test_a_folder_that_a_newer_kafka_wrote_is_refused_and_stays_as_it_is(kafka: LocalKafka) -> None:
    bootstrap = kafka.start()
    make_topic(bootstrap)
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
    assert topics(kafka.start()) == {TOPIC}
    assert version.read_text() == kafka_version(), "from now on older brokers are refused"
    kafka.stop()

    version.unlink()  # a folder from before versions were written
    assert topics(kafka.start()) == {TOPIC}
    assert version.read_text() == kafka_version()


def test_a_format_that_was_killed_is_done_again(kafka: LocalKafka) -> None:
    (kafka.folder / "log.fresh").mkdir(parents=True)
    (kafka.folder / "log.fresh" / "meta.properties").write_text("version=1\n")
    kafka.start()
    assert kafka.pid is not None


def test_a_broken_folder_is_named_in_one_line_and_given_back(kafka: LocalKafka) -> None:
    kafka.start()
    kafka.stop()
    (kafka.folder / "log" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=x\n")
    with pytest.raises(Retryable, match=r"ended at its start: .*7") as failed:
        kafka.start()
    assert "\n" not in str(failed.value)
    assert kafka.pid is None
    shutil.rmtree(kafka.folder / "log")
    kafka.start()


@pytest.mark.parametrize(("class_path_", "java"), [("nothing.jar", None), (None, Path("/bin/false"))])
def test_a_java_that_fails_is_named(
    tmp_path: Path, class_path: str, class_path_: str | None, java: Path | None
) -> None:
    with pytest.raises(Retryable, match="ended at its start"):
        LocalKafka(tmp_path, class_path_ or class_path, java or find_java()).start()


def test_its_own_files_stay_small(kafka: LocalKafka) -> None:
    for _ in range(2):
        kafka.start()
        kafka.stop()
    written = {file.name: file.stat().st_size for file in kafka.folder.iterdir() if file.is_file()}
    assert sum(written.values()) < 50_000, written
