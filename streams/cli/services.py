"""`up`, `worker`, `kafka` and `status`: what runs, and where a request is."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from time import monotonic, sleep
from typing import Any
from urllib.parse import quote

import click

from infra.settings import Settings, load_settings
from schemas.faults import Retryable
from streams.cli.output import command, fail, print_json, print_line
from streams.local.service_files import ServiceFiles
from streams.local.services import Endpoint, local_kafka, start_supervisor, stream

_STOPPED_WITHIN_S = 40.0
_LOOK_EVERY_S = 1.0


@click.command()
@command
def up(as_json: bool) -> None:
    """Keep Kafka and a worker running until stopped (Ctrl-C or SIGTERM)."""
    told = threading.Event()
    settings = load_settings()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # both end the wait for a start, too
    with stream(settings, print_line) as endpoint:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: told.set())
        if as_json:
            print_json({"kafka": endpoint.bootstrap, "page": endpoint.page, "ready": True})
            sys.stdout.flush()
        print_line(f"ready: Kafka on {endpoint.bootstrap}, the worker's page on {endpoint.page}; Ctrl-C stops")
        while not told.wait(_LOOK_EVERY_S):
            start_supervisor(settings, "worker")
    print_line("stopped")


@click.command()
@command
def worker(as_json: bool) -> None:
    """Run a worker in the foreground, on BACHATA_KAFKA or the local Kafka."""
    from streams.worker.process import serve

    settings = load_settings()
    with local_kafka(settings, print_line) as bootstrap:
        print_line(f"working on Kafka at {bootstrap}; Ctrl-C stops")
        status = serve(settings)
    if as_json:
        print_json({"kafka": bootstrap, "exit": status})
    sys.exit(status)


@click.group()
def kafka() -> None:
    """The local Kafka of this data folder."""


@kafka.command()
@command
def start(as_json: bool) -> None:
    """Start it and leave it running."""
    settings = _own_kafka()
    with local_kafka(settings, print_line) as bootstrap:
        ServiceFiles(settings.run_dir, "kafka").pinned.touch()
        _show_kafka(True, bootstrap, as_json)


@kafka.command()
@command
def stop(as_json: bool) -> None:
    """Stop it. What still uses it must end first."""
    run_dir = _own_kafka().run_dir
    desk, worker = ServiceFiles(run_dir, "kafka"), ServiceFiles(run_dir, "worker")
    desk.pinned.unlink(missing_ok=True)
    _wait_while(lambda: worker.has_supervisor() and not worker.has_users())
    if desk.has_users():
        raise Retryable("Kafka is in use; it stops when the last command that uses it ends", reason="kafka_in_use")
    _wait_while(desk.has_supervisor)
    _show_kafka(desk.has_supervisor(), None, as_json)


@kafka.command(name="status")
@command
def kafka_status(as_json: bool) -> None:
    """Say whether it runs, and where."""
    settings = load_settings()
    desk = ServiceFiles(settings.run_dir, "kafka")
    address = desk.read() if desk.has_supervisor() else None
    bootstrap = settings.kafka or (str(address["bootstrap"]) if address else None)
    _show_kafka(bootstrap is not None, bootstrap, as_json)


def _own_kafka() -> Settings:
    settings = load_settings()
    if settings.kafka is not None:
        raise Retryable(f"BACHATA_KAFKA names {settings.kafka}, which is not ours to start or stop", reason="kafka")
    return settings


def _wait_while(still: Callable[[], bool]) -> None:
    deadline = monotonic() + _STOPPED_WITHIN_S
    while still() and monotonic() < deadline:
        sleep(0.05)


def _show_kafka(running: bool, bootstrap: str | None, as_json: bool) -> None:
    if as_json:
        print_json({"running": running, "bootstrap": bootstrap})
    else:
        click.echo(f"Kafka runs on {bootstrap}" if running else "Kafka does not run")


@click.command()
@click.argument("request_id", metavar="[ID]", required=False)
@command
def status(request_id: str | None, as_json: bool) -> None:
    """Show where request ID is, or without an ID how the stream is and which requests came last."""
    with stream(load_settings(), print_line) as endpoint:
        if request_id is None:
            _show_stream(endpoint, as_json)
        else:
            _show_request(endpoint, request_id, as_json)


def _show_stream(endpoint: Endpoint, as_json: bool) -> None:
    library = endpoint.get("/library")
    requests = endpoint.get("/requests")["requests"]
    if as_json:
        print_json({"kafka": endpoint.bootstrap, "page": endpoint.page, "library": library, "requests": requests})
        return
    click.echo(f"Kafka {endpoint.bootstrap}, worker {endpoint.page}, {library['moves']} moves in the library")
    for request in requests:
        click.echo(f"{request['request_id']}  {_where(request):28}  {request['subject']}")


def _show_request(endpoint: Endpoint, request_id: str, as_json: bool) -> None:
    try:
        request = endpoint.get(f"/requests/{quote(request_id, safe='')}")
    except LookupError:
        fail(f"no request '{request_id}' is known; `bachata status` lists the last ones", as_json, "unknown_request")
    if as_json:
        print_json(request)
        return
    click.echo(f"{request['subject']}: {_where(request)}")
    for name, step in request["steps"].items():
        click.echo(f"  {name:18} {step['state']:8} {_cost(step)}")


def _where(request: dict[str, Any]) -> str:
    if request["outcome"] == "failed":
        failure = _failure(request)
        return f"failed: {failure.get('error')} (dead letter {failure.get('dead_letter_id')})"
    if request["outcome"]:
        return str(request["outcome"])
    name, step = list(request["steps"].items())[-1]  # without an outcome there is some progress
    if step["state"] == "waiting":
        return f"{name} waits: {step['error']}"
    return f"in {name} ({step['fraction']:.0%})"


def _failure(request: dict[str, Any]) -> dict[str, Any]:
    """What has the error: the request, or, where an earlier version of the program stored it, the step that failed."""
    steps: list[dict[str, Any]] = list(request["steps"].values())
    return next((part for part in (request, *steps) if part.get("error")), {})


def _cost(step: dict[str, Any]) -> str:
    if step.get("error"):
        return str(step["error"])
    return "known already" if step["cached"] else f"{step['seconds']:.2f} s, {step['cpu_seconds']:.2f} CPU s"
