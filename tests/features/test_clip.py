"""CLIP by transformers, proven on a tiny random CLIP written here; the refusals of broken installations."""

import gzip
import importlib
import json
import shutil
import sys

import numpy as np
import pytest

from crossbit.errors import InputError
from crossbit.features import Pipeline, featurise
from crossbit.features.extractors.clip import Clip
from crossbit.features.extractors.open_clip import OpenClip
from crossbit.features.raw import open_picture
from helpers.tiny_clip import END, START, TOKENS


@pytest.fixture(scope="module")
def folder(tiny_clip):
    return tiny_clip


@pytest.fixture
def clip(folder):
    return lambda modality, **options: Clip(modality, model=str(folder), **options)


def test_images_and_texts_are_projected_as_the_model_does(clip, folder, pixels):
    import torch
    from PIL import Image
    from transformers import CLIPModel

    model = CLIPModel.from_pretrained(folder).eval()
    mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
    x = []
    for image in map(open_picture, pixels):  # 50 x 60
        square = image.resize((32, 38), Image.Resampling.BICUBIC).crop((0, 3, 32, 35))
        x.append((np.asarray(square) / 255 - mean) / std)
    ids = torch.tensor([[START, TOKENS.index("red</w>"), TOKENS.index("a</w>"), END]])
    with torch.inference_mode():
        vision = model.vision_model(torch.tensor(np.stack(x), dtype=torch.float32).permute(0, 3, 1, 2)).pooler_output
        images = model.visual_projection(vision).numpy()
        texts = model.text_projection(model.text_model(ids).pooler_output).numpy()
    ours = clip("image")(pixels)
    assert (ours.shape, ours.dtype) == ((12, 12), np.float32)
    np.testing.assert_allclose(ours, images / np.linalg.norm(images, axis=1, keepdims=True), atol=2e-3)
    np.testing.assert_allclose(clip("text")(["Red a"]), texts / np.linalg.norm(texts), atol=1e-5)


@pytest.mark.parametrize("batch", [1, 4])
def test_an_item_alone_is_the_item_among_others(clip, pixels, batch):
    texts = ["red", "a red dog", "b c d e f g", "red " * 40, "x"]
    for extractor, raws in ((clip("image", batch=batch), pixels), (clip("text", batch=batch), texts)):
        together = extractor(raws)
        for row in range(len(raws)):
            assert extractor([raws[row]]).tobytes() == together[row : row + 1].tobytes()


def test_a_corpus_goes_through_both_sides(make_corpus, folder, tmp_path, capfd):
    spec = f"clip(model={folder})"
    made = featurise(make_corpus(), spec, spec, captions="each", cache=tmp_path / "cache")
    assert made.dataset.train.image.shape == made.dataset.train.text.shape == (12, 12)
    made.text.save(tmp_path / "text")
    again = Pipeline.load(tmp_path / "text")
    assert again(["a red dog"]).tobytes() == made.text(["a red dog"]).tobytes()
    assert capfd.readouterr().err == ""


def test_a_model_changed_since_it_was_fitted_is_refused(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "copy")
    fitted = Pipeline.parse(f"clip(model={copy})", "text").extractor.fit(())
    assert fitted.weights
    with (copy / "merges.txt").open("a") as file:
        file.write("d o\n")
    with pytest.raises(InputError, match="have changed since the extractor was fitted"):
        fitted.__class__(**{name: getattr(fitted, name) for name in ("modality", "model", "weights")})(["dog"])


def test_unusable_folders_are_refused(tmp_path, folder, monkeypatch):
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"pickle")
    with pytest.raises(InputError, match="no pickle is read"):
        Clip("text", model=str(tmp_path / "pickled"))(["a"])
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="not a model that transformers can load"):
        Clip("text", model=str(tmp_path / "half"))(["a"])
    with pytest.raises(InputError, match="neither a folder nor a name on the hub"):
        Clip("text", model=str(tmp_path / "none"))(["a"])
    with pytest.raises(InputError, match="batch of at least 1"):
        Clip("text", model="m", batch=0)
    with pytest.raises(InputError, match="Clip needs model"):
        Pipeline.parse("clip", "image")


def test_the_hub_is_asked_only_for_what_its_cache_lacks(folder, monkeypatch):
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    asked = []

    def cached(name, *, local_files_only=False, **_):
        asked.append(local_files_only)
        return str(folder)

    def absent(name, *, local_files_only=False, **_):
        raise LocalEntryNotFoundError("not here") if local_files_only else OSError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", cached)
    assert Clip("text", model="some/clip")(["a"]).shape == (1, 12)
    assert asked == [True]
    monkeypatch.setattr(huggingface_hub, "snapshot_download", absent)
    with pytest.raises(InputError, match=r"some/clip is no folder here and cannot be fetched from the hub: no network"):
        Clip("text", model="some/clip")(["a"])


def shadow(monkeypatch, tmp_path, package, source):
    """Put a package of that name before all others."""
    (tmp_path / f"{package}.py").write_text(source)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, package, raising=False)
    importlib.invalidate_caches()


BROKEN = "raise RuntimeError('operator torchvision::nms does not exist')"


def test_transformers_broken_by_torchvision_names_the_remedy(clip, tmp_path, monkeypatch):
    shadow(monkeypatch, tmp_path, "transformers", BROKEN)
    with pytest.raises(InputError, match=r"cannot be imported: operator .*pip uninstall torchvision"):
        clip("text")(["a"])


def test_another_fault_of_transformers_does_not_blame_torchvision(clip, tmp_path, monkeypatch):
    shadow(monkeypatch, tmp_path, "transformers", "raise ImportError('too old')")
    with pytest.raises(InputError, match=r"cannot be imported: too old$"):
        clip("text")(["a"])


def test_transformers_missing_names_the_extra(clip, monkeypatch):
    monkeypatch.setattr("crossbit.io.hub.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'crossbit\[clip\]'"):
        clip("text")(["a"])


def test_open_clip_missing_or_broken_names_the_remedy(tmp_path, monkeypatch):
    extractor = OpenClip("text", model="ViT-B-32", weights=tmp_path / "w.safetensors")
    monkeypatch.setattr("crossbit.features.extractors.open_clip.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"open_clip is missing, .*pip install 'crossbit\[open-clip\]'"):
        extractor(["a"])
    monkeypatch.setattr("crossbit.features.extractors.open_clip.find_spec", lambda name: name == "open_clip" or None)
    with pytest.raises(InputError, match="open_clip needs torchvision"):
        extractor(["a"])
    monkeypatch.setattr("crossbit.features.extractors.open_clip.find_spec", lambda name: name)
    shadow(monkeypatch, tmp_path, "open_clip", BROKEN)
    with pytest.raises(InputError, match=r"open_clip is installed but .*pip uninstall torchvision"):
        extractor(["a"])
    with pytest.raises(InputError, match="no pickle is read"):
        OpenClip("text", model="ViT-B-32", weights=tmp_path / "w.pt")


FAKE_OPEN_CLIP = """
import torch

class Model(torch.nn.Module):
    def encode_image(self, x, normalize):
        return x.mean(dim=(2, 3))
    def encode_text(self, x, normalize):
        return x.float()

def create_model_and_transforms(name, pretrained):
    if name != "ViT-B-32":
        raise RuntimeError("unknown model")
    return Model(), None, lambda image: torch.ones(3, *image.size)

def get_tokenizer(name):
    return lambda texts: torch.tensor([[len(text)] for text in texts])
"""


def test_open_clip_is_called_as_its_documentation_says(tmp_path, monkeypatch, pixels):
    monkeypatch.setattr("crossbit.features.extractors.open_clip.find_spec", lambda name: name)
    shadow(monkeypatch, tmp_path, "open_clip", FAKE_OPEN_CLIP)
    weights = tmp_path / "w.safetensors"
    assert OpenClip("image", model="ViT-B-32", weights=weights)(pixels[:2]).tolist() == [[1, 1, 1]] * 2
    assert OpenClip("text", model="ViT-B-32", weights=weights)(["ab", "abc"]).tolist() == [[2], [3]]
    with pytest.raises(InputError, match="cannot load ViT-X with"):
        OpenClip("text", model="ViT-X", weights=weights)(["a"])


def test_a_device_is_found_by_name_and_decides_no_fingerprint(clip, tmp_path, monkeypatch, pixels):
    monkeypatch.setattr("crossbit.features.extractors.open_clip.find_spec", lambda name: name)
    shadow(monkeypatch, tmp_path, "open_clip", FAKE_OPEN_CLIP)
    for extractor in (clip("image"), OpenClip("image", model="ViT-B-32", weights=tmp_path / "w.safetensors")):
        assert extractor.on("auto") is extractor
        assert extractor.on("cpu").device == "cpu"
        if isinstance(extractor, Clip):
            assert extractor.on("cpu").fingerprint == extractor.fingerprint
        with pytest.raises(InputError, match="no device 'tpu'; there are auto, cpu"):
            extractor.on("tpu")(pixels[:1])
    hog = Pipeline.parse("hog", "image")
    assert hog.on("cuda:7").extractor is hog.extractor


@pytest.mark.gpu
def test_two_extractors_on_two_devices_do_not_meet(clip, pixels):
    here, there = clip("image", device="cpu"), clip("image", device="cuda")
    np.testing.assert_allclose(here(pixels), there(pixels), atol=1e-4)
    np.testing.assert_allclose(here(pixels), there(pixels), atol=1e-4)


@pytest.mark.data
def test_real_clip_tokens(data_dir, folder, tmp_path):
    """The ids are those that OpenAI's tokenizer is recalled to give; the vocabulary is the published one."""
    packed = (data_dir / "weights" / "bpe_simple_vocab_16e6.txt.gz").read_bytes()
    lines = gzip.decompress(packed).decode("utf-8").split("\n")
    merges = lines[1 : 49_152 - 256 - 2 + 1]
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    letters = [chr(code) for code in printable] + [chr(256 + n) for n in range(256 - len(printable))]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *(merge.replace(" ", "") for merge in merges)]
    tokens += TOKENS[START:]
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    (copy / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    ids = Clip("text", model=str(copy)).prepare("A photo of a Cat")["input_ids"]
    assert ids.tolist() == [49406, 320, 1125, 539, 320, 2368, *[49407] * 10]
