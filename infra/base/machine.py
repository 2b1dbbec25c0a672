"""The error numbers that are faults of the machine rather than of a file."""

from __future__ import annotations

import errno
from typing import Final

MACHINE_ERRNOS: Final = frozenset(
    {
        *(errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EBUSY, errno.ENOLCK),
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN),
    }
)  # reported for any file when the machine fails; temporary
