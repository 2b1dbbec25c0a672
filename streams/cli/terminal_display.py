"""What displays of progress have in common: bars on a terminal, which end with the display."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

from streams.cli.output import print_line

if TYPE_CHECKING:
    from streams.cli.progress_bars import ProgressBars


class TerminalDisplay:
    """A display with `bars`: None where standard error is no terminal, and until `open_bars`."""

    bars: ProgressBars | None = None

    def __enter__(self) -> Self:
        self.open_bars()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bars is not None:
            self.bars.stop()

    def open_bars(self) -> None:
        """Begin to display bars, on a terminal."""
        if sys.stderr.isatty():
            from streams.cli.progress_bars import ProgressBars

            self.bars = ProgressBars()

    def print_line(self, line: str) -> None:
        """Print a line, above the bars if there are any."""
        (print_line if self.bars is None else self.bars.print_line)(line)
