"""Stored results of steps: a result as JSON, with the step, its version, the subject and the time of creation.

The key begins with step and version, so that all results of a step can be listed and old versions removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic, Protocol, TypeVar

from pydantic import BaseModel, ValidationError

from agents.step import Step
from schemas.base import Model
from streams.envelope import utc_now
from streams.ids import digest

R = TypeVar("R", bound=Model)


class Results(Protocol):
    """A store of results, by partition and key."""

    def get(self, partition: int, key: str) -> str | None:
        """Return the JSON stored under the key, or None."""

    async def put(self, partition: int, results: Mapping[str, str]) -> None:
        """Return when the results are stored durably."""


class StoredResult(BaseModel, Generic[R]):
    """The value stored under a key. `subject`: the sha256 of the song or clip; `made_at`: UTC.

    `made_for`: the id of the request that wanted no stored result, None for any other.
    """

    step: str
    version: str
    subject: str
    made_at: datetime
    made_for: str | None = None
    result: R


def result_key(step: Step[Any, Any, Any, Any], work_input: Model) -> str:
    """Return the key of a step's result for an input: the same for the same step version and input."""
    return f"{step.name}:{step.version}:{digest(work_input.model_dump_json())}"


def to_stored(step: Step[Any, Any, Any, Any], subject: str, result: str, made_for: str | None = None) -> str:
    """Return the JSON to store for a result, which is JSON itself. `made_for`: see `StoredResult`."""
    metadata = f'"subject":{json.dumps(subject)},"made_at":"{utc_now()}"'
    if made_for is not None:
        metadata += f',"made_for":{json.dumps(made_for)}'
    return f'{{{_step_and_version(step.name, step.version)},{metadata},"result":{result}}}'


@lru_cache(maxsize=64)
def _step_and_version(step: str, version: str) -> str:
    return f'"step":{json.dumps(step)},"version":{json.dumps(version)}'


def from_stored(step: Step[Any, Any, Any, Any], stored: str | None, only_for: str | None = None) -> Model | None:
    """Return the stored result, or None if there is none or the current version of the step cannot read it.

    `only_for`: the id of a request that uses no result but those made for it: its own, when its event is delivered
    again.
    """
    if stored is None:
        return None
    try:
        result: type[Model] = step.result
        found = _stored_model(result).model_validate_json(stored)
    except ValidationError:
        return None
    return found.result if only_for in {None, found.made_for} else None


@lru_cache(maxsize=64)
def _stored_model(result: type[Model]) -> type[StoredResult[Model]]:
    return StoredResult[result]  # type: ignore[valid-type]
