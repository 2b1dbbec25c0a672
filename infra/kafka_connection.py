"""The address of a Kafka and the login for it, for every client of this program and for other programs."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from infra.settings import KAFKA_ADDRESS, Settings
from schemas.faults import Poison

_MAX_CHARACTERS = 100


@dataclass(frozen=True)
class KafkaConnection:
    """How to connect to a Kafka. Its text is the address; no text of it has the password.

    bootstrap: "host:port", or several with "," between them.
    username, password: the SASL login; None where the Kafka asks for none.
    mechanism: the SASL mechanism: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512.
    tls: whether to connect with TLS; a path is that of a file with the certificates to trust instead of the system's.
    """

    bootstrap: str
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    mechanism: str = "SCRAM-SHA-512"
    tls: bool | Path = False

    def __str__(self) -> str:
        return self.bootstrap

    @classmethod
    def of(cls, kafka: KafkaConnection | str) -> KafkaConnection:
        """Return the connection itself, or that of an address without login. Raises: `Poison` (`settings`)."""
        if isinstance(kafka, KafkaConnection):
            return kafka
        if not isinstance(kafka, str) or not re.fullmatch(KAFKA_ADDRESS, kafka, re.ASCII):
            text = f"'{kafka[:_MAX_CHARACTERS]}'" if isinstance(kafka, str) else f"a {type(kafka).__name__}"
            raise Poison(
                f"a Kafka is host:port, several with ',' between them, or a KafkaConnection: not {text}", "settings"
            )
        return cls(kafka)

    @property
    def security_protocol(self) -> str:
        """Return Kafka's name of the protocol: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL."""
        transport = "SSL" if self.tls else "PLAINTEXT"
        return transport if self.username is None else f"SASL_{transport}"

    def ssl_context(self) -> ssl.SSLContext | None:
        """Return the context that checks the server's certificate, or None without TLS."""
        if not self.tls:
            return None
        return ssl.create_default_context(cafile=self.tls if isinstance(self.tls, Path) else None)

    def client_options(self) -> dict[str, Any]:
        """Return the arguments of aiokafka's consumer, producer and admin client."""
        options = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security_protocol,
            "ssl_context": self.ssl_context(),
        }
        if self.username is None:
            return options
        login = {"sasl_plain_username": self.username, "sasl_plain_password": self.password or ""}
        return options | {"sasl_mechanism": self.mechanism} | login


def configured_kafka(settings: Settings) -> KafkaConnection | None:
    """Return the Kafka that the settings name, or None if a local one is to be used."""
    if settings.kafka is None:
        return None
    password = settings.kafka_password
    return KafkaConnection(
        settings.kafka,
        settings.kafka_username,
        None if password is None else password.get_secret_value(),
        settings.kafka_mechanism,
        settings.kafka_tls,
    )
