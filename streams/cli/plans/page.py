"""A plan as one page of HTML, with a picture of each move; it needs no other file and no network."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import groupby
from typing import Any

from agents.drawing.section_colours import section_colour
from agents.move_indexing.draw_job import DRAW_STILL, DrawStill
from agents.sequence_planning.picture.draw import GRADE_COLOURS, LEGEND, tempo_text
from agents.sequence_planning.plan_display import DisplayRow, PlanDisplay
from agents.step import throttled
from schemas.audio_analyzed import Section, clock
from schemas.faults import Fault
from schemas.plan_file import clock_text
from streams.cli.moves.html_page import html_page, jpeg_url
from streams.cli.output import print_line
from streams.jobs import Jobs

_Key = tuple[str, float]  # a clip's SHA-256 and a time in it, seconds
_PROGRESS_INTERVAL_S = 3.0
_HEIGHT, _ENERGY = 120, 60  # of the overview, and of the curve in it
_GRADES = "".join(f".{grade} {{ --grade: {colour}; }}\n" for grade, colour in GRADE_COLOURS.items())
_STYLE = """
:root { color-scheme: light dark; font: 14px/1.4 system-ui, sans-serif; }
body { margin: 1.5rem auto; padding: 0 1rem; max-width: 76rem; }
h1 { margin: 0; }
h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; padding: .25rem .6rem; border-left: .5rem solid var(--section); }
h2 small, .facts, small { opacity: .7; font-weight: normal; }
svg { display: block; width: 100%; height: 120px; margin: .8rem 0; }
svg text { font: 11px system-ui, sans-serif; fill: currentColor; }
.block { display: grid; grid-template-columns: repeat(4, 1fr); gap: 12px 0; }
article { position: relative; padding: 0 10px 0 16px; border-left: 4px solid var(--grade, #8884); }
article.goes { border-left: 4px dotted #8888; }
.grade { position: absolute; left: -14px; top: -4px; width: 24px; height: 24px; border-radius: 5px; color: #fff;
  background: var(--grade); font: bold 14px/24px system-ui, sans-serif; text-align: center; }
.reason { color: var(--grade); font-size: 12px; }
article img, article .none { display: block; width: 100%; aspect-ratio: 16 / 9; object-fit: cover; border-radius: 5px;
  background: #8883; }
article img.mirrored { transform: scaleX(-1); }
.where { display: flex; justify-content: space-between; font-variant-numeric: tabular-nums; opacity: .75; }
b { overflow-wrap: anywhere; }
details { font-size: 12px; }
table { border-collapse: collapse; }
td, th { padding: .15rem .8rem .15rem 0; text-align: left; vertical-align: top; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
.legend span { margin-right: 1.2rem; white-space: nowrap; }
.legend i { display: inline-block; width: 20px; border-radius: 4px; color: #fff; background: var(--grade);
  font: bold 12px/20px system-ui, sans-serif; text-align: center; }
.broken { border: 2px solid #a3122f; border-radius: 6px; padding: .4rem .8rem; }
@media (max-width: 50rem) { .block { grid-template-columns: repeat(2, 1fr); } }
@media print { body { max-width: none; } article { break-inside: avoid; } }
"""


def stills(plan: PlanDisplay) -> dict[_Key, bytes]:
    """Return a small JPEG picture of the start of each row; a warning names each clip that has none."""
    return asyncio.run(_stills({(row.clip_sha256, row.clip_s): row.clip for row in plan.rows}))


async def _stills(wanted: Mapping[_Key, str]) -> dict[_Key, bytes]:
    report = throttled(lambda fraction: print_line(f"pictures of the moves: {fraction:.0%}"), _PROGRESS_INTERVAL_S)
    found, failed = dict[_Key, bytes](), set[str]()
    async with Jobs() as jobs:
        for number, ((sha256, time_s), name) in enumerate(wanted.items(), 1):
            if sha256 not in failed:
                try:
                    request = DrawStill(clip_sha256=sha256, name=name, time_s=time_s)
                    found[sha256, time_s] = (await jobs.run(DRAW_STILL, request)).file.read_bytes()
                except Fault as fault:
                    failed.add(sha256)
                    print_line(f"warning: no picture of {name}: {fault}")
            report(number / len(wanted))
    return found


def plan_page(
    plan: PlanDisplay,
    sheet: Mapping[str, Any],
    pictures: Mapping[_Key, bytes],
    shots: Sequence[str],
    others: Mapping[float, Sequence[str]],
) -> str:
    """Return the page. `sheet`: as `judge --json` prints it. `others`: runners-up by the start of a segment."""
    blocks = "\n".join(_blocks(plan, pictures, others))
    filmed = f"<h2>What to film next</h2><ul>{''.join(f'<li>{escape(shot)}</li>' for shot in shots)}</ul>"
    legend = "".join(f"<span class={grade}><i>{grade}</i> {escape(text)}</span>" for grade, text in LEGEND)
    body = f"""<h1>{escape(plan.title)}</h1>
<div class=facts>{" · ".join(map(escape, plan.facts()))}</div>
{_overview(plan)}
<p class=legend>{legend}</p>
{_broken(sheet)}
{blocks}
{_sheet(sheet)}
{filmed if shots else ""}"""
    return html_page(f"Plan of {escape(plan.title)}", _STYLE + _GRADES, body)


def _overview(plan: PlanDisplay) -> str:
    """Return the whole dance as a drawing: sections and energy above, moves and grades below, to click on."""
    start, length = plan.start_s, plan.end_s - plan.start_s

    def x(time_s: float) -> float:
        return round(1000 * min(max(time_s - start, 0.0), length) / length, 2)

    sections = [section for section in plan.sections if section.start_s < plan.end_s and section.end_s > start]
    bands = "".join(
        f"<rect x={x(section.start_s)} y=0 width={x(section.end_s) - x(section.start_s):.2f} height={_ENERGY} "
        f'fill="{section_colour(section.repeat_group)}" opacity=.45 />'
        for section in sections
    )
    beats = [
        (beat, energy) for beat, energy in zip(plan.beats, plan.energy, strict=True) if start <= beat <= plan.end_s
    ]
    curve = " ".join(f"{x(beat)},{_ENERGY * (1 - energy):.1f}" for beat, energy in beats)
    clips = {clip: n for n, clip in enumerate(dict.fromkeys(row.clip_sha256 for row in plan.rows))}
    moves = "".join(
        f'<a href="#row{n}"><rect x={x(row.start_s) + 1} y={_ENERGY + 14} '
        f'width={x(row.end_s) - x(row.start_s) - 1:.2f} height=30 fill="{section_colour(clips[row.clip_sha256])}">'
        f"<title>{escape(_title(row))}</title></rect></a>"
        for n, row in enumerate(plan.rows)
    )
    cuts = "".join(
        f'<rect x={x(row.start_s) - 1.5} y={_ENERGY + 8} width=3 height=42 fill="{GRADE_COLOURS[row.seam.grade]}">'
        f"<title>{row.seam.grade}: {escape(row.seam.reason)}</title></rect>"
        for row in plan.rows
        if row.seam
    )
    return (
        f'<svg viewBox="0 0 1000 {_HEIGHT}" preserveAspectRatio="none" role="img" aria-label="the whole dance">{bands}'
        f'<polyline points="{curve}" fill="none" stroke="currentColor" stroke-width=1.5 '
        f'vector-effect="non-scaling-stroke" />{moves}{cuts}</svg>'
    )


def _title(row: DisplayRow) -> str:
    return f"{row.at} {row.clip}, {row.place}"


def _blocks(plan: PlanDisplay, pictures: Mapping[_Key, bytes], others: Mapping[float, Sequence[str]]) -> Iterator[str]:
    """Yield each section with its rows, four beside each other, as dancers count."""
    numbered = list(enumerate(plan.rows))
    for _, group in groupby(numbered, key=lambda each: _section_at(plan, each[1])):
        rows = list(group)
        cards = "\n".join(
            _card(n, row, pictures.get((row.clip_sha256, row.clip_s)), others.get(row.start_s, ())) for n, row in rows
        )
        yield f"{_heading(plan, rows[0][1])}\n<div class=block>\n{cards}\n</div>"


def _section_at(plan: PlanDisplay, row: DisplayRow) -> int:
    middle = (row.start_s + row.end_s) / 2
    return sum(section.start_s <= middle for section in plan.sections)


def _heading(plan: PlanDisplay, row: DisplayRow) -> str:
    number = _section_at(plan, row)
    if not number:
        return "<h2>The song</h2>"
    section: Section = plan.sections[number - 1]
    rhythm = f" · {section.rhythm}" if section.rhythm != "none" else ""
    times = f"{clock(section.start_s)} to {clock(section.end_s)}, energy {section.energy:.1f}"
    colour = section_colour(section.repeat_group)
    return f'<h2 style="--section: {colour}">{section.label} {section.letter}{rhythm} <small>{times}</small></h2>'


def _card(number: int, row: DisplayRow, picture: bytes | None, others: Sequence[str]) -> str:
    kind = row.seam.grade if row.seam else "goes" if row.goes_on else "first"
    grade = f'<span class=grade title="{escape(row.seam.reason)}">{row.seam.grade}</span>' if row.seam else ""
    shown = row.seam is not None and row.seam.grade not in {"A", "B"}
    reason = f"<div class=reason>{escape(row.seam.reason)}</div>" if shown and row.seam else ""
    mirrored = " class=mirrored" if row.mirrored else ""
    image = f'<img{mirrored} loading="lazy" alt="" src="{jpeg_url(picture)}">' if picture else "<div class=none></div>"
    notes = [
        row.place,
        *(["mirrored"] if row.mirrored else []),
        *([tempo_text(row.stretch)] if tempo_text(row.stretch) else []),
    ]
    counts = "" if row.counts == "1-8" else f" counts {row.counts}"
    details = "".join(_details(row, others))
    goes = "<small>goes on:</small> " if row.goes_on else ""
    return (
        f'<article class={kind} id="row{number}">{grade}{image}'
        f"<div class=where><span>phrase {row.phrase}{counts}</span><span>{row.at}</span></div>"
        f"<b>{escape(row.clip)}</b><div>{goes}<small>{escape(', '.join(notes))}</small></div>"
        f"{reason}{details}</article>"
    )


def _details(row: DisplayRow, others: Sequence[str]) -> Iterator[str]:
    if others:
        yield f"<details><summary>or</summary>{'<br>'.join(map(escape, others))}</details>"
    if row.terms:
        lines = "<br>".join(f"{escape(rule)} {points:.2f}" for rule, points in row.terms.items())
        yield f"<details><summary>loses {-sum(row.terms.values()):.1f} points</summary>{lines}</details>"


def _broken(sheet: Mapping[str, Any]) -> str:
    broken = [fault for fault in sheet["faults"] if fault["breaks_gate"]]
    if not broken:
        return ""
    lines = "".join(
        f"<li>{clock_text(fault['time_s'])} {escape(fault['rule'])}: {escape(fault['title'])}</li>" for fault in broken
    )
    return f"<div class=broken>What must not be:<ul>{lines}</ul></div>"


def _sheet(sheet: Mapping[str, Any]) -> str:
    marks = "".join(
        f"<tr><td>{escape(name)}</td><td class=number>{value['mark']:.1f}</td>"
        f"<td class=number>{value['weight']:g} %</td></tr>"
        for name, value in sheet["marks"].items()
    )
    by_rule = defaultdict[str, list[Any]](list)
    for fault in sheet["faults"]:
        by_rule[fault["rule"]].append(fault)
    rules = "".join(
        f"<tr><td class=number>{points:.1f}</td><td>{escape(rule)}</td>"
        f"<td>{escape(faults[0]['title'])}</td><td class=number>{len(faults)}</td></tr>"
        for points, rule, faults in sorted(
            ((sum(fault["points"] for fault in faults), rule, faults) for rule, faults in by_rule.items()),
            key=lambda each: (-each[0], each[1]),
        )
    )
    return f"""<h2>Score sheet: {sheet["score"]:.0f} of 100</h2>
<table><thead><tr><th>mark</th><th>0-10</th><th>weight</th></tr></thead><tbody>{marks}</tbody></table>
<h2>Points lost by rule: {sheet["points"]:.1f}</h2>
<table><thead><tr><th>points</th><th>rule</th><th></th><th>times</th></tr></thead><tbody>{rules}</tbody></table>"""
