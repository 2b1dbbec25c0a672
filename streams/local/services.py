"""Find Kafka and a worker, or start them for as long as they are needed."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from types import MappingProxyType
from typing import IO, Any

from infra.base.open_files import raise_open_files_limit
from infra.data_folder import check_data_folder
from infra.kafka_check import check_kafka
from infra.kafka_connection import KafkaConnection, configured_kafka
from infra.local_kafka import local_connection
from infra.move_index import check_qdrant, sink_folder
from infra.settings import Settings, load_settings
from schemas.faults import Fault, Poison, Retryable
from streams.local.service_files import Role, ServiceFiles, is_locked
from streams.local.service_log import NewLines, last_error
from streams.local.service_process import WRONG_SETTING
from streams.page.token import TOKEN_FILE
from streams.stage.operations import NO_ANSWER

_START_TIMEOUT_S = 120.0
_STUCK_START_S = 20.0
_POLL_INTERVAL_S = 0.03
_REPORT_INTERVAL_S = 10.0
_SILENT_S = 1.0
_NAMES: Mapping[Role, str] = {"kafka": "Kafka", "worker": "a worker"}
_MIN_LOG_BYTES = 64 << 10
_HTTP_TIMEOUT_S = 10.0
_NO_ENVIRONMENT: Mapping[str, str] = MappingProxyType({})
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy must not receive the token

OnMessage = Callable[[str], None]
_started: list[subprocess.Popen[bytes]] = []  # supervisors, so that those that end while this process runs are reaped


@dataclass(frozen=True)
class Endpoint:
    """Kafka, the address of a worker's page, and the page's token, which is sent only while the worker has its lock."""

    kafka: KafkaConnection
    page: str
    token: str = field(repr=False)
    lock: Path | None = None

    def get(self, path: str) -> dict[str, Any]:
        """Return the page's JSON for a path. Raises: `LookupError` for status 404, `Retryable` if the page is down."""
        return self._send(urllib.request.Request(self.page + path))  # noqa: S310 - http on 127.0.0.1

    def health(self) -> dict[str, Any]:
        """Return the JSON of `/readyz`, also of a worker that is not ready. Raises: `Retryable` if the page is down."""
        self._check_worker()
        try:
            with _OPENER.open(self.page + "/readyz", timeout=_HTTP_TIMEOUT_S) as response:
                body: dict[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            body = json.loads(error.read())
        except (OSError, ValueError) as error:
            raise Retryable(f"the worker's page does not respond: {error}", reason="worker") from error
        return body

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Post JSON to a path and return the page's JSON. Raises: as `get`; `ValueError` for an invalid request."""
        return self._send(urllib.request.Request(self.page + path, data=json.dumps(body).encode()))  # noqa: S310

    def _check_worker(self) -> None:
        if self.lock is not None and not is_locked(self.lock):  # its port may be another user's now
            raise Retryable("the worker has ended", reason="worker")

    def _send(self, request: urllib.request.Request) -> dict[str, Any]:
        self._check_worker()
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        try:
            with _OPENER.open(request, timeout=_HTTP_TIMEOUT_S) as response:
                result: dict[str, Any] = json.load(response)
                return result
        except urllib.error.HTTPError as error:
            raise _to_exception(error) from error
        except OSError as error:
            raise Retryable(f"the worker's page does not respond: {error}", reason="worker") from error


def _to_exception(error: urllib.error.HTTPError) -> Exception:
    try:
        message = json.loads(error.read())["error"]
    except (ValueError, KeyError, TypeError):
        message = error.reason
    if error.code == 503:
        return Retryable(message, reason="worker")
    return LookupError(message) if error.code == 404 else ValueError(message)


@contextmanager
def local_kafka(settings: Settings, on_message: OnMessage) -> Iterator[KafkaConnection]:
    """Yield Kafka, which runs at least as long as the context."""
    configured = configured_kafka(settings)
    if configured is not None:
        asyncio.run(check_kafka(configured))
        yield configured
        return
    check_data_folder(settings)
    with _lease(settings, "kafka", on_message):
        yield _wait_for(settings, "kafka", on_message, running_kafka)


@contextmanager
def stream(
    settings: Settings, on_message: OnMessage, environment: Mapping[str, str] = _NO_ENVIRONMENT
) -> Iterator[Endpoint]:
    """Yield the addresses of Kafka and a worker, which run at least as long as the context.

    `environment`: more environment variables for a worker that is started here.
    """
    check_data_folder(settings)
    with ExitStack() as leases:
        leases.enter_context(_lease(settings, "worker", on_message))
        if running_worker(settings) is None:  # a worker says itself what it waits for
            check_servers(settings)
        if settings.kafka is None:
            leases.enter_context(_lease(settings, "kafka", on_message))
            start_supervisor(settings, "worker", environment)  # it imports its modules while Kafka starts
            _wait_for(settings, "kafka", on_message, running_kafka)
        yield _wait_for(settings, "worker", on_message, running_worker, environment)


def _lease(settings: Settings, role: Role, on_message: OnMessage) -> IO[str]:
    """Return a lease on the service; one that is shutting down is waited for, and after a second this is said."""
    files = ServiceFiles(settings.run_dir, role)
    deadline = monotonic() + _SILENT_S
    while monotonic() < deadline:
        lease = files.lease_now()
        if lease is not None:
            return lease
        sleep(_POLL_INTERVAL_S)
    on_message(f"waiting: {_NAMES[role]} is shutting down")
    return files.lease()


def check_servers(settings: Settings) -> None:
    """Return when the Kafka and the Qdrant server that the settings name answer. Raises: `Retryable`."""
    configured = configured_kafka(settings)
    if configured is not None:
        asyncio.run(check_kafka(configured))
    check_move_index(settings)


def check_move_index(settings: Settings) -> None:
    """Return when the Qdrant server that the settings name answers, or if it is only away. Raises: `Retryable`.

    It is only away if workers of this data folder have stored moves in it: they wait for it, and commands say so.
    """
    try:
        check_qdrant(settings)
    except Retryable as fault:
        was_used = any(settings.state_dir.glob(f"worker-*/moves/{sink_folder(settings)}"))
        if fault.reason != "qdrant_away" or not was_used:
            raise


def _wait_for(
    settings: Settings,
    role: Role,
    on_message: OnMessage,
    find: Callable[[Settings], Any],
    environment: Mapping[str, str] = _NO_ENVIRONMENT,
) -> Any:
    found = find(settings)
    if found is not None:
        return found
    raise_open_files_limit()
    on_message(f"starting {_NAMES[role]}")
    log = NewLines(ServiceFiles(settings.run_dir, role).log)
    supervisor: subprocess.Popen[bytes] | None = None
    deadline = monotonic() + _START_TIMEOUT_S
    report_at = monotonic() + _REPORT_INTERVAL_S
    while monotonic() < deadline and not (supervisor and supervisor.poll()):
        if supervisor is None or supervisor.poll() == 0:  # it found another supervisor, which may have ended
            supervisor = start_supervisor(settings, role, environment)
        sleep(_POLL_INTERVAL_S)
        found = find(settings)
        if found is not None:
            return found
        if monotonic() >= report_at:
            report_at += _REPORT_INTERVAL_S
            on_message(f"still starting {_NAMES[role]}: {log.error() or 'no message yet'}")
    raise _not_started(settings, role, log, supervisor)


def _not_started(settings: Settings, role: Role, log: NewLines, supervisor: subprocess.Popen[bytes] | None) -> Fault:
    error = log.error() or _full_disk(settings) or "no reason given"
    if supervisor is not None and supervisor.poll() == WRONG_SETTING:
        return Poison(error, "settings")
    return Retryable(f"the {role} did not start: {error} (log: {log.file})", reason=role)


def _full_disk(settings: Settings) -> str:
    """Return that the disk is full, which a log cannot say, or an empty text."""
    is_full = shutil.disk_usage(settings.data_dir).free < _MIN_LOG_BYTES
    return f"the disk of {settings.data_dir} is full: free some space" if is_full else ""


def start_supervisor(
    settings: Settings, role: Role, environment: Mapping[str, str] = _NO_ENVIRONMENT
) -> subprocess.Popen[bytes] | None:
    """Start the service's supervisor in the background and return its process, or None if one is running.

    `environment`: more environment variables for it and the service.
    """
    files = ServiceFiles(settings.run_dir, role)
    if files.has_supervisor():
        return None
    _started[:] = [process for process in _started if process.poll() is None]
    with files.log.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "streams.local.supervisor", role],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=os.environ | environment,
            start_new_session=True,
        )
    _started.append(process)
    return process


@atexit.register
def _leave() -> None:
    """Let the supervisors that this process started run on, without Python's warning that they do."""
    for process in _started:
        if process.poll() is None:
            process.returncode = 0


def unstarted_worker(settings: Settings, on_message: OnMessage) -> dict[str, str] | None:
    """Return `what`, `since` (UTC) and `reason` of a worker that has been starting for long, after at most 20 s.

    Returns None if a worker runs, or if none is being started. The reason is the last fault in its log.
    """
    files = ServiceFiles(settings.run_dir, "worker")
    started = monotonic()
    deadline, report_at = started + _STUCK_START_S, started + _SILENT_S
    while files.has_supervisor():
        if running_worker(settings) is not None:
            return None
        if monotonic() >= report_at:
            report_at = deadline
            on_message("waiting: a worker is being started")
        if monotonic() >= deadline:
            since = datetime.fromtimestamp(files.address_written_at(), UTC).isoformat(timespec="seconds")
            reason = f"{last_error(settings, 'worker')} (log: {files.log})"
            return {"what": "the start of the worker", "since": since, "reason": reason}
        sleep(_POLL_INTERVAL_S)
    return None


def waits_for(settings: Settings) -> list[str]:
    """Return what holds back the worker of this data folder, a line for each; none if it works."""
    worker = running_worker(settings)
    if worker is None:
        return [f"the worker does not run ({last_error(settings, 'worker')})"]
    try:
        stuck = worker.health()["stuck"]
    except Retryable as fault:
        return [str(fault)]
    causes = [problem for problem in stuck if problem["reason"] != NO_ANSWER]  # that one has another as its cause
    return [f"{problem['what']}: {problem['reason']}" for problem in causes or stuck]


def running_kafka(settings: Settings) -> KafkaConnection | None:
    """Return the local Kafka of this data folder if it runs, else None."""
    files = ServiceFiles(settings.run_dir, "kafka")
    address = files.read() if files.has_supervisor() else None
    return None if address is None else local_connection(settings.kafka_dir, str(address["bootstrap"]))


def find_kafka(settings: Settings | None = None) -> KafkaConnection:
    """Return the Kafka that the settings name, or the local Kafka of the data folder, which must run.

    Raises: `Retryable` (`kafka`) where none runs.
    """
    settings = settings or load_settings()
    kafka = configured_kafka(settings) or running_kafka(settings)
    if kafka is None:
        raise Retryable(f"no Kafka runs on {settings.data_dir}: start one with `bachata up`", reason="kafka")
    return kafka


def running_worker(settings: Settings) -> Endpoint | None:
    """Return a started worker of this data folder, or None; a worker that is not ready accepts requests, too."""
    return next(running_workers(settings), None)


def running_workers(settings: Settings) -> Iterator[Endpoint]:
    """Yield all started workers of this data folder."""
    for file in sorted(settings.run_dir.glob("worker-*.json")):
        lock = settings.state_dir / f"{file.stem}.lock"
        if not is_locked(lock):
            continue  # of a killed worker: another process may have its port and must not get the token
        try:
            address = json.loads(file.read_text())
            token = (settings.run_dir / TOKEN_FILE).read_text()
            with _OPENER.open(address["url"] + "/livez", timeout=_HTTP_TIMEOUT_S):
                pass
            yield Endpoint(_kafka_of(settings, str(address["bootstrap"])), address["url"], token, lock)
        except (OSError, ValueError, KeyError):
            continue


def _kafka_of(settings: Settings, bootstrap: str) -> KafkaConnection:
    """Return the Kafka at which a worker of this data folder works."""
    configured = configured_kafka(settings)
    if configured is None:
        return local_connection(settings.kafka_dir, bootstrap)
    return replace(configured, bootstrap=bootstrap)
