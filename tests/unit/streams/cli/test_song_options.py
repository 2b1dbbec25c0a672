"""The options of a choreography on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from schemas.base import OnlyIn, Options, Pin, RuleChange
from streams.cli.song_options import with_song_options
from streams.files.songs import Song, alternatives_of


@click.command()
@with_song_options
def _command(songs: tuple[str, ...], playlists: tuple[Path, ...], options: Options, alternatives: int) -> None:
    click.echo(f"{alternatives} {options.model_dump_json()}")


def _options(*arguments: str) -> Options:
    result = CliRunner().invoke(_command, ["a.mp3", *arguments])
    assert result.exit_code == 0, result.output
    return Options.model_validate_json(result.output.partition(" ")[2])


def _refused(*arguments: str) -> str:
    result = CliRunner().invoke(_command, ["a.mp3", *arguments])
    assert result.exit_code == 2
    return str(result.stderr.splitlines()[-1])


def test_without_options_the_request_has_the_defaults() -> None:
    assert _options() == Options()


def test_each_option_is_in_the_request() -> None:
    given = (
        "--continuity montage --style sensual --role follow_focus --length 1:45 --cut-music --ban dip_01 --ban roll "
        "--pin 5=turn_02 --pin 7=basic --only-in double=turn=Mambo,chorus"
    )
    assert _options(*given.split()) == Options(
        continuity="montage",
        style="sensual",
        role="follow_focus",
        length_s=105.0,
        cut_music=True,
        bans=("dip_01", "roll"),
        pins=(Pin(phrase=5, move="turn_02"), Pin(phrase=7, move="basic")),
        only_in=(OnlyIn(move="double=turn", sections=("mambo", "chorus")),),
    )


@pytest.mark.parametrize(("text", "seconds"), [("1:45", 105.0), ("90", 90.0), ("2:00.5", 120.5), ("12:00", 720.0)])
def test_a_length_is_written_as_on_a_clock_or_in_seconds(text: str, seconds: float) -> None:
    assert _options("--length", text).length_s == seconds


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("--length", "1:5"), "'1:5' is no length: write minutes and seconds, such as 1:45, or seconds"),
        (("--length", "0:05"), "--length: Input should be greater than or equal to 10"),
        (("--pin", "turn"), "--pin 'turn': write the number of a phrase, from 1, and a move, such as 5=MOVE"),
        (("--pin", "0=turn"), "--pin '0=turn': write the number of a phrase, from 1, and a move, such as 5=MOVE"),
        (("--only-in", "turn=bridge"), "--only-in 'turn=bridge': there is no section 'bridge'"),
        (("--only-in", "turn"), "--only-in 'turn': write a move and sections"),
        (("--pin", "2=Dip", "--ban", "dip"), "--pin: Dip is pinned to phrase 2, and banned"),
        (("--cut-music",), "--cut-music: also give the length that the song is cut to"),
    ],
)
def test_a_wrong_option_is_refused_in_one_line(arguments: tuple[str, ...], error: str) -> None:
    assert error in _refused(*arguments)


def test_a_file_of_rules_is_sent_as_what_it_changes(tmp_path: Path) -> None:
    file = tmp_path / "rules.toml"
    file.write_text('[rules.hold]\nkind = "cost"\npoints = 5\n[rules.foot]\npoints = 3\n')
    assert _options("--rules", str(file)).rules == {"hold": RuleChange(kind="cost", points=5)}
    file.write_text("[rules.holds]\npoints = 5\n")
    assert _refused("--rules", str(file)).endswith("there is no rule 'holds'")


def test_alternatives_of_a_song_are_requests_of_their_own() -> None:
    found: list[Any] = alternatives_of([Song("a"), Song("b")], 2)
    assert [(song.name, song.alternative) for song in found] == [("a", 0), ("a", 1), ("b", 0), ("b", 1)]
