"""Conventions: the measures that papers print under the name of MAP.

Every published convention leaves ties in the order of a sort; `stable` is that of MATLAB's sort and of a stable sort in
numpy. Sources are released code read by us unless marked; tests/reference derives each anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import final

from ..errors import unknown_name
from .evaluation import Scores
from .measure import Measure


@final
@dataclass(frozen=True)
class Convention:
    """A measure as one line of papers computes it.

    `phantoms` is the number of queries that the code counts beyond those there are, each with a score of 0.
    """

    measure: Measure
    used_by: str
    phantoms: int = 0

    def value(self, scores: Scores) -> float:
        """Return the score under this convention, from an evaluation that includes its measure."""
        counted = scores.queries - (scores.unanswerable if self.measure.unanswerable == "drop" else 0)
        share = counted / (counted + self.phantoms) if counted else 1.0
        return scores.mean(self.measure) * share


def _of(measure: str, used_by: str, phantoms: int = 0) -> Convention:
    return Convention(Measure.parse(measure), used_by, phantoms)


CONVENTIONS: Mapping[str, Convention] = {
    "crossbit": _of("MAP", "our default: whole ranking, mean over all orders of ties, unanswerable queries dropped"),
    "dcmh": _of("MAP(ties=stable,unanswerable=zero)", "DCMH, SSAH, AGAH, DADH, SCAHN, MESDCH, MITH, DGCPN, UGACH"),
    "djsrh": _of("MAP@50(over=hits,ties=stable,unanswerable=zero)", "DJSRH, JDSH, DSAH, HNH, CFRH, CAGAN, CCAH, UCMFH"),
    "cfrh-5000": _of("MAP@5000(over=hits,ties=stable,unanswerable=zero)", "CFRH lineage; HashNet, DeepHash-pytorch"),
    "calc-map-k-50": _of(
        "MAP@50(over=first,ties=stable,unanswerable=zero)", "calc_map_k(k=50): torchcmh, QinLab, DUCH"
    ),
    "twdh": _of("MAP@5000(over=first,ties=stable,unanswerable=zero)", "TwDH, as mAP@5000"),
    "ucch": _of("MAP(ties=stable)", "UCCH; perf_metric4Label of LFMH; queries without a relevant item dropped"),
    "acmr": _of("MAP@50(over=hits,ties=stable)", "ACMR, on single labels"),
    "good-query-10": _of(
        "MAP(ties=stable)", "perf_metric4Label with goodQueryNum = 10: SCM, CMFH, IMH, LSSH, SMFH of BMC-SDNU", 10
    ),
    "ir": _of("MAP@50(ties=stable,unanswerable=zero)", "divided by min(k, relevant): sentence-transformers"),
    "lookup-2": _of("lookup-precision(r=2,unanswerable=zero)", "P@H<=2, empty ball 0: HashNet, CSQ, torchcmh"),
}


def convention(name: str) -> Convention:
    """Return a convention by its name."""
    if name not in CONVENTIONS:
        raise unknown_name(name, "convention", CONVENTIONS)
    return CONVENTIONS[name]
