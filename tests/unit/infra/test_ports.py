"""Test the choice of the local Kafka's ports."""

from __future__ import annotations

import socket
from pathlib import Path

from infra.local_kafka.ports import HOST, choose_ports


def test_the_ports_are_chosen_again_as_long_as_they_are_free(tmp_path: Path) -> None:
    ports = choose_ports(tmp_path)
    assert len(set(ports)) == 2
    assert choose_ports(tmp_path) == ports
    assert set(choose_ports(tmp_path, new=True)).isdisjoint(ports)


def test_a_port_that_another_program_has_is_replaced(tmp_path: Path) -> None:
    ports = choose_ports(tmp_path)
    with socket.create_server((HOST, ports[0])):
        assert choose_ports(tmp_path)[0] != ports[0]


def test_an_outgoing_connection_gets_none_of_these_ports(tmp_path: Path) -> None:
    first, last = map(int, Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split())
    assert all(not first <= port <= last for port in choose_ports(tmp_path))
