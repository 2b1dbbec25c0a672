"""Find the changes of a JSON Schema for which a reader of one version would refuse or misread events of another.

Schemas are open and readers ignore unknown fields, so a new optional field is compatible: its name was not used before.
Of alternatives (`anyOf`, `oneOf`) each must be accepted by one of the reader's.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator

Schema = dict[str, Any]
_ANNOTATIONS = frozenset({"$id", "$schema", "$defs", "title", "description", "default", "x-enum-descriptions"})
_EXACT = ("pattern", "format", "multipleOf", "uniqueItems")
_LEAST, _MOST = ("minLength", "minItems", "minProperties"), ("maxLength", "maxItems", "maxProperties")
_BOUNDS = frozenset({"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"})
_PARTS = frozenset(
    {"properties", "required", "additionalProperties", "patternProperties", "propertyNames", "items", "prefixItems"}
)
_OTHERS = frozenset({"$ref", "type", "enum", "const", "anyOf", "oneOf"})
_KNOWN = _ANNOTATIONS | _BOUNDS | _PARTS | _OTHERS | {*_EXACT, *_LEAST, *_MOST}


def unreadable_changes(written: Schema, read: Schema) -> list[str]:
    """Return why a reader with the schema `read` may refuse or misread events of the schema `written`, a line for each.

    Raises: `ValueError` for a keyword that this module does not know.
    """
    return list(_Comparison(written, read).problems(written, read, "event"))


def removed_fields(old: Schema, new: Schema) -> list[str]:
    """Return the fields that are not there any more, a line for each; readers of the old version use them."""
    return [f"{path}: removed" for path in sorted(_fields(old, old, "event") - _fields(new, new, "event"))]


def _resolved(schema: Schema | bool, root: Schema) -> Schema:
    """Return a schema without a reference at its top; True, which accepts everything, is an empty one."""
    if isinstance(schema, bool):
        return {}
    found: Schema = root["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else {}
    found = found | {name: value for name, value in schema.items() if name != "$ref"}
    if unknown := found.keys() - _KNOWN:
        raise ValueError(f"the compatibility of {sorted(unknown)} is not known")
    return found


def _alternatives(schema: Schema) -> list[Schema] | None:
    found: list[Schema] | None = schema.get("anyOf") or schema.get("oneOf")
    return found


def _fields(schema: Schema | bool, root: Schema, path: str) -> set[str]:
    schema = _resolved(schema, root)
    found = {f"{path}.{name}" for name in schema.get("properties", {})}
    parts = [(f"{path}.{name}", part) for name, part in schema.get("properties", {}).items()]
    parts += [(f"{path}[]", part) for part in (schema.get("items"), *schema.get("patternProperties", {}).values())]
    parts += [(path, part) for part in _alternatives(schema) or ()]
    return found.union(*(_fields(part, root, place) for place, part in parts if isinstance(part, dict)))


@dataclass(frozen=True)
class _Comparison:
    """Compares schemas of a writer and a reader. Each method yields problems, as lines that begin with the place."""

    written_root: Schema
    read_root: Schema

    def problems(self, written: Schema | bool, read: Schema | bool, path: str) -> Iterator[str]:
        written, read = _resolved(written, self.written_root), _resolved(read, self.read_root)
        if "default" in written and "default" in read and _differs(written["default"], read["default"]):
            yield f"{path}: default {written['default']} -> {read['default']}"
        if read.keys() <= _ANNOTATIONS:  # it accepts everything
            return
        ours, theirs = _alternatives(written), _alternatives(read)
        if ours is None and theirs is None:
            yield from self._without_alternatives(written, read, path)
        elif "type" in written and "type" in read and {"properties"} <= written.keys() & read.keys():
            yield from self._without_alternatives(written, read, path)
            yield from self._of_alternatives(ours or [{}], theirs or [{}], path)
        else:
            yield from self._of_alternatives(ours or [written], theirs or [read], path)

    def _of_alternatives(self, ours: list[Schema], theirs: list[Schema], path: str) -> Iterator[str]:
        for alternative in ours:
            found = [list(self.problems(alternative, other, path)) for other in theirs]
            yield from min(found, key=lambda problems: (len(problems), any(": type " in line for line in problems)))

    def _without_alternatives(self, written: Schema, read: Schema, path: str) -> Iterator[str]:
        values = written["enum"] if "enum" in written else [written["const"]] if "const" in written else None
        if values is not None:
            yield from self._of_values(values, read, path)
            return
        yield from (f"{path}: {name} is new" for name in ("enum", "const") if name in read)
        if not _types(written) <= _types(read):
            yield f"{path}: type {written.get('type', 'any')} -> {read.get('type', 'any')}"
            return
        yield from _limits(written, read, path)
        yield from self._of_fields(written, read, path)
        yield from self._of_items(written, read, path)

    def _of_values(self, values: list[Any], read: Schema, path: str) -> Iterator[str]:
        reader = Draft202012Validator({**read, "$defs": self.read_root.get("$defs", {})})
        yield from (f"{path}: value {value!r} is refused" for value in values if not reader.is_valid(value))

    def _of_fields(self, written: Schema, read: Schema, path: str) -> Iterator[str]:
        for name in sorted({*read.get("required", ())} - {*written.get("required", ())}):
            yield f"{path}.{name}: is required"
        fields, known = written.get("properties", {}), read.get("properties", {})
        for name in fields.keys() & known.keys():
            yield from self.problems(fields[name], known[name], f"{path}.{name}")
        patterns, known = written.get("patternProperties", {}), read.get("patternProperties", {})
        for pattern in patterns:
            if pattern in known:
                yield from self.problems(patterns[pattern], known[pattern], f"{path}[]")
            elif read.get("additionalProperties", True) is False:
                yield f"{path}: names like {pattern} are refused"
        rest, known_rest = (schema.get("additionalProperties", True) for schema in (written, read))
        if rest is not False and known_rest is False:
            yield f"{path}: is closed"
        elif rest is not False:
            yield from self.problems(rest, known_rest, f"{path}[]")
        names, known_names = (schema.get("propertyNames", True) for schema in (written, read))
        yield from self.problems(names, known_names, f"{path}[name]")

    def _of_items(self, written: Schema, read: Schema, path: str) -> Iterator[str]:
        first, known_first = written.get("prefixItems", []), read.get("prefixItems", [])
        if len(first) != len(known_first):
            yield f"{path}: prefixItems {len(first)} -> {len(known_first)}"
            return
        for index, (item, known) in enumerate(zip(first, known_first, strict=True)):
            yield from self.problems(item, known, f"{path}[{index}]")
        if "items" in read:
            yield from self.problems(written.get("items", True), read["items"], f"{path}[]")


def _differs(old: Any, new: Any) -> bool:
    """Return whether a default has changed; new optional fields within it are no change."""
    if isinstance(old, dict) and isinstance(new, dict):
        return any(name not in new or _differs(value, new[name]) for name, value in old.items())
    return bool(old != new)


def _types(schema: Schema) -> set[str]:
    all_types = {"null", "boolean", "object", "array", "number", "integer", "string"}
    named = schema.get("type", sorted(all_types))
    types = {named} if isinstance(named, str) else set(named)
    return types | ({"integer"} if "number" in types else set())


def _limits(written: Schema, read: Schema, path: str) -> Iterator[str]:
    for name in _EXACT:
        if name in read and written.get(name) != read[name]:
            yield f"{path}: {name} {written.get(name)} -> {read[name]}"
    for name in _LEAST:
        if read.get(name, 0) > written.get(name, 0):
            yield f"{path}: {name} {written.get(name, 0)} -> {read[name]}"
    for name in _MOST:
        if read.get(name, math.inf) < written.get(name, math.inf):
            yield f"{path}: {name} {written.get(name)} -> {read[name]}"
    if _lowest(read) > _lowest(written):
        yield f"{path}: minimum {_lowest(written)[0]} -> {_lowest(read)[0]}"
    if _lowest(read, -1) > _lowest(written, -1):
        yield f"{path}: maximum {-_lowest(written, -1)[0]} -> {-_lowest(read, -1)[0]}"


def _lowest(schema: Schema, sign: int = 1) -> tuple[float, bool]:
    """Return the lowest number, and whether it is excluded itself; with sign -1 the negative of the highest."""
    name, excluding = ("minimum", "exclusiveMinimum") if sign == 1 else ("maximum", "exclusiveMaximum")
    bounds = [(sign * schema[key], key == excluding) for key in (name, excluding) if key in schema]
    return max(bounds, default=(-math.inf, False))
