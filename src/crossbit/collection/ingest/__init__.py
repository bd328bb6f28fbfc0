"""Ingestion: where items come from, how they are added, and how they are edited."""
