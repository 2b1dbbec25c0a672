"""The tables are in the worker's folder, whatever the folder's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.kafka_connection import KafkaConnection
from streams.worker.faust_app import make_app


@pytest.mark.parametrize("name", ["{x}", "{}", "a{conf.id}b", "100%d", "$HOME", "}{"])
async def test_a_folder_with_characters_of_formats_is_used_as_it_is(name: str, tmp_path: Path) -> None:
    app = make_app(KafkaConnection("127.0.0.1:1"), tmp_path / name)
    assert app.conf.tabledir.is_relative_to(tmp_path / name)
