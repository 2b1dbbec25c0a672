"""The OpenAPI document of the HTTP API, from the models. `make docs` writes it to docs/openapi.json."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

from aiohttp import web
from pydantic import BaseModel, ConfigDict
from pydantic.json_schema import models_json_schema

from schemas.base import Code, Line, Name, RequestId, Sha256
from schemas.json_schema import closed
from schemas.limits import MAX_BYTES
from schemas.rendered import Video
from schemas.song_submitted import SongSubmitted
from streams.page.songs import QUERY

PATH = "/openapi.json"
FILE = Path(__file__).resolve().parent.parent.parent / "docs" / "openapi.json"
_REF = "#/components/schemas/{model}"
_BINARY = {"type": "string", "format": "binary"}
_ERRORS = {
    "400": "The request is not valid.",
    "401": "The token is missing or wrong.",
    "404": "There is no such request, or no video of it on this machine.",
    "408": "The body did not arrive in time.",
    "409": "The request has already ended.",
    "413": f"The song is larger than {MAX_BYTES['audio'] >> 20} MiB, or the JSON larger than 1 MiB.",
    "422": "The request id or Idempotency-Key was used for another request.",
    "503": "Kafka does not answer, or too many songs are being received: send it again later, with the same id.",
    "507": "The disk is full.",
}


class Accepted(BaseModel):
    """A request that is accepted."""

    request_id: RequestId


class Problem(BaseModel):
    """Why a request to the API failed. `error`: one line. `reason`: a reason code, if there is one."""

    error: str
    reason: Code | None = None


class StepState(BaseModel):
    """The last progress of a step: see the event `progress`."""

    model_config = ConfigDict(extra="allow")

    state: str
    fraction: float = 0.0
    cached: bool = False
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_rss_bytes: int = 0
    reason: Code | None = None
    error: Line | None = None
    dead_letter_id: Code | None = None


class RequestState(BaseModel):
    """The state of a request. `outcome` is null until it has ended; `ended_by` is the step that ended it."""

    model_config = ConfigDict(extra="allow")

    request_id: RequestId
    subject: Name
    steps: dict[str, StepState]
    outcome: str | None
    ended_by: Name | None = None
    reason: Code | None = None
    error: Line | None = None
    dead_letter_id: Code | None = None
    clip_sha256: Sha256 | None = None
    video: Video | None = None


def route() -> web.RouteDef:
    """Return the route of the document."""

    async def get(_: web.Request) -> web.Response:
        return web.json_response(text=json.dumps(document()))

    return web.get(PATH, get)


def document() -> dict[str, Any]:
    """Return the document."""
    return {
        "openapi": "3.1.0",
        "info": {"title": "Bachata Streams", "version": version("bachata-streams"), "license": {"name": "MIT"}},
        "security": [{"token": []}],
        "paths": {
            "/songs": {"post": _submit()},
            "/requests/{request_id}": {"parameters": [_request_id()], "get": _state(), "delete": _cancel()},
            "/requests/{request_id}/video": {"parameters": [_request_id()], "get": _video()},
        },
        "components": {
            "schemas": {**_schemas(Accepted, Problem, RequestState), **_request_schemas()},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _schemas(*models: type[BaseModel]) -> dict[str, Any]:
    _, schemas = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    return cast("dict[str, Any]", schemas["$defs"])


def _request_schemas() -> dict[str, Any]:
    """Return the schemas of what is sent, which refuse unknown fields; `FormRequest` is `SongSubmitted` in a form."""
    schemas: dict[str, Any] = closed(_schemas(SongSubmitted))
    song = schemas["SongSubmitted"]
    in_form = {name: schema for name, schema in song["properties"].items() if name != "source"}
    form = {"title": "FormRequest", "type": "object", "additionalProperties": False, "properties": in_form}
    return {**schemas, "FormRequest": form}


def _submit() -> dict[str, Any]:
    parts = {"song": _BINARY, "request": _ref("FormRequest")}
    form = {"type": "object", "required": ["song"], "additionalProperties": False, "properties": parts}
    location = {"description": "The path of the request.", "schema": {"type": "string"}}
    return {
        "operationId": "submitSong",
        "summary": "Submit a song: its bytes, a form with the bytes, or JSON that names its source.",
        "description": "In a form the part `request` has no `source`. Options in the query go with bytes alone.",
        "parameters": [_idempotency_key(), *map(_query, QUERY)],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": _ref("SongSubmitted")},
                "multipart/form-data": {"schema": form, "encoding": {"request": {"contentType": "application/json"}}},
                "application/octet-stream": {"schema": _BINARY},
                "audio/*": {"schema": _BINARY},
            },
        },
        "responses": {
            "202": _answer("It is accepted. The same id or key again gives the same answer.", "Accepted")
            | {"headers": {"Location": location}},
            **_problems("400", "401", "408", "413", "422", "503", "507"),
        },
    }


def _state() -> dict[str, Any]:
    answers = {"200": _answer("The state.", "RequestState"), **_problems("401", "404")}
    return {"operationId": "getRequest", "summary": "Return the state of a request.", "responses": answers}


def _cancel() -> dict[str, Any]:
    accepted = _answer("It will be cancelled, unless it ends before; its state has the outcome.", "Accepted")
    answers = {"202": accepted, **_problems("400", "401", "409", "503")}
    return {"operationId": "cancelRequest", "summary": "Cancel a request.", "responses": answers}


def _video() -> dict[str, Any]:
    video = {"content": {"video/mp4": {"schema": _BINARY}}}
    answers = {"200": {"description": "The video.", **video}, "206": {"description": "A part of it.", **video}}
    summary = "Return the video of a request that is done; parts of it by the header `Range`."
    return {"operationId": "getVideo", "summary": summary, "responses": {**answers, **_problems("401", "404")}}


def _ref(model: str) -> dict[str, Any]:
    return {"$ref": _REF.format(model=model)}


def _answer(description: str, model: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _ref(model)}}}


def _problems(*statuses: str) -> dict[str, Any]:
    return {status: _answer(_ERRORS[status], "Problem") for status in statuses}


def _request_id() -> dict[str, Any]:
    return {"name": "request_id", "in": "path", "required": True, "schema": {"type": "string"}}


def _idempotency_key() -> dict[str, Any]:
    description = "A text of yours; the same one again is the same request."
    schema = {"type": "string", "maxLength": 255}
    return {"name": "Idempotency-Key", "in": "header", "description": description, "schema": schema}


def _query(name: str) -> dict[str, Any]:
    return {"name": name, "in": "query", "schema": {"type": "string"}}


if __name__ == "__main__":
    FILE.write_text(json.dumps(document(), indent=2) + "\n")
