"""The evaluator: every definition of the literature, exact under ties, at memory speed, without torch.

One call scores a search by shared labels; a direction is a choice of arguments::

    evaluate(query: Codes | vectors, database: Codes | vectors, query_labels, database_labels,
             measures=("MAP",), *, similarity="cosine", log=silent) -> Scores

    scores = evaluate(image_codes, text_codes, labels_q, labels_d, ["MAP", "MAP@50(over=hits,ties=stable)"])
    scores.mean("MAP")          the mean over the queries that count
    scores["MAP"]               each query's value, NaN where it does not count
    scores.unanswerable         queries without a relevant item in the database

`registry` lists the measures, `definitions` defines each for one order and `expected` for all orders of ties; `tally`
and `kernel` count.
"""

from __future__ import annotations

from .evaluation import Scores, evaluate
from .measure import Measure, parse_all
from .registry import KINDS, Kind

__all__ = ["KINDS", "Kind", "Measure", "Scores", "evaluate", "parse_all"]
