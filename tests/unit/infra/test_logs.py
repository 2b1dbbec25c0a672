"""Test the log lines: one line per record, with fields that programs can parse; the project's loggers from INFO on."""

from __future__ import annotations

import subprocess
import sys

_LOG_CODE = """
import logging
from infra.logs import set_up_logs
set_up_logs()
log = logging.getLogger("streams.steps")
fields = {"step": "intake", "seconds": 0.25, "cached": False, "error": 'a "b"\\nc', "request_id": "r 1"}
log.info("step done", extra=fields)
log.debug("not logged")
logging.getLogger("aiokafka").info("not logged")
logging.getLogger("faust").warning("logged")
"""


def test_a_record_is_one_line_with_its_fields() -> None:
    result = subprocess.run([sys.executable, "-c", _LOG_CODE], capture_output=True, text=True, check=True)
    first, second = result.stderr.splitlines()
    fields = r'INFO streams.steps step done step=intake seconds=0.25 cached=false error="a \"b\"\nc" request_id="r 1"'
    assert first.endswith(fields)
    assert second.endswith("WARNING faust logged")


_EVENT_LOOP_CODE = """
import asyncio, logging, os
from infra.logs import set_up_logs
set_up_logs()
log = logging.getLogger("streams.steps")
async def main():
    for number in range(3):
        log.info("line", extra={"number": number})
    await asyncio.to_thread(log.info, "from a thread")
    log.info("before a warning")
    log.warning("a warning")
    os._exit(0)
asyncio.run(main())
"""


def test_lines_of_one_loop_iteration_are_written_in_order_and_a_warning_immediately() -> None:
    result = subprocess.run([sys.executable, "-c", _EVENT_LOOP_CODE], capture_output=True, text=True, check=True)
    messages = [line.split(" streams.steps ", 1)[1] for line in result.stderr.splitlines()]
    assert messages == [
        "line number=0",
        "line number=1",
        "line number=2",
        "from a thread",
        "before a warning",
        "a warning",
    ]
