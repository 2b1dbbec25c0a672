"""Poison among good events: each is in the dead letters once, byte for byte, and the good ones do not wait for it."""

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
from tests.chaos.checks import count_is, figure, not_once, wrong_outcomes
from tests.chaos.cluster import COUNTING, Cluster
from tests.chaos.counting_worker import UNKNOWN
from tests.chaos.killing import QUIET_S
from tests.chaos.schedule import scaled, seed, show
from tests.chaos.submissions import Flow, flowing, sending, submission, trifle, trifling
from tests.chaos.topic_reader import PROGRESS_AND_OUTCOMES, Outcomes, Seen, name_of, read_all, watching

pytestmark = pytest.mark.chaos

_EVENTS = 6000  # in two halves, of which only the second has poison
_EVERY = 10
_RATE = 60.0
_WARM_UP = 60  # the first events wait for connections and empty caches
_TOPIC = topic_of(SongSubmitted)
_GOAL_RATIO = 1.5


def _garbage(number: int) -> Message:
    noise = random.Random(seed() * 1_000_003 + number).randbytes(200)  # noqa: S311 - noise, no secret
    return Message(_TOPIC.full_name, noise[:16], noise, [])


def _nothing(number: int) -> Message:
    return Message(_TOPIC.full_name, f"nothing-{number}".encode(), b"", [])


def _tombstone(number: int) -> Message:
    return Message(_TOPIC.full_name, f"tombstone-{number}".encode(), None, [])


def _half(number: int) -> Message:
    whole = trifling(number)
    return whole._replace(value=(whole.value or b"")[: 20 + number % 40])


def _wrong_shape(number: int) -> Message:
    value = json.dumps({"source": {"sha256": "short", "path": "both"}, "number": number}).encode()
    return trifling(number)._replace(value=value)


def _no_object(number: int) -> Message:
    return trifling(number)._replace(value=json.dumps([number, {"source": None}]).encode())


def _not_structured(number: int) -> Message:
    return trifling(number)._replace(value=b'{"data": ', headers=[("content-type", b"application/cloudevents+json")])


def _unknown(number: int) -> Message:
    sha256 = (UNKNOWN + digest("unknown", str(number)) * 2)[:64]
    return submission(SongSubmitted(source=Source(sha256=sha256), request_id=f"unknown-{number:06d}"), sha256)


def _deep(number: int) -> Message:
    return Message(_TOPIC.full_name, f"deep-{number}".encode(), b"[" * 100_000, [])


_KINDS: tuple[Callable[[int], Message], ...] = (
    _garbage, _nothing, _tombstone, _half, _wrong_shape, _no_object, _not_structured, _unknown, _deep
)  # fmt: skip


def _is_poison(number: int, half: int) -> bool:
    return number >= half and number % _EVERY == 0


async def test_poison_is_kept_whole_and_hinders_nobody(tmp_path: Path) -> None:
    half = scaled(_EVENTS // 2, 10 * len(_KINDS))
    numbers = range(2 * half)
    poison = {n: _KINDS[n // _EVERY % len(_KINDS)](n) for n in numbers if _is_poison(n, half)}
    good = [str(trifle(n).request_id) for n in numbers if n not in poison]
    show(f"{len(good)} good events", [f"{len(poison)} poison ones among the last {half}, of {len(_KINDS)} kinds"])
    with Cluster(tmp_path, COUNTING) as rig:
        await rig.start_all()
        rig.say("the workers are ready")
        watch = Outcomes(good)
        async with (
            sending(rig.bootstrap) as sender,
            watching(rig.bootstrap, PROGRESS_AND_OUTCOMES, watch),
        ):
            flow = Flow(sender, _RATE, lambda n: poison.get(n) or trifling(n), most=2 * half)
            async with flowing(flow):
                await flow.dry()
            await watch.until(watch.all_ended, QUIET_S)
        submitted = await read_all(rig.bootstrap, _TOPIC.full_name)
        passed = await read_all(rig.bootstrap, name_of(SongAccepted))
        letters = await read_all(rig.bootstrap, _TOPIC.dead_letter_name)
    wrong = wrong_outcomes(watch.seen, good) + not_once(passed, good)
    _show_latency(submitted, passed, {str(trifle(n).request_id) for n in range(_WARM_UP)}, half)
    sent = Counter((message.key, message.value) for message in poison.values())
    kept = Counter((letter.key, letter.value) for letter in letters)
    count_is("poison_letters", letters, len(poison))
    count_is("poison_letters_not_byte_for_byte", list((kept - sent).elements()), 0)
    count_is("poison_missing_in_the_letters", list((sent - kept).elements()), 0)
    count_is("poison_good_ones_wrong", wrong, 0)
    assert wrong == []
    assert kept == sent


def _show_latency(submitted: list[Seen], passed: list[Seen], warm_up: set[str], half: int) -> None:
    """p95 of submitted-to-passed of the good ones, milliseconds, of either half, and their ratio."""
    came = {seen.request_id: seen.at for seen in submitted}
    border = str(trifle(half).request_id)
    took = {seen.request_id: 1000 * (seen.at - came[seen.request_id]) for seen in passed}
    without = [ms for request_id, ms in took.items() if request_id < border and request_id not in warm_up]
    among = [ms for request_id, ms in took.items() if request_id >= border]
    clean, poisoned = (float(np.percentile(ms, 95)) for ms in (without, among))
    print(f"  p95 without poison {clean:.1f} ms ({len(without)} events), among poison {poisoned:.1f} ms ({len(among)})")
    figure("poison_p95_ratio", poisoned / clean, f"<= {_GOAL_RATIO}", met=poisoned / clean <= _GOAL_RATIO)
