"""Read from the log of a service why it does not run."""

from __future__ import annotations

from pathlib import Path

from infra.settings import Settings
from streams.local.service_files import Role, ServiceFiles
from streams.local.service_process import error_in


class NewLines:
    """The lines that a service writes to its log from now on."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._begin = file.stat().st_size if file.exists() else 0

    def error(self) -> str:
        """Return the last fault in these lines, else the last line."""
        try:
            with self.file.open("rb") as log:
                log.seek(self._begin)
                return error_in(log.read().decode(errors="replace"))
        except OSError:
            return ""


def last_error(settings: Settings, role: Role) -> str:
    """Return the last fault in a service's log."""
    try:
        return error_in(ServiceFiles(settings.run_dir, role).log.read_text(errors="replace")) or "no reason given"
    except OSError:
        return "no reason given"
