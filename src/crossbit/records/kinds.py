"""The kinds of files by their endings, and the folders that systems keep for themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cache
from importlib.util import find_spec
from posixpath import splitext
from typing import NamedTuple, final


def _by_ending(kinds: Mapping[str, str]) -> dict[str, str]:
    return {ending: kind for kind, endings in kinds.items() for ending in endings.split()}


_PICTURES = _by_ending(
    {
        "JPEG": ".jpg .jpeg .jpe .jfif .mpo",
        "PNG": ".png .apng",
        "WebP": ".webp",
        "GIF": ".gif",
        "BMP": ".bmp .dib",
        "TIFF": ".tif .tiff",
        "PPM": ".ppm .pgm .pbm .pnm",
        "AVIF": ".avif",
    }
)
#: Pictures that are read where the extra `photos` is installed, which brings the module of `_MODULES`.
_PHOTOS = _by_ending(
    {
        "HEIC": ".heic .heics .heif .heifs .hif",
        "RAW": ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .fff .gpr .iiq .kdc .mef .mos .mrw .nef .nrw .orf .pef .raf"
        " .raw .rw2 .rwl .sr2 .srf .srw .x3f",
    }
)
_MODULES = {"HEIC": "pillow_heif", "RAW": "rawpy"}
_UNREADABLE_PICTURES = _by_ending(
    {
        "PSD": ".psd .psb",
        "JPEG 2000": ".jp2 .j2k .jpf .jpx",
        "JPEG XL": ".jxl",
        "vector graphics": ".svg .eps .ai",
        "PDF": ".pdf",
        "TGA": ".tga",
    }
)
_ARCHIVES = {".7z", ".bz2", ".gz", ".rar", ".tbz", ".tgz", ".txz", ".xz", ".zip", ".zst"}
_OTHERS = _by_ending(
    {
        "videos": ".3g2 .3gp .avi .flv .insv .lrv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .ogv .webm .wmv",
        "sidecars of photo programs": ".aae .cos .dop .on1 .pp3 .thm .xmp",
        "lists": ".csv .tsv .jsonl .ndjson .parquet",
        "texts": ".txt",
        "JSON": ".json",
        "shards": ".tar",
    }
)
_SYSTEM_FILES = {".ds_store", ".nomedia", ".picasa.ini", "desktop.ini", "ehthumbs.db", "picasa.ini", "thumbs.db"}
#: Globs of folders with thumbnails, deleted files and forks, in lower case.
_SYSTEM_FOLDERS = [
    *("@eadir", "@recycle", "@recently-snapshot", "@tmp", "#recycle", "#snapshot", "$recycle.bin", "recycler"),
    *("system volume information", "lost+found", "__macosx", ".trash*", ".thumbnails", ".appledouble"),
    *(".spotlight-v100", ".fseventsd", ".temporaryitems", ".documentrevisions-v100", ".picasaoriginals"),
]


@final
class FileKind(NamedTuple):
    """A kind of file: its name, whether it is read as a picture, and otherwise what would help, if anything.

    A file of an `unknown` kind may still be a picture, if a list says so.
    """

    name: str
    picture: bool = False
    reason: str = ""
    unknown: bool = False


def kind_of(name: str) -> FileKind:
    """Return the kind of a file by its name.

    >>> kind_of("a/b.JFIF").name, kind_of("clip.mov").picture, kind_of("notes.xyz").name
    ('JPEG', False, '.xyz')
    """
    last = name.rpartition("/")[2]
    ending = splitext(last)[1].lower()
    if ending in _PICTURES:
        return FileKind(_PICTURES[ending], picture=True)
    if ending in _PHOTOS:
        kind = _PHOTOS[ending]
        readable = _installed(_MODULES[kind])
        return FileKind(kind, picture=readable, reason="" if readable else "install crossbit[photos]")
    if ending in _UNREADABLE_PICTURES:
        return FileKind(_UNREADABLE_PICTURES[ending], reason="save them as JPEG or PNG")
    if is_system_file(last):
        return FileKind("files of the system")
    if ending in _ARCHIVES:
        return FileKind("archives", reason="unpack them to read what is in them")
    if ending in _OTHERS:
        return FileKind(_OTHERS[ending])
    known = re.fullmatch(r"\.[\w-]{1,12}", ending)
    return FileKind(ending if known else "files without an ending" if not ending else "other files", unknown=True)


def is_system_file(name: str) -> bool:
    """Return whether a system keeps files of this name for itself."""
    return name.lower() in _SYSTEM_FILES


def is_system_folder(name: str) -> bool:
    """Return whether a system keeps folders of this name for itself.

    >>> is_system_folder("@eaDir"), is_system_folder(".Trash-1000"), is_system_folder("Photos")
    (True, True, False)
    """
    return any(fnmatchcase(name.lower(), glob) for glob in _SYSTEM_FOLDERS)


@cache
def _installed(module: str) -> bool:
    return find_spec(module) is not None
