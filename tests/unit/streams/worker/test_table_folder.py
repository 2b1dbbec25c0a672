"""The tables are in the folder of the worker, whatever its name, and are closed with the worker."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.kafka_connection import KafkaConnection
from streams.worker.faust_app import TableResults, make_app


@pytest.mark.parametrize("name", ["{x}", "{}", "a{conf.id}b", "100%d", "$HOME", "}{"])
async def test_a_folder_with_characters_of_formats_is_used_as_it_is(name: str, tmp_path: Path) -> None:
    app = make_app(KafkaConnection("127.0.0.1:1"), tmp_path / name)
    assert app.conf.tabledir.is_relative_to(tmp_path / name)


async def test_a_closed_table_can_be_opened_again_while_work_that_ended_late_has_it(tmp_path: Path) -> None:
    publisher: Any = None
    first, second = (TableResults(make_app(KafkaConnection("127.0.0.1:1"), tmp_path), publisher) for _ in range(2))
    late = first._table.data._db_for_partition(3)
    first.close()
    assert second.get(3, "key") is None
    second.close()
    del late
