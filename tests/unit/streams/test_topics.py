from __future__ import annotations

from streams.steps import STEPS
from streams.topics import (
    MAX_DEAD_LETTER_BYTES,
    MAX_MESSAGE_BYTES,
    PARTITIONS,
    REDRIVEN,
    REQUEST_ENDED,
    TOPICS,
    specs,
    topic_of,
)


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
    of_library = {"bachata.move-annotated.v1", "bachata.move-indexed.v1"}
    of_requests = {"bachata.held-events.v1", "bachata.request-ended.v1"}
    assert compacted == changelogs | of_library | of_requests | {REDRIVEN}


def test_every_topic_uses_the_clock_of_the_broker_also_if_it_exists_already() -> None:
    for spec in specs():
        assert spec.config["message.timestamp.type"] == "LogAppendTime"
        assert "message.timestamp.type" in spec.enforced


def test_the_broker_deletes_no_record_that_a_step_may_not_have_read() -> None:
    by_name = {spec.name: spec for spec in specs()}
    for topic in (topic_of(step.consumes) for step in STEPS):
        config = by_name[topic.full_name].config
        if topic is REQUEST_ENDED:  # of a request only the last outcome counts
            assert config["cleanup.policy"] == "compact"
            continue
        assert config["retention.ms"] == config["retention.bytes"] == "-1"
        assert topic.between_steps == ("retention.ms" in by_name[topic.full_name].enforced)
    assert {topic.name for topic in TOPICS if topic.between_steps} == {
        topic_of(step.produces).name for step in STEPS if step.produces
    } & {topic_of(step.consumes).name for step in STEPS}


def test_what_others_submit_is_on_the_disk_before_it_is_acknowledged() -> None:
    flushed = {spec.name for spec in specs() if spec.config.get("flush.messages") == "1"}
    assert flushed == {topic.full_name for topic in TOPICS if topic.source}
    assert flushed == {f"bachata.{name}.v1" for name in ("song-submitted", "move-submitted", "request-control")}
