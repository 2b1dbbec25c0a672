from __future__ import annotations

from streams.steps import STEPS
from streams.topics import MAX_LETTER_BYTES, MAX_MESSAGE_BYTES, PARTITIONS, REDRIVEN, TOPICS, specs, topic_of


def test_every_step_reads_and_writes_a_topic_of_the_table() -> None:
    for step in STEPS:
        assert topic_of(step.consumes).dead_letters
        assert step.produces is None or topic_of(step.produces) in TOPICS


def test_the_steps_form_two_ways() -> None:
    ways = {topic_of(step.consumes).name: topic_of(step.produces).name for step in STEPS if step.produces}
    place, way = "song-submitted", []
    while place in ways:
        place = ways[place]
        way.append(place)
    assert way == ["song-accepted", "audio-analyzed", "moves-scored", "sequence-planned", "rendered"]
    assert ways["move-submitted"] == "move-indexed"
    assert [step.name for step in STEPS if step.ending] == ["rendering", "move_indexing"]


def test_every_topic_has_the_same_partitions_and_room_for_the_largest_event() -> None:
    wanted = specs()
    assert {spec.partitions for spec in wanted} == {PARTITIONS}
    room = {spec.name.endswith(".dlq"): int(spec.config["max.message.bytes"]) for spec in wanted}
    assert room == {False: MAX_MESSAGE_BYTES, True: MAX_LETTER_BYTES}
    assert MAX_LETTER_BYTES > MAX_MESSAGE_BYTES
    assert len({spec.name for spec in wanted}) == len(wanted)


def test_changelogs_and_the_library_are_compacted_only() -> None:
    policies = {spec.name: spec.config["cleanup.policy"] for spec in specs()}
    compacted = {name for name, policy in policies.items() if policy == "compact"}
    changelogs = {name for name in policies if name.endswith("-changelog")}
    assert compacted == changelogs | {"bachata.move-indexed.v1", "bachata.request-ended.v1", REDRIVEN}
