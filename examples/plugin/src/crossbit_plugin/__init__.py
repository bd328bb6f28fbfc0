"""An example of a plug-in: each file is one thing that crossbit finds by the name that pyproject.toml gives it."""
