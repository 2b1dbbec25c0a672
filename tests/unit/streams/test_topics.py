from __future__ import annotations

from streams.steps import STEPS
from streams.topics import MAX_DEAD_LETTER_BYTES, MAX_MESSAGE_BYTES, PARTITIONS, REDRIVEN, TOPICS, specs, topic_of


def test_every_step_consumes_and_produces_a_topic_of_the_table() -> None:
    for step in STEPS:
        assert topic_of(step.consumes).dead_letters
        assert step.produces is None or topic_of(step.produces) in TOPICS


def test_the_steps_form_two_pipelines() -> None:
    produced = {topic_of(step.consumes).name: topic_of(step.produces).name for step in STEPS if step.produces}
    topic, pipeline = "song-submitted", []
    while topic in produced:
        topic = produced[topic]
        pipeline.append(topic)
    assert pipeline == ["song-accepted", "audio-analyzed", "moves-scored", "sequence-planned", "rendered"]
    assert produced["move-submitted"] == "move-indexed"
    assert [step.name for step in STEPS if step.ending] == ["rendering", "move_indexing"]


def test_every_topic_has_the_same_partitions_and_accepts_the_largest_event() -> None:
    all_specs = specs()
    assert {spec.partitions for spec in all_specs} == {PARTITIONS}
    max_bytes = {spec.name.endswith(".dlq"): int(spec.config["max.message.bytes"]) for spec in all_specs}
    assert max_bytes == {False: MAX_MESSAGE_BYTES, True: MAX_DEAD_LETTER_BYTES}
    assert MAX_DEAD_LETTER_BYTES > MAX_MESSAGE_BYTES
    assert len({spec.name for spec in all_specs}) == len(all_specs)


def test_changelogs_and_the_library_are_compacted_only() -> None:
    policies = {spec.name: spec.config["cleanup.policy"] for spec in specs()}
    compacted = {name for name, policy in policies.items() if policy == "compact"}
    changelogs = {name for name in policies if name.endswith("-changelog")}
    assert compacted == changelogs | {"bachata.move-indexed.v1", "bachata.request-ended.v1", REDRIVEN}
