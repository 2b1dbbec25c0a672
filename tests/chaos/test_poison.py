"""Test that each poison event becomes one dead letter, byte for byte, and does not delay good events."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from schemas.base import Source
from schemas.song_accepted import SongAccepted
from schemas.song_submitted import SongSubmitted
from streams.envelope import Message
from streams.ids import digest
from streams.topics import topic_of
from tests.chaos.checks import count_is, not_once, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster
from tests.chaos.counting_worker import UNKNOWN
from tests.chaos.killing import IDLE_TIMEOUT_S
from tests.chaos.schedule import print_schedule, scaled, seed
from tests.chaos.submissions import Flow, cheap_message, cheap_request, flowing, sending, submission
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, TopicRecord, name_of, read_all, watching
from tests.quality.report import figure

pytestmark = pytest.mark.chaos

_EVENTS = 6000  # in two halves; only the second one contains poison
_POISON_EVERY = 10
_RATE_PER_S = 60.0
_WARM_UP = 60  # the first events wait for connections and caches
_TOPIC = topic_of(SongSubmitted)
_MAX_P95_RATIO = 1.5


def _garbage(number: int) -> Message:
    noise = random.Random(seed() * 1_000_003 + number).randbytes(200)  # noqa: S311 - noise, no secret
    return Message(_TOPIC.full_name, noise[:16], noise, [])


def _nothing(number: int) -> Message:
    return Message(_TOPIC.full_name, f"nothing-{number}".encode(), b"", [])


def _tombstone(number: int) -> Message:
    return Message(_TOPIC.full_name, f"tombstone-{number}".encode(), None, [])


def _half(number: int) -> Message:
    whole = cheap_message(number)
    return whole._replace(value=(whole.value or b"")[: 20 + number % 40])


def _wrong_shape(number: int) -> Message:
    value = json.dumps({"source": {"sha256": "short", "path": "both"}, "number": number}).encode()
    return cheap_message(number)._replace(value=value)


def _no_object(number: int) -> Message:
    return cheap_message(number)._replace(value=json.dumps([number, {"source": None}]).encode())


def _not_structured(number: int) -> Message:
    return cheap_message(number)._replace(
        value=b'{"data": ', headers=[("content-type", b"application/cloudevents+json")]
    )


def _unknown(number: int) -> Message:
    sha256 = (UNKNOWN + digest("unknown", str(number)) * 2)[:64]
    return submission(SongSubmitted(source=Source(sha256=sha256), request_id=f"unknown-{number:06d}"), sha256)


def _deep(number: int) -> Message:
    return Message(_TOPIC.full_name, f"deep-{number}".encode(), b"[" * 100_000, [])


_KINDS: tuple[Callable[[int], Message], ...] = (
    _garbage, _nothing, _tombstone, _half, _wrong_shape, _no_object, _not_structured, _unknown, _deep
)  # fmt: skip


def _is_poison(number: int, half: int) -> bool:
    return number >= half and number % _POISON_EVERY == 0


async def test_poison_is_dead_lettered_unchanged_and_delays_no_good_event(tmp_path: Path) -> None:
    half = scaled(_EVENTS // 2, 10 * len(_KINDS))
    numbers = range(2 * half)
    poison = {n: _KINDS[n // _POISON_EVERY % len(_KINDS)](n) for n in numbers if _is_poison(n, half)}
    good = [str(cheap_request(n).request_id) for n in numbers if n not in poison]
    print_schedule(
        f"{len(good)} good events", [f"{len(poison)} poison events among the last {half}, of {len(_KINDS)} kinds"]
    )
    with Cluster(tmp_path, COUNTING) as cluster:
        await cluster.start_all()
        cluster.log_event("the workers are ready")
        watch = Outcomes(good)
        async with (
            sending(cluster.kafka) as sender,
            watching(cluster.kafka, PROGRESS_AND_OUTCOMES, watch),
        ):
            flow = Flow(sender, _RATE_PER_S, lambda n: poison.get(n) or cheap_message(n), max_count=2 * half)
            async with flowing(flow):
                await flow.finish()
            await watch.until(watch.all_ended, IDLE_TIMEOUT_S)
        submitted = await read_all(cluster.kafka, _TOPIC.full_name)
        passed = await read_all(cluster.kafka, name_of(SongAccepted))
        dead_letters = await read_all(cluster.kafka, _TOPIC.dead_letter_name)
    wrong = wrong_outcomes(watch.records, good) + not_once(passed, good)
    _show_latency(submitted, passed, {str(cheap_request(n).request_id) for n in range(_WARM_UP)}, half)
    sent = Counter((message.key, message.value) for message in poison.values())
    dead_lettered = Counter((dead_letter.key, dead_letter.value) for dead_letter in dead_letters)
    count_is("poison_letters", dead_letters, len(poison))
    count_is("poison_letters_not_byte_for_byte", list((dead_lettered - sent).elements()), 0)
    count_is("poison_missing_in_the_letters", list((sent - dead_lettered).elements()), 0)
    count_is("poison_good_ones_wrong", wrong, 0)
    assert wrong == []
    assert dead_lettered == sent


def _show_latency(submitted: list[TopicRecord], passed: list[TopicRecord], warm_up: set[str], half: int) -> None:
    """Print the p95 latency of good events in either half, in milliseconds, and their ratio."""
    submitted_at = {record.request_id: record.at for record in submitted}
    first_of_second_half = str(cheap_request(half).request_id)
    latency_ms = {record.request_id: 1000 * (record.at - submitted_at[record.request_id]) for record in passed}
    clean_ms = [
        ms for request_id, ms in latency_ms.items() if request_id < first_of_second_half and request_id not in warm_up
    ]
    poisoned_ms = [ms for request_id, ms in latency_ms.items() if request_id >= first_of_second_half]
    clean, poisoned = (float(np.percentile(ms, 95)) for ms in (clean_ms, poisoned_ms))
    print(
        f"  p95 without poison {clean:.1f} ms ({len(clean_ms)} events), "
        f"among poison {poisoned:.1f} ms ({len(poisoned_ms)} events)"
    )
    figure("poison_p95_ratio", poisoned / clean, f"<= {_MAX_P95_RATIO}", met=poisoned / clean <= _MAX_P95_RATIO)
