"""The metrics of published code, told again in plain loops: what each computes, quirks included.

`hits` is the relevance (0 or 1) of the database in ranked order, one list per query, ties in database order.
"""

import numpy as np


def ranked(query, database, query_labels, database_labels):
    """Rank as research code does: +-1 matrices, half of bits minus product, a sort per query; here a stable one."""
    bits = query.shape[1]
    lists = []
    for code, labels in zip(query, query_labels, strict=True):
        distance = 0.5 * (bits - database @ code)
        relevant = (database_labels @ labels > 0).astype(int)
        lists.append(relevant[np.argsort(distance, kind="stable")])
    return lists


def whole_list_map(lists):
    """DCMH in MATLAB and Python, SSAH: precision at each hit over the number of hits; nothing relevant counts as 0."""
    total = 0.0
    for hits in lists:
        found, score = 0, 0.0
        for rank, hit in enumerate(hits, 1):
            if hit:
                found += 1
                score += found / rank
        total += score / found if found else 0.0
    return total / len(lists)


def top_map(lists, k):
    """The DJSRH lineage and DCMH's topkMap: cut first, then divide by the hits that are left."""
    return whole_list_map([hits[:k] for hits in lists])


def map_of_first_relevant(lists, k):
    """The calc_map_k that torch code copies: the first k relevant items, at whatever rank they stand."""
    total = 0.0
    for hits in lists:
        ranks = [rank for rank, hit in enumerate(hits, 1) if hit][:k]
        if ranks:
            total += sum(i / rank for i, rank in enumerate(ranks, 1)) / len(ranks)
    return total / len(lists)


def answerable_map(lists, phantoms=0):
    """UCCH and perf_metric4Label: the mean over queries with a relevant item; one copy starts to count them at 10."""
    kept = [hits for hits in lists if hits.any()]
    return whole_list_map(kept) * len(kept) / (len(kept) + phantoms)


def standard_map(lists, k):
    """Information retrieval's: hits above the cut, divided by how many there could be."""
    return np.mean([whole_list_map([h[:k]]) * h[:k].sum() / max(1, min(k, h.sum())) for h in lists])


def top_precision(lists, k):
    """AGAH's p_topK: hits among the first k over k."""
    return np.mean([hits[:k].sum() / k for hits in lists])


def weighted_average_precision(grades, k):
    """WAP of deep semantic ranking: the average cumulated gain, averaged over the ranks of hits above the cut."""
    values = [np.mean(grades[: rank + 1]) for rank in range(min(k, len(grades))) if grades[rank] > 0]
    return np.mean(values) if values else 0.0


def ndcg(grades, k):
    """NDCG with gain 2^grade - 1; the ideal is over the whole database."""

    def dcg(order):
        return sum((2.0**g - 1) / np.log2(i + 1) for i, g in enumerate(order[:k], 1))

    return dcg(grades) / dcg(sorted(grades, reverse=True))


def pooled_radius(distance, relevant, bits):
    """DCMH's calcPreRecRadiusLabel: counts of all queries together; our last radius is one that it leaves out."""
    points = []
    for radius in range(bits + 1):
        ball = distance <= radius
        found = (ball & relevant).sum()
        points.append((found / ball.sum() if ball.any() else np.nan, found / relevant.sum()))
    return np.array(points)


def hitless_radius(distance, relevant, bits):
    """AGAH's pr_curve: at each radius, precision and recall over those queries only whose ball holds a hit."""
    points = []
    for radius in range(bits + 1):
        found = ((distance <= radius) & relevant).sum(1).astype(float)
        kept = found > 0
        ball, every = (distance <= radius).sum(1), relevant.sum(1)
        both = [np.mean(found[kept] / whole[kept]) if kept.any() else np.nan for whole in (ball, every)]
        points.append(both)
    return np.array(points)


def precision_within(distance, relevant, radius):
    """HashNet, CSQ and torchcmh: precision in the ball, 0 for an empty one, over all queries."""
    values = []
    for d, good in zip(distance, relevant, strict=True):
        ball = d <= radius
        values.append(good[ball].mean() if ball.any() else 0.0)
    return np.mean(values)


def caption_ranks(scores, image_of_caption):
    """VSE++ with its strict comparison mended: how many others score at least as high as the best match."""
    image_ranks = []
    for i, row in enumerate(scores):
        best = max(row[j] for j in range(len(row)) if image_of_caption[j] == i)
        image_ranks.append(sum(row[j] >= best for j in range(len(row)) if image_of_caption[j] != i))
    caption_ranks = []
    for j, i in enumerate(image_of_caption):
        caption_ranks.append(sum(scores[m, j] >= scores[i, j] for m in range(len(scores)) if m != i))
    return np.array(image_ranks), np.array(caption_ranks)


def recall_and_ranks(ranks):
    """R@1, R@5, R@10, median and mean rank of ranks counted from 0."""
    recalls = [np.mean(ranks < k) for k in (1, 5, 10)]
    return [*recalls, np.floor(np.median(ranks)) + 1, ranks.mean() + 1]
