"""What a request changes of the rules of the dance."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents.dance.music import Request
from agents.dance.rules import default_rules, rules_of
from schemas.base import Options, RuleChange
from schemas.faults import Poison


def test_the_changes_of_a_file_make_its_rules_again(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[rules.hold]\nkind = "report"\n[rules.turns]\nlimit = 2\npoints = 0.5\n')
    rules, base = rules_of(file), default_rules()
    changes = rules.changes(base)
    assert changes == {"hold": RuleChange(kind="report"), "turns": RuleChange(limit=2, points=0.5)}
    assert base.changed(changes) == rules


def test_a_request_is_judged_by_the_rules_that_it_changes() -> None:
    request = Request.of(Options(rules={"couple": RuleChange(kind="cost", points=0)}), default_rules())
    assert not request.rules.is_gate("couple")
    assert request.rules.points("couple") == 0
    assert default_rules().is_gate("couple")


def test_a_request_cannot_make_a_gate_of_a_rule_that_is_only_counted() -> None:
    with pytest.raises(Poison, match=r"options.rules: uncut is only counted in the whole dance") as refused:
        Request.of(Options(rules={"uncut": RuleChange(kind="gate")}), default_rules())
    assert refused.value.reason == "invalid_event"


def test_a_request_cannot_change_a_rule_that_does_not_exist() -> None:
    with pytest.raises(Poison, match=r"options.rules: there is no rule 'holds'") as refused:
        Request.of(Options(rules={"holds": RuleChange(points=1)}), default_rules())
    assert refused.value.reason == "invalid_event"
