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


def test_a_service_is_idle_after_its_last_lease(tmp_path: Path) -> None:
    files = ServiceFiles(tmp_path, "kafka")
    lease = files.lease()
    other = files.lease()
    assert files.close_when_idle() is None
    lease.close()
    assert files.close_when_idle() is None
    other.close()
    closing = files.close_when_idle()
    assert closing is not None
    closing.close()


def test_a_lease_ends_with_its_process(tmp_path: Path) -> None:
    files = ServiceFiles(tmp_path, "kafka")
    holder = subprocess.Popen([sys.executable, "-c", _HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    assert files.close_when_idle() is None
    holder.kill()
    holder.wait()
    holder.stdout.close()
    closing = files.close_when_idle()
    assert closing is not None
    closing.close()


def test_a_service_has_one_supervisor(tmp_path: Path) -> None:
    files = ServiceFiles(tmp_path, "worker")
    assert not files.has_supervisor()
    supervisor = files.become_supervisor()
    assert supervisor is not None
    assert files.has_supervisor()
    assert files.become_supervisor() is None
    supervisor.close()
    assert not files.has_supervisor()


def test_kafka_and_worker_have_separate_leases(tmp_path: Path) -> None:
    kafka, worker = ServiceFiles(tmp_path, "kafka"), ServiceFiles(tmp_path, "worker")
    with kafka.lease():
        closing = worker.close_when_idle()
        assert closing is not None
        closing.close()


def test_an_address_can_be_read_until_it_is_cleared(tmp_path: Path) -> None:
    files = ServiceFiles(tmp_path, "kafka")
    assert files.read() is None
    files.write({"bootstrap": "127.0.0.1:1"})
    assert files.read() == {"bootstrap": "127.0.0.1:1"}
    files.clear()
    assert files.read() is None


def test_a_log_stays_bounded_while_a_service_writes_to_it(tmp_path: Path) -> None:
    files = ServiceFiles(tmp_path, "worker")
    older = tmp_path / "worker.log.1"
    with files.log.open("ab") as log:
        for number in range(150):
            log.write(b"%06d" % number + b"x" * 100_000 + b"\n")
            log.flush()
            files.bound_log()
            assert files.log.stat().st_size <= 4 << 20
    assert files.log.read_bytes()[6:9] == b"xxx"  # not zeros, up to where the service was
    assert older.stat().st_size == 4 << 20
    assert (older.read_bytes() + files.log.read_bytes()).splitlines()[-1][:6] == b"000149"
