"""A service that is shutting down is waited for, and a command that waits says so."""

from __future__ import annotations

import threading
from time import sleep

from infra.settings import load_settings
from streams.local.service_files import ServiceFiles
from streams.local.services import _lease


def test_a_command_says_that_it_waits_for_a_service_that_shuts_down() -> None:
    settings, messages = load_settings(), list[str]()
    closing = ServiceFiles(settings.run_dir, "kafka").close_when_idle()
    assert closing is not None
    printed = threading.Event()

    def end() -> None:
        printed.wait(10)
        sleep(0.1)
        closing.close()

    def on_message(message: str) -> None:
        messages.append(message)
        printed.set()

    threading.Thread(target=end).start()
    with _lease(settings, "kafka", on_message):
        assert messages == ["waiting: Kafka is shutting down"]


def test_a_lease_on_a_service_that_runs_is_taken_without_a_word() -> None:
    messages: list[str] = []
    with _lease(load_settings(), "worker", messages.append), _lease(load_settings(), "worker", messages.append):
        assert messages == []
