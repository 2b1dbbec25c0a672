"""A Kafka of three brokers with three copies of each partition, of which any one can be killed."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from uuid import uuid4

from infra.kafka_connection import KafkaConnection
from infra.kafka_jars import ensure_jars
from infra.local_kafka import find_java, installed_startup_cache
from infra.local_kafka.jvm import Jvm
from infra.local_kafka.ports import HOST, accepts_connections, choose_ports
from infra.settings import load_settings
from streams.topics import MAX_DEAD_LETTER_BYTES

_START_TIMEOUT_S = 90.0
_NODES = (1, 2, 3)
_SERVER = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{port}
listener.security.protocol.map=CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=CLIENTS
log.dirs=log
auto.create.topics.enable=false
default.replication.factor=3
min.insync.replicas=2
offsets.topic.replication.factor=3
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=3
transaction.state.log.min.isr=2
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=1000
message.max.bytes={max_message}
replica.fetch.max.bytes={max_message}
log.cleaner.dedupe.buffer.size=4194304
"""


class ThreeBrokers:
    """Three brokers below a folder. It has the methods of `LocalKafka` that a cluster of the tests calls."""

    def __init__(self, folder: Path) -> None:
        class_path = ensure_jars(load_settings().cache_dir, print)
        self.folder = folder
        self._jvm = Jvm(find_java(), class_path, installed_startup_cache(class_path))
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self) -> KafkaConnection:
        """Start all brokers and return how to connect to them."""
        folders = {node: self.folder / str(node) for node in _NODES}
        for folder in folders.values():
            (folder / "tmp").mkdir(parents=True)
        ports = {node: choose_ports(folder) for node, folder in folders.items()}
        voters = ",".join(f"{node}@{HOST}:{controller}" for node, (_, controller) in ports.items())
        cluster_id = uuid4().hex[:22]
        for node, (port, controller) in ports.items():
            server = _SERVER.format(
                node=node, voters=voters, port=port, controller=controller, max_message=MAX_DEAD_LETTER_BYTES
            )
            (folders[node] / "server.properties").write_text(server)
            self._format(folders[node], cluster_id)
        for node, folder in folders.items():
            self._processes[node] = self._run(folder, "kafka.Kafka", "server.properties")
        self._await([port for port, _ in ports.values()])
        return KafkaConnection(",".join(f"{HOST}:{port}" for port, _ in ports.values()))

    def kill(self, node: int) -> None:
        """Kill a broker with SIGKILL."""
        self._processes[node].kill()
        self._processes[node].wait()

    def stop(self) -> None:
        """Kill all brokers."""
        for node in self._processes:
            self.kill(node)

    def _format(self, folder: Path, cluster_id: str) -> None:
        tool = "kafka.tools.StorageTool", "format", f"--cluster-id={cluster_id}", "-c", "server.properties"
        assert self._run(folder, *tool).wait(_START_TIMEOUT_S) == 0, (folder / "console.log").read_text()

    def _run(self, folder: Path, *main: str) -> subprocess.Popen[bytes]:
        return self._jvm.spawn(folder, self._jvm.command(main))

    def _await(self, ports: list[int]) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not all(map(accepts_connections, ports)):
            assert time.monotonic() < deadline, f"the brokers did not start, see {self.folder}"
            time.sleep(0.1)
