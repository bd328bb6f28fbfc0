"""Extraction: once per content, kept in shards, resumed after kill -9, damage found and repaired."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from PIL import Image

from crossbit.errors import InputError
from crossbit.features import extraction
from crossbit.features.base import Extractor
from crossbit.features.cache import Shard, ShardStore
from crossbit.features.extraction import extract
from crossbit.features.extractors.bow import Bow
from crossbit.features.extractors.hog import Hog
from crossbit.features.extractors.onnx import Onnx


@dataclass(frozen=True)
class Mean(Extractor):
    """The mean colour of a picture, and how often it was asked for."""

    name: ClassVar[str] = "mean"
    modalities: ClassVar = ("image",)
    asked: ClassVar[list[int]] = []

    modality: str = "image"
    gain: float = 1.0

    def prepare(self, raw):
        from crossbit.features.raw import open_picture

        return np.asarray(open_picture(raw))

    def compute(self, prepared):
        self.asked.append(len(prepared))
        return np.stack([p.mean(axis=(0, 1)) for p in prepared]).astype(np.float32) * self.gain


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(extraction, "BATCH", 4)
    monkeypatch.setattr(extraction, "SHARD", 8)
    Mean.asked.clear()


@pytest.fixture
def many(rng):
    return [rng.integers(0, 256, (4, 5, 3)).astype(np.uint8) for _ in range(50)]


def names(raws):
    return [f"p{n}" for n in range(len(raws))]


def test_rows_come_in_the_order_of_the_items(many):
    found = extract(Mean(), many, names(many))
    np.testing.assert_allclose(found.features, [p.mean(axis=(0, 1)) for p in many], rtol=1e-6)
    assert (found.rows.tolist(), found.failures, found.computed) == (list(range(50)), {}, 50)


def test_identical_content_is_extracted_once(many):
    found = extract(Mean(), [*many, *many], names(many * 2))
    assert sum(Mean.asked) == found.computed == 50
    assert (found.features[:50] == found.features[50:]).all()


def test_pillow_images_and_their_pixels_are_the_same_content(many, tmp_path):
    images = [Image.fromarray(pixels) for pixels in many]
    first = extract(Mean(), images, names(images), cache=tmp_path)
    again = extract(Mean(), many, names(many), cache=tmp_path)
    assert (first.computed, again.computed) == (50, 0)
    assert again.features.tobytes() == first.features.tobytes()


def test_a_second_run_computes_nothing_and_other_items_only_what_is_new(many, tmp_path):
    first = extract(Mean(), many[:30], names(many[:30]), cache=tmp_path)
    again = extract(Mean(), many[29::-1], names(many[:30]), cache=tmp_path)
    assert (first.computed, again.computed) == (30, 0)
    assert again.features.tobytes() == first.features[::-1].tobytes()
    assert extract(Mean(), many, names(many), cache=tmp_path).computed == 20


def test_another_extractor_never_sees_these_rows(many, tmp_path):
    extract(Mean(), many, names(many), cache=tmp_path)
    doubled = extract(Mean(gain=2.0), many, names(many), cache=tmp_path)
    assert doubled.computed == 50
    np.testing.assert_allclose(doubled.features, [2 * p.mean(axis=(0, 1)) for p in many], rtol=1e-6)


def test_a_cache_that_vanishes_under_way_is_said_so(many, tmp_path):
    extract(Mean(), many, names(many), cache=tmp_path)

    def vanish(done, total, values):
        for shard in tmp_path.rglob("*.npz"):
            shard.unlink()

    with pytest.raises(InputError, match="changed while it was used; run again"):
        extract(Mean(), many, names(many), cache=tmp_path, log=vanish)


@pytest.mark.parametrize("damage", [lambda d: d[:-9], lambda d: d[:99] + b"?" + d[100:], lambda d: b""])
def test_a_damaged_shard_is_found_and_extracted_again(many, tmp_path, damage):
    first = extract(Mean(), many, names(many), cache=tmp_path)
    shards = sorted(tmp_path.rglob("*.npz"))
    assert len(shards) == 7  # six of eight items and the rest
    rows = len(next(iter(ShardStore(shards[3].parent).read())).keys)
    shards[0].write_bytes(damage(shards[0].read_bytes()))
    again = extract(Mean(), many, names(many), cache=tmp_path)
    assert again.computed == rows
    assert again.features.tobytes() == first.features.tobytes()


def test_a_crash_while_writing_leaves_no_shard(tmp_path, monkeypatch):
    def crash(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", crash)
    with pytest.raises(KeyboardInterrupt):
        ShardStore(tmp_path).write(Shard([b"k" * 32], np.ones((1, 2), np.float32)))
    assert list(ShardStore(tmp_path).read()) == []


SCRIPT = """
import sys, time
from dataclasses import dataclass
from pathlib import Path
import numpy as np
from crossbit.features import extraction
from crossbit.features.extractors.hog import Hog

class Slow(list):
    def __getitem__(self, at):
        time.sleep(0.1)  # three seconds for all, of which the parent needs the first
        return super().__getitem__(at)

extraction.BATCH, extraction.SHARD = 2, 4
cache, wait = Path(sys.argv[1]), sys.argv[2] == "slow"
pictures = [np.random.default_rng(n).integers(0, 256, (16, 16, 3)).astype(np.uint8) for n in range(60)]
found = extraction.extract(Hog(size=16), Slow(pictures) if wait else pictures, [str(n) for n in range(60)], cache=cache)
sys.stdout.buffer.write(found.computed.to_bytes(4, "big") + found.features.tobytes())
"""


def test_extraction_resumes_after_kill_9(tmp_path):
    def start(cache, pace):
        command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / cache), pace]
        return subprocess.Popen(command, stdout=subprocess.PIPE)

    killed = start("cache", "slow")
    deadline = time.monotonic() + 60
    while len(list(tmp_path.rglob("cache/*/*.npz"))) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    killed.stdout.close()
    kept = sum(len(shard.keys) for shard in ShardStore(next((tmp_path / "cache").iterdir())).read())
    resumed, whole = (start(cache, "fast").communicate()[0] for cache in ("cache", "fresh"))
    assert 12 <= kept < 60
    assert int.from_bytes(resumed[:4], "big") == 60 - kept
    assert resumed[4:] == whole[4:]


@pytest.fixture
def mixed(tmp_path, many):
    """Ten files of which three cannot be used."""
    files = [tmp_path / f"p{n}.png" for n in range(10)]
    for file, p in zip(files, many, strict=False):
        Image.fromarray(p).save(file)
    files[2].write_bytes(files[2].read_bytes()[:60])
    files[5].write_bytes(b"")
    files[7].unlink()
    return files


def test_unusable_items_are_named_and_the_rest_is_kept(mixed, tmp_path):
    reports = []

    def log(done, total, values):
        reports.append((done, total, dict(values)))

    found = extract(Mean(), mixed, names(mixed), cache=tmp_path / "c", on_error="skip", log=log)
    assert found.rows.tolist() == [0, 1, 3, 4, 6, 8, 9]
    assert list(found.failures) == [2, 5, 7]
    assert ["truncated" in found.failures[2], "0 bytes" in found.failures[5], "exist" in found.failures[7]] == [
        True
    ] * 3
    assert reports[-1] == (10, 10, {"failed": 3})


def test_the_first_unusable_item_ends_the_work_and_what_was_done_is_kept(mixed, tmp_path):
    with pytest.raises(InputError, match=r"the image of p2 cannot be used: it is damaged or truncated.*on_error=skip"):
        extract(Mean(), mixed, names(mixed), cache=tmp_path / "c")
    good = [mixed[n] for n in (0, 1, 3, 4, 6, 8)]
    with pytest.raises(InputError, match="the image of p6 cannot be used: it is damaged or truncated"):
        extract(Mean(), [*good, mixed[2]], names(mixed), cache=tmp_path / "c")
    assert extract(Mean(), good, names(good), cache=tmp_path / "c").computed == 2


def test_a_file_that_may_not_be_read_is_an_unusable_item(many):
    class Locked(list):
        def __getitem__(self, at):
            if at == 1:
                raise PermissionError(13, "Permission denied")
            return super().__getitem__(at)

    found = extract(Mean(), Locked(many[:3]), names(many[:3]), on_error="skip")
    assert found.failures == {1: "Permission denied"}


def test_a_fault_of_the_extractor_is_no_fault_of_the_items(many, tmp_path):
    with pytest.raises(InputError, match=r"^there is no ONNX model"):
        extract(Onnx(model=tmp_path / "none.onnx"), many, names(many), on_error="skip")


def test_nothing_usable_is_an_error(tmp_path):
    with pytest.raises(InputError, match=r"none of 2 items has a usable image; p0: the file does not exist"):
        extract(Mean(), [tmp_path / "a", tmp_path / "b"], ["p0", "p1"], on_error="skip")


def test_texts_fail_by_name_too():
    bow = Bow(min_count=1).fit(["a b", "b"])
    texts = ["a", " ", "caf\udce9", "b a"]
    found = extract(bow, texts, list("wxyz"), on_error="skip")
    assert found.features.toarray().tolist() == [[0, 1], [1, 1]]
    assert found.failures == {1: "the text is empty", 2: "the text is not UTF-8 (at character 3)"}
    with pytest.raises(InputError, match="the text of x cannot be used: the text is empty"):
        extract(bow, texts, list("wxyz"))


def test_only_a_few_items_are_open_at_a_time(many):
    """Memory is bounded by the batches ahead, not by the number of items."""
    opened, computed, most = [0], [0], [0]

    class Counting(list):
        def __getitem__(self, at):
            opened[0] += 1
            most[0] = max(most[0], opened[0] - computed[0])
            return super().__getitem__(at)

    class Tallying(Mean):
        def compute(self, prepared):
            computed[0] += len(prepared)
            return super().compute(prepared)

    extract(Tallying(), Counting(many), names(many))
    assert opened[0] == len(many)  # each is read once
    assert most[0] <= 4 * extraction.BATCH


def test_the_fast_path_and_a_plain_loop_agree(many):
    assert extract(Hog(size=16), many, names(many)).features.tobytes() == Hog(size=16)(many).tobytes()


@pytest.mark.data
def test_real_pictures_are_extracted_and_found_again(data_dir, tmp_path):
    files = sorted((data_dir / "mirflickr25k" / "images128").glob("*.jpg"), key=lambda f: int(f.stem[2:]))[:60]
    first = extract(Hog(), files, [f.stem for f in files], cache=tmp_path)
    assert first.features.shape == (60, 1728)
    assert extract(Hog(), [Path(f) for f in files], [f.stem for f in files], cache=tmp_path).computed == 0
