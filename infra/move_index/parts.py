"""How many points one request writes: as many as the engine takes in time, and not too many bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

_MAX_BYTES = 8 << 20  # of a request; a server takes 32 MiB by default
_REMEMBERED = 64  # requests, in which a number that failed is not tried again
_FAST = 0.25  # of the time limit: twice as many points then take at most half of it


class PartSize:
    """The number of points of one request, at most `max_points`.

    A request that failed is followed by one with half as many. The number is doubled after a fast request only, and for
    a while not to a number that failed, so that one that takes too long is not tried again and again.
    """

    def __init__(self, max_points: int, time_limit_s: float) -> None:
        self._max_points = self._points = max_points
        self._fast_s = _FAST * time_limit_s
        self._failed_points = max_points + 1
        self._successes = 0  # since the last failure

    def part(self, items: Sequence[T], start: int, bytes_of: Callable[[T], int]) -> Sequence[T]:
        """Return the items of the next request, from `start` on; at least one."""
        end, size = start + 1, bytes_of(items[start])
        while end < min(start + self._points, len(items)) and (size := size + bytes_of(items[end])) <= _MAX_BYTES:
            end += 1
        return items[start:end]

    def succeeded(self, points: int, seconds: float) -> None:
        """Note that a request with so many points took so long."""
        self._successes += 1
        if self._successes >= _REMEMBERED:
            self._failed_points = self._max_points + 1
        doubled = min(self._max_points, 2 * self._points)
        if points >= self._points and seconds <= self._fast_s and doubled < self._failed_points:
            self._points = doubled

    def failed(self, points: int) -> None:
        """Note that a request with so many points was too large."""
        self._points, self._failed_points, self._successes = max(1, points // 2), points, 0
