"""Who does not know the password of the local Kafka gets nothing from it, neither from its controller."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
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
        ("PLAIN", "BACHATA_KAFKA_MECHANISM"),
    ],
)
async def test_the_setting_that_is_wrong_is_named(data_folder: DataFolder, login: str, setting: str) -> None:
    with pytest.raises(Retryable, match=setting) as caught:
        await check_kafka(_logins(data_folder.kafka)[login])
    assert "\n" not in str(caught.value)
    assert str(data_folder.kafka.password) not in str(caught.value)


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
        "kcat.conf",
    }
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in containing)
    assert not any(password in line for line in _command_lines())


def _text(file: Any) -> str:
    return str(file.read_bytes().decode(errors="replace"))


def _command_lines() -> list[str]:
    import psutil

    return [" ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])]
