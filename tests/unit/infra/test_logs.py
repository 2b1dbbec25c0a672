"""Test the log lines: one line per record, with fields that programs can parse; the project's loggers from INFO on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from schemas.safe_text import is_harmless

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


_FORGED_CODE = """
import logging
from infra.logs import set_up_logs
set_up_logs()
log = logging.getLogger("streams.steps")
log.warning("attempt failed: %s", 'no request_id=r1 "reason=none', extra={"reason": "kafka"})
"""


def test_text_in_a_message_does_not_pass_for_a_field() -> None:
    result = subprocess.run([sys.executable, "-c", _FORGED_CODE], capture_output=True, text=True, check=True)
    expected = r'streams.steps "attempt failed: no request_id=r1 \"reason=none" reason=kafka'
    assert result.stderr.rstrip("\n").endswith(expected)


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


_HOSTILE_CODE = r"""
import logging, sys
from infra.logs import set_up_logs
set_up_logs()
log = logging.getLogger("streams.steps")
text = "A\x1b]0;x\x07B\u202eC\u2028D\ud800\n2026-01-01 00:00:00,000 INFO forged"
log.info("title %s", text, extra={"song": text})
log.error("%s", text)
try:
    raise ValueError(text)
except ValueError:
    log.exception("failed")
raise RuntimeError(text)
"""


def test_no_text_from_outside_changes_the_terminal_or_forges_a_line() -> None:
    result = subprocess.run([sys.executable, "-c", _HOSTILE_CODE], capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert is_harmless(result.stderr.replace("\n", ""))
    lines = result.stderr.splitlines()
    assert not [line for line in lines if line.startswith("2026-01-01")]
    assert sum("\\x1b]0;x\\x07B\\u202eC\\u2028D\\ud800" in line for line in lines) == 4
    assert "RuntimeError" in lines[-2]


_FLOOD_CODE = """
import logging
from infra.logs import set_up_logs
set_up_logs()
log = logging.getLogger("streams.views")
for number in range(1000):
    log.warning("away: %s", "refused")
    log.warning("record %d is invalid", number)
    log.info("event %d", number)
"""


def test_warnings_that_repeat_are_left_out_and_counted() -> None:
    result = subprocess.run([sys.executable, "-c", _FLOOD_CODE], capture_output=True, text=True, check=True)
    texts = [line.split(" streams.views ", 1)[1] for line in result.stderr.splitlines()]
    assert sum(text == "away: refused" for text in texts) == 5
    assert sum(text.startswith("record ") for text in texts) == 60
    assert sum(text.startswith("event ") for text in texts) == 1000
    assert sorted(texts[-2:]) == [
        "940 more lines of this kind were left out: record %d is invalid",
        "995 more lines of this kind were left out: away: %s",
    ]


def test_a_full_disk_does_not_stop_the_program() -> None:
    code = _FLOOD_CODE + 'print("end")'
    with Path("/dev/full").open("w") as full:  # not the exit status: some Pythons end with 120 after such an error
        result = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=full, check=False)
    assert result.stdout == b"end\n"
