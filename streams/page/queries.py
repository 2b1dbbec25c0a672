"""The query of a URL: a route names the parameters that it takes, and all others are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiohttp import web

from schemas.faults import Poison

_NAMES = "query_names"

H = TypeVar("H", bound=Callable[..., Awaitable[web.StreamResponse]])


def takes_query(*names: str) -> Callable[[H], H]:
    """Return a decorator of a handler whose query may have these parameters, each once."""

    def mark(handler: H) -> H:
        setattr(handler, _NAMES, frozenset(names))
        return handler

    return mark


def check_query(request: web.Request) -> None:
    """Check the parameters of a request. Raises: `Poison` (`invalid_query`) for one that is unknown or repeated."""
    names: frozenset[str] = getattr(request.match_info.handler, _NAMES, frozenset())
    for name, times in Counter(name for name, _ in request.query.items()).items():
        if name not in names:
            choices = f"the parameters are {', '.join(sorted(names))}" if names else "there is none here"
            raise Poison(f"'{name}' is no parameter of the query: {choices}", reason="invalid_query")
        if times > 1:
            raise Poison(f"'{name}' is {times} times in the query", reason="invalid_query")
