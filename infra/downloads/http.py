"""Fetch a file over HTTP from a host that is allowed, at a public address.

Each redirect is checked like the URL itself. No proxy, cookie, cached connection or compression is used.
"""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urljoin

import aiohttp
from aiohttp import ClientResponse, ClientSession, hdrs
from yarl import URL

from infra.base.host_resolver import HostResolver
from infra.base.public_address import public_socket
from infra.base.retry_after import retry_after_s
from infra.downloads.titles import title_of_name, title_of_url
from infra.downloads.transfer import ChangedError, Transfer
from infra.downloads.urls import PRINTABLE, Url, UrlRules
from schemas.faults import Fault, Poison, Retryable

_HEADERS: dict[str, str] = {hdrs.USER_AGENT: "bachata-streams", hdrs.ACCEPT: "*/*", hdrs.ACCEPT_ENCODING: "identity"}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_BUSY = frozenset({408, 425, 429})  # the server may answer otherwise later, as with every 5xx
_MAX_FAILURES = 4  # in a row, without a byte between them
_CONNECT_TIMEOUT_S, _READ_TIMEOUT_S = 15.0, 30.0
_MAX_WAIT_S = 120.0  # that a server can ask for: the events behind wait too
PAUSE_S = 1.0  # before a file is continued


class _Interrupted(Exception):  # noqa: N818
    """The connection broke down after a part of the file. `fault`: what is raised if it was the last attempt."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(str(fault))
        self.fault = fault


async def fetch(url: str, rules: UrlRules, transfer: Transfer, headers: Mapping[str, str] | None = None) -> str | None:
    """Write the file at a URL to a transfer, and return its title, if it has one.

    A file of which a part was received is tried again, from there if it is still the same.

    Raises:
        Poison: `url_not_allowed`, `download_failed`, `too_large`.
        Retryable: `no_network`, `download_failed`, `storage`.
        Unavailable: `disk_full`.
    """
    failures, received = 0, 0
    async with _session(rules, headers or {}) as session:
        while True:
            try:
                return await _attempt(session, url, rules, transfer)
            except ChangedError:
                transfer.restart()
                fault: Fault = Retryable("the file changes while it is fetched", reason="download_failed")
            except _Interrupted as interruption:
                fault = interruption.fault
            failures = 1 if transfer.received > received else failures + 1
            received = transfer.received
            if failures >= _MAX_FAILURES:
                raise fault
            await asyncio.sleep(PAUSE_S * 2 ** (failures - 1))


@asynccontextmanager
async def _session(rules: UrlRules, headers: Mapping[str, str]) -> AsyncIterator[ClientSession]:
    checks: dict[str, Any] = {} if rules.allow_private else {"socket_factory": public_socket}
    connector = aiohttp.TCPConnector(
        resolver=HostResolver(allow_private=rules.allow_private),
        ssl=ssl.create_default_context(),
        use_dns_cache=False,
        force_close=True,
        limit=1,
        **checks,
    )
    session = ClientSession(
        connector=connector,
        headers=_HEADERS | dict(headers),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT_S, sock_read=_READ_TIMEOUT_S),
        auto_decompress=False,
        trust_env=False,
    )
    async with session:
        yield session


async def _attempt(session: ClientSession, text: str, rules: UrlRules, transfer: Transfer) -> str | None:
    """Receive what is missing, and return the title. Raises: as `fetch`; `_Interrupted`, `ChangedError`."""
    url = rules.check(text)
    try:
        async with _response(session, url, rules, transfer.headers()) as (response, last_url):
            _check_status(response, last_url)
            transfer.begin(response)
            await transfer.receive(response)
            return _title(response, url, last_url)
    except (aiohttp.ClientError, TimeoutError) as error:
        fault = _fault_of(error, url)
        if transfer.received and isinstance(fault, Retryable):
            raise _Interrupted(fault) from error
        raise fault from error


@asynccontextmanager
async def _response(
    session: ClientSession, url: Url, rules: UrlRules, headers: Mapping[str, str]
) -> AsyncIterator[tuple[ClientResponse, Url]]:
    """Yield the response after all redirects, and its URL. Raises: `Poison` (`url_not_allowed`, `download_failed`)."""
    for _ in range(_MAX_REDIRECTS + 1):
        async with session.get(URL(url.text, encoded=True), headers=headers, allow_redirects=False) as response:
            if response.status not in _REDIRECTS:
                yield response, url
                return
            url = _redirected(url, response.headers.get(hdrs.LOCATION, ""), rules)
    raise Poison(f"the server redirects more than {_MAX_REDIRECTS} times; link to the file", reason="download_failed")


def _redirected(url: Url, location: str, rules: UrlRules) -> Url:
    try:
        # Servers send other characters than ASCII too, as they are.
        text = urljoin(url.text, quote(location, safe=PRINTABLE, errors="surrogateescape"))
        target = rules.check(text)
    except (Poison, ValueError) as error:
        raise Poison(f"{url.origin} redirects to a URL that is not allowed: {error}", "url_not_allowed") from error
    if url.scheme == "https" != target.scheme:
        raise Poison(f"{url.origin} redirects from https to http; link to the file itself", reason="url_not_allowed")
    return target


def _check_status(response: ClientResponse, url: Url) -> None:
    """Raises: `Retryable` for a server that may answer otherwise later, else `Poison` (`download_failed`)."""
    status = response.status
    if status in {HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT}:
        return
    if status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        raise ChangedError
    message = f"{url.origin} answers {status}{_phrase(status)}"
    if status in _BUSY or status >= 500:
        wait_s = retry_after_s(response.headers.get(hdrs.RETRY_AFTER, ""), _MAX_WAIT_S)
        raise Retryable(message, reason="download_failed", retry_after_s=wait_s)
    raise Poison(f"{message}; open the URL in a browser without a login", reason="download_failed")


def _phrase(status: int) -> str:
    """Return the name of a status; that in the response is text of a stranger."""
    with suppress(ValueError):
        return f" ({HTTPStatus(status).phrase})"
    return ""


def _title(response: ClientResponse, url: Url, last_url: Url) -> str | None:
    with warnings.catch_warnings(action="ignore"):  # aiohttp warns of a header that is not valid, with its text
        disposition = response.content_disposition
    given = title_of_name(disposition.filename) if disposition else None
    return given or title_of_url(url.text) or title_of_url(last_url.text)


def _fault_of(error: Exception, url: Url) -> Fault:
    """Return the fault for an error of aiohttp, whose own text may contain the URL."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return Poison(f"{url.origin} or a redirect has no valid TLS certificate", reason="download_failed")
    if isinstance(error, aiohttp.InvalidURL):
        return Poison(f"the address '{url.host}' is not written as usual", reason="url_not_allowed")
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return Retryable(f"{url.origin} or a redirect cannot be reached now: check the network", reason="no_network")
    if isinstance(error, TimeoutError):
        return Retryable(f"{url.origin} sends nothing for {_READ_TIMEOUT_S:.0f} s", reason="download_failed")
    return Retryable(f"the connection to {url.origin} broke down", reason="download_failed")
