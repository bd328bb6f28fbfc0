"""Pairs of images and texts: as a corpus, split, and as the features that methods learn from."""
