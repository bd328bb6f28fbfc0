"""Files: arrays and tables from anyone, atomic writes, models from a hub."""
