"""Every number, text and list of every event has limits, and what is beyond them is refused at little cost."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterator, Mapping, Sequence
from time import process_time
from typing import Annotated, Any

import pytest
from pydantic import Field

from schemas.base import Model
from schemas.faults import Poison
from streams.envelope import Record, payload_of
from streams.topics import (
    AUDIO_ANALYZED,
    MAX_MESSAGE_BYTES,
    MOVE_INDEXED,
    MOVE_SUBMITTED,
    MOVES_SCORED,
    PROGRESS,
    RENDERED,
    REQUEST_ENDED,
    SEQUENCE_PLANNED,
    SONG_ACCEPTED,
    SONG_SUBMITTED,
    TOPICS,
    Topic,
)
from tests.paths import PROJECT


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_every_value_of_an_event_has_limits(topic: Topic) -> None:
    assert list(_unlimited(topic.payload.model_json_schema(), topic.payload.__name__)) == []


def _unlimited(schema: dict[str, Any], path: str) -> Iterator[str]:
    """Yield the paths of the values in a JSON schema that lack a limit."""
    for name, definition in schema.get("$defs", {}).items():
        yield from _unlimited(definition, name)
    for name, definition in schema.get("properties", {}).items():
        yield from _unlimited(definition, f"{path}.{name}")
    for choice in schema.get("anyOf", ()):
        yield from _unlimited(choice, path)
    if missing := _missing_limits(schema):
        yield f"{path}: {missing}"
    for name, part in _parts(schema):
        yield from _unlimited(part, f"{path}{name}")


def _parts(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(schema.get("items"), dict):
        yield "[]", schema["items"]
    yield from (("[]", item) for item in schema.get("prefixItems", ()))
    if schema.get("type") == "object" and "properties" not in schema:
        yield ".key", {"type": "string"} | schema.get("propertyNames", {}) | _pattern(schema)
        for value in (schema.get("additionalProperties"), *schema.get("patternProperties", {}).values()):
            if isinstance(value, dict):
                yield ".value", value


def _pattern(schema: dict[str, Any]) -> dict[str, Any]:
    return dict(zip(("pattern",), schema.get("patternProperties", ()), strict=False))


def _missing_limits(schema: dict[str, Any]) -> str:
    has = schema.keys() & {"const", "enum"}
    match schema.get("type"):
        case "number" | "integer" if not has:
            low, high = {"minimum", "exclusiveMinimum"}, {"maximum", "exclusiveMaximum"}
            return "" if schema.keys() & low and schema.keys() & high else "no lowest and highest value"
        case "string" if not has:
            return "" if schema.keys() & {"maxLength", "pattern"} else "no longest text"
        case "array":
            return "" if "maxItems" in schema else "no largest number of items"
        case "object" if "properties" not in schema:
            return "" if "maxProperties" in schema else "no largest number of keys"
    return "" if schema.keys() & {"type", "$ref", "anyOf", "const", "enum", "properties"} else "no type"


def test_a_value_without_limits_is_found() -> None:
    class Part(Model):
        names: dict[str, float]

    class Event(Model):
        text: str
        numbers: tuple[int, ...]
        half: Annotated[float, Field(ge=0)]
        part: Part | None
        any_value: Any

    found = [line.split(":")[0] for line in _unlimited(Event.model_json_schema(), "Event")]
    assert sorted(found) == [
        "Event.any_value", "Event.half", "Event.numbers", "Event.numbers[]", "Event.text",
        "Part.names", "Part.names.key", "Part.names.value",
    ]  # fmt: skip


def recorded(topic: Topic) -> dict[str, Any]:
    """Return the recorded event of a topic."""
    event: dict[str, Any] = json.loads((PROJECT / "tests" / "contract" / "v1" / f"{topic.name}.json").read_text())
    return event


def refused(topic: Topic, event: Mapping[str, Any]) -> str:
    """Return the reason for which an event is refused."""
    with pytest.raises(Poison) as caught:
        payload_of(Record(topic.full_name, 0, 0, None, json.dumps(event).encode()), topic.payload)
    return caught.value.reason


def changed(value: Any, path: str, new: Any) -> Any:
    """Return a JSON value in which the value at a dotted path is replaced; `*` is the first key."""
    name, _, rest = path.partition(".")
    key: Any = int(name) if isinstance(value, list) else next(iter(value)) if name == "*" else name
    copy: Any = list(value) if isinstance(value, list) else dict(value)
    copy[key] = changed(value[key], rest, new) if rest else new
    return copy


BEATS = [0.5 + n / 2 for n in range(9)]


@pytest.mark.parametrize(
    ("topic", "path", "value"),
    [
        (SONG_ACCEPTED, "song.duration_s", 1e9),
        (SONG_ACCEPTED, "song.size_bytes", 1 << 62),
        (SONG_ACCEPTED, "song.sample_rate", 0),
        (SONG_ACCEPTED, "song.kind", "video"),
        (SONG_ACCEPTED, "song.codec", "x" * 101),
        (SONG_ACCEPTED, "warnings", ["w"] * 33),
        (SONG_ACCEPTED, "warnings", ["w" * 1001]),
        (AUDIO_ANALYZED, "analysis.duration_s", 1e9),
        (AUDIO_ANALYZED, "analysis.duration_s", 60.0),
        (AUDIO_ANALYZED, "analysis.tempo_bpm", 5e-324),
        (AUDIO_ANALYZED, "analysis.beats.16", 27.0),
        (AUDIO_ANALYZED, "analysis.sections.0.end_s", 100.0),
        (AUDIO_ANALYZED, "analysis.sections.0.repeat_group", 10**400),
        (AUDIO_ANALYZED, "analysis.embedding.0", 1e300),
        (AUDIO_ANALYZED, "analysis.embedding.127", 0.0),
        (MOVES_SCORED, "scores.phrases.0.end_beat", 18),
        (MOVES_SCORED, "scores.phrases.0.candidates.0.clip_sha256", "d" * 64),
        (MOVES_SCORED, "scores.phrases.0.candidates.0.score", 1e300),
        (MOVES_SCORED, "scores.phrases.0.candidates.0.terms", {"x" * 101: 1.0}),
        (MOVES_SCORED, "scores.phrases.0.candidates.0.terms", {str(n): 1.0 for n in range(33)}),
        (MOVES_SCORED, "scores.moves.*.clip.sha256", "d" * 64),
        (MOVES_SCORED, "scores.moves.*.eights.0.start_beat", 1),
        (MOVES_SCORED, "scores.library_version", "v" * 101),
        (SEQUENCE_PLANNED, "plan.segments.0.stretch", 1e-9),
        (SEQUENCE_PLANNED, "plan.segments.0.song_beats", [100 + beat for beat in BEATS]),
        (RENDERED, "video.frames", 10**7),
        (RENDERED, "video.width", 10**6),
        (MOVE_SUBMITTED, "annotation", {"move": "m", "tempo_bpm": 5e-324}),
        (MOVE_INDEXED, "move.beats", BEATS[:8]),
        (MOVE_INDEXED, "move.clip.kind", "audio"),
        (MOVE_INDEXED, "move.clip.fps", 1e9),
        (MOVE_INDEXED, "move.clip.duration_s", 2.0 - 1e-9 - 10),
        (MOVE_INDEXED, "move.tempo_bpm", 5e-324),
        (MOVE_INDEXED, "move.eights.0.start_pose", [0.5] * 53),
        (MOVE_INDEXED, "move.eights.0.start_pose", [0.5] * 51),
        (MOVE_INDEXED, "move.eights.0.end_pose", [-0.0]),
        (MOVES_SCORED, "scores.moves.*.eights.0.end_pose", [0.5, 0.5]),
        (MOVE_INDEXED, "move.embedding.0", 2.0),
        (MOVE_INDEXED, "move.embedding_version", 10**9),
        (PROGRESS, "peak_rss_bytes", -1),
        (PROGRESS, "seconds", 1e300),
        (PROGRESS, "error", "e" * 1001),
        (REQUEST_ENDED, "video.file", "/etc/passwd"),
        (REQUEST_ENDED, "reason", "r" * 101),
    ],
    ids=lambda value: getattr(value, "name", None) or str(value)[:40],
)  # fmt: skip
def test_an_absurd_value_is_refused(topic: Topic, path: str, value: Any) -> None:
    assert refused(topic, changed(recorded(topic), path, value)) == "invalid_event"


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../video.mp4", "a/b.mp4", ".hidden", "", "a\n.mp4", "x" * 201, "a b.mp4"]
)
def test_a_video_has_a_plain_file_name(name: str) -> None:
    assert refused(RENDERED, changed(recorded(RENDERED), "video.file", name)) == "invalid_event"


def test_beats_that_cannot_be_danced_are_refused() -> None:
    event = recorded(AUDIO_ANALYZED)
    assert refused(AUDIO_ANALYZED, changed(event, "analysis.beats.1", 0.5 + 1e-9)) == "bad_beats"
    assert refused(AUDIO_ANALYZED, changed(event, "analysis.tempo_bpm", 499.0)) == "bad_beats"


def test_beats_that_do_not_increase_are_refused() -> None:
    beats = [*BEATS[:7], BEATS[8], BEATS[7]]
    assert refused(MOVE_INDEXED, changed(recorded(MOVE_INDEXED), "move.beats", beats)) == "bad_beats"
    segment = "plan.segments.0"
    event = changed(recorded(SEQUENCE_PLANNED), f"{segment}.song_beats", beats)
    assert refused(SEQUENCE_PLANNED, event) == "bad_beats"
    for name in ("song_beats", "clip_beats"):
        first = recorded(SEQUENCE_PLANNED)["plan"]["segments"][0][name][0]
        event = changed(recorded(SEQUENCE_PLANNED), f"{segment}.{name}.1", first + 1e-12)
        assert refused(SEQUENCE_PLANNED, event) == "bad_beats"


def test_a_plan_has_no_gap_and_names_the_beats_of_its_clips() -> None:
    event = recorded(SEQUENCE_PLANNED)
    later = changed(event["plan"]["segments"][0], "song_beats", [beat + 4.1 for beat in BEATS])
    gap = changed(event, "plan.segments", [event["plan"]["segments"][0], later])
    assert refused(SEQUENCE_PLANNED, gap) == "plan_gap"
    assert refused(SEQUENCE_PLANNED, changed(event, "plan.clips", {})) == "plan_incomplete"


def test_a_runner_up_covers_its_segment_with_another_clip_whose_beats_are_named() -> None:
    event = recorded(SEQUENCE_PLANNED)
    segment, other = event["plan"]["segments"][0], "d" * 64

    def with_runner_up(**fields: Any) -> Any:
        part = segment | {"clip_sha256": other} | fields
        planned = changed(event, "plan.segments.0", segment | {"runners_up": [[part]]})
        return changed(planned, "plan.clips", event["plan"]["clips"] | {other: segment["clip_beats"]})

    assert SEQUENCE_PLANNED.payload.model_validate(with_runner_up())
    later = [beat + 0.01 for beat in segment["song_beats"]]
    assert refused(SEQUENCE_PLANNED, with_runner_up(song_beats=later)) == "plan_gap"
    shorter = {name: segment[name][:-1] for name in ("song_beats", "clip_beats")}
    assert refused(SEQUENCE_PLANNED, with_runner_up(**shorter)) == "plan_gap"
    assert refused(SEQUENCE_PLANNED, with_runner_up(clip_sha256=segment["clip_sha256"])) == "invalid_event"
    assert (
        refused(SEQUENCE_PLANNED, changed(with_runner_up(), "plan.clips", event["plan"]["clips"])) == "plan_incomplete"
    )
    many = changed(with_runner_up(), "plan.segments.0.runners_up", [[segment | {"clip_sha256": other}]] * 4)
    assert refused(SEQUENCE_PLANNED, many) == "invalid_event"


@pytest.mark.parametrize("item", ["1", '"x"', "null", "1e400", "[[]]"])
@pytest.mark.parametrize(
    ("topic", "path"),
    [(SONG_SUBMITTED, "corrections"), (AUDIO_ANALYZED, "analysis.beats"), (MOVES_SCORED, "scores.phrases")],
    ids=lambda value: getattr(value, "name", value),
)
def test_an_endless_list_is_refused_at_little_cost(topic: Topic, path: str, item: str) -> None:
    """Both a list of numbers and one of wrong values, each of which would be an error of its own."""
    whole = ["ITEMS"] if path != "corrections" else {"beats": ["ITEMS"]}
    _check_cost(topic, changed(recorded(topic), path, whole), [item] * (MAX_MESSAGE_BYTES // (len(item) + 1) - 10_000))


@pytest.mark.parametrize("item", ["1", "null", "[]"])
@pytest.mark.parametrize("path", ["scores.phrases.0.candidates.0.terms", "scores.moves", "scores.moves.*.motion"])
def test_an_endless_mapping_is_refused_at_little_cost(path: str, item: str) -> None:
    dancer = {"detected": 1, "tracked": 1, "confidence": 1, "limb_speed": 1, "travel": 1, "turns": 1, "joints": {}}
    motion = {"lead": dancer | {"joints": {"ITEMS": 0}}, "follow": None, "couple": None, "energy": 1, "complexity": 1}
    event = changed(recorded(MOVES_SCORED), path, motion if path.endswith("motion") else {"ITEMS": 0})
    _check_cost(MOVES_SCORED, event, [f'"{number}":{item}' for number in range(600_000)])
    _check_cost(MOVES_SCORED, event, [f'"{number:012}":{item}' for number in range(140_000)])


def _check_cost(topic: Topic, event: Mapping[str, Any], items: Sequence[str]) -> None:
    text = json.dumps(event).replace('"ITEMS": 0', '"ITEMS"').replace('"ITEMS"', ",".join(items)).encode()
    assert MAX_MESSAGE_BYTES / 8 < len(text) <= MAX_MESSAGE_BYTES
    memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = process_time()
    with pytest.raises(Poison):
        payload_of(Record(topic.full_name, 0, 0, None, text), topic.payload)
    assert process_time() - started < 2.0, "half a second where nothing else runs"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory_before < 600 << 10, "KiB"
