"""`judge`: score a plan by the rules of the dance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from schemas.plan_file import clock_text
from streams.cli.output import command, print_json, print_output
from streams.cli.plans.group import load, rules_option, source_argument

if TYPE_CHECKING:
    from agents.dance.judge import Fault
    from agents.dance.rules import Rules
    from agents.sequence_planning.opened_plan import OpenedPlan

_MAX_PLACES = 8  # of one rule, in a line
_LISTED_GRADES = ("F", "D", "C")  # with time and reason


@click.command()
@source_argument
@rules_option
@command
def judge(source: str, rules_file: Path | None, as_json: bool) -> None:
    """Score the plan of request ID, or in FILE, by the rules of the dance: its faults, its cuts, and the score sheet.

    A plan may be one that a person wrote. What must not be comes first, then what costs most.
    """
    opened = open_source(load(source).file, rules_file)
    if as_json:
        print_json(sheet_fields(opened))
        return
    for line in _lines(opened):
        print_output(line)


def open_source(file: Any, rules_file: Path | None) -> OpenedPlan:
    """Return a plan file with its sheet. `rules_file`: by which it is judged."""
    from agents.dance.rules import rules_of
    from agents.sequence_planning.opened_plan import opened

    return opened(file, None if rules_file is None else rules_of(rules_file))


def sheet_fields(opened: OpenedPlan) -> dict[str, Any]:
    """Return the sheet as fields of JSON."""
    from agents.dance.counted import counted

    sheet, rules = opened.sheet, opened.request.rules
    return {
        "title": opened.file.request.title,
        "score": sheet.score,
        "points": sheet.points,
        "broken_gates": sheet.broken_gates,
        "marks": {mark: {"mark": value, "weight": rules.marks.get(mark, 0.0)} for mark, value in sheet.marks.items()},
        "faults": [_fault_fields(fault, opened) for fault in by_cost(sheet.faults)],
        "seams": list(seam_fields(opened)),
        "counted": counted(opened.parts, sheet.seams),
    }


def by_cost(faults: Sequence[Fault]) -> list[Fault]:
    """Return the faults, those that break a gate first, then those that cost most."""
    return sorted(faults, key=lambda fault: (not fault.breaks_gate, -fault.points, fault.time_s, fault.rule))


def _fault_fields(fault: Fault, opened: OpenedPlan) -> dict[str, Any]:
    rule = opened.request.rules[fault.rule]
    return {
        "at": clock_text(fault.time_s),
        "time_s": fault.time_s,
        "row": opened.dance.rows[fault.slot],
        "phrase": opened.music[fault.slot].phrase,
        "rule": fault.rule,
        "title": rule.title,
        "mark": rule.mark,
        "amount": round(fault.amount, 4),
        "points": round(fault.points, 4),
        "breaks_gate": fault.breaks_gate,
    }


def seam_fields(opened: OpenedPlan) -> Iterator[dict[str, Any]]:
    """Yield the fields of each cut."""
    for n, seam in enumerate(opened.sheet.seams, 1):
        if seam is not None:
            slot = opened.dance.slots[n]
            place = {"at": clock_text(slot.times[0]), "time_s": slot.times[0], "row": opened.dance.rows[n]}
            yield place | seam.model_dump(mode="json")


def _lines(opened: OpenedPlan) -> Iterator[str]:
    sheet, rules = opened.sheet, opened.request.rules
    slots = opened.dance.slots
    clips = len({part.clip for part in opened.dance.parts})
    cuts = sum(seam is not None for seam in sheet.seams)
    length = clock_text(slots[-1].times[-1] - slots[0].times[0], 0)
    yield f"{opened.file.request.title}: {length}, {len(slots)} eights or parts of one, {clips} clips, {cuts} cuts"
    yield from _broken_lines(opened)
    yield from _rule_lines(sheet.faults, rules)
    yield from _seam_lines(opened)
    yield from _counted_lines(opened)
    yield "marks: " + ", ".join(
        f"{mark} {value:.1f} ({rules.marks.get(mark, 0.0):g} %)" for mark, value in sheet.marks.items()
    )
    yield f"{sheet.broken_gates} broken gates, {sheet.points:.1f} points lost, score {sheet.score:.1f} of 100"


def _broken_lines(opened: OpenedPlan) -> Iterator[str]:
    broken = [fault for fault in by_cost(opened.sheet.faults) if fault.breaks_gate]
    if not broken:
        return
    yield "what must not be:"
    for fault in sorted(broken, key=lambda fault: fault.time_s):
        seam = opened.sheet.seams[fault.slot - 1] if fault.slot else None
        why = f" ({seam.reason})" if seam is not None and fault.rule in seam.broken else ""
        row, title = opened.dance.rows[fault.slot], opened.request.rules[fault.rule].title
        yield f"  {clock_text(fault.time_s):>8}  row {row:3}  {fault.rule}: {title}{why}"


def _rule_lines(faults: Sequence[Fault], rules: Rules) -> Iterator[str]:
    groups: dict[str, list[Fault]] = defaultdict(list)
    for fault in faults:
        groups[fault.rule].append(fault)
    costly = sorted(groups.items(), key=lambda group: (-sum(fault.points for fault in group[1]), group[0]))
    if costly:
        yield "points lost by rule:"
    for name, group in costly:
        points = sum(fault.points for fault in group)
        yield f"  {points:7.1f}  {name}: {rules[name].title}"
        worst = sorted(group, key=lambda fault: (-fault.points, fault.time_s))[:_MAX_PLACES]
        places = ", ".join(
            f"{clock_text(fault.time_s)} {fault.points:.2f}" for fault in sorted(worst, key=lambda each: each.time_s)
        )
        more = len(group) - len(worst)
        yield f"           at {places}" + (f" and {more} more" if more else "")


def _seam_lines(opened: OpenedPlan) -> Iterator[str]:
    seams = list(seam_fields(opened))
    if not seams:
        return
    counts = {grade: sum(seam["grade"] == grade for seam in seams) for grade in ("A", "B", "C", "D", "F")}
    yield "cuts by grade: " + ", ".join(f"{grade} {count}" for grade, count in counts.items() if count)
    for grade in _LISTED_GRADES:
        for seam in seams:
            if seam["grade"] == grade:
                yield f"  {grade} {seam['at']:>8}  row {seam['row']:3}  {seam['reason']}"


def _counted_lines(opened: OpenedPlan) -> Iterator[str]:
    from agents.dance.counted import counted

    rules, eights = opened.request.rules, len(opened.dance.slots)
    found = {name: amount for name, amount in counted(opened.parts, opened.sheet.seams).items() if name in rules.rules}
    yield "counted: " + "; ".join(f"{amount:.0f} of {eights}: {rules[name].amount}" for name, amount in found.items())
