"""Write the broker's configuration, server.properties and logging.properties, and read its logs.

The broker runs in its folder and the paths in its configuration are relative, so no character of the folder's path,
for example a comma or an accent, can make them invalid.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from infra.base.atomic_file import replacing
from infra.kafka_connection import KafkaConnection

LOG_DIR = "log"
FRESH_LOG_DIR = "log.fresh"
SERVER = "server.properties"
LOGGING = "logging.properties"
BROKER_LOG = "broker.0.log"
LAST_BROKER_LOG = "broker.last.log"
CONSOLE_LOG = "console.log"
_MAX_ERROR_CHARACTERS = 400
_TAIL_BYTES = 64_000
MAX_MESSAGE_BYTES = 8 * 1024 * 1024

# The controller quorum is in the file and not in the log, so the controller's port may change at each start. The heap
# is 256 MiB, so buffers are small and threads few. Group offsets are retained for ten years: with Kafka's seven days, a
# machine that is off for longer would read all topics from the beginning. A killed broker can register again only after
# its session has timed out: 3 s instead of Kafka's 9. An idle broker writes its metadata log every 5 s instead of twice
# a second. Before its login a client may send requests of 16 KiB: with Kafka's 512 KiB, some hundred connections of a
# stranger would fill the heap and end the broker.
#
# There is one copy of each record, and Kafka leaves it to the system when it reaches the disk, up to 30 s
# later: here it is flushed within 2 s (`make bench-durability`), and steps commit their offsets later than that. The
# broker's clock gives the records their times.
#
# No program of ours uses transactions. An open one of another program blocks the readers of its partitions, so it is
# aborted after a minute instead of a quarter of an hour.
_SERVER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=CLIENTS://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=CLIENTS://127.0.0.1:{port}
listener.security.protocol.map=CLIENTS:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENTS
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.clients.sasl.enabled.mechanisms=SCRAM-SHA-512,PLAIN
listener.name.clients.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
  user_{kcat_user}="{kcat_password}";
listener.name.clients.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \
  username="{user}" password="{password}";
sasl.mechanism.controller.protocol=PLAIN
sasl.server.max.receive.size=16384
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
  username="{controller_user}" password="{controller_password}" user_{controller_user}="{controller_password}";
log.dirs={log_dir}
auto.create.topics.enable=false
default.replication.factor=1
log.message.timestamp.type=LogAppendTime
log.flush.interval.ms=1000
log.flush.scheduler.interval.ms=1000
log.initial.task.delay.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
offsets.retention.minutes=5256000
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.max.timeout.ms=60000
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


class Logins(NamedTuple):
    """The logins that a broker accepts: of clients and of kcat on one port, of the controller on another."""

    clients: KafkaConnection
    kcat: KafkaConnection
    controller: KafkaConnection


def write_files(folder: Path, logins: Logins, log_dir: str = LOG_DIR) -> None:
    """Write both files to `folder`, for a broker with these logins. Only its owner can read them."""
    clients, kcat, controller = logins
    server = _SERVER.format(
        port=_port(clients),
        controller=_port(controller),
        user=clients.username,
        password=clients.password,
        kcat_user=kcat.username,
        kcat_password=kcat.password,
        controller_user=controller.username,
        controller_password=controller.password,
        log_dir=log_dir,
        max_message=MAX_MESSAGE_BYTES,
    )
    for name, text in ((SERVER, server), (LOGGING, _LOGGING)):
        with replacing(folder / name, durable=False) as temporary:
            temporary.write_text(text)


def _port(kafka: KafkaConnection) -> int:
    return int(kafka.bootstrap.rpartition(":")[2])


def rename_last_log(folder: Path) -> None:
    """Rename the log of the last start, so that the log contains only the lines of this start."""
    with suppress(FileNotFoundError):
        (folder / BROKER_LOG).replace(folder / LAST_BROKER_LOG)


def last_error(folder: Path) -> str:
    """Return the error in the broker's logs: the last exception, else SEVERE line, else line; empty without lines."""
    lines = [line.strip() for name in (CONSOLE_LOG, BROKER_LOG) for line in _tail(folder / name)]
    exceptions = [line for line in lines if "Exception" in line and not line.startswith("at ")]
    severe = [line for line in lines if " SEVERE " in line]
    return (exceptions or severe or lines or [""])[-1][:_MAX_ERROR_CHARACTERS]


def _tail(file: Path) -> list[str]:
    try:
        return file.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").splitlines()
    except OSError:
        return []
