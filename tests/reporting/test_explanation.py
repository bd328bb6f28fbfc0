"""`crossbit explain`: the drawing shows what the code is made of, and what cannot be explained is refused."""

import json

import numpy as np
import pytest
from PIL import Image

from crossbit.cli import main
from crossbit.methods.adah_net import attended
from crossbit.models.bundle import Bundle

SCENES = "scenes(train=40,database=40,query=10)"
SMALL = "epochs=1,hidden=8,text_hidden=8,width=8,layers=2"
MODELS = {"pixels": f"adah({SMALL})", "hog": f"adah({SMALL})", "none": f"adah(attention=none,{SMALL})"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Return a folder with a model that attends to places, one that attends to dimensions, one without, and a photo."""
    folder = tmp_path_factory.mktemp("explained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        for name, recipe in MODELS.items():
            image = "hog" if name == "hog" else "pixels(size=32)"
            words = ["fit", recipe, "-d", SCENES, "-f", f"image={image},text=bow", "-b", "8", "-o", str(folder / name)]
            patch.setattr("sys.argv", ["crossbit", *words])
            with pytest.raises(SystemExit) as end:
                main()
            assert not end.value.code
    photo = np.random.default_rng(0).integers(60, 256, (30, 40, 3)).astype(np.uint8)
    Image.fromarray(photo).resize((400, 300)).save(folder / "photo.png")
    return folder


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture).astype(int)


def test_what_is_attended_to_stays_and_all_else_is_dimmed(made, crossbit_cli, tmp_path):
    ended = crossbit_cli("explain", made / "pixels", made / "photo.png", "--out", tmp_path / "drawn.png", "--json")
    assert ended.status == 0, ended.err
    facts = json.loads(ended.out)
    bundle = Bundle.load(made / "pixels")
    mask = attended(bundle.encoder, bundle.pipelines["image"]([made / "photo.png"]), "image")[0]
    assert facts["places"] == list(mask.shape) == [8, 8]
    assert facts["attended"] == pytest.approx(mask.mean())
    assert 0 < mask.mean() < 1
    drawn, photo = pixels(tmp_path / "drawn.png"), pixels(made / "photo.png")[:, 50:350]
    assert drawn.shape == photo.shape == (300, 300, 3)
    inside = mask[np.arange(300) * 8 // 300][:, np.arange(300) * 8 // 300]
    assert (drawn[~inside].mean(1) < 0.4 * photo[~inside].mean(1)).all()
    same = (drawn == photo).all(2)
    assert same[inside].mean() > 0.7  # the rest is the line around it
    assert not same[~inside].any()


def test_a_small_picture_is_drawn_larger_and_people_get_a_sentence(made, crossbit_cli, tmp_path):
    Image.new("RGB", (20, 30), (200, 30, 30)).save(tmp_path / "small.png")
    ended = crossbit_cli("explain", made / "pixels", tmp_path / "small.png", "-o", tmp_path / "drawn.png")
    assert pixels(tmp_path / "drawn.png").shape == (256, 256, 3)
    assert ended.out.strip().endswith(f"% of 8 x 8 regions attended to, drawn in {tmp_path / 'drawn.png'}")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("none photo.png -o {out}.png", "the image tower of this model has no attention; fit one that has"),
        ("hog photo.png -o {out}.png", "attends to dimensions of its features (hog), not to regions of a picture"),
        ("pixels nowhere.png -o {out}.png", "nowhere.png cannot be used: the file does not exist"),
        ("pixels pixels/bundle.json -o {out}.png", "bundle.json cannot be used: it is not an image in a known format"),
        ("nowhere photo.png -o {out}.png", "is not a model: it has no bundle.json"),
        ("pixels photo.png -o {out}.jpg", "drawn.jpg, but should be a .png file"),
        ("pixels photo.png -o {out}/drawn.png", "No such file or directory"),
        ("pixels photo.png", "Missing option"),
    ],
)
def test_bad_input_ends_with_a_message_and_status_2(words, message, made, crossbit_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(made)
    ended = crossbit_cli("explain", *words.format(out=tmp_path / "drawn").split())
    assert ended.status == 2
    assert message in " ".join(ended.err.split())
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def separating(made):
    """Return the folder with models that separate, too: one that rebuilds both halves, and one that rebuilds none."""
    small = "epochs=1,d=16,width=8,layers=1,hidden=8,convolutions=2,side=16,channels=2"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(made / "cache"))
        for name, features in (("both", "image=pixels(size=32),text=words(min_count=2)"), ("vectors", "hog,bow")):
            features = "image=hog,text=bow" if name == "vectors" else features
            words = ["fit", f"mfsr({small})", "-d", SCENES, "-f", features, "-b", "8", "-o", str(made / name)]
            patch.setattr("sys.argv", ["crossbit", *words, "--captions", "first"])
            with pytest.raises(SystemExit) as end:
                main()
            assert not end.value.code
    return made


def test_a_pair_beside_itself_rebuilt_and_what_each_part_finds(separating, crossbit_cli, tmp_path):
    ended = crossbit_cli("explain", separating / "both", "000041", "-o", tmp_path / "drawn.png", "--json")
    assert ended.status == 0, ended.err
    facts = json.loads(ended.out)
    assert facts["caption"].endswith(".")
    assert isinstance(facts["rebuilt caption"], str)
    assert [*facts["nearest"]] == ["modality", "semantic", "specific"]
    bundle = Bundle.load(separating / "both")
    from crossbit.datasets import load
    from crossbit.reporting.explanation import parts

    corpus = load("scenes", train=40, database=40, query=10)
    ids = corpus.split.query
    assert "000041" in ids
    own = parts(bundle.encoder, bundle.pipelines["image"]([corpus.images[41]]), "image")[0]
    others = [name for name in ids if name != "000041"]
    raws = [corpus.images[row] for row in corpus.rows(others)]
    every = parts(bundle.encoder, bundle.pipelines["image"](raws), "image")
    for i, part in enumerate(facts["nearest"]):
        cosines = every[:, i] @ own[i]
        expected = [others[row] for row in np.argsort(-cosines, kind="stable")[:5]]
        found = facts["nearest"][part]["image"]
        assert [each["id"] for each in found] == expected
        assert found[0]["cosine"] == pytest.approx(cosines.max(), abs=1e-5)
        assert len(facts["nearest"][part]["text"]) == 5
    drawn = pixels(tmp_path / "drawn.png")
    assert drawn.shape[0] > drawn.shape[1] > 1000


def test_own_pictures_with_captions_and_models_that_rebuild_nothing(separating, crossbit_cli, tmp_path):
    words = ("explain", separating / "both", separating / "photo.png", "-o", tmp_path / "drawn.png")
    ended = crossbit_cli(*words, "--caption", "A red star.")
    assert ended.status == 0, ended.err
    assert "caption: A red star.\nrebuilt: " in ended.out
    assert "nearest by semantic part" in ended.out
    ended = crossbit_cli("explain", separating / "vectors", "000045", "-o", tmp_path / "drawn.png", "--json")
    assert ended.status == 0, ended.err
    assert json.loads(ended.out)["rebuilt caption"] is None


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("both photo.png -o {out}.png", "photo.png is a picture, and mfsr explains pairs: give its caption"),
        ("both 999999 -o {out}.png", "scenes has no items 999999"),
        ("both 000041 -o {out}.gif", "drawn.gif, but should be a .png file"),
    ],
)
def test_pairs_that_cannot_be_explained(words, message, separating, crossbit_cli, tmp_path, monkeypatch):
    monkeypatch.chdir(separating)
    ended = crossbit_cli("explain", *words.format(out=tmp_path / "drawn").split())
    assert (ended.status, ended.out) == (2, "")
    assert message in " ".join(ended.err.split())
    assert not list(tmp_path.iterdir())
