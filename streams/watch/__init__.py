"""The folder watcher: files that somebody puts into a folder become moves and choreography videos."""
