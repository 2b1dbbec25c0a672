"""Ctrl-C and SIGTERM end a command soon, with one line and the status that shells use."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

import pytest

from streams.cli.follow_requests import _going_on
from tests.paths import PROJECT

_COMMAND = """
import asyncio, sys, threading, time
import click
from streams.cli import stopping
from streams.cli.output import command, run_program
@click.command()
@command
def wait(as_json):
    print("ready", flush=True)
    {work}
run_program(lambda: wait.main(standalone_mode=False))
"""
_SLEEP = "time.sleep(30)"
_LOOP = "asyncio.run(asyncio.sleep(30))"
_THREAD = "asyncio.run(asyncio.to_thread(time.sleep, 30))"  # which cannot be interrupted
_SLOW_CLEAN_UP = """try: time.sleep(30)
    finally: time.sleep(30)"""
_WARNING = """
    import logging
    logging.getLogger("aiokafka").warning("a warning of a library")
    time.sleep(30)"""
_FORGOTTEN_TASK = """
    async def fail():
        raise ValueError("nobody asks for it")
    async def work():
        task = asyncio.create_task(fail())
        await asyncio.sleep(30)
    asyncio.run(work())"""
_SLOW_IMPORT = """
import sys, time
class Slow:
    def find_spec(self, name, *_):
        if name == "streams.cli":
            print("ready", flush=True)
            time.sleep(30)
sys.meta_path.insert(0, Slow())
from streams.program import bachata
bachata()
"""


@contextmanager
def _running(code: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", code, "--json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, cwd=PROJECT) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        sleep(0.1)
        yield process


@pytest.mark.parametrize(
    "work", [_SLEEP, _LOOP, _FORGOTTEN_TASK, _WARNING], ids=["sleeps", "event loop", "task", "warning"]
)
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_command_with_one_line_and_one_json_object(
    number: signal.Signals, status: int, work: str
) -> None:
    with _running(_COMMAND.format(work=work)) as process:
        process.send_signal(number)
        printed, errors = process.communicate(timeout=20)
    assert process.returncode == status
    assert json.loads(printed) == {"error": "stopped", "reason": "stopped"}
    assert errors == "error: stopped\n"


@pytest.mark.parametrize("work", [_THREAD, _SLOW_CLEAN_UP], ids=["thread", "clean-up"])
def test_clean_up_that_takes_long_ends_after_some_seconds_or_with_the_second_signal(work: str) -> None:
    with _running(_COMMAND.format(work=f"stopping._CLEAN_UP_S = 1.5\n    {work}")) as process:
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[1] == "error: stopped\n"  # its work sleeps for 30 s
        assert process.returncode == 130
    with _running(_COMMAND.format(work=f"stopping._CLEAN_UP_S = 30\n    {work}")) as process:
        process.send_signal(signal.SIGINT)
        sleep(0.6)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=20)[1] == "error: stopped\n"
        assert process.returncode == 130


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_modules_are_imported_is_one_line(number: signal.Signals, status: int) -> None:
    with _running(_SLOW_IMPORT) as process:
        process.send_signal(number)
        assert process.communicate(timeout=20)[1] == "error: stopped\n"
    assert process.returncode == status


def test_requests_that_were_submitted_go_on_and_the_line_says_so() -> None:
    assert _going_on([]) == "stopped"
    assert "the request is submitted" in _going_on(["a-1"])
    assert "`bachata status a-1`" in _going_on(["a-1"])
    assert "2 requests are submitted" in _going_on(["a-1", "a-2"])


_SERVICE = """
import sys
from streams.cli.services import _StopRequest
stop = _StopRequest()
print("ready", flush=True)
stop.arrived.wait(30)
sys.exit(stop.status)
"""


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_a_service_ends_with_0_when_it_is_terminated(number: signal.Signals, status: int) -> None:
    with _running(_SERVICE) as process:
        process.send_signal(number)
        assert process.communicate(timeout=20) == ("", "")
    assert process.returncode == status
