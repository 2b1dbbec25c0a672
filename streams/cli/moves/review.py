"""`moves review`: decide which parts of a recording become moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from infra.base.atomic_file import sha256_of
from infra.settings import Settings, load_settings
from schemas.audio_analyzed import clock
from schemas.faults import Poison
from streams.cli.moves.group import moves
from streams.cli.moves.proposals import Proposal, proposals
from streams.cli.output import command, print_json, print_line, print_output
from streams.cli.split_recordings import describe, strips
from streams.cli.wait_watch import wait_for_complete_library
from streams.files.user_files import check_targets, write_out
from streams.local.library import library_clips
from streams.local.services import Endpoint, stream
from streams.operations.recordings import Recording, Recordings, ReviewedPart, named

_FILE = click.Path(path_type=Path, dir_okay=False)
_PRINTED_NEIGHBOURS = 3
_SURE = 0.5  # the confidence from which on --accept-all takes a name: more than half of the votes are for it


@dataclass(frozen=True)
class Decisions:
    """What to change of a recording's parts, in this order; parts by their numbers."""

    merged: tuple[tuple[int, int], ...] = ()
    renamed: tuple[tuple[int, str], ...] = ()
    dropped: tuple[int, ...] = ()
    accepted: tuple[int, ...] = ()
    all_accepted: bool = False

    def any(self) -> bool:
        """Return whether there is something to change."""
        return bool(self.merged or self.renamed or self.dropped or self.accepted or self.all_accepted)


@moves.command()
@click.argument("name", metavar="[RECORDING]", required=False)
@click.option("--accept", "accepted", type=int, multiple=True, help="Make a move of this part.")
@click.option(
    "--accept-all", "all_accepted", is_flag=True, help="Make a move of each open part; unsure names are left out."
)
@click.option("--name", "given_name", metavar="MOVE", help="With --accept: the name of the move.")
@click.option("--rename", "renamed", type=(int, str), multiple=True, metavar="N MOVE", help="Name a part.")
@click.option("--merge", "merged", type=(int, int), multiple=True, metavar="N M", help="Make one part of two.")
@click.option("--drop", "dropped", type=int, multiple=True, help="Leave this part out; --accept takes it back.")
@click.option("--html", "html_file", type=_FILE, help="Write a page with the pictures of all parts.")
@command
def review(
    name: str | None,
    accepted: tuple[int, ...],
    all_accepted: bool,
    given_name: str | None,
    renamed: tuple[tuple[int, str], ...],
    merged: tuple[tuple[int, int], ...],
    dropped: tuple[int, ...],
    html_file: Path | None,
    as_json: bool,
) -> None:
    """List the parts of recordings that `bachata index --split` cut, and decide which of them become moves.

    RECORDING is a file, its name, or at least 4 digits of its SHA-256. A part that is accepted becomes a clip, and is
    indexed as any other.
    """
    if given_name and len(accepted) != 1:
        raise Poison("--name names one part: give it with one --accept N, or give --rename N MOVE", "usage")
    renamed = (*renamed, *((number, given_name) for number in accepted if given_name))
    decisions = Decisions(merged, renamed, dropped, accepted, all_accepted)
    settings = load_settings()
    check_targets([html_file] if html_file else [])
    recordings = find_recordings(settings, name, exactly_one=decisions.any())
    with stream(settings, print_line) as endpoint:
        failed = 0
        if decisions.any():
            recordings, failed = _decided(settings, endpoint, recordings[0], decisions)
        print_recordings(settings, endpoint, recordings, html_file, as_json)
    if failed:
        raise SystemExit(1)


def find_recordings(settings: Settings, name: str | None, *, exactly_one: bool = False) -> list[Recording]:
    """Return the recordings that a user names; all without a name. Raises: `Poison` (`unknown_media`, `usage`)."""
    every = Recordings(settings.recordings_dir).all()
    if not every:
        raise Poison("no recording was cut into parts yet: `bachata index --split FILE`", "unknown_media")
    found = every if name is None else _named(name, every)
    if not found:
        names = ", ".join(each.name for each in every[:5])
        raise Poison(f"no recording '{name}' was cut into parts; there are {names}", "unknown_media")
    if exactly_one and len(found) > 1:
        hashes = ", ".join(f"{each.name} ({each.media.sha256[:12]})" for each in found[:5])
        raise Poison(f"there are {len(found)} recordings; name one: {hashes}", "usage")
    return found


def _named(name: str, recordings: Sequence[Recording]) -> list[Recording]:
    if Path(name).is_file():
        sha256 = sha256_of(Path(name))
        return [each for each in recordings if each.media.sha256 == sha256]
    return named(recordings, name)


def _compared(settings: Settings, endpoint: Endpoint, recordings: Sequence[Recording]) -> list[Recording]:
    """Return the recordings with those parts accepted, and no others, of whose clips the library has a move."""
    if not any(part.clip_sha256 for each in recordings for part in each.parts):
        return list(recordings)
    wait_for_complete_library(settings, endpoint, print_line)
    clips = library_clips(endpoint)
    return [each.compared(clips) for each in recordings]


def _decided(
    settings: Settings, endpoint: Endpoint, recording: Recording, decisions: Decisions
) -> tuple[list[Recording], int]:
    """Apply the decisions and store them; return the recording, and how many parts could not be made moves of."""
    from streams.cli.moves.accept import accept, rename_moves

    store = Recordings(settings.recordings_dir)
    with store.locked(recording.media.sha256):
        [changed] = _compared(settings, endpoint, [store.get(recording.media.sha256) or recording])
        for one, other in decisions.merged:
            changed = _merged(changed, one, other)
        changed = _named_and_dropped(changed, decisions)
        numbers = _to_accept(changed, decisions)
        store.put(changed)
        rename_moves(endpoint, changed, _renamed_moves(changed, decisions))
        proposed = _proposed(endpoint, changed, numbers, decisions.accepted)
        changed, failed = accept(settings, endpoint, changed, numbers, proposed, store.put)
        store.put(changed)
    return [changed], failed


def _named_and_dropped(recording: Recording, decisions: Decisions) -> Recording:
    for number, name in decisions.renamed:
        recording = _with(recording, number, name=name.strip()[:200] or None)
    for number in decisions.dropped:
        if recording.part(number).state == "accepted":
            raise Poison(
                f"part {number} is a move already: `bachata moves remove {_clip_of(recording, number)}`", "usage"
            )
        recording = _with(recording, number, state="dropped")
    return recording


def _clip_of(recording: Recording, number: int) -> str:
    return (recording.part(number).clip_sha256 or "")[:12]


def _to_accept(recording: Recording, decisions: Decisions) -> list[int]:
    """Return the parts to make moves of: those that are named, and with --accept-all the open ones."""
    named_ones = [number for number in decisions.accepted if recording.part(number).state != "accepted"]
    still_open = [part.number for part in recording.parts if part.state == "open"] if decisions.all_accepted else []
    return list(dict.fromkeys([*named_ones, *still_open]))


def _renamed_moves(recording: Recording, decisions: Decisions) -> list[int]:
    renamed = dict(decisions.renamed)
    return [number for number in renamed if recording.part(number).state == "accepted"]


def _proposed(
    endpoint: Endpoint, recording: Recording, numbers: Sequence[int], single: Sequence[int]
) -> dict[int, Proposal]:
    """Return the proposals that become a person's annotation: those of `single` parts, and sure ones of the others.

    A line tells of each part that is left without a name.
    """
    unnamed = [number for number in numbers if not recording.part(number).name]
    proposed = proposals(endpoint, recording) if unnamed else {}
    sure = {}
    for number in unnamed:
        proposal = proposed[number]
        if number in single or proposal.confidence >= _SURE:
            sure[number] = proposal
        elif proposal.name:
            print_line(
                f"part {number}: {proposal.name} is not sure ({proposal.confidence:.2f}) and is left out; "
                f"--rename {number} MOVE names it"
            )
    return sure


def _with(recording: Recording, number: int, **changes: Any) -> Recording:
    return recording.with_part(recording.part(number).model_copy(update=changes))


def _merged(recording: Recording, one: int, other: int) -> Recording:
    """Return the recording with one part in place of two; it has the first one's number."""
    span = recording.merged_span(one, other)
    found = describe(recording.media.sha256, recording.quality, recording.name, [span]).parts[0]
    names = [part.name for part in (recording.part(one), recording.part(other)) if part.name]
    part = ReviewedPart(number=one, name=names[0] if names else None, **dict(found))
    return recording.with_part(part, other)


def print_recordings(
    settings: Settings,
    endpoint: Endpoint,
    recordings: Sequence[Recording],
    html_file: Path | None,
    as_json: bool,
    **fields: Any,
) -> None:
    """Print the parts of recordings with proposals for their names, and write them to a page with their pictures."""
    recordings = _compared(settings, endpoint, recordings)
    proposed = {each.media.sha256: proposals(endpoint, each) for each in recordings}
    if html_file:
        _write_page(settings, recordings, proposed, html_file)
    if as_json:
        entries = [_entry(each, proposed[each.media.sha256]) for each in recordings]
        return print_json({"recordings": entries, "html": html_file and str(html_file), **fields})
    for recording in recordings:
        _print_recording(recording, proposed[recording.media.sha256])
    if html_file:
        print_output(str(html_file))
    return None


def _write_page(
    settings: Settings,
    recordings: Sequence[Recording],
    proposed: Mapping[str, Mapping[int, Proposal]],
    target: Path,
) -> None:
    from streams.cli.moves.review_page import page

    pictures = {each.media.sha256: strips(settings, each) for each in recordings}
    write_out(page(recordings, proposed, pictures).encode(), target)


def _print_recording(recording: Recording, proposed: Mapping[int, Proposal]) -> None:
    print_output(f"{recording.name}  {recording.media.sha256[:12]}  {clock(recording.media.duration_s)}")
    if not recording.is_current:
        print_line(
            f"{recording.name}: an older version cut it, so no names are proposed: `bachata index --split` again"
        )
    for part in recording.parts:
        print_output(f"  {part.number:3}  {_span(part)}  {_length(part):8} {part.tempo_bpm:6.1f} BPM  {part.state:9}"
                     f" {_name(part, proposed[part.number])}")  # fmt: skip


def _span(part: ReviewedPart) -> str:
    return f"{_time(part.start_s):>7}-{_time(part.end_s):<7}"


def _time(seconds: float) -> str:
    return f"{clock(seconds)}.{int(10 * seconds) % 10}"


def _length(part: ReviewedPart) -> str:
    eights, counts = divmod(round(part.counts), 8)
    return f"{eights} x 8" + (f" + {counts}" if counts else "")


def _name(part: ReviewedPart, proposal: Proposal) -> str:
    nearest = ", ".join(f"{each.clip} {each.similarity:.2f}" for each in proposal.nearest[:_PRINTED_NEIGHBOURS])
    like = f"  (like {nearest})" if nearest else ""
    if part.name:
        return f"{part.name}{like}"
    return f"{proposal.name}? {proposal.confidence:.2f}{like}" if proposal.name else f"no name{like}"


def _entry(recording: Recording, proposed: Mapping[int, Proposal]) -> dict[str, Any]:
    return {
        "recording": recording.name,
        "sha256": recording.media.sha256,
        "duration_s": recording.media.duration_s,
        "quality": recording.quality,
        "parts": [_part_entry(part, proposed[part.number]) for part in recording.parts],
    }


def _part_entry(part: ReviewedPart, proposal: Proposal) -> dict[str, Any]:
    return {
        **part.model_dump(mode="json", exclude={"embedding"}),
        "proposal": {"move": proposal.name, "confidence": proposal.confidence},
        "nearest": [vars(each) for each in proposal.nearest],
    }
