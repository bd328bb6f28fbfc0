"""Damage: `verify` finds it, `salvage` reads what is sound, `repair` writes a sound collection."""
