"""Models of Hugging Face's transformers, loaded from a folder or from the hub.

Weights are read as safetensors only, and no code that comes with a model is run.
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..errors import InputError, missing

#: The files of a model that are fetched from the hub; pickled weights are not among them.
FILES = ("*.json", "*.txt", "*.model", "*.safetensors")


def load_dual_encoder(folder: Path) -> Any:
    """Return the model in a folder; one that does not project both images and texts is refused."""
    model = load_pretrained(folder, "AutoModel", use_safetensors=True)
    if not hasattr(model, "get_image_features") or not hasattr(model, "get_text_features"):
        raise InputError(f"{folder} is a {type(model).__name__}, which does not project both images and texts")
    return model.eval()


def load_pretrained(folder: Path, kind: str, **options: Any) -> Any:
    """Return an object of a transformers class, loaded from a folder without network."""
    try:
        return getattr(transformers_package(), kind).from_pretrained(folder, local_files_only=True, **options)
    except InputError:
        raise
    except Exception as fault:  # transformers raises many types for a folder it cannot read
        raise InputError(f"{folder} is not a model that transformers can load: {fault}") from None


def model_folder(name: str, revision: str) -> Path:
    """Return the folder of a model, fetched from the hub if need be; one without safetensors is refused."""
    folder = Path(name)
    folder = folder if folder.is_dir() else _fetched(name, revision)
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            f"{name} has no weights as .safetensors, and no pickle is read; choose a revision that has them,"
            " or write the model again with save_pretrained"
        )
    return folder


def _fetched(name: str, revision: str) -> Path:
    """Return the folder of a model from the hub, fetched unless the hub's cache has its weights."""
    transformers_package()
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    fetch = partial(snapshot_download, name, revision=revision, allow_patterns=list(FILES))
    try:
        found = Path(fetch(local_files_only=True))
    except LocalEntryNotFoundError:
        found = None
    except ValueError as fault:
        raise InputError(f"{name!r} is neither a folder nor a name on the hub: {fault}") from None
    if found is not None and any(found.glob("*.safetensors")):
        return found
    try:
        return Path(fetch())
    except Exception as fault:  # network, name and permission errors share no base class
        raise InputError(f"{name} is no folder here and cannot be fetched from the hub: {fault}") from None


def transformers_package() -> Any:
    """Return the package transformers, quiet; a missing or broken one is refused with the remedy."""
    if find_spec("transformers") is None:
        raise missing("transformers", "clip")
    try:
        import transformers

        transformers.utils.logging.set_verbosity_error()
        transformers.utils.logging.disable_progress_bar()
        from transformers import AutoImageProcessor, AutoModel, AutoTokenizer, CLIPModel  # noqa: F401
    except (ImportError, RuntimeError) as fault:
        raise broken_package("transformers", fault) from None
    return transformers


def broken_package(package: str, fault: BaseException) -> InputError:
    """Return the error for an installed package that cannot be imported, with the usual remedy."""
    chain = fault
    reasons = [str(fault)]
    while (following := chain.__cause__ or chain.__context__) is not None:
        chain = following
        reasons.append(str(chain))
    unfit = any("torchvision" in reason for reason in reasons)
    remedy = "; the installed torchvision does not fit the installed torch: remove it (pip uninstall torchvision)"
    return InputError(
        f"{package} is installed but cannot be imported: {fault}"
        + (f"{remedy} or install the version that fits" if unfit else "")
    )


def projections(found: Any) -> Any:
    """Return the projections in a model's output, which before transformers 5 was the projections alone, as float32."""
    return getattr(found, "pooler_output", found).float()
