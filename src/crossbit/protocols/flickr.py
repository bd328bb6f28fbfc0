"""Flickr8k and Flickr30k: a picture's own sentences, among those of 1,000 pictures."""

from __future__ import annotations

from .base import RECALLS, Protocol, Sizes
from .drawing import published

PROTOCOLS = (
    Protocol(
        name="flickr8k/karpathy",
        dataset="flickr8k",
        draw=published,
        published=Sizes(8000, query=1000, database=1000, train=6000, validation=1000),
        measures=RECALLS,
        captions="each",
        source="M. Hodosh, P. Young, J. Hockenmaier. Framing image description as a ranking task: data, models and"
        " evaluation metrics. JAIR 47, 2013; A. Karpathy, L. Fei-Fei. CVPR, 2015.",
        notes="The official lists, which Karpathy's JSON repeats (recalled): 1,000 pictures with five sentences each.",
    ),
    Protocol(
        name="flickr30k/karpathy",
        dataset="flickr30k",
        draw=published,
        published=Sizes(31_014, query=1000, database=1000, train=29_000, validation=1014),
        measures=RECALLS,
        captions="each",
        source="A. Karpathy, L. Fei-Fei. Deep visual-semantic alignments for generating image descriptions. CVPR,"
        " 2015; evaluated as in F. Faghri et al. VSE++. BMVC, 2018.",
        notes="The 31,014 pictures of Karpathy's JSON, of the dataset's 31,783. It validates on 1,014 pictures, while"
        " papers say 1,000 (recalled). 1,000 test pictures with five sentences each are one gallery.",
    ),
)
