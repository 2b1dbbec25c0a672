"""Interactive requests go before bulk ones, in a partition and wherever they wait for a process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from schemas.base import Priority
from streams.envelope import PRIORITY, Headers, Record
from streams.stage.priority import Slots, by_priority, priority_of, request_priority

_Item = tuple[Priority, int]


def _priority(item: _Item) -> Priority:
    return item[0]


async def _items(items: list[_Item], end: asyncio.Event | None = None) -> AsyncIterator[_Item]:
    for item in items:
        yield item
    if end is not None:
        await end.wait()


async def test_interactive_items_that_have_arrived_go_first_and_each_kind_stays_in_order() -> None:
    items: list[_Item] = [("bulk", 1), ("bulk", 2), ("interactive", 3), ("bulk", 4), ("interactive", 5)]
    async with aclosing(by_priority(_items(items), _priority, lambda _: False)) as ordered:
        found = [number async for _, number in ordered]
    assert found == [3, 5, 1, 2, 4]


async def test_an_interactive_item_overtakes_a_hundred_that_wait() -> None:
    items: list[_Item] = [*(("bulk", number) for number in range(100)), ("interactive", 100)]
    async with aclosing(by_priority(_items(items), _priority, lambda _: False)) as ordered:
        assert await anext(ordered) == ("interactive", 100)


async def test_a_bulk_item_does_not_wait_for_ever() -> None:
    items: list[_Item] = [("bulk", 0), *(("interactive", number) for number in range(1, 100))]
    async with aclosing(by_priority(_items(items), _priority, lambda _: False)) as ordered:
        found = [number async for _, number in ordered]
    assert found == [*range(1, 21), 0, *range(21, 100)]


async def test_no_more_than_two_thousand_items_are_read_ahead() -> None:
    read = 0

    async def endless() -> AsyncIterator[_Item]:
        nonlocal read
        while True:
            read += 1
            yield "bulk", read

    async with aclosing(by_priority(endless(), _priority, lambda _: False)) as ordered:
        await anext(ordered)
        await asyncio.sleep(0.01)
        assert read <= 2002


async def test_an_outdated_item_is_left_out() -> None:
    items: list[_Item] = [("bulk", 1), ("bulk", 2)]
    async with aclosing(by_priority(_items(items), _priority, lambda item: item[1] == 1)) as ordered:
        assert [number async for _, number in ordered] == [2]


async def test_an_error_of_the_source_is_raised_after_its_items() -> None:
    async def failing() -> AsyncIterator[_Item]:
        yield "bulk", 1
        raise OSError("gone")

    async with aclosing(by_priority(failing(), _priority, lambda _: False)) as ordered:
        assert await anext(ordered) == ("bulk", 1)
        with pytest.raises(OSError, match="gone"):
            await anext(ordered)


async def test_reading_ends_when_it_is_closed() -> None:
    before = asyncio.all_tasks()
    async with aclosing(by_priority(_items([("bulk", 1)], asyncio.Event()), _priority, lambda _: False)) as ordered:
        await anext(ordered)
    assert asyncio.all_tasks() == before


@pytest.mark.parametrize(
    ("headers", "value", "expected"),
    [
        ([(PRIORITY, b"bulk")], b"{}", "bulk"),
        ([(PRIORITY, b"interactive")], b'{"priority": "bulk"}', "interactive"),
        ([(PRIORITY, b"\xff")], b"{}", "interactive"),
        ([], b'{"priority": "bulk"}', "bulk"),
        ([], b'{"priority": "interactive"}', "interactive"),
        ([], b'{"priority": "later"}', "interactive"),
        ([], b'not JSON "priority"', "interactive"),
        ([], b'{"priority": "bulk", "x": "' + b"x" * 70_000 + b'"}', "interactive"),
        ([], None, "interactive"),
    ],
)
def test_the_priority_of_an_event_is_in_its_header_or_its_payload(
    headers: Headers, value: bytes | None, expected: Priority
) -> None:
    assert priority_of(Record("t", 0, 0, None, value, headers)) == expected


async def test_who_waits_for_a_slot_gets_it_by_priority() -> None:
    slots, order = Slots(1), list[str]()

    async def work(name: str, priority: Priority) -> None:
        request_priority.set(priority)
        async with slots.one():
            order.append(name)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name, priority in (("first", "bulk"), ("second", "bulk"), ("third", "interactive")):
            group.create_task(work(name, priority))  # type: ignore[arg-type]
    assert order == ["first", "third", "second"]


async def test_a_slot_is_not_lost_when_who_waits_for_it_is_cancelled() -> None:
    slots = Slots(1)

    async def work() -> None:
        async with slots.one():
            await asyncio.sleep(0)

    async with slots.one():
        waiting, granted = asyncio.create_task(work()), asyncio.create_task(work())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
    granted.cancel()  # it was granted the slot and has not taken it yet
    await asyncio.gather(waiting, granted, return_exceptions=True)
    async with asyncio.timeout(60), slots.one():
        pass
