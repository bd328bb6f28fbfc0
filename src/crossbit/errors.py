"""Exceptions: `CrossbitError` is every error that crossbit raises on purpose; its message is meant for people.

::

    CrossbitError
      InputError(ValueError)      the input is at fault, not the program
        ItemError                 one raw item is at fault, not the extractor or its options
        MissingError              a package is not installed; the message names the extra that installs it
      StorageError(OSError)       the disk, the file or another process is at fault
        BusyError                 another process is writing
        DamagedError              a file does not hold what was written into it
        DiskError                 the disk takes or gives no more
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

#: The extra of this package that installs a module which the core does without.
EXTRAS = {
    "onnxruntime": "train",
    "safetensors": "train",
    "skimage": "train",
    "sklearn": "train",
    "tensorboardX": "train",
    "threadpoolctl": "train",
    "torch": "train",
    "matplotlib": "plots",
    "pyarrow": "tables",
    "pillow_heif": "photos",
    "rawpy": "photos",
    "fastapi": "serve",
    "prometheus_client": "serve",
    "pydantic": "serve",
    "starlette": "serve",
    "uvicorn": "serve",
    "transformers": "clip",
    "open_clip": "open-clip",
}
_NEEDED_FOR = {
    "train": "training or encoding",
    "plots": "plotting",
    "tables": "reading or writing tables",
    "photos": "HEIC pictures and raw photos",
    "serve": "serving",
    "clip": "CLIP",
    "open-clip": "OpenCLIP",
}


class CrossbitError(Exception):
    """The base of all errors of crossbit; the command line prints one without a traceback and exits with status 2."""


class InputError(CrossbitError, ValueError):
    """Input that cannot be used; the message says what is wrong, what was given and what would do."""


class ItemError(InputError):
    """A raw item that cannot be used; the message is the reason, without the item's name, which the caller knows."""


class MissingError(InputError):
    """A package that is not installed; the message names the extra that installs it."""


class StorageError(CrossbitError, OSError):
    """Storage that fails, however good the input is; the message says what was kept."""


class BusyError(StorageError):
    """Another process is writing to the collection; reads go on."""


class DiskError(StorageError):
    """The disk cannot be written or read; every acknowledged write is kept."""


class DamagedError(StorageError):
    """A file of the collection does not hold what was written into it."""


def unknown_name(name: str, what: str, names: Iterable[str]) -> InputError:
    """Return the error for a `name` that is not among the `names` of its kind.

    >>> str(unknown_name("dcmx", "method", {"dcmh": 1, "cca": 2}))
    "no method 'dcmx'; there are cca, dcmh"
    """
    return InputError(f"no {what} {name!r}; there are {', '.join(sorted(names))}")


def suggestion(name: str, names: Sequence[str]) -> str:
    """Return the advice for a name that is not there: the one that may be meant, and the first of all.

    >>> suggestion("yaer", ["year", "place"])
    "did you mean 'year'? there are year, place"
    """
    close = get_close_matches(name.casefold(), [each.casefold() for each in names], 1)
    meant = next((each for each in names if each.casefold() in close), None)
    listed = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
    return (f"did you mean {meant!r}? " if meant else "") + f"there are {listed or 'none'}"


def missing(module: str, extra: str) -> MissingError:
    """Return the error for a module that is not installed; it names the extra that installs it.

    >>> str(missing("torch", "train"))
    "torch is missing, which training or encoding needs: pip install 'crossbit[train]'"
    """
    return MissingError(f"{module} is missing, which {_NEEDED_FOR[extra]} needs: pip install 'crossbit[{extra}]'")


def extra_named(error: ModuleNotFoundError) -> ModuleNotFoundError | MissingError:
    """Return the error that names the extra which installs a missing module; without such an extra, `error` itself.

    >>> str(extra_named(ModuleNotFoundError(name="torch.nn")))
    "torch is missing, which training or encoding needs: pip install 'crossbit[train]'"
    """
    module = (error.name or "").partition(".")[0]
    return missing(module, EXTRAS[module]) if module in EXTRAS else error


def optional(name: str) -> Any:
    """Return a module that an extra installs, imported only now; where it is missing, the error names the extra.

    >>> optional("json").loads("[1]")
    [1]
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise extra_named(error) from None
