"""Storage: the SQLite file, its checksums, its transactions, and the codes read from it into memory."""
