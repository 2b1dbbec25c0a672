"""The fake in memory does what the client for Kafka does."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.client import AnyClient, FakeClient, FakeService
from streams.client.scripted import ScriptedService
from tests.client_contract import ClientContract, script


@pytest.fixture
def fake_service() -> FakeService:
    return FakeService(script)


@pytest.fixture
def service(fake_service: FakeService) -> ScriptedService:
    return fake_service._scripted


@pytest.fixture
def new_client(fake_service: FakeService) -> Callable[[], AnyClient]:
    return lambda: FakeClient(fake_service)


class TestFakeClient(ClientContract):
    """Runs all tests of the contract."""
