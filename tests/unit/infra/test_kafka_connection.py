"""The connection to a Kafka: the options of clients, and a password that no text of it has."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

from infra.kafka_connection import KafkaConnection, configured_kafka
from infra.settings import Settings
from schemas.faults import Poison

_PASSWORD = "hunter2-is-secret"  # noqa: S105 - of these tests only
_LOGIN = KafkaConnection("kafka.test:9092", "user", _PASSWORD, "SCRAM-SHA-512")


def test_an_address_is_a_connection_without_login() -> None:
    connection = KafkaConnection.of("kafka.test:9092")
    options = {"bootstrap_servers": "kafka.test:9092", "security_protocol": "PLAINTEXT", "ssl_context": None}
    assert connection.client_options() == options
    assert KafkaConnection.of(connection) is connection


@pytest.mark.parametrize(
    "kafka", [None, 7, b"kafka.test:9092", "", "kafka.test", ":", "a:b", "a:99999", "a:1\n", "a:1,"]
)
def test_what_is_no_address_is_refused_in_one_line(kafka: Any) -> None:
    with pytest.raises(Poison, match="a Kafka is host:port") as refused:
        KafkaConnection.of(kafka)
    assert refused.value.reason == "settings"


def test_the_login_is_in_the_options_of_clients() -> None:
    options = _LOGIN.client_options()
    assert options["security_protocol"] == "SASL_PLAINTEXT"
    assert options["sasl_mechanism"] == "SCRAM-SHA-512"
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("user", _PASSWORD)


@pytest.mark.parametrize(("username", "protocol"), [(None, "SSL"), ("user", "SASL_SSL")])
def test_with_tls_the_certificate_of_the_server_is_checked(username: str | None, protocol: str) -> None:
    options = KafkaConnection("kafka.test:9092", username, _PASSWORD, tls=True).client_options()
    assert options["security_protocol"] == protocol
    assert options["ssl_context"].verify_mode == ssl.CERT_REQUIRED
    assert options["ssl_context"].check_hostname


def test_no_text_of_a_connection_has_the_password() -> None:
    assert str(_LOGIN) == "kafka.test:9092"
    assert _PASSWORD not in f"{_LOGIN} {_LOGIN!r}"


def test_the_settings_name_a_kafka_and_its_login() -> None:
    assert configured_kafka(Settings(kafka=None)) is None
    settings = Settings(
        kafka="kafka.test:9092",
        kafka_username="user",
        kafka_password=_PASSWORD,  # type: ignore[arg-type] # as in the environment
        kafka_mechanism="SCRAM-SHA-512",
    )
    assert configured_kafka(settings) == _LOGIN
