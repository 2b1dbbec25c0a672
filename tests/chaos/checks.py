"""The verdict: what stands on the topics and in the output folder goes in, what is wrong with it comes out."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

from streams.topics import REQUEST_ENDED
from tests.chaos.topic_reader import Seen


def figure(name: str, value: float | str, goal: str, *, met: bool) -> None:
    """Print a figure beside its goal."""
    shown = f"{value:.2f}" if isinstance(value, float) else str(value)
    print(f"figure {name} = {shown} (goal {goal}) {'met' if met else 'missed'}")


def count_is(name: str, found: Collection[object], goal: int) -> None:
    """Print how many were found, and some of them where it is not the goal."""
    figure(name, len(found), str(goal), met=len(found) == goal)
    if len(found) > goal:
        print(f"  for instance {sorted(map(str, found))[:5]}")


def at_most(name: str, values: Iterable[float], goal: float, unit: str = "s") -> None:
    """Print the largest of some values beside a goal it should not pass; nothing measured is a goal missed."""
    known = sorted(values)
    largest = known[-1] if known else float("nan")
    figure(f"{name}_max_{unit}", largest, f"<= {goal:g} {unit}", met=largest <= goal)
    print(f"  {len(known)} measured: {' '.join(f'{value:.1f}' for value in known)}")


def wrong_outcomes(records: Sequence[Seen], request_ids: Iterable[str]) -> list[str]:
    """The requests that have not exactly one outcome, `done`, told by one event id."""
    outcomes: dict[str, set[tuple[str | None, str]]] = defaultdict(set)
    for seen in records:
        if seen.topic == REQUEST_ENDED.full_name:
            outcomes[seen.request_id].add((seen.event_id, _told(seen)))
    return [
        f"{request_id}: {sorted(told for _, told in outcomes[request_id]) or 'none'}"
        for request_id in request_ids
        if [told for _, told in outcomes[request_id]] != ["done"]
    ]


def not_once(records: Iterable[Seen], request_ids: Iterable[str]) -> list[str]:
    """The requests of which a topic has not exactly one event id."""
    ids: dict[str, set[str | None]] = defaultdict(set)
    for seen in records:
        ids[seen.request_id].add(seen.event_id)
    return [f"{request_id}: {len(ids[request_id])}" for request_id in request_ids if len(ids[request_id]) != 1]


def repeats(records: Iterable[Seen]) -> int:
    """How many records say again what one with the same event id has said."""
    return sum(times - 1 for times in Counter(seen.event_id for seen in records).values())


def changed_words(records: Iterable[Seen]) -> list[str]:
    """The requests of which one event id stands before different bytes."""
    values: dict[tuple[str, str | None], set[bytes | None]] = defaultdict(set)
    for seen in records:
        values[seen.request_id, seen.event_id].add(seen.value)
    return [request_id for (request_id, _), spoken in values.items() if len(spoken) > 1]


def out_of_order(before: Sequence[Seen], after: Sequence[Seen]) -> list[str]:
    """The partitions in which a topic's requests first appear in another order than in the topic before it."""
    wanted, found = _firsts(before), _firsts(after)
    return [f"{after[0].topic}[{number}]" for number in found if found[number] != wanted[number]]


def wrong_files(rendered: Iterable[Seen], folder: Path) -> list[str]:
    """What is wrong in the output folder: files that no event names, or that are missing or do not decode."""
    named = {seen.said["video"]["file"]: seen.said["video"]["media"]["sha256"] for seen in rendered}
    there = {path.name for path in folder.rglob("*")}
    whole = sorted(named.keys() & there)
    wrong = [f"{name}: no event names it" for name in there - named.keys()]
    wrong += [f"{name}: it is not there" for name in named.keys() - there]
    wrong += [f"{name}: not what its event says" for name in whole if _sha256(folder / name) != named[name]]
    return wrong + [f"{name}: it does not decode" for name in whole if not _decodes(folder / name)]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decodes(video: Path) -> bool:
    """Whether every key frame of the video and all of its sound decode."""
    import av

    try:
        with av.open(str(video)) as container:
            container.streams.video[0].codec_context.skip_frame = "NONKEY"
            tracks = container.streams.video[0], container.streams.audio[0]
            kinds = {type(frame) for frame in container.decode(*tracks)}
    except av.error.FFmpegError:
        return False
    return len(kinds) == 2


def _told(seen: Seen) -> str:
    said = seen.said
    return str(said["outcome"]) if said["outcome"] == "done" else f"failed: {said['error']}"


def _firsts(records: Iterable[Seen]) -> dict[int, list[str]]:
    """By partition: the requests in the order in which they first appear."""
    order: dict[int, dict[str, None]] = defaultdict(dict)
    for seen in records:
        order[seen.partition].setdefault(seen.request_id)
    return {number: list(requests) for number, requests in order.items()}
