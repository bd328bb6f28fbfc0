"""The writer of the files runs on version 0.1.0 only."""

collect_ignore = ["write.py"]
