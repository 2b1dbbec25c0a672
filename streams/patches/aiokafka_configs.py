"""The request that changes single values of a topic's configuration.

Upstream: aiokafka 0.14.0. Its `alter_configs` replaces the whole configuration of a topic, so values that an operator
set would be lost. Remove this module when aiokafka has Kafka's IncrementalAlterConfigs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Array, Boolean, Int8, Int16, Int32, Schema, String

UPSTREAM = ("aiokafka", "0.14.0")
_TOPIC = 2
_SET = 0


class _ResponseV0(Response):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "resources",
            Array(
                ("error_code", Int16),
                ("error_message", String("utf-8")),
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
            ),
        ),
    )


class _RequestV0(RequestStruct):  # type: ignore[misc]
    API_KEY = 44
    API_VERSION = 0
    RESPONSE_TYPE = _ResponseV0
    SCHEMA = Schema(
        (
            "resources",
            Array(
                ("resource_type", Int8),
                ("resource_name", String("utf-8")),
                ("configs", Array(("name", String("utf-8")), ("operation", Int8), ("value", String("utf-8")))),
            ),
        ),
        ("validate_only", Boolean),
    )


class SetTopicConfigs(Request[_RequestV0]):  # type: ignore[misc]
    """The request that sets some values of topics, by topic and key, and leaves all others."""

    API_KEY = 44

    def __init__(self, configs: Mapping[str, Mapping[str, str]]) -> None:
        self._resources = [
            (_TOPIC, topic, [(key, _SET, value) for key, value in values.items()]) for topic, values in configs.items()
        ]

    def build(self, request_struct_class: Any) -> Any:
        """Return the request in the version that the broker supports."""
        return request_struct_class(self._resources, False)
