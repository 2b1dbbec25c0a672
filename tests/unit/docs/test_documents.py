"""The documents: commands exist, events are valid, links have targets, tables have as many cells as columns."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from typing import Any

import click
import pytest

from schemas.base import Corrections
from schemas.reasons import REASONS
from schemas.song_submitted import SongSubmitted
from streams.cli import main
from streams.topics import TOPICS
from tests.documents import DOCUMENTS, Block, anchors, blocks, commands, links, shell_lines
from tests.paths import PROJECT

_MAX_README_LINES = 165
_PAYLOADS = {topic.name: topic.payload for topic in TOPICS} | {"corrections": Corrections}


def _parse(arguments: list[str]) -> None:
    """Parse a command line as `bachata` would. Raises: `click.UsageError` for an invalid one."""
    command: click.Command = main
    context = click.Context(main, info_name="bachata")
    while isinstance(command, click.Group):
        name, *arguments = arguments or [""]
        if name.startswith("-"):
            command.make_context("bachata", [name, *arguments])
        found = command.get_command(context, name)
        if found is None:
            raise click.UsageError(f"no command {name!r}")
        command = found
    command.make_context(command.name, arguments, parent=context)


@pytest.mark.parametrize("line", [line for line in shell_lines() if "bachata " in line])
def test_each_command_line_is_valid(line: str) -> None:
    found = list(commands(line, "bachata"))
    assert found or "kcat" in line, "the line calls no command"
    for arguments in found:
        _parse(arguments)


@pytest.mark.parametrize("arguments", [[], ["no-such"], ["generate"], ["moves", "no-such"], ["status", "--no-such"]])
def test_an_invalid_command_line_is_rejected(arguments: list[str]) -> None:
    with pytest.raises(click.UsageError):
        _parse(arguments)


def test_each_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), re.MULTILINE))
    pattern = re.compile(r"(?:^|`)make ([a-z-]+)", re.MULTILINE)
    documented = {name for document in DOCUMENTS for name in pattern.findall(document.read_text())}
    assert {"demo", "test", "help"} <= documented <= targets


@pytest.mark.parametrize("block", blocks("json"), ids=lambda block: f"{block.document}-{block.subject}")
def test_each_event_is_valid_and_every_field_is_known(block: Block) -> None:
    value = json.loads(block.text)
    if block.subject == "annotations":
        _check_annotations(value)
    elif block.subject == "webhook":
        model = _PAYLOADS["request-ended"]
        assert model.model_validate(value["data"]).model_dump(mode="json", exclude_unset=True) == value["data"]
    else:
        assert _PAYLOADS[block.subject].model_validate(value).model_dump(mode="json", exclude_unset=True) == value


def _check_annotations(value: Any) -> None:
    demo = json.loads((PROJECT / "data/demo/annotations.json").read_text())["clips"]
    for entry in value["clips"]:
        assert any(entry.items() <= demo_entry.items() for demo_entry in demo)


def test_the_event_of_the_kcat_line_is_valid() -> None:
    [line] = [line for line in shell_lines() if "kcat -P" in line]
    [text] = re.findall(r"'(.+?)'", line)
    assert SongSubmitted.model_validate_json(text).model_dump(mode="json", exclude_unset=True) == json.loads(text)


@pytest.mark.parametrize("block", blocks("python"), ids=lambda block: block.document)
def test_each_python_example_is_a_program(block: Block) -> None:
    ast.parse(block.text)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(PROJECT)))
def test_each_link_has_a_file_and_a_heading(document: Path) -> None:
    for link in links(document):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.is_relative_to(PROJECT), link
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: str(document.relative_to(PROJECT)))
def test_each_table_row_has_as_many_cells_as_its_header(document: Path) -> None:
    columns = 0
    for line in document.read_text().splitlines():
        cells = len(re.findall(r"(?<!\\)\|", re.sub(r"`[^`]*`", "", line))) if line.startswith("|") else 0
        assert not columns or not cells or cells == columns, line
        columns = cells


def test_each_test_that_a_document_names_exists() -> None:
    text = (PROJECT / "docs/guarantees.md").read_text()
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", text)
    assert named
    for file, test in named:
        assert (PROJECT / file).is_file(), file
        assert not test or f"def {test}(" in (PROJECT / file).read_text(), f"{file}::{test}"


def test_each_documented_reason_code_exists() -> None:
    texts = [file.read_text() for file in DOCUMENTS if file.name in {"moves.md", "service.md", "music.md"}]
    codes = {
        code for text in texts for code in re.findall(r"\(`([a-z_]+)`\)|\"reason\": \"(\w+)\"|--reason (\w+)", text)
    }
    documented = {code for groups in codes for code in groups if code}
    assert documented
    assert documented <= set(REASONS)


def test_the_readme_is_short() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= _MAX_README_LINES
    assert (PROJECT / "docs/frame.jpg").stat().st_size < 80_000
