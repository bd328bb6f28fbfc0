"""Fitted models: the dual encoder, the binarisers of its space, and the bundle on disk."""
