"""Damage: `verify` finds it, `salvage` reads what is intact, `repair` rewrites the file."""
