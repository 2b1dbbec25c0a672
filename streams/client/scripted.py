"""A service without workers: it answers each request as a script says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from schemas.base import MediaFacts, MediaRef, Model
from schemas.move_indexed import Dancers, Move, MoveIndexed
from schemas.move_submitted import MoveSubmitted
from schemas.progress import Progress
from schemas.reasons import Reason
from schemas.rendered import Rendered, Video
from schemas.request_control import RequestControl
from schemas.request_ended import RequestEnded
from schemas.sequence_planned import SequencePlanned
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message, Record, event_headers, payload_of
from streams.ids import digest, event_id
from streams.request_events import already_ended, cancelled
from streams.topics import MOVE_SUBMITTED, REQUEST_CONTROL, SEQUENCE_PLANNED, SONG_SUBMITTED, Topic, topic_of

_SOURCE = "/scripted"
_SONG_STEPS = ("intake", "audio_analysis", "move_scoring", "sequence_planning", "rendering")
_CLIP_STEPS = ("move_indexing",)
_PLAN_STEPS = ("rendering",)
_TAKEN = {topic.full_name: topic for topic in (SONG_SUBMITTED, MOVE_SUBMITTED, SEQUENCE_PLANNED)}
_SECONDS = {"30s": 30.0, "1min": 60.0, "full": 180.0}
_FPS = 25

Submitted = SongSubmitted | MoveSubmitted | SequencePlanned


@dataclass(frozen=True)
class Scripted:
    """What becomes of a request, `after_s` seconds after it was submitted; of `open`, nothing until it is cancelled.

    A failed request has a `reason` and an `error`. `step`: the one that fails; default: the first.
    """

    outcome: Literal["done", "failed", "open"] = "done"
    after_s: float = 0.0
    reason: Reason | None = None
    error: str | None = None
    step: str | None = None


Script = Callable[[Submitted], Scripted]


def done(after_s: float = 0.0) -> Scripted:
    """Return that a request is done after the seconds."""
    return Scripted(after_s=after_s)


def failed(reason: Reason, error: str, *, step: str | None = None, after_s: float = 0.0) -> Scripted:
    """Return that a request fails after the seconds, in a step."""
    return Scripted("failed", after_s, reason, error, step)


def never_ends() -> Scripted:
    """Return that a request ends only when it is cancelled."""
    return Scripted("open")


@dataclass(frozen=True)
class _OpenRequest:
    event: Submitted
    request_id: str
    scripted: Scripted
    due_at: float
    is_held: bool = False

    @property
    def subject(self) -> str:
        if isinstance(self.event, MoveSubmitted):
            return self.event.clip
        return self.event.title or "untitled"

    @property
    def steps(self) -> tuple[str, ...]:
        if isinstance(self.event, SequencePlanned):
            return _PLAN_STEPS
        return _CLIP_STEPS if isinstance(self.event, MoveSubmitted) else _SONG_STEPS


class ScriptedService:
    """Answers requests as `script` says, and events of request control. Each request ends once.

    Call it with the messages that were published: it returns those that it has to publish by now.
    """

    def __init__(self, script: Script) -> None:
        self.script = script
        self.submitted: list[Submitted] = []
        self._open: dict[str, _OpenRequest] = {}
        self._ended: dict[str, Message] = {}

    def __call__(self, messages: Sequence[Message]) -> list[Message]:
        """Return the messages to publish."""
        answers = [answer for message in messages for answer in self._answers(message)]
        now = time.monotonic()
        due = [request for request in self._open.values() if not request.is_held and now >= request.due_at]
        return answers + [answer for request in due for answer in self._end(request)]

    def end_with(self, ended: RequestEnded) -> Message:
        """Return the message with this outcome, which ends the request."""
        return self._ends(ended)

    def _answers(self, message: Message) -> Iterator[Message]:
        record = _record(message)
        if message.topic == REQUEST_CONTROL.full_name:
            yield from self._control(payload_of(record, RequestControl))
        elif message.topic in _TAKEN:
            event: Any = payload_of(record, _TAKEN[message.topic].payload)
            yield from self._begin(event, event.request_id or str(record.event_id))

    def _begin(self, event: Submitted, request_id: str) -> Iterator[Message]:
        if request_id in self._ended:
            yield self._ended[request_id]  # a stored result: the event with the same id again
        elif request_id not in self._open:
            self.submitted.append(event)
            scripted = self.script(event)
            due_at = float("inf") if scripted.outcome == "open" else time.monotonic() + scripted.after_s
            request = self._open[request_id] = _OpenRequest(event, request_id, scripted, due_at)
            yield self._progress(request, request.steps[0], state="started")

    def _control(self, control: RequestControl) -> Iterator[Message]:
        request = self._open.get(control.request_id)
        if control.action == "cancel":
            yield self._cancel(control.request_id, request)
        elif request is not None:
            self._open[control.request_id] = replace(request, is_held=control.action == "hold")

    def _cancel(self, request_id: str, request: _OpenRequest | None) -> Message:
        if request_id in self._ended:
            ended = payload_of(_record(self._ended[request_id]), RequestEnded)
            return _message(already_ended(request_id, ended.subject), request_id)
        return self._ends(cancelled(request_id, request_id if request is None else request.subject))

    def _end(self, request: _OpenRequest) -> Iterator[Message]:
        if request.scripted.outcome == "failed":
            yield from self._fail(request)
            return
        for step in request.steps:
            yield self._progress(request, step, state="done", fraction=1.0)
        event = request.event
        product = _moved(request, event) if isinstance(event, MoveSubmitted) else _rendered(request, event)
        yield _message(product, request.request_id)
        yield self._ends(
            RequestEnded(
                request_id=request.request_id,
                subject=request.subject,
                step=request.steps[-1],
                outcome="done",
                video=product.video if isinstance(product, Rendered) else None,
                clip_sha256=product.move.clip.sha256 if isinstance(product, MoveIndexed) else None,
            )
        )

    def _fail(self, request: _OpenRequest) -> Iterator[Message]:
        step = request.scripted.step or request.steps[0]
        cause: dict[str, Any] = {"reason": request.scripted.reason, "error": request.scripted.error}
        yield self._progress(request, step, state="failed", **cause)
        yield self._ends(
            RequestEnded(request_id=request.request_id, subject=request.subject, step=step, outcome="failed", **cause)
        )

    def _progress(self, request: _OpenRequest, step: str, **values: Any) -> Message:
        progress = Progress(request_id=request.request_id, subject=request.subject, step=step, **values)
        return _message(progress, request.request_id)

    def _ends(self, ended: RequestEnded) -> Message:
        self._open.pop(ended.request_id, None)
        message = self._ended[ended.request_id] = _message(ended, ended.request_id)
        return message


def _record(message: Message) -> Record:
    return Record(message.topic, 0, 0, message.key, message.value, message.headers)


def _message(payload: Model, request_id: str) -> Message:
    topic: Topic = topic_of(type(payload))
    value = payload.model_dump_json()
    headers = event_headers(topic, _SOURCE, event_id(value, request_id), request_id)
    return Message(topic.full_name, request_id.encode(), value.encode(), headers)


def _rendered(request: _OpenRequest, event: SongSubmitted | SequencePlanned) -> Rendered:
    duration_s = _SECONDS[event.options.duration]
    video = Video(
        file=f"{digest(request.request_id)}.mp4",
        media=MediaRef(**_media(f"video of {request.request_id}", "video")),
        duration_s=duration_s,
        width=1280,
        height=720,
        frames=int(duration_s * _FPS),
        max_cut_error_ms=0.0,
    )
    return Rendered(
        request_id=request.request_id,
        priority=event.priority,
        song=event.song if isinstance(event, SequencePlanned) else _song(request, event),
        title=request.subject,
        options=event.options,
        corrections=event.corrections,
        tempo_bpm=130.0,
        library_version="scripted",
        segments=(),
        video=video,
    )


def _song(request: _OpenRequest, event: SongSubmitted) -> MediaFacts:
    return MediaFacts(
        **_media(event.source.sha256 or request.request_id, "audio"),
        format="mp3",
        codec="mp3",
        duration_s=_SECONDS["full"],
    )


def _moved(request: _OpenRequest, event: MoveSubmitted) -> MoveIndexed:
    clip = MediaFacts(
        **_media(event.source.sha256 or request.request_id, "video"),
        format="mp4",
        codec="h264",
        duration_s=8.0,
    )
    move = Move(
        clip=clip,
        name=request.subject,
        move="basic",
        category="basic",
        difficulty="beginner",
        energy="medium",
        tempo_bpm=130.0,
        beats=(),
        counts=(),
        eights=(),
        dancers=Dancers(one=1.0, both=1.0),
        embedding=(1.0, *(0.0,) * 511),
    )
    return MoveIndexed(request_id=request.request_id, move=move)


def _media(content: str, kind: Literal["audio", "video"]) -> dict[str, Any]:
    sha256 = content if len(content) == 64 else digest(content) * 2
    return {"sha256": sha256, "size_bytes": 1, "kind": kind}
