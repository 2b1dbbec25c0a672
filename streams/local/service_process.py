"""What the programs that run in the background have in common: logs, settings, limits, and the exit status."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable

from infra.base.exit_status import status_after
from infra.base.open_files import raise_open_files_limit
from infra.data_folder import check_data_folder, use_data_folder
from infra.logs import set_up_logs
from infra.settings import Settings, load_settings
from schemas.faults import Fault

WRONG_SETTING = 2  # exit status: to start the program again does not help
INTERRUPTED = status_after(signal.SIGINT)  # exit status
_ERROR = "error: "
_LOG_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ \S+ ")


def run_service(serve: Callable[[Settings], int]) -> int:
    """Run a service until it is stopped and return its exit status; a fault is printed as one line.

    The status of a fault is 2 for a setting that is not valid, and 1 for others.
    """
    set_up_logs()
    try:
        settings = load_settings()
        use_data_folder(settings)
        check_data_folder(settings)
        raise_open_files_limit()
        return serve(settings)
    except Fault as fault:
        return print_fault(fault)


def print_fault(fault: Fault) -> int:
    """Print a fault on standard error, from where `error_in` reads it again, and return the exit status."""
    print(f"{_ERROR}{fault}", file=sys.stderr, flush=True)
    return WRONG_SETTING if fault.reason == "settings" else 1


def error_in(log: str) -> str:
    """Return the last fault printed to a service's log, else its last line without time and level, or an empty text."""
    lines = [_LOG_PREFIX.sub("", line) for line in log.splitlines() if line.strip()]
    faults = [line.removeprefix(_ERROR) for line in lines if line.startswith(_ERROR)]
    return (faults or lines or [""])[-1]
