"""Run a worker in its own process: `python -m streams.worker PID` is killed when the process PID ends."""

from __future__ import annotations

import sys

from infra.base.die_with_parent import die_with_parent
from infra.settings import Settings
from streams.local.service_process import run_service


def _serve(settings: Settings) -> int:
    from streams.worker.process import serve  # takes a second, which a wrong setting need not wait for

    return serve(settings)


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    sys.exit(run_service(_serve))
