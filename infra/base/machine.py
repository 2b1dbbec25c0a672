"""Tell errors of the machine from errors of the file that was named."""

from __future__ import annotations

import errno
from typing import Final

MACHINE_ERRNOS: Final = frozenset(
    {
        *(errno.EIO, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.EBUSY, errno.ENOLCK),
        *(errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN),
    }
)  # what the system reports when the machine fails, whatever file was named: it may pass
