"""Compare methods at several code lengths and plot the scores; writes comparison.png.

Each method is fitted with three seeds; the error bars are standard deviations over them.
"""

from pathlib import Path
from statistics import fmean, stdev

import crossbit
from crossbit.reporting import plots

METHODS, BITS, SEEDS = ("cca+sign", "cca+itq", "scm"), (8, 16, 32), (0, 1, 2)

data = crossbit.featurise(crossbit.load_dataset("scenes", train=300, database=300, query=50), "hog|pca64", "bow")
scores: dict[str, dict[int, tuple[float, float]]] = {}
print(f"{'MAP, text -> image':<20}" + "".join(f"{f'{bits} bits':>16}" for bits in BITS))
for method in METHODS:
    scores[method] = {}
    for bits in BITS:
        models = [crossbit.fit(method, data, bits=bits, seed=seed) for seed in SEEDS]
        values = [crossbit.evaluate(model, data, ["MAP"]).mean("MAP", "text->image") for model in models]
        scores[method][bits] = fmean(values), stdev(values)
    print(f"{method:<20}" + "".join(f"{mean:>10.4f} ±{sd:.3f}" for mean, sd in scores[method].values()))

plots.save(plots.score_curves(scores, "MAP", title="Text to image on scenes"), Path("comparison.png"))
print("figure written to comparison.png")
