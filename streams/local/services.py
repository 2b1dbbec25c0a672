"""Find Kafka and a worker, or start them for as long as they are needed."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from infra.kafka_check import check_kafka
from infra.kafka_connection import KafkaConnection, configured_kafka
from infra.local_kafka import local_connection
from infra.settings import Settings, load_settings
from schemas.faults import Retryable
from streams.local.service_files import Role, ServiceFiles, is_locked
from streams.page.token import TOKEN_FILE

_START_TIMEOUT_S = 120.0
_STUCK_START_S = 20.0
_POLL_INTERVAL_S = 0.03
_HTTP_TIMEOUT_S = 10.0
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # a proxy must not receive the token

OnMessage = Callable[[str], None]


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
    with ServiceFiles(settings.run_dir, "kafka").lease():
        yield _wait_for(settings, "kafka", on_message, running_kafka)


@contextmanager
def stream(settings: Settings, on_message: OnMessage) -> Iterator[Endpoint]:
    """Yield the addresses of Kafka and a worker, which run at least as long as the context."""
    with ExitStack() as leases:
        leases.enter_context(ServiceFiles(settings.run_dir, "worker").lease())
        configured = configured_kafka(settings)
        if configured is not None and running_worker(settings) is None:  # a worker says itself what it waits for
            asyncio.run(check_kafka(configured))
        if configured is None:
            leases.enter_context(ServiceFiles(settings.run_dir, "kafka").lease())
            start_supervisor(settings, "worker")  # it imports its modules while Kafka starts
            _wait_for(settings, "kafka", on_message, running_kafka)
        yield _wait_for(settings, "worker", on_message, running_worker)


def _wait_for(settings: Settings, role: Role, on_message: OnMessage, find: Callable[[Settings], Any]) -> Any:
    found = find(settings)
    if found is not None:
        return found
    on_message("starting a worker" if role == "worker" else "starting Kafka")
    supervisor: subprocess.Popen[bytes] | None = None
    deadline = monotonic() + _START_TIMEOUT_S
    while monotonic() < deadline and not (supervisor and supervisor.poll()):
        if supervisor is None or supervisor.poll() == 0:  # it found another supervisor, which may have ended
            supervisor = start_supervisor(settings, role)
        sleep(_POLL_INTERVAL_S)
        found = find(settings)
        if found is not None:
            return found
    raise Retryable(f"the {role} did not start: {_last_line(settings, role)}", reason=role)


def start_supervisor(settings: Settings, role: Role) -> subprocess.Popen[bytes] | None:
    """Start the service's supervisor in the background and return its process, or None if one is running."""
    files = ServiceFiles(settings.run_dir, role)
    if files.has_supervisor():
        return None
    with files.log.open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "streams.local.supervisor", role],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _last_line(settings: Settings, role: Role) -> str:
    files = ServiceFiles(settings.run_dir, role)
    try:
        lines = [line for line in files.log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    return f"{lines[-1] if lines else 'no reason given'} (log: {files.log})"


def unstarted_worker(settings: Settings) -> dict[str, str] | None:
    """Return `what`, `since` (UTC) and `reason` of a worker that has been starting for long, after at most 20 s.

    Returns None if a worker runs, or if none is being started. The reason is the last line of its log.
    """
    files = ServiceFiles(settings.run_dir, "worker")
    deadline = monotonic() + _STUCK_START_S
    while files.has_supervisor():
        if running_worker(settings) is not None:
            return None
        if monotonic() >= deadline:
            since = datetime.fromtimestamp(files.address_written_at(), UTC).isoformat(timespec="seconds")
            return {"what": "the start of the worker", "since": since, "reason": _last_line(settings, "worker")}
        sleep(_POLL_INTERVAL_S)
    return None


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
    for file in sorted(settings.run_dir.glob("worker-*.json")):
        lock = settings.state_dir / f"{file.stem}.lock"
        if not is_locked(lock):
            continue  # of a killed worker: another process may have its port and must not get the token
        try:
            address = json.loads(file.read_text())
            token = (settings.run_dir / TOKEN_FILE).read_text()
            with _OPENER.open(address["url"] + "/livez", timeout=_HTTP_TIMEOUT_S):
                return Endpoint(_kafka_of(settings, str(address["bootstrap"])), address["url"], token, lock)
        except (OSError, ValueError, KeyError):
            continue
    return None


def _kafka_of(settings: Settings, bootstrap: str) -> KafkaConnection:
    """Return the Kafka at which a worker of this data folder works."""
    configured = configured_kafka(settings)
    if configured is None:
        return local_connection(settings.kafka_dir, bootstrap)
    return replace(configured, bootstrap=bootstrap)
