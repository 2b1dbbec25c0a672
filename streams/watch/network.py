"""Whether a folder is on another machine: the system gives no notice of what others change there."""

from __future__ import annotations

import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/mounts")
_NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "lustre", "vboxsf", "davfs", "virtiofs")
)
_FUSE = "fuse"  # fuse.sshfs, fuse.rclone and others; of a local disk, `fuseblk`
_ESCAPE = re.compile(r"\\([0-7]{3})")  # of a space and the like in a path


def is_on_network(folder: Path, mounts: Path = _MOUNTS) -> bool:
    """Return whether the file system of a folder is one of a network, or one that a program makes (FUSE)."""
    try:
        lines = mounts.read_bytes().splitlines()
    except OSError:  # not Linux
        return False
    found = "", ""
    for line in lines:
        _, point, kind, *_ = (os.fsdecode(part) for part in line.split(b" "))
        point = _ESCAPE.sub(lambda code: chr(int(code[1], 8)), point)
        if folder.is_relative_to(point) and len(point) >= len(found[0]):  # the last one mounted hides the others
            found = point, kind
    kind = found[1]
    return kind in _NETWORK or kind == _FUSE or kind.startswith(f"{_FUSE}.")
