"""`POST /songs`: submit a song by its bytes, in a form, or by naming its source."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, cast

from aiohttp import BodyPartReader, web
from pydantic import ValidationError

from infra.media_store import MediaStore
from schemas.base import Options
from schemas.faults import Poison, Unavailable, invalid_event
from schemas.limits import MAX_BYTES
from schemas.song_submitted import SongSubmitted
from streams.ids import digest, new_request_id
from streams.page.connections import Connection
from streams.page.queries import takes_query
from streams.page.responses import error_response
from streams.page.submissions import Submissions

_UPLOAD_TIMEOUT_S = 1800.0  # of a whole request
_SILENCE_TIMEOUT_S = 30.0  # between two parts of a body
_MAX_UPLOADS = 8
_MAX_JSON_BYTES = 1 << 20
_BLOCK = 1 << 20
_WITH_JSON = frozenset({"application/json", "multipart/form-data"})
_MAX_TITLE_CHARACTERS = 200
_MAX_KEY_CHARACTERS = 255
_IN_JSON_ONLY = frozenset({"pins", "bans", "only_in", "rules"})  # options that are more than one text or number
_OPTIONS = frozenset(Options.model_fields) - _IN_JSON_ONLY
QUERY = ("title", "priority", "request_id", *(name for name in Options.model_fields if name in _OPTIONS))


@dataclass
class Songs:
    """Takes songs. `shortage`: the fault of a full disk; `kafka_problem`: why nothing can be sent, or nothing."""

    media: MediaStore
    submissions: Submissions
    shortage: Callable[[], Unavailable | None]
    kafka_problem: Callable[[], str]
    _uploads: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_MAX_UPLOADS))

    def routes(self) -> list[web.RouteDef]:
        """Return the route."""
        return [web.post("/songs", self._post)]

    @takes_query(*QUERY)
    async def _post(self, request: web.Request) -> web.Response:
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        async with self._uploads:
            cast("Connection", request.protocol).close_after(_UPLOAD_TIMEOUT_S)
            submitted = await self._read(request)
        await self.submissions.submit(submitted)
        place = f"/requests/{submitted.request_id}"
        return web.json_response({"request_id": submitted.request_id}, status=202, headers={"Location": place})

    def _refusal(self, request: web.Request) -> web.Response | None:
        """Return the response to a request that cannot be taken now, before its body is read."""
        if problem := self.kafka_problem():
            return error_response(503, problem, "kafka")
        if (shortage := self.shortage()) is not None:
            raise shortage
        if (request.content_length or 0) > MAX_BYTES["audio"] + _MAX_JSON_BYTES:
            return error_response(413, f"larger than {MAX_BYTES['audio'] >> 20} MiB", "too_large")
        if self._uploads.locked():
            return error_response(503, f"{_MAX_UPLOADS} songs are being received; send it again later", "worker")
        return None

    async def _read(self, request: web.Request) -> SongSubmitted:
        kind = request.content_type
        if kind in _WITH_JSON and request.query:
            name = next(iter(request.query))
            raise Poison(f"'{name}' goes with the bytes of a song alone: write it into the JSON", "invalid_query")
        if kind == "application/json":
            fields = _as_object(await _small_body(_blocks(request.content)))
        elif kind == "multipart/form-data":
            fields = await self._form(request)
        else:
            fields = _of_query(request.query)
            fields["source"] = {"sha256": await self._stored(_blocks(request.content))}
        if fields.get("request_id") is None:
            fields["request_id"] = _request_id(request.headers.getall("Idempotency-Key", []))
        return _validated(fields)

    async def _form(self, request: web.Request) -> dict[str, Any]:
        """Return the fields of a form: `request`, a JSON object, and `song`, a file, which may be in any order."""
        parts: dict[str, dict[str, Any]] = {}
        async for part in await request.multipart():
            name = part.name if isinstance(part, BodyPartReader) else None
            if not isinstance(part, BodyPartReader) or name not in {"request", "song"}:
                raise Poison(f"'{name or ''}' is no part of the form: these are 'request' and 'song'", "invalid_event")
            if name in parts:
                raise Poison(f"the form has more than one part '{name}'", reason="invalid_event")
            if name == "request":
                parts[name] = _without_source(_as_object(await _small_body(_blocks_of_part(part))))
            else:
                source = {"sha256": await self._stored(_blocks_of_part(part))}
                parts[name] = {"title": _title(part.filename), "source": source}
        if "song" not in parts:
            raise Poison("the form has no part 'song'", reason="invalid_event")
        return parts["song"] | parts.get("request", {})

    async def _stored(self, blocks: AsyncIterator[bytes]) -> str:
        """Return the SHA-256 of the bytes, which are in the media store. Raises: as `IncomingFile`."""
        with self.media.receive("audio") as incoming:
            async for block in blocks:
                await asyncio.to_thread(incoming.write, block)
            return (await asyncio.to_thread(incoming.store)).sha256


async def _blocks(content: Any) -> AsyncIterator[bytes]:
    """Yield the body in blocks of about a MiB. Raises: `TimeoutError` if nothing arrives for 30 s."""
    block = bytearray()
    while True:
        async with asyncio.timeout(_SILENCE_TIMEOUT_S):
            part = await content.readany()
        block += part
        if block and (not part or len(block) >= _BLOCK):
            yield bytes(block)
            block.clear()
        if not part:
            return


async def _blocks_of_part(part: BodyPartReader) -> AsyncIterator[bytes]:
    while True:
        async with asyncio.timeout(_SILENCE_TIMEOUT_S):
            block = await part.read_chunk(1 << 16)
        if not block:
            return
        yield bytes(block)


async def _small_body(blocks: AsyncIterator[bytes]) -> bytes:
    body = b""
    async for block in blocks:
        body += block
        if len(body) > _MAX_JSON_BYTES:
            raise Poison(f"the JSON is larger than {_MAX_JSON_BYTES >> 20} MiB", reason="too_large")
    return body


def _as_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Poison("the request is not JSON", reason="invalid_event") from error
    if not isinstance(value, dict):
        raise Poison("the request is not a JSON object", reason="invalid_event")
    return value


def _without_source(fields: dict[str, Any]) -> dict[str, Any]:
    if "source" in fields:
        raise Poison("source: in a form, the part 'song' is the source", reason="invalid_event")
    return fields


def _of_query(query: Mapping[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {name: query[name] for name in query.keys() - _OPTIONS}
    return fields | {"options": {name: query[name] for name in query.keys() & _OPTIONS}}


def _request_id(keys: list[str]) -> str:
    """Return a request id for a header `Idempotency-Key`: always the same; a new one without."""
    if not keys:
        return new_request_id()
    if len(keys) > 1 or not 0 < len(keys[0]) <= _MAX_KEY_CHARACTERS:
        raise Poison(f"Idempotency-Key is one text of up to {_MAX_KEY_CHARACTERS} characters", "invalid_event")
    return f"http-{digest(keys[0])}"


def _title(file_name: str | None) -> str | None:
    """Return the title of a song for the name of its file, without folders and ending. It is no path of ours."""
    stem = PurePosixPath((file_name or "").replace("\\", "/")).stem
    return stem[:_MAX_TITLE_CHARACTERS] or None


def _validated(fields: dict[str, Any]) -> SongSubmitted:
    try:
        return SongSubmitted.model_validate(fields, extra="forbid")
    except ValidationError as error:
        raise invalid_event(SongSubmitted, error) from error
