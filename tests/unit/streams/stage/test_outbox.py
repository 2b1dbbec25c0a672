"""The outbox delivers in order and in batches, and counts what is not delivered; draining waits for events."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from streams.stage import retry
from streams.stage.in_flight import InFlight
from streams.stage.outbox import Outbox


class SlowDelivery:
    """Records batches, and finishes delivering when `released` is set."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.released = asyncio.Event()

    async def deliver(self, batch: Sequence[int]) -> None:
        self.batches.append(list(batch))
        await self.released.wait()


async def test_outputs_added_during_a_delivery_are_one_batch() -> None:
    delivery, delivered = SlowDelivery(), []
    outbox = Outbox(delivery.deliver)
    for number in range(5):
        await outbox.add(number, lambda number=number: delivered.append(number))  # type: ignore[misc]
        await asyncio.sleep(0)
    assert delivery.batches == [[0]]
    assert delivered == []
    delivery.released.set()
    await asyncio.sleep(0.01)
    assert delivery.batches == [[0], [1, 2, 3, 4]]
    assert delivered == [0, 1, 2, 3, 4]
    assert outbox.close() == 0


async def test_close_returns_the_number_of_undelivered_outputs() -> None:
    delivery, delivered = SlowDelivery(), []
    outbox = Outbox(delivery.deliver)
    for number in range(3):
        await outbox.add(number, lambda number=number: delivered.append(number))  # type: ignore[misc]
    await asyncio.sleep(0)
    assert outbox.close() == 3
    delivery.released.set()
    await asyncio.sleep(0.01)
    assert delivered == []


async def test_a_full_outbox_blocks_until_it_has_space() -> None:
    delivery = SlowDelivery()
    outbox = Outbox(delivery.deliver)

    async def fill() -> int:
        for number in range(1000):
            await outbox.add(number, lambda: None)
        return 1000

    fill_task = asyncio.create_task(fill())
    await asyncio.sleep(0.05)
    assert not fill_task.done()
    delivery.released.set()
    assert await fill_task == 1000


async def test_draining_ends_when_the_last_event_is_done() -> None:
    in_flight = InFlight()
    await in_flight.add()
    await in_flight.add()
    assert await in_flight.drain(0.01) == 2
    in_flight.remove(2)
    assert await in_flight.drain(0.01) == 0
    late = asyncio.create_task(in_flight.add())
    await asyncio.sleep(0.01)
    assert not late.done()
    late.cancel()


async def test_an_unexpected_error_in_a_delivery_or_an_ack_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "random", SimpleNamespace(uniform=lambda low, high: 0.001))
    errors, batches, delivered = [RuntimeError("a bug"), None], list[list[int]](), list[int]()

    async def deliver(batch: Sequence[int]) -> None:
        batches.append(list(batch))
        if error := errors.pop(0) if errors else None:
            raise error

    def ack(number: int) -> None:
        if len(batches) == 2 and number == 1:
            raise KeyError("no such partition")
        delivered.append(number)

    outbox = Outbox(deliver)
    for number in range(3):
        await outbox.add(number, lambda number=number: ack(number))  # type: ignore[misc]
    await asyncio.sleep(0.1)
    assert batches == [[0, 1, 2], [0, 1, 2], [1, 2]]
    assert delivered == [0, 1, 2]
    assert outbox.close() == 0
