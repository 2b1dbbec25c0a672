"""The AsyncAPI document: its references have targets, and it says of each topic what the topic table says."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator

from streams.contract import asyncapi
from streams.envelope import event_headers
from streams.ids import new_request_id
from streams.topics import TOPICS, specs
from tests.contract.contract_files import CONTRACT

_SENT_BY_OTHERS = {"song-submitted", "move-submitted", "move-annotated", "request-control"}
_SPECS = {spec.name: spec for spec in specs()}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi()


@pytest.fixture(scope="module")
def asyncapi_schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return the JSON Schema of AsyncAPI 3.1 that its makers publish."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm, which has the schema of AsyncAPI, is not on this machine")
    folder = tmp_path_factory.mktemp("npm")
    command = [npm, "install", "--no-audit", "--no-fund", "--fetch-retries=0", "@asyncapi/specs@6.11.1"]
    installed = subprocess.run(command, cwd=folder, capture_output=True, timeout=120, check=False)
    if installed.returncode != 0:
        pytest.skip("npm cannot install the schema of AsyncAPI: no network?")
    return json.loads((folder / "node_modules/@asyncapi/specs/schemas/3.1.0.json").read_text())


def _references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from [part["$ref"]] if "$ref" in part else []
        part = list(part.values())
    if isinstance(part, list):
        for value in part:
            yield from _references(value)


def _target(document: dict[str, Any], reference: str) -> Any:
    """Return what a reference points to. Raises: `KeyError` or `OSError` if there is nothing."""
    file, _, pointer = reference.partition("#")
    part = json.loads((CONTRACT / file).read_text()) if file else document
    for name in pointer.split("/")[1:]:
        part = part[name]
    return part


def test_it_is_valid(document: dict[str, Any], asyncapi_schema: Any) -> None:
    assert [error.message for error in Draft7Validator(asyncapi_schema).iter_errors(document)] == []


def test_each_reference_has_a_target(document: dict[str, Any]) -> None:
    references = set(_references(document))
    assert "./events/song-submitted.json" in references
    assert all(_target(document, reference) for reference in references)


def test_each_topic_is_a_channel_with_its_configuration(document: dict[str, Any]) -> None:
    bindings = {channel["address"]: channel["bindings"]["kafka"] for channel in document["channels"].values()}
    events = {topic.full_name for topic in TOPICS}
    assert bindings.keys() == events | {topic.dead_letter_name for topic in TOPICS if topic.dead_letters}
    for name, binding in bindings.items():
        assert (binding["topic"], binding["partitions"]) == (name, _SPECS[name].partitions)
        configuration = binding["topicConfiguration"]
        assert configuration["cleanup.policy"] == [_SPECS[name].config["cleanup.policy"]]
        assert configuration["max.message.bytes"] == int(_SPECS[name].config["max.message.bytes"])


def test_operations_say_what_other_systems_may_send(document: dict[str, Any]) -> None:
    actions = {(o["action"], o["channel"]["$ref"].rpartition("/")[2]) for o in document["operations"].values()}
    assert {name for action, name in actions if action == "receive"} >= _SENT_BY_OTHERS
    assert not any(("send", name) in actions for name in _SENT_BY_OTHERS)
    assert {("send", name) for name in ("request-ended", "rendered", "progress", "song-submitted.dlq")} <= actions


def test_each_message_has_the_payload_the_key_and_the_headers_of_its_topic(document: dict[str, Any]) -> None:
    for topic in TOPICS:
        message = document["components"]["messages"][topic.name]
        assert _target(document, message["payload"]["$ref"])["title"] == topic.payload.__name__
        [trait] = (_target(document, trait["$ref"]) for trait in message["traits"])
        headers = event_headers(topic, "/tests", "id-1", "r-1")
        assert {name for name, _ in headers} <= trait["headers"]["properties"].keys()
        Draft202012Validator(trait["headers"]).validate({name: value.decode() for name, value in headers})


@pytest.mark.parametrize(
    ("topic", "keys"),
    [
        ("request-ended", ["my-1", new_request_id()]),
        ("request-control", ["my-1", new_request_id()]),
        ("rendered", ["a" * 64]),
        ("song-submitted", ["", "anything"]),
    ],
)
def test_the_schema_of_a_key_accepts_keys(document: dict[str, Any], topic: str, keys: list[str]) -> None:
    validator = Draft202012Validator(document["components"]["messages"][topic]["bindings"]["kafka"]["key"])
    assert all(validator.is_valid(key) for key in keys)


def test_files_of_the_contract_are_json_with_a_line_end() -> None:
    assert all(file.read_text().endswith("}\n") for file in Path(CONTRACT).rglob("*.json"))
