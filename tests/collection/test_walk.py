"""The README's second half with real pictures: every command of it, on as many as take seconds."""

import json
import re
import shlex
from pathlib import Path

import httpx
import pytest

from crossbit.collection import Collection
from crossbit.server import create_app, serving

README = Path(__file__).parents[2] / "README.md"
SIZE, TRAIN, QUERY = 500, 300, 50
#: Labels that photographers write as tags too.
WORDS = ("sky", "clouds", "water", "sunset", "flower", "night")


@pytest.fixture
def data(data_dir, tmp_path, monkeypatch):
    """Make the folder of the first pictures with their tags, where the README expects it."""
    monkeypatch.chdir(tmp_path)
    source, made = data_dir.resolve() / "mirflickr25k", Path("data/mirflickr25k")
    (made / "images128").mkdir(parents=True)
    names = (source / "all_imgs.txt").read_text().splitlines()
    rows = [row for row, name in enumerate(names) if (source / "images128" / Path(name).name).is_file()][:SIZE]
    for file in ("all_imgs.txt", "all_tags.txt", "all_labels.txt"):
        lines = (source / file).read_text(encoding="utf-8").splitlines()
        (made / file).write_text("".join(f"{lines[row]}\n" for row in rows), encoding="utf-8")
    (made / "TagList.txt").symlink_to(source / "TagList.txt")
    for row in rows:
        name = Path(names[row]).name
        (made / "images128" / name).symlink_to(source / "images128" / name)
    Path("data/weights").symlink_to(data_dir.resolve() / "weights")
    return made


@pytest.mark.data
def test_the_walk_of_the_readme(data, crossbit_cli, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    section = README.read_text(encoding="utf-8").partition("## Persistent collections")[2].partition("\n## ")[0]
    commands = [shlex.split(line) for line in re.findall(r"^    crossbit (.+)$", section, re.MULTILINE)]
    assert [words[0] for words in commands].count("serve") == 1
    (picture,) = (Path(words[words.index("--image") + 1]) for words in commands if "--image" in words)
    shown = sorted((data / "images128").iterdir())[0]
    photos = Path("photos")
    photos.mkdir()
    (photos / "mine.jpg").write_bytes(shown.read_bytes())
    told = {}
    for words in commands:
        given = [f"mirflickr25k(query={QUERY},train={TRAIN})" if word == "mirflickr25k" else word for word in words]
        given = [str(shown) if word == str(picture) else word for word in given]
        if words[0] != "serve":
            ended = crossbit_cli(*given, "--json")
            assert ended.status == 0, ended.err
            told[" ".join(words)] = json.loads(ended.out)
    added = [found for command, found in told.items() if command.startswith("index add")]
    assert [each["added"] for each in added] == [SIZE, 1]
    assert [each["items"] for each in added] == [SIZE, SIZE + 1]
    with Collection(Path("runs/shelf")) as shelf:
        assert_words_find_pictures(shelf)
        with serving(create_app([shelf])) as address, httpx.Client(base_url=address, timeout=60) as client:
            found = client.get("/api/collections/shelf/search", params={"text": "sky", "k": 3}).json()
            assert len(found["hits"]) == 3
            assert client.get(found["hits"][0]["thumbnail"]).content.startswith(b"\xff\xd8")
            texts = client.post("/api/collections/shelf/search/image", content=shown.read_bytes()).json()
            assert texts["target"] == "text"


def assert_words_find_pictures(shelf):
    """Assert that a label, written as a text, finds pictures of that label far more often than chance does."""
    from crossbit.collection import text

    better = []
    for word in WORDS:
        where = f'"{word}" in labels'
        share = len(shelf.ids(where)) / len(shelf)
        hits = shelf.search(text(word), k=20).hits
        right = sum(word in hit.item.metadata.get("labels", ()) for hit in hits) / len(hits)
        better.append(right / share)
    assert sum(better) / len(better) > 2, dict(zip(WORDS, better, strict=True))
