"""Stored results of steps: a result's JSON, with the step, its version, what the result is about and when it was made.

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
    """Where results are stored, by partition and key."""

    def get(self, partition: int, key: str) -> str | None:
        """Return what is stored under the key, or None."""

    async def put(self, partition: int, results: Mapping[str, str]) -> None:
        """Return when the results are stored for good."""


class StoredResult(BaseModel, Generic[R]):
    """What is stored under a key. `subject`: the sha256 of the song or clip; `made_at`: UTC."""

    step: str
    version: str
    subject: str
    made_at: datetime
    result: R


def result_key(step: Step[Any, Any, Any, Any], work_input: Model) -> str:
    """Return the key of a step's result for an input: the same for the same step version and input."""
    return f"{step.name}:{step.version}:{digest(work_input.model_dump_json())}"


def to_stored(step: Step[Any, Any, Any, Any], subject: str, result: str) -> str:
    """Return the JSON to store for a result, itself JSON."""
    about = f'"subject":{json.dumps(subject)},"made_at":"{utc_now()}"'
    return f'{{{_made_by(step.name, step.version)},{about},"result":{result}}}'


@lru_cache(maxsize=64)
def _made_by(step: str, version: str) -> str:
    return f'"step":{json.dumps(step)},"version":{json.dumps(version)}'


def from_stored(step: Step[Any, Any, Any, Any], stored: str | None) -> Model | None:
    """Return the stored result, or None where there is none that the step of today can read."""
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
