"""An HTTP server of files for tests: each path has a function that yields the bytes of the response, valid or not."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Respond = Callable[["Request"], Iterator[bytes]]


@dataclass(frozen=True)
class Request:
    """A request that arrived; names of headers are in lower case."""

    target: str
    headers: Mapping[str, str]


@dataclass
class FileServer:
    """A running server: its address, and what has arrived."""

    host: str
    port: int
    routes: dict[str, Respond] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    connections: int = 0

    def url(self, target: str, host: str | None = None, scheme: str = "http") -> str:
        """Return the URL of a target, at another name of the host if one is given."""
        return f"{scheme}://{host or self.host}:{self.port}{target}"


@contextmanager
def file_server(host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[FileServer]:
    """Run a server in a thread until the end of the block; port 0 is a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family) as listener:
        server = FileServer(f"[{host}]" if ":" in host else host, listener.getsockname()[1])
        thread = threading.Thread(target=_accept, args=(listener, server, tls), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def response(body: bytes = b"", status: int = 200, *, chunk: int = 1 << 20, **headers: str) -> Respond:
    """Return what responds with a body and its length; underscores in names of headers stand for hyphens."""
    return lambda request: _parts(body, status, chunk, {"content-length": str(len(body))} | headers)


def hanging(body: bytes, sent: int, begun: threading.Event) -> Respond:
    """Return what sends the head and the first `sent` bytes of a body, sets `begun`, and sends no more for 5 s."""

    def respond(_: Request) -> Iterator[bytes]:
        yield head(content_length=str(len(body))) + body[:sent]
        begun.set()
        time.sleep(5)

    return respond


def in_turn(*responses: Respond) -> Respond:
    """Return what answers each request by the next response, and all further ones by the last."""
    left = list(responses)

    def respond(request: Request) -> Iterator[bytes]:
        yield from (left.pop(0) if len(left) > 1 else left[0])(request)

    return respond


def head(status: int = 200, /, **headers: str) -> bytes:
    """Return the beginning of a response."""
    lines = [f"HTTP/1.1 {status} Text", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "connection: close", "", ""]).encode("utf-8", "surrogateescape")


def part(request: Request, body: bytes, etag: str) -> Iterator[bytes]:
    """Yield the part of a body that a request is for, status 206, or all of it, as a server with ranges does."""
    start = int(request.headers.get("range", "bytes=0-")[len("bytes=") : -1])
    if not start or request.headers.get("if-range") != etag:
        yield head(etag=etag, content_length=str(len(body))) + body
    else:
        content_range = f"bytes {start}-{len(body) - 1}/{len(body)}"
        headers = {"etag": etag, "content_range": content_range, "content_length": str(len(body) - start)}
        yield head(206, **headers) + body[start:]


def _parts(body: bytes, status: int, chunk: int, headers: Mapping[str, str]) -> Iterator[bytes]:
    yield head(status, **headers)
    for start in range(0, len(body), chunk):
        yield body[start : start + chunk]


def _accept(listener: socket.socket, server: FileServer, tls: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            connection, _ = listener.accept()
            server.connections += 1
            threading.Thread(target=_serve, args=(connection, server, tls), daemon=True).start()


def _serve(connection: socket.socket, server: FileServer, tls: ssl.SSLContext | None) -> None:
    with connection, suppress(OSError):
        connection.settimeout(10)
        with tls.wrap_socket(connection, server_side=True) if tls else connection as stream:
            request = _read(stream)
            server.requests.append(request)
            respond = server.routes.get(request.target.partition("?")[0], response(b"nothing here", 404))
            for block in respond(request):
                stream.sendall(block)


def _read(stream: socket.socket) -> Request:
    received = b""
    while b"\r\n\r\n" not in received:
        block = stream.recv(4096)
        if not block:
            raise OSError("no request")
        received += block
    first, *lines = received.decode("latin-1").split("\r\n\r\n")[0].split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(first.split(" ")[1], headers)
