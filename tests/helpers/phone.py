"""A folder as a phone and a network drive leave it: photos, live photos, edits, albums, films, thumbnails."""

from datetime import datetime, timedelta
from pathlib import Path

from PIL import Image

TAKEN = datetime(2021, 5, 3, 14, 0, 0)
#: EXIF: the make and model of the camera; in its own directory, when the picture was taken, and the offset from UTC.
MAKE, MODEL, DETAILS, ORIGINAL, OFFSET = 0x010F, 0x0110, 0x8769, 0x9003, 0x9011

PHOTOS = (
    "DCIM/100APPLE/IMG_0001.HEIC",
    "DCIM/100APPLE/IMG_0002.JPG",
    "DCIM/100APPLE/IMG_E0001.HEIC",
    "DCIM/101APPLE/IMG_0001.HEIC",
    "Albums/Sommer 2021/Nachtzug/été.heic",
    "Albums/Sommer 2021/IMG_0007.jpeg",
    "Screenshots/IMG_0009.PNG",
)
OTHERS = {
    "DCIM/100APPLE/IMG_0001.MOV": "videos",  # the other half of a live photo
    "DCIM/100APPLE/IMG_E0001.MOV": "videos",
    "DCIM/101APPLE/IMG_0005.MP4": "videos",
    "DCIM/100APPLE/IMG_0001.AAE": "sidecars of photo programs",
    "DCIM/100APPLE/IMG_0002.xmp": "sidecars of photo programs",
    "DCIM/100APPLE/@eaDir/IMG_0001.HEIC/SYNOPHOTO_THUMB_M.jpg": "in @eaDir",
    "DCIM/100APPLE/@eaDir/IMG_0002.JPG/SYNOPHOTO_THUMB_M.jpg": "in @eaDir",
    "#recycle/IMG_0004.JPG": "in #recycle",
    ".Trashes/501/IMG_0003.JPG": "in .Trashes",
    "DCIM/100APPLE/._IMG_0002.JPG": "hidden",
    "DCIM/.DS_Store": "files of the system",
    "Albums/Thumbs.db": "files of the system",
    "Albums/Sommer 2021/notes.txt": "texts without a picture of their name",
}
#: A photo in a camera's own format, or what has only its name.
RAW = "DCIM/102CANON/IMG_0042.CR2"


def phone(folder: Path) -> Path:
    """Make the folder; each photo was taken an hour after the one before, by the same camera."""
    from pillow_heif import register_heif_opener

    register_heif_opener()
    for name in (*PHOTOS, *OTHERS, RAW):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"not what the name says")
    for number, name in enumerate(PHOTOS):
        exif = Image.Exif()
        exif[MAKE], exif[MODEL] = "Apple", "iPhone 12 mini"
        exif.get_ifd(DETAILS)[ORIGINAL] = f"{TAKEN + timedelta(hours=number):%Y:%m:%d %H:%M:%S}"
        exif.get_ifd(DETAILS)[OFFSET] = "+02:00"
        Image.new("RGB", (48, 32), (20 * number, 90, 40)).save(folder / name, exif=exif)
    return folder
