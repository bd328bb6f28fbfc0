"""Contracts that authors of plug-ins can run: `check_method`, `check_extractor`, `check_index`."""

from __future__ import annotations

from .extractors import check_extractor as check_extractor
from .indexes import check_index as check_index
from .methods import check_method as check_method
