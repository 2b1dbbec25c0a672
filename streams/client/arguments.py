"""The arguments of the client: a wrong one is refused in one line, before anything is sent or waited for."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from schemas.base import REQUEST_ID
from schemas.faults import Poison
from schemas.move_submitted import MoveSubmitted
from schemas.sequence_planned import SequencePlanned
from schemas.song_submitted import SongSubmitted

_MAX_CHARACTERS = 100
Request = SongSubmitted | MoveSubmitted | SequencePlanned


def path_of(song: object) -> Path:
    """Return the path of a file or folder. Raises: `Poison` (`invalid_event`) for what is not one."""
    path = os.fspath(song) if isinstance(song, (str, os.PathLike)) else None
    if not isinstance(path, str):
        raise _wrong(f"a song or folder is named by a path, not by {_kind(song)}")
    if not path or "\0" in path:
        raise _wrong(f"no file has the name '{path[:_MAX_CHARACTERS]}'")
    return Path(path)


def request_id_of(request_id: object) -> str:
    """Return a request id. Raises: `Poison` (`invalid_event`) for what cannot be one."""
    try:
        return REQUEST_ID.validate_python(request_id, strict=True)
    except ValidationError as error:
        text = f"'{request_id[:_MAX_CHARACTERS]}'" if isinstance(request_id, str) else _kind(request_id)
        raise _wrong(f"{text} is no request id: give the one that submit has returned") from error


def request_ids_of(request_ids: object) -> tuple[str, ...]:
    """Return the request ids in a collection. Raises: as `request_id_of`."""
    if isinstance(request_ids, str) or not isinstance(request_ids, Iterable):
        raise _wrong(f"request ids are given in a list, not as {_kind(request_ids)}")
    return tuple(request_id_of(request_id) for request_id in request_ids)


def requests_of(events: object) -> list[Request]:
    """Return the requests in a collection. Raises: `Poison` (`invalid_event`) for one that is something else."""
    return [_request(event) for event in (events if isinstance(events, Iterable) else [events])]


def _request(event: object) -> Request:
    if not isinstance(event, (SongSubmitted, MoveSubmitted, SequencePlanned)):
        raise _wrong(f"a request is a SongSubmitted, MoveSubmitted or SequencePlanned, not {_kind(event)}")
    return event


def _kind(value: object) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _wrong(problem: str) -> Poison:
    return Poison(problem, reason="invalid_event")
