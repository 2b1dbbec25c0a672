"""The flow of events, derived from the topic table and the steps: as data, as text, as Mermaid and as documents.

python -m streams.topology      writes docs/topology.md and the diagram in README.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from streams.steps import STEPS
from streams.topics import (
    DAY_MS,
    HELD_EVENTS,
    PARTITIONS,
    PROGRESS,
    REDRIVEN,
    REQUEST_CONTROL,
    REQUEST_DECISIONS,
    REQUEST_ENDED,
    RESULTS_TABLE,
    TOPICS,
    Topic,
    TopicSpec,
    changelog_name,
    specs,
    topic_of,
)

_ROOT = Path(__file__).resolve().parent.parent
_BEGIN, _END = "<!-- flow: begin, written by `make docs` -->", "<!-- flow: end -->"


def topology() -> dict[str, Any]:
    """Return the steps, the topics of events, and all topics with their cleanup policy, as JSON values.

    `retention_days` is null for a topic without a time limit.
    """
    return {
        "partitions": PARTITIONS,
        "steps": [
            {
                "name": step.name,
                "version": step.version,
                "consumes": topic_of(step.consumes).full_name,
                "produces": topic_of(step.produces).full_name if step.produces else None,
                "dead_letters": topic_of(step.consumes).dead_letter_name,
                "reads": sorted(step.reads),
                "writes": sorted(step.writes),
                "ends_request": step.ending is not None,
            }
            for step in STEPS
        ],
        "topics": [
            {
                "name": topic.full_name,
                "payload": topic.payload.__name__,
                "written_by": _writers(topic),
                "read_by": _readers(topic),
                "dead_letters": topic.dead_letter_name if topic.dead_letters else None,
            }
            for topic in TOPICS
        ],
        "cleanup": {spec.name: _cleanup(spec) for spec in specs()},
    }


def text() -> str:
    """Return the flow as lines for a terminal."""
    flow = topology()
    lines = [f"{'step':18} {'version':16} {'consumes':30} produces"]
    for step in flow["steps"]:
        end = "  (ends the request)" if step["ends_request"] else ""
        lines.append(
            f"{step['name']:18} {step['version']:16} {step['consumes']:30} {step['produces'] or 'nothing'}{end}"
        )
    payloads = {topic["name"]: topic["payload"] for topic in flow["topics"]}
    lines += ["", f"{'topic':34} {'payload':16} keeps"]
    lines += [f"{name:34} {payloads.get(name, ''):16} {_keeps(cleanup)}" for name, cleanup in flow["cleanup"].items()]
    return "\n".join(lines)


def mermaid() -> str:
    """Return the flow as a Mermaid flowchart.

    A box is a step, an arrow with a name is a topic, a rounded box is a topic that is written or read outside the flow,
    a cylinder is a view, and a dotted arrow leads from a view to a step that reads it.
    """
    lines = ["flowchart TD"]
    lines += [f"    {step.name}[{step.name.replace('_', ' ')}]" for step in STEPS if "_" in step.name]
    lines += [f"    {view}[({view})]" for view in sorted({view for step in STEPS for view in step.reads | step.writes})]
    lines += [line for topic in TOPICS for line in _arrows(topic)]
    lines += [f"    {view} -.-> {step.name}" for step in STEPS for view in sorted(step.reads)]
    return "\n".join(lines)


def _arrows(topic: Topic) -> Iterator[str]:
    writers = [step for step in STEPS if step.produces is topic.payload]
    targets = [step.name for step in STEPS if step.consumes is topic.payload]
    targets += sorted({view for step in writers for view in step.writes})
    end = f"{topic.name.replace('-', '_')}_topic([{topic.name}])"  # written or read outside the flow
    if not writers:
        yield from (f"    {end} --> {target}" for target in targets)
    for writer in writers:
        yield from (f"    {writer.name} -- {topic.name} --> {target}" for target in targets)
        if not targets:
            yield f"    {writer.name} --> {end}"


def _writers(topic: Topic) -> list[str]:
    if topic in {PROGRESS, REQUEST_ENDED}:
        return [step.name for step in STEPS if topic is PROGRESS or step.decides_request]
    return [step.name for step in STEPS if step.produces is topic.payload]


def _readers(topic: Topic) -> list[str]:
    steps = [step.name for step in STEPS if step.consumes is topic.payload]
    return ["request_control"] if topic is REQUEST_CONTROL else steps


def _cleanup(spec: TopicSpec) -> dict[str, Any]:
    between_steps = next((topic for topic in TOPICS if topic.between_steps and topic.full_name == spec.name), None)
    retention_ms = int(spec.config.get("retention.ms", -1))
    days = None if retention_ms < 0 else retention_ms // DAY_MS
    return {
        "policy": spec.config["cleanup.policy"],
        "retention_days": between_steps.retention_days if between_steps else days,
        "only_processed": between_steps is not None,
    }


def _keeps(cleanup: dict[str, Any]) -> str:
    if cleanup["policy"] == "compact":
        return "the last record of each key (compacted)"
    days = f"{cleanup['retention_days']} days"
    if cleanup["only_processed"]:
        return f"{days}, and until every step has processed it"
    return "everything" if cleanup["retention_days"] is None else days


def _step_rows(flow: dict[str, Any]) -> Iterator[str]:
    for step in flow["steps"]:
        yield (
            f"| `{step['name']}` | {step['version']} | `{step['consumes']}` | {_code(step['produces'])} "
            f"| `{step['dead_letters']}` | {'yes' if step['ends_request'] else ''} |"
        )


def _topic_rows(flow: dict[str, Any]) -> Iterator[str]:
    for topic, row in zip(TOPICS, flow["topics"], strict=True):
        yield (
            f"| `{row['name']}` | [`{row['payload']}`](../{_module(topic.payload)}) "
            f"| {_names(row['written_by'], 'other programs, commands')} | {_names(row['read_by'], '')} "
            f"| {_keeps(flow['cleanup'][row['name']])} |"
        )


def _other_rows(flow: dict[str, Any]) -> Iterator[str]:
    events = {row["name"] for row in flow["topics"]}
    return (f"| `{name}` | {_keeps(cleanup)} |" for name, cleanup in flow["cleanup"].items() if name not in events)


def document() -> str:
    """Return `docs/topology.md`."""
    flow = topology()
    return "\n".join(
        [
            "# Topology",
            "",
            "Written by `make docs` from `streams/topics.py` and `streams/steps.py`. `bachata topology` prints it.",
            "",
            "```mermaid",
            mermaid(),
            "```",
            "",
            "- A box is a step.",
            "- An arrow with a name is a topic: the step before it writes the topic, the step after it reads it.",
            "- A rounded box is a topic that other programs write, or that no step reads.",
            "- The cylinder is the library: the move index of each worker, built from `move-indexed`.",
            "  `bachata moves remove` writes records without a value to this topic; each removes the move of the clip",
            "  that is its key.",
            "- A dotted arrow leads from the library to a step that searches it.",
            "",
            "Every step also writes `progress`. The step that ends a request, or fails, writes `request-ended`.",
            "",
            "## Steps",
            "",
            "| step | version | consumes | produces | dead letters | ends the request when done |",
            "|---|---|---|---|---|---|",
            *_step_rows(flow),
            "",
            "## Topics of events",
            "",
            f"Each has {flow['partitions']} partitions.",
            "",
            "| topic | payload | written by | read by steps | keeps |",
            "|---|---|---|---|---|",
            *_topic_rows(flow),
            "",
            "## Dead-letter and internal topics",
            "",
            "A topic that ends with `.dlq` holds the dead letters of the topic before the ending. The others are "
            "internal:",
            f"`{REDRIVEN}` records which dead letters were sent again, `{changelog_name(RESULTS_TABLE)}`",
            f"holds the stored results of all steps, `{REQUEST_DECISIONS}` what decided how each request",
            f"ends and whether it is held, and `{HELD_EVENTS}` the events of held requests.",
            "",
            "| topic | keeps |",
            "|---|---|",
            *_other_rows(flow),
            "",
        ]
    )


def readme_with_flow(readme: str) -> str:
    """Return README.md with the diagram between its two markers, without deliveries: none is made by default.

    Raises: `ValueError` where a marker is missing.
    """
    deliveries = [step.name for step in STEPS if not step.decides_request]
    lines = (line for line in mermaid().splitlines() if not any(name in line for name in deliveries))
    diagram = "\n".join(lines)
    before, rest = readme.split(_BEGIN)
    _, after = rest.split(_END)
    return f"{before}{_BEGIN}\n```mermaid\n{diagram}\n```\n{_END}{after}"


def _code(name: str | None) -> str:
    return f"`{name}`" if name else "nothing"


def _names(steps: Iterable[str], otherwise: str) -> str:
    names = list(steps)
    return "every step" if len(names) == len(STEPS) else ", ".join(f"`{name}`" for name in names) or otherwise


def _module(payload: type) -> str:
    return f"{payload.__module__.replace('.', '/')}.py"


def main() -> None:
    """Write the documents."""
    (_ROOT / "docs" / "topology.md").write_text(document())
    readme = _ROOT / "README.md"
    readme.write_text(readme_with_flow(readme.read_text()))


if __name__ == "__main__":
    main()
