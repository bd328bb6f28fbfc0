"""Contracts that authors of plug-ins can run: `check_method`, `check_extractor`, `check_index`."""
