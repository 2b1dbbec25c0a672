"""The reason codes are complete, used and documented."""

from __future__ import annotations

from typing import get_args

import pytest

from schemas.reasons import REASONS, Reason, as_reason, document
from tests.paths import PROJECT

_SOURCES = "\n".join(
    file.read_text()
    for folder in ("agents", "infra", "streams", "schemas")
    for file in (PROJECT / folder).rglob("*.py")
    if file.name != "reasons.py"
)


def test_each_code_has_one_sentence() -> None:
    assert set(REASONS) == set(get_args(Reason))
    assert list(REASONS) == sorted(REASONS)
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in REASONS.values())


@pytest.mark.parametrize("code", get_args(Reason))
def test_each_code_is_used_or_only_of_earlier_versions(code: str) -> None:
    assert (f'"{code}"' in _SOURCES) != REASONS[as_reason(code)].startswith("Only of earlier versions: ")


def test_an_unknown_code_is_unexpected() -> None:
    assert as_reason("no_audio") == "no_audio"
    assert as_reason("code_of_a_later_version") == "unexpected"


def test_the_document_is_up_to_date() -> None:
    assert (PROJECT / "docs" / "reasons.md").read_text() == document(), "run `make docs`"
