"""Finding Kafka and a worker, and starting them for as long as they are needed where there are none."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from infra.settings import Settings
from schemas.faults import Retryable
from streams.local.service_files import Role, ServiceFiles, is_locked

_READY_WITHIN_S = 120.0
_LOOK_EVERY_S = 0.03
_LOG_LIMIT_BYTES = 4 << 20
_ANSWER_WITHIN_S = 10.0

Report = Callable[[str], None]


@dataclass(frozen=True)
class Endpoint:
    """Where the stream is: Kafka, and a worker's page with the token that opens it."""

    bootstrap: str
    page: str
    token: str

    def get(self, path: str) -> dict[str, Any]:
        """Ask the worker's page. Raises `LookupError` for what it does not know, `Retryable` where it is gone."""
        return self._ask(urllib.request.Request(self.page + path))  # noqa: S310 - our own page

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask the worker's page with a body. Raises as `get`, and `ValueError` for a question that is none."""
        return self._ask(urllib.request.Request(self.page + path, data=json.dumps(body).encode()))  # noqa: S310

    def _ask(self, request: urllib.request.Request) -> dict[str, Any]:
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S) as answer:  # noqa: S310
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise _refusal(error) from error
        except OSError as error:
            raise Retryable(f"the worker's page does not answer: {error}", reason="worker") from error


def _refusal(error: urllib.error.HTTPError) -> Exception:
    try:
        said = json.loads(error.read())["error"]
    except (ValueError, KeyError, TypeError):
        said = error.reason
    if error.code == 503:
        return Retryable(said, reason="worker")
    return LookupError(said) if error.code == 404 else ValueError(said)


@contextmanager
def local_kafka(settings: Settings, report: Report) -> Iterator[str]:
    """The bootstrap address of Kafka, kept open within the context."""
    if settings.kafka is not None:
        yield settings.kafka
        return
    with ServiceFiles(settings.run_dir, "kafka").lease():
        yield _wait_for(settings, "kafka", report, _kafka_address)


@contextmanager
def stream(settings: Settings, report: Report) -> Iterator[Endpoint]:
    """Kafka and a worker, kept open within the context."""
    with ExitStack() as leases:
        leases.enter_context(ServiceFiles(settings.run_dir, "worker").lease())
        if settings.kafka is None:
            leases.enter_context(ServiceFiles(settings.run_dir, "kafka").lease())
            start_supervisor(settings, "worker")  # imports what it needs while Kafka starts
            _wait_for(settings, "kafka", report, _kafka_address)
        yield _wait_for(settings, "worker", report, running_worker)


def _wait_for(settings: Settings, role: Role, report: Report, find: Callable[[Settings], Any]) -> Any:
    found = find(settings)
    if found is not None:
        return found
    report("starting a worker" if role == "worker" else "starting Kafka")
    keeper: subprocess.Popen[bytes] | None = None
    deadline = monotonic() + _READY_WITHIN_S
    while monotonic() < deadline and not (keeper and keeper.poll()):
        if keeper is None or keeper.poll() == 0:  # it left the place to another keeper, which may be gone by now
            keeper = start_supervisor(settings, role)
        sleep(_LOOK_EVERY_S)
        found = find(settings)
        if found is not None:
            return found
    raise Retryable(f"the {role} did not start: {_last_line(settings, role)}", reason=role)


def start_supervisor(settings: Settings, role: Role) -> subprocess.Popen[bytes] | None:
    """Start the service's keeper in the background, or return None where there is one."""
    desk = ServiceFiles(settings.run_dir, role)
    if desk.has_supervisor():
        return None
    mode = "ab" if desk.log.exists() and desk.log.stat().st_size < _LOG_LIMIT_BYTES else "wb"
    with desk.log.open(mode) as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "streams.local.supervisor", role],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def _last_line(settings: Settings, role: Role) -> str:
    desk = ServiceFiles(settings.run_dir, role)
    try:
        lines = [line for line in desk.log.read_text(errors="replace").splitlines() if line.strip()]
    except OSError:
        lines = []
    return f"{lines[-1] if lines else 'no reason given'} (log: {desk.log})"


def _kafka_address(settings: Settings) -> str | None:
    desk = ServiceFiles(settings.run_dir, "kafka")
    address = desk.read() if desk.has_supervisor() else None
    return None if address is None else str(address["bootstrap"])


def running_worker(settings: Settings) -> Endpoint | None:
    """A worker of this data folder that has begun, or None; one that waits for something takes requests, too."""
    for file in sorted(settings.run_dir.glob("worker-*.json")):
        if not is_locked(settings.state_dir / f"{file.stem}.lock"):
            continue  # left by a worker that was killed: whoever has its port now gets no token
        try:
            address = json.loads(file.read_text())
            token = (settings.run_dir / "token").read_text()
            with urllib.request.urlopen(address["url"] + "/livez", timeout=_ANSWER_WITHIN_S):  # noqa: S310
                return Endpoint(address["bootstrap"], address["url"], token)
        except (OSError, ValueError, KeyError):
            continue
    return None
