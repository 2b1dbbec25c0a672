"""Names that are skipped in a user's folders: hidden ones, those of systems, and files that are being written."""

from __future__ import annotations

from pathlib import PurePath

# What systems and programs keep beside a user's files: Office, network storage, archives made on a Mac, Windows.
_HIDDEN_PREFIXES = (".", "~$")
_HIDDEN_FOLDERS = {
    *("@eadir", "#recycle", "#snapshot", "@recycle", "@recently-snapshot"),
    *("__macosx", "$recycle.bin", "system volume information", "lost+found"),
}
# What browsers, programs for transfers and recorders add to a name until the file is complete.
_PARTIAL_SUFFIXES = frozenset(
    (".part", ".partial", ".crdownload", ".opdownload", ".download", ".filepart", ".tmp", ".temp", ".!ut", ".aria2")
)


def is_hidden(name: str) -> bool:
    """Return whether a file or folder of this name is hidden."""
    return name.startswith(_HIDDEN_PREFIXES)


def is_hidden_folder(name: str) -> bool:
    """Return whether a folder of this name is hidden, or a system's."""
    return is_hidden(name) or name.lower() in _HIDDEN_FOLDERS


def is_partial(name: str) -> bool:
    """Return whether a file of this name is being written, or a folder of this name is for one that is."""
    return PurePath(name).suffix.lower() in _PARTIAL_SUFFIXES
