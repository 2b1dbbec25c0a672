"""The network between the clients and the broker: delays, lost requests, lost responses, broken connections."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiokafka import errors
from aiokafka.conn import CloseReason

from tests.simulation.broker import VERSIONS, Broker
from tests.simulation.clock import Process, VirtualLoop, current_process

_PRODUCE, _COMMIT = 0, 8


@dataclass
class Faults:
    """How often something happens to a request, 0-1, and how long a slow one takes at most."""

    lost_requests: float = 0.0
    lost_responses: float = 0.0
    lost_acks: float = 0.0  # responses to producers
    slow: float = 0.0
    slow_s: float = 3.0


class Network:
    """Creates connections to the broker; `faults` may change at any time."""

    def __init__(self, loop: VirtualLoop, broker: Broker, rng: random.Random) -> None:
        self.loop = loop
        self.broker = broker
        self.rng = rng
        self.faults = Faults()
        self.connections: list[Connection] = []
        self.requests = 0
        self.before: dict[int, Callable[[Process | None], None]] = {}  # called before the request with a number
        self.after: dict[int, Callable[[Process | None], None]] = {}  # called after it, before its response

    async def connect(self, host: str, port: int, **options: Any) -> Connection:
        """Return a connection, as `aiokafka.conn.create_conn` does. Raises: `ConnectionRefusedError`."""
        await asyncio.sleep(self.rng.uniform(0.0005, 0.003))
        if not self.broker.up:
            raise ConnectionRefusedError
        connection = Connection(self, options.get("on_close"), options.get("request_timeout_ms", 40_000) / 1000)
        self.connections.append(connection)
        return connection

    def break_connections(self, process: Process | None = None) -> None:
        """Break all connections, or those of a process."""
        for connection in list(self.connections):
            if process is None or connection.process is process:
                connection.break_off()

    def forget(self, process: Process) -> None:
        """Drop the connections of a process that is killed, without a word to it."""
        for connection in [connection for connection in self.connections if connection.process is process]:
            connection.open = False
            self.connections.remove(connection)

    def delay(self) -> float:
        """Return how long a message is on its way."""
        if self.rng.random() < self.faults.slow:
            return self.rng.uniform(0, self.faults.slow_s)
        return self.rng.uniform(0.0002, 0.003)


class Connection:
    """A connection with the methods of aiokafka's; requests are answered one after the other, in order."""

    def __init__(self, network: Network, on_close: Callable[..., None] | None, timeout_s: float) -> None:
        self.network = network
        self.process = current_process()
        self.open = True
        self._on_close = on_close
        self._timeout_s = timeout_s
        self._requests: deque[tuple[Any, asyncio.Future[Any]]] = deque()
        self._busy = False

    def connected(self) -> bool:
        """Return whether it is open."""
        return self.open

    def send(self, request: Any, expect_response: bool = True) -> Any:
        """Send a request and return an awaitable of the response."""
        if not self.open:
            raise errors.KafkaConnectionError("the connection is closed")
        future = self.network.loop.create_future()
        self._requests.append((request.prepare(VERSIONS), future))
        self._serve_next()
        return asyncio.wait_for(future, self._timeout_s)

    def close(self, reason: Any = None, exc: BaseException | None = None) -> asyncio.Future[None]:
        """Close it; requests without a response fail."""
        closed = self.network.loop.create_future()
        closed.set_result(None)
        if not self.open:
            return closed
        self.open = False
        if self in self.network.connections:
            self.network.connections.remove(self)
        for _, future in self._requests:
            if not future.done():
                future.set_exception(errors.KafkaConnectionError("the connection is closed"))
                future.exception()  # else the loop would complain about requests nobody waits for
        self._requests.clear()
        if self._on_close is not None:
            on_close, self._on_close = self._on_close, None
            on_close(self, reason)
        return closed

    def break_off(self) -> None:
        """End it from outside; the client notices in a moment."""
        if self.process is None or self.process.alive:
            context = None if self.process is None else self.process.context.copy()
            self.network.loop.call_soon(self.close, CloseReason.CONNECTION_BROKEN, context=context)

    def _serve_next(self) -> None:
        if self._busy or not self._requests:
            return
        self._busy = True
        self.network.loop.call_outside(self.network.delay(), self._arrive, *self._requests[0])

    def _arrive(self, request: Any, future: asyncio.Future[Any]) -> None:
        network = self.network
        if not self.open:
            return
        network.requests += 1
        if not network.broker.up or network.rng.random() < network.faults.lost_requests:
            self.break_off()
            return
        number = network.requests
        if number in network.before:
            network.before.pop(number)(self.process)
        if self.open:
            network.broker.producer_ahead_s = 0.0 if self.process is None else self.process.clock_error_s
            network.broker.handle(request, lambda response: self._send_back(request, response, future))
        if number in network.after:
            network.after.pop(number)(self.process)

    def _send_back(self, request: Any, response: Any, future: asyncio.Future[Any]) -> None:
        rng, faults = self.network.rng, self.network.faults
        rate = faults.lost_acks if request.API_KEY == _PRODUCE else faults.lost_responses
        if rng.random() < rate:
            if rng.random() < 0.5:
                self.break_off()
            return
        self.network.loop.call_outside(self.network.delay(), self._deliver, response, future)

    def _deliver(self, response: Any, future: asyncio.Future[Any]) -> None:
        if not self.open:
            return
        self._requests.popleft()
        self._busy = False
        if not future.done():
            future.set_result(response)
        self._serve_next()
