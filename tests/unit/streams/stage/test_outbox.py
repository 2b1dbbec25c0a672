"""The outbox: in order, together where things are ready together, and told how much was left behind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from streams.stage.in_flight import InFlight
from streams.stage.outbox import Outbox


class Slow:
    """Delivers when it is let."""

    def __init__(self) -> None:
        self.lots: list[list[int]] = []
        self.go = asyncio.Event()

    async def deliver(self, lot: Sequence[int]) -> None:
        self.lots.append(list(lot))
        await self.go.wait()


async def test_what_comes_while_one_is_on_its_way_goes_together() -> None:
    slow, done = Slow(), []
    outbox = Outbox(slow.deliver)
    for number in range(5):
        await outbox.add(number, lambda number=number: done.append(number))  # type: ignore[misc]
        await asyncio.sleep(0)
    assert slow.lots == [[0]]
    assert done == []
    slow.go.set()
    await asyncio.sleep(0.01)
    assert slow.lots == [[0], [1, 2, 3, 4]]
    assert done == [0, 1, 2, 3, 4]
    assert outbox.close() == 0


async def test_what_is_closed_in_the_middle_is_counted() -> None:
    slow, done = Slow(), []
    outbox = Outbox(slow.deliver)
    for number in range(3):
        await outbox.add(number, lambda number=number: done.append(number))  # type: ignore[misc]
    await asyncio.sleep(0)
    assert outbox.close() == 3
    slow.go.set()
    await asyncio.sleep(0.01)
    assert done == []


async def test_a_full_outbox_lets_nothing_in_until_there_is_room() -> None:
    slow = Slow()
    outbox = Outbox(slow.deliver)

    async def fill() -> int:
        for number in range(1000):
            await outbox.add(number, lambda: None)
        return 1000

    filling = asyncio.create_task(fill())
    await asyncio.sleep(0.05)
    assert not filling.done()
    slow.go.set()
    assert await filling == 1000


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
