"""Make choreographies from another program, as the earlier application did: start what is needed, submit and wait.

async with ChoreoGenerationPipeline(PipelineConfig(quality_mode="fast")) as pipeline:
    choreography = await pipeline.generate_choreography("song.mp3", duration="1min")
    print(choreography.video_path)
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakKeyDictionary

from pydantic import ValidationError

from infra.base.derived_files import remove_unused
from infra.settings import load_settings
from schemas.base import Options, Source
from schemas.faults import Fault, Poison, Retryable, invalid_event
from schemas.rendered import Rendered
from schemas.sequence_planned import ShownPart
from schemas.song_submitted import SongSubmitted
from streams.background import to_its_end
from streams.client.arguments import path_of
from streams.client.client import Client
from streams.client.results import RequestResult
from streams.files.user_files import store_file, title_of, video_file
from streams.ids import new_request_id
from streams.kafka import kafka_faults
from streams.local.services import Endpoint
from streams.pipeline.config import PipelineConfig
from streams.pipeline.moves import SOURCE, demo_moves_folder, moves_folder
from streams.pipeline.services import PipelineServices

_NO_OPTIONS = Options()


@dataclass(frozen=True)
class Choreography:
    """A finished choreography.

    `moves`: what the video shows, in order. `warnings`: doubts about the song, the clips and the video. `step_seconds`:
    the duration of each step, by its name. `is_cached`: the video is that of an earlier request.
    """

    request_id: str
    video_path: Path
    duration_s: float
    tempo_bpm: float
    moves: tuple[ShownPart, ...]
    warnings: tuple[str, ...]
    step_seconds: Mapping[str, float]
    is_cached: bool


class ChoreographyError(Exception):
    """No choreography was made. `reason`: the code, one of docs/reasons.md.

    `request_id` and `dead_letter_id`: those of the request and its event, where it was submitted and failed.
    """

    def __init__(
        self, message: str, reason: str, request_id: str | None = None, dead_letter_id: str | None = None
    ) -> None:
        """Describe the failure in one line."""
        super().__init__(message)
        self.reason = reason
        self.request_id = request_id
        self.dead_letter_id = dead_letter_id


class ChoreoGenerationPipeline:
    """Makes choreographies with the services of the data folder, which it starts where none run, until it is closed.

    The first call indexes the clips of the folder `moves` in the data folder that the library does not have. With
    `demo_moves`, the demo moves are indexed where the library then has no moves to dance. Calls may run at the same
    time; also those of several event loops, one after the other.
    """

    def __init__(self, config: PipelineConfig | None = None, *, demo_moves: bool = False) -> None:
        """Start nothing yet. Raises: `Poison` (`settings`) for a config that is something else."""
        self.config = PipelineConfig() if config is None else config
        if not isinstance(self.config, PipelineConfig):
            raise Poison(f"config is a PipelineConfig, not a {type(config).__name__}", "settings")
        self._demo_moves = demo_moves
        self._services = PipelineServices(_environment(self.config))
        self._indexing: asyncio.Task[tuple[str, ...]] | None = None
        self._limits: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._songs_to_remove: set[str] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Remove what is left to remove, and let the services end that nobody else uses. Another call starts them."""
        await asyncio.to_thread(self._remove_files)
        await asyncio.to_thread(self._services.close)

    async def generate_choreography(  # noqa: PLR0913 - those of the earlier application, and what is new
        self,
        audio_input: str | os.PathLike[str],
        duration: str = "1min",
        difficulty: str = "intermediate",
        energy_level: str | None = None,
        *,
        seed: int = 0,
        options: Options = _NO_OPTIONS,
    ) -> Choreography:
        """Make a choreography of a song and return it when its video is there.

        `audio_input`: a file, or an http or https URL. `duration`: 30s, 1min or full. `difficulty`: beginner,
        intermediate or advanced. `energy_level`: low, medium or high; None: as in the song. `options`: all that can be
        asked of a choreography; what it sets holds in place of the other arguments and of the config's quality. A call
        that is cancelled does not cancel the request. Raises: `ChoreographyError`.
        """
        values = {"duration": duration, "difficulty": difficulty, "energy": energy_level, "seed": seed}
        with _as_errors():
            song = await asyncio.to_thread(self._song, audio_input, values, options)
            service = await to_its_end(asyncio.to_thread(self._services.endpoint))
            warnings = await self._index_moves(service)
            try:
                async with self._limit():
                    result = await self._follow(service, song)
                return await asyncio.to_thread(self._choreography, result, warnings)
            finally:
                await asyncio.to_thread(self._remove_files)

    def _song(
        self, audio_input: str | os.PathLike[str], values: Mapping[str, Any], options: Options = _NO_OPTIONS
    ) -> SongSubmitted:
        """Return the request. A file is stored. Raises: `Poison`."""
        try:
            wanted = Options.model_validate(options).model_dump(exclude_unset=True)
            asked = Options.model_validate({**values, "quality": self.config.quality_mode, **wanted})
            source, title = _source(audio_input)
            return SongSubmitted(
                source=source,
                title=title,
                request_id=new_request_id(),
                options=asked,
                fresh=not self.config.enable_caching,
            )
        except ValidationError as error:
            raise invalid_event(SongSubmitted, error) from error

    async def _index_moves(self, service: Endpoint) -> tuple[str, ...]:
        """Index the moves once, and return the warnings. All calls wait for it; after a failure one tries again."""
        indexing = self._indexing
        if indexing is None or (indexing.done() and (indexing.cancelled() or indexing.exception() is not None)):
            self._indexing = indexing = asyncio.create_task(self._index(service))
        return await asyncio.shield(indexing)

    async def _index(self, service: Endpoint) -> tuple[str, ...]:
        settings = load_settings()
        warnings: tuple[str, ...] = ()
        if (settings.data_dir / "moves").is_dir():
            warnings = await moves_folder(settings, self.config).index(service)
        if self._demo_moves and not (await asyncio.to_thread(service.get, "/library/usable"))["usable"]:
            warnings += await demo_moves_folder(settings, self.config).index(service)
        return warnings

    @asynccontextmanager
    async def _limit(self) -> AsyncIterator[None]:
        """Wait while `max_workers` calls of this event loop are being worked on."""
        limits = self._limits.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self.config.max_workers))
        async with limits:
            yield

    async def _follow(self, service: Endpoint, song: SongSubmitted) -> RequestResult:
        request_id = str(song.request_id)
        with kafka_faults(service.kafka):
            async with Client(service.kafka, source=SOURCE) as client:
                await client.submit_event(song)
                return await _result(client, request_id)

    def _choreography(self, result: RequestResult, warnings: tuple[str, ...]) -> Choreography:
        """Return what was made. Raises: `ChoreographyError`; `Poison` for a file that is not the video."""
        ended, rendered = result.ended, result.result
        if ended is None or not isinstance(rendered, Rendered):
            raise _error(result)
        if self.config.cleanup_after_generation:
            self._songs_to_remove.add(rendered.song.sha256)
        return Choreography(
            request_id=rendered.request_id,
            video_path=video_file(load_settings(), rendered.video),
            duration_s=rendered.video.duration_s,
            tempo_bpm=rendered.tempo_bpm,
            moves=rendered.segments,
            warnings=(*warnings, *rendered.warnings),
            step_seconds={name: cost["seconds"] for name, cost in result.costs().items()},
            is_cached=result.is_cached,
        )

    def _remove_files(self) -> None:
        """Remove the encoded songs that are no longer needed, and what is beyond the limit; nothing that is in use."""
        folder = load_settings().derived_dir
        for sha256 in self._songs_to_remove.copy():
            remove_unused(folder, 0, f"{sha256}-*")
            if not any((folder / "audio").glob(f"{sha256}-*")):
                self._songs_to_remove.discard(sha256)
        has_limit = self._services.has_started or "max_cache_size_mb" in self.config.model_fields_set
        if has_limit and self.config.max_cache_size_mb:
            remove_unused(folder, self.config.max_cache_size_mb << 20)


async def _result(client: Client, request_id: str) -> RequestResult:
    """Return what is known of a request when it is complete."""
    result = RequestResult()
    async for update in client.follow([request_id]):
        result.add(update)
    return result


def _environment(config: PipelineConfig) -> dict[str, str]:
    return {
        "BACHATA_STEP_PROCESSES": str(config.max_workers),
        "BACHATA_MAX_CACHE_MB": str(config.max_cache_size_mb),
    }


def _source(audio_input: str | os.PathLike[str]) -> tuple[Source, str | None]:
    """Return a song's source, and the title of a file, which is stored. Raises: `Poison`, `ValidationError`."""
    if isinstance(audio_input, str) and audio_input.lower().startswith(("http://", "https://")):
        return Source(url=audio_input), None
    file = path_of(audio_input)
    return Source(sha256=store_file(load_settings(), file, "audio").sha256), title_of(file)


def _error(result: RequestResult) -> ChoreographyError:
    ended = result.ended
    if ended is None:
        raise Retryable("the request has no outcome", reason="kafka")
    message = ended.error or f"the request was {ended.outcome}"
    return ChoreographyError(message, ended.reason or ended.outcome, ended.request_id, ended.dead_letter_id)


@contextmanager
def _as_errors() -> Iterator[None]:
    """Raise a fault as the one kind of error of this module."""
    try:
        yield
    except Fault as fault:
        raise ChoreographyError(str(fault), fault.reason) from fault
