"""Fetch the sound or the video of a page of YouTube: yt-dlp finds its URL, which is fetched like any other.

yt-dlp runs in a process of its own; see `youtube_process`.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from pydantic import BaseModel, Field, ValidationError

from infra.downloads import http
from infra.downloads.titles import clean_title
from infra.downloads.transfer import Transfer
from infra.downloads.urls import Hosts, UrlRules, parse
from schemas.faults import Poison, Retryable, from_json
from schemas.limits import CLIP_S, SONG_S, MediaKind

DOMAINS = ("youtube.com", "youtu.be", "youtubei.googleapis.com", "googlevideo.com")
_PROCESS = "infra.downloads.youtube_process"
_MAX_ANSWER_BYTES = 1 << 20
_ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "PYTHONPATH", "SSL_CERT_FILE", "SSL_CERT_DIR")  # no proxies, no home folder
_HEADERS = frozenset({"User-Agent", "Referer", "Origin"})
_MAX_S: dict[MediaKind, float] = {"audio": SONG_S[1], "video": CLIP_S[1]}


@dataclass(frozen=True)
class AllowedDomains:
    """The hosts below some domains, at their scheme's own port."""

    domains: tuple[str, ...]

    def allows(self, scheme: str, host: str, port: int) -> bool:
        """Return whether files may be fetched from a normalised host's port."""
        is_below = any(host == domain or host.endswith(f".{domain}") for domain in self.domains)
        return is_below and (scheme, port) == ("https", 443)


_FILE_HOSTS: Hosts = AllowedDomains(DOMAINS)


class FoundFile(BaseModel):
    """What yt-dlp finds: the URL of a file, the headers to request it with, and its title and duration in seconds."""

    url: str
    headers: dict[str, str] = {}
    title: str | None = None
    duration_s: float | None = Field(default=None, allow_inf_nan=False)


def is_installed() -> bool:
    """Return whether yt-dlp is installed."""
    return find_spec("yt_dlp") is not None


async def fetch(page: str, kind: MediaKind, transfer: Transfer, *, allow_private: bool) -> str | None:
    """Write the sound or the video of a page to a transfer, and return its title. Raises: as `http.fetch`."""
    if not is_installed():
        message = "a page of YouTube needs yt-dlp: run `make youtube` where the worker runs"
        raise Poison(message, reason="url_not_allowed")
    found = await _find(parse(page).text, kind, allow_private)
    if (found.duration_s or 0.0) > _MAX_S[kind]:
        raise Poison(f"it lasts {found.duration_s:.0f} s; at most {_MAX_S[kind]:.0f} s are taken", reason="too_long")
    headers = {name: value for name, value in found.headers.items() if name in _HEADERS and value.isprintable()}
    await http.fetch(found.url, UrlRules(_FILE_HOSTS, allow_private), transfer, headers)
    return clean_title(found.title)


async def _find(page: str, kind: MediaKind, allow_private: bool) -> FoundFile:
    """Return what yt-dlp finds on a page. Raises: `Poison` or `Retryable` (`download_failed`, `no_network`)."""
    request = {"page": page, "kind": kind, "domains": DOMAINS, "allow_private": allow_private}
    answer = await _ask({name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}, request)
    try:
        fields: dict[str, Any] = json.loads(answer)
        if "fault" in fields:
            raise from_json(fields)
        return FoundFile.model_validate(fields)
    except (ValueError, TypeError, KeyError) as error:
        fault = Retryable("yt-dlp broke down, see the log; a newer one may help", reason="download_failed")
        raise fault from (None if isinstance(error, ValidationError) else error)


async def _ask(environment: dict[str, str], request: dict[str, Any]) -> bytes:
    """Return what the process of yt-dlp answers; it is killed where this is cancelled."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", _PROCESS, str(os.getpid())),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment | {"YTDLP_NO_PLUGINS": "1"},
    )
    assert process.stdin is not None  # noqa: S101 - created with pipes
    assert process.stdout is not None  # noqa: S101
    try:
        process.stdin.write(json.dumps(request).encode() + b"\n")
        with suppress(ConnectionError):
            await process.stdin.drain()
        return await process.stdout.read(_MAX_ANSWER_BYTES)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
