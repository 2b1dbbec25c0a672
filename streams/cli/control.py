"""`cancel`, `hold` and `resume`: control requests that were submitted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import click

from infra.settings import load_settings
from schemas.faults import Retryable
from streams.cli.output import command, print_json, print_line, print_output

if TYPE_CHECKING:
    from infra.kafka_connection import KafkaConnection
    from streams.request_events import Action

_SOURCE = "/command-line"
_TIMEOUT_S = 60.0  # for the worker's answer
_ids = click.argument("request_ids", nargs=-1, required=True, metavar="REQUEST_ID...")


@click.command()
@_ids
@command
def cancel(request_ids: tuple[str, ...], as_json: bool) -> None:
    """End each request: what waits is not begun, what runs is stopped, and no file of it is left.

    A request that has already ended stays as it is.
    """
    from streams.local.services import stream

    with stream(load_settings(), print_line) as endpoint:
        try:
            cancelled = asyncio.run(_cancel(endpoint.kafka, request_ids))
        except TimeoutError as error:
            message = f"no worker has answered within {_TIMEOUT_S:.0f} s; the next one that runs cancels the requests"
            raise Retryable(message, reason="worker") from error
    if as_json:
        return print_json({"requests": [{"request_id": id_, "cancelled": done} for id_, done in cancelled.items()]})
    for request_id, done in cancelled.items():
        print_output(f"{request_id}: {'cancelled' if done else 'it had already ended'}")
    return None


@click.command()
@_ids
@command
def hold(request_ids: tuple[str, ...], as_json: bool) -> None:
    """Let no further step begin to work on each request until it is resumed; a step that works on it finishes."""
    _control(request_ids, "hold", "held", as_json=as_json)


@click.command()
@_ids
@command
def resume(request_ids: tuple[str, ...], as_json: bool) -> None:
    """Let each request go on that was held."""
    _control(request_ids, "resume", "resumed", as_json=as_json)


async def _cancel(kafka: KafkaConnection, request_ids: Sequence[str]) -> Mapping[str, bool]:
    from streams.client import Client

    async with Client(kafka, source=_SOURCE) as client:
        found = await asyncio.gather(*[client.cancel(request_id, timeout_s=_TIMEOUT_S) for request_id in request_ids])
    return dict(zip(request_ids, found, strict=True))


def _control(request_ids: Sequence[str], action: Action, done: str, *, as_json: bool) -> None:
    from streams.local.services import local_kafka

    with local_kafka(load_settings(), print_line) as kafka:
        asyncio.run(_send(kafka, request_ids, action))
    if as_json:
        print_json({"requests": [{"request_id": request_id, "action": action} for request_id in request_ids]})
    else:
        for request_id in request_ids:
            print_output(f"{request_id}: {done}")


async def _send(kafka: KafkaConnection, request_ids: Sequence[str], action: Action) -> None:
    from streams.client import Client

    async with Client(kafka, source=_SOURCE) as client:
        for request_id in request_ids:
            await (client.hold if action == "hold" else client.resume)(request_id)
