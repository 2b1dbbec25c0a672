"""The allow-list of hosts that files may be fetched from, compared by exact match after normalisation."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv6Address

YOUTUBE = "youtube"  # the word that stands for all hosts of YouTube's pages
YOUTUBE_HOSTS = frozenset({"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtu.be"})
DEFAULT_PORTS = {"http": 80, "https": 443}
_ENTRY = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/?#@\[\]\\%]+)(?::(?P<port>[0-9]{1,5}))?")
_LABEL = "[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True)
class AllowedHosts:
    """The hosts of an allow-list: `host`, for its scheme's own port only, or `host:port`."""

    entries: frozenset[str]

    @staticmethod
    def of(entries: tuple[str, ...]) -> AllowedHosts:
        """Return the allow-list of the normalised entries of a setting; `youtube` stands for YouTube's hosts."""
        found = frozenset(entries)
        return AllowedHosts(found - {YOUTUBE} | YOUTUBE_HOSTS if YOUTUBE in found else found)

    def allows(self, scheme: str, host: str, port: int) -> bool:
        """Return whether files may be fetched from a normalised host's port."""
        return f"{host}:{port}" in self.entries or (port == DEFAULT_PORTS[scheme] and host in self.entries)


def normalised_host(host: str) -> str:
    """Return a host's name in lower case, without the last dot, in ASCII (Punycode); an IPv6 address in brackets.

    Raises: `ValueError` for what is no host.
    """
    if host.startswith("["):
        return f"[{IPv6Address(host[1:-1])}]"
    name = host.lower().removesuffix(".")
    if not name.isascii():
        import idna

        name = idna.encode(name, uts46=True).decode()
    if not _HOST.fullmatch(name):
        raise ValueError("it is not the name of a host")
    return name


def normalised_entry(entry: str) -> str:
    """Return an entry of the allow-list, `host` or `host:port`, normalised. Raises: `ValueError`."""
    found = _ENTRY.fullmatch(entry)
    if found is None or not 0 < int(found["port"] or 1) < 1 << 16:
        raise ValueError(f"{entry!r} is not a host, or a host and a port")
    try:
        host = normalised_host(found["host"])
    except ValueError as error:  # `idna.IDNAError` is one
        raise ValueError(f"{entry!r} is not a host, or a host and a port") from error
    return f"{host}:{int(found['port'])}" if found["port"] else host
