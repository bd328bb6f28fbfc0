"""The packs of features that papers hand out, recognised by the names of their files and arrays.

A pack is the options of the dataset `arrays` that read it: it is there if every array that they name is there. Where a
layout comes from is said beside it; "recalled" means that no file or code of the authors was at hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, final

from ..errors import InputError
from ..io.arrays import contents
from ..io.arrays.stored import dotted


class Pack(NamedTuple):
    """A layout: its name and its options, in which `{stem}` and `{file}` stand for what differs between copies.

    A part after `?` is left out where it is not there. `glob` finds what `{stem}` stands for.
    """

    title: str
    options: Mapping[str, str]
    glob: str = ""


PACKS = (
    Pack(
        "features that `crossbit extract` wrote",
        {"image": "image.npy", "text": "text.npy", "labels": "?labels.npy", "ids": "ids.json", "split": "split.json"},
    ),
    Pack(
        "features that `crossbit extract` wrote, texts sparse",
        {"image": "image.npy", "text": "text.npz", "labels": "?labels.npy", "ids": "ids.json", "split": "split.json"},
    ),
    Pack(  # read in the code of UCCH (src/cmdataset.py)
        "the VGG features of UCCH and DGCPN",
        {"image": "{stem}-iall-vgg.mat:XAll", "text": "{stem}-yall.mat:YAll", "labels": "{stem}-lall.mat:LAll"},
        "*-lall.mat",
    ),
    Pack(
        "the VGG features of UCCH and DGCPN",
        {"image": "{stem}-xall-vgg.mat:XAll", "text": "{stem}-yall.mat:YAll", "labels": "{stem}-lall.mat:LAll"},
        "*-lall.mat",
    ),
    Pack(
        "the VGG features of UCCH, shuffled",
        {
            "image": "{stem}-iall-vgg-rand.mat:XAll",
            "text": "{stem}-yall-rand.mat:YAll",
            "labels": "{stem}-lall-rand.mat:LAll",
        },
        "*-lall-rand.mat",
    ),
    Pack(  # the same code, MSCOCO_fea and IAPR_fea
        "features as UCCH keeps them in one file",
        {"image": "{file}:XAll", "text": "{file}:YAll", "labels": "{file}:LAll"},
    ),
    Pack(
        "UCCH's file of IAPR TC-12",
        {
            "image": "{file}:VDatabase+{file}:VTest",
            "text": "{file}:YDatabase+{file}:YTest",
            "labels": "{file}:databaseL+{file}:testL",
        },
    ),
    Pack(  # read in code that takes DCMH's FLICKR-25K.mat with features in place of pixels
        "DCMH's FLICKR-25K.mat",
        {"image": "{file}:images", "text": "{file}:YAll", "labels": "{file}:LAll"},
    ),
    Pack(  # read in the code of DSCMR (load_data.py)
        "the matrices of DSCMR",
        {
            "image": "train_img.mat:train_img+test_img.mat:test_img",
            "text": "train_txt.mat:train_txt+test_txt.mat:test_txt",
            "labels": "train_img_lab.mat:train_img_lab+test_img_lab.mat:test_img_lab",
        },
    ),
    Pack(  # read in code that runs SCRATCH and others on such files
        "training, test and database matrices of MATLAB",
        {
            "image": "{file}:I_tr+{file}:I_te+{file}:I_db",
            "text": "{file}:T_tr+{file}:T_te+{file}:T_db",
            "labels": "{file}:L_tr+{file}:L_te+{file}:L_db",
            "train": "{file}:I_tr",
            "query": "{file}:I_te",
            "database": "{file}:I_db",
        },
    ),
    Pack(  # read in the code of SCRATCH (Main_Wiki.m)
        "training and test matrices of MATLAB, as of SCRATCH",
        {
            "image": "{file}:I_tr+{file}:I_te",
            "text": "{file}:T_tr+{file}:T_te",
            "labels": "{file}:L_tr+{file}:L_te",
        },
    ),
    Pack(  # recalled, the names of the parts too
        "the struct of RoPH",
        {
            "image": "{file}:{stem}.X1",
            "text": "{file}:{stem}.X2",
            "labels": "{file}:{stem}.Y",
            "split": "?{file}:{stem}.split",
            "train": "?{file}:{stem}.split.train",
            "query": "?{file}:{stem}.split.test",
        },
    ),
    Pack(  # read in the code of ACMR, whose pickles are converted first
        "the features of ACMR, converted to .npy",
        {
            "image": "train_img_feats.npy+test_img_feats.npy",
            "text": "train_txt_vecs.npy+test_txt_vecs.npy",
            "labels": "train_labels.npy+test_labels.npy",
        },
    ),
    Pack(  # read in the code of UCMFH (load_dataset.py), whose pickles are converted first
        "the CLIP features of UCMFH, converted to .npz",
        {
            "image": "train.npz:image+query.npz:image+retrieval.npz:image",
            "text": "train.npz:text+query.npz:text+retrieval.npz:text",
            "labels": "train.npz:label+query.npz:label+retrieval.npz:label",
            "train": "train.npz:image",
            "query": "query.npz:image",
            "database": "retrieval.npz:image",
        },
    ),
    Pack(  # read in code that loads the precomputed features of VSE++ and SCAN; the images may stand five times
        "the precomputed features of VSE++ and SCAN",
        {
            "image": "train_ims.npy+dev_ims.npy+test_ims.npy",
            "captions": "train_caps.txt+dev_caps.txt+test_caps.txt",
            "train": "train_ims.npy",
            "validation": "dev_ims.npy",
            "query": "test_ims.npy",
        },
    ),
    Pack(
        "the precomputed features of VSE++ and SCAN, without validation",
        {"image": "train_ims.npy+test_ims.npy", "captions": "train_caps.txt+test_caps.txt"},
    ),
)
#: Pickles of packs, and how each is converted.
_PICKLES = {"train_img_feats.pkl": "save('train_img_feats.npy',", "retrieval.pkl": "savez('retrieval.npz', **"}
#: Files that may hold several arrays of a pack.
BINARY = (".mat", ".npz", ".h5", ".hdf5", ".h5py", ".pt", ".pth")


class Recognised(NamedTuple):
    """A pack that is there, and the options that read it."""

    title: str
    options: dict[str, str]


def recognise(folder: Path, file: str = "") -> Recognised | None:
    """Return the pack whose arrays lie in the folder, or in this file of it.

    Raises:
        InputError: where there are several, or where a pack is there as pickles, which are not read.

    """
    held = _Held(folder)
    there = ((pack, _present(pack, bound, held)) for pack in PACKS for bound in _bindings(pack, held, file))
    found = _widest([Recognised(pack.title, options) for pack, options in there if options])
    if len(found) > 1:
        ways = _ways(found)
        shown = " or ".join(ways[:5]) + (f" or {len(ways) - 5} more" if len(ways) > 5 else "")
        raise InputError(f"arrays: {folder} holds {len(found)} packs of features; choose one: {shown}")
    if found:
        return found[0]
    for name, save in _PICKLES.items():
        if (folder / name).is_file():
            raise InputError(
                f"{folder / name} is a pickle, which can run any code and is never read; if you trust it, convert it"
                f' and those beside it: python -c "import numpy, pickle;'
                f" numpy.{save} pickle.load(open('{name}', 'rb'), encoding='latin1'))\""
            )
    return None


def _widest(found: Sequence[Recognised]) -> list[Recognised]:
    """Return the packs whose arrays are not all those of another, too."""
    named = [{token for value in pack.options.values() for token in value.split("+")} for pack in found]
    return [
        pack
        for at, pack in enumerate(found)
        if not any(named[at] < other or (named[at] == other and i < at) for i, other in enumerate(named))
    ]


def _ways(found: Sequence[Recognised]) -> list[str]:
    """Return the options that choose each pack: its file, if it lies in one that no other does, or all its arrays."""
    tokens = [
        [token for value in pack.options.values() for token in value.split("+") if ":" in token] for pack in found
    ]
    files = [{token.partition(":")[0] for token in each} for each in tokens]
    if all(len(each) == 1 for each in files) and len(set.union(*files)) == len(found):
        return [f"file={name}" for each in files for name in each]
    return [f"arrays({', '.join(f'{o}={v}' for o, v in pack.options.items())})" for pack in found]


@final
@dataclass
class _Held:
    """The arrays of a folder's files, each file looked into once."""

    folder: Path
    seen: dict[Path, dict[str, int]] = field(default_factory=dict)

    def arrays(self, name: str) -> dict[str, int]:
        """Return the number of axes of each array of a file, by name."""
        path = self.folder / name
        if path not in self.seen:
            try:
                self.seen[path] = {dotted(each.name): len(each.shape) for each in contents(path)}
            except (InputError, OSError):
                self.seen[path] = {}
        return self.seen[path]

    def axes(self, token: str) -> int:
        """Return the number of axes of an array, 0 where it is not there."""
        stem, colon, name = token.rpartition(":")
        if colon:
            return self.arrays(stem).get(name, 0)
        held = self.arrays(name)
        return held.get("", 1 if name == "split.json" and held else 0)


def _bindings(pack: Pack, held: _Held, file: str) -> Iterator[dict[str, str]]:
    """Yield what the names in braces may stand for."""
    braces = " ".join(pack.options.values())
    if "{file}" in braces:
        every = (
            sorted(path.name for path in held.folder.iterdir() if path.suffix.lower() in BINARY) if not file else [file]
        )
        for name in every:
            stems = {at.split(".")[0] for at in held.arrays(name) if at.endswith(".X1")} if "{stem}" in braces else {""}
            yield from ({"file": name, "stem": stem} for stem in sorted(stems))
    elif not file and pack.glob:
        ending = pack.glob.lstrip("*")
        yield from ({"stem": path.name.removesuffix(ending)} for path in sorted(held.folder.glob(pack.glob)))
    elif not file:
        yield {}


def _present(pack: Pack, bound: Mapping[str, str], held: _Held) -> dict[str, str]:
    """Return the options with everything bound, or none where an array that they name is not there."""
    options = {}
    for option, template in pack.options.items():
        tokens = template.lstrip("?").format(**bound).split("+")
        axes = [held.axes(token) for token in tokens]
        if all(axes) and (option != "image" or {*axes} <= {2, 3}):
            options[option] = "+".join(tokens)
        elif not template.startswith("?"):
            return {}
    if held.axes(options["image"].split("+")[0]) == 3:
        options["regions"] = "mean"
    return options
