"""Who does not know the password of the local Kafka gets nothing from it, neither from its controller."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.conn import create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError, SaslAuthenticationFailed
from aiokafka.protocol.admin import ListGroupsRequest
from aiokafka.protocol.metadata import MetadataRequest

from infra.kafka_check import check_kafka
from infra.kafka_connection import KafkaConnection
from infra.local_kafka.login import controller_connection, set_password
from schemas.faults import Retryable
from tests.broker.conftest import DataFolder
from tests.kafka_settings import kafka_settings
from tests.paths import BACHATA

pytestmark = pytest.mark.broker
_WRONG = "wrong-" * 7


def _logins(kafka: KafkaConnection) -> dict[str, KafkaConnection]:
    address = KafkaConnection(kafka.bootstrap)
    return {
        "no login": address,
        "a wrong password": replace(kafka, password=_WRONG),
        "a wrong user": replace(kafka, username="admin"),
        "PLAIN": replace(kafka, mechanism="PLAIN"),
        "SCRAM-SHA-256": replace(kafka, mechanism="SCRAM-SHA-256"),
        "an empty password": replace(kafka, password=""),
    }


@pytest.fixture
def controller(data_folder: DataFolder) -> str:
    """Return the address of the controller."""
    _, port = json.loads((data_folder.path / "kafka" / "ports.json").read_text())
    return f"127.0.0.1:{port}"


async def _request(kafka: KafkaConnection, request: Any) -> Any:
    options = kafka.client_options()
    host, port = options.pop("bootstrap_servers").split(":")
    connection = await create_conn(host, int(port), request_timeout_ms=5000, **options)
    try:
        return await connection.send(request)
    finally:
        await connection.close()


@pytest.mark.parametrize("login", _logins(KafkaConnection("")))
async def test_a_stranger_can_neither_read_nor_write(data_folder: DataFolder, login: str) -> None:
    stranger = _logins(data_folder.kafka)[login]
    for request in (MetadataRequest(None), ListGroupsRequest()):
        with pytest.raises(KafkaError):
            await _request(stranger, request)
    producer = AIOKafkaProducer(**stranger.client_options(), request_timeout_ms=3000)
    with pytest.raises(KafkaConnectionError):
        await producer.start()
    await producer.stop()


@pytest.mark.parametrize("login", _logins(KafkaConnection("")))
async def test_a_stranger_cannot_use_the_controller(data_folder: DataFolder, controller: str, login: str) -> None:
    stranger = replace(_logins(data_folder.kafka)[login], bootstrap=controller)
    with pytest.raises(KafkaError):
        await _request(stranger, MetadataRequest(None))


def test_a_stranger_cannot_set_a_password(data_folder: DataFolder, controller: str) -> None:
    assert not set_password(controller_connection(controller), replace(data_folder.kafka, password=_WRONG))


async def test_the_owner_of_the_data_folder_can_log_in(data_folder: DataFolder) -> None:
    response = await _request(data_folder.kafka, MetadataRequest(None))
    assert any(topic[1].startswith("bachata.") for topic in response.topics)


@pytest.mark.parametrize(
    ("login", "setting"),
    [
        ("no login", "BACHATA_KAFKA_USERNAME"),
        ("a wrong password", "BACHATA_KAFKA_PASSWORD"),
        ("a wrong user", "BACHATA_KAFKA_USERNAME"),
        ("PLAIN", "BACHATA_KAFKA_USERNAME"),
        ("SCRAM-SHA-256", "BACHATA_KAFKA_MECHANISM"),
    ],
)
async def test_the_setting_that_is_wrong_is_named(data_folder: DataFolder, login: str, setting: str) -> None:
    with pytest.raises(Retryable, match=setting) as caught:
        await check_kafka(_logins(data_folder.kafka)[login])
    assert "\n" not in str(caught.value)
    assert str(data_folder.kafka.password) not in str(caught.value)


async def test_who_listens_in_between_learns_no_password(data_folder: DataFolder) -> None:
    """A program of another user on the port of a broker that is down sees no more than this."""
    sent = bytearray()
    async with _relay(data_folder.kafka, sent) as address:
        await check_kafka(replace(data_folder.kafka, bootstrap=address))
    assert str(data_folder.kafka.username).encode() in sent
    password = str(data_folder.kafka.password).encode()
    assert not any(form in sent for form in (password, base64.b64encode(password), password.hex().encode()))


async def test_kcat_has_a_login_of_its_own_that_works_on_its_port_only(
    data_folder: DataFolder, controller: str
) -> None:
    """Debian's kcat cannot use SCRAM with Kafka 4, so its password is sent: it is another one after each start."""
    kcat = _kcat(data_folder)
    assert (kcat.mechanism, kcat.bootstrap) == ("PLAIN", data_folder.kafka.bootstrap)
    assert kcat.password != data_folder.kafka.password
    await _request(kcat, MetadataRequest(None))
    for wrong in (replace(kcat, password=_WRONG), replace(kcat, bootstrap=controller)):
        with pytest.raises(KafkaError):
            await _request(wrong, MetadataRequest(None))


def _kcat(data_folder: DataFolder) -> KafkaConnection:
    lines = (data_folder.path / "run" / "kcat.conf").read_text().splitlines()
    values = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    login = values["sasl.username"], values["sasl.password"], values["sasl.mechanism"]
    return KafkaConnection(values["bootstrap.servers"], *login)


async def test_a_stranger_cannot_send_much_before_the_login(data_folder: DataFolder) -> None:
    reader, writer = await _open(data_folder.kafka)
    writer.write((64 * 1024).to_bytes(4, "big") + b"x" * 1024)
    assert await asyncio.wait_for(reader.read(), 60) == b""
    writer.close()


async def test_a_kafka_with_tls_is_used_with_the_certificates_to_trust(data_folder: DataFolder, tmp_path: Path) -> None:
    certificate = _make_certificate(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with _relay(data_folder.kafka, bytearray(), context) as address:
        kafka = replace(data_folder.kafka, bootstrap=address, tls=certificate)
        await check_kafka(kafka)
        with pytest.raises(Retryable, match="correct BACHATA_KAFKA_TLS: CERTIFICATE_VERIFY_FAILED"):
            await check_kafka(replace(kafka, tls=True))


def _make_certificate(folder: Path) -> Path:
    """Write a key and a certificate for 127.0.0.1 that it has signed to one file."""
    file = folder / "server.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
    subprocess.run([*command, "-keyout", file, "-out", folder / "only.pem"], check=True, capture_output=True)
    file.write_text(file.read_text() + (folder / "only.pem").read_text())
    return file


async def _open(kafka: KafkaConnection) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = kafka.bootstrap.split(":")
    return await asyncio.open_connection(host, int(port))


@asynccontextmanager
async def _relay(kafka: KafkaConnection, sent: bytearray, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Yield the address of a server that passes all bytes to Kafka and back, and adds what clients send to `sent`."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, copied: bytearray) -> None:
        while data := await reader.read(65536):
            copied += data
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        broker_reader, broker_writer = await _open(kafka)
        await asyncio.gather(copy(reader, broker_writer, sent), copy(broker_reader, writer, bytearray()))

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def test_doctor_uses_the_login(data_folder: DataFolder) -> None:
    environment = data_folder.env | kafka_settings(data_folder.kafka)
    command = [str(BACHATA), "doctor", "--json"]
    completed = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert {"name": "kafka", "ok": True} in [
        {name: check[name] for name in ("name", "ok")} for check in json.loads(completed.stdout)["checks"]
    ]


async def test_a_wrong_password_is_named_as_the_cause(data_folder: DataFolder) -> None:
    with pytest.raises(SaslAuthenticationFailed):
        await _request(replace(data_folder.kafka, password=_WRONG), MetadataRequest(None))


def test_the_password_is_in_files_of_the_owner_only(data_folder: DataFolder) -> None:
    password = str(data_folder.kafka.password)
    assert len(password) == 43
    files = [file for name in ("kafka", "run") for file in (data_folder.path / name).iterdir() if file.is_file()]
    containing = [file for file in files if password in _text(file)]
    assert {file.name for file in containing} == {
        "password",
        "server.properties",
        "kafka-client.properties",
        "librdkafka.conf",
    }
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in containing)
    assert not any(password in line for line in _command_lines())


def _text(file: Any) -> str:
    return str(file.read_bytes().decode(errors="replace"))


def _command_lines() -> list[str]:
    import psutil

    return [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
