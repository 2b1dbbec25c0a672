"""Copy the points of one index into another one, and compare them one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from time import sleep
from typing import NamedTuple, TypeVar

from infra.move_index.base import MoveIndex
from infra.move_index.errors import TooLargeError
from infra.move_index.points import SUMMARY_FIELD, NewPoint, StoredPoint, clip_of
from schemas.faults import Retryable

T = TypeVar("T")
_ATTEMPTS = 4  # of a request that takes too long
_MAX_DIFFERENCE = 1e-6  # of a vector's values: each engine stores 32-bit numbers and scales them to the length 1


class Migration(NamedTuple):
    """What a migration did: `written` of `points` were missing or different, all others were there already.

    `others`: points of the target that the source does not have; they stay.
    """

    points: int
    written: int
    others: int


def migrate(source: MoveIndex, target: MoveIndex, on_progress: Callable[[int, int], None]) -> Migration:
    """Write all points of `source` to `target`, read all of them again, and compare id, payload and vector.

    One that was ended before its end goes on where it was: points that are equal are not written again. `on_progress`
    gets the number of points that are done, and of all. Points of other programs are left out.

    Raises:
        Unavailable: one of both cannot be used.
        Retryable: (`move_index`) after it, a point is not equal: another program wrote to one of both meanwhile.
    """
    total, done, written = source.count(), 0, 0
    for page in _pages(source):
        different = _different(_moves(page), target)
        target.write_points([NewPoint(point.id, point.payload, point.vector) for point in different])
        done, written = done + len(page), written + len(different)
        on_progress(done, total)
    target.flush()
    verified = 0
    for page in _pages(source):
        points = _moves(page)
        if different := _different(points, target):
            problem = f"{len(different)} points are not equal after the migration, the first one {different[0].id}"
            raise Retryable(f"{problem}: run it again while nothing is indexed", reason="move_index")
        verified += len(points)
    return Migration(verified, written, target.count() - verified)


def _pages(index: MoveIndex) -> Iterator[list[StoredPoint]]:
    after: str | None = None
    while True:
        points, after = _answered(partial(index.read_points, after))
        yield points
        if after is None:
            return


def _moves(points: Sequence[StoredPoint]) -> list[StoredPoint]:
    return [point for point in points if clip_of(point) and SUMMARY_FIELD in point.payload]


def _answered(call: Callable[[], T]) -> T:
    """Return what a call returns; one that takes too long is tried again a few times."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return call()
        except TooLargeError as fault:
            sleep(fault.retry_after_s)
    return call()


def _different(points: Sequence[StoredPoint], target: MoveIndex) -> list[StoredPoint]:
    """Return those points that the target has not, or not the same."""
    ids = [point.id for point in points]
    stored = {point.id: point for point in _answered(lambda: target.find_points(ids))} if points else {}
    return [point for point in points if point.id not in stored or not _is_equal(point, stored[point.id])]


def _is_equal(first: StoredPoint, second: StoredPoint) -> bool:
    vectors = zip(first.vector, second.vector, strict=True)
    return first.payload == second.payload and all(abs(one - other) <= _MAX_DIFFERENCE for one, other in vectors)
