"""The configuration files with which other programs connect to the local Kafka. Only their owner can read them."""

from __future__ import annotations

from pathlib import Path

from infra.base.atomic_file import replacing
from infra.kafka_connection import KafkaConnection

_NAMES = {"kcat": "kcat.conf", "librdkafka": "librdkafka.conf", "java": "kafka-client.properties"}

_LIBRDKAFKA = """\
# {use}
bootstrap.servers={kafka.bootstrap}
security.protocol={kafka.security_protocol}
sasl.mechanism={kafka.mechanism}
sasl.username={kafka.username}
sasl.password={kafka.password}
"""
_JAVA = """\
# Kafka's own tools: --command-config THIS_FILE, and programs in Java
bootstrap.servers={kafka.bootstrap}
security.protocol={kafka.security_protocol}
sasl.mechanism={kafka.mechanism}
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required \\
  username="{kafka.username}" password="{kafka.password}";
"""


def write_client_files(run_dir: Path, kafka: KafkaConnection, kcat: KafkaConnection | None) -> None:
    """Write all files to `run_dir`; `kcat`: kcat's own login, None where it has the same."""
    texts = {
        "kcat": _LIBRDKAFKA.format(
            kafka=kcat or kafka, use="kcat -F THIS_FILE; the password changes when Kafka starts"
        ),
        "librdkafka": _LIBRDKAFKA.format(kafka=kafka, use="programs that use librdkafka 2.6.1 or newer"),
        "java": _JAVA.format(kafka=kafka),
    }
    for program, file in client_files(run_dir).items():
        with replacing(file, durable=False) as temporary:
            temporary.write_text(texts[program])


def client_files(run_dir: Path) -> dict[str, Path]:
    """Return the paths of all files, by the program that reads each: `kcat`, `librdkafka` or `java`."""
    return {program: run_dir / name for program, name in _NAMES.items()}
