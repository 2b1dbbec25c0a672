"""Options of commands whose values and default are those of a field of an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeVar, get_args, get_origin

import click

from schemas.base import Model

F = TypeVar("F", bound=Callable[..., Any])


def choices(model: type[Model], field: str) -> click.Choice[str]:
    """Return the choice among the values of a model's field, a `Literal` or a `Literal` or None."""
    annotation = model.model_fields[field].annotation
    [literal] = [part for part in (annotation, *get_args(annotation)) if get_origin(part) is Literal]
    return click.Choice(get_args(literal))


def field_option(model: type[Model], field: str, text: str) -> Callable[[F], F]:
    """Return the decorator of the option `--FIELD`, with the field's values, its default, and `text` as the help."""
    default = model.model_fields[field].default
    kind = choices(model, field)
    return click.option(f"--{field}", type=kind, default=default, show_default=default is not None, help=text)
