"""The command line: `bachata COMMAND`. A command's module is imported when the command is used."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any, NoReturn

import click

_COMMANDS = {
    "up": ("services", "Keep Kafka and a worker running until stopped."),
    "demo": ("generate", "Make a choreography video of a demo song with the demo moves."),
    "generate": ("generate", "Make a choreography video of a song."),
    "analyze": ("analyze", "Show what the music of a song does."),
    "index": ("index", "Take clips into the library."),
    "moves": ("moves", "List, search and draw the library."),
    "dead-letters": ("dead_letters", "List, show and send back what failed for good."),
    "replay": ("replay", "Send the events of a topic again, for steps that changed."),
    "topology": ("topology", "Show which steps read and write which topics."),
    "status": ("services", "Show where a request is, or how the stream is."),
    "worker": ("services", "Run a worker in the foreground."),
    "kafka": ("services", "Start, stop or ask for the local Kafka."),
    "doctor": ("doctor", "Show what is missing on this machine and how to get it."),
    "setup": ("doctor", "Fetch what the programs need once: Kafka and the pose model."),
}


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
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run, with mistakes of usage told as all other errors are."""
        from streams.cli.output import fail

        try:
            status = super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.ClickException as error:
            fail(error.format_message(), "--json" in sys.argv, "usage", status=error.exit_code)
        except click.Abort:
            fail("stopped", "--json" in sys.argv, "stopped")
        sys.exit(status if isinstance(status, int) else 0)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="bachata-streams")
def main() -> None:
    """Turn a song into a bachata choreography video.

    All state lies in BACHATA_DATA_DIR. Every command takes --json.
    """
