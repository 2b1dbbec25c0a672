"""A supervisor runs in the background and keeps one service running while any process holds a lease on it.

    python -m streams.local.supervisor kafka     the local Kafka
    python -m streams.local.supervisor worker    a worker, restarted when it ends

A supervisor's child ends with it, and the supervisor ends after the last lease, so no process is left running.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from types import FrameType
from typing import IO, cast

from infra.kafka_connection import KafkaConnection
from infra.kafka_jars import ensure_jars
from infra.local_kafka import LocalKafka, find_java, installed_startup_cache, write_client_files
from infra.settings import Settings
from streams.local.service_files import Role, ServiceFiles
from streams.local.service_process import WRONG_SETTING, run_service
from streams.local.services import running_kafka, start_supervisor

log = logging.getLogger(__name__)
_CHECK_INTERVAL_S = 0.25
_RESTART_DELAY_S = 1.0
_STOP_TIMEOUT_S = 30.0


class _Supervisor:
    """The common part of both supervisors: run the service until a signal, or until it has no leases."""

    def __init__(self, settings: Settings, role: Role) -> None:
        self.settings = settings
        self.files = ServiceFiles(settings.run_dir, role)
        self.stop_requested = threading.Event()
        self.status = 0

    def run(self) -> int:
        """Run until stopped and return the exit status; return 0 immediately if another supervisor runs."""
        lock = self.files.become_supervisor()
        if lock is None:
            return 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._request_stop)
        closing: IO[str] | None = None
        try:
            self.start()
            while not self.stop_requested.wait(_CHECK_INTERVAL_S) and closing is None:
                self.check()
                self.files.bound_log()
                closing = None if self.files.pinned.exists() else self.files.close_when_idle()
        finally:
            self.files.clear()
            self.stop()
        del closing, lock  # held until here: new leases wait until the service has stopped
        return self.status

    def start(self) -> None:
        raise NotImplementedError

    def check(self) -> None:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.stop_requested.set()


class KafkaSupervisor(_Supervisor):
    """Supervises the local Kafka."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "kafka")
        self._kafka: LocalKafka | None = None

    def start(self) -> None:
        if self._kafka is None:
            class_path = ensure_jars(self.settings.cache_dir, log.info)
            cache = installed_startup_cache(class_path)
            self._kafka = LocalKafka(self.settings.kafka_dir, class_path, find_java(), cache)
        kafka = self._kafka.start()
        write_client_files(self.settings.run_dir, kafka, self._kafka.kcat)
        self.files.write({"pid": os.getpid(), "bootstrap": kafka.bootstrap})

    def check(self) -> None:
        if self._kafka is not None and self._kafka.pid is None:
            log.warning("Kafka ended and is restarted")
            self.files.clear()  # its port may be another user's until it runs again
            self._kafka.stop()
            self.start()

    def stop(self) -> None:
        if self._kafka is not None:
            self._kafka.stop()


class WorkerSupervisor(_Supervisor):
    """Supervises a worker, and holds a lease on its Kafka."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, "worker")
        self._kafka = ServiceFiles(settings.run_dir, "kafka")
        self._lease: IO[str] | None = None
        self._worker: subprocess.Popen[bytes] | None = None
        self._kafka_supervisor: subprocess.Popen[bytes] | None = None
        self._kafka_connection: KafkaConnection | None = None

    def start(self) -> None:
        if self.settings.kafka is None:
            self._lease = self._kafka.lease()
        self._spawn()
        self.files.write({"pid": os.getpid()})

    def check(self) -> None:
        self._ensure_kafka()
        self._follow_kafka()
        worker = cast("subprocess.Popen[bytes]", self._worker)
        if worker.poll() == WRONG_SETTING:
            self._end(WRONG_SETTING)
        elif worker.poll() is not None:
            log.warning("the worker ended with %s and is restarted", worker.returncode)
            self.stop_requested.wait(_RESTART_DELAY_S)
            self._spawn()

    def stop(self) -> None:
        if self._worker is not None:
            _terminate(self._worker)
        if self._lease is not None:
            self._lease.close()

    def _ensure_kafka(self) -> None:
        """Start a supervisor of Kafka if none runs: the worker needs it. One that failed is restarted after 1 s."""
        if self.settings.kafka is not None:
            return
        if self._kafka_supervisor is not None:
            status = self._kafka_supervisor.poll()
            if status is None:
                return
            if status == WRONG_SETTING:
                self._end(WRONG_SETTING)
                return
            self.stop_requested.wait(_RESTART_DELAY_S)
        self._kafka_supervisor = start_supervisor(self.settings, "kafka")

    def _end(self, status: int) -> None:
        """Stop: the service has printed that a setting is not valid, and its start would fail again."""
        self.status = status
        self.stop_requested.set()

    def _follow_kafka(self) -> None:
        """Restart the worker if the local Kafka has moved to another port: its old port may be another user's now."""
        kafka = None if self.settings.kafka is not None else running_kafka(self.settings)
        if kafka is None or kafka == self._kafka_connection:
            return
        if self._kafka_connection is not None:
            log.warning("Kafka has moved from %s to %s and the worker is restarted", self._kafka_connection, kafka)
            _terminate(cast("subprocess.Popen[bytes]", self._worker))
            self._spawn()
        self._kafka_connection = kafka

    def _spawn(self) -> None:
        self._worker = subprocess.Popen([sys.executable, "-P", "-m", "streams.worker", str(os.getpid())])


def _terminate(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def main() -> int:
    """Supervise the service named on the command line."""
    kind = KafkaSupervisor if sys.argv[1] == "kafka" else WorkerSupervisor
    return run_service(lambda settings: kind(settings).run())


if __name__ == "__main__":
    sys.exit(main())
