"""A dataset in one file: LMDB with a value for each sample.

Key: the sample's number as eight digits. Value: the length of the JSON (4 bytes, little-endian), the JSON, the encoded
pictures one after the other. The JSON is that of `train.json`, and `sizes` has the bytes of each picture. Samples are
numbered from 0 without gaps, so their number is LMDB's count of entries.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import lmdb

PAGE = 4096  # bytes that LMDB rounds a large value up to


def views(entry: dict) -> list[str]:
    """The pictures that a sample names: one, or several of a sequence."""
    return entry["image"] if isinstance(entry["image"], list) else [entry["image"]]


def write(file: Path, entries: list[dict], images: Path) -> None:
    """Packs samples and the pictures that they name, relative to `images`."""
    file.unlink(missing_ok=True)
    # Twice as much as needed: pages of keys, and those that a transaction copies before it frees others.
    room = 2 * sum(PAGE * 2 + (images / view).stat().st_size for entry in entries for view in views(entry)) + (1 << 24)
    with lmdb.open(str(file), subdir=False, lock=False, map_size=room) as store:
        for number, entry in enumerate(entries):
            with store.begin(write=True) as change:
                change.put(b"%08d" % number, packed(entry, [(images / view).read_bytes() for view in views(entry)]))


def packed(entry: dict, pictures: list[bytes]) -> bytes:
    """A sample's value."""
    head = json.dumps(entry | {"sizes": [len(picture) for picture in pictures]}, ensure_ascii=False).encode()
    return b"".join([len(head).to_bytes(4, "little"), head, *pictures])


def unpacked(value: bytes) -> tuple[dict, list[bytes]]:
    """[`packed`] undone. Raises `ValueError` if the value is cut or no such thing."""
    end = 4 + int.from_bytes(value[:4], "little")
    entry = json.loads(value[4:end])
    pictures = []
    for size in entry.pop("sizes"):
        pictures.append(value[end : end + size])
        end += size
    if end != len(value):
        raise ValueError(f"{len(value)} bytes where {end} were written")
    return entry, pictures


@contextmanager
def opened(file: Path) -> Iterator[lmdb.Environment]:
    """The file for one look at it: kept open it would be of no use to a forked process, and opening takes microseconds."""
    try:
        store = lmdb.open(str(file), subdir=False, lock=False, readonly=True)
    except lmdb.Error as error:
        raise ValueError(f"{file}: not a dataset: {error}") from error
    with store:
        yield store


class Packed:
    """Reads such a file."""

    def __init__(self, file: Path):
        if not file.is_file():
            raise FileNotFoundError(f"{file}: no such file")
        self.file = file

    def __len__(self) -> int:
        with opened(self.file) as store:
            return store.stat()["entries"]

    def __getitem__(self, number: int) -> tuple[dict, list[bytes]]:
        with opened(self.file) as store, store.begin() as look:
            value = look.get(b"%08d" % number)
        if value is None:
            raise ValueError(f"{self.file}: no sample {number}: the file was not written whole")
        try:
            return unpacked(value)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.file}: sample {number} cannot be read: {error}") from error


def read_all(file: Path) -> Iterable[dict]:
    """Every sample's JSON, in order."""
    store = Packed(file)
    for number in range(len(store)):
        yield store[number][0]
