"""Log lines: one line each, with fields that programs can read, ours from INFO on."""

from __future__ import annotations

import subprocess
import sys

_CODE = """
import logging
from infra.logs import set_up_logs
set_up_logs()
log = logging.getLogger("streams.steps")
fields = {"step": "intake", "seconds": 0.25, "cached": False, "error": 'a "b"\\nc', "request_id": "r 1"}
log.info("step done", extra=fields)
log.debug("not shown")
logging.getLogger("aiokafka").info("not shown")
logging.getLogger("faust").warning("shown")
"""


def test_a_line_has_its_fields_and_stays_one_line() -> None:
    done = subprocess.run([sys.executable, "-c", _CODE], capture_output=True, text=True, check=True)
    first, second = done.stderr.splitlines()
    fields = r'INFO streams.steps step done step=intake seconds=0.25 cached=false error="a \"b\"\nc" request_id="r 1"'
    assert first.endswith(fields)
    assert second.endswith("WARNING faust shown")


_LOOP = """
import asyncio, logging, os
from infra.logs import set_up_logs
set_up_logs()
log = logging.getLogger("streams.steps")
async def main():
    for number in range(3):
        log.info("line", extra={"number": number})
    await asyncio.to_thread(log.info, "of a thread")
    log.info("before a warning")
    log.warning("a warning")
    os._exit(0)
asyncio.run(main())
"""


def test_lines_of_a_turn_are_written_in_order_and_a_warning_at_once() -> None:
    done = subprocess.run([sys.executable, "-c", _LOOP], capture_output=True, text=True, check=True)
    messages = [line.split(" streams.steps ", 1)[1] for line in done.stderr.splitlines()]
    assert messages == [
        "line number=0",
        "line number=1",
        "line number=2",
        "of a thread",
        "before a warning",
        "a warning",
    ]
