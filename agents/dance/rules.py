"""The rules of the dance, read from a TOML file that a teacher can edit."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal, get_args

import numpy as np
from pydantic import Field, ValidationError, model_validator

from agents.arrays import Bools, Floats
from schemas.base import Code, Line, Model, RuleChange, RuleKind
from schemas.faults import Poison
from schemas.limits import MAX_RULE_POINTS

Mark = Literal["timing", "technique", "connection", "musicality", "presentation", "difficulty"]
MARKS: Final[tuple[Mark, ...]] = get_args(Mark)
BROKEN_GATE: Final = 1e7  # points in a search: more than all other faults of a dance together, at most 100 points each
LEAST_AMOUNT: Final = 1e-3  # less is no fault
ONLY_COUNTED: Final = ("connector", "uncut", "footwork_share")  # rules that are of the whole dance
_MAX_WEIGHT: Final = 100.0  # of a mark


class Rule(Model):
    """A rule: which mark of the score sheet it lowers, by how many points, and whether it may be broken at all.

    `most`: the greatest amount that does not break it, of a gate. `limit`: a parameter whose meaning the rule's title
    and amount tell.
    """

    title: Line
    mark: Mark
    kind: RuleKind
    points: float = Field(ge=0, le=MAX_RULE_POINTS)
    amount: Line
    most: float = Field(default=0.0, ge=0, le=MAX_RULE_POINTS)
    limit: float = Field(default=0.0, ge=0, le=MAX_RULE_POINTS)
    source: Code = ""


class Rules(Model):
    """All rules by name, and how much each mark counts."""

    marks: dict[Mark, Annotated[float, Field(ge=0, le=_MAX_WEIGHT)]]
    rules: dict[Code, Rule]

    @model_validator(mode="after")
    def _is_whole(self) -> Rules:
        if not any(self.marks.values()):
            raise ValueError("of the weights of the marks, at least one above 0 is needed")
        if fault := _kind_fault({name: rule.kind for name, rule in self.rules.items()}):
            raise ValueError(fault)
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

    def broken(self, amounts: Mapping[str, Floats]) -> dict[str, Bools]:
        """Return for each rule that is a gate where its amount breaks it."""
        return {
            name: amount > max(self.rules[name].most, LEAST_AMOUNT)
            for name, amount in amounts.items()
            if self.is_gate(name)
        }

    def cost(self, amounts: Mapping[str, Floats], broken: Mapping[str, Bools] | None = None) -> Floats:
        """Return the points of all amounts, arrays of one shape, with BROKEN_GATE for each gate that is broken.

        `broken`: for each rule that is a gate where it is; by default where its amount breaks it.
        """
        cost: Floats = np.zeros(next(iter(amounts.values())).shape)
        for name, amount in amounts.items():
            cost += self.points(name) * amount
        for where in (self.broken(amounts) if broken is None else broken).values():
            cost += BROKEN_GATE * where
        return cost

    def changed(self, changes: Mapping[str, RuleChange]) -> Rules:
        """Return the rules with what a request changes of them.

        Raises: `Poison` (`invalid_event`) for a rule that does not exist.
        """
        unknown = sorted(set(changes) - set(self.rules))
        if unknown:
            raise Poison(f"options.rules: there is no rule {unknown[0]!r}", reason="invalid_event")
        given = {name: change.model_dump(exclude_none=True) for name, change in changes.items()}
        if fault := _kind_fault({name: change.kind for name, change in changes.items() if change.kind}):
            raise Poison(f"options.rules: {fault}", reason="invalid_event")
        rules = {name: self.rules[name].model_copy(update=values) for name, values in given.items()}
        return self.model_copy(update={"rules": self.rules | rules}) if rules else self

    def changes(self, base: Rules) -> dict[str, RuleChange]:
        """Return what a request changes of the rules `base` where these are to hold; marks change no dance."""
        return {
            name: RuleChange(**differing)
            for name, rule in self.rules.items()
            if (differing := _differing(rule, base.rules[name]))
        }


def _differing(rule: Rule, base: Rule) -> dict[str, Any]:
    """Return the values of a rule that a request can change and that differ."""
    pairs = ((name, getattr(rule, name), getattr(base, name)) for name in RuleChange.model_fields)
    return {name: value for name, value, other in pairs if value != other}


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


def _kind_fault(kinds: Mapping[str, RuleKind]) -> str | None:
    """Return what is wrong with the kinds of some rules, None where nothing is."""
    wrong = [name for name in ONLY_COUNTED if kinds.get(name, "report") != "report"]
    return f"{wrong[0]} is only counted in the whole dance: its kind must be 'report'" if wrong else None


def _first(error: ValidationError) -> str:
    fault = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
