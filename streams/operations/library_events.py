"""Change the library without a step: annotations of moves, and removals."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from infra.kafka_connection import KafkaConnection
from schemas.move_annotated import MoveAnnotated, MoveAnnotation
from streams.envelope import event_headers
from streams.ids import event_id, new_request_id
from streams.operations.topic_history import producer_of
from streams.topics import MOVE_ANNOTATED, MOVE_INDEXED, Topic

_COMMAND_LINE = "/command-line"


async def annotate_moves(
    kafka: KafkaConnection, annotations: Mapping[str, MoveAnnotation], source: str = _COMMAND_LINE
) -> None:
    """Publish the annotations of clips, named by their sha256, each in place of the clip's earlier one.

    `source`: that of the events. Raises: `Retryable` (`kafka`).
    """
    await _publish(kafka, MOVE_ANNOTATED, "annotated", _annotated(annotations), source)


async def remove_moves(kafka: KafkaConnection, clips: Sequence[str]) -> None:
    """Publish the removal of the moves of these clips, named by their sha256: a record without a value.

    Each worker applies it when it reads it. Raises: `Retryable` (`kafka`).
    """
    await _publish(kafka, MOVE_INDEXED, "removed", ((clip, None) for clip in clips))


def _annotated(annotations: Mapping[str, MoveAnnotation]) -> Iterator[tuple[str, bytes]]:
    for clip, annotation in annotations.items():
        event = MoveAnnotated(clip_sha256=clip, annotation=annotation)
        yield clip, event.model_dump_json(exclude_defaults=True).encode()


async def _publish(
    kafka: KafkaConnection,
    topic: Topic,
    kind: str,
    values: Iterable[tuple[str, bytes | None]],
    source: str = _COMMAND_LINE,
) -> None:
    """Publish values by clip, and return when the broker has all of them."""
    async with producer_of(kafka) as producer:
        sent = []
        for clip, value in values:
            request_id = new_request_id()
            headers = event_headers(topic, source, event_id(kind, request_id), request_id)
            sent.append(await producer.send(topic.full_name, value, key=clip.encode(), headers=headers))
        for acknowledged in sent:
            await acknowledged
