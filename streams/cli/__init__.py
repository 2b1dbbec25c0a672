"""The command line: `bachata COMMAND`. A command's module is imported when the command is used."""

from __future__ import annotations

from importlib import import_module
from typing import Any, NoReturn

import click

_SECTIONS = {
    "Music and moves": {
        "analyze": ("analyze", "Show tempo, beats, counts, sections and energy of a song."),
        "index": ("index", "Add clips of dancing couples to the library."),
        "moves": ("moves", "List, search, draw, annotate and remove the moves of the library."),
    },
    "Requests": {
        "demo": ("generate", "Make a choreography video of a demo song with the demo moves."),
        "generate": ("generate", "Make choreography videos of songs."),
        "songs": ("songs", "List the demo songs, and those in the data folder."),
        "submit": ("submit", "Submit songs, and return at once."),
        "cancel": ("control", "End requests."),
        "hold": ("control", "Let no further step begin to work on requests."),
        "resume": ("control", "Let requests go on that were held."),
        "status": ("services", "Show the state of a request, or of the stream."),
        "watch": ("watch", "Take the clips and songs that are put into folders."),
    },
    "Plans": {
        "plan": ("plans", "List, show, export and change the plans of choreographies."),
        "judge": ("plans", "Score a plan by the rules of the dance."),
        "render": ("plans", "Render a plan that a person edited."),
    },
    "Operations": {
        "dead-letters": ("dead_letters", "List and show events that failed permanently, and send them again."),
        "replay": ("replay", "Send the events of a topic again, for steps with a new version."),
        "cache": ("cache", "Show or remove the files that can be made again."),
        "topology": ("topology", "Show which steps read and write which topics."),
    },
    "Services and set-up": {
        "setup": ("doctor", "Install what is missing: Kafka, the pose model, system libraries."),
        "doctor": ("doctor", "Show what is missing on this machine and how to install it."),
        "selftest": ("selftest", "Make videos in a data folder of its own, and check them."),
        "settings": ("settings", "Print all settings, their values and where each value comes from."),
        "up": ("services", "Keep Kafka and a worker running until stopped."),
        "worker": ("services", "Run a worker in the foreground."),
        "kafka": ("services", "Start or stop the local Kafka, or show whether it runs."),
        "qdrant": ("qdrant", "Start, stop, fill, rebuild, measure the vector index of moves, or show its state."),
    },
}
_COMMANDS = {name: command for commands in _SECTIONS.values() for name, command in commands.items()}


class _Lazy(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"streams.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands, each under the heading of its section."""
        for heading, commands in _SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, text) for name, (_, text) in commands.items()])

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run a command and exit."""
        from streams.cli.output import run_program

        run_program(lambda: super(_Lazy, self).main(*args, **{**kwargs, "standalone_mode": False}))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bachata-streams")
def main() -> None:
    """Turn a song into a bachata choreography video.

    All state is in the folder BACHATA_DATA_DIR; `bachata settings` lists all settings.
    With the option --json, a command prints one JSON object.
    """
