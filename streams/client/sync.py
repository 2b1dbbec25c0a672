"""The client for scripts: the same methods, which return when they are done.

with SyncClient(Client("127.0.0.1:9092")) as client:
    outcome = client.wait(client.submit("song.mp3"))
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from functools import wraps
from threading import Thread
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from streams.client.client import AnyClient

P = ParamSpec("P")
T = TypeVar("T")
_END = object()


def _blocking(
    method: Callable[Concatenate[AnyClient, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[SyncClient, P], T]:
    @wraps(method)
    def call(self: SyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        found: Callable[P, Coroutine[Any, Any, T]] = getattr(self.client, method.__name__)
        return self.run(found(*args, **kwargs))

    return call


def _iterating(
    method: Callable[Concatenate[AnyClient, P], AsyncGenerator[T, None]],
) -> Callable[Concatenate[SyncClient, P], Iterator[T]]:
    @wraps(method)
    def call(self: SyncClient, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[T]:
        found: Callable[P, AsyncGenerator[T, None]] = getattr(self.client, method.__name__)
        items = found(*args, **kwargs)
        try:
            while (item := self.run(_next(items))) is not _END:
                yield item
        finally:
            if not self._loop.is_closed():  # else it has closed them
                self.run(items.aclose())

    return call


async def _next(items: AsyncGenerator[T, None]) -> T:
    end: Any = _END
    return await anext(items, end)


class SyncClient:
    """A client whose methods block. Its event loop runs on a thread of its own, so that many threads may use it.

    What Ctrl-C or a signal handler interrupts is cancelled, and the client can still be used.
    """

    def __init__(self, client: AnyClient) -> None:
        self.client = client
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._thread = Thread(target=self._run_loop, name="bachata-client", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self.run(self.client.__aenter__())
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.run(self.client.__aexit__(kind, error, trace))
        finally:
            self._stop()

    submit = _blocking(AnyClient.submit)
    submit_folder = _blocking(AnyClient.submit_folder)
    submit_event = _blocking(AnyClient.submit_event)
    submit_events = _blocking(AnyClient.submit_events)
    outcome = _blocking(AnyClient.outcome)
    wait = _blocking(AnyClient.wait)
    wait_all = _blocking(AnyClient.wait_all)
    cancel = _blocking(AnyClient.cancel)
    hold = _blocking(AnyClient.hold)
    resume = _blocking(AnyClient.resume)
    end_position = _blocking(AnyClient.end_position)
    watch = _iterating(AnyClient.watch)
    results = _iterating(AnyClient.results)
    follow = _iterating(AnyClient.follow)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Return the result of a coroutine, which runs on the client's event loop."""
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _run_loop(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # at its end, all that still waits is cancelled
            runner.run(self._stopped.wait())

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join()
