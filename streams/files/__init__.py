"""The files that users name: sources are stored by content, clips get their names, results are copied out."""
