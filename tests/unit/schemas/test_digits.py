"""A measured value beside a limit never looks like the limit."""

from __future__ import annotations

import pytest

from schemas.digits import distinct_text


@pytest.mark.parametrize(
    ("value", "text"), [(9.97, "9.97"), (9.949, "9.9"), (9.9996, "9.9996"), (10.04, "10.04"), (3.0, "3.0")]
)
def test_a_value_has_as_many_digits_as_tell_it_from_the_limit(value: float, text: str) -> None:
    assert distinct_text(value, 10.0) == text


def test_the_limit_itself_is_written_as_it_is() -> None:
    assert distinct_text(10.0, 10.0) == "10.0"
