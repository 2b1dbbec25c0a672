"""An open transaction of another program holds the events behind it: that is reported within 30 s, and its end, too."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from tests.broker.conftest import DataFolder, wait_until

pytestmark = pytest.mark.chaos
_SONGS = "bachata.song-submitted.v1"
_REPORTED_WITHIN_S = 30.0


async def test_an_open_transaction_that_holds_events_is_reported(tmp_path: Path) -> None:
    data_folder = DataFolder(tmp_path)
    with data_folder.up():
        await _hold_and_release(data_folder)


async def _hold_and_release(data_folder: DataFolder) -> None:
    options = data_folder.kafka.client_options()
    async with (
        AIOKafkaProducer(**options, transactional_id="of-another-program") as in_transaction,
        AIOKafkaProducer(**options) as other,
    ):
        await in_transaction.begin_transaction()
        await in_transaction.send_and_wait(_SONGS, b"{}", partition=1)
        await other.send_and_wait(_SONGS, b"garbage", partition=1)
        await asyncio.to_thread(wait_until, lambda: bool(data_folder.health()["stuck"]), _REPORTED_WITHIN_S)
        [problem] = data_folder.health()["stuck"]
        assert problem["what"].startswith(f"{_SONGS}[1] at offset")
        assert "an open transaction holds the 2 offsets" in problem["reason"]
        await in_transaction.abort_transaction()
        await asyncio.to_thread(wait_until, lambda: data_folder.health()["ready"], 30)
