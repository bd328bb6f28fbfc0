"""Cross-modal retrieval: find pictures with words and words with pictures, in codes of 8 to 64 bytes.

Every name below is imported when it is first used, so that `import crossbit` costs next to nothing::

    model = crossbit.fit("cca+itq", "scenes", bits=64)        learn codes from pairs
    print(crossbit.evaluate(model, "scenes"))                 both directions, intervals, cost
    model.save("runs/model")                                  opened again by `load_model`
    crossbit.Collection("shelf").search("red shoes")          search what is stored

`crossbit.testing` has the contracts of methods, extractors and indexes, for authors of plug-ins.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

from .errors import optional

if TYPE_CHECKING:
    from . import testing as testing
    from .codes import Codes as Codes
    from .codes import hamming as hamming
    from .collection import Collection as Collection
    from .collection import Item as Item
    from .collection import Raw as Raw
    from .collection import image as image
    from .collection import like as like
    from .collection import text as text
    from .datasets import load as load_dataset
    from .datasets import register_dataset as register_dataset
    from .errors import CrossbitError as CrossbitError
    from .errors import InputError as InputError
    from .errors import StorageError as StorageError
    from .evaluation.evaluate import evaluate as evaluate
    from .evaluation.evaluate import load_model as load_model
    from .features import register_extractor as register_extractor
    from .features.featurise import featurise as featurise
    from .indexes import register_index as register_index
    from .methods import register_method as register_method
    from .methods.base import Method as Method
    from .methods.base import Source as Source
    from .methods.fitting import fit as fit
    from .methods.recipe import Recipe as Recipe
    from .metrics import Measure as Measure
    from .models.binarise import binarise as binarise
    from .models.encoder import DualEncoder as DualEncoder
    from .nn.towers import register_layer as register_layer

__version__ = "0.2.0"

if sys.platform == "win32":
    raise ImportError(
        "crossbit does not run on Windows: collections are locked and written by means of POSIX, and nothing is tested"
        " there; use the Windows Subsystem for Linux"
    )

#: Where each public name is defined; a place without a colon is a module.
_PLACES = {
    "Codes": "codes:Codes",
    "Collection": "collection:Collection",
    "CrossbitError": "errors:CrossbitError",
    "DualEncoder": "models.encoder:DualEncoder",
    "InputError": "errors:InputError",
    "Item": "collection:Item",
    "Measure": "metrics:Measure",
    "Method": "methods.base:Method",
    "Raw": "collection:Raw",
    "Recipe": "methods.recipe:Recipe",
    "Source": "methods.base:Source",
    "StorageError": "errors:StorageError",
    "binarise": "models.binarise:binarise",
    "evaluate": "evaluation.evaluate:evaluate",
    "featurise": "features.featurise:featurise",
    "fit": "methods.fitting:fit",
    "hamming": "codes:hamming",
    "image": "collection:image",
    "like": "collection:like",
    "load_dataset": "datasets:load",
    "load_model": "evaluation.evaluate:load_model",
    "register_dataset": "datasets:register_dataset",
    "register_extractor": "features:register_extractor",
    "register_index": "indexes:register_index",
    "register_layer": "nn.towers:register_layer",
    "register_method": "methods:register_method",
    "testing": "testing",
    "text": "collection:text",
}

__all__ = [
    "Codes",
    "Collection",
    "CrossbitError",
    "DualEncoder",
    "InputError",
    "Item",
    "Measure",
    "Method",
    "Raw",
    "Recipe",
    "Source",
    "StorageError",
    "__version__",
    "binarise",
    "evaluate",
    "featurise",
    "fit",
    "hamming",
    "image",
    "like",
    "load_dataset",
    "load_model",
    "register_dataset",
    "register_extractor",
    "register_index",
    "register_layer",
    "register_method",
    "testing",
    "text",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())


if not TYPE_CHECKING:  # or a type checker would take any name for a public one

    def __getattr__(name: str) -> Any:
        """Return a public name, importing its module only now."""
        if name not in _PLACES:
            raise AttributeError(f"module 'crossbit' has no attribute {name!r}; dir(crossbit) lists what it has")
        place, _, attribute = _PLACES[name].partition(":")
        module = optional(f"{__name__}.{place}")
        value = getattr(module, attribute) if attribute else module
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted(__all__)
