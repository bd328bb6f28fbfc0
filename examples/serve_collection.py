"""Serve a collection over HTTP on this machine, send it a query, and stop.

`crossbit serve FOLDER` does the same from the command line, with a web page, until it is interrupted.
"""

import json
import tempfile
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import urlopen

import crossbit
from crossbit.collection.ingest.sources import dataset_of
from crossbit.server import create_app, serving

FOLDER = Path(tempfile.mkdtemp())

corpus = crossbit.load_dataset("scenes", train=300, database=300, query=20)
crossbit.fit("cca+itq", corpus, bits=64).save(FOLDER / "model")

with crossbit.Collection.create(FOLDER / "scenes", FOLDER / "model") as collection:
    collection.add(dataset_of(corpus))
    with serving(create_app([collection])) as address:
        print(f"serving {len(collection)} items at {address}")
        text = "a purple circle"
        print(f"query: {text}")
        query = urlencode({"text": text, "k": 3})
        with urlopen(f"{address}/api/collections/scenes/search?{query}") as response:
            for hit in json.load(response)["hits"]:
                print(hit["rank"], hit["distance"], hit["texts"][0])
print("stopped")
