"""Fetch the file at a URL into a file without a name, of which nothing is left when its process is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import FileIO, RawIOBase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from infra.base.atomic_file import unnamed_file
from infra.downloads.hosts import YOUTUBE_HOSTS, AllowedHosts
from infra.downloads.urls import UrlRules, parse
from schemas.faults import Retryable, storage_fault
from schemas.limits import MAX_BYTES, MediaKind

if TYPE_CHECKING:
    from infra.downloads.transfer import Transfer


class Download(NamedTuple):
    """A fetched file, and its title if its source gives one."""

    path: Path
    title: str | None


@dataclass(frozen=True)
class WebDownloads:
    """Downloads into `folder`. `timeout_s`: how long one may take, with all its redirects, attempts and pauses."""

    folder: Path
    hosts: AllowedHosts
    allow_private: bool = False
    timeout_s: float = 300.0

    @contextmanager
    def fetch(self, url: str, kind: MediaKind, report: Callable[[float], None]) -> Iterator[Download]:
        """Yield the file at a URL; it is removed at the end. `report`: takes the received fraction, where it is known.

        Raises:
            Poison: `url_not_allowed`, `download_failed`, `too_large`, `too_long`.
            Retryable: `no_network`, `download_failed`, `timeout`, `storage`.
            Unavailable: `disk_full`.
        """
        from infra.downloads.transfer import Transfer

        self._rules.check(url)
        with self._new_file() as (writer, give_name):
            title = asyncio.run(self._fetch_in_time(url, kind, Transfer(writer, MAX_BYTES[kind], report)))
            yield Download(give_name(), title)

    @property
    def _rules(self) -> UrlRules:
        return UrlRules(self.hosts, self.allow_private)

    @contextmanager
    def _new_file(self) -> Iterator[tuple[RawIOBase, Callable[[], Path]]]:
        with ExitStack() as stack:
            try:
                file = unnamed_file(self.folder.resolve(), lambda: f"{uuid4().hex}.part", "*.part")
                descriptor, give_name = stack.enter_context(file)
            except OSError as error:
                raise storage_fault(f"a download cannot be stored: {error.strerror}", error.errno) from error
            yield stack.enter_context(FileIO(descriptor, "w", closefd=False)), give_name

    async def _fetch_in_time(self, url: str, kind: MediaKind, transfer: Transfer) -> str | None:
        from infra.downloads import http, youtube

        try:
            async with asyncio.timeout(self.timeout_s):
                if parse(url).host in YOUTUBE_HOSTS:
                    return await youtube.fetch(url, kind, transfer, allow_private=self.allow_private)
                return await http.fetch(url, self._rules, transfer)
        except TimeoutError as error:
            message = f"the download takes longer than the {self.timeout_s:g} s of BACHATA_URL_TIMEOUT_S"
            raise Retryable(message, reason="timeout") from error
