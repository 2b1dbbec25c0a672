"""A process that lets yt-dlp find the file of one page. It reads its request from stdin, and writes one JSON object.

The audit hook of Python refuses every look-up, connection and program that is not allowed, whatever yt-dlp attempts. Of
its many extractors only the site's own is loaded; it reads no configuration, plugins, cookies or cache.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import PurePath
from typing import Any

from infra.base.die_with_parent import die_with_parent
from infra.base.public_address import is_public
from schemas.faults import Fault, Poison, Retryable, to_json
from schemas.limits import MediaKind

_SOCKET_TIMEOUT_S = 20.0
_PROGRAMS = frozenset({"deno"})  # runs the scripts of YouTube's pages, without access to network and files
_STARTS = frozenset({"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "os.forkpty"})
_URL = re.compile(r"\S+://\S+")
_FORMATS: dict[MediaKind, str] = {
    "audio": "bestaudio[protocol~='^https?$']/best[protocol~='^https?$']",
    "video": "best[protocol~='^https?$']",
}


class _QuietLogger:
    """Ignores what yt-dlp prints: it may contain URLs with secrets."""

    def debug(self, message: str) -> None:
        """Ignore a message."""

    info = warning = error = debug


def main(make_extractors: Callable[[], list[Any]]) -> None:
    """Answer the request on stdin by the extractors of a site."""
    die_with_parent(int(sys.argv[1]))
    request = json.loads(sys.stdin.readline())
    sys.modules["curl_cffi"] = None  # type: ignore[assignment] # its connections are not Python's, so not checked
    restrict(request["domains"], allow_private=request["allow_private"])
    print(json.dumps(answer(request, make_extractors)))


def answer(request: dict[str, Any], make_extractors: Callable[[], list[Any]]) -> dict[str, Any]:
    """Return the fields of `FoundFile`, or those of a fault; an error that is none may contain a URL: only its type."""
    try:
        return find(request["page"], request["kind"], make_extractors())
    except Fault as fault:
        return to_json(fault)
    except Exception as error:  # noqa: BLE001 - pages of strangers, read by code that changes as they do
        message = f"yt-dlp broke down ({type(error).__name__}); a newer one may help"
        return to_json(Retryable(message, reason="download_failed"))


def _youtube() -> list[Any]:
    from yt_dlp.extractor.youtube import YoutubeIE

    return [YoutubeIE()]


def restrict(domains: Iterable[str], *, allow_private: bool) -> None:
    """Refuse from now on to look up hosts that are not below the domains, to connect elsewhere, to start programs.

    This cannot be undone. An action that is refused raises `PermissionError`.
    """
    allowed = tuple(domains)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"}:
            host = str(arguments[0] or "").lower().rstrip(".")
            if not any(host == domain or host.endswith(f".{domain}") for domain in allowed):
                raise PermissionError("a host that is not allowed")
        elif event in {"socket.connect", "socket.sendto", "socket.sendmsg"}:
            address = arguments[1]
            if not (allow_private or (isinstance(address, tuple) and is_public(str(address[0])))):
                raise PermissionError("an address that is not public")
        elif event in _STARTS and not _is_allowed_program(event, arguments):
            raise PermissionError("a program that is not allowed")

    sys.addaudithook(hook)


def _is_allowed_program(event: str, arguments: tuple[Any, ...]) -> bool:
    if event != "subprocess.Popen":
        return False
    executable, command = arguments[:2]
    return PurePath(os.fsdecode(executable or command[0])).name in _PROGRAMS


def find(page: str, kind: MediaKind, extractors: Iterable[Any]) -> dict[str, Any]:
    """Return the fields of `FoundFile`. Raises: `Poison` or `Retryable` (`download_failed`, `no_network`)."""
    from yt_dlp import YoutubeDL
    from yt_dlp.utils import YoutubeDLError

    with YoutubeDL(_options(kind), auto_init=False) as finder:
        for extractor in extractors:
            finder.add_info_extractor(extractor)
        try:
            info: dict[str, Any] = finder.extract_info(page, download=False)
        except YoutubeDLError as error:
            raise _fault_of(error) from error
    return _fields(info or {})


def _options(kind: MediaKind) -> dict[str, Any]:
    return {
        "format": _FORMATS[kind],
        "noplaylist": True,
        "proxy": "",  # none, whatever the environment names
        "cachedir": False,
        "socket_timeout": _SOCKET_TIMEOUT_S,
        "extractor_retries": 1,
        "check_formats": False,
        "no_color": True,
        "quiet": True,
        "logger": _QuietLogger(),
    }


def _fields(info: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(info.get("url"), str) or info.get("is_live"):
        raise Poison("the page has no song or clip that can be downloaded", reason="download_failed")
    return {
        "url": info["url"],
        "headers": {str(name): str(value) for name, value in (info.get("http_headers") or {}).items()},
        "title": info.get("title"),
        "duration_s": info.get("duration"),
    }


def _fault_of(error: Exception) -> Fault:
    """Return the fault for an error of yt-dlp; one of the network may pass."""
    from yt_dlp.networking.exceptions import HTTPError, TransportError

    message = f"yt-dlp cannot find the file: {_URL.sub('…', str(error)).removeprefix('ERROR: ')}"
    for cause in _causes(error):
        if isinstance(cause, HTTPError) and (cause.status >= 500 or cause.status == 429):
            return Retryable(message, reason="download_failed")
        if isinstance(cause, TransportError) and not _is_refusal(cause):
            return Retryable(message, reason="no_network")
    return Poison(message, reason="download_failed")


def _is_refusal(error: BaseException) -> bool:
    return any(isinstance(cause, PermissionError) for cause in _causes(error))


def _causes(error: BaseException) -> Iterable[BaseException]:
    """Yield an error and what caused it, as Python and yt-dlp note it."""
    found: list[BaseException] = [error]
    for current in found:
        noted = (getattr(current, "exc_info", None) or (None, None))[1], getattr(current, "cause", None)
        for cause in (*noted, current.__cause__, current.__context__):
            if isinstance(cause, BaseException) and all(cause is not other for other in found):
                found.append(cause)
    return found


if __name__ == "__main__":
    main(_youtube)
