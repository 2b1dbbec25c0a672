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
    """The value stored under a key. `subject`: the sha256 of the song or clip; `made_at`: UTC."""

    step: str
    version: str
    subject: str
    made_at: datetime
    result: R


def result_key(step: Step[Any, Any, Any, Any], work_input: Model) -> str:
    """Return the key of a step's result for an input: the same for the same step version and input."""
    return f"{step.name}:{step.version}:{digest(work_input.model_dump_json())}"


def to_stored(step: Step[Any, Any, Any, Any], subject: str, result: str) -> str:
    """Return the JSON to store for a result, which is JSON itself."""
    metadata = f'"subject":{json.dumps(subject)},"made_at":"{utc_now()}"'
    return f'{{{_step_and_version(step.name, step.version)},{metadata},"result":{result}}}'


@lru_cache(maxsize=64)
def _step_and_version(step: str, version: str) -> str:
    return f'"step":{json.dumps(step)},"version":{json.dumps(version)}'


def from_stored(step: Step[Any, Any, Any, Any], stored: str | None) -> Model | None:
    """Return the stored result, or None if there is none or the current version of the step cannot read it."""
    if stored is None:
        return None
    try:
        result: type[Model] = step.result
        return _stored_model(result).model_validate_json(stored).result
    except ValidationError:
        return None


@lru_cache(maxsize=64)
def _stored_model(result: type[Model]) -> type[StoredResult[Model]]:
    return StoredResult[result]  # type: ignore[valid-type]
