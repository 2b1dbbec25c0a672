"""Start and stop one Kafka broker on one folder."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from infra.kafka_connection import KafkaConnection
from infra.local_kafka.files import FRESH_LOG_DIR, LOG_DIR, SERVER, Logins, last_error, rename_last_log, write_files
from infra.local_kafka.jvm import Jvm
from infra.local_kafka.lock import FolderLock
from infra.local_kafka.login import can_log_in, controller_connection, kcat_connection, local_connection, set_password
from infra.local_kafka.ports import HOST, accepts_connections, choose_ports, listens
from infra.local_kafka.version import check_version, write_version
from schemas.faults import Fault, Retryable, Unavailable

_MAX_PORT_ATTEMPTS = 3
_POLL_S = 0.02
_MIN_FREE_BYTES = 100 * 1024 * 1024


class PortTakenError(Exception):
    """Another program bound a port after it was chosen and before the broker bound it."""


class LocalKafka:
    """A broker on `folder`, one at a time; it ends with this process, however that ends.

    `with LocalKafka(...) as kafka:` starts and stops it.
    """

    def __init__(self, folder: Path, class_path: str, java: Path, cache: Path | None = None) -> None:
        """Use a `class_path` from `ensure_jars`, `java` from `find_java`, `cache` from `installed_startup_cache`."""
        self.folder = folder
        self.jvm = Jvm(java, class_path, cache)
        self.connection: KafkaConnection | None = None
        self.kcat: KafkaConnection | None = None  # with a password that is valid until the broker ends
        self._lock = FolderLock(folder)
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LocalKafka:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """Return the broker's process id, or None while it does not run."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self, timeout_s: float = 60.0) -> KafkaConnection:
        """Start the broker, wait until it accepts logins, and return how to connect to it.

        A broker that runs already is not started again. Raises, with a message of one line: `Retryable` where another
        broker uses the folder, a newer Kafka wrote it, or Java failed; `Unavailable` where the disk is full.
        """
        if self.pid is not None and self.connection:
            return self.connection
        self.stop()  # cleans up after a broker that ended by itself
        _make_folder(self.folder)
        self._lock.acquire()
        try:
            check_version(self.folder / LOG_DIR, self.jvm.class_path)
            self.connection = self._start(time.monotonic() + timeout_s)
        except BaseException:
            self.stop()
            raise
        return self.connection

    def stop(self, timeout_s: float = 15.0) -> None:
        """Stop the broker, by SIGKILL after `timeout_s`; without a running broker, do nothing."""
        self._end(timeout_s)
        self._lock.release()

    def _end(self, timeout_s: float) -> None:
        process, self._process, self.connection = self._process, None, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start(self, deadline: float) -> KafkaConnection:
        for attempt in range(_MAX_PORT_ATTEMPTS):
            try:
                return self._start_on(*choose_ports(self.folder, new=attempt > 0), deadline)
            except PortTakenError:
                self._end(timeout_s=5.0)
        raise Retryable("the local Kafka found no free port on 127.0.0.1: try again", "kafka")

    def _start_on(self, port: int, controller: int, deadline: float) -> KafkaConnection:
        log_dir = self.folder / LOG_DIR
        clients, address = local_connection(self.folder, f"{HOST}:{port}"), f"{HOST}:{controller}"
        logins = Logins(clients, kcat_connection(clients.bootstrap), controller_connection(address))
        if not log_dir.exists():
            self._format(logins, deadline)
        write_version(log_dir, self.jvm.class_path)  # before the broker writes anything
        write_files(self.folder, logins)
        self._spawn("kafka.Kafka", SERVER)
        self._await_port(controller, deadline)
        self._await(lambda: set_password(logins.controller, clients), deadline)
        self._await_port(port, deadline)
        self._await(lambda: can_log_in(clients), deadline)
        self.kcat = logins.kcat
        return clients

    def _format(self, logins: Logins, deadline: float) -> None:
        """Format a temporary folder and rename it, so that a killed format leaves no incomplete folder of logs."""
        shutil.rmtree(self.folder / FRESH_LOG_DIR, ignore_errors=True)
        write_files(self.folder, logins, FRESH_LOG_DIR)
        process = self._spawn("kafka.tools.StorageTool", "format", f"--cluster-id={_new_cluster_id()}", "-c", SERVER)
        while process.poll() is None:
            self._sleep_before(deadline)
        if process.returncode != 0:
            raise self._failed()
        (self.folder / FRESH_LOG_DIR).rename(self.folder / LOG_DIR)

    def _spawn(self, *main: str) -> subprocess.Popen[bytes]:
        rename_last_log(self.folder)
        self._process = self.jvm.spawn(self.folder, self.jvm.command(main), pass_fds=[self._lock.fd])
        return self._process

    def _await_port(self, port: int, deadline: float) -> None:
        self._await(lambda: accepts_connections(port), deadline)
        if self._process is None or not listens(self._process.pid, port):
            raise PortTakenError

    def _await(self, condition: Callable[[], bool], deadline: float) -> None:
        while not condition():
            self._check_alive()
            self._sleep_before(deadline)

    def _check_alive(self) -> None:
        if self.pid is not None:
            return
        if "already in use" in last_error(self.folder):
            raise PortTakenError
        raise self._failed()

    def _sleep_before(self, deadline: float) -> None:
        """Sleep for a moment. Raises: `Retryable` (`kafka`) after the deadline."""
        if time.monotonic() > deadline:
            raise Retryable(
                f"the local Kafka did not start in time: try again, or read the logs in {self.folder}", "kafka"
            )
        time.sleep(_POLL_S)

    def _failed(self) -> Fault:
        error = last_error(self.folder) or "no error message"
        if "No space left" in error:
            return Unavailable(f"the disk of {self.folder} is full: free some space for Kafka", "disk_full")
        return Retryable(f"the local Kafka in {self.folder} failed to start: {error}", "kafka")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        (folder / "tmp").mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise Retryable(f"the local Kafka cannot write to {folder}: {error.strerror}", "kafka") from error
    if shutil.disk_usage(folder).free < _MIN_FREE_BYTES:
        raise Unavailable(f"the disk of {folder} has less than 100 MiB free: free some space for Kafka", "disk_full")


def _new_cluster_id() -> str:
    """Return a random id of 22 characters of URL-safe base64, the format of Kafka's own ids."""
    import base64
    import uuid

    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
