"""`crossbit index`: create, fill, maintain and move a collection."""
