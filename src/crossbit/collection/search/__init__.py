"""Search in stages: the query as a point, a shortlist of codes, rescoring, and the probability of relevance."""
