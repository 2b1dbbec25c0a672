"""The flow: derived from the tables, printed by the command line, and up to date in the documents."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from agents.rendering.agent import STEP as RENDERING
from schemas.rendered import Rendered
from streams import topology
from streams.cli import main
from streams.stage.runners import AnyStep
from streams.steps import STEPS
from streams.topics import TOPICS, specs
from tests.paths import PROJECT


def test_every_step_and_every_topic_is_in_the_flow() -> None:
    flow = topology.topology()
    assert [step["name"] for step in flow["steps"]] == [step.name for step in STEPS]
    assert [topic["name"] for topic in flow["topics"]] == [topic.full_name for topic in TOPICS]
    assert set(flow["cleanup"]) == {spec.name for spec in specs()}
    for step in flow["steps"]:
        assert step["dead_letters"] in flow["cleanup"]
        topics = {topic["name"]: topic for topic in flow["topics"]}
        assert step["name"] in topics[step["consumes"]]["read_by"]
        assert step["produces"] is None or step["name"] in topics[step["produces"]]["written_by"]
    assert [step["name"] for step in flow["steps"] if step["ends_request"]] == ["rendering", "move_indexing"]


def test_the_diagram_has_an_arrow_for_each_topic_between_steps() -> None:
    lines = topology.mermaid().splitlines()
    assert lines[0].startswith("flowchart ")
    assert "    song_submitted_topic([song-submitted]) --> intake" in lines
    assert "    moves_scored" not in "\n".join(lines)
    assert "    move_scoring -- moves-scored --> sequence_planning" in lines
    assert "    move_indexing -- move-indexed --> library" in lines
    assert "    library -.-> move_scoring" in lines
    assert "    rendering --> rendered_topic([rendered])" in lines


def test_a_step_that_is_added_is_in_the_diagram_and_ends_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    rendering: AnyStep = RENDERING
    delivery = replace(rendering, name="delivery", consumes=Rendered, produces=None, emit=None, ending=None)
    monkeypatch.setattr(topology, "STEPS", (*STEPS, delivery))
    assert "    rendering -- rendered --> delivery" in topology.mermaid().splitlines()
    ended = next(topic for topic in topology.topology()["topics"] if topic["payload"] == "RequestEnded")
    assert "delivery" not in ended["written_by"]
    assert "delivery" in topology.text()


def test_the_command_prints_text_json_and_mermaid() -> None:
    run = CliRunner().invoke
    assert json.loads(run(main, ["topology", "--json"]).stdout) == topology.topology()
    assert run(main, ["topology", "--mermaid"]).stdout == topology.mermaid() + "\n"
    both = json.loads(run(main, ["topology", "--mermaid", "--json"]).stdout)
    assert both["mermaid"] == topology.mermaid()
    printed = run(main, ["topology"]).stdout
    assert all(spec.name in printed for spec in specs())


def test_the_documents_are_up_to_date() -> None:
    readme = (PROJECT / "README.md").read_text()
    assert (PROJECT / "docs" / "topology.md").read_text() == topology.document(), "run `make docs`"
    assert readme == topology.readme_with_flow(readme), "run `make docs`"
