"""HOG and ONNX image features: width, neighbours, detection of the model's needs, clear refusals."""

from pathlib import Path

import numpy as np
import pytest

from crossbit.errors import InputError
from crossbit.features import Pipeline
from crossbit.features.extractors.hog import Hog
from crossbit.features.extractors.onnx import Onnx
from crossbit.features.raw import centre_square, open_picture


def test_hog_has_the_width_it_says(pixels):
    rows = Hog()(pixels)
    assert (rows.shape, rows.dtype) == ((12, 1728), np.float32)
    assert Hog(size=32, orientations=9)(pixels[:1]).shape == (1, 3 * 3 * 4 * 9 + 96 + 64)


def test_hog_tells_colours_and_edges_apart():
    plain = np.zeros((64, 64, 3), np.uint8)
    red, striped = plain.copy(), plain.copy()
    red[..., 0] = 255
    striped[::8] = 255
    a, b, c = Hog()([plain, red, striped])
    assert not a[:1568].any()
    assert not b[:1568].any()
    assert c[:1568].any()
    assert np.linalg.norm(a[1568:] - b[1568:]) > 1


def test_an_item_at_fault_is_named(pixels, tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.png cannot be used: the file does not exist"):
        Hog()([tmp_path / "nowhere.png"])
    with pytest.raises(InputError, match="image 2 of 2 cannot be used: it is not an image"):
        Hog()([pixels[0], b"no picture"])


@pytest.mark.parametrize("options", [{"size": 60}, {"size": 8}, {"orientations": 0}])
def test_hog_refuses_what_makes_no_cells(options):
    with pytest.raises(InputError, match="multiple of 8"):
        Hog(**options)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_picture_alone_is_the_picture_among_others(tiny_onnx, pixels, batch):
    for extractor in (Hog(), Onnx(model=tiny_onnx, size=32, batch=batch)):
        together = extractor(pixels)
        for row in range(len(pixels)):
            assert extractor([pixels[row]]).tobytes() == together[row : row + 1].tobytes()


def test_onnx_feeds_the_normalised_central_square(tiny_onnx, pixels):
    import onnxruntime

    x = np.stack([centre_square(open_picture(p), 32, 40) for p in pixels])
    x = ((x / 255 - (0.1, 0.2, 0.3)) / (0.4, 0.5, 0.6)).astype(np.float32).transpose(0, 3, 1, 2)
    expected = onnxruntime.InferenceSession(tiny_onnx).run(["feature"], {"picture": x})[0]
    spec = f"onnx(model={tiny_onnx},size=32,resize=40,mean=0.1/0.2/0.3,std=0.4/0.5/0.6)"
    np.testing.assert_allclose(Pipeline.parse(spec, "image").extractor(pixels), expected, atol=1e-4)


def test_onnx_finds_the_usual_output_and_takes_another(tiny_onnx, pixels):
    usual = Onnx(model=tiny_onnx, size=32)(pixels)
    assert usual.shape == (12, 7)
    assert (Onnx(model=tiny_onnx, size=32, output="other")(pixels) == -usual).all()


def test_onnx_reads_layout_size_and_batch_from_the_model(save_onnx, tmp_path, tiny_onnx, pixels):
    dynamic = Onnx(model=tiny_onnx, size=24)(pixels)
    fixed = Onnx(model=save_onnx(tmp_path / "a.onnx", [5, 3, 24, 24]))
    last = Onnx(model=save_onnx(tmp_path / "b.onnx", ["N", "H", "W", 3]), size=24)
    np.testing.assert_allclose(fixed(pixels), dynamic, atol=1e-5)
    np.testing.assert_allclose(last(pixels), dynamic, atol=1e-5)
    with pytest.raises(InputError, match="takes pictures of 24 x 24, not squares of size=32"):
        Onnx(model=tmp_path / "a.onnx", size=32)(pixels)
    with pytest.raises(InputError, match="cannot take pictures as"):
        Onnx(model=save_onnx(tmp_path / "c.onnx", ["N", "C", "H", "W"]), size=24, layout="nhwc")(pixels)


def test_onnx_refuses_what_it_cannot_run(tmp_path, tiny_onnx, pixels, capfd):
    (tmp_path / "bad.onnx").write_bytes(b"no model")
    for options, reason in (
        ({"model": tmp_path / "bad.onnx"}, "is not an ONNX model"),
        ({"model": tmp_path / "none.onnx"}, "there is no ONNX model"),
        ({"model": tiny_onnx, "output": "logits"}, "has no output 'logits'; it has other, feature"),
        ({"model": tiny_onnx, "input": "x"}, r"named by input=; it has picture tensor\(float\)"),
        ({"model": tiny_onnx, "std": (0.5, 0.0, 0.5)}, "must be positive"),
        ({"model": tiny_onnx, "resize": 100}, "takes squares of 224 pixels, which resize=100 does not leave"),
        ({"model": tiny_onnx, "batch": 0}, "a batch of at least 1"),
    ):
        with pytest.raises(InputError, match=reason):
            Onnx(**options)(pixels)
    assert capfd.readouterr().err == ""


def test_a_spec_finds_models_in_the_data_folder(save_onnx, tmp_path, monkeypatch):
    weights = tmp_path / "weights"
    weights.mkdir()
    with pytest.raises(
        InputError, match=r"onnx: model should be a file, but there is none at \*\.onnx or in .*weights"
    ):
        Pipeline.parse("onnx", "image", data_dir=tmp_path)
    model = save_onnx(weights / "one.onnx", ["N", 3, "H", "W"])
    assert Pipeline.parse("onnx", "image", data_dir=tmp_path).extractor.model == model
    monkeypatch.setenv("CROSSBIT_DATA", str(tmp_path))
    assert Pipeline.parse("onnx", "image").extractor.model == model
    save_onnx(weights / "two.onnx", ["N", 3, "H", "W"])
    assert Pipeline.parse("onnx(model=one.onnx)", "image").extractor.model == model
    with pytest.raises(InputError, match="2 files fit it"):
        Pipeline.parse("onnx", "image")
    with pytest.raises(InputError, match="there is none at /nowhere"):
        Pipeline.parse("onnx(model=/nowhere/x.onnx)", "image")


def test_threads_do_not_change_the_fingerprint_but_content_does(save_onnx, tmp_path, tiny_onnx):
    (tmp_path / "copy.onnx").write_bytes(tiny_onnx.read_bytes())
    same = Onnx(model=tmp_path / "copy.onnx", threads=2)
    assert same.fingerprint == Onnx(model=tiny_onnx).fingerprint
    assert Onnx(model=tiny_onnx, size=32).fingerprint != same.fingerprint
    other = save_onnx(tmp_path / "other.onnx", [1, 3, "H", "W"])
    assert Onnx(model=other).fingerprint != same.fingerprint


@pytest.mark.data
def test_mobilenet_features_agree_with_the_stored_ones(data_dir):
    """160 pixels fit the stored features best: they seem to come from larger copies of the pictures, at that size."""
    folder = data_dir / "mirflickr25k"
    stored = np.load(folder / "mobilenet_features_15677.npz")
    pictures = [folder / "images128" / f"im{i}.jpg" for i in stored["ids"][:8]]
    theirs = stored["image_feature"][:8].astype(np.float32)

    def agreement(size):
        ours = Onnx(model=data_dir / "weights" / "mobilenet_v1_0.75_224.onnx", size=size)(pictures)
        return (ours * theirs).sum(axis=1) / np.linalg.norm(ours, axis=1) / np.linalg.norm(theirs, axis=1)

    assert agreement(160).mean() > 0.93
    assert agreement(160).min() > 0.88
    assert agreement(224).mean() < agreement(160).mean()


def test_a_model_with_weights_elsewhere_is_refused(tmp_path, tiny_onnx, pixels):
    import onnx

    model = onnx.load(tiny_onnx)
    onnx.save(model, tmp_path / "split.onnx", save_as_external_data=True, location="weights", size_threshold=0)
    with pytest.raises(InputError, match="is not an ONNX model that ONNX Runtime can load"):
        Onnx(model=Path(tmp_path / "split.onnx"))(pixels)
