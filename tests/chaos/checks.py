"""Check the records on the topics and the files in the output folder, and print the results as figures."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from streams.topics import REQUEST_ENDED
from tests.chaos.topic_reader import TopicRecord
from tests.quality.report import figure


def count_is(name: str, found: Collection[object], goal: int) -> None:
    """Print how many were found, with examples where it is more than the goal."""
    figure(name, len(found), str(goal), met=len(found) == goal)
    if len(found) > goal:
        print(f"  for example {sorted(map(str, found))[:5]}")


def at_most(name: str, values: Iterable[float], goal: float, unit: str = "s") -> None:
    """Print the maximum of some values beside its goal; without any value the goal is missed."""
    known = sorted(values)
    largest = known[-1] if known else float("nan")
    figure(f"{name}_max_{unit}", largest, f"<= {goal:g} {unit}", met=largest <= goal)
    print(f"  {len(known)} measured: {' '.join(f'{value:.1f}' for value in known)}")


def wrong_outcomes(records: Sequence[TopicRecord], request_ids: Iterable[str]) -> list[str]:
    """Return the requests that do not have exactly one outcome, `done`, with one event id."""
    outcomes: dict[str, set[tuple[str | None, str]]] = defaultdict(set)
    for record in records:
        if record.topic == REQUEST_ENDED.full_name:
            outcomes[record.request_id].add((record.event_id, _outcome(record)))
    return [
        f"{request_id}: {sorted(outcome for _, outcome in outcomes[request_id]) or 'none'}"
        for request_id in request_ids
        if [outcome for _, outcome in outcomes[request_id]] != ["done"]
    ]


def not_once(records: Iterable[TopicRecord], request_ids: Iterable[str]) -> list[str]:
    """Return the requests that do not have exactly one event id in a topic."""
    ids: dict[str, set[str | None]] = defaultdict(set)
    for record in records:
        ids[record.request_id].add(record.event_id)
    return [f"{request_id}: {len(ids[request_id])}" for request_id in request_ids if len(ids[request_id]) != 1]


def repeats(records: Iterable[TopicRecord]) -> int:
    """Return how many records have the event id of an earlier record."""
    return sum(times - 1 for times in Counter(record.event_id for record in records).values())


def changed_values(records: Iterable[TopicRecord]) -> list[str]:
    """Return the requests with different bytes under one event id."""
    values: dict[tuple[str, str | None], set[bytes | None]] = defaultdict(set)
    for record in records:
        values[record.request_id, record.event_id].add(record.value)
    return [request_id for (request_id, _), event_values in values.items() if len(event_values) > 1]


def out_of_order(before: Sequence[TopicRecord], after: Sequence[TopicRecord]) -> list[str]:
    """Return the partitions in which requests first appear in another order than in the preceding topic."""
    expected, actual = _firsts(before), _firsts(after)
    return [f"{after[0].topic}[{number}]" for number in actual if actual[number] != expected[number]]


def wrong_files(rendered: Iterable[TopicRecord], folder: Path) -> list[str]:
    """Return what is wrong in the output folder: files without event, missing, changed or undecodable files."""
    named = {record.payload["video"]["file"]: record.payload["video"]["media"]["sha256"] for record in rendered}
    present = {path.name for path in folder.rglob("*")}
    named_and_present = sorted(named.keys() & present)
    wrong = [f"{name}: no event names it" for name in present - named.keys()]
    wrong += [f"{name}: missing" for name in named.keys() - present]
    wrong += [
        f"{name}: another checksum than in its event"
        for name in named_and_present
        if _sha256(folder / name) != named[name]
    ]
    return wrong + [f"{name}: it does not decode" for name in named_and_present if not _decodes(folder / name)]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decodes(video: Path) -> bool:
    """Return whether every key frame of the video and all of its sound decode."""
    import av

    try:
        with av.open(str(video)) as container:
            container.streams.video[0].codec_context.skip_frame = "NONKEY"
            tracks = container.streams.video[0], container.streams.audio[0]
            kinds = {type(frame) for frame in container.decode(*tracks)}
    except av.error.FFmpegError:
        return False
    return len(kinds) == 2


def _outcome(record: TopicRecord) -> str:
    payload = record.payload
    return str(payload["outcome"]) if payload["outcome"] == "done" else f"failed: {payload['error']}"


def _firsts(records: Iterable[TopicRecord]) -> dict[int, list[str]]:
    """Return for each partition the requests in the order of their first records."""
    order: dict[int, dict[str, None]] = defaultdict(dict)
    for record in records:
        order[record.partition].setdefault(record.request_id)
    return {number: list(requests) for number, requests in order.items()}
