"""Index the clips of a folder that the library does not have, for a pipeline."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.kafka_connection import KafkaConnection
from infra.settings import Settings
from schemas.faults import Poison
from schemas.move_submitted import MoveSubmitted
from schemas.request_ended import RequestEnded
from streams.client.client import Client
from streams.client.results import RequestResult
from streams.files.annotations import Annotations, annotation_file
from streams.files.clip_names import NamedClip, named_clips
from streams.files.clip_requests import clip_request, new_annotations
from streams.files.clips import find_clips, store_clips
from streams.kafka import kafka_faults
from streams.local.library import wait_for_library
from streams.local.services import Endpoint
from streams.operations.library_events import annotate_moves
from streams.pipeline.config import PipelineConfig

SOURCE = "/pipeline"


@dataclass(frozen=True)
class MovesFolder:
    """A folder of clips with its annotations, and how they are indexed."""

    settings: Settings
    clips: Path
    annotations: Path | None
    config: PipelineConfig

    async def index(self, service: Endpoint) -> tuple[str, ...]:
        """Index the clips that the library does not have; return warnings, also of clips that failed.

        Raises: `Poison` (`invalid_annotations`); `Retryable` (`worker`, `kafka`).
        """
        with ExitStack() as names:
            try:
                clips, warnings = await asyncio.to_thread(self._clips, service, names)
            except Poison as fault:
                if fault.reason == "no_clips":
                    return ()
                raise
            new = [clip for clip in clips if not clip.is_current]
            annotations = new_annotations(new, Annotations(self.annotations))
            with kafka_faults(service.kafka):
                by_content = {clip.sha256: annotation for clip, annotation in annotations.items()}
                await annotate_moves(service.kafka, by_content, SOURCE)
                requests = [clip_request(clip, annotations.get(clip), **self.clip_fields()) for clip in new]
                results = await index_clips(service.kafka, requests, self.at_once())
        return (*warnings, *(line for request in requests for line in _warnings(request, results)))

    def _clips(self, service: Endpoint, names: ExitStack) -> tuple[list[NamedClip], list[str]]:
        """Return the clips under their names, which other programs use too until `names` is closed."""
        found = find_clips([self.clips])
        stored, refused = store_clips(self.settings, found.files)
        wait_for_library(service)
        clips = names.enter_context(named_clips(self.settings, service, stored)) if stored else []
        return clips, [*found.warnings, *map(str, refused.values())]

    def at_once(self) -> int:
        """Return how many clips are indexed at the same time."""
        return self.config.max_workers if self.config.enable_parallel_move_analysis else 1

    def clip_fields(self) -> dict[str, Any]:
        """Return the fields that the config sets in the event of a clip."""
        return {
            "pose_rate_hz": self.config.target_fps,
            "pose_confidence": self.config.min_detection_confidence,
            "fresh": not self.config.enable_caching,
        }


def moves_folder(settings: Settings, config: PipelineConfig) -> MovesFolder:
    """Return the folder `moves` of the data folder."""
    folder = settings.data_dir / "moves"
    return MovesFolder(settings, folder, annotation_file(folder), config)


def demo_moves_folder(settings: Settings, config: PipelineConfig) -> MovesFolder:
    """Return the clips of the demo set."""
    return MovesFolder(settings, settings.demo_dir / "clips", annotation_file(settings.demo_dir), config)


async def index_clips(
    kafka: KafkaConnection, requests: Sequence[MoveSubmitted], at_once: int
) -> dict[str, RequestResult]:
    """Submit clips, at most `at_once` before one of them ends, and return the results by request id."""
    results = {str(request.request_id): RequestResult() for request in requests}
    waiting = deque(requests)
    if not waiting:
        return results
    async with Client(kafka, source=SOURCE) as client:
        for _ in range(min(at_once, len(waiting))):
            await client.submit_event(waiting.popleft())
        async for update in client.follow(list(results)):
            results[update.request_id].add(update)
            if isinstance(update, RequestEnded) and waiting:
                await client.submit_event(waiting.popleft())
    return results


def _warnings(request: MoveSubmitted, results: dict[str, RequestResult]) -> list[str]:
    found = results[str(request.request_id)]
    if found.result is not None:
        return [f"{request.clip}: {warning}" for warning in found.result.warnings]
    return [f"{request.clip} is no move: {found.ended.error if found.ended else 'no outcome'}"]
