"""The settings that name a Kafka, for the environment of a program that a test starts."""

from __future__ import annotations

from infra.kafka_connection import KafkaConnection


def kafka_settings(kafka: KafkaConnection) -> dict[str, str]:
    """Return the environment variables with which the program uses this Kafka."""
    settings = {"BACHATA_KAFKA": kafka.bootstrap, "BACHATA_KAFKA_MECHANISM": kafka.mechanism}
    if kafka.username is None:
        return settings
    return settings | {"BACHATA_KAFKA_USERNAME": kafka.username, "BACHATA_KAFKA_PASSWORD": kafka.password or ""}
