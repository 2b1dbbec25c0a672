"""The files a broker reads: ports go in, server.properties and logging.properties come out.

Paths in them are relative: the broker runs in its folder, so neither a comma nor an accent in a path can break them.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

LOG_DIR = "log"
FRESH_LOG_DIR = "log.fresh"
SERVER = "server.properties"
LOGGING = "logging.properties"
BROKER_LOG = "broker.0.log"
LAST_BROKER_LOG = "broker.last.log"
CONSOLE_LOG = "console.log"
MAX_MESSAGE_BYTES = 8 * 1024 * 1024

# A controller quorum named in the file, not one kept in the log: so the controller's port may change at each start.
# Small buffers and few threads: the heap is 256 MiB. Group offsets are kept for ten years, since a machine
# that is off for longer than Kafka's seven days would else begin all topics anew. A broker that was killed can
# register again only when its session has timed out: after 3 s, not Kafka's 9. An idle broker writes its
# metadata log every 5 s, not twice a second.
_SERVER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={log_dir}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=5256000
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=4
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=1000
metadata.max.idle.interval.ms=5000
message.max.bytes={max_message}
replica.fetch.max.bytes={max_message}
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.threads=1
num.network.threads=2
num.io.threads=2
background.threads=2
"""

_LOGGING = """\
handlers=java.util.logging.FileHandler
.level=WARNING
java.util.logging.FileHandler.pattern=broker.%g.log
java.util.logging.FileHandler.limit=2000000
java.util.logging.FileHandler.count=2
java.util.logging.FileHandler.encoding=UTF-8
java.util.logging.FileHandler.formatter=java.util.logging.SimpleFormatter
java.util.logging.SimpleFormatter.format=%1$tFT%1$tT.%1$tL %4$s %3$s %5$s%6$s%n
"""


def write_files(folder: Path, port: int, controller: int, log_dir: str = LOG_DIR) -> None:
    """Write both files into `folder`, for a broker on `port` with its controller on `controller`."""
    server = _SERVER.format(port=port, controller=controller, log_dir=log_dir, max_message=MAX_MESSAGE_BYTES)
    (folder / SERVER).write_text(server)
    (folder / LOGGING).write_text(_LOGGING)


def keep_last_log(folder: Path) -> None:
    """Put the last start's log aside, so that what stands in the log is of this start."""
    with suppress(FileNotFoundError):
        (folder / BROKER_LOG).replace(folder / LAST_BROKER_LOG)


def last_error(folder: Path) -> str:
    """The line of the broker's logs that says best why it ended; empty without any."""
    lines = [line.strip() for name in (CONSOLE_LOG, BROKER_LOG) for line in _tail(folder / name)]
    telling = [line for line in lines if "Exception" in line and not line.startswith("at ")]
    severe = [line for line in lines if " SEVERE " in line]
    return (telling or severe or lines or [""])[-1][:400]


def _tail(file: Path, size: int = 64_000) -> list[str]:
    try:
        return file.read_bytes()[-size:].decode(errors="replace").splitlines()
    except OSError:
        return []
