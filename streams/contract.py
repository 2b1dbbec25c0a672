"""The contract with other systems, as files in `docs/contract`: an AsyncAPI document and JSON Schemas.

python -m streams.contract      writes them, from the topic table, the steps and the models

asyncapi.json     the topics, their keys, headers and configuration, and who reads and writes them
events/*.json     the JSON Schema of each event
closed/*.json     the same without unknown fields, for the events that other systems send
reasons.json      the reason codes
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

from infra.kafka_jars import kafka_version
from schemas.json_schema import closed, event_schema, reasons_schema
from streams.steps import STEPS
from streams.topics import APP_ID, PARTITIONS, PROGRESS, REQUEST_ENDED, TOPICS, Key, Topic, TopicSpec, specs

_FOLDER = Path(__file__).resolve().parent.parent / "docs" / "contract"
_TEXT = {"type": "string", "minLength": 1, "maxLength": 512}
_ID = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
_KEYS: dict[Key, dict[str, Any]] = {
    "any": {"description": "Anything, or none. Use the same key for the same file: its stored results are found."},
    "file": {"type": "string", "pattern": "^[0-9a-f]{64}$", "description": "The SHA-256 of the song or clip, as hex."},
    "request": {"type": "string", "pattern": f"{_ID}$", "description": "The request id."},
}
_HEADERS: dict[str, dict[str, Any]] = {
    "content-type": {
        **_TEXT,
        "description": "`application/json`; `application/cloudevents+json` for a whole CloudEvent as the value.",
    },
    "ce_specversion": {"const": "1.0", "description": "The version of CloudEvents."},
    "ce_id": {**_TEXT, "description": "The id of the event: an event that is delivered twice has the same."},
    "ce_source": {**_TEXT, "description": "The sender, as a URI reference."},
    "ce_type": {**_TEXT, "description": "The name of the topic."},
    "ce_time": {**_TEXT, "format": "date-time", "description": "When the event was made."},
    "ce_correlationid": {**_TEXT, "description": "The request id."},
    "ce_causationid": {**_TEXT, "description": "The id of the event that led to this one."},
    "ce_stepversion": {**_TEXT, "description": "The version of the step that made the event."},
    "ce_priority": {**_TEXT, "description": "The priority of the request; without it, that in the payload."},
    "ce_replayof": {**_TEXT, "description": "The id of the original event, if a replay led to this one."},
    "traceparent": {**_TEXT, "description": "W3C Trace Context."},
    "tracestate": {**_TEXT, "description": "W3C Trace Context."},
}
_DEAD_LETTER_HEADERS = {
    "__connect.errors.topic": "The topic of the event.",
    "__connect.errors.partition": "The partition of the event.",
    "__connect.errors.offset": "The offset of the event.",
    "__connect.errors.connector.name": "The step that failed.",
    "__connect.errors.exception.message": "What is wrong, as one line for a person.",
    "bachata.dead-letter-id": "The id of the dead letter.",
    "bachata.reason": "The reason code.",
    "bachata.attempts": "How often the step was tried.",
    "bachata.failed-at": "When it failed.",
}
_DESCRIPTION = (
    "Songs and clips are submitted as events; each request ends with exactly one event on request-ended. Events are"
    " CloudEvents in Kafka's binary mode. Structured mode is accepted too, where a `type` must be the topic's name, and"
    " so is an event without any header."
    " A consumer must ignore fields, reason codes and headers that it does not know, and may receive an event twice,"
    " with the same ce_id. Operations are those of Bachata Streams: it receives what other systems send."
    " The schemas are JSON Schema 2020-12."
)


def asyncapi() -> dict[str, Any]:
    """Return the AsyncAPI document."""
    return {
        "asyncapi": "3.1.0",
        "id": "urn:bachata:streams",
        "info": {
            "title": "Bachata Streams",
            "version": version("bachata-streams"),
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
            "tags": [{"name": name, "description": text} for name, text in _TAGS.items()],
        },
        "defaultContentType": "application/json",
        "servers": _servers(),
        "channels": {name: channel for topic in TOPICS for name, channel in _channels(topic).items()},
        "operations": {name: operation for topic in TOPICS for name, operation in _operations(topic).items()},
        "components": _components(),
    }


_TAGS = {
    "requests": "Other systems send these events.",
    "results": "Other systems receive these events.",
    "steps": "These events lead from a step to the next; other systems may read them.",
    "dead letters": "Events that failed permanently.",
}


def is_sent_by_others(topic: Topic) -> bool:
    """Return whether other systems send events to the topic."""
    return topic not in {PROGRESS, REQUEST_ENDED} and not any(step.produces is topic.payload for step in STEPS)


def _tag(topic: Topic) -> str:
    if topic.between_steps:
        return "steps"
    return "requests" if is_sent_by_others(topic) else "results"


def _servers() -> dict[str, Any]:
    kafka = {"protocolVersion": kafka_version(), "security": [_ref("securitySchemes", "scram")]}
    return {
        "local": {
            "host": "127.0.0.1:{port}",
            "protocol": "kafka",
            "description": "The Kafka of a data folder: `bachata kafka status --json` prints its address and login.",
            "variables": {"port": {"description": "It is chosen when Kafka starts the first time."}},
            **kafka,
        },
        "cluster": {
            "host": "{broker}:9092",
            "protocol": "kafka-secure",
            "description": "The Kafka that BACHATA_KAFKA names.",
            "variables": {"broker": {"description": "A broker of the cluster."}},
            "protocolVersion": kafka_version(),
            "security": [_ref("securitySchemes", name) for name in ("scram", "plain")],
        },
    }


def _channels(topic: Topic) -> dict[str, Any]:
    by_name = {spec.name: spec for spec in specs()}
    event = _channel(by_name[topic.full_name], topic.name, _tag(topic), _first_line(topic.payload))
    if not topic.dead_letters:
        return {topic.name: event}
    text = f"Dead letters of {topic.name}: the original key, value and headers, and headers that name the reason."
    return {
        topic.name: event,
        f"{topic.name}.dlq": _channel(by_name[topic.dead_letter_name], "dead-letter", "dead letters", text),
    }


def _channel(spec: TopicSpec, message: str, tag: str, description: str) -> dict[str, Any]:
    return {
        "address": spec.name,
        "description": description,
        "tags": [{"name": tag}],
        "messages": {message: _ref("messages", message)},
        "bindings": {
            "kafka": {
                "topic": spec.name,
                "partitions": PARTITIONS,
                "topicConfiguration": _topic_configuration(spec),
                "bindingVersion": "0.5.0",
            }
        },
    }


def _topic_configuration(spec: TopicSpec) -> dict[str, Any]:
    numbers = {name: int(value) for name, value in spec.config.items() if value.lstrip("-").isdecimal()}
    return {"cleanup.policy": [spec.config["cleanup.policy"]]} | {
        name: numbers[name]
        for name in ("retention.ms", "retention.bytes", "delete.retention.ms", "max.message.bytes")
        if name in numbers
    }


def _operations(topic: Topic) -> dict[str, Any]:
    operations = {}
    if is_sent_by_others(topic) or any(step.consumes is topic.payload for step in STEPS):
        operations[f"receive-{topic.name}"] = _operation("receive", topic.name, topic.name)
    if not is_sent_by_others(topic):
        operations[f"send-{topic.name}"] = _operation("send", topic.name, topic.name)
    if topic.dead_letters:
        operations[f"send-{topic.name}.dlq"] = _operation("send", f"{topic.name}.dlq", "dead-letter")
    return operations


def _operation(action: str, channel: str, message: str) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }
    if action == "receive":
        operation["bindings"] = {"kafka": {"groupId": {"type": "string", "const": APP_ID}, "bindingVersion": "0.5.0"}}
    return operation


def _components() -> dict[str, Any]:
    return {
        "messages": {topic.name: _message(topic) for topic in TOPICS} | {"dead-letter": _dead_letter()},
        "messageTraits": {"cloud-event": {"headers": _headers(_HEADERS)}},
        "schemas": {"Reason": {"$ref": "./reasons.json"}},
        "correlationIds": {
            "request": {"description": "The request id.", "location": "$message.header#/ce_correlationid"}
        },
        "securitySchemes": {
            "scram": {"type": "scramSha512", "description": "SASL, SCRAM-SHA-512 (or 256 on a cluster)."},
            "plain": {"type": "plain", "description": "SASL, PLAIN; with TLS only."},
        },
    }


def _message(topic: Topic) -> dict[str, Any]:
    return {
        "name": topic.full_name,
        "title": topic.payload.__name__,
        "summary": _first_line(topic.payload),
        "contentType": "application/json",
        "traits": [_ref("messageTraits", "cloud-event")],
        "correlationId": _ref("correlationIds", "request"),
        "payload": {"$ref": f"./events/{topic.name}.json"},
        "bindings": {"kafka": {"key": _KEYS[topic.key], "bindingVersion": "0.5.0"}},
    }


def _dead_letter() -> dict[str, Any]:
    described = {name: {**_TEXT, "maxLength": 1000, "description": text} for name, text in _DEAD_LETTER_HEADERS.items()}
    return {
        "name": "dead-letter",
        "title": "DeadLetter",
        "summary": "An event that failed permanently: its bytes as they were.",
        "headers": _headers(described),
        "payload": {"description": "The value of the event, which may be anything."},
        "bindings": {"kafka": {"key": {"description": "The key of the event."}, "bindingVersion": "0.5.0"}},
    }


def _headers(properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "description": "No header is required.", "properties": properties}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _first_line(payload: type) -> str:
    return (payload.__doc__ or "").splitlines()[0]


def documents() -> dict[str, Any]:
    """Return the content of each file, by its path in the folder of the contract."""
    schemas = {topic.name: event_schema(topic.name, topic.payload) for topic in TOPICS}
    sent = [topic.name for topic in TOPICS if is_sent_by_others(topic)]
    return {
        "asyncapi.json": asyncapi(),
        "reasons.json": reasons_schema(),
        **{f"events/{name}.json": schema for name, schema in schemas.items()},
        **{f"closed/{name}.json": _closed_schema(schemas[name]) for name in sent},
    }


def _closed_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {**closed(schema), "$id": f"{schema['$id']}:closed"}


def main() -> None:
    """Write the files."""
    for name, content in documents().items():
        file = _FOLDER / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
