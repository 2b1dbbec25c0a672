"""The client for scripts: threads, signals, and generators that are not read to their end."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import pytest

from streams.client import AnyClient, FakeClient, FakeService, SyncClient
from streams.client.scripted import done, never_ends
from tests.paths import PROJECT

_INTERRUPTED = """
import os, signal, threading
from streams.client import FakeClient, FakeService, SyncClient
from streams.client.scripted import never_ends

with SyncClient(FakeClient(FakeService(lambda _: never_ends()))) as client:
    request_id = client.submit(b"song")
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    try:
        client.wait(request_id)
    except KeyboardInterrupt:
        print("interrupted;", "cancelled" if client.cancel(request_id) else "not cancelled")
"""


def test_ctrl_c_ends_the_waiting_and_the_client_can_still_be_used() -> None:
    found = subprocess.run(
        [sys.executable, "-c", _INTERRUPTED], cwd=PROJECT, capture_output=True, text=True, timeout=30, check=True
    )
    assert (found.stdout, found.stderr) == ("interrupted; cancelled\n", "")


def test_many_threads_use_one_client() -> None:
    with SyncClient(FakeClient(FakeService(lambda _: done(0.05)))) as client, ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda number: client.submit(b"%d" % number), range(1, 40)))
        assert [outcome.request_id for outcome in threads.map(client.wait, ids)] == ids


def test_closing_ends_what_waits_in_other_threads() -> None:
    with ThreadPoolExecutor(1) as threads:
        with SyncClient(FakeClient(FakeService(lambda _: never_ends()))) as client:
            waiting = threads.submit(client.wait, client.submit(b"song"))
        assert waiting.exception(10) is not None


def test_a_generator_may_outlive_the_client() -> None:
    with SyncClient(FakeClient()) as client:
        client.wait(client.submit(b"song"))
        results = client.results()
        assert len(list(islice(results, 1))) == 1
    results.close()  # type: ignore[attr-defined]


def test_a_client_that_cannot_be_opened_leaves_no_thread() -> None:
    class Failing(FakeClient):
        async def __aenter__(self) -> Failing:
            raise ConnectionError("no")

    client = SyncClient(Failing())
    with pytest.raises(ConnectionError), client:
        pass
    assert not client._thread.is_alive()


def test_every_method_of_the_client_is_there() -> None:
    methods = {name for name in vars(AnyClient) if not name.startswith("_")}
    assert methods <= set(vars(SyncClient))
