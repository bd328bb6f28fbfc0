"""Identity: an item is its source and its key there, so that equal names in two places are two items."""

import json
import shutil

import pytest
from PIL import Image

from crossbit.collection import Collection, Raw
from crossbit.collection import text as words
from crossbit.collection.ingest.sources import read_source
from crossbit.collection.integrity.repair import repair
from crossbit.collection.integrity.verify import verify
from crossbit.collection.operations.stats import stats
from crossbit.collection.operations.sync import sync
from crossbit.collection.operations.transfer import export, import_parquet
from crossbit.errors import InputError


@pytest.fixture
def album(model, tmp_path):
    """Return an empty collection of one's own."""
    with Collection.create(tmp_path / "album", model, vectors=True) as made:
        yield made


@pytest.fixture
def cards(scenes, tmp_path):
    """Return two folders of pictures with the same names."""
    folders = []
    for number in range(2):
        folder = tmp_path / "cards" / "AB"[number] / "DCIM"
        folder.mkdir(parents=True)
        for row in range(3):
            Image.fromarray(scenes[3 * number + row].picture).save(folder / f"IMG_{row}.png")
        folders.append(folder)
    return folders


def read(place):
    raws = read_source(str(place), None)
    return getattr(raws, "raws", raws)


def add(album, place, **options):
    return album.add(read(place), source=place, **options)


def said(item):
    """Return what people said of an item, without what the file of its picture says."""
    return {name: item.metadata[name] for name in ("year", "place") if name in item.metadata}


def counts(result):
    return result.added, result.replaced, result.unchanged, result.qualified


def test_two_folders_with_the_same_names_are_six_items_and_stay_so(album, cards):
    assert counts(add(album, cards[0])) == (3, 0, 0, 0)
    assert counts(add(album, cards[1])) == (3, 0, 0, 3)
    assert counts(add(album, cards[1])) == counts(add(album, cards[0])) == (0, 0, 3, 0)
    assert album.ids() == [f"{at}IMG_{row}.png" for at in ("", "B/DCIM/") for row in range(3)]
    assert stats(album).sources == {"DCIM": f"{cards[0]}/", "B/DCIM": f"{cards[1]}/"}
    item = album.item("B/DCIM/IMG_1.png")
    assert (item.source, item.key, item.picture) == ("B/DCIM", "IMG_1.png", str(cards[1] / "IMG_1.png"))
    album.remove(["IMG_1.png"])
    assert counts(add(album, cards[1])) == (0, 0, 3, 0)
    assert verify(album.folder).sound


def test_lists_in_two_folders_and_rows_that_are_numbers_are_items_of_their_own(album, cards, scenes):
    for folder, text in zip(cards, ("red", "blue"), strict=True):
        (folder / "captions.csv").write_text(f"image,text\nIMG_0.png,{text}\n")
        add(album, folder / "captions.csv")
    assert {item.id: item.texts for item in album} == {"IMG_0.png": ("red",), "DCIM/captions.csv/IMG_0.png": ("blue",)}
    for shard in range(2):
        album.add([Raw(str(row), None, (scenes[10 * shard + row].texts[0],)) for row in range(4)], source=f"s{shard}")
    assert album.ids()[-5:] == ["3", "s1/0", "s1/1", "s1/2", "s1/3"]


def test_an_id_that_is_taken_in_every_form_is_numbered(album):
    album.add([Raw(id_, None, ("red",)) for id_ in ("a", "x/a", "x/a (2)")])
    assert album.add([Raw("a", None, ("blue",)), Raw("b", None, ("red",))], source="x").qualified == 1
    assert album.ids()[-2:] == ["x/a (3)", "b"]
    assert album.add([Raw("a", None, ("blue",))], source="x").unchanged == 1


def test_a_folder_above_or_below_a_source_has_the_same_items(album, cards):
    add(album, cards[0])
    Image.new("RGB", (32, 32), "red").save(cards[0].parent / "top.png")
    assert counts(add(album, cards[0].parent)) == (1, 0, 3, 0)
    Image.new("RGB", (32, 32), "blue").save(cards[0] / "new.png")
    assert counts(add(album, cards[0].parent)) == (1, 0, 4, 0)
    assert counts(add(album, cards[0])) == (0, 0, 4, 0)
    assert album.item("DCIM/new.png").source == "A"
    assert len(album) == 5


@pytest.mark.parametrize("gone", [True, False])
def test_the_same_pictures_at_another_mount_are_refused_with_both_ways_out(album, cards, tmp_path, gone):
    add(album, cards[0])
    other = tmp_path / "mount"
    shutil.copytree(cards[0], other)
    if gone:
        shutil.rmtree(cards[0])
    before = album.snapshot().head
    way = rf"`crossbit index relocate {album.folder} {cards[0]} {other}` says so; .* with --keep-both"
    with pytest.raises(InputError, match=f"3 of 3 items of {other} that were compared are in this collection .*{way}"):
        add(album, other)
    with pytest.raises(InputError, match="--keep-both"):
        sync(album, other)
    assert album.snapshot().head == before
    assert counts(add(album, other, keep_both=True)) == (3, 0, 0, 3)
    assert counts(add(album, other)) == (0, 0, 3, 0)


def test_other_pictures_of_the_same_names_are_kept_where_the_first_place_is_gone(album, cards):
    add(album, cards[0])
    shutil.rmtree(cards[0])
    assert counts(add(album, cards[1])) == (3, 0, 0, 3)


def test_items_that_came_without_a_source_are_those_of_a_source_where_they_are_the_same(album, cards):
    mine = [Raw("IMG_0.png", cards[0] / "IMG_0.png", "by hand"), Raw("other name", cards[0] / "IMG_1.png", "mine")]
    album.add([*mine, Raw("IMG_2.png", None, "a text")])
    assert counts(add(album, cards[0])) == (1, 0, 2, 1)
    assert album.ids() == ["IMG_0.png", "other name", "IMG_2.png", "DCIM/IMG_2.png"]
    assert album.item("other name").texts == ("mine",)


def test_a_copy_of_pictures_that_came_without_a_source_is_refused(album, cards, tmp_path):
    album.add(read(cards[0]))
    shutil.copytree(cards[0], tmp_path / "copy")
    with pytest.raises(InputError, match=f"relocate {album.folder} {cards[0]} {tmp_path / 'copy'}` says so"):
        add(album, tmp_path / "copy")


def test_an_id_names_an_item_whatever_its_source_where_none_is_given(album, cards):
    add(album, cards[0])
    assert counts(album.add(Raw("IMG_0.png", cards[0] / "IMG_0.png", "a red circle"))) == (0, 1, 0, 0)
    item = album.item("IMG_0.png")
    assert (item.source, item.key, item.texts) == ("DCIM", "IMG_0.png", ("a red circle",))


def test_what_was_set_by_hand_stays_until_it_is_reset(album, cards, monkeypatch):
    (cards[0] / "captions.jsonl").write_text(
        "".join(json.dumps({"image": f"IMG_{r}.png", "text": f"circle {r}", "year": 2000 + r}) + "\n" for r in range(3))
    )
    add(album, cards[0])
    before = album.snapshot()
    album.update(["IMG_0.png", "IMG_1.png"], texts="a red circle", metadata={"year": None, "place": "Rome"})
    album.update("IMG_2.png", metadata={"place": "Oslo"})
    assert counts(add(album, cards[0])) == (0, 0, 3, 0)
    assert sync(album, cards[0]).added.unchanged == 3
    listed = (cards[0] / "captions.jsonl").read_text()
    (cards[0] / "captions.jsonl").write_text(listed.replace("circle 0", "a star").replace("2002", "1999"))
    assert counts(add(album, cards[0])) == (0, 2, 1, 0)
    first, *_, last = (album.item(f"IMG_{row}.png") for row in range(3))
    assert (first.texts, said(first)) == (("a red circle",), {"place": "Rome"})
    assert (first.own.texts, said(first.own)) == (("a star",), {"year": 2000})
    assert said(last) == {"year": 1999, "place": "Oslo"}
    hits = album.search(words("a red circle"), target="text", k=3).hits
    assert {hit.item.id: hit.distance for hit in hits}["IMG_0.png"] == 0
    (cards[0] / "captions.jsonl").write_text(listed)
    add(album, cards[0])
    assert verify(album.folder).sound
    assert album.reset(album.ids()) == 3
    assert album.reset(album.ids()) == 0
    assert {item.id: (item.texts, said(item), item.edits) for item in album} == {
        f"IMG_{row}.png": ((f"circle {row}",), {"year": 2000 + row}, None) for row in range(3)
    }
    after = album.snapshot()
    order = [int(id_[4]) for id_ in album.ids()]
    for modality, side in after.sides.items():
        assert (side.codes.packed == before.sides[modality].codes.packed[order]).all()
    assert verify(album.folder).sound


def test_texts_that_were_taken_away_by_hand_stay_away(album, cards):
    (cards[0] / "captions.csv").write_text("image,text\nIMG_0.png,red\n")
    add(album, cards[0])
    album.update("IMG_0.png", texts=[])
    assert counts(add(album, cards[0])) == (0, 0, 3, 0)
    assert album.item("IMG_0.png").texts == ()
    album.reset("IMG_0.png")
    assert album.item("IMG_0.png").texts == ("red",)


def described(album):
    """Return what each item says, without what the file of its picture says."""
    names = ("labels", "place")
    return {i.id: (i.texts, {n: i.metadata[n] for n in names if n in i.metadata}) for i in album}


@pytest.mark.parametrize("again", ["a folder below", "without the list", "the list's folder", "beside a .txt"])
@pytest.mark.parametrize("how", [add, sync])
def test_what_a_bare_picture_does_not_say_stays(album, cards, again, how):
    root, listing = cards[0].parent, cards[0].parent / "captions.csv"
    rows = [f"DCIM/IMG_{row}.png,circle {row},red;round,Rome\n" for row in range(3)]
    listing.write_text("image,text,labels,place\n" + "".join(rows))
    if again == "the list's folder":
        listing = listing.rename(root / "products.csv")
    add(album, listing if again == "the list's folder" else root)
    before = described(album)
    assert before["DCIM/IMG_1.png"] == (("circle 1",), {"labels": ["red", "round"], "place": "Rome"})
    if again in ("without the list", "beside a .txt"):
        listing.unlink()
    if again == "beside a .txt":
        (cards[0] / "IMG_1.txt").write_text("a star")
        before["DCIM/IMG_1.png"] = (("a star",), before["DCIM/IMG_1.png"][1])
    how(album, cards[0] if again == "a folder below" else root)
    assert described(album) == before
    assert verify(album.folder).sound


@pytest.mark.parametrize("how", [add, sync])
def test_what_a_list_no_longer_says_goes(album, cards, how):
    listing = cards[0] / "captions.csv"
    listing.write_text("image,text,labels,place\nIMG_0.png,a circle,red,Rome\nIMG_1.png,a star,blue,Oslo\n")
    add(album, cards[0])
    listing.write_text("image,text,labels,place\nIMG_0.png,,,\nIMG_1.png,a star,blue,Oslo\n")
    how(album, cards[0])
    rest = {"IMG_1.png": (("a star",), {"labels": ["blue"], "place": "Oslo"}), "IMG_2.png": ((), {})}
    assert described(album) == {"IMG_0.png": ((), {}), **rest}
    assert verify(album.folder).sound


def test_what_a_text_beside_a_picture_no_longer_says_goes_unless_it_cannot_be_read(album, cards):
    for row, text in enumerate(("a circle", "a star")):
        (cards[0] / f"IMG_{row}.txt").write_text(text)
    add(album, cards[0])
    (cards[0] / "IMG_0.txt").write_text("")
    (cards[0] / "IMG_1.txt").write_bytes(b"\xff\xe9")
    add(album, cards[0])
    assert [album.item(f"IMG_{row}.png").texts for row in range(2)] == [(), ("a star",)]


def test_a_renamed_picture_keeps_what_was_set_by_hand(album, cards):
    sync(album, cards[0])
    album.update("IMG_0.png", texts="a red circle", metadata={"place": "Rome"})
    (cards[0] / "IMG_0.png").rename(cards[0] / "first.png")
    assert sync(album, cards[0]).renamed == 1
    assert album.item("first.png").edits.metadata == {"place": "Rome"}
    album.reset("first.png")
    assert album.item("first.png").texts == ()


def test_identities_and_edits_survive_export_import_and_repair(album, cards, model, tmp_path):
    for folder in cards:
        add(album, folder)
    album.update("B/DCIM/IMG_1.png", texts="a red circle")
    items = {item.id: item for item in album}
    export(album, tmp_path / "all.parquet")
    with Collection.create(tmp_path / "again", model, vectors=True) as again:
        assert import_parquet(again, tmp_path / "all.parquet").added == 6
        assert {item.id: item for item in again} == items
        assert import_parquet(again, tmp_path / "all.parquet").unchanged == 6
        assert counts(add(again, cards[1])) == (0, 0, 3, 0)
        assert verify(again.folder).sound
    with Collection.create(tmp_path / "other", model, vectors=True) as other:
        other.add([Raw("IMG_0.png", None, "a star")])
        other.add([Raw("IMG_0.png", None, "a circle")], source="DCIM")
        found = import_parquet(other, tmp_path / "all.parquet")
        assert (found.added, found.qualified) == (6, 4)
        assert other.ids()[2:] == ["A/DCIM/IMG_0.png", *album.ids()[1:3], "B/DCIM/IMG_0.png", *album.ids()[4:]]
    data = bytearray((album.folder / "items.db").read_bytes())
    data[:200] = bytes(200)
    (album.folder / "items.db").write_bytes(data)
    album.close()
    repair(album.folder)
    with Collection(album.folder) as repaired:
        assert {item.id: item for item in repaired} == items


def test_one_id_twice_in_a_source_is_named_across_batches(album, monkeypatch):
    monkeypatch.setattr("crossbit.collection.ingest.add.BATCH", 2)
    found = album.add([Raw(id_, None, (id_,)) for id_ in ("red", "blue", "star", "red")], source="x")
    assert (found.added, found.failures) == (3, [("red", "two items have this id")])


def test_a_place_that_cannot_be_shown_gets_a_label_that_can(album):
    album.add([Raw("a", None, ("red",))], source="/x/\udce9t\té/")
    assert list(stats(album).sources) == ["_t_é"]
    assert album.add([Raw("a", None, ("red",))], source="/x/\udce9t\té/").unchanged == 1
