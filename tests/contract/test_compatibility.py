"""Each version of the contract reads the events of every version before it; old readers read the new results."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from streams.contract import documents, is_sent_by_others
from streams.topics import TOPICS
from tests.contract.compatibility import removed_fields, unreadable_changes
from tests.contract.contract_files import VERSIONS, read

_FOLDERS = sorted(VERSIONS.iterdir(), key=lambda folder: int(folder.name))
_STORED = [file for folder in _FOLDERS for file in sorted(folder.glob("*.json")) if file.stem != "reasons"]
_RESULTS = {topic.name for topic in TOPICS if not is_sent_by_others(topic) and not topic.between_steps}
Change = Callable[[dict[str, Any]], object]


def _name(file: Path) -> str:
    return f"{file.parent.name}-{file.stem}"


def _newer(file: Path) -> list[tuple[str, Any]]:
    """Return name and schema of the same event in all later versions, and now."""
    later = [folder / file.name for folder in _FOLDERS if int(folder.name) > int(file.parent.name)]
    return [(_name(other), read(other)) for other in later] + [("now", documents()[f"events/{file.name}"])]


@pytest.mark.parametrize("file", _STORED, ids=_name)
def test_events_of_a_version_are_read_by_all_later_ones(file: Path) -> None:
    for name, schema in _newer(file):
        assert (name, unreadable_changes(read(file), schema)) == (name, [])


@pytest.mark.parametrize("file", _STORED, ids=_name)
def test_no_field_of_a_version_is_removed_later(file: Path) -> None:
    for name, schema in _newer(file):
        assert (name, removed_fields(read(file), schema)) == (name, [])


@pytest.mark.parametrize("file", [file for file in _STORED if file.stem in _RESULTS], ids=_name)
def test_results_are_read_by_systems_that_know_only_an_older_version(file: Path) -> None:
    for name, schema in _newer(file):
        assert (name, unreadable_changes(schema, read(file))) == (name, [])


@pytest.mark.parametrize("folder", _FOLDERS, ids=lambda folder: folder.name)
def test_no_reason_code_is_removed(folder: Path) -> None:
    assert {*read(folder / "reasons.json")["enum"]} <= {*documents()["reasons.json"]["enum"]}


def test_each_topic_of_a_version_exists_and_each_topic_is_in_the_newest_version() -> None:
    topics = {topic.name for topic in TOPICS}
    assert {file.stem for file in _STORED} <= topics
    assert {file.stem for file in _STORED if file.parent == _FOLDERS[-1]} == topics


_SCHEMA: dict[str, Any] = {
    "$defs": {"Part": {"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]}},
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "maxLength": 9, "pattern": "^[a-z]+$"},
        "number": {"type": "number", "minimum": 0, "maximum": 9, "default": 1},
        "above": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 9},
        "kind": {"enum": ["a", "b"], "type": "string", "default": "a"},
        "maybe": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
        "list": {"type": "array", "items": {"$ref": "#/$defs/Part"}, "minItems": 1, "maxItems": 9},
        "triple": {"type": "array", "prefixItems": [{"type": "number"}] * 3, "minItems": 3, "maxItems": 3},
        "part": {"$ref": "#/$defs/Part"},
        "map": {"type": "object", "additionalProperties": {"type": "number"}, "propertyNames": {"maxLength": 9}},
        "files": {"type": "object", "patternProperties": {"^a": {"type": "number"}}, "additionalProperties": False},
        "source": {
            "type": "object",
            "properties": {"path": {"type": "string"}, "sha256": {"type": "string"}},
            "oneOf": [{"required": ["path"]}, {"required": ["sha256"]}],
        },
        "options": {"type": "object", "properties": {"seed": {"type": "integer"}}, "default": {"seed": 0}},
    },
    "required": ["name"],
}


def _set(path: str, value: Any) -> Change:
    """Return the change that sets the value at a path of the schema's properties, such as `name.maxLength`."""

    def change(schema: dict[str, Any]) -> None:
        *parents, last = path.split(".")
        part = schema["properties"]
        for name in parents:
            part = part[int(name)] if isinstance(part, list) else part[name]
        part[int(last) if isinstance(part, list) else last] = value

    return change


def _part(name: str, value: Any) -> Change:
    return lambda schema: schema["$defs"]["Part"].update({name: value})


_INCOMPATIBLE: list[tuple[Change, str]] = [
    (lambda schema: schema["required"].append("number"), "number: is required"),
    (_part("required", ["size", "added"]), "added: is required"),
    (_set("name.type", "integer"), "name: type string -> integer"),
    (_set("number.type", "integer"), "number: type number -> integer"),
    (_set("name.minLength", 2), "name: minLength 1 -> 2"),
    (_set("name.maxLength", 8), "name: maxLength 9 -> 8"),
    (_set("name.pattern", "^[b-z]+$"), "name: pattern"),
    (_set("maybe.anyOf.0.maxLength", 5), "maybe: maxLength None -> 5"),
    (_set("number.minimum", 1), "number: minimum 0 -> 1"),
    (_set("number.exclusiveMinimum", 0), "number: minimum 0 -> 0"),
    (_set("number.maximum", 8), "number: maximum 9 -> 8"),
    (_set("above.exclusiveMinimum", 1), "above: minimum 0 -> 1"),
    (_set("above.exclusiveMaximum", 8), "above: maximum 9 -> 8"),
    (_set("number.multipleOf", 2), "number: multipleOf"),
    (_set("number.default", 2), "number: default 1 -> 2"),
    (_set("kind.enum", ["a"]), "kind: value 'b' is refused"),
    (_set("kind", {"const": "a"}), "kind: value 'b' is refused"),
    (_set("name.enum", ["a"]), "name: enum is new"),
    (_set("maybe", {"type": "string"}), "maybe: type null -> string"),
    (_set("maybe.anyOf", [{"type": "null"}]), "maybe: type string -> null"),
    (_set("list.minItems", 2), "list: minItems 1 -> 2"),
    (_set("list.maxItems", 8), "list: maxItems 9 -> 8"),
    (_set("list.uniqueItems", True), "list: uniqueItems"),
    (_set("list.items", {"type": "string"}), "list[]: type object -> string"),
    (_set("triple.prefixItems", [{"type": "number"}] * 2), "triple: prefixItems 3 -> 2"),
    (_set("triple.prefixItems.0", {"type": "string"}), "triple[0]: type number -> string"),
    (_part("properties", {"size": {"type": "string"}}), "part.size: type integer -> string"),
    (_set("map.additionalProperties", {"type": "integer"}), "map[]: type number -> integer"),
    (_set("map.propertyNames", {"maxLength": 8}), "map[name]: maxLength 9 -> 8"),
    (_set("map.maxProperties", 5), "map: maxProperties None -> 5"),
    (_set("map.minProperties", 1), "map: minProperties 0 -> 1"),
    (_set("files.patternProperties", {"^b": {"type": "number"}}), "files: names like ^a are refused"),
    (lambda schema: schema.update(additionalProperties=False), "event: is closed"),
    (_set("source.oneOf", [{"required": ["path"]}]), "source.path: is required"),
    (_set("options.default", {"seed": 1}), "options: default"),
]
_COMPATIBLE: list[Change] = [
    _set("added", {"type": "string"}),
    _set("name.maxLength", 10),
    _set("name.minLength", 0),
    _set("name.description", "a name"),
    _set("number.type", ["number", "string"]),
    _set("number.minimum", -1),
    _set("above.type", "number"),
    _set("kind.enum", ["a", "b", "c"]),
    _set("kind", {"type": "string"}),
    _set("name", {"anyOf": [{"type": "null"}, {"type": "string"}]}),
    _set("source.oneOf", [{"required": ["path"]}, {"required": ["sha256"]}, {"required": ["url"]}]),
    _set("options.default", {"seed": 0, "added": 1}),
    _part("properties", {"size": {"type": "integer"}, "added": {"type": "string"}}),
    lambda schema: schema["required"].clear(),
]


def _changed(change: Change) -> dict[str, Any]:
    schema = deepcopy(_SCHEMA)
    change(schema)
    return schema


@pytest.mark.parametrize(("change", "problem"), _INCOMPATIBLE, ids=lambda value: value)
def test_each_kind_of_incompatible_change_is_found(change: Change, problem: str) -> None:
    assert any(problem in line for line in unreadable_changes(_SCHEMA, _changed(change)))


@pytest.mark.parametrize("change", _COMPATIBLE)
def test_a_compatible_change_is_accepted(change: Change) -> None:
    assert unreadable_changes(_SCHEMA, _changed(change)) == []
    assert removed_fields(_SCHEMA, _changed(change)) == []


def test_a_schema_is_compatible_with_itself() -> None:
    assert unreadable_changes(_SCHEMA, _SCHEMA) == []


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda schema: schema["properties"].pop("number"), "event.number"),
        (_part("properties", {}), "event.list[].size"),
        (_part("properties", {}), "event.part.size"),
    ],
)
def test_a_removed_field_is_found(change: Change, field: str) -> None:
    assert f"{field}: removed" in removed_fields(_SCHEMA, _changed(change))


def test_an_unknown_keyword_is_refused() -> None:
    with pytest.raises(ValueError, match="dependentRequired"):
        unreadable_changes(_SCHEMA, _changed(_set("name.dependentRequired", {})))
