"""Check the URL of a file that a stranger names, before anything is sent to its host.

What is checked is what is connected to: a URL whose host could be read in two ways is refused.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol
from urllib.parse import quote

from infra.downloads.hosts import DEFAULT_PORTS, normalised_host
from schemas.faults import Poison
from schemas.limits import MAX_URL_CHARACTERS

_URL = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<rest>[/?#][!-~]*)?"
)
PRINTABLE: Final = "".join(map(chr, range(0x21, 0x7F)))  # ASCII, without the space
_USER = re.compile(r"[a-zA-Z]+:[/\\]*[^/?#]*@")
_VARIABLE = "BACHATA_URL_HOSTS"


class Hosts(Protocol):
    """The hosts that files may be fetched from."""

    def allows(self, scheme: str, host: str, port: int) -> bool:
        """Return whether files may be fetched from a normalised host's port."""


class Url(NamedTuple):
    """A URL in normal form, without its fragment. `text` may hold secrets: print `origin` only."""

    text: str
    scheme: str
    host: str
    port: int

    @property
    def origin(self) -> str:
        """Return the scheme, the host, and the port where it is not the scheme's own."""
        return f"{self.scheme}://{self.host}{_port_suffix(self)}"


@dataclass(frozen=True)
class UrlRules:
    """What may be connected to: the hosts, and whether their addresses may be private."""

    hosts: Hosts
    allow_private: bool = False

    def check(self, text: str) -> Url:
        """Return a URL in normal form. Raises: `Poison` (`url_not_allowed`)."""
        url = parse(text)
        if not self.hosts.allows(url.scheme, url.host, url.port):
            entry = url.host + _port_suffix(url)
            message = f"nothing is fetched from '{entry}': to allow it, add it to {_VARIABLE}"
            raise Poison(f"{message} and start the worker again", reason="url_not_allowed")
        return url


def parse(text: str) -> Url:
    """Return a URL in normal form. Raises: `Poison` (`url_not_allowed`) for one that is not http(s), or not plain."""
    found = _URL.fullmatch(text)
    if found is None or len(text) > MAX_URL_CHARACTERS:
        raise _refused(text)
    scheme = found["scheme"].lower()
    port = int(found["port"] or DEFAULT_PORTS[scheme])
    try:
        host = normalised_host(found["host"])
    except ValueError as error:
        raise _refused(text) from error
    if not 0 < port < 1 << 16:
        raise _refused(text)
    url = Url("", scheme, host, port)
    rest = (found["rest"] or "/").partition("#")[0]
    return url._replace(text=url.origin + (rest if rest.startswith("/") else f"/{rest}"))


def written(text: str) -> str:
    """Return a URL that a person wrote in printable ASCII: its host as Punycode, the rest percent-encoded.

    A host that is none, or is not in Unicode, stays as it is.
    """
    scheme, _, rest = text.partition("://")
    host = re.split(r"[/?#:@\\]", rest, maxsplit=1)[0]
    with suppress(ValueError):
        rest = (host if host.isascii() else normalised_host(host)) + rest[len(host) :]
    return f"{scheme}://{quote(rest, safe=PRINTABLE, errors='surrogateescape')}"


def _port_suffix(url: Url) -> str:
    return "" if url.port == DEFAULT_PORTS[url.scheme] else f":{url.port}"


def _refused(text: str) -> Poison:
    """Return the fault of a URL that is not plain; without the URL, which may hold a password."""
    if _USER.match(text):
        message = "the URL has a user name or password, which every reader of the event could see: leave it out"
    else:
        message = (
            f"it is no URL of the form https://host/path in printable ASCII, with at most {MAX_URL_CHARACTERS} "
            "characters"
        )
    return Poison(message, reason="url_not_allowed")
