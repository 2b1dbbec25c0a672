"""The rules of the dance, read from a TOML file that a teacher can edit."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Literal, get_args

from pydantic import Field, ValidationError, model_validator

from schemas.base import Code, Line, Model
from schemas.faults import Poison

Mark = Literal["timing", "technique", "connection", "musicality", "presentation", "difficulty"]
Kind = Literal["gate", "cost", "report"]
MARKS: Final[tuple[Mark, ...]] = get_args(Mark)
BROKEN_GATE: Final = 1000.0  # points in a search: more than all costs of the plans that differ in one gate
_MAX_POINTS = 100.0


class Rule(Model):
    """A rule: which mark of the score sheet it lowers, by how many points, and whether it may be broken at all.

    `limit`: a parameter whose meaning the rule's title and amount tell.
    """

    title: Line
    mark: Mark
    kind: Kind
    points: float = Field(ge=0, le=_MAX_POINTS)
    amount: Line
    limit: float = Field(default=0.0, ge=0, le=_MAX_POINTS)
    source: Code = ""


class Rules(Model):
    """All rules by name, and how much each mark counts."""

    marks: dict[Mark, float]
    rules: dict[Code, Rule]

    @model_validator(mode="after")
    def _is_whole(self) -> Rules:
        if sum(self.marks.values()) <= 0 or any(weight < 0 for weight in self.marks.values()):
            raise ValueError("the weights of the marks must be 0 or more, and at least one above 0")
        return self

    def __getitem__(self, name: str) -> Rule:
        return self.rules[name]

    def points(self, name: str) -> float:
        """Return the points of a fault of amount 1; 0 of a rule that is only reported."""
        rule = self.rules[name]
        return 0.0 if rule.kind == "report" else rule.points

    def is_gate(self, name: str) -> bool:
        """Return whether a rule must hold."""
        return self.rules[name].kind == "gate"


@cache
def default_rules() -> Rules:
    """Return the rules that hold where nobody chooses others."""
    return _parsed(files("agents.dance").joinpath("rules.toml").read_text(encoding="utf-8"), "rules.toml")


def rules_of(path: Path) -> Rules:
    """Return the rules of a file; a rule or a mark that it does not have is as in the default rules.

    Raises: `Poison` (`settings`) for a file that cannot be read, is not TOML, or has a rule that does not exist.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Poison(f"the rules {path} cannot be read: {error}", reason="settings") from error
    return _parsed(text, str(path), default_rules())


def _parsed(text: str, name: str, base: Rules | None = None) -> Rules:
    try:
        given = tomllib.loads(text)
        return Rules.model_validate(given if base is None else _completed(given, base))
    except ValidationError as error:
        raise Poison(f"the rules {name} are wrong: {_first(error)}", reason="settings") from error
    except (ValueError, TypeError) as error:
        raise Poison(f"the rules {name} are wrong: {error}", reason="settings") from error


def _completed(given: dict[str, Any], base: Rules) -> dict[str, Any]:
    """Return rules and marks, those of `base` where none are given. Raises: `ValueError` for an unknown rule."""
    rules = given.get("rules", {})
    unknown = sorted(set(rules) - set(base.rules))
    if unknown:
        raise ValueError(f"there is no rule {unknown[0]!r}")
    every = {name: rule.model_dump() | rules.get(name, {}) for name, rule in base.rules.items()}
    return {"marks": base.marks | given.get("marks", {}), "rules": every}


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
