"""CloudEvents in structured mode: the value of a record is a JSON object with the attributes and the data."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from schemas.faults import Poison

_ANY_FORMAT = b"application/cloudevents"
_JSON_FORMAT = "application/cloudevents+json"
_CHARSETS = frozenset({None, "utf-8", "us-ascii"})
_DATA = frozenset({"data", "data_base64"})
_TEXTS = frozenset({"specversion", "id", "source", "type", "subject", "time", "dataschema", "datacontenttype"})
MAX_HEADER_BYTES = 512  # that are read or carried of a header
_LIMITED = frozenset({"id", "source", "type"})
UNPREFIXED = ("traceparent", "tracestate")  # W3C Trace Context: these headers have no `ce_`
# Of the JSON of an event, which takes seconds to parse if it has a million. The longest song has half as many.
_MAX_KEYS, _MAX_CONTAINERS = 250_000, 150_000


@dataclass(frozen=True)
class StructuredEvent:
    """An event in structured mode. `attributes`: by the names that they have as headers of binary mode.

    None of them is required; one that is there is checked.

    `data`: JSON. `fault`: what is wrong with the event, in which case `data` is empty and attributes may be missing.
    """

    attributes: dict[str, bytes] = field(default_factory=dict)
    data: bytes = b""
    fault: Poison | None = None

    def data_for(self, topic: str) -> bytes:
        """Return the data of an event on a topic. Raises: `Poison` (`invalid_event`) if its `type` is another."""
        if self.fault is not None:
            raise self.fault
        type_ = self.attributes.get("ce_type", topic.encode())
        if type_ != topic.encode():
            raise _malformed(f"its 'type' is '{type_.decode()[:100]}', and that of this topic is '{topic}'")
        return self.data


def is_structured(content_type: bytes) -> bool:
    """Return whether a record with this content type has a whole CloudEvent as its value, in whatever format."""
    return content_type.strip()[: len(_ANY_FORMAT)].lower() == _ANY_FORMAT


def read_structured(content_type: bytes, value: bytes) -> StructuredEvent:
    """Return the event in a value of structured mode; attributes without a value are left out."""
    try:
        _check_format(content_type)
        event = _parsed(value)
    except Poison as fault:
        return StructuredEvent(fault=fault)
    found = {name: content for name, content in event.items() if content is not None}
    attributes = {name: text for name in found.keys() - _DATA if (text := _as_text(found[name])) is not None}
    headers = {_header_name(name): text for name, text in attributes.items()}
    try:
        _check_attributes(found, attributes)
        return StructuredEvent(headers, _data_of(found))
    except Poison as fault:
        return StructuredEvent(headers, fault=fault)


def check_parts(value: bytes) -> None:
    """Check that JSON has few enough parts to be parsed. Raises: `Poison` (`invalid_event`)."""
    if value.count(b":") > _MAX_KEYS or value.count(b"[") + value.count(b"{") > _MAX_CONTAINERS:
        raise Poison("not a valid event: its JSON has too many parts", reason="invalid_event")


def _malformed(cause: str) -> Poison:
    return Poison(f"not a structured CloudEvent: {cause}", reason="invalid_event")


def _check_format(content_type: bytes) -> None:
    parsed = Message()
    parsed["content-type"] = content_type.decode("latin-1").replace("\r", " ").replace("\n", " ")
    if parsed.get_content_type() != _JSON_FORMAT:
        raise _malformed(f"of the formats, only {_JSON_FORMAT} is accepted, one event in each record")
    if parsed.get_content_charset() not in _CHARSETS:
        raise _malformed("its charset is not UTF-8")


def _parsed(value: bytes) -> dict[str, Any]:
    check_parts(value)
    try:
        event = json.loads(value.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _malformed("its value is not JSON in UTF-8") from error
    if not isinstance(event, dict):
        raise _malformed("its value is not a JSON object")
    return event


def _as_text(content: Any) -> bytes | None:
    """Return an attribute as it is written in a header, or None for a value that no attribute has."""
    if isinstance(content, bool):
        return b"true" if content else b"false"
    return str(content).encode("utf-8", "replace") if isinstance(content, (str, int)) else None


def _header_name(name: str) -> str:
    return name if name in UNPREFIXED else f"ce_{name}"


def _check_attributes(found: dict[str, Any], attributes: dict[str, bytes]) -> None:
    wrong = {name for name in found.keys() - _DATA if name not in attributes}
    wrong |= {name for name in found.keys() & _TEXTS if not isinstance(found[name], str) or not found[name]}
    wrong |= {name for name in attributes.keys() & _LIMITED if len(attributes[name]) > MAX_HEADER_BYTES}
    if wrong:
        raise _malformed(f"'{min(wrong)[:100]}' has a value that this attribute cannot have")
    if found.get("specversion", "1.0") != "1.0":
        raise _malformed("its 'specversion' is not 1.0")


def _data_of(found: dict[str, Any]) -> bytes:
    if len(found.keys() & _DATA) != 1:
        raise _malformed("it needs either 'data' or 'data_base64'")
    try:
        if "data" in found:
            return json.dumps(found["data"]).encode()
        data = base64.b64decode(found["data_base64"], validate=True)
    except (ValueError, TypeError, RecursionError) as error:
        raise _malformed("its data cannot be read") from error
    check_parts(data)
    return data
