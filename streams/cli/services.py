"""`up`, `worker`, `kafka` and `status`: run the services, and show the state of requests."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep
from types import FrameType
from typing import Any
from urllib.parse import quote

import click

from infra.base.open_files import raise_open_files_limit
from infra.data_folder import check_data_folder
from infra.kafka_check import check_kafka
from infra.kafka_connection import KafkaConnection, configured_kafka
from infra.local_kafka import client_files
from infra.logs import set_up_logs
from infra.settings import Settings, load_settings
from schemas.faults import Poison, Retryable
from streams.cli.output import command, fail, print_json, print_line, print_output
from streams.local.service_files import ServiceFiles
from streams.local.service_log import last_error
from streams.local.service_process import INTERRUPTED, WRONG_SETTING
from streams.local.services import (
    Endpoint,
    check_move_index,
    local_kafka,
    running_kafka,
    start_supervisor,
    stream,
    unstarted_worker,
)

_STOP_TIMEOUT_S = 40.0
_CHECK_INTERVAL_S = 1.0
_HEALTH_FIELDS = ("ready", "problems", "stuck", "running")


@click.command()
@command
def up(as_json: bool) -> None:
    """Run Kafka and a worker until stopped (Ctrl-C or SIGTERM). With BACHATA_KAFKA, only a worker.

    With BACHATA_WATCH, also watch these folders.
    """
    from streams.watch.background import watching

    settings = load_settings()
    with stream(settings, print_line) as endpoint:
        stop = _StopRequest()
        if as_json:
            print_json({"kafka": endpoint.kafka.bootstrap, "page": endpoint.page, "ready": True})
        print_line(f"ready: Kafka on {endpoint.kafka}, the worker's page on {endpoint.page}; Ctrl-C stops")
        with watching(settings, print_line):
            _supervise(settings, stop)
    print_line("stopped")
    sys.exit(stop.status)


class _StopRequest:
    """Notes that a signal asks a service to stop. Its status is 130 after Ctrl-C; SIGTERM is how a service ends: 0."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.status = 0
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        del frame
        self.status = INTERRUPTED if number == signal.SIGINT else 0
        self.arrived.set()


def _supervise(settings: Settings, stop: _StopRequest) -> None:
    """Keep a supervisor of the worker running. Raises: `Poison` (`settings`) where a setting is no longer valid."""
    supervisor = None
    while not stop.arrived.wait(_CHECK_INTERVAL_S):
        if supervisor is not None and supervisor.poll() == WRONG_SETTING:
            raise Poison(last_error(settings, "worker"), "settings")
        if supervisor is None or supervisor.poll() is not None:
            supervisor = start_supervisor(settings, "worker")


@click.command()
@command
def worker(as_json: bool) -> None:
    """Run a worker in the foreground, with the Kafka of BACHATA_KAFKA or the local one."""
    from streams.worker.process import serve

    settings = load_settings()
    raise_open_files_limit()
    check_move_index(settings)
    with local_kafka(settings, print_line) as connection:
        print_line(f"starting a worker for Kafka at {connection}; Ctrl-C stops it")
        set_up_logs()
        status = serve(settings)
    if as_json:
        print_json({"kafka": connection.bootstrap, "exit": status})
    sys.exit(status)


@click.group()
def kafka() -> None:
    """Start or stop the local Kafka of this data folder, or show whether it runs."""


@kafka.command()
@command
def start(as_json: bool) -> None:
    """Start Kafka and leave it running."""
    settings = _local_settings()
    with local_kafka(settings, print_line) as connection:
        ServiceFiles(settings.run_dir, "kafka").pinned.touch()
        _print_kafka(settings, connection, as_json)


@kafka.command()
@command
def stop(as_json: bool) -> None:
    """Stop Kafka; commands and workers that use it must end first."""
    settings = _local_settings()
    check_data_folder(settings)
    kafka_files, worker_files = (ServiceFiles(settings.run_dir, role) for role in ("kafka", "worker"))
    kafka_files.pinned.unlink(missing_ok=True)
    _wait_while(lambda: worker_files.has_supervisor() and not worker_files.has_users())
    if kafka_files.has_users():
        raise Retryable("Kafka is in use; it stops when the last command that uses it ends", reason="kafka_in_use")
    _wait_while(kafka_files.has_supervisor)
    _print_kafka(settings, running_kafka(settings), as_json)


@kafka.command(name="status")
@command
def kafka_status(as_json: bool) -> None:
    """Show whether Kafka runs, its address, and for other programs the files with the login of the local Kafka."""
    settings = load_settings()
    check_data_folder(settings)
    _print_kafka(settings, _answering_kafka(settings), as_json)


def _answering_kafka(settings: Settings) -> KafkaConnection | None:
    """Return the Kafka that runs, or None; where that of the settings does not answer, the cause is printed."""
    configured = configured_kafka(settings)
    if configured is None:
        return running_kafka(settings)
    try:
        asyncio.run(check_kafka(configured))
    except Retryable as fault:
        print_line(f"warning: {fault}")
        return None
    return configured


def _local_settings() -> Settings:
    settings = load_settings()
    if settings.kafka is not None:
        raise Retryable(
            f"BACHATA_KAFKA names {settings.kafka}, a Kafka that this command does not start or stop", reason="kafka"
        )
    return settings


def _wait_while(condition: Callable[[], bool]) -> None:
    deadline = monotonic() + _STOP_TIMEOUT_S
    while condition() and monotonic() < deadline:
        sleep(0.05)


def _print_kafka(settings: Settings, running: KafkaConnection | None, as_json: bool) -> None:
    login = {} if running is None else _login(settings, running)
    if as_json:
        print_json({"running": running is not None, "bootstrap": running and running.bootstrap, **login})
        return
    print_output(f"Kafka runs on {running}" if running else "Kafka does not run")
    for kind, file in login.get("client_files", {}).items():
        print_output(f"address and login for programs that use {kind}: {file}")


def _login(settings: Settings, running: KafkaConnection) -> dict[str, Any]:
    """Return how to log in, without the password, which for the local Kafka is in two files."""
    mechanism = None if running.username is None else running.mechanism
    files = {} if settings.kafka else {kind: str(file) for kind, file in client_files(settings.run_dir).items()}
    return {
        "security_protocol": running.security_protocol,
        "mechanism": mechanism,
        "username": running.username,
        "client_files": files,
    }


@click.command()
@click.argument("request_id", metavar="[REQUEST_ID]", required=False)
@command
def status(request_id: str | None, as_json: bool) -> None:
    """Show the state of a request; without REQUEST_ID, what is stuck, the stream and the latest requests."""
    settings = load_settings()
    check_data_folder(settings)
    if request_id is None and (stuck := unstarted_worker(settings, print_line)) is not None:
        _print_unstarted(stuck, as_json)
        return
    with stream(settings, print_line) as endpoint:
        if request_id is None:
            _print_stream(endpoint, as_json)
        else:
            _print_request(endpoint, request_id, as_json)


def _print_unstarted(stuck: dict[str, str], as_json: bool) -> None:
    problem = f"{stuck['what']}: {stuck['reason']} (since {stuck['since']})"
    if as_json:
        print_json({"ready": False, "problems": [problem], "stuck": [stuck], "running": []})
    else:
        print_output(f"stuck: {problem}")


def _print_stream(endpoint: Endpoint, as_json: bool) -> None:
    health = endpoint.health()
    library, requests = _library(endpoint), endpoint.get("/requests")["requests"]
    if as_json:
        stream_state = {"kafka": endpoint.kafka.bootstrap, "page": endpoint.page, "library": library}
        print_json(stream_state | {name: health[name] for name in _HEALTH_FIELDS} | {"requests": requests})
        return
    for problem in health["problems"]:
        print_output(f"stuck: {problem}")
    for run in health["running"]:
        print_output(f"running: {run['what']} (since {run['since']})")
    moves = "the library does not answer" if library is None else f"{library['moves']} moves in the library"
    print_output(f"Kafka {endpoint.kafka}, worker {endpoint.page}, {moves}")
    for request in requests:
        print_output(f"{request['request_id']}  {_state(request):28}  {request['subject']}")


def _library(endpoint: Endpoint) -> dict[str, Any] | None:
    """Return the library, or None if it does not answer: the rest must be shown then, too."""
    try:
        return endpoint.get("/library")
    except Retryable:
        return None


def _print_request(endpoint: Endpoint, request_id: str, as_json: bool) -> None:
    try:
        request = endpoint.get(f"/requests/{quote(request_id, safe='')}")
    except LookupError:
        fail(f"no request '{request_id}'; `bachata status` lists the latest", as_json, "unknown_request")
    if as_json:
        print_json(request)
        return
    print_output(f"{request['subject']}: {_state(request)}")
    for name, step in request["steps"].items():
        print_output(f"  {name:18} {step['state']:8} {_step_text(step)}")


def _state(request: dict[str, Any]) -> str:
    if request["outcome"] == "failed":
        failure = _failure(request)
        return f"failed: {failure.get('error')} (dead letter {failure.get('dead_letter_id')})"
    if request["outcome"]:
        return str(request["outcome"])
    name, step = list(request["steps"].items())[-1]  # a request without an outcome has progress
    if step["state"] == "waiting":
        return f"{name} waits: {step['error']}"
    return f"in {name} ({step['fraction']:.0%})"


def _failure(request: dict[str, Any]) -> dict[str, Any]:
    """Return the part with the error: the request, or, if an earlier version stored it, the step that failed."""
    steps: list[dict[str, Any]] = list(request["steps"].values())
    return next((part for part in (request, *steps) if part.get("error")), {})


def _step_text(step: dict[str, Any]) -> str:
    if step.get("error"):
        return str(step["error"])
    return "cached" if step["cached"] else f"{step['seconds']:.2f} s, {step['cpu_seconds']:.2f} CPU s"
