"""The composition root: builds a worker from the settings."""

from __future__ import annotations

import fcntl
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from aiohttp import web

from agents.step import View
from infra.disk_space import DiskSpace
from infra.kafka_connection import KafkaConnection
from infra.media_store import MediaStore
from infra.move_index import MoveIndex, open_index, sink_folder
from infra.settings import Settings
from schemas.base import Model
from schemas.faults import Poison
from streams.control.agent import ControlAgent
from streams.control.controls import WorkerControls
from streams.control.decisions import Decisions
from streams.page import health, library
from streams.page import rebuild as rebuild_page
from streams.page import requests as requests_page
from streams.page.api import Api
from streams.page.server import Page
from streams.page.songs import Songs
from streams.page.submissions import Submissions
from streams.page.token import read_token
from streams.replay_limit import replay_key
from streams.stage.delivery import UpToDate
from streams.stage.in_flight import InFlight
from streams.stage.observers import RunningRuns, StepLog, WaitingRuns
from streams.stage.operations import Operations
from streams.stage.progress import ProgressReporter
from streams.stage.runners import AnyStep, CompletedWork, Report, Runner, ThreadRunner
from streams.stage.stage import Stage
from streams.steps import STEPS
from streams.tools import make_tools
from streams.topics import MOVE_ANNOTATED, MOVE_INDEXED, specs, topic_of
from streams.views import requests as requests_view
from streams.views.control_store import CONTROL_TOPICS, ControlStore
from streams.views.library_rebuild import LibraryRebuild
from streams.views.move_index_sink import MoveIndexSink
from streams.views.requests import Requests
from streams.views.topic_view import ViewUpdater
from streams.worker.cache_limit import CacheLimit
from streams.worker.faust_app import TableResults, add_agent, make_app
from streams.worker.findings import STUCK_AFTER_S, app_findings, operation_findings
from streams.worker.kafka_watch import KafkaWatch
from streams.worker.problems import Finding, Lasting, Problems, Source
from streams.worker.publisher import KafkaPublisher
from streams.worker.retention import Retention
from streams.worker.step_pool import StepPool
from streams.worker.stuck_partitions import stuck_partitions
from streams.worker.worker import Background, Worker

_MAX_WORKERS = 64
_LONG_RUN_S = 60.0
_REQUESTS_POLL_INTERVAL_S, _REQUESTS_MAX_BATCH = 0.5, 1024  # merges several messages of a request at once


def build_worker(
    settings: Settings,
    kafka: KafkaConnection,
    steps: Sequence[AnyStep] = STEPS,
    runners: Mapping[str, Runner] | None = None,
) -> Worker:
    """Return a worker for this Kafka. Its tables and move index are in a folder of its own.

    `runners` replace the default runners, by `runs_in`.

    Raises:
        Poison: (`too_many_workers`) 64 workers already use the data folder.
        ValueError: see `check_steps`.
    """
    check_steps(steps)
    number, lock = _lock_worker_number(settings.state_dir)
    folder = settings.state_dir / f"worker-{number}"
    state = _open_state(settings, kafka, folder)
    app, publisher, pool = make_app(kafka, folder), KafkaPublisher(kafka), StepPool(settings.step_processes)
    in_flight, runs, disk_space = InFlight(), _Runs(), _disk_space(settings)
    tools = replace(make_tools(settings), library=state.index, annotation_of=state.sink.annotation_of)
    results = TableResults(app, publisher)
    decisions = Decisions(state.controls, state.control_updates, publisher, runs.operations)
    make_stage = partial(
        Stage,
        tools=tools,
        publisher=publisher,
        results=results,
        views=state.views,
        missing_resource=disk_space.shortage,
        observers=(ProgressReporter(publisher.publish), StepLog(), runs.waiting, runs.running),
        operations=runs.operations,
        controls=_controls(decisions, state.control_updates),
        replay_key=partial(replay_key, settings.media_dir),
    )
    threads = ThreadRunner(tools)
    default_runners: dict[str, Runner] = {"process": _in_process(pool), "thread": threads.run}
    available = [step for step in steps if step.is_available(tools)]
    for stage in _stages(available, default_runners | dict(runners or {}), make_stage):
        add_agent(app, stage, in_flight)
    add_agent(app, ControlAgent(decisions, state.requests), in_flight)

    kafka_watch = KafkaWatch(str(kafka), [spec.name for spec in specs()], publisher.metadata)
    sources = _sources_of_problems(app, runs, disk_space, lambda: worker.state)
    problems = Problems([*sources, kafka_watch.findings, state.findings])
    health_routes = health.routes(number, lambda: _health(worker.state, problems, runs))
    worker = Worker(
        kafka=kafka,
        address_file=settings.run_dir / f"worker-{number}.json",
        grace_s=settings.grace_s,
        app=app,
        in_flight=in_flight,
        publisher=publisher,
        page=Page([*health_routes, *state.routes()], read_token(settings.run_dir)),
        background=(
            *state.background,
            Retention(kafka),
            CacheLimit(settings),
            kafka_watch,
            problems,
            *_api(settings, state.requests, _songs(settings, publisher, state, disk_space, kafka_watch), health_routes),
        ),
        pool=pool,
        stores=(results, state.index, state.sink, state.requests, state.controls, lock),
        exhausted=threads.exhausted,
        is_up_to_date=state.control_updates.caught_up,
    )
    return worker


def _controls(decisions: Decisions, updates: ViewUpdater) -> WorkerControls:
    """Return the controls of the steps, which are notified of what the view has applied."""
    controls = WorkerControls(decisions)
    updates.on_applied = controls.changed
    return controls


def _songs(
    settings: Settings, publisher: KafkaPublisher, state: _State, disk_space: DiskSpace, kafka_watch: KafkaWatch
) -> Songs:
    return Songs(
        media=MediaStore(settings.media_dir),
        submissions=Submissions(publisher.publish, is_known=state.requests.has),
        shortage=disk_space.shortage,
        kafka_problem=lambda: next(map(str, kafka_watch.findings()), ""),
    )


def _api(settings: Settings, requests: Requests, songs: Songs, health_routes: Sequence[web.RouteDef]) -> Iterator[Api]:
    """Yield the HTTP API, if the settings have an address for it."""
    if settings.api is None:
        return
    of_requests = requests_page.api_routes(requests, songs.submissions, settings.output_dir)
    token = settings.api_token.get_secret_value() if settings.api_token else read_token(settings.run_dir)
    yield Api([*health_routes, *songs.routes(), *of_requests], token, *settings.api_address)


@dataclass(frozen=True)
class _Runs:
    """The runs of all steps that wait or work, and the writes and views that they wait for."""

    waiting: WaitingRuns = field(default_factory=WaitingRuns)
    running: RunningRuns = field(default_factory=RunningRuns)
    operations: Operations = field(default_factory=Operations)


def _sources_of_problems(
    app: Any, runs: _Runs, disk_space: DiskSpace, worker_state: Callable[[], str]
) -> Iterator[Source]:
    def find_stuck_partitions() -> Iterator[Finding]:
        working = runs.running.partitions() | runs.waiting.partitions() | runs.operations.partitions()
        return iter(()) if worker_state() else stuck_partitions(app.consumer.partition_states(), working)

    yield Lasting(lambda: app_findings(app, worker_state()), STUCK_AFTER_S)
    yield Lasting(find_stuck_partitions, STUCK_AFTER_S)
    yield lambda: operation_findings(runs.operations)
    yield lambda: [Finding("disk space", str(shortage)) for shortage in [disk_space.shortage()] if shortage]
    yield lambda: [Finding(f"{step} waits", reason) for step, reason in runs.waiting.reasons().items()]


def _health(worker_state: str, problems: Problems, runs: _Runs) -> health.Health:
    stuck = problems.check()
    lines = [*filter(None, [worker_state]), *map(str, stuck)]
    return health.Health(lines, [problem.as_json() for problem in stuck], runs.running.longer_than(_LONG_RUN_S))


def check_steps(steps: Sequence[AnyStep]) -> None:
    """Raise `ValueError` for steps that cannot run together.

    Every topic that a step consumes needs a dead letter topic. Of the steps that consume one topic, at most one may
    produce events: two would end the same request twice.
    """
    producing = Counter(topic_of(step.consumes).name for step in steps if step.decides_request)
    for step in steps:
        topic = topic_of(step.consumes)
        if not topic.dead_letters:
            raise ValueError(f"{step.name} consumes {topic.name}, which has no dead letters: see streams/topics.py")
        if producing[topic.name] > 1:
            raise ValueError(f"more than one step that produces events consumes {topic.name}")


def _stages(
    steps: Sequence[AnyStep], runners: Mapping[str, Runner], make_stage: Callable[..., Stage]
) -> Iterator[Stage]:
    producers = {step.produces: step.name for step in steps if step.produces is not None}
    for step in steps:
        yield make_stage(step, run=runners[step.runs_in], upstream_step=producers.get(step.consumes))


@dataclass(frozen=True)
class _State:
    """The state that a worker builds from topics, and the updaters of it."""

    index: MoveIndex
    sink: MoveIndexSink
    has_clip: Callable[[str], bool]
    requests: Requests
    library: ViewUpdater
    rebuild: LibraryRebuild
    request_updates: ViewUpdater
    controls: ControlStore
    control_updates: ViewUpdater

    @property
    def background(self) -> Sequence[Background]:
        return (self.library, self.rebuild, self.request_updates, self.control_updates)

    @property
    def views(self) -> Mapping[View, UpToDate]:
        return {"library": self.library}

    def findings(self) -> list[Finding]:
        problems = {
            "move index": self.library.problem(),
            "requests": self.request_updates.problem(),
            "controls": self.control_updates.problem(),
        }
        return [Finding(name, problem) for name, problem in problems.items() if problem]

    def routes(self) -> list[web.RouteDef]:
        usable = library.usable_route(self.index, self.has_clip, self.library.caught_up)
        annotations = library.annotations_route(self.sink.annotations, self.library.caught_up)
        of_the_index = library.routes(self.index, self.sink.unknown)
        routes = [*of_the_index, *rebuild_page.routes(self.rebuild), usable, annotations]
        return [*requests_page.routes(self.requests), *routes]


def _open_state(settings: Settings, kafka: KafkaConnection, folder: Path) -> _State:
    index, requests = open_index(settings, folder / "moves"), Requests(folder / "requests")
    controls = ControlStore(folder / "controls")
    sink = MoveIndexSink(index, folder / "moves" / sink_folder(settings))
    updater_of = partial(ViewUpdater, kafka, [MOVE_INDEXED.full_name, MOVE_ANNOTATED.full_name])
    updater = updater_of(sink)
    return _State(
        index,
        sink,
        make_tools(settings).media.has,
        requests,
        library=updater,
        rebuild=LibraryRebuild(sink, updater, updater_of),
        request_updates=ViewUpdater(
            kafka,
            requests_view.TOPICS,
            requests,
            poll_interval_s=_REQUESTS_POLL_INTERVAL_S,
            max_batch=_REQUESTS_MAX_BATCH,
        ),
        controls=controls,
        control_updates=ViewUpdater(kafka, CONTROL_TOPICS, controls),
    )


def _disk_space(settings: Settings) -> DiskSpace:
    return DiskSpace((settings.data_dir, settings.derived_dir, settings.output_dir), settings.min_free_mb << 20)


def _in_process(pool: StepPool) -> Runner:
    async def run(step: AnyStep, work_input: Model, report: Report) -> CompletedWork:
        return await pool.run(step.name, work_input.model_dump_json(), step.timeout_of(work_input), report)

    return run


def _lock_worker_number(state_dir: Path) -> tuple[int, Any]:
    """Return the lowest number that no other worker of this data folder has, and its lock."""
    state_dir.mkdir(parents=True, exist_ok=True)
    for number in range(_MAX_WORKERS):
        lock = (state_dir / f"worker-{number}.lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            continue
        return number, lock
    raise Poison(f"{_MAX_WORKERS} workers already use {state_dir}", reason="too_many_workers")
