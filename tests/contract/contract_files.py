"""The files of the contract, and the examples of events that are checked with them."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.paths import PROJECT

CONTRACT = PROJECT / "docs" / "contract"
VERSIONS = Path(__file__).with_name("versions")
_RECORDED, _EXAMPLES = Path(__file__).with_name("v1"), Path(__file__).with_name("examples")


@dataclass(frozen=True)
class Example:
    """An example of an event on a topic.

    `keyword`: of an invalid one the keyword of JSON Schema that refuses it, None if its schema cannot express the rule.
    `model`: part of the error of the pydantic model.
    """

    topic: str
    name: str
    event: Any
    keyword: str | None = None
    model: str = ""

    def __str__(self) -> str:
        return f"{self.topic}: {self.name}"


def read(file: Path) -> Any:
    """Return the JSON of a file."""
    return json.loads(file.read_text())


def recorded(topic: str) -> Any:
    """Return the event of version 1 that is recorded of a topic."""
    return read(_RECORDED / f"{topic}.json")


def topics_with_examples() -> set[str]:
    """Return the short names of the topics with examples."""
    return {file.stem for file in _EXAMPLES.glob("*.json")}


def examples(kind: str) -> list[Example]:
    """Return all `valid` or `invalid` examples: whole events, or what is changed or removed in the recorded one."""
    return [
        Example(file.stem, entry["name"], _event(file.stem, entry), entry.get("keyword"), entry.get("model", ""))
        for file in sorted(_EXAMPLES.glob("*.json"))
        for entry in read(file)[kind]
    ]


def _event(topic: str, entry: dict[str, Any]) -> Any:
    if "event" in entry:
        return entry["event"]
    event = deepcopy(recorded(topic))
    for path, value in entry.get("changes", {}).items():
        part, name = _place(event, path)
        part[name] = value
    for path in entry.get("removed", ()):
        part, name = _place(event, path)
        del part[name]
    return event


def _place(event: Any, path: str) -> tuple[Any, Any]:
    """Return the part of an event that has the value at a path such as `options.seed`, and its name or index there."""
    *parents, last = path.split(".")
    for name in parents:
        event = event[int(name) if isinstance(event, list) else name]
    return event, int(last) if isinstance(event, list) else last
