"""Evaluation of methods and models: an experiment's setup, scores in both directions, comparisons, tables."""
