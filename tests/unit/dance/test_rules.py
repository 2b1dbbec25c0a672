"""The rules of the dance, the ones that come with the program and those of a teacher's own file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agents.dance.changes import CHANGE_RULES
from agents.dance.rules import MARKS, ONLY_COUNTED, default_rules, rules_of
from agents.dance.sequence import SEQUENCE_RULES
from agents.dance.slot_faults import SLOT_RULES
from schemas.faults import Poison

NOT_OF_PLANS = {"beats"}  # a plan of the program keeps it by its shape; only a person's plan can break it


def test_all_27_rules_of_the_collection_are_there() -> None:
    sources = {int(found) for rule in default_rules().rules.values() for found in re.findall(r"\d+", rule.source)}
    assert sources == set(range(1, 28))


def test_each_rule_is_one_that_is_counted_or_reported() -> None:
    counted = {*SLOT_RULES, *CHANGE_RULES, *SEQUENCE_RULES, *NOT_OF_PLANS}
    reported = {name for name, rule in default_rules().rules.items() if rule.kind == "report"}
    assert reported == set(ONLY_COUNTED)
    assert counted | reported == default_rules().rules.keys()


def test_a_file_changes_the_rules_and_marks_that_it_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('[marks]\ntiming = 30\n[rules.hold]\nkind = "cost"\npoints = 1.5\n')
    rules = rules_of(path)
    assert (rules["hold"].kind, rules["hold"].points, rules.points("hold")) == ("cost", 1.5, 1.5)
    assert not rules.is_gate("hold")
    assert default_rules().is_gate("hold")
    assert rules["foot"] == default_rules()["foot"]
    assert (rules.marks["timing"], rules.marks["technique"]) == (30, 20)
    assert set(rules.marks) == set(MARKS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[rules.holds]\npoints = 1\n", "there is no rule 'holds'"),
        ("[rules.hold]\npoints = -1\n", "rules.hold.points"),
        ('[rules.hold]\nkind = "must"\n', "rules.hold.kind"),
        ("[marks]\ncharm = 1\n", "marks.charm"),
        ('[rules.uncut]\nkind = "cost"\n', "uncut is only counted in the whole dance: its kind must be 'report'"),
        ("[marks]\ntiming = -1\n", "marks.timing: Input should be greater than or equal to 0"),
        ("[marks]\ntiming = 1e308\n", "marks.timing: Input should be less than or equal to 100"),
        ("[rules.hold\n", "Expected"),
        ("[marks]\n" + "".join(f"{mark} = 0\n" for mark in MARKS), "at least one above 0"),
        ("rules = 3\n", "wrong"),
    ],
)
def test_wrong_rules_are_refused_in_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(Poison, match=re.escape(message)) as caught:
        rules_of(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Poison, match=r"none\.toml cannot be read"):
        rules_of(tmp_path / "none.toml")
