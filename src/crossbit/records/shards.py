"""Pictures inside .tar files, read where they lie: nothing is unpacked, no link is followed, no header is trusted.

A shard is listed once, header by header; a member is then read by its place in the file. Members belong together by the
part of their name before the first dot, as in webdataset: `a/01.jpg`, `a/01.txt`, `a/01.json`. A picture with more dots
in its name is an item of its own, unless there is a picture of the part before the first: `01.mask.png` belongs to
`01.jpg`, and is not read.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import BinaryIO, NamedTuple, final

from ..errors import InputError, ItemError
from .kinds import kind_of
from .names import is_below
from .record import ImageData, ReadingReport, ReadOptions, Unread
from .sidecars import MAX_BYTES, FileSet
from .walk import Selection, left_out, refuse_unmatched

_BLOCK = 512
#: Bytes of an extension of a header, such as a long name, and of a member, at most.
_MAX_EXTENSION, _MAX_MEMBER = 1 << 20, 1 << 29
#: Bytes after the end of an archive that are looked at: the padding of its writer, or more that was joined to it.
_PADDING = 1 << 20
#: How files begin that gzip, bzip2, xz and zstandard have compressed.
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_FILES, _FOLDER, _SPARSE = b"0\x007", b"5", b"S"
#: Types of members without content, whatever size they claim: links, devices, folders, pipes.
_EMPTY = b"123456"

#: The kind under which the rest of a shard is counted that ends too early, as `NAME, from byte N`.
CUT_SHORT = "shards that are damaged or cut short"
_LONGER = "shards that have more after their end"
_OUTSIDE, _TWICE = "members whose names lead out of their shard", "members whose names are there already"
_LARGE = f"members over {_MAX_MEMBER >> 20} MiB"
_SPARSE_MEMBERS, _LINKS = "sparse members", "links in shards"
#: What would help, by the kind of what is lost.
_REASONS = {
    CUT_SHORT: "copy or download it again",
    _LONGER: "split what was joined, e.g. with tar --ignore-zeros",
    _OUTSIDE: "pack them under relative names",
    _TWICE: "the first is read; give each a name of its own",
    _LARGE: "save them smaller",
    _SPARSE_MEMBERS: "pack them without --sparse",
    _LINKS: "pack them with --dereference",
}


@final
class Member(NamedTuple):
    """A member of a shard: its name, where its bytes are, and why it cannot be read, if so."""

    name: str
    offset: int
    size: int
    fault: str = ""
    """The kind under which it is counted as unread; without a name, it is the shard itself from here on."""


def files_in(shards: Mapping[str, Path], options: ReadOptions, report: ReadingReport) -> FileSet:
    """Return the files in some shards, each below its prefix; what else is there goes into the report.

    A shard without a prefix was given by itself, and is refused where it cannot be read.
    """
    found = _found(shards, Selection.of(options), report)
    refuse_unmatched(found, options, report)
    singles = {name.rpartition(".")[0] for name in found if kind_of(name).picture and _dots(name) == 1}
    further = [name for name in found if _dots(name) > 1 and _sample(name) in singles]
    report.unread += [Unread(name, "further files of samples", "") for name in further]
    for name in further:
        del found[name]

    def image(name: str) -> ImageData:
        path, member = found[name]
        return partial(_slice, path, member.offset, member.size)

    def content(name: str) -> bytes | None:
        path, member = found[name]
        return _slice(path, member.offset, member.size) if member.size <= MAX_BYTES else None

    return FileSet(list(found), image, content)


def _found(shards: Mapping[str, Path], selection: Selection, report: ReadingReport) -> dict[str, tuple[Path, Member]]:
    found: dict[str, tuple[Path, Member]] = {}
    for prefix, path in shards.items():
        try:
            members = list(members_of(path))
        except InputError:
            if not prefix:
                raise
            report.unread.append(Unread(prefix.rstrip("/"), "shards", "compressed, damaged or no .tar files"))
            continue
        for member in members:
            name = prefix + "/".join(part for part in member.name.split("/") if part not in ("", "."))
            why = _refused(member, name, selection) or (_TWICE if name in found else "")
            if why:
                name = name if member.name else f"{prefix.rstrip('/') or path.name}, from byte {member.offset:,}"
                report.unread.append(Unread(name, why, _REASONS.get(why, "")))
            else:
                found[name] = (path, member)
    return found


def _refused(member: Member, name: str, selection: Selection) -> str:
    """Return the kind under which a member is counted that is not read, or nothing."""
    if not member.name:
        return member.fault
    if not is_below(member.name):
        return _OUTSIDE
    return left_out(name, selection) or member.fault or (_LARGE if member.size > _MAX_MEMBER else "")


def _dots(name: str) -> int:
    return PurePosixPath(name).name.count(".")


def _sample(name: str) -> str:
    folder, slash, last = name.rpartition("/")
    return folder + slash + last.partition(".")[0]


def _slice(path: Path, offset: int, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(size)
    except OSError as fault:
        raise ItemError(f"{path} cannot be read: {fault.strerror}") from None
    if len(data) != size:
        raise ItemError(f"{path} has become shorter since it was listed")
    return data


def members_of(path: Path) -> Iterator[Member]:
    """Yield the members of a shard but its folders, in their order; what is no .tar file is refused."""
    try:
        with path.open("rb") as file:
            if file.read(6).startswith(_COMPRESSED):
                raise InputError(f"{path} is compressed; unpack it to a .tar, in which each picture can be read singly")
            yield from _Headers(path, file, os.fstat(file.fileno()).st_size).members()
    except OSError as fault:
        raise InputError(f"{path} cannot be read: {fault.strerror}") from None


@final
@dataclass
class _Headers:
    """The headers of a tar file: ustar, GNU's long names, and the extended headers of POSIX (pax)."""

    path: Path
    file: BinaryIO
    end: int

    def members(self) -> Iterator[Member]:
        at, extended = 0, dict[str, bytes]()
        while (header := self._header(at)).strip(b"\0"):
            kind, start = header[156:157], at + _BLOCK
            size = _number(extended.get("size", header[124:136]))
            if size is None or not _sound(header) or (kind not in _EMPTY and start + size > self.end):
                yield self._broken(at)
                return
            if kind in b"Lx":
                extended |= self._extension(kind, start, size)
            elif kind not in b"Kg":
                member = Member(_name(header, extended), start, size, _fault(kind, extended))
                extended = {}
                if kind != _FOLDER and not member.name.endswith("/"):
                    yield member
            at = start + (0 if kind in _EMPTY else -(-size // _BLOCK) * _BLOCK)
        if len(header) < _BLOCK:
            yield self._broken(min(at, self.end))
        elif self.file.read(_PADDING).strip(b"\0"):
            yield Member("", at + _BLOCK, 0, _LONGER)

    def _header(self, at: int) -> bytes:
        """Return the header at a place; that of the end is a block of zeros."""
        self.file.seek(at)
        return self.file.read(_BLOCK)

    def _broken(self, at: int) -> Member:
        if not at:
            raise InputError(f"{self.path} is {'not a .tar file' if self.end else 'empty'}")
        return Member("", at, 0, CUT_SHORT)

    def _extension(self, kind: bytes, start: int, size: int) -> dict[str, bytes]:
        if size > _MAX_EXTENSION:
            raise InputError(f"{self.path} has a header of {size:,} bytes at {start:,}; {_MAX_EXTENSION:,} are allowed")
        self.file.seek(start)
        data = self.file.read(size)
        return {"path": data.rstrip(b"\0")} if kind == b"L" else _pax(data)


def _sound(header: bytes) -> bool:
    """Return whether a header is whole, and has the sum that it states."""
    stated = _number(header[148:156])
    return len(header) == _BLOCK and stated == sum(header) - sum(header[148:156]) + 8 * ord(" ")


def _number(digits: bytes) -> int | None:
    """Return a number in octal digits or, after a first byte of 128, in bytes."""
    if digits[:1] == b"\x80":
        return int.from_bytes(digits[1:])
    digits = digits.strip(b" \0")
    return int(digits or b"0", 8) if not digits.strip(b"01234567") else None


def _pax(data: bytes) -> dict[str, bytes]:
    """Return the facts of an extended header that matter here, each being `LENGTH NAME=VALUE` and a line's end."""
    facts, at = dict[str, bytes](), 0
    while at < len(data):
        blank = data.find(b" ", at, at + 9)
        length = int(data[at:blank]) if blank > at and data[at:blank].isdigit() else 0
        if not length or at + length > len(data):
            break
        name, _, value = data[blank + 1 : at + length - 1].partition(b"=")
        if name == b"path" or name.startswith(b"GNU.sparse"):
            facts[name.decode(errors="replace")] = value
        elif name == b"size" and value.isdigit() and len(value) < 20:
            facts["size"] = b"%o" % int(value)
        at += length
    return facts


def _name(header: bytes, extended: Mapping[str, bytes]) -> str:
    name = header[:100].split(b"\0")[0]
    prefix = header[345:500].split(b"\0")[0] if header[257:263] == b"ustar\0" else b""
    name = extended.get("path", prefix + b"/" + name if prefix else name)
    return name.decode("utf-8", "surrogateescape")


def _fault(kind: bytes, extended: Mapping[str, bytes]) -> str:
    if kind == _SPARSE or any(name.startswith("GNU.sparse") for name in extended):
        return _SPARSE_MEMBERS
    return "" if kind in _FILES else _LINKS if kind in b"12" else "devices in shards"
