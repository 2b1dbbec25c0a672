"""Kafka's request AlterUserScramCredentials, which aiokafka does not have.

Source: clients/src/main/resources/common/message/AlterUserScramCredentialsRequest.json of Kafka.
"""

from __future__ import annotations

from typing import Any

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import CompactArray, CompactBytes, CompactString, Int8, Int16, Int32, Schema, TaggedFields


class _Response(Response):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "results",
            CompactArray(
                ("user", CompactString("utf-8")),
                ("error_code", Int16),
                ("error_message", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class _Struct(RequestStruct):  # type: ignore[misc]
    API_KEY = 51
    API_VERSION = 0
    RESPONSE_TYPE = _Response
    FLEXIBLE_VERSION = True
    SCHEMA = Schema(
        (
            "deletions",
            CompactArray(("name", CompactString("utf-8")), ("mechanism", Int8), ("tags", TaggedFields)),
        ),
        (
            "upsertions",
            CompactArray(
                ("name", CompactString("utf-8")),
                ("mechanism", Int8),
                ("iterations", Int32),
                ("salt", CompactBytes),
                ("salted_password", CompactBytes),
                ("tags", TaggedFields),
            ),
        ),
        ("tags", TaggedFields),
    )


class AlterUserScramCredentials(Request[_Struct]):  # type: ignore[misc]
    """The request to store the salted password of one user."""

    API_KEY = 51

    def __init__(self, user: str, mechanism: int, iterations: int, salt: bytes, salted_password: bytes) -> None:
        self._upsertion: tuple[Any, ...] = (user, mechanism, iterations, salt, salted_password, {})

    def build(self, request_struct_class: type[_Struct]) -> _Struct:
        """Return the request as aiokafka sends it."""
        return request_struct_class([], [self._upsertion], {})
