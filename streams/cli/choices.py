"""Options of commands whose values are those of a field of an event."""

from __future__ import annotations

from typing import Literal, get_args, get_origin

import click

from schemas.base import Model


def choices(model: type[Model], field: str) -> click.Choice[str]:
    """Return the choice among the values of a model's field, a `Literal` or a `Literal` or None."""
    annotation = model.model_fields[field].annotation
    [literal] = [part for part in (annotation, *get_args(annotation)) if get_origin(part) is Literal]
    return click.Choice(get_args(literal))
