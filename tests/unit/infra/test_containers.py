"""Test the container files: complete, pinned, closed to other machines, and with settings that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra import settings
from infra.kafka_jars import kafka_version

PROJECT = Path(settings.__file__).parent.parent
DOCKERFILE = (PROJECT / "infra" / "containers" / "Dockerfile").read_text()
SETTINGS = {setting.variable for setting in settings.descriptions()}


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    compose = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
    services: dict[str, dict[str, Any]] = compose["services"]
    used = {v.split(":")[0] for s in services.values() for v in s.get("volumes", []) if re.match(r"\w+:", v)}
    assert used == set(compose["volumes"])
    return services


def test_every_image_is_pinned(services: dict[str, dict[str, Any]]) -> None:
    images = [service["image"] for service in services.values()] + re.findall(r"^FROM (\S+)", DOCKERFILE, re.M)
    assert all(re.search(r":v?\d+\.\d+\.\d+", image) for image in images), images


def test_no_port_is_open_to_other_machines(services: dict[str, dict[str, Any]]) -> None:
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_kafka_is_the_version_of_the_local_one(services: dict[str, dict[str, Any]]) -> None:
    assert services["kafka"]["image"].split("@")[0] == f"apache/kafka:{kafka_version()}"


def test_only_what_is_published_has_another_network_than_the_one_without_a_way_out(
    services: dict[str, dict[str, Any]],
) -> None:
    networks = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())["networks"]
    assert networks["inside"] == {"internal": True}
    for service in services.values():
        assert service["networks"] == (["inside", "published"] if "ports" in service else ["inside"])
    assert "ports" not in services["worker"]


def test_kafka_asks_for_a_login_on_every_listener(services: dict[str, dict[str, Any]]) -> None:
    kafka = services["kafka"]["environment"]
    listeners = [listener.split("://")[0] for listener in kafka["KAFKA_LISTENERS"].split(",")]
    protocols = dict(pair.split(":") for pair in kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(","))
    assert protocols == dict.fromkeys(listeners, "SASL_PLAINTEXT")
    for listener in listeners:
        login = kafka[f"KAFKA_LISTENER_NAME_{listener}_PLAIN_SASL_JAAS_CONFIG"]
        assert 'user_bachata="${BACHATA_KAFKA_PASSWORD}";' in login


def test_every_password_and_key_is_one_that_the_user_must_set(services: dict[str, dict[str, Any]]) -> None:
    values = [str(value) for service in services.values() for value in service["environment"].values()]
    text = (PROJECT / "docker-compose.yml").read_text()
    assert set(re.findall(r"\$\{(\w+)", text)) == {"BACHATA_KAFKA_PASSWORD", "BACHATA_QDRANT_API_KEY"}
    for variable in ("BACHATA_KAFKA_PASSWORD", "BACHATA_QDRANT_API_KEY"):
        assert any(f"${{{variable}:?" in value for value in values), "it has no default"
    assert not re.search(r"\$\{\w+:?-", text)


def test_the_page_of_kafka_asks_for_a_login(services: dict[str, dict[str, Any]]) -> None:
    page = services["kafka-ui"]["environment"]
    login = {"AUTH_TYPE": "LOGIN_FORM", "SPRING_SECURITY_USER_PASSWORD": "${BACHATA_KAFKA_PASSWORD}"}
    assert page.items() >= login.items()


def test_files_of_this_machine_are_mounted_read_only(services: dict[str, dict[str, Any]]) -> None:
    mounted = [v for s in services.values() for v in s.get("volumes", []) if v.startswith((".", "/")) and ":" in v]
    assert mounted
    assert all(volume.endswith(":ro") for volume in mounted)


def test_every_service_has_restricted_privileges(services: dict[str, dict[str, Any]]) -> None:
    assert all("no-new-privileges:true" in service["security_opt"] for service in services.values())
    assert all(service["cap_drop"] == ["ALL"] for service in services.values())


def test_services_that_others_depend_on_have_a_healthcheck(services: dict[str, dict[str, Any]]) -> None:
    required = {name for service in services.values() for name in service.get("depends_on", {})}
    assert required == {"kafka", "qdrant"}
    assert all("healthcheck" in services[name] for name in required | {"worker"})


def test_the_workers_settings_exist(services: dict[str, dict[str, Any]]) -> None:
    worker = services["worker"]
    used = set(worker["environment"]) | set(re.findall(r"BACHATA_[A-Z_]+", DOCKERFILE))
    assert used <= SETTINGS
    assert {"BACHATA_KAFKA", "BACHATA_QDRANT_URL"} <= used


def test_the_worker_has_a_read_only_file_system_and_is_not_root(services: dict[str, dict[str, Any]]) -> None:
    assert services["worker"]["read_only"] is True
    assert re.search(r"^USER 10001", DOCKERFILE, re.M)


def test_qdrant_and_the_worker_have_one_api_key_that_the_user_must_set(services: dict[str, dict[str, Any]]) -> None:
    key = services["qdrant"]["environment"]["QDRANT__SERVICE__API_KEY"]
    assert re.fullmatch(r"\$\{BACHATA_QDRANT_API_KEY:\?[^}]+\}", key)
    assert services["worker"]["environment"]["BACHATA_QDRANT_API_KEY"] == key


@pytest.mark.parametrize(
    "name", ["BACHATA_KAFKA", "BACHATA_QDRANT_URL", "BACHATA_ALLOWED_ROOTS", "BACHATA_STEP_PROCESSES"]
)
def test_the_worker_gets_values_that_are_valid(
    name: str, services: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, services["worker"]["environment"][name])
    assert settings.load_settings().model_fields_set >= {name.removeprefix("BACHATA_").lower()}


def test_the_worker_connects_to_the_listener_that_kafka_advertises(services: dict[str, dict[str, Any]]) -> None:
    kafka = services["kafka"]["environment"]
    assert f"INTERNAL://{services['worker']['environment']['BACHATA_KAFKA']}" in kafka["KAFKA_ADVERTISED_LISTENERS"]
    assert kafka["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_the_folders_that_the_worker_writes_are_volumes_or_in_memory(services: dict[str, dict[str, Any]]) -> None:
    worker = services["worker"]
    mounted = {v.split(":")[1] if v.count(":") else v for v in worker["volumes"]}
    mounted |= {t.split(":")[0] for t in worker["tmpfs"]}
    assert {f"/data/{name}" for name in ("media", "cache", "output", "state", "run")} <= mounted


def test_files_that_the_image_copies_exist_and_are_in_the_build_context() -> None:
    copied = [p for line in re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.M) for p in line.split()]
    build_context = (PROJECT / ".dockerignore").read_text().split()
    assert copied
    for path in copied:
        assert (PROJECT / path).exists(), path
        assert f"!{path}" in build_context, path
