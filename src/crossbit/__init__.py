"""Cross-modal retrieval: find pictures with words and words with pictures, in codes of 8 to 64 bytes."""

__version__ = "0.1.0"
