"""A receiver of webhooks on 127.0.0.1 that answers as a test plans: well, badly, slowly or not at all."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesHeaderParser
from time import sleep

_OK = b"HTTP/1.1 204 No Content\r\n\r\n"
HANG, SLOW, CLOSE, ENDLESS_BODY, ENDLESS_HEADERS, NO_HTTP = (
    "hang",
    "slow",
    "close",
    "endless body",
    "endless headers",
    "no HTTP",
)


def answer(status: int, *headers: str) -> bytes:
    """Return a response without a body."""
    lines = [f"HTTP/1.1 {status} Planned", "Content-Length: 0", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True)
class Received:
    """A request: its first line, headers and body."""

    line: str
    headers: Message
    body: bytes


@dataclass
class Receiver:
    """Answers requests with the planned answers, in order, and then with 204. `received`: all requests."""

    plan: list[bytes | str] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    port: int = 0
    connections: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)  # until then, what hangs hangs

    @property
    def url(self) -> str:
        """Return the URL of the receiver."""
        return f"http://127.0.0.1:{self.port}/outcomes?key=1"

    def serve(self, connection: socket.socket) -> None:
        """Answer one request, and close the connection."""
        self.connections += 1
        with connection, suppress(OSError):
            request = _read(connection)
            if request is None:
                return
            self.received.append(request)
            planned = self.plan.pop(0) if self.plan else _OK
            for part in [planned] if isinstance(planned, bytes) else self._parts(planned):
                connection.sendall(part)

    def _parts(self, behaviour: str) -> Iterable[bytes]:
        if behaviour == HANG:
            self.released.wait(30)
        elif behaviour == SLOW:
            yield b"HTTP/1.1 200 OK\r\nX: "
            while not self.stopped.wait(0.05):
                yield b"x"
        elif behaviour == ENDLESS_BODY:
            yield b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000000\r\n\r\n"
            while not self.stopped.is_set():
                yield bytes(1 << 16)
        elif behaviour == ENDLESS_HEADERS:
            yield b"HTTP/1.1 200 OK\r\n"
            while not self.stopped.is_set():
                yield b"X: y\r\n" * 1000
        elif behaviour == NO_HTTP:
            yield b"220 mail.example ESMTP\r\n"


def _read(connection: socket.socket) -> Received | None:
    data = b""
    while b"\r\n\r\n" not in data:
        block = connection.recv(1 << 16)
        if not block:
            return None
        data += block
    head, _, body = data.partition(b"\r\n\r\n")
    line, _, rest = head.partition(b"\r\n")
    headers = BytesHeaderParser().parsebytes(rest + b"\r\n\r\n")
    while len(body) < int(headers["Content-Length"]):
        body += connection.recv(1 << 16)
    return Received(line.decode(), headers, body)


@contextmanager
def receiver(*plan: bytes | str, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """Yield a running receiver."""
    found = Receiver(list(plan))
    with socket.create_server(("127.0.0.1", 0)) as server:
        found.port = server.getsockname()[1]
        threading.Thread(target=_accept, args=(found, server, tls), daemon=True).start()
        try:
            yield found
        finally:
            found.stopped.set()
            found.released.set()
            with suppress(OSError):
                server.shutdown(socket.SHUT_RDWR)
    sleep(0)


def _accept(found: Receiver, server: socket.socket, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            connection.settimeout(10)
            threading.Thread(target=_serve, args=(found, connection, tls), daemon=True).start()


def _serve(found: Receiver, connection: socket.socket, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        found.serve(connection if tls is None else tls.wrap_socket(connection, server_side=True))
