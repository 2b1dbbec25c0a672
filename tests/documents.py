"""The Markdown documents of the project: their code blocks, commands, links and anchors."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.paths import PROJECT

DOCUMENTS = sorted(
    [PROJECT / "README.md", PROJECT / "CHANGELOG.md", PROJECT / "data/demo/README.md", *(PROJECT / "docs").glob("*.md")]
)

_BLOCK = re.compile(r"^```(\w*) ?([\w-]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_BEFORE_COMMAND = {";", "|", "&&", "do", "done", "exec", "worker"}


@dataclass(frozen=True)
class Block:
    """A fenced code block. `subject`: the word after the language, such as the topic of a JSON event."""

    document: str
    language: str
    subject: str
    text: str


def blocks(language: str) -> list[Block]:
    """Return the code blocks in a language, of all documents."""
    return [
        Block(str(document.relative_to(PROJECT)), *found.groups())
        for document in DOCUMENTS
        for found in _BLOCK.finditer(document.read_text())
        if found[1] == language
    ]


def shell_lines() -> list[str]:
    """Return the lines of all shell blocks, each once, without comments."""
    lines = (line.partition(" #")[0].strip() for block in blocks("sh") for line in block.text.splitlines())
    return list(dict.fromkeys(line for line in lines if line))


def commands(line: str, program: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of the program in a shell line."""
    tokens = list(shlex.shlex(line, posix=True, punctuation_chars=True))
    for start in [index for index, token in enumerate(tokens) if token == program]:
        if start == 0 or tokens[start - 1] in _BEFORE_COMMAND:
            arguments = tokens[start + 1 :]
            end = next((index for index, token in enumerate(arguments) if set(token) <= set(";|&<>")), len(arguments))
            yield arguments[:end]


def links(document: Path) -> list[str]:
    """Return the targets of a document's links, without those in code blocks."""
    return _LINK.findall(_BLOCK.sub("", document.read_text()))


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub generates for the headings of a document."""
    headings = _HEADING.findall(_BLOCK.sub("", document.read_text()))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
