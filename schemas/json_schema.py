"""JSON Schemas (2020-12) of events and of the reason codes: the part of the contract with other systems about values.

A schema is open, as the models are: a consumer ignores fields that it does not know. Its `closed` form refuses them;
whoever produces events finds misspelled fields with it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from schemas.base import Model
from schemas.reasons import REASONS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAMES = r"`\w+`(?:, `\w+`)*"
_FIELD_SENTENCE = re.compile(rf"(?:^|(?<=[.;] ))(Default )?({_NAMES}): (.+?)(?=[.;](?: |$))")


def event_schema(name: str, payload: type[Model]) -> dict[str, Any]:
    """Return the schema of the event on the topic with this short name."""
    schema = payload.model_json_schema(schema_generator=_Generator)
    return {"$schema": DIALECT, "$id": f"urn:bachata:event:{name}:v1"} | schema


def reasons_schema() -> dict[str, Any]:
    """Return the schema of the reason codes of this version."""
    return {
        "$schema": DIALECT,
        "$id": "urn:bachata:reasons:v1",
        "title": "Reason",
        "description": "The reason codes of this version. Codes are added, never renamed or removed. Accept others.",
        "type": "string",
        "enum": list(REASONS),
        "x-enum-descriptions": dict(REASONS),
    }


def closed(schema: Any) -> Any:
    """Return a schema that refuses unknown fields, and otherwise accepts what the schema does."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    if schema.get("type") == "object" and "properties" in schema:
        parts["additionalProperties"] = False
    return parts


class _Generator(GenerateJsonSchema):
    """Adds the descriptions of fields that a docstring has, and leaves out titles that only repeat a field's name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        generated = super().model_schema(schema)
        generated["description"] = _on_one_line(generated["description"])
        properties = generated.get("properties", {})
        for name, text in _field_descriptions(schema["cls"]):
            if name in properties:
                properties[name].setdefault("description", text)
        return generated

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        generated = super().dict_schema(schema)
        if "patternProperties" in generated:  # the model refuses all other keys
            generated["additionalProperties"] = False
        return generated


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


def _field_descriptions(model: type[BaseModel]) -> Iterator[tuple[str, str]]:
    """Yield the fields that a model's docstring, or that of a base, describes in the form "`name`: a description."."""
    for base in model.__mro__:
        for default, names, text in _FIELD_SENTENCE.findall(_on_one_line(inspect.getdoc(base) or "")):
            description = f"Default: {text}." if default else f"{text[0].upper()}{text[1:]}."
            yield from ((name, description) for name in re.findall(r"\w+", names))
