from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from streams.local.service_files import ServiceFiles

_HOLD = """
import sys, time
from pathlib import Path
from streams.local.service_files import ServiceFiles
lease = ServiceFiles(Path(sys.argv[1]), "kafka").lease()
print("held", flush=True)
time.sleep(60)
"""


def test_a_lease_keeps_the_service_open(tmp_path: Path) -> None:
    desk = ServiceFiles(tmp_path, "kafka")
    lease = desk.lease()
    other = desk.lease()
    assert desk.close_when_idle() is None
    lease.close()
    assert desk.close_when_idle() is None
    other.close()
    closing = desk.close_when_idle()
    assert closing is not None
    closing.close()


def test_a_killed_holder_holds_no_lease(tmp_path: Path) -> None:
    desk = ServiceFiles(tmp_path, "kafka")
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert desk.close_when_idle() is None
    holder.kill()
    holder.wait()
    holder.stdout.close()
    closing = desk.close_when_idle()
    assert closing is not None
    closing.close()


def test_a_service_has_one_keeper(tmp_path: Path) -> None:
    desk = ServiceFiles(tmp_path, "worker")
    assert not desk.has_supervisor()
    keeper = desk.become_supervisor()
    assert keeper is not None
    assert desk.has_supervisor()
    assert desk.become_supervisor() is None
    keeper.close()
    assert not desk.has_supervisor()


def test_kafka_and_worker_are_kept_apart(tmp_path: Path) -> None:
    kafka, worker = ServiceFiles(tmp_path, "kafka"), ServiceFiles(tmp_path, "worker")
    with kafka.lease():
        closing = worker.close_when_idle()
        assert closing is not None
        closing.close()


def test_an_address_is_there_or_not_but_never_half(tmp_path: Path) -> None:
    desk = ServiceFiles(tmp_path, "kafka")
    assert desk.read() is None
    desk.write({"bootstrap": "127.0.0.1:1"})
    assert desk.read() == {"bootstrap": "127.0.0.1:1"}
    desk.clear()
    assert desk.read() is None
