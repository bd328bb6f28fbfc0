"""Shards: their members are listed as tarfile lists them, read where they lie, and hostile ones do no harm."""

import io
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbit.errors import InputError, ItemError
from crossbit.records.read import read
from crossbit.records.record import ReadingReport, ReadOptions
from crossbit.records.shards import files_in, members_of

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}


def shard(path, *members, form="pax"):
    """Write a shard of members: names with their content, or headers with none."""
    with tarfile.open(path, "w", format=FORMATS[form]) as file:
        for member in members:
            info = member if isinstance(member, tarfile.TarInfo) else tarfile.TarInfo(member[0])
            if isinstance(member, tuple):
                info.size, info.mtime = len(member[1]), 1.5  # a fraction, which pax writes as an extended header
            file.addfile(info, io.BytesIO(member[1]) if isinstance(member, tuple) else None)
    return path


def kind(name, letter, target="/etc/passwd"):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = letter, target
    return info


def unread(records):
    return {each.name: each.kind for each in records.report.unread}


def test_samples_are_records_and_bytes_are_read_on_access(tmp_path):
    facts = b'{"url": "https://example.org", "caption": "not this"}'
    members = [("a/01.jpg", b"JPEG"), ("a/01.txt", b"a boat"), ("a/01.json", facts), ("a/02.png", b"PNG")]
    records = read(shard(tmp_path / "x.tar", *members, ("a/03.txt", b"alone"), ("a/01.cls", b"3")))
    assert [(record.key, record.texts) for record in records.records] == [("a/01.jpg", ("a boat",)), ("a/02.png", ())]
    assert [record.image() for record in records.records] == [b"JPEG", b"PNG"]
    assert records[0].metadata == {"url": "https://example.org"}
    assert unread(records) == {"a/03.txt": "texts without a picture of their name", "a/01.cls": ".cls"}
    assert "2 pictures, 1 with a .txt beside it, 1 with a .json beside it" in records.report.taken


@pytest.mark.parametrize("form", FORMATS)
def test_members_are_those_of_tarfile(tmp_path, form):
    long = "/".join(["folder" * 6] * 4)
    names = ["a.jpg", "./b.jpg", "x" * 99 + ".jpg"[:1], f"{long[:90]}/{'y' * 80}.jpg", "é.jpg"]
    names += [] if form == "ustar" else [f"{long}/{long}.jpg", "z" * 400]
    contents = [(name, bytes([number]) * (number * 511)) for number, name in enumerate(names)]
    path = shard(tmp_path / "x.tar", *contents, kind("dir", tarfile.DIRTYPE, ""), ("last.txt", b"x"), form=form)
    with tarfile.open(path) as file:
        there = [(each.name, each.offset_data, each.size) for each in file if each.isreg()]
    assert [member[:3] for member in members_of(path)] == there


def test_a_folder_of_shards_and_a_glob_are_sources(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("00.tar", "deep/01.tar"):
        shard(tmp_path / name, ("1.jpg", b"x"))
    (tmp_path / "00_stats.json").write_text("{}")
    (tmp_path / "00.parquet").touch()
    records = read(tmp_path)
    assert [record.key for record in records.records] == ["00.tar/1.jpg", "deep/01.tar/1.jpg"]
    assert unread(records) == {"00.parquet": "lists", "00_stats.json": "JSON"}
    assert records.report.taken == ["2 .tar shards", "2 pictures"]
    assert [record.key for record in read(tmp_path / "*.tar").records] == ["00.tar/1.jpg"]
    assert [record.key for record in read(tmp_path / "dee?" / "0*.tar").records] == ["deep/01.tar/1.jpg"]
    assert [record.key for record in read(f"{tmp_path}/**/*.tar").records] == ["00.tar/1.jpg", "deep/01.tar/1.jpg"]


def test_a_bad_shard_among_others_is_counted(tmp_path):
    shard(tmp_path / "00.tar", ("1.jpg", b"x"))
    (tmp_path / "01.tar").write_bytes(b"no tar file at all" * 100)
    records = read(tmp_path)
    assert [record.key for record in records.records] == ["00.tar/1.jpg"]
    assert records.report.summary() == ["1 shard: compressed, damaged or no .tar files"]


def test_shards_beside_pictures_are_named(pictures):
    folder = pictures("a.jpg")
    shard(folder / "backup.tar", ("1.jpg", b"x"))
    records = read(folder)
    assert [record.key for record in records.records] == ["a.jpg"]
    assert records.report.summary() == ["1 shard: give one as the source to read it"]


def test_dots_in_names_are_fields_of_a_sample_or_names_of_their_own(tmp_path):
    names = ["01.jpg", "01.mask.png", "01.txt", "2020.01.05.jpg", "2020.01.05.txt"]
    records = read(shard(tmp_path / "x.tar", *((name, name.encode()) for name in names)))
    assert [(record.key, record.texts) for record in records.records] == [
        ("01.jpg", ("01.txt",)),
        ("2020.01.05.jpg", ("2020.01.05.txt",)),
    ]
    assert unread(records) == {"01.mask.png": "further files of samples"}


def test_hostile_members_are_left_out_and_counted(tmp_path):
    path = shard(
        tmp_path / "x.tar",
        ("ok.jpg", b"x"),
        ("ok.jpg", b"y"),
        ("../out.jpg", b"x"),
        ("/etc/abs.jpg", b"x"),
        ("._ok.jpg", b"x"),
        ("@eaDir/a.jpg", b"x"),
        kind("link.jpg", tarfile.SYMTYPE),
        kind("hard.jpg", tarfile.LNKTYPE),
        kind("device.jpg", tarfile.CHRTYPE),
    )
    records = read(path, ReadOptions(exclude=("nothing",)))
    assert [(record.key, record.image()) for record in records.records] == [("ok.jpg", b"x")]
    assert records.report.summary() == [
        "1 member whose name is there already: the first is read; give each a name of its own",
        "2 members whose names lead out of their shard: pack them under relative names",
        "1 hidden",
        "1 in @eaDir",
        "2 links in shards: pack them with --dereference",
        "1 device in shards",
    ]


def header(name=b"a.jpg", size=b"%011o\0" % 4, letter=b"0", form=b"ustar\00000"):
    block = bytearray(name.ljust(100, b"\0") + b"0000644\0" * 3 + size.ljust(12, b"\0") + b"0" * 11 + b"\0" + b" " * 8)
    block += letter + bytes(100) + form + bytes(512 - 157 - 100 - len(form))
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


DATA = b"JPEG".ljust(512, b"\0")
END = bytes(1024)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (END, None),
        (header() + DATA + END, None),
        (b"no tar file at all" * 100, "is not a .tar file"),
        (header()[:300], "is not a .tar file"),
        (header(size=b"77777777777\0") + DATA, "is not a .tar file"),
        (header(size=b"\x80" + b"\xff" * 11) + DATA, "is not a .tar file"),
        (header(size=b"\xff" * 12) + DATA, "is not a .tar file"),
        (header(size=b"-0000000001\0") + DATA, "is not a .tar file"),
        (header(letter=b"L", size=b"%011o\0" % (1 << 21)) + bytes(1 << 21), "has a header of 2,097,152 bytes at 512"),
        (b"\x1f\x8b" + bytes(1000), "is compressed; unpack it to a .tar"),
    ],
)
def test_hostile_headers_end_in_a_clear_error(tmp_path, content, message):
    path = tmp_path / "x.tar"
    path.write_bytes(content)
    if message is None:
        assert len(read(path)) == (1 if DATA in content else 0)
        return
    with pytest.raises(InputError, match=message):
        read(path)


@pytest.mark.parametrize("rest", [b"junk" * 200, header(b"b.jpg", b"%011o\0" % 9999), header(b"b.jpg")[:100], b""])
def test_a_shard_that_is_cut_short_gives_what_it_has(tmp_path, rest):
    path = tmp_path / "x.tar"
    path.write_bytes(header() + DATA + rest)
    records = read(path)
    assert [record.image() for record in records.records] == [b"JPEG"]
    assert unread(records) == {"x.tar, from byte 1,024": "shards that are damaged or cut short"}
    named = "1 shard that is damaged or cut short (x.tar, from byte 1,024): copy or download it again"
    assert records.report.summary(names=3) == [named]
    (tmp_path / "b.tar").write_bytes(header() + DATA + END)
    assert read(tmp_path).report.summary(names=3) == [named]


def test_what_was_joined_to_a_shard_is_named(tmp_path):
    path = tmp_path / "x.tar"
    path.write_bytes((header() + DATA + END) + (header(b"b.jpg") + DATA + END))
    records = read(path)
    assert [record.key for record in records.records] == ["a.jpg"]
    assert records.report.summary(names=1) == [
        "1 shard that has more after its end (x.tar, from byte 1,536): split what was joined, e.g. with tar"
        " --ignore-zeros"
    ]


def test_sparse_members_and_odd_extended_headers_are_no_trouble(tmp_path):
    def extended(*records):
        data = b"".join(records)
        return header(b"pax", b"%011o\0" % len(data), b"x") + data.ljust(-(-len(data) // 512) * 512, b"\0")

    path = tmp_path / "x.tar"
    path.write_bytes(
        extended(b"22 GNU.sparse.major=1\n")
        + header(b"sparse.jpg")
        + DATA
        + extended(b"99999999 path=x\n", b"xx", b"0 a=b\n")
        + header(b"a.jpg")
        + DATA
        + extended(b"9 size=5\n" + b"3 x" * 1000)
        + header(b"b.jpg")
        + DATA
        + header(b"c.jpg", letter=b"S")
        + DATA
        + END
    )
    records = read(path)
    assert [record.key for record in records.records] == ["a.jpg", "b.jpg"]
    assert records[1].image() == b"JPEG\0"
    assert unread(records) == {"sparse.jpg": "sparse members", "c.jpg": "sparse members"}


@given(st.binary(max_size=1500), st.integers(0, 1500))
@settings(max_examples=200, deadline=None)
def test_no_bytes_are_more_than_an_error(tmp_path_factory, junk, at):
    path = tmp_path_factory.getbasetemp() / "fuzz.tar"
    whole = header() + DATA + header(b"pax", b"%011o\0" % 20, b"x") + b"20 path=somewhere.j".ljust(512, b"\0")
    path.write_bytes(whole[:at] + junk + whole[at + len(junk) :])
    try:
        files = files_in({"": path}, ReadOptions(), ReadingReport())
    except InputError:
        return
    for name in files.names:
        assert isinstance(files.content(name), bytes)


def test_a_shard_that_has_become_shorter_is_an_error(tmp_path):
    path = shard(tmp_path / "x.tar", ("1.jpg", b"x" * 2000))
    (record,) = read(path).records
    path.write_bytes(b"")
    with pytest.raises(ItemError, match="has become shorter since it was listed"):
        record.image()
    path.unlink()
    with pytest.raises(ItemError, match="cannot be read: No such file"):
        record.image()
