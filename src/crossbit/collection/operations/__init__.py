"""Operations on a whole collection: sync, transfer, statistics, duplicates, tuning, calibration."""
