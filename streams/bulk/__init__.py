"""Many songs at once: those of a list are submitted and followed, and a run that was interrupted is continued."""
