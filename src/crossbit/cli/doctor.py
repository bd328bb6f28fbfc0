"""`crossbit doctor`: installed packages, working extras, and the datasets that were found."""

from __future__ import annotations

import os
import platform
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import typer

from ..errors import EXTRAS
from .options import DataDirOption
from .output import JsonFlag, print_json, print_table

#: Module, its package on PyPI, and its purpose.
PARTS = (
    ("faiss", "faiss-cpu", "fast search"),
    ("numba", "numba", "fast evaluation"),
    ("torch", "torch", "training and encoding"),
    ("onnxruntime", "onnxruntime", "ONNX features"),
    ("skimage", "scikit-image", "HOG features"),
    ("matplotlib", "matplotlib", "plots"),
    ("pyarrow", "pyarrow", "Parquet and CSV tables"),
    ("fastapi", "fastapi", "serving"),
    ("transformers", "transformers", "CLIP features"),
    ("open_clip", "open-clip-torch", "OpenCLIP features"),
)


def doctor(data_dir: DataDirOption = None, json: JsonFlag = False) -> None:
    """Report installed packages and available datasets."""
    parts = [_part(*part) for part in PARTS]
    found = [_dataset(name, data_dir) for name in _names()]
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "accelerator": _accelerator()}
    if json:
        print_json({"machine": machine, "parts": parts, "datasets": found})
        return
    typer.echo("  ".join(f"{name}: {value}" for name, value in machine.items()) + "\n")
    print_table(parts)
    where = data_dir or "no folder (give --data-dir or set CROSSBIT_DATA)"
    print_table([{k: row[k] for k in ("dataset", "pairs", "state")} for row in found], title=f"datasets in {where}")
    typer.echo("`crossbit datasets show NAME` shows the source of a dataset and the layout of its files.")


def _part(module: str, package: str, purpose: str) -> dict[str, Any]:
    try:
        import_module(module)
        state = version(package)
    except ModuleNotFoundError:
        state = f"not installed: pip install 'crossbit[{EXTRAS[module]}]'" if module in EXTRAS else "not installed"
    except (ImportError, RuntimeError, OSError, PackageNotFoundError) as error:
        state = f"broken: {str(error).splitlines()[0][:60]}"
    return {"part": module, "state": state, "for": purpose}


def _names() -> list[str]:
    from ..datasets import LOADERS

    return sorted(LOADERS)


def _dataset(name: str, data_dir: Path | None) -> dict[str, Any]:
    from ..datasets import load
    from ..errors import InputError

    try:
        corpus = load(name, data_dir)
    except (InputError, OSError) as error:
        return {"dataset": name, "pairs": "–", "state": "not found", "why": str(error)}
    return {"dataset": name, "pairs": f"{len(corpus):,}", "state": "found", "why": ""}


def _accelerator() -> str:
    try:
        import torch
    except ImportError:
        return "unknown without torch"
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
