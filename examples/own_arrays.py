"""Learn codes from feature matrices of your own, and score them: no images, no files, numpy only.

Row i of both matrices describes pair i. Labels say what is relevant; here they come from 10 generated classes.
"""

import numpy as np

import crossbit
from crossbit.data.pairs import Dataset, Paired
from crossbit.data.splits import ordered_split

rng = np.random.default_rng(0)
classes = rng.integers(10, size=1200)
labels = np.eye(10, dtype=bool)[classes]
image = (rng.normal(size=(10, 64))[classes] + 1.5 * rng.normal(size=(1200, 64))).astype(np.float32)
text = (rng.normal(size=(10, 32))[classes] + 1.5 * rng.normal(size=(1200, 32))).astype(np.float32)

pairs = Paired(image, text, labels)
query, database = pairs[:200], pairs[200:]
split = ordered_split("own", [str(i) for i in range(1200)], query=200)
data = Dataset("own arrays", train=database, query=query, database=database, split=split)

for recipe in ("cca+itq", "scm"):  # scm sees the labels of the training pairs
    model = crossbit.fit(recipe, data, bits=32)
    print(f"{recipe}\n{crossbit.evaluate(model, data, ['MAP', 'precision@10'])}\n")

codes = model.encoder.encode(database.image, "image")
asked = model.encoder.encode(query.text[:1], "text")
nearest = np.argsort(crossbit.hamming(asked, codes)[0], kind="stable")[:5]
print(f"{len(codes)} codes of {codes.packed.shape[1]} bytes; class of the query: {classes[0]}")
print(f"classes of its 5 nearest images: {classes[200:][nearest].tolist()}")
