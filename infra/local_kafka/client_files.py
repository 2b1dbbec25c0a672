"""The configuration files with which other programs connect to the local Kafka. Only their owner can read them."""

from __future__ import annotations

from pathlib import Path

from infra.base.atomic_file import replacing
from infra.kafka_connection import KafkaConnection

_KCAT_FILE, _JAVA_FILE = "kcat.conf", "kafka-client.properties"

_KCAT = """\
# kcat -F THIS_FILE, and any program that uses librdkafka
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


def write_client_files(run_dir: Path, kafka: KafkaConnection) -> None:
    """Write both files to `run_dir`: kcat.conf and kafka-client.properties."""
    for file, text in zip(client_files(run_dir).values(), (_KCAT, _JAVA), strict=True):
        with replacing(file, durable=False) as temporary:
            temporary.write_text(text.format(kafka=kafka))


def client_files(run_dir: Path) -> dict[str, Path]:
    """Return the paths of both files, by the kind of program that reads it: `librdkafka` or `java`."""
    return {"librdkafka": run_dir / _KCAT_FILE, "java": run_dir / _JAVA_FILE}
