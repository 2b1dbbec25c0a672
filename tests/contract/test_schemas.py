"""The files of docs/contract are up to date and valid, and their schemas accept and refuse what the models do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pydantic import ValidationError as ModelError

from schemas.json_schema import closed
from schemas.reasons import REASONS
from streams.contract import documents, is_sent_by_others
from streams.topics import TOPICS, Topic
from tests.contract.contract_files import CONTRACT, Example, examples, read, recorded, topics_with_examples

_PAYLOADS = {topic.name: topic.payload for topic in TOPICS}
_SENT = [topic for topic in TOPICS if is_sent_by_others(topic)]


def _validator(topic: str, folder: str = "events") -> Draft202012Validator:
    return Draft202012Validator(read(CONTRACT / folder / f"{topic}.json"))


def _keywords(errors: Iterable[ValidationError]) -> Iterator[str]:
    """Yield the keywords that refuse a value, also those within alternatives."""
    for error in errors:
        yield str(error.validator)
        yield from _keywords(error.context or ())


def test_the_contract_is_up_to_date() -> None:
    files = {str(file.relative_to(CONTRACT)): read(file) for file in CONTRACT.rglob("*.json")}
    assert files == documents(), "run `make docs`"


@pytest.mark.parametrize("file", sorted(documents()))
def test_each_schema_is_valid_and_has_an_id_a_title_and_a_description(file: str) -> None:
    schema = documents()[file]
    if file != "asyncapi.json":
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
        assert schema["$id"].startswith("urn:bachata:")
        assert all(schema[name] for name in ("title", "description"))
        assert all(part["description"] for part in schema.get("$defs", {}).values())


def test_each_schema_has_an_id_of_its_own() -> None:
    schemas = [schema for file, schema in documents().items() if file != "asyncapi.json"]
    assert len({schema["$id"] for schema in schemas}) == len(schemas)


def test_fields_have_the_descriptions_of_the_docstrings() -> None:
    ended = documents()["events/request-ended.json"]
    assert ended["properties"]["video"]["description"] == "Of a song that is done."
    assert ended["$defs"]["Video"]["properties"]["file"]["description"] == "Its name in the output folder."


def test_the_reason_codes_are_part_of_the_contract() -> None:
    documented = documents()
    assert documented["reasons.json"]["enum"] == list(REASONS)
    for event in ("request-ended", "progress"):
        reason = documented[f"events/{event}.json"]["properties"]["reason"]
        assert {"enum": list(REASONS)} in reason["anyOf"]


def test_each_topic_has_valid_and_invalid_examples() -> None:
    assert topics_with_examples() == set(_PAYLOADS)
    for kind in ("valid", "invalid"):
        assert {example.topic for example in examples(kind)} == set(_PAYLOADS)


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_an_event_of_version_one_is_valid(topic: Topic) -> None:
    _validator(topic.name).validate(recorded(topic.name))


@pytest.mark.parametrize("example", examples("valid"), ids=str)
def test_a_valid_example_is_accepted_and_all_of_its_fields_are_known(example: Example) -> None:
    validator = _validator(example.topic)
    validator.validate(example.event)
    Draft202012Validator(closed(validator.schema)).validate(example.event)
    event = _PAYLOADS[example.topic].model_validate(example.event)
    assert event.model_dump(mode="json", exclude_unset=True) == example.event
    validator.validate(event.model_dump(mode="json"))


@pytest.mark.parametrize("example", examples("invalid"), ids=str)
def test_an_invalid_example_is_refused_for_its_reason(example: Example) -> None:
    errors = list(_validator(example.topic).iter_errors(example.event))
    assert (example.keyword in set(_keywords(errors))) if example.keyword else not errors
    with pytest.raises(ModelError) as refused:
        _PAYLOADS[example.topic].model_validate(example.event)
    assert any(example.model in (f"{error['type']} {error['msg']}") for error in refused.value.errors())


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_consumer_ignores_unknown_fields_and_a_closed_schema_finds_them(topic: Topic) -> None:
    event = recorded(topic.name) | {"added_later": 1}
    validator = _validator(topic.name)
    validator.validate(event)
    with pytest.raises(ValidationError, match="added_later"):
        Draft202012Validator(closed(validator.schema)).validate(event)


@pytest.mark.parametrize("topic", _SENT, ids=lambda topic: topic.name)
def test_a_sender_finds_misspelled_fields_with_the_closed_schema(topic: Topic) -> None:
    validator = _validator(topic.name, "closed")
    validator.validate(recorded(topic.name))
    with pytest.raises(ValidationError, match="misspelled"):
        validator.validate(recorded(topic.name) | {"misspelled": 1})


def test_a_closed_schema_finds_misspelled_fields_of_parts() -> None:
    event: dict[str, Any] = {"source": {"path": "song.mp3"}, "options": {"qualty": "fast"}}
    with pytest.raises(ValidationError, match="qualty"):
        _validator("song-submitted", "closed").validate(event)
