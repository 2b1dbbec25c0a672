"""A file that is received over HTTP, in one part or, after a cut connection, in several."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import RawIOBase

from aiohttp import ClientResponse, hdrs

from schemas.faults import Poison, storage_fault

_BLOCK_BYTES = 64 << 10
_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")


class ChangedError(Exception):
    """The server's file is another one than that of which a part was received; it must be received from the start."""


@dataclass
class Transfer:
    """The part of a file that was received, and what the next one must continue.

    `total`: the size of the file, bytes, or None where the server does not state it. `validator`: the ETag or the time
    of the last change, by which the server knows whether its file is still the same.
    """

    writer: RawIOBase
    max_bytes: int
    report: Callable[[float], None]
    received: int = 0
    total: int | None = None
    validator: str | None = None

    def headers(self) -> Mapping[str, str]:
        """Return the headers that request what is missing, if the server has still the same file."""
        if not self.received or self.validator is None:
            return {}
        return {hdrs.RANGE: f"bytes={self.received}-", hdrs.IF_RANGE: self.validator}

    def begin(self, response: ClientResponse) -> None:
        """Prepare for the content of a response, status 200 or 206.

        Raises: `ChangedError` for a part of another file; `Poison` (`too_large`, `download_failed`); `Retryable`
        (`storage`); `Unavailable` (`disk_full`).
        """
        if response.headers.get(hdrs.CONTENT_ENCODING, "identity").lower() != "identity":
            raise Poison(
                "the server sends the file compressed (Content-Encoding), which is not taken; link to the file itself",
                reason="download_failed",
            )
        if response.status == 206:
            self._check_part(response)
        else:
            self.restart()
            self.total, self.validator = response.content_length, _validator(response)
        self._check_size(self.total or 0)

    def restart(self) -> None:
        """Forget what was received. Raises: `Retryable` (`storage`)."""
        self.received, self.total, self.validator = 0, None, None
        try:
            self.writer.seek(0)
            self.writer.truncate()
        except OSError as error:
            raise _write_fault(error) from error

    async def receive(self, response: ClientResponse) -> None:
        """Write the content of a response. Raises: as `begin`, and the errors of aiohttp."""
        async for block in response.content.iter_chunked(_BLOCK_BYTES):
            self._check_size(self.received + len(block))
            self._write(block)
            if self.total:
                self.report(min(1.0, self.received / self.total))

    def _write(self, block: bytes) -> None:
        rest = memoryview(block)
        try:
            while rest:
                rest = rest[self.writer.write(rest) or 0 :]
        except OSError as error:
            raise _write_fault(error) from error
        self.received += len(block)

    def _check_part(self, response: ClientResponse) -> None:
        found = _RANGE.fullmatch(response.headers.get(hdrs.CONTENT_RANGE, ""))
        is_same = _validator(response) in {None, self.validator}
        if not (found and self.received and is_same and int(found[1]) == self.received):
            raise ChangedError
        if self.total not in {None, int(found[2])}:
            raise ChangedError
        self.total = int(found[2])

    def _check_size(self, size: int) -> None:
        if size > self.max_bytes:
            raise Poison(f"the file is larger than {self.max_bytes >> 20} MiB; make it smaller", reason="too_large")


def _validator(response: ClientResponse) -> str | None:
    """Return what names this version of the file: a strong ETag, else the time of its last change."""
    tag = response.headers.get(hdrs.ETAG)
    return tag if tag and not tag.startswith("W/") else response.headers.get(hdrs.LAST_MODIFIED)


def _write_fault(error: OSError) -> Exception:
    return storage_fault(f"the downloaded file cannot be written: {error.strerror}", error.errno)
