"""A download that fails names what may be wrong, and never the password of a proxy."""

from __future__ import annotations

import os

import pytest

from infra.base.network import network_hint


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)


def test_without_a_proxy_the_network_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert network_hint() == "check the network"


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY"])
def test_the_variable_of_a_proxy_is_named_without_its_value(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "http://user:secret@127.0.0.1:9")
    monkeypatch.setenv("all_proxy", "socks5://127.0.0.1:9")
    assert network_hint() == "check the network and the proxy in all_proxy and https_proxy"
