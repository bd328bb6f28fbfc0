"""Files: untrusted arrays and texts, atomic writes, models from a hub, tables of results."""
