"""Test the connection of commands to a worker's page."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.kafka_connection import KafkaConnection
from infra.move_index import sink_folder
from infra.settings import Settings, load_settings
from schemas.faults import Retryable
from streams.local import services
from streams.local.service_files import ServiceFiles
from streams.local.services import Endpoint
from tests.paths import PROJECT


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"authorization": "%s"}' % self.headers["Authorization"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Write no log."""


@pytest.fixture
def page() -> Iterator[str]:
    """Yield the URL of a page that returns the authorization it receives."""
    with HTTPServer(("127.0.0.1", 0), _Page) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_no_token_goes_to_a_page_whose_worker_has_ended(page: str, tmp_path: Path) -> None:
    """Another user may have its port now."""
    lock = tmp_path / "worker-0.lock"
    endpoint = Endpoint(KafkaConnection("127.0.0.1:9092"), page, "secret", lock)
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert endpoint.get("/requests") == {"authorization": "Bearer secret"}
    with pytest.raises(Retryable, match="the worker has ended"):
        endpoint.get("/requests")


@pytest.mark.parametrize("variable", ["http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("no_proxy", [None, "", "example.org", "*bad,,"])
def test_the_token_goes_to_the_page_and_not_to_a_proxy(
    variable: str, no_proxy: str | None, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:9")  # the discard port: nothing listens there
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        if no_proxy is not None:
            monkeypatch.setenv(name, no_proxy)
    endpoint = Endpoint(KafkaConnection("127.0.0.1:9092"), page, "secret")
    assert endpoint.get("/requests") == {"authorization": "Bearer secret"}


def test_a_qdrant_that_was_used_before_is_only_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BACHATA_QDRANT_URL", "http://127.0.0.1:1")
    settings = load_settings()
    with pytest.raises(Retryable, match=r"BACHATA_QDRANT_URL is http://127\.0\.0\.1:1"):
        services.check_move_index(settings)
    moves = settings.state_dir / "worker-0" / "moves"
    moves.mkdir(parents=True)
    (moves / sink_folder(settings)).mkdir()
    services.check_move_index(settings)
    monkeypatch.setenv("BACHATA_QDRANT_URL", "http://127.0.0.1:2")  # another address
    with pytest.raises(Retryable, match=r"BACHATA_QDRANT_URL is http://127\.0\.0\.1:2"):
        services.check_move_index(load_settings())


def test_the_health_of_a_worker_that_is_not_ready_is_read(monkeypatch: pytest.MonkeyPatch, page: str) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(503)
        handler.end_headers()
        handler.wfile.write(b'{"ready": false, "stuck": []}')

    monkeypatch.setattr(_Page, "do_GET", answer)
    assert Endpoint(KafkaConnection("127.0.0.1:9092"), page, "secret").health() == {"ready": False, "stuck": []}


def test_a_worker_that_does_not_start_is_reported_with_the_last_line_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "_STUCK_START_S", 0.0)
    settings = Settings(data_dir=tmp_path)
    files = ServiceFiles(settings.run_dir, "worker")
    assert services.unstarted_worker(settings, print) is None
    files.write({"pid": 1})
    files.log.write_text("starting\nKafka at 127.0.0.1:9092 fails: no answer\n")
    with files.become_supervisor() or pytest.fail("another supervisor runs"):
        stuck = services.unstarted_worker(settings, print)
    assert stuck is not None
    assert stuck["reason"].startswith("Kafka at 127.0.0.1:9092 fails: no answer (log: ")
    assert set(stuck) == {"what", "since", "reason"}


def test_a_program_ends_without_a_warning_of_the_services_that_it_has_started() -> None:
    code = (
        "import subprocess; from streams.local import services; nothing = subprocess.DEVNULL;"
        " services._started.append(subprocess.Popen(['sleep', '2'], stdout=nothing, stderr=nothing))"
    )
    command = [sys.executable, "-W", "always::ResourceWarning", "-c", code]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True)
    assert ended.stderr == ""
